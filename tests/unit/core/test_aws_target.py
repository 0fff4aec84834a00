"""The AWS target without AWS: what it refuses before anything is made, and what it hands to the engine."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from conditional_store import refusal

from orchestrator import aws_target, credential_life, state_bucket
from orchestrator.aws_target import AwsTarget
from orchestrator.engine.backend import S3Backend
from orchestrator.environment import CloudEndpoint
from orchestrator.errors import EphkError
from orchestrator.progress import SilentProgress
from orchestrator.state_bucket import BootstrapRecord, StateBucket, read_record

KEY = "arn:aws:kms:eu-west-1:123456789012:key/0c1f6a0e"
RECORD = BootstrapRecord(
    bucket="ephk-state-123456789012-eu-west-1", region="eu-west-1", account_id="123456789012", kms_key_arn=KEY
)


class FakeSession:
    """A session whose clients are given."""

    def __init__(self, endpoint: str | None = None, **clients: Any) -> None:
        self.cloud = CloudEndpoint(region="eu-west-1", account_id="123456789012", endpoint_url=endpoint)
        self._clients = clients

    def client(self, service: str) -> Any:
        return self._clients[service]


class Objects:
    """S3's get_object over a dictionary; a missing key answers as S3 does."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = dict(objects)
        self.asked: list[dict[str, str]] = []

    def get_object(self, **options: str) -> dict[str, Any]:
        self.asked.append(options)
        if options["Key"] not in self.objects:
            raise refusal("GetObject", "NoSuchKey", 404)
        return {"Body": io.BytesIO(self.objects[options["Key"]])}


def bucket(session: FakeSession) -> StateBucket:
    return StateBucket(session, RECORD)  # type: ignore[arg-type]


def test_the_backend_is_the_state_bucket_and_secrets_are_the_keys() -> None:
    backend = S3Backend(bucket(FakeSession()), "bcdfghjk")
    assert backend.url == "s3://ephk-state-123456789012-eu-west-1/pulumi?region=eu-west-1"
    assert backend.secrets_provider == f"awskms:///{KEY}?region=eu-west-1&context_ephk-stack=bcdfghjk"
    assert backend.settings() == {}
    rehearsal = S3Backend(bucket(FakeSession("https://127.0.0.1:4566")), "bcdfghjk")
    assert rehearsal.url.endswith("&use_path_style=true")


def test_a_state_is_read_from_its_object_as_its_owner() -> None:
    state = {"version": 3, "checkpoint": {"latest": {"resources": []}}}
    objects = Objects(**{"pulumi/.pulumi/stacks/ephk/bcdfghjk.json": json.dumps(state).encode()})
    backend = S3Backend(bucket(FakeSession(s3=objects)), "bcdfghjk")
    assert backend.exists()
    assert backend.checkpoint().resources == ()
    assert {asked["ExpectedBucketOwner"] for asked in objects.asked} == {"123456789012"}
    assert not S3Backend(bucket(FakeSession(s3=Objects())), "bcdfghjk").exists()


def test_a_state_that_cannot_be_read_is_an_error_and_not_an_empty_one() -> None:
    objects = Objects(**{"pulumi/.pulumi/stacks/ephk/bcdfghjk.json": b"{"})
    with pytest.raises(EphkError, match="cannot be read"):
        S3Backend(bucket(FakeSession(s3=objects)), "bcdfghjk").checkpoint()


def test_the_embedded_plugin_is_refused_where_the_endpoint_is_awss_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(aws_target.REACHABLE, raising=False)
    monkeypatch.setattr(credential_life, "check_caller", lambda _: None)
    monkeypatch.setattr(state_bucket, "open_bucket", lambda: bucket(FakeSession()))
    with pytest.raises(EphkError, match="embedded provider plugin cannot make an environment on AWS"):
        AwsTarget(provider="embedded").prepare(SilentProgress(), "eu-west-1")
    with pytest.raises(EphkError, match="cannot reach the brokers") as caught:
        AwsTarget(provider="official").prepare(SilentProgress(), "eu-west-1")
    assert aws_target.REACHABLE in caught.value.next_step
    monkeypatch.setenv(aws_target.REACHABLE, "yes")
    AwsTarget(provider="official").prepare(SilentProgress(), "eu-west-1")


def test_credentials_that_end_too_soon_are_refused_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_short(_: object) -> None:
        raise EphkError("too short")

    def not_reached() -> None:
        raise AssertionError("nothing may be asked before")

    monkeypatch.setattr(credential_life, "check_caller", too_short)
    monkeypatch.setattr(state_bucket, "open_bucket", not_reached)
    with pytest.raises(EphkError, match="too short"):
        AwsTarget().prepare(SilentProgress(), "eu-west-1")


def test_an_account_that_was_not_set_up_names_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    session = FakeSession(s3=Objects())
    monkeypatch.setattr(state_bucket, "caller_session", lambda *_: session)
    monkeypatch.setenv(state_bucket.VARIABLE, "somewhere-else")
    with pytest.raises(EphkError, match="no state bucket s3://somewhere-else that is set up") as caught:
        state_bucket.open_bucket()
    assert "ephk bootstrap" in caught.value.next_step


def test_a_bucket_of_another_account_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = RECORD.model_copy(update={"account_id": "999999999999"})
    session = FakeSession(s3=Objects(**{"bootstrap.json": foreign.model_dump_json().encode()}))
    monkeypatch.setattr(state_bucket, "caller_session", lambda *_: session)
    monkeypatch.setenv(state_bucket.VARIABLE, "foreign-bucket")
    with pytest.raises(EphkError, match="belongs to account 999999999999"):
        state_bucket.open_bucket()


def test_a_record_that_cannot_be_understood_is_not_taken_for_none() -> None:
    session: Any = FakeSession(s3=Objects(**{"bootstrap.json": b"{}"}))
    with pytest.raises(EphkError, match="cannot be understood"):
        read_record(session, "b")


def test_zones_are_those_that_msk_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ec2:
        filters: list[dict[str, Any]] = []

        def describe_availability_zones(self, **options: Any) -> dict[str, Any]:
            self.filters = options["Filters"]
            return {"AvailabilityZones": [{"ZoneName": f"eu-west-1{letter}"} for letter in "cab"]}

    ec2 = Ec2()
    session: Any = FakeSession(ec2=ec2)
    assert AwsTarget().zones(session, 2) == ("eu-west-1a", "eu-west-1b")
    assert {"Name": "zone-type", "Values": ["availability-zone"]} in ec2.filters
    with pytest.raises(EphkError, match="offers 3 availability zones, the spec asks for 4"):
        AwsTarget().zones(session, 4)
