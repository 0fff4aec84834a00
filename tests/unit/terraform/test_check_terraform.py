"""`ephk check terraform`: exit codes, refusals that name the right command, lines in source, acceptances."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli import main
from orchestrator.reports.scorecard.build import Rules, build
from orchestrator.reports.scorecard.sources import Sourced, sourced
from orchestrator.spec_scorecard import ScorecardSpec
from orchestrator.terraform import document as document_module
from tests.unit.terraform.plan_builder import careful, document, policy, spoil

PLANS = Path(__file__).parent / "plans"
CAREFUL, CARELESS = PLANS / "careful" / "plan.json", PLANS / "careless" / "plan.json"
STATE = PLANS / "replacement" / "state.json"


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EPHK_POLICY", raising=False)
    return CliRunner()


def check(runner: CliRunner, *arguments: object) -> Result:
    return runner.invoke(main, ["check", "terraform", *(str(one) for one in arguments)])


def test_the_careful_plan_passes_and_says_what_it_cannot_know(runner: CliRunner) -> None:
    shown = check(runner, CAREFUL, "--json")
    assert shown.exit_code == 0, shown.output
    report = json.loads(shown.stdout)
    assert {one["id"] for one in report["results"] if one["status"] != "verified"} == {"terraform.msk.broker-count"}
    assert report["environment"]["target"] == "terraform"
    assert {one["layer"] for one in report["results"]} == {"cloud"}
    assert {one["vantage"] for one in report["results"]} == {"static analysis"}
    assert check(runner, CAREFUL, "--strict").exit_code == 3


def test_every_planted_mistake_of_the_careless_plan_is_found(runner: CliRunner) -> None:
    shown = check(runner, CARELESS, "--json", "--require-tag", "team")
    assert shown.exit_code == 3
    found = {one["id"]: one for one in json.loads(shown.stdout)["results"]}
    sound = {"terraform.change.no-data-loss", "terraform.scram.associated"}
    assert {name for name, one in found.items() if one["status"] == "verified"} == sound
    assert {name for name, one in found.items() if one["status"] == "error"} == set()
    routes = found["terraform.network.private-subnets"]["evidence"]
    assert "aws_route_table.public routes to aws_internet_gateway.main" in routes["aws_subnet.public[1]"]


def test_the_genuine_replacement_and_deletion_are_losses(runner: CliRunner) -> None:
    shown = check(runner, PLANS / "replacement" / "plan.json", "--contract", "terraform.change.*", "--json")
    assert shown.exit_code == 3
    places = json.loads(shown.stdout)["results"][0]["places"]
    assert {one["address"]: one["message"].split(":")[0] for one in places} == {
        "aws_kms_key.gone": "it is deleted (delete because no resource config)",
        "aws_s3_bucket.archive": "it is replaced because of bucket",
    }


def test_a_state_is_judged_without_its_change(runner: CliRunner) -> None:
    report = json.loads(check(runner, STATE, "--json").stdout)
    assert "terraform.bucket.versioning" in {one["id"] for one in report["results"]}
    reasons = {one["id"]: one["reason"] for one in report["not_applicable"]}
    assert reasons["terraform.change.no-data-loss"] == "it is a state, which changes nothing"


def test_sarif_names_file_and_line_of_root_and_module(runner: CliRunner, tmp_path: Path) -> None:
    shutil.copytree(PLANS / "careful", tmp_path / "infra")
    content = json.loads(CAREFUL.read_text())
    for change in content["resource_changes"]:
        if change["type"] in ("aws_s3_bucket_versioning", "aws_vpc_security_group_ingress_rule"):
            after = change["change"]["after"]
            after.update({"versioning_configuration": [{"status": "Suspended"}], "cidr_ipv4": "0.0.0.0/0"})
    (tmp_path / "infra" / "plan.json").write_text(json.dumps(content))
    shown = check(runner, "infra/plan.json", "--source", "infra", "--report", "report")
    assert shown.exit_code == 3
    results = json.loads(Path("report/findings.sarif").read_text())["runs"][0]["results"]
    places = {
        one["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]: (
            one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            one["locations"][0]["physicalLocation"]["region"]["startLine"],
        )
        for one in results
    }
    root, network = (PLANS / "careful" / name for name in ("main.tf", "network/main.tf"))
    assert places == {
        "aws_s3_bucket_versioning.archive": (
            "infra/main.tf", _line(root, 'resource "aws_s3_bucket_versioning"')
        ),
        **{
            f'module.network.aws_vpc_security_group_ingress_rule.listener["{port}"]': (
                "infra/network/main.tf", _line(network, 'resource "aws_vpc_security_group_ingress_rule"')
            )
            for port in (9096, 9098)
        },
    }  # fmt: skip
    assert len({one["partialFingerprints"]["ephk/v1"] for one in results}) == len(results)


def _line(file: Path, beginning: str) -> int:
    return next(n for n, line in enumerate(file.read_text().splitlines(), 1) if line.startswith(beginning))


WRONG: list[tuple[str, bytes, str, str]] = [
    ("plan.bin", b"PK\x03\x04rest", "binary form", "terraform show -json plan.bin > plan.json"),
    ("terraform.tfstate", b'{"version": 4, "serial": 1, "lineage": "x", "resources": []}', "state file",
     "terraform show -json terraform.tfstate"),
    ("log.json", b'{"@level":"info","@message":"Plan"}\n{"@level":"info"}\n', "log of 'terraform plan -json'",
     "show -json"),
    ("plan.txt", b"Terraform will perform the following actions:\n", "as people read it", "show -json"),
    ("empty.json", b"", "is empty", "show -json"),
    ("text.json", b"hello", "no JSON", "show -json"),
    ("latin.json", b"\xff\xfe\x00", "not text", "show -json"),
    ("list.json", b"[1]", "no JSON object", "show -json"),
    ("other.json", b'{"results": []}', "no plan or state", "show -json"),
    ("pulumi.json", b'{"steps": [{"urn": "urn:pulumi:a"}]}', "preview of Pulumi", "ephk check iam --head"),
    ("policy.json", policy({"Effect": "Allow", "Action": "*", "Resource": "*"}).encode(), "IAM policies",
     "ephk check iam --lint"),
    ("old.json", b'{"format_version": "0.1", "resource_changes": []}', "format version 0.1", "Terraform 1.1 or newer"),
    ("new.json", b'{"format_version": "2.0", "resource_changes": []}', "format version 2.0", "show -json"),
    ("errored.json", b'{"format_version": "1.2", "errored": true, "resource_changes": []}', "failed", "plan again"),
    ("changes.json", b'{"format_version": "1.2", "resource_changes": [{"address": 1}]}', "resource_changes[0]",
     "show -json"),
    ("actions.json", b'{"format_version": "1.2", "resource_changes": [{"address":"a.b","type":"a","change":{}}]}',
     "resource_changes[0]", "show -json"),
    ("shape.json", b'{"format_version": "1.2", "configuration": 3, "resource_changes": []}', "configuration",
     "show -json"),
    ("nothing.json", b'{"format_version": "1.2", "resource_changes": []}', "has no resource", "right directory"),
    ("deep.json", b'{"a":' * 900 + b"1" + b"}" * 900, "levels deep", "show -json"),
    ("deeper.json", b"[" * 200_000, "levels deep", "show -json"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "problem", "command"), WRONG, ids=[row[0] for row in WRONG])
def test_another_file_is_refused_with_the_right_command(
    name: str, content: bytes, problem: str, command: str, runner: CliRunner
) -> None:
    Path(name).write_bytes(content)
    shown = check(runner, name)
    assert shown.exit_code == 2, shown.output
    assert problem in shown.stderr
    assert command in shown.stderr
    assert "Traceback" not in shown.output


def test_a_huge_or_missing_file_is_refused(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(runner, "missing.json").exit_code == 2
    monkeypatch.setattr(document_module, "LARGEST", 1000)
    shown = check(runner, CAREFUL)
    assert (shown.exit_code, "which no plan should have" in shown.stderr) == (2, True)


@pytest.mark.parametrize("arguments", [("--contract", "terraform.nothing"), ("--source", "."), ("--accept", "no.yaml")])
def test_wrong_options_are_wrong_usage(arguments: tuple[str, ...], runner: CliRunner) -> None:
    assert check(runner, CAREFUL, *arguments).exit_code == 2


def spoilt(tmp_path: Path) -> Path:
    resources = careful()
    spoil(resources, "aws_msk_cluster.main", "enhanced_monitoring", "DEFAULT")
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(document(resources)))
    return file


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"contract": "terraform.msk.monitoring", "address": "aws_msk_cluster.*", "reason": "a sandbox"}, 0),
        ({"contract": "terraform.msk.monitoring", "address": "module.*", "reason": "a sandbox"}, 3),
        ({"contract": "terraform.msk.storage", "address": "*", "reason": "a sandbox"}, 3),
        ({"contract": "*", "address": "*", "reason": "a sandbox", "expires": "2020-01-01"}, 3),
    ],
)
def test_what_is_agreed_to_does_not_fail_and_is_not_verified(
    entry: dict[str, Any], code: int, runner: CliRunner, tmp_path: Path
) -> None:
    file = spoilt(tmp_path)
    Path("ephk-policy.yaml").write_text(json.dumps({"terraform": {"accept": [entry]}}))
    shown = check(runner, file, "--json")
    assert shown.exit_code == code, shown.output
    monitoring = next(one for one in json.loads(shown.stdout)["results"] if one["id"] == "terraform.msk.monitoring")
    assert monitoring["status"] == ("failed" if code else "not_covered")
    assert ("a sandbox" in monitoring["reason"]) is not bool(code)
    if code:
        said = "expired on 2020-01-01" if "expires" in entry else "accepts nothing here"
        assert said in check(runner, file).output


def test_an_unknown_word_in_the_policy_file_is_refused(runner: CliRunner) -> None:
    Path("ephk-policy.yaml").write_text(json.dumps({"terraform": {"acept": []}}))
    assert check(runner, CAREFUL).exit_code == 2


def test_tags_are_demanded_only_when_somebody_demands_them(runner: CliRunner) -> None:
    select = ("--contract", "terraform.tags.*", "--json")
    assert json.loads(check(runner, CARELESS, *select).stdout)["results"] == []
    assert check(runner, CARELESS, "--require-tag", "team", *select).exit_code == 3
    assert check(runner, CAREFUL, "--require-tag", "team", *select).exit_code == 0
    assert check(runner, CAREFUL, "--require-ephk-tags", *select).exit_code == 3
    Path("ephk-policy.yaml").write_text(json.dumps({"terraform": {"tags": ["owner"]}}))
    assert check(runner, CAREFUL, *select).exit_code == 3


def card_cell(reports: list[Sourced], risk: str) -> tuple[str, str]:
    from contracts.catalogue import catalogue

    card = build(catalogue(), reports, Rules(ScorecardSpec()))
    cell = next(row.cells["cloud"] for row in card.risks if row.risk == risk)
    return cell.status, cell.resolve


def test_a_plan_proves_nothing_on_the_scorecard_and_disproves(runner: CliRunner) -> None:
    public, monitoring = "Anybody on the internet reads or lists the data", "terraform.msk.monitoring"
    sound = sourced(json.loads(check(runner, CAREFUL, "--json").stdout), "sound")
    broken = sourced(json.loads(check(runner, CARELESS, "--json").stdout), "broken")
    risk = next(one.risk for one in sound.report.results if one.id == monitoring)
    assert card_cell([sound], risk)[0] == card_cell([sound], public)[0] == "not_covered"
    assert card_cell([broken], risk) == ("failed", "ephk check terraform PLAN.json --report DIR")
    live = json.loads(json.dumps(sound.report.as_dict()))
    live["environment"].update(name="live", target="aws")
    live["results"] = [
        one | {"id": "bucket.public-access", "vantage": "this machine"}
        for one in live["results"]
        if one["id"] == "terraform.bucket.public-access"
    ]
    proof = sourced(live, "live")
    assert card_cell([proof], public)[0] == "verified"
    assert card_cell([proof, sound], public)[0] == "verified"  # beside a live proof the plan takes nothing away
    assert card_cell([proof, broken], public)[0] == "failed"


def test_contracts_on_plans_share_the_risks_of_live_ones() -> None:
    from contracts.catalogue import catalogue

    risks = {entry["id"]: entry["risk"] for entry in catalogue()}
    for planned, live in {
        "terraform.msk.encryption-in-transit": "listener.plaintext.refused",
        "terraform.bucket.public-access": "bucket.public-access",
        "terraform.bucket.encryption": "bucket.encryption",
        "terraform.bucket.tls-only": "bucket.tls-only",
        "terraform.bucket.versioning": "bucket.versioning",
        "terraform.bucket.lifecycle": "bucket.lifecycle",
        "terraform.network.no-world": "network.security-group.least",
        "terraform.network.ports": "network.security-group.least",
        "terraform.network.sources": "network.security-group.least",
        "terraform.network.private-subnets": "network.private-subnets",
        "terraform.network.s3-endpoint": "network.route.s3-endpoint",
        "terraform.network.endpoint-policy": "network.endpoint.least",
        "terraform.iam.boundary": "iam.boundary.present",
        "terraform.iam.privileges": "iam.boundary.escalation",
        "terraform.iam.trust": "iam.trust.least",
        "terraform.connect.logs": "connect.logs.arrive",
        "terraform.connect.plugin-pinned": "connect.plugins.present",
        "terraform.tags.required": "tags.complete",
    }.items():
        assert risks[planned] == risks[live], planned


def test_acceptances_count_until_their_last_day() -> None:
    from orchestrator.terraform.policy import PlanAcceptance

    entry = PlanAcceptance(contract="terraform.*", address='aws_x.y["a"]', reason="r", expires=date(2026, 1, 31))
    assert entry.covers("terraform.msk.storage", 'aws_x.y["a"]', date(2026, 1, 31))
    assert not entry.covers("terraform.msk.storage", 'aws_x.y["b"]', date(2026, 1, 31))
    assert not entry.covers("terraform.msk.storage", 'aws_x.y["a"]', date(2026, 2, 1))
