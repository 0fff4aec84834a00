"""The AWS target against the embedded cloud: bootstrap, the ledger in S3, up, and down from another machine.

Endpoint, CA and keys are set as for any AWS tool; nothing else tells the product that this is not AWS.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.model import Result
from contracts.runner import run
from orchestrator import tags
from orchestrator.aws import AwsSession, Credentials
from orchestrator.environment import CloudEndpoint, Environment
from orchestrator.lease import LeaseState, new_lease
from orchestrator.s3_ledger import S3Ledger
from orchestrator.tags import Provenance, rfc3339
from orchestrator.teardown.orphans import find_orphans, prove_gone, reap_orphans
from tests.ci_api import GITHUB_PATH, Ci
from tests.embedded.conftest import Orders, World, new_world
from tests.embedded.pipeline import Pipeline
from tests.identity_provider import IdentityProvider
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
    cloud: Path

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
def account(keys: dict[str, str], orders: Orders) -> Iterator[Account]:
    """Set up and taken back by a role that has the least policy of `bootstrap` and nothing else."""
    role = Pipeline(orders.world, "set-up")
    role.may("bootstrap")
    machine = AwsWorld(new_world("admin").home, {**keys, **role.keys()})
    bootstrap = ("bootstrap", "--provider", "embedded", "--json")
    first = machine.must(*bootstrap, "--ci-issuer", ISSUER, "--ci-subject", SUBJECT).json()
    again = machine.must(*bootstrap).json()
    assert again["record"] == first["record"]
    yield Account(keys, first["record"], again["resources"], orders.world.state / "cloud")
    role.may("bootstrap", but="scheduler:DeleteSchedule")
    refused = machine.ephk(*bootstrap, "--destroy", "--yes")
    assert refused.status != 0
    assert "not authorized to perform: scheduler:DeleteSchedule" in refused.err + refused.out
    role.may("bootstrap")
    machine.must(*bootstrap, "--destroy", "--yes")
    assert not (machine.state).exists()
    machine.home.rmdir()
    role.remove()


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


def test_a_second_bootstrap_changes_nothing(account: Account) -> None:
    assert account.again
    assert {item["operation"] for item in account.again} == {"same"}


@pytest.fixture(scope="module")
def ci(orders: Orders) -> Iterator[IdentityProvider]:
    """Let the CI have keys, and the cloud know them."""
    provider = IdentityProvider(ISSUER)
    file = provider.publish(orders.world.state / "cloud")
    yield provider
    file.unlink()


def assumed(account: Account, token: str) -> dict[str, Any]:
    return dict(
        account.client("sts").assume_role_with_web_identity(
            RoleArn=account.record["ci_role_arn"], RoleSessionName="ephk-verify", WebIdentityToken=token
        )["Credentials"]
    )


def test_the_cis_role_lets_in_the_named_jobs_alone(account: Account, ci: IdentityProvider) -> None:
    assert assumed(account, ci.token(sub=SUBJECT))
    stranger = IdentityProvider(ISSUER)
    for token, code in (
        (ci.token(sub="repo:acme/payments:pull_request"), "AccessDenied"),
        (ci.token(sub=SUBJECT, aud="somebody-else"), "InvalidIdentityToken"),
        (ci.token(sub=SUBJECT, exp=1), "ExpiredTokenException"),
        (stranger.token(sub=SUBJECT), "InvalidIdentityToken"),
    ):
        with pytest.raises(ClientError) as refused:
            assumed(account, token)
        assert refused.value.response["Error"]["Code"] == code


def test_the_cis_role_does_its_work_and_no_more(
    orders: Orders, account: Account, ci: IdentityProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Try it live with credentials for a signed token, on the orders environment, which another made."""
    role = str(account.record["ci_role_arn"])
    (tmp_path / "token").write_text(ci.token(sub=SUBJECT))
    monkeypatch.setenv("AWS_ROLE_ARN", role)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    environment = Environment.model_validate(orders.environment)
    environment = environment.model_copy(update={"roles": {"ci": role}, "principals": ()})
    wanted = ["iam.ci.allow.*", "iam.ci.deny.*", "iam.trust.least", "iam.lint.*"]

    def probe() -> dict[str, Result]:
        session = AwsSession(
            environment.cloud, Credentials(account.keys["AWS_ACCESS_KEY_ID"], account.keys["AWS_SECRET_ACCESS_KEY"])
        )
        with Access(environment, session) as access:
            return {result.id: result for result in run(environment, access, select=wanted, deadline_s=60)}

    found = probe()
    unverified = {name: r.reason for name, r in found.items() if r.status != "verified"}
    assert unverified.keys() == {"iam.lint.kafka-acl-wildcard"}, unverified  # it needs the operator
    assert {"iam.ci.allow.describe-cluster", "iam.ci.deny.widen-policy", "iam.ci.deny.create-user"} < found.keys()
    monkeypatch.delenv("AWS_WEB_IDENTITY_TOKEN_FILE")
    without = probe()
    assert {r.status for name, r in without.items() if name.startswith("iam.ci.")} == {"not_covered"}
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" in without["iam.ci.deny.create-user"].reason
    assert without["iam.trust.least"].status == "verified"
    iam, name = account.client("iam"), role.rpartition("/")[2]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    wide = json.loads(json.dumps(trust).replace(SUBJECT, "repo:acme/*:*"))
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(wide))
    try:
        result = probe()["iam.trust.least"]
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    assert (result.status, "repo:acme/*:*" in result.reason) == ("failed", True)
    assert result.evidence["addresses"] == [role]


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
    scenario = account.cloud / "scenario.yaml"
    scenario.write_text("rules: [{service: logs, operation: DeleteLogGroup, pretend: true, times: 1}]")
    receipt = other.must(*state, "down", "loop", "--json").json()
    scenario.unlink()
    assert any(item["by"] == "pulumi" for item in receipt["deleted"])
    # What Pulumi believed to be deleted is named, and gone nevertheless: the inventory does not believe it.
    (group,) = [item["name"] for item in receipt["deleted"] if item["kind"] == "logs:log-group"]
    assert f"Pulumi reported {group} as deleted, and it was still there" in receipt["notes"]
    assert (receipt["clean"], receipt["left"]) == (True, [])
    assert other.must(*state, "list", "--json").json()["leases"] == []
    assert not other.state.exists()
    kept = [item["Key"] for item in account.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    assert [key for key in kept if up["id"] in key] == [key for key in kept if key.startswith("released/")]


def orphaned(account: Account, lease: str, ended: timedelta = timedelta(hours=1)) -> str:
    """Make what an environment of three hours ago left in the account, without a lease or a state; returns its VPC."""
    now = datetime.now(UTC)
    marks = {
        tags.LEASE: lease,
        tags.CREATED_AT: rfc3339(now - timedelta(hours=3)),
        tags.EXPIRES_AT: rfc3339(now - ended),
    }
    pairs = [{"Key": name, "Value": value} for name, value in marks.items()]

    def spec(kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": pairs}]

    ec2, s3, kms = account.client("ec2"), account.client("s3"), account.client("kms")
    vpc = str(ec2.create_vpc(CidrBlock="10.7.0.0/16", TagSpecifications=spec("vpc"))["Vpc"]["VpcId"])
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/24", TagSpecifications=spec("subnet"))
    ec2.create_security_group(GroupName="b", Description="b", VpcId=vpc, TagSpecifications=spec("security-group"))
    s3.create_bucket(Bucket=f"ephk-{lease}-data")
    s3.put_bucket_tagging(Bucket=f"ephk-{lease}-data", Tagging={"TagSet": pairs})
    s3.put_object(Bucket=f"ephk-{lease}-data", Key="k", Body=b"x")
    kms.create_key(Tags=[{"TagKey": pair["Key"], "TagValue": pair["Value"]} for pair in pairs])
    account.client("secretsmanager").create_secret(Name=f"AmazonMSK_ephk-{lease}-app", SecretString="x", Tags=pairs)
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    account.client("iam").create_role(RoleName=f"ephk-{lease}-role", AssumeRolePolicyDocument=trust, Tags=pairs)
    return vpc


def test_orphans_go_from_several_places_at_once_and_what_has_time_left_stays(account: Account) -> None:
    vpc, young = orphaned(account, "bcdfghjk"), orphaned(account, "mnpqrstv", ended=-timedelta(hours=1))
    machines = [account.machine() for _ in range(2)]
    reap = ("--state", f"s3://{account.record['bucket']}", "reap", "--orphans", "--target", "aws", "--json")
    planned = machines[0].must(*reap, "--dry-run").json()
    by_lease = {one["lease"]: one for one in planned["orphans"]}
    assert by_lease["bcdfghjk"]["skipped"] == ""
    assert by_lease["bcdfghjk"]["resources"] == {
        **{"ec2:security-group": 1, "ec2:subnet": 1, "ec2:vpc": 1, "iam:role": 1, "kms:key": 1},
        **{"s3:bucket": 1, "secretsmanager:secret": 1},
    }
    assert "says that it lives until" in by_lease["mnpqrstv"]["skipped"]
    # The environment of another ledger in the same account, whose machine is not known here, is younger than the grace.
    assert all(one["skipped"] for lease, one in by_lease.items() if lease != "bcdfghjk")

    running = [machine.popen(*reap) for machine in machines]
    said = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    again = machines[0].must(*reap).json()
    assert "bcdfghjk" not in {one["lease"] for one in again["orphans"]}
    assert (again["unanswered"], again["receipts"]) == ([], [])
    vpcs = {one["VpcId"] for one in account.client("ec2").describe_vpcs()["Vpcs"]}
    assert (vpc in vpcs, young in vpcs) == (False, True)
    names = {one["Name"] for one in account.client("s3").list_buckets()["Buckets"]}
    assert {"ephk-bcdfghjk-data", "ephk-mnpqrstv-data"} & names == {"ephk-mnpqrstv-data"}

    done = machines[0].must(*reap, "--grace", "0s", "--dry-run").json()  # what a person who knows better would see
    assert {"mnpqrstv"} <= {one["lease"] for one in done["orphans"] if not one["skipped"]}
    session = AwsSession(CloudEndpoint(region="us-east-1", account_id="1", **endpoint_of(account)), keys_of(account))
    (item,) = [one for one in find_orphans(session, (), grace=timedelta(0))[0] if one.lease == "mnpqrstv"]
    (gone,), unanswered = prove_gone(session, reap_orphans(session, [item], patience_s=20), settle_s=10)
    assert (gone.clean, unanswered) == (True, ())


def test_orphans_are_not_looked_for_without_the_ledger_that_knows_what_is_leased(account: Account) -> None:
    machine = account.machine()
    refused = machine.ephk("--state", "s3://ephk-no-such-bucket", "reap", "--orphans", "--target", "aws")
    assert refused.status == 1, refused.out
    assert "bucket" in refused.err
    s3, key = account.client("s3"), "leases/garbled.json"
    s3.put_object(Bucket=account.record["bucket"], Key=key, Body=b"{")
    try:
        seen = machine.ephk(
            "--state", account.record["bucket"], "reap", "--orphans", "--target", "aws", "--grace", "0s"
        )
        assert seen.status == 4, seen.out
        assert f"{key}" in seen.out
        assert "deleted orphan" not in seen.out
    finally:
        for version in versions(s3, account.record["bucket"]):
            if version["Key"] == key:
                s3.delete_object(Bucket=account.record["bucket"], Key=key, VersionId=version["VersionId"])


def test_what_a_job_that_ended_had_begun_on_aws_is_due_at_once(account: Account) -> None:
    """The lease is another machine's: only the CI knows that nobody is at work on it."""
    ci, bucket = Ci(), account.record["bucket"]
    ledger = S3Ledger(account.client("s3"), bucket, "123456789012")
    lease = new_lease(
        name="cancelled",
        target="aws",
        ttl=timedelta(hours=1),
        provenance=Provenance("octo"),
        spec={},
        holder={"pid": 4711, "create_time": 1.0, "host": "runner-7"},
        ci_job=ci.github(),
    )
    ledger.create(lease)
    reaper = AwsWorld(new_world("reaper").home, {**account.keys, **ci.variables})

    def due() -> dict[str, str]:
        planned = reaper.must("--state", bucket, "reap", "--dry-run", "--json").json()
        return {one["name"]: one["reason"] for one in planned["due"]}

    try:
        ci.answers[GITHUB_PATH] = (200, {"id": 77, "run_attempt": 2, "status": "in_progress"})
        assert due() == {}
        ci.answers[GITHUB_PATH] = (200, {"id": 77, "run_attempt": 2, "status": "completed"})
        assert due() == {"cancelled": "job-ended"}
    finally:
        ci.close()
        ledger.remove(ledger.update(ledger.update(lease.releasing("job-ended")).moved_to(LeaseState.RELEASED)))


def endpoint_of(account: Account) -> dict[str, str]:
    return {"endpoint_url": account.keys["AWS_ENDPOINT_URL"], "ca_bundle": account.keys["AWS_CA_BUNDLE"]}


def keys_of(account: Account) -> Credentials:
    return Credentials(account.keys["AWS_ACCESS_KEY_ID"], account.keys["AWS_SECRET_ACCESS_KEY"])


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
