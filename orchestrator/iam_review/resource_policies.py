"""The policies that an environment's resources carry themselves, read from their services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.exceptions import ClientError

from orchestrator.environment import Environment
from orchestrator.iam_review.documents import as_policy

#: What "there is no policy" is called by each service.
_NO_POLICY = frozenset({"NoSuchBucketPolicy", "NotFoundException", "ResourceNotFoundException"})


class Session(Protocol):
    """What makes clients."""

    def client(self, service: str) -> Any:
        """Return a boto3 client."""
        ...


@dataclass(frozen=True)
class Attached:
    """A resource that can have a policy of its own.

    Attributes:
        arn: the resource's ARN.
        kind: `bucket`, `key`, `secret` or `cluster`.
    """

    arn: str
    kind: str
    _ask: Callable[[], Any] = field(repr=False, compare=False)

    def read(self) -> Mapping[str, Any] | None:
        """Return the policy as it is now, None when there is none.

        Raises:
            botocore.exceptions.ClientError: it could not be read.
        """
        try:
            return as_policy(self._ask())
        except ClientError as error:
            if error.response["Error"]["Code"] in _NO_POLICY:
                return None
            raise


def attached_policies(environment: Environment, session: Session) -> Iterator[Attached]:
    """Yield the environment's bucket, its key, its secrets and its cluster."""
    bucket = environment.bucket
    if bucket is not None:
        s3, kms = session.client("s3"), session.client("kms")
        yield Attached(
            f"arn:aws:s3:::{bucket.name}", "bucket", lambda: s3.get_bucket_policy(Bucket=bucket.name)["Policy"]
        )
        key = bucket.kms_key_arn
        yield Attached(key, "key", lambda: kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    for principal in environment.principals:
        if principal.secret_arn and principal.secret_arn.startswith("arn:"):
            manager = session.client("secretsmanager")
            yield Attached(principal.secret_arn, "secret", _SecretPolicy(manager, principal.secret_arn))
    cluster = environment.cluster.arn
    if cluster.startswith("arn:"):  # an adopted cluster may be none of AWS's
        kafka = session.client("kafka")
        yield Attached(cluster, "cluster", lambda: kafka.get_cluster_policy(ClusterArn=cluster)["Policy"])


@dataclass(frozen=True)
class _SecretPolicy:
    secrets: Any
    arn: str

    def __call__(self) -> Any:
        return self.secrets.get_resource_policy(SecretId=self.arn).get("ResourcePolicy")
