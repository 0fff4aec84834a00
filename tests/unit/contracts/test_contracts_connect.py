"""Judgements about Kafka Connect, in both directions."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.catalogue import load
from contracts.connect import judge_plugins, judge_running, judge_validation
from contracts.connect_canary import judge_continuation, judge_delivery, judge_numbers
from contracts.connect_denials import judge_elsewhere, judge_failed_connector
from contracts.connect_rest import judge_strangers, judge_tls
from contracts.connect_secrets import exposed
from contracts.model import Failed, ProbeError, Verified
from contracts.needs import unmet
from contracts.tls import Alert, Closed, ServerHello
from orchestrator.environment import Connector, ConnectRestEndpoint, Egress, KafkaConnect
from tests.unit.contracts.builders import environment

URL = "https://127.0.0.1:1"
REFUSED = Alert("protocol_version")
RUNNING = {"connector": {"state": "RUNNING"}, "tasks": [{"id": 0, "state": "RUNNING"}]}


def reason(outcome: Any) -> str:
    assert isinstance(outcome, Failed), outcome
    return outcome.reason


def test_running() -> None:
    assert isinstance(judge_running({"c": {"connectorState": "RUNNING"}}, {"c": RUNNING}), Verified)
    assert isinstance(judge_running({"c": {"connectorState": "RUNNING"}}, {}), Verified)


@pytest.mark.parametrize(
    ("seen", "status", "words"),
    [
        ({"connectorState": "FAILED", "stateDescription": {"message": "no class"}}, RUNNING, "FAILED: no class"),
        ({"connectorState": "RUNNING"}, {**RUNNING, "tasks": []}, "has no task"),
        (
            {"connectorState": "RUNNING"},
            {**RUNNING, "tasks": [{"id": 0, "state": "FAILED", "trace": "a.B: x\nCaused by: c.D: denied"}]},
            "task 0 is FAILED: c.D: denied",
        ),
        ({"connectorState": "RUNNING"}, {**RUNNING, "connector": {"state": "PAUSED"}}, "the connector is PAUSED"),
    ],
)
def test_not_running(seen: Any, status: Any, words: str) -> None:
    assert words in reason(judge_running({"c": seen}, {"c": status}))


def test_plugins() -> None:
    wanted = {"c": "a.B"}
    assert isinstance(judge_plugins(wanted, {"c": "ACTIVE"}, {"c": {"a.B": "1"}}, {}), Verified)
    assert isinstance(judge_plugins(wanted, {"c": "ACTIVE"}, {}, {}), Verified)
    assert "CREATE_FAILED" in reason(judge_plugins(wanted, {"c": "CREATE_FAILED"}, {}, {}))
    assert "no plugin with the class a.B" in reason(judge_plugins(wanted, {"c": "ACTIVE"}, {"c": {"x.Y": "1"}}, {}))
    failures = {"c": "Failed to find any class that implements Connector and which name matches a.B"}
    assert "lack a class: Failed to find" in reason(judge_plugins(wanted, {"c": "ACTIVE"}, {}, failures))


def test_validation() -> None:
    fine = {"error_count": 0, "configs": [{"value": {"name": "topics", "errors": []}}]}
    assert isinstance(judge_validation({"c": fine}), Verified)
    wrong = {"error_count": 1, "configs": [{"value": {"name": "bucket", "errors": ["is missing"]}}]}
    assert reason(judge_validation({"c": fine, "d": wrong})) == "d: bucket: is missing"


@pytest.mark.parametrize(
    ("configuration", "found"),
    [
        ({"connection.user": "u", "topics": "orders"}, []),
        ({"connection.password": "hunter22"}, ["connection.password"]),
        ({"connection.password": "${secretsmanager:orders:password}"}, []),
        ({"connection.password": "x${secretsmanager:orders:password}"}, ["connection.password"]),
        ({"connection.url": "jdbc:x?password=s3cret-known"}, ["connection.url"]),
        ({"pass.phrase": "abc"}, ["pass.phrase"]),
        ({"token.refresh.ms": "5"}, []),
        ({"aws.secret.key": "abc", "api-key": "def"}, ["api-key", "aws.secret.key"]),
        ({"connection.password": ""}, []),
    ],
)
def test_secrets_in_a_configuration(configuration: dict[str, str], found: list[str]) -> None:
    assert exposed(configuration, {"s3cret-known", ""}, ["pass.phrase"]) == found


def test_strangers_are_refused_by_401_and_nothing_else() -> None:
    assert isinstance(judge_strangers({"nobody": 401, "a wrong password": 401}), Verified)
    assert "nobody was answered with 200" in reason(judge_strangers({"nobody": 200, "a wrong password": 401}))
    with pytest.raises(ProbeError, match="got 500"):
        judge_strangers({"nobody": 500})


def test_tls() -> None:
    assert isinstance(judge_tls({URL: "TLSv1.3"}, {URL: b"\x15\x03"}, {URL: REFUSED}), Verified)
    assert "negotiated TLSv1.1" in reason(judge_tls({URL: "TLSv1.1"}, {}, {}))
    assert "plain HTTP" in reason(judge_tls({URL: "TLSv1.3"}, {URL: b"HTTP/1.1 200"}, {URL: REFUSED}))
    hello = ServerHello("TLSv1.1")
    assert "agreed to TLSv1.1" in reason(judge_tls({URL: "TLSv1.3"}, {URL: b""}, {URL: hello}))
    with pytest.raises(ProbeError, match=r"TLS 1\.1"):
        judge_tls({URL: "TLSv1.3"}, {URL: b""}, {URL: Closed()})


def test_delivery_is_at_least_once() -> None:
    outcome = judge_delivery(["a", "b"], {"a": 1, "b": 2}, {})
    assert isinstance(outcome, Verified)
    assert outcome.evidence["delivered_again"] == 1
    assert reason(judge_delivery(["a", "b"], {"a": 3}, {})) == "1 of 2 records did not arrive in the bucket"


def test_numbers() -> None:
    assert isinstance(judge_numbers([2, 0, 1, 1], at_least=3), Verified)
    assert isinstance(judge_numbers([7, 8, 9], at_least=3), Verified)  # what was before them has expired
    assert "gaps: 1" in reason(judge_numbers([0, 2, 3], at_least=3))
    assert "wrote 0 numbers" in reason(judge_numbers([], at_least=1))


def test_numbers_go_on_after_a_restart() -> None:
    assert isinstance(judge_continuation([0, 1, 2], [0, 1, 2, 3, 4]), Verified)
    assert isinstance(judge_continuation([0, 1, 2], [0, 1, 2, 2, 3]), Verified)  # the last was not committed yet
    assert "offsets are lost" in reason(judge_continuation([0, 1, 2], [0, 1, 2, 0, 1, 2, 3]))
    assert "gaps: 3" in reason(judge_continuation([0, 1, 2], [0, 1, 2, 4]))
    assert "expected are 4" in reason(judge_continuation([0, 1, 2], [0, 1, 2]))


def test_elsewhere() -> None:
    assert isinstance(judge_elsewhere({"a": "AccessDenied"}), Verified)
    assert reason(judge_elsewhere({"a": "AccessDenied", "b": ""})) == "b took the object"
    with pytest.raises(ProbeError, match="NoSuchBucket"):
        judge_elsewhere({"a": "NoSuchBucket"})


def test_a_denied_connector_fails_for_authorization_and_nothing_else() -> None:
    denied = "a.B: x\nCaused by: org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized"
    assert isinstance(judge_failed_connector(denied, {}), Verified)
    assert "runs on a topic" in reason(judge_failed_connector("", {}))
    with pytest.raises(ProbeError, match="another reason"):
        judge_failed_connector("java.lang.NullPointerException: oops", {})


def connector(**changes: Any) -> Connector:
    fields: dict[str, Any] = {
        "name": "c",
        "arn": "arn:c",
        "full_name": "ephk-ab12-c",
        "connector_class": "io.ephk.connect.CanarySinkConnector",
        "plugin": "p",
        "role_arn": "arn:role",
        "config": {},
        "tasks": 1,
        "workers": 1,
    }
    return Connector(**{**fields, **changes})


def test_what_is_not_there_is_not_covered() -> None:
    needs = {need for entry in load().entries() if entry.id.startswith("connect.") for need in entry.needs}
    needs -= {"connect.mirror"}  # takes a pair of environments: test_contracts_mirror.py
    bare = environment()
    assert "no Kafka Connect" in str(unmet(bare, ("connect",)))
    without_rest = environment(connect=KafkaConnect(connectors=(connector(),)))
    assert unmet(without_rest, ("connect",)) is None
    assert "MSK Connect's have none" in str(unmet(without_rest, ("connect.rest",)))
    place = ConnectRestEndpoint(urls=(URL,), ca_pem=None, secret_arn="arn:s")
    whole = environment(
        connect=KafkaConnect(
            connectors=(
                connector(rest=place),
                connector(name="s", connector_class="io.ephk.connect.CanarySourceConnector"),
            ),
            log_group="/g",
            egress=(Egress(host="db", port=5432),),
        )
    )
    assert [unmet(whole, (need,)) for need in sorted(needs) if need.startswith("connect")] == [None] * 6
