"""Encryption of the bucket, enforced: whoever asks for another key, or for none of ours, is refused."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.bucket import bucket_of
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract


def attempts(key_arn: str) -> dict[str, dict[str, str]]:
    """Return how an object could be put under something else than the environment's key, by a few words.

    The other key does not exist: S3 asks the bucket's policy before it asks KMS.
    """
    other = f"{key_arn.rpartition('/')[0]}/{uuid.UUID(int=0)}"
    return {
        "S3's own keys": {"ServerSideEncryption": "AES256"},
        "the account's default key": {"ServerSideEncryption": "aws:kms"},
        "another key": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": other},
    }


def judge_enforcement(control: str, answers: Mapping[str, tuple[str, str]]) -> Outcome:
    """Judge the answers to puts that ask for another encryption.

    Args:
        control: the error code of a put without any header; empty when it was taken, which it has to be.
        answers: error code and message by what was asked for; an empty code when the object was taken.
    """
    evidence = {"no header": control or "taken", **{what: code or "taken" for what, (code, _) in answers.items()}}
    if control:
        raise ProbeError(f"a put without any header is refused as well ({control}), so others show nothing", evidence)
    for what, (code, message) in answers.items():
        if not code:
            return Failed(f"an object under {what} was taken", evidence)
        if code != "AccessDenied":  # KMS was asked, so the policy had let it through
            return Failed(f"the policy let an object under {what} through; it failed later: {code}", evidence)
        if "kms:" in message:
            raise ProbeError(f"the caller may not use {what}, which hides what the policy says", evidence)
    return Verified(evidence)


@contract(
    "bucket.encryption.enforced",
    title="Nobody chooses another encryption",
    risk="One client's own header puts data under a key that nobody of the team controls, or that others may use",
    statement="A put that asks for SSE-S3, for the account's default KMS key or for another key gets AccessDenied",
    remediation="Deny s3:PutObject unless x-amz-server-side-encryption and its key id are absent or the environment's",
    documentation="Amazon S3 User Guide, Using server-side encryption with AWS KMS keys: Requiring SSE-KMS",
    needs=("bucket", "writes"),
)
def enforced(access: Access, watch: Watch) -> Outcome:
    """Put an object each way with the caller's own identity; what is taken is deleted again."""
    bucket = bucket_of(access)
    watch.waiting(f"bucket {bucket.name} to take an object")
    control = _put(access, bucket.name, {})[0]
    answers = {}
    for what, headers in attempts(bucket.kms_key_arn).items():
        watch.waiting(f"bucket {bucket.name} to refuse an object under {what}")
        answers[what] = _put(access, bucket.name, headers)
    return judge_enforcement(control, answers)


def _put(access: Access, bucket: str, headers: Mapping[str, Any]) -> tuple[str, str]:
    """Put an object and delete that very version; return the error code and message, empty when it was taken."""
    s3, key = access.client("s3"), f"ephk-probe/{uuid.uuid4().hex}"
    try:
        answer = s3.put_object(Bucket=bucket, Key=key, Body=b"ephk-probe", **headers)
    except ClientError as error:
        return str(error.response["Error"]["Code"]), str(error.response["Error"].get("Message", ""))
    version = answer.get("VersionId")
    s3.delete_object(Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))
    return "", ""
