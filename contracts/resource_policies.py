"""Policies of resources: whom they let in besides the environment's own account, whatever roles may do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.model import Failed, Outcome, Probe, Verified, Watch
from contracts.registry import Member, family
from orchestrator.environment import Environment
from orchestrator.iam.public import public_statements, statements_of

_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:(?:iam|sts)::)?(\d{12})(?::.*)?")
#: What the answers of "there is no such policy" are called by service.
_NO_POLICY = frozenset({"NoSuchBucketPolicy", "ResourceNotFoundException", "NotFoundException"})


def _values(element: Any) -> list[str]:
    return [element] if isinstance(element, str) else [str(value) for value in element or ()]


def outsiders(document: Mapping[str, Any], account: str) -> Iterator[str]:
    """Yield whom a policy lets in that does not belong to the account, each in a few words.

    A service is no outsider here: AWS's own policies name services (MSK's on a SCRAM secret). An Allow for everybody
    with a condition that names something fixed is no public one ("The meaning of public", Amazon S3 User Guide).
    """
    public = set(public_statements(document))
    for number, statement in enumerate(statements_of(document), start=1):
        if statement.get("Effect") != "Allow":
            continue
        if number in public:
            yield "everybody"
            continue
        principal = statement.get("Principal")
        named = principal if isinstance(principal, Mapping) else {}
        for who in _values(named.get("AWS")):
            match = _ACCOUNT.fullmatch(who)
            if match is None and who != "*":
                yield f"{who}, which is no identity of an account,"
            elif match is not None and match[1] != account:
                yield f"account {match[1]}"
        for kind in ("Federated", "CanonicalUser"):
            yield from (f"{kind.lower()} {who}" for who in _values(named.get(kind)))


def judge(document: Mapping[str, Any] | None, account: str) -> Outcome:
    """Judge a resource's policy; None: it has none, so that the account's own policies decide alone."""
    if document is None:
        return Verified({"policy": "none"})
    named = sorted({str(statement.get("Principal")) for statement in statements_of(document)})
    evidence = {"statements": len(statements_of(document)), "principals": named, "account": account}
    if found := list(dict.fromkeys(outsiders(document, account))):
        return Failed(f"its policy lets {found[0]} in", {**evidence, "outsiders": found})
    return Verified(evidence)


def _read(access: Access, kind: str, resource: str) -> str | None:
    """Return the text of a resource's policy, None when it has none."""
    try:
        match kind:
            case "bucket":
                return str(access.client("s3").get_bucket_policy(Bucket=resource)["Policy"])
            case "key":
                return str(access.client("kms").get_key_policy(KeyId=resource, PolicyName="default")["Policy"])
            case "cluster":
                return str(access.client("kafka").get_cluster_policy(ClusterArn=resource)["Policy"])
        text = access.client("secretsmanager").get_resource_policy(SecretId=resource).get("ResourcePolicy")
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NO_POLICY:
            raise
        return None
    return str(text) if text else None


def _probe(kind: str, resource: str) -> Probe:
    def probe(access: Access, watch: Watch) -> Outcome:
        watch.waiting(f"the policy of {resource}")
        text = _read(access, kind, resource)
        return judge(json.loads(text) if text else None, access.environment.cloud.account_id)

    return probe


def resources(environment: Environment) -> Iterator[tuple[str, str, str]]:
    """Yield what has a policy of its own: (label, kind, name or ARN)."""
    if environment.bucket is not None:
        yield "bucket", "bucket", environment.bucket.name
        yield "key", "key", environment.bucket.kms_key_arn
    if environment.cluster.arn.split(":")[2:3] == ["kafka"]:
        yield "cluster", "cluster", environment.cluster.arn
    for principal in environment.principals:
        if principal.secret_arn is not None and principal.secret_arn.startswith("arn:"):
            yield f"secret-{principal.name}", "secret", principal.secret_arn


@family(
    "policy.<resource>.own-account",
    title="The resource's policy lets nobody else in",
    risk="Another account, or everybody, reaches data by a policy that no review of roles looks at",
    statement="The policy of bucket, key, cluster and secrets allows identities of the environment's own account alone",
    remediation="Remove the statement, or name the own account's identities in it",
    documentation="IAM User Guide, Cross-account resource access in IAM; Amazon S3 User Guide, The meaning of public",
    vantage="control plane",
)
def own_account(environment: Environment) -> Iterable[Member]:
    """Expand to one contract for each resource that can have a policy."""
    for label, kind, resource in resources(environment):
        yield Member(
            f"policy.{label}.own-account",
            f"The policy of {resource} allows identities of the environment's own account alone",
            _probe(kind, resource),
        )
