"""Somebody else's cluster, adopted: the brokers of the session's environment, with no word about who made them."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.embedded.conftest import REPOSITORY, Orders

EXAMPLE = REPOSITORY / "examples" / "custom-contracts"


@pytest.fixture(scope="module")
def adopted(orders: Orders, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Adopt the cluster with what a stranger would have: addresses, a CA, one password, and the example's spec."""
    directory = tmp_path_factory.mktemp("adopted")
    shutil.copy(EXAMPLE / "check_partitions.py", directory)
    spec = (EXAMPLE / "ephk.yaml").read_text().replace("[python3,", f"[{sys.executable},")
    (directory / "ephk.yaml").write_text(spec)
    cluster = orders.environment["cluster"]
    (directory / "ca.pem").write_text(cluster["ca_pem"])
    shown = orders.world.must("env", orders.name, "--principal", "orders-producer", "--format", "json").json()
    user, password = (shown["variables"][f"KAFKA_SASL_{name}"] for name in ("USERNAME", "PASSWORD"))
    (directory / "secret.json").write_text(json.dumps({"username": user, "password": password}))
    orders.world.must(
        "adopt", "staging", "--bootstrap", f"scram={cluster['bootstrap']['scram']}", "--ca", directory / "ca.pem",
        "--spec", directory / "ephk.yaml", "--secret", f"orders-producer=file:{directory / 'secret.json'}",
    )  # fmt: skip
    yield directory
    orders.world.ephk("down", "staging")


def verify(orders: Orders, directory: Path, *options: str) -> dict[str, Any]:
    return dict(orders.world.ephk("verify", "staging", *options, "--json", cwd=directory).json())


def test_contracts_run_on_it_and_say_what_they_cannot_reach(orders: Orders, adopted: Path) -> None:
    report = verify(orders, adopted)
    status = {result["id"]: (result["status"], result["reason"]) for result in report["results"]}
    wrong = {name: said for name, said in status.items() if said[0] not in ("verified", "not_covered")}
    assert wrong == {}
    verified = {name for name, said in status.items() if said[0] == "verified"}
    assert verified >= {
        "listener.tls.chain", "listener.tls.version", "listener.advertised", "auth.scram.wrong-password.refused",
        "acl.orders-producer.allow.produce.orders", "acl.orders-producer.deny.consume.orders",
        "shop.orders.partitioner",
    }  # fmt: skip
    assert status["bucket.round-trip"] == ("not_covered", "the environment has no bucket")
    assert "DESCRIBE_CONFIGS" in status["shop.orders.retention"][1]
    stored = next(r for r in report["results"] if r["id"] == "acl.orders-producer.allow.produce.orders")
    assert stored["evidence"]["stored"] == "no record: the environment is somebody else's, and nothing is written to it"
    assert {result["layer"] for result in report["results"]} == {"local", "production"}  # the latter rehearsed
    assert report["environment"]["adopted"] is True


def test_a_command_that_is_not_satisfied_fails_the_contract_and_blocks_the_release(
    orders: Orders, adopted: Path
) -> None:
    script = adopted / "check_partitions.py"
    whole = script.read_text()
    script.write_text("import sys; sys.exit('customer 7 is out of order')")
    try:
        directory = str(adopted / "report")
        report = verify(orders, adopted, "--contract", "shop.*", "--report", directory)
    finally:
        script.write_text(whole)
    (failed,) = [result for result in report["results"] if result["status"] == "failed"]
    assert failed["id"] == "shop.orders.partitioner"
    assert failed["reason"].endswith("ended with exit status 1: customer 7 is out of order")
    card = orders.world.ephk("scorecard", "report", "--spec", "ephk.yaml", "--output", "card", "--json", cwd=adopted)
    assert card.status == 3
    blockers = {item["risk"]: item["status"] for item in card.json()["blockers"]}
    assert blockers["Two orders of one customer overtake each other"] == "failed"
    assert "customer 7 is out of order" in (adopted / "card" / "scorecard.html").read_text()


def test_forgetting_it_leaves_everything_where_it_is(orders: Orders, adopted: Path) -> None:
    assert "forgotten" in orders.world.must("down", "staging").out
    done = orders.world.ephk("verify", orders.name, "--contract", "listener.advertised", "--json")
    assert done.json()["summary"]["verified"] == 1
