"""Policy documents that are put: IAM refuses what is none, before it keeps it.

moto's own validation lets some documents through that nobody can evaluate, and fails on others.
"""

from __future__ import annotations

from orchestrator.embedded.gateway import actions, iam_engine
from orchestrator.embedded.gateway.http import HttpRequest
from orchestrator.embedded.gateway.models import Target
from orchestrator.embedded.gateway.service import AwsError

#: IAM's operations that take a document: the member that holds it, and what kind of policy it is.
_DOCUMENTS = {
    "CreatePolicy": ("PolicyDocument", "IDENTITY"),
    "CreatePolicyVersion": ("PolicyDocument", "IDENTITY"),
    "CreateRole": ("AssumeRolePolicyDocument", "TRUST"),
    "PutGroupPolicy": ("PolicyDocument", "IDENTITY"),
    "PutRolePolicy": ("PolicyDocument", "IDENTITY"),
    "PutUserPolicy": ("PolicyDocument", "IDENTITY"),
    "UpdateAssumeRolePolicy": ("PolicyDocument", "TRUST"),
}


def check(request: HttpRequest, target: Target) -> None:
    """Refuse a request of IAM's that puts a document which is no policy.

    Raises:
        AwsError: MalformedPolicyDocument ("CreatePolicy", IAM API Reference: Errors).
    """
    if target.service != "iam" or target.operation not in _DOCUMENTS:
        return
    member, kind = _DOCUMENTS[target.operation]
    text = str(actions.fields_of(target, request).get(member, ""))
    problem = iam_engine.problem_of(text, kind)
    if problem:
        raise AwsError("MalformedPolicyDocument", problem)
