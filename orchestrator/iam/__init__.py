"""IAM policy evaluation as AWS documents it: pure functions over policy documents and requests.

Nothing here reads a file, opens a connection or looks at the clock; what a condition compares comes with the request.
"""

from __future__ import annotations

from orchestrator.iam.compiled import CompiledPolicy, PolicyDocument, compile_policy
from orchestrator.iam.errors import PolicyError, RequestError
from orchestrator.iam.evaluate import PolicySet, evaluate
from orchestrator.iam.explain import explain
from orchestrator.iam.model import Decision, Outcome, PolicyType, Request, StatementRef
from orchestrator.iam.principals import Principal, PrincipalKind, parse_principal
from orchestrator.iam.requests import decide_request, decide_requests

__all__ = [
    "CompiledPolicy",
    "Decision",
    "Outcome",
    "PolicyDocument",
    "PolicyError",
    "PolicySet",
    "PolicyType",
    "Principal",
    "PrincipalKind",
    "Request",
    "RequestError",
    "StatementRef",
    "compile_policy",
    "decide_request",
    "decide_requests",
    "evaluate",
    "explain",
    "parse_principal",
]
