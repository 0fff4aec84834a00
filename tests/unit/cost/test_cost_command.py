"""`ephk cost` without a cloud."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli import main
from orchestrator.lease import HourlyCost, LeaseState, new_lease
from orchestrator.ledger import FileLedger
from orchestrator.tags import Provenance


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("EPHK_POLICY", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()  # no policy file of a directory above applies
    return CliRunner()


def test_the_estimate_as_json(runner: CliRunner) -> None:
    done = runner.invoke(main, ["cost", "--ttl", "1h", "--name", "pr-1", "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["name"], document["ttl"], document["region"]) == ("pr-1", "1h", "us-east-1")
    assert {line["resource"] for line in document["lines"]} >= {"brokers", "broker storage", "KMS key", "bucket"}
    assert 0 < document["hourly"]["low"] <= document["hourly"]["high"]
    assert (document["budgets"], document["over_budget"]) == ([], False)


def test_the_estimate_for_people_names_sources_and_says_that_nothing_is_billed(runner: CliRunner) -> None:
    shown = runner.invoke(main, ["cost"]).stdout
    assert "3 x kafka.m7g.large" in shown
    assert "[1] MSK" in shown
    assert "(of 2026-02-10)" in shown
    assert "the embedded target bills nothing" in shown
    assert "bills nothing" not in runner.invoke(main, ["cost", "--target", "aws"]).stdout


def test_the_projects_budget_applies(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "ephk-policy.yaml").write_text("budget_usd: 1\n")
    done = runner.invoke(main, ["cost", "--json"])
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert document["over_budget"]
    assert document["budgets"] == [{"usd": 1.0, "set_by": "ephk-policy.yaml"}]
    assert "more than its budget of 1.00 USD" in done.stderr
    (tmp_path / "ephk-policy.yaml").write_text("budget_usd: 1000\n")
    assert runner.invoke(main, ["cost"]).exit_code == 0


def test_the_specs_budget_is_checked_line_by_line(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "ephk.yaml").write_text("name: orders\nbudget_usd: free\n")
    done = runner.invoke(main, ["cost"])
    assert done.exit_code == 2
    assert "ephk.yaml:2: budget_usd:" in done.output


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--refresh", "--actual"], 2, "not both"),
        (["--actual", "x", "--ttl", "1h"], 2, "neither --name nor --ttl"),
        (["--actual"], 2, "there is no environment"),
        (["--actual", "absent"], 1, "no lease and no receipt called 'absent'"),
        (["--refresh"], 1, "no embedded cloud runs"),
        (["absent.yaml"], 2, "cannot read the spec absent.yaml"),
    ],
)
def test_wrong_usage_and_what_is_not_there(runner: CliRunner, arguments: list[str], status: int, says: str) -> None:
    done = runner.invoke(main, ["cost", *arguments])
    assert done.exit_code == status
    assert says in done.output


def test_an_unknown_price_is_an_error_with_the_way_out(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "ephk.yaml").write_text("brokers: {instance_type: kafka.m5.12xlarge}\n")
    done = runner.invoke(main, ["cost", "--json"])
    assert done.exit_code == 1
    error = json.loads(done.stdout)["error"]
    assert "AmazonMSK Kafka.m5.12xlarge" in error["message"]
    assert "ephk cost --refresh --target aws" in error["next_step"]


def test_a_released_embedded_environment_was_billed_nothing(runner: CliRunner, tmp_path: Path) -> None:
    lease = {"id": "bcdfghjk", "name": "orders", "target": "embedded", "created_at": "2026-03-01T22:00:00Z"}
    (tmp_path / "receipt.json").write_text(json.dumps({"lease": lease, "issued_at": "2026-03-02T02:00:00Z"}))
    done = runner.invoke(main, ["cost", "--actual", "receipt.json", "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["billed"] is None
    assert "never billed anything" in document["reason"]


@pytest.fixture
def no_credentials(runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is signed in: no variables, no files, no metadata service."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(variable, str(tmp_path / "absent"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@pytest.mark.usefixtures("no_credentials")
def test_without_credentials_the_way_in_is_told(runner: CliRunner, tmp_path: Path) -> None:
    lease = {"id": "bcdfghjk", "name": "orders", "target": "aws", "created_at": "2026-03-01T22:00:00Z"}
    (tmp_path / "receipt.json").write_text(json.dumps({"lease": lease, "issued_at": "2026-03-02T02:00:00Z"}))
    for arguments in (["--refresh", "--target", "aws"], ["--actual", "receipt.json"]):
        done = runner.invoke(main, ["cost", *arguments])
        assert done.exit_code == 1, done.output
        assert re.search("there are no (usable )?AWS credentials", done.output)
        assert "aws sso login" in done.output


def test_a_lease_is_not_extended_past_its_budget(runner: CliRunner) -> None:
    cost = HourlyCost(low=1, high=2)
    lease = new_lease(
        name="orders",
        target="embedded",
        ttl=timedelta(hours=1),
        provenance=Provenance("ci"),
        spec={},
        hourly_cost=cost,
        budget_usd=10,
    )
    ledger = FileLedger()
    ledger.create(lease)
    lease = ledger.update(lease.moved_to(LeaseState.PROVISIONING))
    before = ledger.update(lease.moved_to(LeaseState.READY)).expires_at
    refused = runner.invoke(main, ["extend", "orders", "--ttl", "6h"])
    assert refused.exit_code == 1
    assert "more than its budget of 10.00 USD" in refused.output
    assert ledger.find("orders").expires_at == before
    assert runner.invoke(main, ["extend", "orders", "--ttl", "4h"]).exit_code == 0
    assert ledger.find("orders").expires_at > before
