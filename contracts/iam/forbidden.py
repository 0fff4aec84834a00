"""What no role of an environment may do, and how each of these is tried without harm.

A document that is no policy, an ARN of nothing, a version that is not the current one: a request that carries one is
turned down after it was authorized, so that even a role that is open changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from contracts.iam import decoys
from contracts.iam.attempts import Attempt
from contracts.iam.kafka_calls import connect
from contracts.iam.roles import ADMINISTERING, STORING, WORKING
from contracts.iam.scene import Check, Scene

_NO_POLICY = "{}"
_NOT_A_VERSION = "ephk-probe"
_MALFORMED = frozenset({"MalformedPolicyDocument", "MalformedPolicyDocumentException"})
_ABSENT = frozenset({"NoSuchEntity", "NoSuchEntityException"})
#: What MSK answers about a version or a cluster that is none, once the request is authorized.
_MSK_TURNS_DOWN = frozenset({"BadRequestException", "NotFoundException"})


@dataclass(frozen=True)
class Prohibition:
    """One thing that roles must be refused.

    Attributes:
        name: its part of the contract's id.
        statement: what the role may not do, to follow "may not".
        checks: the permissions that make it up.
        purposes: the roles that it holds for, by purpose; empty means every role that is not in `not_for`.
        not_for: purposes that may do it.
    """

    name: str
    statement: str
    checks: Callable[[Scene], list[Check]]
    purposes: frozenset[str] = frozenset()
    not_for: frozenset[str] = frozenset()

    def applies_to(self, purpose: str) -> bool:
        """Tell whether roles of a purpose are held to it."""
        return purpose not in self.not_for and (not self.purposes or purpose in self.purposes)


def _foreign_bucket(scene: Scene) -> list[Check]:
    decoy = decoys.ensure(scene.access, scene.watch)
    s3, arn, name = scene.client("s3"), f"arn:aws:s3:::{decoy.bucket}", decoy.bucket
    return [
        Check("s3:ListBucket", arn, Attempt(lambda: s3.list_objects_v2(Bucket=name, MaxKeys=1))),
        Check("s3:GetObject", f"{arn}/{decoy.key}", Attempt(lambda: s3.get_object(Bucket=name, Key=decoy.key))),
        Check("s3:PutObject", f"{arn}/new", Attempt(lambda: s3.put_object(Bucket=name, Key="new", Body=b"x"))),
    ]


def _own_bucket(scene: Scene) -> list[Check]:
    if scene.bucket is None:
        return []
    s3, name, key = scene.client("s3"), scene.bucket.name, f"ephk-probe/{scene.probe_name}"
    arn, admin = f"arn:aws:s3:::{name}", scene.admin("s3")

    def undo() -> None:
        for version in admin.list_object_versions(Bucket=name, Prefix=key).get("Versions", []):
            admin.delete_object(Bucket=name, Key=key, VersionId=version["VersionId"])

    return [
        Check("s3:ListBucket", arn, Attempt(lambda: s3.list_objects_v2(Bucket=name, MaxKeys=1))),
        Check(
            "s3:PutObject", f"{arn}/{key}", Attempt(lambda: s3.put_object(Bucket=name, Key=key, Body=b"x"), undo=undo)
        ),
    ]


def _secrets(scene: Scene) -> list[Check]:
    manager = scene.client("secretsmanager")
    arns = [principal.secret_arn for principal in scene.environment.principals if principal.secret_arn]
    return [
        Check(
            "secretsmanager:GetSecretValue",
            arn,
            Attempt(partial(manager.get_secret_value, SecretId=arn)),
        )
        for arn in (decoys.ensure(scene.access, scene.watch).secret_arn, *arns)
    ]


def _delete_cluster(scene: Scene) -> list[Check]:
    kafka, arn = scene.client("kafka"), scene.environment.cluster.arn
    delete = Attempt(lambda: kafka.delete_cluster(ClusterArn=arn, CurrentVersion=_NOT_A_VERSION), _MSK_TURNS_DOWN)
    return [Check("kafka:DeleteCluster", arn, delete)]


def _widen(scene: Scene) -> list[Check]:
    iam, own, name = scene.client("iam"), scene.role.arn, scene.role.name
    nothing = scene.iam_arn("policy", scene.probe_name)
    put = Attempt(
        lambda: iam.put_role_policy(RoleName=name, PolicyName=scene.probe_name, PolicyDocument=_NO_POLICY), _MALFORMED
    )
    attach = Attempt(lambda: iam.attach_role_policy(RoleName=name, PolicyArn=nothing), _ABSENT)
    trust = Attempt(lambda: iam.update_assume_role_policy(RoleName=name, PolicyDocument=_NO_POLICY), _MALFORMED)
    checks = [
        Check("iam:PutRolePolicy", own, put),
        Check("iam:AttachRolePolicy", own, attach, {"iam:PolicyARN": nothing}),
        Check("iam:UpdateAssumeRolePolicy", own, trust),
        # These two would change the role whatever they are given, so they are evaluated and simulated only.
        Check("iam:PutRolePermissionsBoundary", own),
        Check("iam:DeleteRolePermissionsBoundary", own),
    ]
    boundary = scene.environment.boundary_arn
    if boundary is not None:
        version = Attempt(
            lambda: iam.create_policy_version(PolicyArn=boundary, PolicyDocument=_NO_POLICY, SetAsDefault=False),
            _MALFORMED,
        )
        checks.append(Check("iam:CreatePolicyVersion", boundary, version))
    return checks


def _pass_role(scene: Scene) -> list[Check]:
    iam, profile = scene.client("iam"), scene.probe_name
    add = Attempt(
        lambda: iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=scene.role.name), _ABSENT
    )
    passing = [
        Check("iam:PassRole", role.arn, context={"iam:PassedToService": service})
        for role in (scene.role, *scene.other_roles())
        for service in ("lambda.amazonaws.com", "ec2.amazonaws.com")
    ]
    return [Check("iam:AddRoleToInstanceProfile", scene.iam_arn("instance-profile", profile), add), *passing]


def _create_user(scene: Scene) -> list[Check]:
    iam, admin, name = scene.client("iam"), scene.admin("iam"), scene.probe_name
    arn = scene.iam_arn("user", name)
    create = Attempt(lambda: iam.create_user(UserName=name), undo=lambda: admin.delete_user(UserName=name))
    nobody = f"{name[:55]}-nobody"
    key = Attempt(lambda: iam.create_access_key(UserName=nobody), _ABSENT)
    return [Check("iam:CreateUser", arn, create), Check("iam:CreateAccessKey", scene.iam_arn("user", nobody), key)]


def _leave_region(scene: Scene) -> list[Check]:
    kafka, region = scene.client_elsewhere("kafka")
    arn = scene.environment.cluster.arn.replace(f":{scene.environment.cloud.region}:", f":{region}:", 1)
    describe = Attempt(lambda: kafka.describe_cluster_v2(ClusterArn=arn), _MSK_TURNS_DOWN)
    return [Check("kafka:DescribeClusterV2", arn, describe, {"aws:RequestedRegion": region})]


def _other_roles(scene: Scene) -> list[Check]:
    sts = scene.client("sts")
    return [
        Check(
            "sts:AssumeRole",
            role.arn,
            Attempt(partial(sts.assume_role, RoleArn=role.arn, RoleSessionName="ephk-probe")),
        )
        for role in scene.other_roles()
    ]


def _untagged(scene: Scene) -> list[Check]:
    manager, admin, name = scene.client("secretsmanager"), scene.admin("secretsmanager"), f"{scene.probe_name}-untagged"
    cloud = scene.environment.cloud
    create = Attempt(
        lambda: manager.create_secret(Name=name, SecretString="no tags"),
        undo=lambda: admin.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True),
    )
    arn = f"arn:aws:secretsmanager:{cloud.region}:{cloud.account_id}:secret:{name}-??????"
    return [Check("secretsmanager:CreateSecret", arn, create)]


def _connect(scene: Scene) -> list[Check]:
    return [connect(scene)]


#: In the order of the report.
PROHIBITIONS = (
    Prohibition("other-bucket", "read or write another environment's bucket", _foreign_bucket),
    Prohibition(
        "bucket", "read or write the environment's bucket", _own_bucket, not_for=STORING | WORKING | ADMINISTERING
    ),
    Prohibition(
        "secrets", "read a SCRAM secret, of this environment or of another", _secrets, not_for=ADMINISTERING
    ),
    Prohibition("delete-cluster", "delete the cluster", _delete_cluster, not_for=ADMINISTERING),
    Prohibition("widen-policy", "widen its own policy, its trust or its boundary", _widen),
    Prohibition("pass-role", "hand a role of the environment to a service", _pass_role, not_for=ADMINISTERING),
    Prohibition("create-user", "create users or access keys", _create_user),
    # What makes and removes environments looks at its account in every region: it finds what was left anywhere.
    Prohibition("leave-region", "act in another region", _leave_region, not_for=ADMINISTERING),
    Prohibition("assume-role", "become another role of the environment", _other_roles, not_for=ADMINISTERING),
    Prohibition("untagged", "create what does not carry the lease's tags", _untagged),
    Prohibition("connect", "connect to Kafka", _connect, purposes=STORING),
)  # fmt: skip
