"""The command line without a cloud: help, catalogue, usage errors, and what README and help promise."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from orchestrator.cli import COMMANDS, main

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for variable in [name for name in os.environ if name.startswith(("AWS_", "EPHK_STATE"))]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("EPHK_STATE_BUCKET", "")  # the command sets it
    for variable, value in {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(variable, value)
    for variable in ("no_proxy", "NO_PROXY"):  # the command sets them; the test's end takes them back
        monkeypatch.setenv(variable, os.environ.get(variable, ""))
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def leaves() -> list[tuple[str, ...]]:
    """Return every command's words, with those of groups."""
    found: list[tuple[str, ...]] = []
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        if isinstance(command, click.Group):
            found += [(name, inner) for inner in command.list_commands(click.Context(command))]
        else:
            found.append((name,))
    return found


@pytest.mark.parametrize("words", leaves(), ids=" ".join)
def test_every_command_has_json_and_an_example(runner: CliRunner, words: tuple[str, ...]) -> None:
    shown = runner.invoke(main, [*words, "--help"])
    assert shown.exit_code == 0
    assert "--json" in shown.output
    assert re.search(rf"Example:\n  .*ephk {' '.join(words)}", shown.output)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_short_line_begins_as_the_command_says_itself(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    own = " ".join((command.help or "").split())
    first = COMMANDS[name][1].removesuffix(".")
    assert own.startswith(first[:20])


def test_the_readme_shows_the_help_as_it_is(runner: CliRunner) -> None:
    shown = runner.invoke(main, ["--help"], prog_name="ephk").output
    # Lines are broken at the terminal's width; what matters is the text.
    assert "".join(shown.split()) in "".join((REPOSITORY / "README.md").read_text().split())


def test_list_of_nothing(runner: CliRunner) -> None:
    assert json.loads(runner.invoke(main, ["list", "--json"]).stdout) == {
        "leases": [],
        "unreadable": [],
        "reaper": {"heartbeat": None, "warning": ""},
    }
    assert "no environment" in runner.invoke(main, ["list"]).stdout


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["verify"], 2, "there is no environment"),
        (["verify", "absent"], 1, "no lease called 'absent'"),
        (["down", "absent"], 1, "no lease called 'absent'"),
        (["down", "a", "--all"], 2, "not both"),
        (["run"], 2, "after '--'"),
        (["run", "--contract", "auht.*", "--", "true"], 2, "no contract of this environment matches 'auht.*'"),
        (["run", "--risk", "nothing at all", "--", "true"], 2, "no contract's risk matches 'nothing at all'"),
        (["up", "absent.yaml"], 2, "cannot read the spec absent.yaml"),
        (["up", "--ttl", "0"], 2, "--ttl: must be"),
        (["up", "--name", "No_Good"], 2, "--name: must be"),
        (["up", "--target", "aws"], 1, "there are no AWS credentials"),
        (["--state", "s3://a/b", "list"], 2, "not a state bucket"),
        (["up", "--target", "moon"], 2, "moon"),
        (["scorecard"], 2, "there is no report yet"),
        (["check", "iam", "--request", "absent.json"], 2, "cannot read absent.json"),
        (["frobnicate"], 2, "No such command"),
    ],
)
def test_wrong_usage(runner: CliRunner, tmp_path: Path, arguments: list[str], status: int, says: str) -> None:
    done = runner.invoke(main, arguments)
    assert done.exit_code == status
    assert says in done.output
    assert not (tmp_path / "state").exists()


def test_loopback_never_goes_through_a_proxy(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet.example,localhost")
    monkeypatch.setenv("no_proxy", "")
    runner.invoke(main, ["list"])
    assert os.environ["NO_PROXY"] == "intranet.example,localhost,127.0.0.1"
    assert os.environ["no_proxy"] == "127.0.0.1,localhost"


def test_an_error_is_json_too(runner: CliRunner) -> None:
    done = runner.invoke(main, ["verify", "absent", "--json"])
    assert json.loads(done.stdout)["error"]["exit_code"] == 1


def test_the_catalogue_names_what_was_promised(runner: CliRunner) -> None:
    entries = json.loads(runner.invoke(main, ["contracts", "--json"]).stdout)["contracts"]
    ids = {entry["id"] for entry in entries}
    assert {
        "listener.tls.version", "listener.tls.chain", "listener.tls.hostname", "listener.tls.expiry",
        "listener.plaintext.refused", "listener.advertised", "auth.scram.accepts", "auth.scram.wrong-password.refused",
        "auth.mtls.no-certificate.refused", "bucket.encryption", "bucket.public-access", "bucket.tls-only",
        "bucket.round-trip", "network.route.s3-endpoint", "network.private-subnets", "network.security-group.least",
        "tags.complete",
    } <= ids  # fmt: skip
    assert all(entry["risk"] and entry["layers"] and entry["statement"] for entry in entries)


def test_check_iam_decides_requests(runner: CliRunner, tmp_path: Path) -> None:
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    request = {
        "principal": "arn:aws:iam::123456789012:user/a",
        "resource": "arn:aws:s3:::b/k",
        "identity": [allow],
        "account": "123456789012",
    }
    (tmp_path / "r.json").write_text(
        json.dumps(
            [
                {**request, "name": "get", "action": "s3:GetObject"},
                {**request, "name": "put", "action": "s3:PutObject"},
                {**request, "name": "bad", "action": "s3:PutObject", "identity": [{"Statement": 1}]},
            ]
        )
    )
    done = runner.invoke(main, ["check", "iam", "--request", "r.json", "--json"])
    assert done.exit_code == 0
    decisions = {item["name"]: item["decision"] for item in json.loads(done.stdout)["decisions"]}
    assert decisions == {"get": "allow", "put": "deny", "bad": "error"}
