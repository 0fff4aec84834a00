"""The same holes in plans: Terraform's and Pulumi's, each found at the address of the resource that has it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.iam_review.collect import collect
from orchestrator.iam_review.diff import Review, review
from orchestrator.iam_review.model import Snapshot
from orchestrator.iam_review.sarif import sarif
from tests.unit.iam_review.test_review_holes import EXAMPLE, HOLES, edited

BOUNDARY = "roles/orders-app/boundary.json"
BUCKET = "acme-orders-archive"
_TYPES = {
    "role": ("aws_iam_role", "aws:iam/role:Role"),
    "role_policy": ("aws_iam_role_policy", "aws:iam/rolePolicy:RolePolicy"),
    "policy": ("aws_iam_policy", "aws:iam/policy:Policy"),
    "bucket_policy": ("aws_s3_bucket_policy", "aws:s3/bucketPolicy:BucketPolicy"),
    "acl": ("kafka_acl", "kafka:index/acl:Acl"),
}
Resources = dict[str, tuple[str, dict[str, Any]]]


def no_live(_name: str) -> Snapshot:
    raise AssertionError("no environment is asked")


def resources_of(root: Path) -> Resources:
    """Return what a program of these policies declares: (kind, attributes) by the file, or folder, that has them."""
    found: Resources = {}
    for role in sorted((root / "roles").iterdir()):
        values: dict[str, Any] = {"name": role.name, "path": "/"}
        for file in sorted(role.glob("*.json")):
            name = str(file.relative_to(root))
            match file.stem:
                case "trust":
                    values["assume_role_policy"] = file.read_text()
                case "boundary":
                    arn = f"arn:aws:iam::111122223333:policy/{role.name}-boundary"
                    values["permissions_boundary"] = arn
                    found[name] = ("policy", {"name": f"{role.name}-boundary", "arn": arn, "policy": file.read_text()})
                case stem:
                    found[name] = ("role_policy", {"name": stem, "role": role.name, "policy": file.read_text()})
        found[f"roles/{role.name}/trust.json"] = ("role", values)
    text = (root / f"resources/s3/{BUCKET}.json").read_text()
    found[f"resources/s3/{BUCKET}.json"] = ("bucket_policy", {"bucket": BUCKET, "policy": text})
    return found


def address(tool: str, name: str, kind: str) -> str:
    label = name.removesuffix(".json").replace("/", "-")
    terraform, pulumi = _TYPES[kind]
    return f"{terraform}.{label}" if tool == "terraform" else f"urn:pulumi:dev::orders::{pulumi}::{label}"


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def plan(tool: str, before: Resources, after: Resources) -> dict[str, Any]:
    """Return `terraform show -json` or `pulumi preview --json` of a change."""

    def both() -> Iterator[tuple[str, str, Mapping[str, Any] | None, Mapping[str, Any] | None]]:
        for name in sorted({*before, *after}):
            kind = (after.get(name) or before[name])[0]
            yield name, kind, before.get(name, (kind, None))[1], after.get(name, (kind, None))[1]

    if tool == "terraform":
        changes = [
            {
                "address": address(tool, name, kind),
                "type": _TYPES[kind][0],
                "mode": "managed",
                "change": {"actions": ["update"], "before": old, "after": new, "after_unknown": {}},
            }
            for name, kind, old, new in both()
        ]
        return {
            "format_version": "1.2",
            "terraform_version": "1.11.0",
            "resource_changes": changes,
            "configuration": {},
        }

    def state(kind: str, values: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if values is None:
            return None
        inputs = {camel(name): value for name, value in values.items()}
        return {"type": _TYPES[kind][1], "inputs": inputs, "outputs": inputs, "propertyDependencies": {}}

    steps = [
        {
            "op": "update",
            "urn": address(tool, name, kind),
            "oldState": state(kind, old),
            "newState": state(kind, new),
        }
        for name, kind, old, new in both()
    ]
    return {"config": {}, "steps": steps, "diagnostics": []}


def reviewed(tmp_path: Path, tool: str, before: Resources, after: Resources) -> Review:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan(tool, before, after)))
    return review(collect(str(file), no_live, plan_side="before"), collect(str(file), no_live))


def addresses_in_sarif(found: Review, message: str) -> list[str]:
    results = [one for one in sarif(found)["runs"][0]["results"] if one["message"]["text"] == message]
    return [one["fullyQualifiedName"] for result in results for one in result["locations"][0]["logicalLocations"]]


@pytest.mark.parametrize("tool", ["terraform", "pulumi"])
@pytest.mark.parametrize("hole", HOLES)
def test_a_hole_is_found_at_the_address_of_its_resource(tool: str, hole: str, tmp_path: Path) -> None:
    file, edit, rule, principal, words, _ = HOLES[hole]
    head, _ = edited(tmp_path, file, edit)
    after = resources_of(head)
    found = reviewed(tmp_path, tool, resources_of(EXAMPLE / "base"), after)
    hits = [one for one in found.unaccepted if one.rule == rule and one.principal == principal and words in one.message]
    assert hits, [(one.rule, one.principal, one.message) for one in found.findings]
    assert addresses_in_sarif(found, hits[0].message) == [address(tool, file, after[file][0])]


@pytest.mark.parametrize("tool", ["terraform", "pulumi"])
def test_a_missing_boundary_is_found_at_its_role(tool: str, tmp_path: Path) -> None:
    before = resources_of(EXAMPLE / "base")
    role = "roles/orders-app/trust.json"
    kind, values = before[role]
    after = {**before, role: (kind, {k: v for k, v in values.items() if k != "permissions_boundary"})}
    found = reviewed(tmp_path, tool, before, after)
    for rule in ("iam.diff.boundary", "iam.lint.boundary-missing"):
        (hit,) = (one for one in found.unaccepted if one.rule == rule)
        assert addresses_in_sarif(found, hit.message) == [address(tool, role, "role")]


def acl(tool: str, **changes: Any) -> dict[str, Any]:
    given = {"name": "orders", "type": "Topic", **changes}
    prefix = "acl_" if tool == "pulumi" else ""
    return {
        f"{prefix}resource_name": given["name"],
        f"{prefix}resource_type": given["type"],
        "resource_pattern_type_filter": given.get("pattern", "Literal"),
        "acl_principal": given.get("principal", "User:orders-app"),
        "acl_host": "*",
        "acl_operation": "Read",
        "acl_permission_type": given.get("permission", "Allow"),
    }


@pytest.mark.parametrize("tool", ["terraform", "pulumi"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "*"}, "User:orders-app may READ every topic"),
        ({"name": "*", "type": "TransactionalID"}, "User:orders-app may READ every transactionalid"),
        ({"name": "", "pattern": "Prefixed", "type": "Group"}, "User:orders-app may READ every group"),
        ({"principal": "User:*"}, "everybody who can connect may READ topic orders"),
        ({"name": "orders-", "pattern": "Prefixed"}, ""),
        ({"name": "*", "permission": "Deny"}, ""),
        ({"name": "kafka-cluster", "type": "Cluster"}, ""),
    ],
)
def test_a_wildcard_acl_is_found_at_its_address(
    tool: str, change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    before = resources_of(EXAMPLE / "base") | {"acl": ("acl", acl(tool))}
    found = reviewed(tmp_path, tool, before, before | {"acl": ("acl", acl(tool, **change))})
    assert [one.rule for one in found.unaccepted] == (["iam.lint.kafka-acl-wildcard"] if message else [])
    for hit in found.unaccepted:
        assert message in hit.message
        assert addresses_in_sarif(found, hit.message) == [address(tool, "acl", "acl")]


@pytest.mark.parametrize("tool", ["terraform", "pulumi"])
def test_the_clean_example_has_no_finding_in_a_plan_either(tool: str, tmp_path: Path) -> None:
    before = resources_of(EXAMPLE / "base") | {"acl": ("acl", acl(tool))}
    found = reviewed(tmp_path, tool, before, before)
    assert (found.findings, found.gaps) == ((), ())
