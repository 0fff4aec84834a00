"""Contracts: named verification points of an environment, each with a probe that proves or refutes it.

`contracts.runner.run` probes an `orchestrator.environment.Environment` through a `contracts.access.Access` and returns
results. Nothing here knows who provisioned the environment. Modules are imported one by one: the vocabulary
(`contracts.model`) is light, the probes are not.
"""
