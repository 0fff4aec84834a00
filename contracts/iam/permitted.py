"""What roles must be able to do, by purpose, each tried with something that stays or is taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contracts.iam import kafka_calls
from contracts.iam.attempts import Attempt
from contracts.iam.roles import ADMINISTERING, STORING, WORKING
from contracts.iam.scene import Check, Scene

_CLIENTS = frozenset({"operator", "client"})


@dataclass(frozen=True)
class Permission:
    """One thing that roles of some purposes need.

    Attributes:
        name: its part of the contract's id.
        statement: what the role does, to follow "can".
        checks: the permissions that it takes.
        purposes: whose need it is.
    """

    name: str
    statement: str
    checks: Callable[[Scene], list[Check]]
    purposes: frozenset[str]

    def applies_to(self, purpose: str) -> bool:
        """Tell whether roles of a purpose need it."""
        return purpose in self.purposes


def _describe_cluster(scene: Scene) -> list[Check]:
    kafka, arn = scene.client("kafka"), scene.environment.cluster.arn
    return [
        Check("kafka:DescribeClusterV2", arn, Attempt(lambda: kafka.describe_cluster_v2(ClusterArn=arn))),
        Check("kafka:GetBootstrapBrokers", arn, Attempt(lambda: kafka.get_bootstrap_brokers(ClusterArn=arn))),
    ]


def _connect(scene: Scene) -> list[Check]:
    grants = scene.role.identity.grants
    topics = dict.fromkeys(grant.topic for grant in grants if grant.pattern == "literal")
    return [kafka_calls.connect(scene), *(kafka_calls.describe_topic(scene, topic) for topic in topics)]


def _administer(scene: Scene) -> list[Check]:
    return [kafka_calls.create_topic(scene), kafka_calls.describe_acls(scene)]


def _use_bucket(scene: Scene) -> list[Check]:
    if scene.bucket is None:
        return []
    s3, admin, name = scene.client("s3"), scene.admin("s3"), scene.bucket.name
    key, arn = f"ephk-probe/{scene.role.label}", f"arn:aws:s3:::{scene.bucket.name}"

    def put() -> None:
        s3.put_object(Bucket=name, Key=key, Body=b"ephk-probe")

    def get() -> None:
        admin.put_object(Bucket=name, Key=key, Body=b"ephk-probe")  # so that there is something to get
        s3.get_object(Bucket=name, Key=key)["Body"].read()

    def taken_back(call: Callable[[], None]) -> Attempt:
        def attempt() -> None:
            try:
                call()
            finally:
                for version in admin.list_object_versions(Bucket=name, Prefix=key).get("Versions", []):
                    admin.delete_object(Bucket=name, Key=key, VersionId=version["VersionId"])

        return Attempt(attempt)

    return [
        Check("s3:ListBucket", arn, Attempt(lambda: s3.list_objects_v2(Bucket=name, MaxKeys=1))),
        Check("s3:PutObject", f"{arn}/{key}", taken_back(put)),
        Check("s3:GetObject", f"{arn}/{key}", taken_back(get)),
    ]


#: In the order of the report.
PERMISSIONS = (
    Permission(
        "describe-cluster", "describe the cluster and find its brokers", _describe_cluster, _CLIENTS | ADMINISTERING
    ),
    Permission("connect", "connect to Kafka and see the topics that it was granted", _connect, _CLIENTS | WORKING),
    Permission("administer", "create topics and list ACLs", _administer, frozenset({"operator"})),
    Permission("use-bucket", "list, write and read the environment's bucket", _use_bucket, STORING),
)
