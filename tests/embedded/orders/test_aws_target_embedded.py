"""The AWS target against the embedded cloud: bootstrap, the ledger in S3, up, and down from another machine.

Endpoint, CA and keys are set as for any AWS tool; nothing else tells the product that this is not AWS.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from orchestrator.s3_ledger import S3Ledger
from tests.embedded.conftest import Orders, World, new_world
from tests.ledger_suite import LedgerSuite, OpenLedger

ISSUER, SUBJECT = "https://ci.example.org", "repo:acme/orders:pull_request"
SPEC = "name: loop\nbrokers: {count: 1}\nnetwork: {zones: 1}\n"


@dataclass(frozen=True)
class AwsWorld(World):
    """A machine with AWS credentials."""

    keys: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def variables(self) -> dict[str, str]:
        return {**super().variables, **self.keys}


@dataclass(frozen=True)
class Account:
    """The embedded account, set up by `ephk bootstrap`."""

    keys: dict[str, str] = field(repr=False)
    record: dict[str, Any]
    again: list[dict[str, str]]

    def client(self, service: str) -> Any:
        return client(self.keys, service)

    def machine(self) -> AwsWorld:
        return AwsWorld(new_world("machine").home, self.keys)


def client(keys: dict[str, str], service: str) -> Any:
    return boto3.client(
        service,
        region_name=keys["AWS_REGION"],
        endpoint_url=keys["AWS_ENDPOINT_URL"],
        verify=keys["AWS_CA_BUNDLE"],
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture(scope="module")
def keys(orders: Orders) -> dict[str, str]:
    info = orders.world.must("cloud", "status", "--json").json()
    return {
        "AWS_ENDPOINT_URL": info["endpoint"],
        "AWS_CA_BUNDLE": info["ca_bundle"],
        "AWS_REGION": info["region"],
        "AWS_ACCESS_KEY_ID": info["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": info["secret_access_key"],
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="module")
def account(keys: dict[str, str]) -> Iterator[Account]:
    machine = AwsWorld(new_world("admin").home, keys)
    bootstrap = ("bootstrap", "--provider", "embedded", "--json")
    first = machine.must(*bootstrap, "--ci-issuer", ISSUER, "--ci-subject", SUBJECT).json()
    again = machine.must(*bootstrap).json()
    assert again["record"] == first["record"]
    yield Account(keys, first["record"], again["resources"])
    machine.must(*bootstrap, "--destroy", "--yes")
    assert not (machine.state).exists()
    machine.home.rmdir()


class TestS3LedgerOnTheCloud(LedgerSuite):
    """The suite of all ledgers, on the emulated S3's conditional requests."""

    @pytest.fixture
    def open_ledger(
        self, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> Iterator[OpenLedger]:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        s3, bucket = client(keys, "s3"), "ledger-suite"
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield lambda: S3Ledger(s3, bucket, "123456789012", wait_s=0.05)
        for version in versions(s3, bucket):
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        s3.delete_bucket(Bucket=bucket)


def versions(s3: Any, bucket: str) -> list[dict[str, Any]]:
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket))
    return [item for page in pages for item in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]]


def token(**claims: str) -> str:
    parts = ({"alg": "RS256"}, {"iss": ISSUER, "aud": "sts.amazonaws.com", "exp": int(time.time()) + 600, **claims})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + ".x"


def test_a_second_bootstrap_changes_nothing(account: Account) -> None:
    assert account.again
    assert {item["operation"] for item in account.again} == {"same"}


def test_the_cis_role_lets_in_the_named_jobs_alone(account: Account) -> None:
    def assume(**claims: str) -> None:
        account.client("sts").assume_role_with_web_identity(
            RoleArn=account.record["ci_role_arn"], RoleSessionName="ci", WebIdentityToken=token(**claims)
        )

    assume(sub=SUBJECT)
    for wrong in ({"sub": "repo:acme/payments:pull_request"}, {"sub": SUBJECT, "aud": "somebody-else"}):
        with pytest.raises(ClientError, match="AccessDenied"):
            assume(**wrong)


def test_an_environment_outlives_the_machine_that_made_it(account: Account) -> None:
    bucket = account.record["bucket"]
    maker, other = account.machine(), account.machine()
    (maker.home / "loop.yaml").write_text(SPEC)
    up = maker.must("up", "loop.yaml", "--target", "aws", "--provider", "embedded", "--json").json()
    assert (up["target"], up["state"]) == ("aws", "ready")
    assert up["environment"]["boundary_arn"] == account.record["boundary_arn"]
    assert_no_secret_in_clear(account, bucket, up["environment"])
    taken = other.ephk("up", maker.home / "loop.yaml", "--target", "aws", "--provider", "embedded")
    assert (taken.status, "leased already" in taken.err) == (1, True)
    # From here on nothing of the first machine is used: the lease's name and the bucket's are all that is known.
    state = ("--state", f"s3://{bucket}")
    assert [lease["name"] for lease in other.must(*state, "list", "--json").json()["leases"]] == ["loop"]
    refused = other.ephk("bootstrap", "--provider", "embedded", "--destroy", "--yes")
    assert (refused.status, "has 1 leases: loop" in refused.err) == (1, True)
    receipt = other.must(*state, "down", "loop", "--json").json()
    assert any(item["by"] == "pulumi" for item in receipt["deleted"])
    assert other.must(*state, "list", "--json").json()["leases"] == []
    assert not other.state.exists()
    kept = [item["Key"] for item in account.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    assert [key for key in kept if up["id"] in key] == [key for key in kept if key.startswith("released/")]


def assert_no_secret_in_clear(account: Account, bucket: str, environment: dict[str, Any]) -> None:
    """Read every version of every object of the state bucket and look for the passwords."""
    s3, secrets = account.client("s3"), account.client("secretsmanager")
    arns = [principal["secret_arn"] for principal in environment["principals"] if principal["secret_arn"]]
    passwords = [json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])["password"] for arn in arns]
    assert passwords
    wanted = [form for text in passwords for form in (text.encode(), base64.b64encode(text.encode()))]
    read = 0
    for version in versions(s3, bucket):
        if "Size" in version:
            body = s3.get_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])["Body"].read()
            assert not any(form in body for form in wanted), version["Key"]
            read += 1
    assert read > 10
    state = s3.get_object(Bucket=bucket, Key=f"pulumi/.pulumi/stacks/ephk/{environment['lease_id']}.json")
    latest = json.loads(state["Body"].read())["checkpoint"]["latest"]
    assert latest["secrets_providers"]["type"] == "cloud"
    assert latest["secrets_providers"]["state"]["url"].startswith("awskms:///arn:aws:kms:")


def test_credentials_that_end_too_soon_are_refused_before_a_lease_is_written(account: Account) -> None:
    machine = account.machine()
    short = AwsWorld(
        machine.home,
        {
            **account.keys,
            "AWS_SESSION_TOKEN": "t",
            "AWS_CREDENTIAL_EXPIRATION": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 300)),
        },
    )
    done = short.ephk("up", "--target", "aws", "--provider", "embedded", "--name", "short")
    assert done.status == 1
    assert "role-duration-seconds" in done.err
    assert machine.must("--state", account.record["bucket"], "list", "--json").json()["leases"] == []
