"""The known ways from some permissions to all of them, each tried by evaluation.

Sources: Rhino Security Labs, "AWS IAM Privilege Escalation - Methods and Mitigation"; IAM User Guide, "Permissions
boundaries for IAM entities" (what a delegated administrator must not be able to do).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.iam import PolicySet, Request
from orchestrator.iam_review.globs import ANYTHING, overlap, witness

#: The kinds of resource that a step acts on, as patterns; `{account}` is the principal's.
_TARGETS = {
    "role": "arn:aws:iam::{account}:role/*",
    "user": "arn:aws:iam::{account}:user/*",
    "group": "arn:aws:iam::{account}:group/*",
    "policy": "arn:aws:iam::{account}:policy/*",
    "function": "arn:aws:lambda:us-east-1:{account}:function:*",
    "project": "arn:aws:codebuild:us-east-1:{account}:project/*",
    "stack": "arn:aws:cloudformation:us-east-1:{account}:stack/*/*",
    "instance": "arn:aws:ec2:us-east-1:{account}:instance/*",
    "cluster": "arn:aws:ecs:us-east-1:{account}:cluster/*",
    "task": "arn:aws:ecs:us-east-1:{account}:task-definition/*:*",
    "notebook": "arn:aws:sagemaker:us-east-1:{account}:notebook-instance/*",
    "machine": "arn:aws:states:us-east-1:{account}:stateMachine:*",
    "any": "*",
}


@dataclass(frozen=True)
class Path:
    """One way up.

    Attributes:
        name: what it is called.
        steps: (action, kind of resource), all of which are needed.
        service: the service that iam:PassRole hands a role to.
        gain: what the caller can do afterwards.
    """

    name: str
    steps: tuple[tuple[str, str], ...]
    gain: str
    service: str = ""


def _passing(name: str, service: str, *steps: tuple[str, str]) -> Path:
    gain = f"run code in {name} with any role that it may pass"
    return Path(f"PassRole + {name}", (("iam:PassRole", "role"), *steps), gain, service)


PATHS: tuple[Path, ...] = (
    Path("CreatePolicyVersion", (("iam:CreatePolicyVersion", "policy"),), "rewrite a policy that is attached to it"),
    Path("SetDefaultPolicyVersion", (("iam:SetDefaultPolicyVersion", "policy"),), "bring back a wider version"),
    Path("AttachRolePolicy", (("iam:AttachRolePolicy", "role"),), "attach any managed policy to a role"),
    Path("AttachUserPolicy", (("iam:AttachUserPolicy", "user"),), "attach any managed policy to a user"),
    Path("AttachGroupPolicy", (("iam:AttachGroupPolicy", "group"),), "attach any managed policy to a group"),
    Path("PutRolePolicy", (("iam:PutRolePolicy", "role"),), "write an inline policy into a role"),
    Path("PutUserPolicy", (("iam:PutUserPolicy", "user"),), "write an inline policy into a user"),
    Path("PutGroupPolicy", (("iam:PutGroupPolicy", "group"),), "write an inline policy into a group"),
    Path("AddUserToGroup", (("iam:AddUserToGroup", "group"),), "join a group with more permissions"),
    Path("UpdateAssumeRolePolicy", (("iam:UpdateAssumeRolePolicy", "role"),), "let itself into a role"),
    Path("PutRolePermissionsBoundary", (("iam:PutRolePermissionsBoundary", "role"),), "widen a role's boundary"),
    Path("PutUserPermissionsBoundary", (("iam:PutUserPermissionsBoundary", "user"),), "widen a user's boundary"),
    Path("DeleteRolePermissionsBoundary", (("iam:DeleteRolePermissionsBoundary", "role"),), "remove a role's boundary"),
    Path("DeleteUserPermissionsBoundary", (("iam:DeleteUserPermissionsBoundary", "user"),), "remove a user's boundary"),
    Path("CreateAccessKey", (("iam:CreateAccessKey", "user"),), "make keys of another user"),
    Path("CreateLoginProfile", (("iam:CreateLoginProfile", "user"),), "set a console password for another user"),
    Path("UpdateLoginProfile", (("iam:UpdateLoginProfile", "user"),), "change another user's console password"),
    Path("UpdateFunctionCode", (("lambda:UpdateFunctionCode", "function"),), "run code with a function's role"),
    Path("SendCommand", (("ssm:SendCommand", "instance"),), "run commands with an instance's role"),
    _passing("Lambda", "lambda.amazonaws.com", ("lambda:CreateFunction", "function")),
    _passing("EC2", "ec2.amazonaws.com", ("ec2:RunInstances", "instance")),
    _passing("CodeBuild", "codebuild.amazonaws.com", ("codebuild:CreateProject", "project")),
    _passing("CloudFormation", "cloudformation.amazonaws.com", ("cloudformation:CreateStack", "stack")),
    _passing("Glue", "glue.amazonaws.com", ("glue:CreateJob", "any")),
    _passing("ECS", "ecs-tasks.amazonaws.com", ("ecs:RegisterTaskDefinition", "any"), ("ecs:RunTask", "task")),
    _passing("SageMaker", "sagemaker.amazonaws.com", ("sagemaker:CreateNotebookInstance", "notebook")),
    _passing("Step Functions", "states.amazonaws.com", ("states:CreateStateMachine", "machine")),
)  # fmt: skip


@dataclass(frozen=True)
class Escalation:
    """A way up that is open.

    Attributes:
        path: the way.
        policy: name of the policy that allows its first step.
        statement: that statement's position, from 1.
        resources: what each step was tried on.
    """

    path: Path
    policy: str
    statement: int
    resources: tuple[str, ...]

    @property
    def message(self) -> str:
        """One sentence."""
        steps = ", ".join(
            f"{action} on {resource.replace(ANYTHING, '*')}"
            for (action, _), resource in zip(self.path.steps, self.resources, strict=True)
        )
        return f"it can {self.path.gain} ({steps})"


def escalations(
    principal: str,
    account: str,
    policies: PolicySet,
    patterns: Sequence[str],
) -> list[Escalation]:
    """Return every known way up that the policies leave open.

    A request carries what an ordinary one does (TLS, a region, multi-factor authentication) and none of the keys by
    which policies protect themselves, such as `iam:PermissionsBoundary` or `iam:PolicyARN`.

    Args:
        principal: the ARN of a user or of a role's session.
        account: its account.
        policies: everything that decides about it.
        patterns: the Resource entries of its policies, so that what they name is tried.
    """
    found = []
    for path in PATHS:
        steps = [_step(principal, account, policies, patterns, path, action, kind) for action, kind in path.steps]
        open_steps = [step for step in steps if step is not None]
        if len(open_steps) == len(steps):
            _, name, statement = open_steps[0]
            found.append(Escalation(path, name, statement, tuple(step[0] for step in open_steps)))
    return found


def _step(
    principal: str, account: str, policies: PolicySet, patterns: Sequence[str], path: Path, action: str, kind: str
) -> tuple[str, str, int] | None:
    context: dict[str, str] = {
        "aws:SecureTransport": "true",
        "aws:RequestedRegion": "us-east-1",
        "aws:MultiFactorAuthPresent": "true",
        "aws:ViaAWSService": "false",
    }
    if action == "iam:PassRole":
        context["iam:PassedToService"] = path.service
    target = _TARGETS[kind].format(account=account)
    if kind == "any":
        patterns = [pattern for pattern in patterns if pattern.split(":")[2:3] == [action.partition(":")[0]]]
    named = [common for pattern in patterns if (common := overlap(pattern, target)) is not None]
    for resource in dict.fromkeys((target, *named)):
        decision = policies.decide(Request(principal, action, witness(resource), context, account=account))
        if decision.allowed:
            statement = decision.statement
            return witness(resource), statement.policy_name if statement else "", statement.index if statement else 0
    return None


def is_administrator(principal: str, account: str, policies: PolicySet) -> bool:
    """Tell whether everything is allowed, so that ways up do not matter any more."""
    tries = (("iam:CreateUser", f"arn:aws:iam::{account}:user/{ANYTHING}"), ("ec2:TerminateInstances", "*"))
    return all(policies.decide(Request(principal, action, target, account=account)).allowed for action, target in tries)
