"""Adopting somebody else's cluster: what is recorded, what its results may count for, and that nothing is deleted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from contracts.catalogue import load
from contracts.needs import unmet
from orchestrator.adopted import HORIZON, Adopted, AdoptedStore, read_bootstrap, target_of
from orchestrator.cli import main
from orchestrator.errors import EphkError, UsageError
from orchestrator.tags import Provenance

ARN = "arn:aws:kafka:eu-west-1:111122223333:cluster/staging/0a1b-2"
SPEC = """
topics: [{name: orders, partitions: 6}]
principals:
  - {name: writer, auth: scram, grants: [{topic: orders, allow: [produce]}]}
  - {name: reader, auth: iam, grants: [{topic: orders, allow: [consume], group: readers}]}
contracts:
  - {id: shop.check, risk: r, command: {run: ["true"]}}
"""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(variable, "")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(SPEC)
    return CliRunner()


def adopt(runner: CliRunner, *options: str) -> Adopted:
    servers = "b-1.x:9096,b-2.x:9096,b-3.x:9096"
    done = runner.invoke(main, ["adopt", "staging", "--bootstrap", servers, *options, "--json"])
    assert done.exit_code == 0, done.output
    return Adopted.model_validate(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["b-1:9096,b-2:9096"], {"scram": "b-1:9096,b-2:9096"}),
        (["b-1:9096, b-1:9098 ,b-1:9094"], {"scram": "b-1:9096", "iam": "b-1:9098", "mtls": "b-1:9094"}),
        (["b-1:9196,b-1:9198"], {"scram": "b-1:9196", "iam": "b-1:9198"}),  # public access
        (["scram=b-1:1234", "scram=[::1]:1235"], {"scram": "b-1:1234,[::1]:1235"}),
    ],
)
def test_listeners_are_named_or_known_by_msks_ports(entries: list[str], expected: dict[str, str]) -> None:
    assert read_bootstrap(entries) == expected


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("b-1:1234", "port 1234 does not say which listener"),
        ("b-1", "'b-1' is not host:port"),
        ("plaintext=b-1:9092", "there is no listener 'plaintext'"),
        (",", "names no broker"),
    ],
)
def test_an_unclear_address_is_refused(entry: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_bootstrap([entry])


@pytest.mark.parametrize(
    ("servers", "arn", "endpoint", "target"),
    [
        ("b-1.x:9096", ARN, None, "aws"),
        ("b-1.x:9096", None, None, "elsewhere"),
        ("127.0.0.1:9096", ARN, None, "embedded"),
        ("b-1.x:9096,localhost:9096", ARN, None, "embedded"),
        ("[::1]:9096", None, None, "embedded"),
        ("b-1.x:9096", ARN, "https://127.0.0.1:1", "embedded"),
    ],
)
def test_only_what_is_certainly_aws_may_count_as_cloud(
    servers: str, arn: str | None, endpoint: str | None, target: str
) -> None:
    assert target_of({"scram": servers}, arn, endpoint) == target


def test_the_record_holds_spec_and_identities_and_no_secret(runner: CliRunner, tmp_path: Path) -> None:
    found = adopt(
        runner, "--spec", "spec.yaml", "--cluster-arn", ARN, "--secret", "writer=file:/run/s.json", "--role",
        "operator=arn:aws:iam::111122223333:role/ops",
    )  # fmt: skip
    environment = found.environment
    assert (environment.target, environment.flavour, environment.cluster.brokers) == ("aws", "msk", 3)
    assert (environment.cloud.region, environment.cloud.account_id) == ("eu-west-1", "111122223333")
    assert environment.principal("writer").secret_arn == "file:/run/s.json"
    assert environment.principal("reader").role_arn is None
    assert environment.roles == {"operator": "arn:aws:iam::111122223333:role/ops"}
    assert [topic.name for topic in environment.topics] == ["orders"]
    assert [contract["id"] for contract in found.contracts] == ["shop.check"]
    file = tmp_path / "state" / "ephk" / "adopted" / "staging.json"
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_spec_there_is_only_what_was_given(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "ephk.yaml").write_text("name: [broken")  # a spec nearby is not taken by accident
    found = adopt(runner, "--secret", "alice=arn:aws:secretsmanager:eu-west-1:1:secret:a")
    assert [(p.name, p.auth) for p in found.environment.principals] == [("alice", "scram")]
    assert found.environment.topics == ()
    assert found.environment.target == "elsewhere"


def test_nothing_is_written_to_it_unless_that_was_allowed(runner: CliRunner) -> None:
    found = adopt(runner, "--bucket", "b", "--kms-key", "arn:key").environment
    writing = [entry for entry in load().entries() if "writes" in entry.needs]
    assert {entry.id.split(".")[0] for entry in writing} == {
        *("acl", "bucket", "client", "clients", "connect", "network", "observability", "production", "schema"),
        "streams",
    }
    assert all("somebody else's" in (unmet(found, ("writes",)) or "") for _ in writing)
    runner.invoke(main, ["down", "staging"])
    assert unmet(adopt(runner, "--allow-writes").environment, ("writes",)) is None


def test_its_certificates_are_judged_from_today_on(runner: CliRunner) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    assert adopt(runner).current(now).expires_at == now + HORIZON


def test_the_report_says_that_it_was_adopted_and_for_which_commit(runner: CliRunner) -> None:
    subject = adopt(runner).subject(Provenance("ann", "o/r", "7", "abc", "none"))
    assert (subject.adopted, subject.commit, subject.owner, subject.lease[:8]) == (True, "abc", "ann", "adopted-")


def test_down_forgets_and_deletes_nothing(runner: CliRunner, tmp_path: Path) -> None:
    adopt(runner)
    assert "staging: adopted" in runner.invoke(main, ["list"]).stdout
    done = runner.invoke(main, ["down", "staging", "--json"])
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"forgotten": "staging", "deleted": []})
    assert not (tmp_path / "state" / "ephk").exists()
    assert runner.invoke(main, ["down", "staging"]).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["adopt", "No_Good", "--bootstrap", "b:9096"], 2, "must be 1 to 32 characters"),
        (["adopt", "x", "--bootstrap", "b:9096", "--bucket", "b"], 2, "--bucket needs --kms-key"),
        (["adopt", "x", "--bootstrap", "b:9096", "--ca", "absent.pem"], 2, "cannot read --ca absent.pem"),
        (["adopt", "x", "--bootstrap", "b:9096", "--ca", "spec.yaml"], 2, "must hold certificates in PEM"),
        (["adopt", "x", "--bootstrap", "b:9096", "--secret", "oops"], 2, "is not PRINCIPAL=VALUE"),
        (["adopt", "x"], 2, "--bootstrap"),
        (["verify", "x", "--adopted", "y.json"], 2, "not both"),
        (["verify", "--adopted", "absent.json"], 1, "cannot read the adopted environment"),
    ],
)
def test_wrong_usage(runner: CliRunner, tmp_path: Path, arguments: list[str], status: int, says: str) -> None:
    done = runner.invoke(main, arguments)
    assert (done.exit_code, says in done.output) == (status, True), done.output
    assert not (tmp_path / "state").exists()


def test_a_name_is_taken_once(runner: CliRunner) -> None:
    found = adopt(runner)
    with pytest.raises(EphkError, match="called 'staging' already"):
        AdoptedStore().add(found)


def test_a_name_that_nobody_has_lists_those_that_are_adopted(runner: CliRunner) -> None:
    adopt(runner)
    done = runner.invoke(main, ["verify", "stagng"])
    assert done.exit_code == 1
    assert "Adopted: staging" in done.output


def test_the_file_can_be_given_instead_of_the_name(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    found = adopt(runner)
    Path("a.json").write_text(found.model_dump_json())
    runner.invoke(main, ["down", "staging"])
    monkeypatch.setattr("orchestrator.verification.verify", lambda env, *_, **kw: seen.append((env, kw)) or 1 / 0)
    runner.invoke(main, ["verify", "--adopted", "a.json"])
    ((environment, options),) = seen
    assert environment.name == "staging"
    assert options["subject"].adopted
