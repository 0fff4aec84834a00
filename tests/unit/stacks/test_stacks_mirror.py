"""A MirrorMaker connector's role reads at the source and writes at home, and the boundary lets it do no more."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.inputs import ConnectInputs, ConnectorInputs, LinkInputs, PluginInputs
from tests.unit.stacks.stack_mocks import Program, inputs, run

ARN = "arn:aws:kafka:us-east-1:123456789012:cluster/ephk-theirs/1-2"
LINK = LinkInputs(ARN, "primary", topics=("orders",), groups=("app",))
MIRROR = ConnectorInputs(
    "mirror", "mm", {"connector.class": "a.M", "to": "${ephk:bootstrap}"}, produces=("primary.orders",), link=LINK
)
_WRITES = ("Write", "Create", "Alter", "Delete")


@pytest.fixture(scope="module")
def program() -> Program:
    plugin = PluginInputs("mm", "JAR", bucket="b", key="b.jar")
    return run(inputs(connect=ConnectInputs((plugin,), (MIRROR,))))


def by_sid(policy: dict[str, Any]) -> dict[str, Any]:
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def test_the_role_reads_what_is_named_at_the_source_and_changes_nothing_there(program: Program) -> None:
    role = by_sid(program.one("aws:iam/rolePolicy:RolePolicy", "connect-mirror").policy())
    there = {sid: s for sid, s in role.items() if any("ephk-theirs" in arn for arn in s["Resource"])}
    assert there.keys() == {"LinkedCluster", "LinkedTopics", "LinkedGroups"}
    assert there["LinkedTopics"]["Resource"] == [f"{ARN.replace(':cluster/', ':topic/')}/orders"]
    assert there["LinkedGroups"]["Resource"] == [f"{ARN.replace(':cluster/', ':group/')}/app"]
    actions = [action for statement in there.values() for action in statement["Action"]]
    assert not [action for action in actions if action.split(":")[1].startswith(_WRITES)]


def test_the_role_keeps_the_mirror_s_own_topics_at_home(program: Program) -> None:
    role = by_sid(program.one("aws:iam/rolePolicy:RolePolicy", "connect-mirror").policy())
    names = [arn.rsplit("/", 1)[1] for arn in role["MirrorInternal"]["Resource"]]
    assert names == ["mm2-offset-syncs.primary.internal", "primary.checkpoints.internal"]
    assert all("ephk-theirs" not in arn for arn in role["MirrorGroups"]["Resource"])


def test_the_boundary_lets_roles_read_in_the_linked_cluster(program: Program) -> None:
    boundary = by_sid(program.one("aws:iam/policy:Policy", "boundary").policy())
    linked = boundary["Linked1"]
    assert all("ephk-theirs/1-2" in arn for arn in linked["Resource"])
    assert not [action for action in linked["Action"] if action.split(":")[1].startswith(_WRITES)]
    assert "Linked1" not in by_sid(run(inputs()).one("aws:iam/policy:Policy", "boundary").policy())


def test_the_bootstrap_servers_are_the_environment_s_own(program: Program) -> None:
    connector = program.one("aws:mskconnect/connector:Connector", "mirror").inputs
    own = connector["kafkaCluster"]["apacheKafkaCluster"]["bootstrapServers"]
    assert connector["connectorConfiguration"]["to"] == own == "Cluster-cluster:9098"
