"""A Streams application that is killed: exact with exactly_once_v2, not with at_least_once, refused without ACLs."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from contracts.model import Failed, Result, Watch
from contracts.runner import run
from contracts.streams.exactly_once import judge_run
from contracts.wire.describe import describe_acls
from orchestrator.processes import wait_until
from orchestrator.progress import ConsoleProgress
from orchestrator.target import streams_application
from tests.embedded.contracts.harness import Harness

CONTRACT = "streams.exactly-once"


@pytest.fixture(scope="module")
def application() -> tuple[str, ...]:
    command = streams_application(ConsoleProgress())
    assert command is not None
    return command


def probe(harness: Harness) -> Result:
    with harness.access() as access:
        (result,) = run(harness.environment, access, select=[CONTRACT])
    return result


@pytest.mark.verifies("streams.exactly-once")
def test_a_killed_application_counts_everything_once(harness: Harness, application: tuple[str, ...]) -> None:
    result = probe(harness)
    assert (result.status, result.reason) == ("verified", "")
    assert result.evidence["words"] == result.evidence["counts"]
    with harness.access() as access:
        acls = describe_acls(access.any_connection(access.operator, Watch(20)))
    assert [acl for acl in acls if acl.name.startswith("ephk-probe")] == []
    groups = harness.admin.list_consumer_groups().result().valid
    assert [group.group_id for group in groups if group.group_id.startswith("ephk-probe")] == []


def test_the_same_kill_is_seen_with_at_least_once(harness: Harness, application: tuple[str, ...]) -> None:
    with harness.access() as access:
        outcome = judge_run(access, Watch(90), application, harness.environment.principal("writer"), "at_least_once")
    assert isinstance(outcome, Failed)
    assert outcome.reason == "'middle' was sent 1 times, and the output says 1, 2"


@pytest.mark.fails("streams.exactly-once")
@pytest.mark.parametrize(
    ("resource", "operation", "error"),
    [
        (ResourceType.TRANSACTIONAL_ID, AclOperation.WRITE, "TransactionalIdAuthorizationException"),
        (ResourceType.TOPIC, AclOperation.CREATE, "TopicAuthorizationException"),
    ],
)
def test_without_an_acl_it_is_refused_and_does_not_time_out(
    harness: Harness, application: tuple[str, ...], resource: ResourceType, operation: AclOperation, error: str
) -> None:
    """An ACL that denies wins over those that the probe makes: what an administrator might have left behind."""
    names = ("ephk-probe", ResourcePatternType.PREFIXED, "User:writer", "*", operation, AclPermissionType.DENY)
    with harness.access() as access:
        admin = AdminClient(access.librdkafka(access.operator, Watch(30)))
        admin.poll(0)
        for answer in admin.create_acls([AclBinding(resource, *names)]).values():
            answer.result(20)
        try:
            brokers = access.brokers(access.operator, Watch(20)).values()
            connections = [access.connection(access.operator, address, Watch(20)) for address in brokers]
            shown = lambda: all(any(a.name == "ephk-probe" for a in describe_acls(c)) for c in connections)  # noqa: E731
            assert wait_until(shown, deadline_s=20)
            result = probe(harness)
        finally:
            for answer in admin.delete_acls([AclBindingFilter(resource, *names)]).values():
                answer.result(20)
    assert result.status == "failed", result.reason
    assert error in result.reason
    assert result.duration_s < 60
