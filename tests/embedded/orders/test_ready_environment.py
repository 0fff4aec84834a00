"""What a user sees of an environment that is ready."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from orchestrator.target import embedded_zones
from tests.embedded.conftest import REPOSITORY, Orders, World


def test_a_name_is_leased_once(orders: Orders) -> None:
    done = orders.world.ephk("up", REPOSITORY / "examples" / "orders.yaml")
    assert done.status == 1
    assert f"lease {orders.lease['id']}" in done.err
    assert "until 20" in done.err


def test_everything_of_a_lease_is_private(orders: Orders) -> None:
    for path in orders.world.state.rglob("*"):
        if path.is_socket() or path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir() or path.name in {"lease.json", "info.json", "passphrase"}:
            assert mode & 0o077 == 0, f"{path} has mode {mode:o}"


def test_no_secret_stands_in_clear_in_the_state_home(orders: Orders) -> None:
    document = orders.world.must("env", orders.name, "--json").json()
    password = document["variables"]["KAFKA_SASL_PASSWORD"]
    assert len(password) >= 20
    holders = [
        path
        for path in orders.world.state.rglob("*")
        if path.is_file() and "clusters" not in path.parts and password.encode() in path.read_bytes()
    ]
    assert holders == []


@pytest.mark.verifies(
    "listener.*", "auth.*", "acl.*", "topic.*", "broker.*", "client.*", "iam.boundary.*", "bucket.*", "policy.*",
    "network.[!e]*", "network.endpoint.[adl]*", "logs.*", "tags.*", "production.offsets.recovery",
)  # fmt: skip
def test_verify_is_clean_and_shows_every_contract(orders: Orders, tmp_path: Path) -> None:
    done = orders.world.ephk("verify", orders.name, "--report", tmp_path, "--json")
    assert done.status == 0, done.err + done.out
    document = done.json()
    assert document["summary"]["verified"] >= 25
    others = {r["id"]: r for r in document["results"] if r["status"] != "verified"}
    # Java clients may not be in the cache, the provider may not simulate, the embedded cloud has no metrics and no
    # events, and what disturbs the cluster has to be asked for. No bucket policy demands the endpoint.
    unseen = {name for name in others if not name.startswith(("clients.matrix.java-", "production."))}
    elsewhere = {"iam.views.agree", "observability.metrics.arrive", "audit.trail", "network.endpoint.source"}
    assert unseen <= elsewhere, {i: r["reason"] for i, r in others.items()}
    # What the spec does not declare does not apply: the state is in files, and there is no registry and no Connect.
    idle = {entry["id"] for entry in document["not_applicable"]}
    assert {name.split(".")[0] for name in idle} == {"schema", "connect", "iam", "terraform"}
    assert document["summary"]["not_applicable"] == len(idle)
    assert {r["status"] for r in others.values()} == {"not_covered"}
    assert json.loads((tmp_path / "report.json").read_text())["results"] == document["results"]


def test_list_and_show_and_extend(orders: Orders) -> None:
    listed = orders.world.must("list", "--json").json()["leases"]
    assert [lease["name"] for lease in listed] == ["orders"]
    assert listed[0]["warning"] == ""
    shown = orders.world.must("show", orders.name).out
    assert orders.environment["cluster"]["arn"] in shown
    extended = orders.world.must("extend", orders.name, "--ttl", "30d", "--json").json()
    assert extended["limited"] is True
    assert orders.world.ephk("extend", orders.name, "--ttl", "soon").status == 2


def test_a_plan_shows_what_up_makes_and_makes_nothing(world: World, orders: Orders) -> None:
    planned = world.must("plan", REPOSITORY / "examples" / "orders.yaml", "--json").json()
    kinds = sorted(item["type"] for item in planned["resources"])
    assert len(kinds) == 66
    assert kinds.count("aws:msk/cluster:Cluster") == 1
    assert {item["operation"] for item in planned["resources"]} == {"create"}
    assert not world.state.exists()


def test_the_zones_that_are_taken_for_granted_are_those_of_the_embedded_region(orders: Orders) -> None:
    network = orders.environment["network"]
    session = orders.world.administrator()
    ec2 = session.client("ec2")
    names = {zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]}
    assert set(embedded_zones(3)) <= names
    subnets = ec2.describe_subnets(SubnetIds=network["subnet_ids"])["Subnets"]
    assert {subnet["AvailabilityZone"] for subnet in subnets} == set(embedded_zones(3))
