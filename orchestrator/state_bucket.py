"""The state bucket of an AWS account: which one it is, and what `ephk bootstrap` recorded in it.

It is named, in this order, by `--state`, by `EPHK_STATE_BUCKET` (both `s3://bucket` or `bucket`), by `state` in the
project's policy file, or it is the account's own (`ephk-state-<account>-<region>`). Every use names the account that
must own it, so that a bucket that somebody else registered under that name is refused by S3 itself.
"""

from __future__ import annotations

import functools
import json
import os
import re
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.aws import AwsSession
from orchestrator.aws_errors import code_of, explained
from orchestrator.environment import CloudEndpoint
from orchestrator.errors import EphkError, UsageError
from orchestrator.policy_file import load_policy
from orchestrator.state_layout import RECORD, bucket_name

#: Names the state bucket.
VARIABLE = "EPHK_STATE_BUCKET"
#: Beside `AWS_ENDPOINT_URL`: the same endpoint in plain HTTP, for the contract that plain HTTP is refused.
HTTP_ENDPOINT_VARIABLE = "EPHK_HTTP_ENDPOINT_URL"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_BOOTSTRAP = "Set the account up once with 'ephk bootstrap' (docs/aws.md), or name its bucket with --state s3://BUCKET."


class BootstrapRecord(BaseModel):
    """What `ephk bootstrap` made in an account and region; the bucket keeps it as `bootstrap.json`.

    Attributes:
        bucket: the state bucket.
        region: where it is.
        account_id: whose it is.
        kms_key_arn: the key of Pulumi's secrets and of the bucket.
        boundary_arn: the permissions boundary of every role that the CI makes.
        ci_role_arn: the role that the CI assumes; None when none was asked for.
        reaper_project: the CodeBuild project that runs `ephk reap`; None when there is none.
        reaper_schedule: the schedule that starts it.
        settings: what `ephk bootstrap` was asked for, so that a second run keeps what it does not name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    bucket: str
    region: str
    account_id: str
    kms_key_arn: str
    boundary_arn: str | None = None
    ci_role_arn: str | None = None
    reaper_project: str | None = None
    reaper_schedule: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class StateBucket:
    """The bucket, reached with the caller's credentials.

    Attributes:
        session: in the bucket's region.
        record: what was recorded at bootstrap.
    """

    session: AwsSession
    record: BootstrapRecord

    @property
    def client(self) -> Any:
        """The S3 client."""
        return self.session.client("s3")


def configured() -> str | None:
    """Return the bucket that somebody named, None when nobody did.

    Raises:
        UsageError: it is no bucket name, or the policy file cannot be understood.
    """
    named = os.environ.get(VARIABLE) or load_policy().state
    return parse_name(named) if named else None


def parse_name(text: str) -> str:
    """Return the bucket's name from `s3://bucket` or `bucket`; raises UsageError for anything else."""
    name = text.removeprefix("s3://").rstrip("/")
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{text}' is not a state bucket", next_step="Give s3://BUCKET, without a path.")
    return name


def caller_session(region: str | None = None) -> AwsSession:
    """Return a session with the caller's own AWS configuration (environment, profile, role).

    `AWS_ENDPOINT_URL` and `AWS_CA_BUNDLE` are honoured, as by every AWS SDK.

    Args:
        region: None takes the caller's own.

    Raises:
        EphkError: there is no region, or there are no usable credentials.
    """
    return _caller_session(
        region or _region(),
        os.environ.get("AWS_ENDPOINT_URL"),
        os.environ.get(HTTP_ENDPOINT_VARIABLE),
        os.environ.get("AWS_CA_BUNDLE"),
        *(os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE")),
    )


@functools.cache
def _caller_session(
    region: str, endpoint: str | None, plain: str | None, ca_bundle: str | None, *_identity: str | None
) -> AwsSession:
    cloud = CloudEndpoint(
        region=region, account_id="unknown", endpoint_url=endpoint, http_endpoint_url=plain, ca_bundle=ca_bundle
    )
    with explained("find out which AWS account this is"):
        account = AwsSession(cloud).client("sts").get_caller_identity()["Account"]
    return AwsSession(cloud.model_copy(update={"account_id": account}))


def _region() -> str:
    import boto3

    region = os.environ.get("AWS_REGION") or boto3.session.Session().region_name
    if not region:
        raise EphkError("no AWS region is set", next_step="Set AWS_REGION, or 'region' in the AWS profile.")
    return str(region)


def open_bucket() -> StateBucket:
    """Return the state bucket with its record.

    Raises:
        EphkError: there are no credentials, the account was not set up, or the bucket is another account's.
    """
    session = caller_session()
    name = configured() or bucket_name(session.cloud.account_id, session.cloud.region)
    return _open(session, name)


@functools.cache
def _open(session: AwsSession, name: str) -> StateBucket:
    account = session.cloud.account_id
    with explained(f"read s3://{name}/{RECORD}", next_step=_BOOTSTRAP):
        record = read_record(session, name)
    if record is None:
        raise EphkError(f"account {account} has no state bucket s3://{name} that is set up", next_step=_BOOTSTRAP)
    if record.account_id != account:
        raise EphkError(
            f"s3://{name} belongs to account {record.account_id}, the credentials to {account}",
            next_step="Sign in to that account.",
        )
    return StateBucket(caller_session(record.region), record)


def read_record(session: AwsSession, name: str) -> BootstrapRecord | None:
    """Return the record of a bucket; None when there is no such bucket, or nothing recorded in it.

    Raises:
        EphkError: the record cannot be understood.
        botocore.exceptions.ClientError: it cannot be read, for example because the bucket is another account's.
    """
    owner = session.cloud.account_id
    try:
        answer = session.client("s3").get_object(Bucket=name, Key=RECORD, ExpectedBucketOwner=owner)
    except ClientError as error:
        if code_of(error) in ("NoSuchBucket", "NoSuchKey", "404"):
            return None
        raise
    try:
        return BootstrapRecord.model_validate(json.loads(answer["Body"].read()))
    except (ValueError, ValidationError):
        raise EphkError(
            f"s3://{name}/{RECORD} cannot be understood", next_step="Run 'ephk bootstrap' again: it writes it anew."
        ) from None
