"""A live environment as a side of a review: what IAM and the services say now, with the lease's own names made alike.

Two environments of one program differ in their lease id and in ids that AWS chose; those are replaced by words, so that
what remains is a difference in access.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

from botocore.exceptions import ClientError

from orchestrator.environment import Environment
from orchestrator.errors import EphkError
from orchestrator.iam_review.account import add_account
from orchestrator.iam_review.builder import SnapshotBuilder
from orchestrator.iam_review.documents import as_policy
from orchestrator.iam_review.model import Location, PolicyRecord, Snapshot

#: What "there is no policy" is called by each service.
_NO_POLICY = frozenset({"NoSuchBucketPolicy", "NotFoundException", "ResourceNotFoundException"})


class Session(Protocol):
    """What makes clients."""

    def client(self, service: str) -> Any:
        """Return a boto3 client."""
        ...


def read_environment(environment: Environment, session: Session) -> Snapshot:
    """Return what the principals of an environment can do now.

    Args:
        environment: the environment.
        session: an identity that may read IAM and the policies of the environment's resources.

    Raises:
        EphkError: IAM cannot be read.
    """
    builder = SnapshotBuilder(f"lease:{environment.name}")
    alike = _names(environment)
    prefix = f"ephk-{environment.lease_id}-"
    try:
        pages = session.client("iam").get_paginator("get_account_authorization_details").paginate()
        details = pages.build_full_result()
    except ClientError as error:
        raise EphkError(
            f"IAM cannot be read: {error.response['Error'].get('Message', error)}",
            next_step="The caller needs iam:GetAccountAuthorizationDetails.",
        ) from None
    ours = {arn for arn in (*environment.roles.values(), *(p.role_arn for p in environment.principals)) if arn}
    names = {arn.rpartition("/")[2] for arn in ours}
    details = json.loads(alike(json.dumps(details, default=str)))
    builder.saw(environment.cluster.arn)
    wanted_prefix, wanted = alike(prefix), {alike(name) for name in names}
    add_account(builder, details, wanted=lambda name: name.startswith(wanted_prefix) or name in wanted)
    for arn, kind, read in _resource_policies(environment, session):
        location = Location(address=alike(arn))
        try:
            policy = as_policy(json.loads(alike(json.dumps(as_policy(read()) or {}))))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NO_POLICY:
                builder.gap(location, f"the {kind}'s policy could not be read: {error.response['Error']['Code']}")
            continue
        if policy:
            builder.resource(alike(arn), PolicyRecord(f"{kind} policy", policy, location))
    return builder.build()


def _resource_policies(environment: Environment, session: Session) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Yield each resource that can have a policy: ARN, what it is, and how its policy is read."""
    bucket = environment.bucket
    if bucket is not None:
        s3, kms = session.client("s3"), session.client("kms")
        yield f"arn:aws:s3:::{bucket.name}", "bucket", lambda: s3.get_bucket_policy(Bucket=bucket.name)["Policy"]
        key = bucket.kms_key_arn
        yield key, "key", lambda: kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    secrets = session.client("secretsmanager")
    for principal in environment.principals:
        if principal.secret_arn:
            arn = principal.secret_arn
            yield arn, "secret", partial(_secret_policy, secrets, arn)
    kafka, cluster = session.client("kafka"), environment.cluster.arn
    yield cluster, "cluster", lambda: kafka.get_cluster_policy(ClusterArn=cluster)["Policy"]


def _secret_policy(secrets: Any, arn: str) -> Any:
    return secrets.get_resource_policy(SecretId=arn).get("ResourcePolicy")


def _names(environment: Environment) -> Callable[[str], str]:
    """Return what replaces an environment's own ids by words."""
    words = {
        f"cluster/{environment.cluster.name}/{environment.cluster.arn.rpartition('/')[2]}": "cluster/ephk-LEASE/UUID",
        f"{environment.cluster.name}/{environment.cluster.arn.rpartition('/')[2]}": "ephk-LEASE/UUID",
        environment.lease_id: "LEASE",
    }
    if environment.bucket is not None:
        words[environment.bucket.kms_key_arn.rpartition("/")[2]] = "KEY"
    for principal in environment.principals:
        if principal.secret_arn:
            # Secrets Manager adds a hyphen and six characters to the name.
            words[principal.secret_arn[-7:]] = "-SUFFIX"
    pattern = re.compile("|".join(re.escape(text) for text in sorted(words, key=len, reverse=True)))
    return lambda text: pattern.sub(lambda found: words[found[0]], text)
