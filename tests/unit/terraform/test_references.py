"""References followed through modules, `for_each` and indices, and what cannot be followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.terraform.plan import Plan
from orchestrator.terraform.resource import UNKNOWN
from tests.unit.terraform.plan_builder import read


def change(address: str, unknown: dict[str, Any], **after: Any) -> dict[str, Any]:
    kind = (
        address.split("[", maxsplit=1)[0].split(".")[-2]
        if "]." not in address
        else address.split("].")[-1].split(".")[0]
    )
    return {
        "address": address,
        "mode": "managed",
        "type": kind,
        "change": {"actions": ["create"], "before": None, "after": after, "after_unknown": unknown},
    }


def refers(*references: str) -> dict[str, Any]:
    return {"references": list(references)}


def plan(changes: list[dict[str, Any]], root: dict[str, Any], directory: Path) -> Plan:
    content = {"format_version": "1.2", "resource_changes": changes, "configuration": {"root_module": root}}
    return read(content, directory)


def test_a_modules_instances_are_told_apart(tmp_path: Path) -> None:
    subnets = [f'module.net["{name}"].aws_subnet.this[{number}]' for name in "ab" for number in (0, 1)]
    root = {
        "resources": [
            {
                "address": "aws_msk_serverless_cluster.main",
                "expressions": {
                    "vpc_config": [{"subnet_ids": refers('module.net["b"].ids', 'module.net["b"]', "module.net")}]
                },
            }
        ],
        "module_calls": {
            "net": {
                "source": "./net",
                "module": {
                    "outputs": {"ids": {"expression": refers("aws_subnet.this")}},
                    "resources": [{"address": "aws_subnet.this", "expressions": {"vpc_id": refers("aws_vpc.this.id")}}],
                },
            }
        },
    }
    vpcs = [f'module.net["{name}"].aws_vpc.this' for name in "ab"]
    changes = [
        *(change(address, {"id": True, "vpc_id": True}) for address in subnets),
        *(change(address, {"id": True}) for address in vpcs),
        change("aws_msk_serverless_cluster.main", {"vpc_config": [{"subnet_ids": True}]}, vpc_config=[{}]),
    ]
    made = plan(changes, root, tmp_path)
    link = made.link(made.of("aws_msk_serverless_cluster")[0], "vpc_config.subnet_ids", "aws_subnet")
    assert [one.address for one in link.found] == subnets[2:]
    assert (link.unresolved, link.count, link.exact) == (False, None, False)
    for subnet, vpc in zip(made.of("aws_subnet"), (vpcs[0], vpcs[0], vpcs[1], vpcs[1]), strict=True):
        home = made.link(subnet, "vpc_id", "aws_vpc")
        assert ([one.address for one in home.found], home.exact) == ([vpc], True)


def test_each_value_is_the_instance_of_the_same_key(tmp_path: Path) -> None:
    root = {
        "resources": [
            {"address": "aws_subnet.a", "expressions": {}},
            {
                "address": "aws_route_table_association.a",
                "for_each_expression": refers("aws_subnet.a"),
                "expressions": {"subnet_id": refers("each.value.id", "each.value")},
            },
        ]
    }
    changes = [
        *(change(f'aws_subnet.a["{key}"]', {"id": True}) for key in ("x", "y.z")),
        *(change(f'aws_route_table_association.a["{key}"]', {"subnet_id": True}) for key in ("x", "y.z")),
    ]
    made = plan(changes, root, tmp_path)
    for association, subnet in zip(made.of("aws_route_table_association"), made.of("aws_subnet"), strict=True):
        assert made.link(association, "subnet_id", "aws_subnet").found == (subnet,)


def test_local_values_and_data_sources_are_not_followed(tmp_path: Path) -> None:
    for origin in ("local.key", "data.aws_kms_key.x.arn"):
        root = {"resources": [{"address": "aws_s3_bucket.b", "expressions": {"key": refers(origin)}}]}
        made = plan([change("aws_s3_bucket.b", {"key": True}), change("aws_kms_key.k", {})], root, tmp_path)
        link = made.link(made.of("aws_s3_bucket")[0], "key", "aws_kms_key")
        assert (link.found, link.unresolved, link.exact) == ((), True, False)


def test_unset_is_not_unknown_unless_one_expression_gives_the_whole(tmp_path: Path) -> None:
    """A block lists what is set inside it; an attribute that takes blocks is one expression, which hides it."""
    unknown = {"route": [{"gateway_id": True}], "rule": [{"extra": True, "key": True}], "arn": True}
    root = {
        "resources": [
            {
                "address": "aws_x.y",
                "expressions": {"route": refers("aws_z.z.id"), "rule": [{"key": refers("aws_z.z.id")}]},
            }
        ]
    }
    made = plan([change("aws_x.y", unknown, route=[{"cidr": "a"}], rule=[{}])], root, tmp_path)
    assert made.resources[0].values == {"route": [{"cidr": "a", "gateway_id": UNKNOWN}], "rule": [{"key": UNKNOWN}]}
