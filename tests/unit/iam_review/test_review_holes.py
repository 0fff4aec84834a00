"""Holes planted into the clean example: each is found, told about the right principal, and shown at its line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.iam_review.collect import collect
from orchestrator.iam_review.diff import Review, review
from orchestrator.iam_review.lint import lint
from orchestrator.iam_review.model import Snapshot
from orchestrator.iam_review.sarif import sarif

EXAMPLE = Path(__file__).parents[3] / "examples" / "iam"
Edit = Callable[[list[dict[str, Any]]], object]

SINK = "roles/orders-sink/archive.json"
APP = "roles/orders-app/topics.json"
CI = "roles/orders-ci/deploy.json"
CI_TRUST = "roles/orders-ci/trust.json"
BUCKET = "resources/s3/acme-orders-archive.json"
OPEN = {
    "Sid": "Open",
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::acme-orders-archive/*",
}


def no_live(_name: str) -> Snapshot:
    raise AssertionError("no environment is asked")


def edited(tmp_path: Path, file: str, edit: Edit) -> tuple[Path, Path]:
    head = tmp_path / "head"
    shutil.copytree(EXAMPLE / "base", head)
    changed = head / file
    document = json.loads(changed.read_text())
    edit(document["Statement"])
    changed.write_text(json.dumps(document, indent=2) + "\n")
    return head, changed


def compared(head: Path, base: Path = EXAMPLE / "base") -> Review:
    return review(collect(str(base), no_live), collect(str(head), no_live))


def set_in(index: int, key: str, value: Any) -> Edit:
    return lambda statements: statements[index].__setitem__(key, value)


def drop(index: int, key: str) -> Edit:
    return lambda statements: statements[index].pop(key)


GITHUB = "token.actions.githubusercontent.com"
HOLES: dict[str, tuple[str, Edit, str, str, str, int]] = {
    # name: file, edit, rule, principal, words of the message, statement
    "wildcard resource": (
        SINK,
        set_in(0, "Resource", "*"),
        "iam.diff.new-grant",
        "role/orders-sink",
        "now s3:GetObject, s3:PutObject on *",
        1,
    ),
    "deny removed": (
        SINK,
        lambda statements: statements.pop(2),
        "iam.diff.new-access",
        "role/orders-sink",
        "acme-orders-archive/ledger/*",
        1,
    ),
    "condition dropped": (
        SINK,
        drop(0, "Condition"),
        "iam.diff.new-access",
        "role/orders-sink",
        "before only when aws:SourceVpce is vpce-0a1b2c3d",
        1,
    ),
    "PassRole open": (
        CI,
        lambda s: (s[4].pop("Condition"), s[4].__setitem__("Resource", "*")),
        "iam.lint.pass-role",
        "role/orders-ci",
        "iam:PassRole for *",
        5,
    ),
    "kafka-cluster action on *": (
        APP,
        set_in(1, "Resource", "*"),
        "iam.lint.kafka-wildcard-resource",
        "role/orders-app",
        "of every cluster",
        2,
    ),
    "trust too wide": (
        CI_TRUST,
        lambda s: s[0]["Condition"]["StringLike"].__setitem__(f"{GITHUB}:sub", "repo:acme/*:*"),
        "iam.diff.trust",
        "role/orders-ci",
        "sub is repo:acme/*:* (before only when",
        1,
    ),
    "bucket policy open": (
        BUCKET,
        lambda statements: statements.append(OPEN),
        "iam.diff.new-access",
        "anyone, without credentials,",
        "s3:GetObject on arn:aws:s3:::acme-orders-archive/*",
        2,
    ),
}


@pytest.mark.parametrize("name", HOLES)
def test_a_planted_hole_is_found_at_its_line(name: str, tmp_path: Path) -> None:
    file, edit, rule, principal, words, statement = HOLES[name]
    head, changed = edited(tmp_path, file, edit)
    found = compared(head)
    hits = [one for one in found.unaccepted if one.rule == rule and one.principal == principal and words in one.message]
    assert hits, [(one.rule, one.principal, one.message) for one in found.findings]
    lines = changed.read_text().splitlines()
    starts = [number for number, line in enumerate(lines, start=1) if line == "    {"]
    assert hits[0].location.file == str(changed)
    assert hits[0].location.line == starts[statement - 1]
    results = sarif(found)["runs"][0]["results"]
    shown = next(one for one in results if one["message"]["text"] == hits[0].message)
    where = shown["locations"][0]["physicalLocation"]
    assert where["artifactLocation"]["uri"] == str(changed)
    assert where["region"]["startLine"] == starts[statement - 1]


def test_a_missing_boundary_is_found(tmp_path: Path) -> None:
    head = tmp_path / "head"
    shutil.copytree(EXAMPLE / "base", head)
    (head / "roles/orders-app/boundary.json").unlink()
    found = {one.rule: one for one in compared(head).unaccepted}
    assert found["iam.diff.boundary"].principal == "role/orders-app"
    assert "boundary removed" in found["iam.diff.boundary"].message
    assert found["iam.lint.boundary-missing"].principal == "role/orders-app"


def test_without_a_boundary_a_wildcard_is_access_at_once(tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(EXAMPLE / "base", base)
    for boundary in base.rglob("boundary.json"):
        boundary.unlink()
    head = tmp_path / "head"
    shutil.copytree(base, head)
    text = (head / SINK).read_text()
    (head / SINK).write_text(text.replace('"arn:aws:s3:::acme-orders-archive/*"', '"*"'))
    (found,) = compared(head, base).unaccepted
    assert found.rule == "iam.diff.new-access"
    assert found.severity.value == "high"


def test_the_clean_example_has_no_finding() -> None:
    found = compared(EXAMPLE / "base")
    assert (found.findings, found.gaps) == ((), ())
    assert lint(collect(str(EXAMPLE / "base"), no_live), parliament=True) == []


def test_another_way_to_say_the_same_is_no_change(tmp_path: Path) -> None:
    def split(statements: list[dict[str, Any]]) -> None:
        first = statements[0]
        statements.append({**first, "Sid": "Again", "Action": ["S3:putobject"]})
        first["Action"] = "s3:GetObject"
        statements.reverse()

    head, _ = edited(tmp_path, SINK, split)
    assert compared(head).findings == ()


def test_lost_access_is_told_and_fails_nothing(tmp_path: Path) -> None:
    head, _ = edited(tmp_path, SINK, lambda statements: statements[0].__setitem__("Action", ["s3:GetObject"]))
    found = compared(head)
    assert [one.kind for one in found.findings] == ["lost-access"]
    assert "can no longer s3:PutObject" in found.findings[0].message
    assert found.unaccepted == ()


def test_a_wider_boundary_is_told_by_what_it_lets_through(tmp_path: Path) -> None:
    head, _ = edited(
        tmp_path,
        "roles/orders-app/boundary.json",
        lambda s: s.append({"Effect": "Allow", "Action": "iam:*", "Resource": "*"}),
    )
    found = compared(head)
    assert {one.kind for one in found.unaccepted} == {"boundary"}
    assert "can now iam:* on *, once a policy grants it" in found.unaccepted[0].message


def test_removing_the_tls_rule_of_the_bucket_is_found(tmp_path: Path) -> None:
    head, _ = edited(tmp_path, BUCKET, lambda s: s[0].__setitem__("Action", "s3:PutObjectAcl"))
    messages = [one.message for one in compared(head).unaccepted]
    assert any("role/orders-sink" in text and "aws:SecureTransport is" in text for text in messages), messages
    assert any("every identity of account 111122223333" in text for text in messages), messages


SARIF_SHAPE = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "maxItems": 20,
            "items": {
                "required": ["tool", "results"],
                "properties": {
                    "results": {
                        "type": "array",
                        "items": {
                            "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
                            "properties": {
                                "level": {"enum": ["error", "warning", "note"]},
                                "locations": {"type": "array", "minItems": 1, "maxItems": 10},
                            },
                        },
                    }
                },
            },
        },
    },
}


def test_sarif_is_what_code_scanning_takes() -> None:
    document = sarif(compared(EXAMPLE / "head"))
    jsonschema.validate(document, SARIF_SHAPE)
    run = document["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert run["results"]
    for result in run["results"]:
        rule = rules[result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert float(rule["properties"]["security-severity"]) in (9.0, 7.0, 4.0, 2.0)


def test_a_path_in_sarif_is_relative_to_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head, _ = edited(tmp_path, CI_TRUST, HOLES["trust too wide"][1])
    monkeypatch.chdir(tmp_path)
    results = sarif(compared(head))["runs"][0]["results"]
    uris = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in results}
    assert uris == {f"head/{CI_TRUST}"}
