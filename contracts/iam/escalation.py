"""The known ways in which an identity makes itself more powerful, as sets of actions that must not all be allowed.

Sources: "Actions, resources, and condition keys for AWS Identity and Access Management" (access level Permissions
management, Service Authorization Reference) and the privilege escalation paths that Rhino Security Labs and Datadog's
Pathfinding catalogue describe.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Path:
    """One way up.

    Attributes:
        name: a few words.
        actions: every one of them is needed.
    """

    name: str
    actions: tuple[str, ...]


def _alone(*actions: str) -> tuple[Path, ...]:
    return tuple(Path(action, (action,)) for action in actions)


def _passing(service: str, *actions: str) -> Path:
    return Path(f"a role passed to {service}", ("iam:PassRole", *actions))


PATHS: tuple[Path, ...] = (
    *_alone(
        "iam:CreatePolicyVersion",
        "iam:SetDefaultPolicyVersion",
        "iam:AttachRolePolicy",
        "iam:AttachUserPolicy",
        "iam:AttachGroupPolicy",
        "iam:PutRolePolicy",
        "iam:PutUserPolicy",
        "iam:PutGroupPolicy",
        "iam:AddUserToGroup",
        "iam:CreateAccessKey",
        "iam:CreateLoginProfile",
        "iam:UpdateLoginProfile",
        "iam:UpdateAssumeRolePolicy",
        "iam:PutRolePermissionsBoundary",
        "iam:DeleteRolePermissionsBoundary",
        "iam:PutUserPermissionsBoundary",
        "iam:DeleteUserPermissionsBoundary",
        "iam:DeleteRolePolicy",
        "iam:DetachRolePolicy",
        "iam:CreateServiceSpecificCredential",
        "iam:ResetServiceSpecificCredential",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
        "codebuild:UpdateProject",
        "ec2:ReplaceIamInstanceProfileAssociation",
        "ssm:SendCommand",
        "ssm:StartSession",
        "secretsmanager:PutResourcePolicy",
        "s3:PutBucketPolicy",
        "kms:PutKeyPolicy",
        "kms:CreateGrant",
        "sts:AssumeRole",
    ),
    Path("a role of one's own", ("iam:CreateRole", "sts:AssumeRole")),
    Path("a user of one's own", ("iam:CreateUser", "iam:CreateAccessKey")),
    Path("an instance profile of one's own", ("iam:AddRoleToInstanceProfile", "iam:PassRole")),
    _passing("EC2", "ec2:RunInstances"),
    _passing("Lambda, invoked", "lambda:CreateFunction", "lambda:InvokeFunction"),
    _passing("Lambda, by an event", "lambda:CreateFunction", "lambda:CreateEventSourceMapping"),
    _passing("CodeBuild", "codebuild:CreateProject", "codebuild:StartBuild"),
    _passing("CloudFormation", "cloudformation:CreateStack"),
    _passing("Glue", "glue:CreateDevEndpoint"),
    _passing("a Glue job", "glue:CreateJob", "glue:StartJobRun"),
    _passing("SageMaker", "sagemaker:CreateNotebookInstance"),
    _passing("ECS", "ecs:RegisterTaskDefinition", "ecs:RunTask"),
    _passing("Step Functions", "states:CreateStateMachine"),
    _passing("EventBridge Scheduler", "scheduler:CreateSchedule"),
    _passing("Data Pipeline", "datapipeline:CreatePipeline", "datapipeline:PutPipelineDefinition"),
    _passing("MSK Connect", "kafkaconnect:CreateConnector"),
)
