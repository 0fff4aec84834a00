"""Another environment's bucket and secret, for roles to be refused: made for a run, removed after it.

They exist and hold something, since a refusal of what is not there proves nothing on AWS. They belong to no lease, and
their lease tag says so: what a killed run leaves behind is found by its tag and by its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contracts.access import Access
from contracts.model import ProbeError, Watch
from orchestrator import tags
from orchestrator.aws import AwsSession

_OBJECT = "foreign"
_NAMED = "ephk-decoy-"


@dataclass(frozen=True)
class Decoys:
    """What belongs to somebody else.

    Attributes:
        bucket: a bucket's name.
        key: an object in it.
        secret_arn: a secret with a value.
    """

    bucket: str
    key: str
    secret_arn: str


def prefix(lease_id: str) -> str:
    """Return the beginning of the names: it leads from the lease to its decoys and does not contain the lease's id.

    A policy that goes by the lease's id must not cover them.
    """
    return f"{_NAMED}{hashlib.sha256(lease_id.encode()).hexdigest()[:10]}-"


def ensure(access: Access, watch: Watch) -> Decoys:
    """Make the decoys, once in a run; they go when the access is closed.

    Raises:
        ProbeError: the verifying session may not make them.
    """

    def make() -> Decoys:
        try:
            return _make(access, watch)
        except ClientError as error:
            raise ProbeError(
                f"{watch.waiting_for} failed: {error.response['Error']['Code']}; without something that is somebody "
                "else's a refusal proves nothing (the verifying session needs to create buckets and secrets named "
                "ephk-decoy-*)"
            ) from error

    return access.once("decoys", make, watch)


def _make(access: Access, watch: Watch) -> Decoys:
    name = prefix(access.environment.lease_id) + secrets.token_hex(4)
    foreign = {**access.environment.tags, tags.LEASE: name, tags.ENVIRONMENT: "decoy"}
    tag_set = [{"Key": key, "Value": value} for key, value in foreign.items()]
    access.on_close(lambda: remove(access.session, [name]))
    watch.waiting("another environment's bucket to be made")
    s3 = access.client("s3")
    region = access.environment.cloud.region
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **where)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_set})
    s3.put_object(Bucket=name, Key=_OBJECT, Body=b"somebody else's")
    watch.waiting("another environment's secret to be made")
    value = secrets.token_hex(8)
    access.credentials.secret_values.add(value)
    made = access.client("secretsmanager").create_secret(Name=name, SecretString=value, Tags=tag_set)
    return Decoys(name, _OBJECT, made["ARN"])


def remove(session: AwsSession, beginnings: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """Remove the decoys whose names begin so (`prefix` of a lease, or the name of one run's).

    Two listings serve any number of leases. What cannot be asked or removed is left: its tag belongs to no lease, so a
    search for orphans finds it.

    Returns:
        Kind and name of what was removed, by the beginning of its name; nothing where nothing was.
    """
    removed: dict[str, list[tuple[str, str]]] = {}
    with contextlib.suppress(ClientError, BotoCoreError):
        s3 = session.client("s3")
        for name, of in _chosen((bucket["Name"] for bucket in s3.list_buckets()["Buckets"]), beginnings):
            _empty(s3, name)
            s3.delete_bucket(Bucket=name)
            removed.setdefault(of, []).append(("aws:s3/bucket:Bucket", name))
    with contextlib.suppress(ClientError, BotoCoreError):
        manager = session.client("secretsmanager")
        values = list(beginnings) if len(beginnings) == 1 else [_NAMED]
        pages = manager.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": values}])
        found = [secret["Name"] for page in pages for secret in page["SecretList"]]
        for name, of in _chosen(found, beginnings):
            manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
            removed.setdefault(of, []).append(("aws:secretsmanager/secret:Secret", name))
    return removed


def _chosen(names: Iterable[str], beginnings: Collection[str]) -> Iterator[tuple[str, str]]:
    """Return the decoys' names that begin with one of `beginnings`, each with that one."""
    by_length = {len(beginning) for beginning in beginnings}
    for name in names:
        if name.startswith(_NAMED):
            yield from ((name, name[:length]) for length in by_length if name[:length] in beginnings)


def _empty(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=found["Key"])
