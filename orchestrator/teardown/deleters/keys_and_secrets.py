"""What keeps waiting periods: KMS keys, Secrets Manager secrets and private CAs, each ended as soon as AWS allows."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import Deleter, Work, found_or_none, short, tag_map
from orchestrator.teardown.found import Found

#: The shortest waiting period of KMS (ScheduleKeyDeletion) and the shortest restoration period of ACM-PCA
#: (DeleteCertificateAuthority), days.
_SHORTEST_DAYS = 7


def _secret_tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    client = session.client("secretsmanager")
    return tag_map((found_or_none(lambda: client.describe_secret(SecretId=item.identifier)) or {}).get("Tags"))


def _delete_secret(work: Work, item: Found) -> None:
    """Delete without a recovery window, also one that waits in it already: until it ends, the name stays taken."""
    client = work.client("secretsmanager")
    work.retrying(lambda: client.delete_secret(SecretId=item.identifier, ForceDeleteWithoutRecovery=True))


def _key_tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    client = session.client("kms")
    found: dict[str, str] = {}
    for page in client.get_paginator("list_resource_tags").paginate(KeyId=item.identifier):
        found |= tag_map(page["Tags"], "TagKey", "TagValue")
    return found


def _schedule_key(work: Work, item: Found) -> None:
    """Schedule the deletion with the shortest waiting period; the inventory then shows the key as pending."""
    kms = work.client("kms")
    if kms.describe_key(KeyId=item.identifier)["KeyMetadata"]["KeyState"] != "PendingDeletion":
        work.retrying(
            lambda: kms.schedule_key_deletion(KeyId=short(item.identifier), PendingWindowInDays=_SHORTEST_DAYS)
        )


def _alias_marks(session: AwsSession, item: Found) -> Mapping[str, str]:
    """Let its key speak for an alias, which cannot carry tags."""
    kms = session.client("kms")
    answer = found_or_none(lambda: kms.describe_key(KeyId=item.identifier))
    if not answer:
        return {}
    return _key_tags(session, Found("kms:key", answer["KeyMetadata"]["KeyId"], item.source))


def _delete_alias(work: Work, item: Found) -> None:
    work.retrying(lambda: work.client("kms").delete_alias(AliasName=item.identifier))


def _authority_tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    client = session.client("acm-pca")
    return tag_map((found_or_none(lambda: client.list_tags(CertificateAuthorityArn=item.identifier)) or {}).get("Tags"))


def _delete_authority(work: Work, item: Found) -> None:
    """Disable an active authority, then delete it with the shortest restoration period."""
    client, arn = work.client("acm-pca"), item.identifier
    status = client.describe_certificate_authority(CertificateAuthorityArn=arn)["CertificateAuthority"]["Status"]
    if status == "DELETED":
        return
    if status == "ACTIVE":
        client.update_certificate_authority(CertificateAuthorityArn=arn, Status="DISABLED")
    work.retrying(
        lambda: client.delete_certificate_authority(
            CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=_SHORTEST_DAYS
        )
    )


DELETERS = (
    Deleter("secretsmanager:secret", _delete_secret, _secret_tags, ("kafka:cluster",)),
    Deleter("kms:alias", _delete_alias, _alias_marks, ("kafka:cluster",)),
    Deleter("kms:key", _schedule_key, _key_tags, ("kms:alias", "secretsmanager:secret", "s3:bucket", "logs:log-group")),
    Deleter("acm-pca:certificate-authority", _delete_authority, _authority_tags, ("kafka:cluster",)),
)
