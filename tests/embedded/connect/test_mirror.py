"""A mirror between two environments, both as the examples have them: verified, and failing for the right reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts.authorization import TOPIC_REFUSED, ask
from contracts.connect_denials import as_principal
from contracts.mirror.sides import Side, linked
from contracts.model import Watch
from orchestrator.environment import Link
from orchestrator.processes import wait_until
from tests.embedded.conftest import REPOSITORY, end_world, new_world
from tests.embedded.connect.conftest import Connected, connected_to

OFFSETS, CUTOVER = "connect.mirror.offsets", "connect.mirror.cutover"


@pytest.fixture(scope="module")
def mirror() -> Iterator[Connected]:
    """Bring both environments up; the application's group exists at the source."""
    world, examples = new_world("mirror"), REPOSITORY / "examples"
    try:
        source = connected_to(world, world.must("up", examples / "mirror-source.yaml", "--json").json())
        with source.access() as access:
            Side("primary", access, Watch(30)).commit("orders-app", "orders", {0: 0})
        yield connected_to(world, world.must("up", examples / "mirror.yaml", "--json").json())
    finally:
        end_world(world)


def link(mirror: Connected) -> Link:
    found = mirror.connector("mirror-source").link
    assert found is not None
    return found


def await_refusal(mirror: Connected) -> None:
    """Wait until brokers refuse the records' role: they keep what they were told about a role for a second."""
    with mirror.access() as access:
        there, role = linked(access, link(mirror), Watch(60)), as_principal(mirror.connector("mirror-source"))
        asked = lambda: ask(there, role, "consume", ["ephk-mirror"], Watch(20)).values()  # noqa: E731
        assert wait_until(lambda: TOPIC_REFUSED in asked(), deadline_s=30)


def change(mirror: Connected, name: str, **settings: str) -> None:
    """Change a connector's configuration as an operator would."""
    arn = mirror.connector(name).arn
    live = mirror.live(arn)
    configuration = live["connectorConfiguration"] | {key.replace("_", "."): value for key, value in settings.items()}
    mirror.connect.update_connector(
        connectorArn=arn, currentVersion=live["currentVersion"], connectorConfiguration=configuration
    )
    mirror.settle(arn, "RUNNING")


@pytest.mark.verifies("connect.mirror.offsets", "connect.mirror.cutover")
def test_records_and_offsets_come_through_and_back(mirror: Connected) -> None:
    found = mirror.probe(OFFSETS, CUTOVER, deadline_s=90)
    assert {r.id: (r.status, r.reason) for r in found.values() if r.status != "verified"} == {}
    seen = found[OFFSETS].evidence
    assert (seen["records"], seen["read_before"]) == (40, 20)
    assert seen["read_after"] - seen["read_again"] == 20
    phases = found[CUTOVER].evidence
    assert phases["back at the source"]["read_again"] == 10
    assert [phases[phase]["sent"] for phase in ("before", "at the target", "back at the source")] == [20, 20, 20]


def test_an_application_s_topic_keeps_its_partitions_and_records(mirror: Connected) -> None:
    with mirror.access() as access:
        watch = Watch(40)
        source = Side("primary", linked(access, link(mirror), watch), watch)
        sent = source.send("orders", "an-order", 6)
        found = Side("secondary", access, watch).read(
            {("primary.orders", partition): 0 for partition in range(3)}, lambda seen: len(seen) >= len(sent)
        )
    key = lambda record: (record.name, record.partition, record.content)  # noqa: E731
    assert sorted(map(key, found)) == sorted(map(key, sent))


def test_the_link_shows_no_secret(mirror: Connected) -> None:
    """The credentials are the connectors' roles; a configuration says how, and nothing to log in with."""
    live = mirror.live(mirror.connector("mirror-source").arn)["connectorConfiguration"]
    logins = {key: value for key, value in live.items() if "jaas" in key}
    assert set(logins.values()) == {"software.amazon.msk.auth.iam.IAMLoginModule required;"}
    result = mirror.one("connect.secrets.not-exposed")
    assert result.status == "verified", result.reason


@pytest.mark.fails("connect.mirror.offsets", "connect.mirror.cutover")
def test_a_missing_grant_at_the_source_fails_for_that_though_the_connector_runs(mirror: Connected) -> None:
    topic = link(mirror).cluster.arn.replace(":cluster/", ":topic/") + "/ephk-mirror"
    connector = mirror.connector("mirror-source")
    with mirror.more_rights(connector.role_arn, ["kafka-cluster:ReadData"], [topic], effect="Deny"):
        await_refusal(mirror)
        found = mirror.probe(OFFSETS, CUTOVER, deadline_s=90)
        assert mirror.live(connector.arn)["connectorState"] == "RUNNING"
    assert set(found) == {OFFSETS, CUTOVER}
    for result in found.values():
        assert result.status == "failed", result.as_dict()
        assert "primary refuses mirror-source to read ephk-mirror (TOPIC_AUTHORIZATION_FAILED)" in result.reason


def test_a_group_that_is_not_mirrored_and_a_sync_that_is_off_fail_for_that(mirror: Connected) -> None:
    change(mirror, "mirror-checkpoint", groups="orders-app")
    result = mirror.one(OFFSETS, deadline_s=90)
    assert (result.status, "is not in the groups of mirror-checkpoint (orders-app)" in result.reason) == (
        "failed",
        True,
    ), result.reason
    change(mirror, "mirror-checkpoint", groups="orders-app,ephk-mirror", sync_group_offsets_enabled="false")
    result = mirror.one(OFFSETS, deadline_s=90)
    assert result.status == "failed"
    assert "sync.group.offsets.enabled is not true in mirror-checkpoint" in result.reason
