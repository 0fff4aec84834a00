"""Contracts: named verification points of an environment, each with a probe that proves or refutes it.

`run` probes an `orchestrator.environment.Environment` through an `Access` and returns results.
Nothing here knows who provisioned the environment.
"""

from contracts.access import Access
from contracts.model import Contract, Failed, NotCovered, Outcome, ProbeError, Result, Verified, Watch
from contracts.registry import catalogue, contracts_for
from contracts.runner import run

__all__ = [
    "Access",
    "Contract",
    "Failed",
    "NotCovered",
    "Outcome",
    "ProbeError",
    "Result",
    "Verified",
    "Watch",
    "catalogue",
    "contracts_for",
    "run",
]
