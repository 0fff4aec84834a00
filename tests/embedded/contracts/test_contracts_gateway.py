"""Contracts about the bucket against the embedded cloud, which enforces bucket policies and public access blocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from contracts.access import Access
from contracts.model import Result
from contracts.runner import run
from orchestrator.aws import AwsSession, Credentials
from orchestrator.environment import Bucket, CloudEndpoint, Environment
from stacks.bucket import only_under
from tests.embedded.conftest import end_world, new_world
from tests.embedded.contracts.harness_resources import make_bucket
from tests.unit.contracts.builders import environment


@dataclass
class Stored:
    """A bucket in a cloud of its own."""

    session: AwsSession
    bucket: Bucket
    environment: Environment

    def probe(self, select: str) -> Result:
        with Access(self.environment, self.session) as access:
            return run(self.environment, access, select=[select], deadline_s=20)[0]


@pytest.fixture(scope="module")
def stored() -> Iterator[Stored]:
    world = new_world("contracts")
    try:
        info = world.must("cloud", "start", "--json").json()
        endpoint = CloudEndpoint(
            region=info["region"],
            account_id=info["account_id"],
            endpoint_url=info["endpoint"],
            http_endpoint_url=info["http_endpoint"],
            ca_bundle=info["ca_bundle"],
        )
        session = AwsSession(endpoint, Credentials(info["access_key_id"], info["secret_access_key"]))
        bucket = make_bucket(session)
        yield Stored(session, bucket, environment(cloud=endpoint, bucket=bucket))
    finally:
        end_world(world)


@pytest.fixture
def tls_only(stored: Stored) -> Iterator[Stored]:
    arn = f"arn:aws:s3:::{stored.bucket.name}"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    s3 = stored.session.client("s3")
    s3.put_bucket_policy(Bucket=stored.bucket.name, Policy=json.dumps(policy))
    yield stored
    s3.delete_bucket_policy(Bucket=stored.bucket.name)


def test_a_tls_only_bucket_is_verified(tls_only: Stored) -> None:
    result = tls_only.probe("bucket.tls-only")
    assert (result.status, result.evidence) == ("verified", {"https": "succeeded", "http": "AccessDenied"})


def test_a_bucket_without_that_policy_fails(stored: Stored) -> None:
    result = stored.probe("bucket.tls-only")
    assert (result.status, result.reason) == ("failed", "the bucket answers plain HTTP")


def only_under_the_key(stored: Stored, *sids: str) -> str:
    """Return the policy that the stack writes, with some of its statements."""
    statements = only_under(stored.bucket.kms_key_arn, f"arn:aws:s3:::{stored.bucket.name}")
    chosen = [one for one in statements if one["Sid"] in sids]
    return json.dumps({"Version": "2012-10-17", "Statement": chosen})


def test_a_bucket_that_takes_one_key_alone_is_verified_and_each_hole_fails(stored: Stored) -> None:
    s3, name = stored.session.client("s3"), stored.bucket.name
    assert "an object under S3's own keys was taken" in stored.probe("bucket.encryption.enforced").reason
    try:
        s3.put_bucket_policy(Bucket=name, Policy=only_under_the_key(stored, "OnlyKms", "OnlyThisKey", "NoDefaultKey"))
        result = stored.probe("bucket.encryption.enforced")
        assert (result.status, result.reason) == ("verified", "")
        for missing, says in (
            ("OnlyKms", "an object under S3's own keys was taken"),
            ("OnlyThisKey", "an object under another key was taken"),
            ("NoDefaultKey", "an object under the account's default key was taken"),
        ):
            left = {"OnlyKms", "OnlyThisKey", "NoDefaultKey"} - {missing}
            s3.put_bucket_policy(Bucket=name, Policy=only_under_the_key(stored, *left))
            assert stored.probe("bucket.encryption.enforced").reason == says
    finally:
        s3.delete_bucket_policy(Bucket=name)


def test_a_closed_bucket_is_verified_and_one_without_the_block_fails(stored: Stored) -> None:
    assert stored.probe("bucket.public-access").status == "verified"
    s3 = stored.session.client("s3")
    before = s3.get_public_access_block(Bucket=stored.bucket.name)["PublicAccessBlockConfiguration"]
    s3.delete_public_access_block(Bucket=stored.bucket.name)
    try:
        result = stored.probe("bucket.public-access")
    finally:
        s3.put_public_access_block(Bucket=stored.bucket.name, PublicAccessBlockConfiguration=before)
    assert result.status == "failed"
    assert "lacks BlockPublicAcls" in result.reason


def test_a_bucket_that_is_gone_is_an_error_that_says_so(stored: Stored) -> None:
    gone = stored.environment.model_copy(update={"bucket": Bucket(name="ephk-gone", kms_key_arn="arn:key")})
    with Access(gone, stored.session) as access:
        result = run(gone, access, select=["bucket.round-trip"])[0]
    assert (result.status, result.evidence["diagnosis"]) == ("error", "api.not-found")
