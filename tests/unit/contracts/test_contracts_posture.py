"""Judgements about settings: each holds for a sound one and falls for the reason that it names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from contracts import authentication, bucket_settings, ciphers, drift, network_paths, observability
from contracts.model import Failed, Outcome, ProbeError, Verified
from contracts.tls import Alert, Closed, NotTls, Reply, ServerHello
from contracts.wire.describe import Acl, Setting
from orchestrator.environment import Grant, Principal, Topic
from tests.unit.contracts.builders import NOW


def reason(outcome: Outcome) -> str:
    assert isinstance(outcome, Failed), outcome
    return outcome.reason


# -- network ACLs -----------------------------------------------------------------------------------

VPC = "10.42.0.0/16"


def rule(number: int, action: str, *, egress: bool = False, cidr: str = "0.0.0.0/0", **span: Any) -> dict[str, Any]:
    ports = {"Protocol": "6", "PortRange": {"From": span["low"], "To": span["high"]}} if span else {"Protocol": "-1"}
    return {"RuleNumber": number, "RuleAction": action, "Egress": egress, "CidrBlock": cidr, **ports}


LAST = [rule(32767, "deny"), rule(32767, "deny", egress=True)]


def judge(*entries: dict[str, Any]) -> Outcome:
    return network_paths.judge_acls(
        {"subnet-1": {"NetworkAclId": "acl-1", "Entries": [*LAST, *entries]}}, VPC, {"scram": 9096}
    )


def test_a_default_network_acl_lets_everything_through() -> None:
    assert isinstance(judge(rule(100, "allow"), rule(100, "allow", egress=True)), Verified)


def test_ports_and_ephemeral_ports_of_the_vpc_are_enough() -> None:
    way_in = rule(10, "allow", cidr=VPC, low=9092, high=9098)
    way_out = rule(10, "allow", egress=True, cidr=VPC, low=1024, high=65535)
    assert isinstance(judge(way_in, way_out), Verified)
    assert "does not let answers out" in reason(judge(way_in))
    half = rule(10, "allow", egress=True, cidr=VPC, low=32768, high=65535)
    assert "rule 32767 denies 0.0.0.0/0 ports 1024-32767" in reason(judge(way_in, half))
    other_half = rule(20, "allow", egress=True, cidr=VPC, low=1024, high=32767)
    assert isinstance(judge(way_in, half, other_half), Verified)


def test_the_first_rule_that_matches_decides() -> None:
    everything = (rule(100, "allow"), rule(100, "allow", egress=True))
    assert "rule 50 denies 10.42.7.0/24 ports 9096-9096" in reason(
        judge(*everything, rule(50, "deny", cidr="10.42.7.0/24", low=9096, high=9096))
    )
    assert isinstance(judge(*everything, rule(150, "deny", low=9096, high=9096)), Verified)
    assert isinstance(judge(*everything, rule(50, "deny", cidr="192.0.2.0/24", low=9096, high=9096)), Verified)


def test_another_protocol_and_ipv6_say_nothing_about_tcp() -> None:
    udp = {**rule(10, "allow"), "Protocol": "17", "PortRange": {"From": 0, "To": 65535}}
    ipv6 = {key: value for key, value in rule(11, "allow").items() if key != "CidrBlock"} | {"Ipv6CidrBlock": "::/0"}
    assert "rule 32767 denies" in reason(judge(udp, ipv6))


def test_a_subnet_without_an_acl_is_closed() -> None:
    assert "has no network ACL" in reason(network_paths.judge_acls({"subnet-1": None}, VPC, {"scram": 9096}))


# -- endpoint and ports -----------------------------------------------------------------------------

ARNS = ("arn:aws:s3:::b", "arn:aws:s3:::b/*")


def test_endpoint_policy() -> None:
    def judged(*statements: dict[str, Any]) -> Outcome:
        return network_paths.judge_endpoint_policy({"Statement": list(statements)}, ARNS)

    ours = {"Effect": "Allow", "Resource": list(ARNS)}
    assert isinstance(judged(ours, {"Effect": "Deny", "Resource": "*"}), Verified)
    assert "lets * through" in reason(judged(ours, {"Effect": "Allow", "Resource": "*"}))
    assert "NotResource" in reason(judged({"Effect": "Allow", "NotResource": "arn:aws:s3:::other"}))
    assert "allows nothing" in reason(judged({"Effect": "Deny", "Resource": "*"}))
    assert "no policy of its own" in reason(network_paths.judge_endpoint_policy(None, ARNS))


def test_reachability_tells_a_refusal_from_silence() -> None:
    good = {"scram h:1": "open in 1 ms"}
    assert isinstance(network_paths.judge_reachability(good), Verified)
    assert "nobody listens" in reason(network_paths.judge_reachability({**good, "iam h:2": "refused"}))
    assert "packets are dropped" in reason(network_paths.judge_reachability({"iam h:2": "no answer"}))
    assert "DNS" in reason(network_paths.judge_reachability({"iam h:2": "no such name"}))
    with pytest.raises(ProbeError, match="no address"):
        network_paths.judge_reachability({})


# -- bucket -----------------------------------------------------------------------------------------

EVERYTHING = {
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "Expiration": {"Days": 7},
    "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
}


def test_lifecycle() -> None:
    assert isinstance(bucket_settings.judge_lifecycle([EVERYTHING]), Verified)
    split = [{"Status": "Enabled", key: EVERYTHING[key]} for key in EVERYTHING if key not in ("Status", "Filter")]
    assert isinstance(bucket_settings.judge_lifecycle(split), Verified)
    assert "objects, old versions, unfinished uploads" in reason(bucket_settings.judge_lifecycle([]))


@pytest.mark.parametrize(
    "change",
    [
        {"Status": "Disabled"},
        {"Filter": {"Prefix": "logs/"}},
        {"Filter": {"Tag": {"Key": "a", "Value": "b"}}},
        {"Filter": {"ObjectSizeGreaterThan": 1}},
        {"Filter": {}, "Prefix": "logs/"},
    ],
)
def test_a_rule_for_some_objects_is_none_for_the_bucket(change: dict[str, Any]) -> None:
    assert "no rule for the whole bucket" in reason(bucket_settings.judge_lifecycle([{**EVERYTHING, **change}]))


def test_a_lifecycle_without_one_action_names_it() -> None:
    without = {key: value for key, value in EVERYTHING.items() if key != "AbortIncompleteMultipartUpload"}
    assert reason(bucket_settings.judge_lifecycle([without])).endswith("removes unfinished uploads")


# -- listeners --------------------------------------------------------------------------------------


def suites(weak: Reply, strong: Reply) -> Outcome:
    return ciphers.judge_weak_suites({"b:1": weak}, {"b:1": strong})


def test_weak_suites() -> None:
    agreed, refused = ServerHello("TLSv1.2"), Alert("handshake_failure")
    assert isinstance(suites(refused, agreed), Verified)
    assert isinstance(suites(Closed(), agreed), Verified)
    assert "agreed to a weak" in reason(suites(agreed, agreed))
    assert "does not speak TLS" in reason(suites(NotTls("00"), agreed))
    with pytest.raises(ProbeError, match="shows nothing"):
        suites(refused, refused)
    with pytest.raises(ProbeError, match="not for the suites"):
        suites(Alert("protocol_version"), agreed)


def test_mechanisms() -> None:
    def judged(listener: str, *names: str, code: int = 33) -> Outcome:
        return authentication.judge_mechanisms({(listener, "b:1"): (code, names)})

    assert isinstance(judged("scram", "SCRAM-SHA-512"), Verified)
    assert isinstance(judged("iam", "OAUTHBEARER", "AWS_MSK_IAM"), Verified)
    assert "offers SCRAM-SHA-256" in reason(judged("scram", "SCRAM-SHA-256", "SCRAM-SHA-512"))
    assert "offers PLAIN on the iam" in reason(judged("iam", "OAUTHBEARER", "PLAIN"))
    assert "offers no mechanism" in reason(judged("scram"))
    with pytest.raises(ProbeError, match="unknown mechanism"):
        judged("scram", "SCRAM-SHA-512", code=0)


# -- drift ------------------------------------------------------------------------------------------

WRITER = Principal(
    name="w",
    auth="scram",
    kafka_principal="User:w",
    grants=(Grant(topic="orders", allow=("produce", "consume"), group="g"),),
)


def test_declared_acls_are_what_the_grants_need() -> None:
    by_iam = WRITER.model_copy(update={"auth": "iam"})
    assert drift.declared_acls([by_iam]) == frozenset()
    assert drift.declared_acls([WRITER]) == {
        Acl("User:w", "WRITE", "TOPIC", "orders"),
        Acl("User:w", "READ", "TOPIC", "orders"),
        Acl("User:w", "READ", "GROUP", "g"),
    }


def test_acl_drift() -> None:
    declared = drift.declared_acls([WRITER])
    extra = Acl("User:*", "ALL", "TOPIC", "*")
    own = frozenset({"ephk-probe-x"})
    probe = Acl("User:w", "READ", "TOPIC", "ephk-probe-x")
    assert isinstance(drift.judge_acls(declared, {1: declared, 2: declared | {probe}}, own), Verified)
    assert reason(drift.judge_acls(declared, {1: declared, 2: declared | {extra}}, own)) == (
        "broker 2 has an ACL that nobody declared: ALLOW User:* ALL on TOPIC *"
    )
    assert "broker 1 lacks a declared ACL" in reason(drift.judge_acls(declared, {1: frozenset()}, own))


def test_topics() -> None:
    topic = Topic(name="orders", partitions=2, replication_factor=3, config={"retention.ms": "1000"})

    def judged(
        leaders: dict[int, int] | None, replicas: int = 3, retention: str = "1000", *, compacted: bool = False
    ) -> Outcome:
        policy = Setting("compact" if compacted else "delete", compacted)
        return drift.judge_topic(
            topic, leaders, replicas, {"retention.ms": Setting(retention, True), "cleanup.policy": policy}
        )

    assert isinstance(judged({0: 1, 1: 2}), Verified)
    assert "does not exist" in reason(judged(None))
    assert "1 partitions, declared are 2" in reason(judged({0: 1}))
    assert "1 replicas, declared are 3" in reason(judged({0: 1, 1: 2}, replicas=1))
    assert "retention.ms=5, declared is 1000" in reason(judged({0: 1, 1: 2}, retention="5"))
    assert "cleanup.policy=compact, which nobody declared" in reason(judged({0: 1, 1: 2}, compacted=True))
    assert "partition 1 of orders has no leader" in reason(judged({0: 1, 1: -1}))


def test_settings_of_every_broker_are_compared_where_they_are_known() -> None:
    declared = {
        "auto.create.topics.enable": "false",
        "zookeeper.session.timeout.ms": "6000",
        "allow.everyone.if.no.acl.found": "false",
    }
    sound = {
        "auto.create.topics.enable": "false",
        "min.insync.replicas": "1",
        "allow.everyone.if.no.acl.found": "",
    }
    outcome = drift.judge_settings(declared, {1: sound, 2: sound})
    assert isinstance(outcome, Verified)
    assert outcome.evidence["not compared"] == ["allow.everyone.if.no.acl.found", "zookeeper.session.timeout.ms"]
    drifted = {**sound, "auto.create.topics.enable": "true"}
    assert reason(drift.judge_settings(declared, {1: sound, 2: drifted})) == (
        "broker 2 has auto.create.topics.enable=true, declared is false"
    )


# -- logs -------------------------------------------------------------------------------------------


def test_the_newest_event_of_a_broker_counts_whatever_its_streams_are_called() -> None:
    stamp = int(NOW.timestamp() * 1000)
    streams = [
        {"logStreamName": "Broker-1", "lastEventTimestamp": stamp - 5000},
        {"logStreamName": "app/broker-1/b", "lastEventTimestamp": stamp},
        {"logStreamName": "Broker-2"},
        {"logStreamName": "controller", "lastEventTimestamp": stamp},
    ]
    assert observability.newest_events(streams) == {1: NOW}


def test_arrival() -> None:
    since = NOW - timedelta(minutes=1)
    assert isinstance(observability.judge_arrival({1: NOW, 2: NOW}, 2, since), Verified)
    assert reason(observability.judge_arrival({1: NOW}, 2, since)) == "no log event of broker 2 has arrived"
    old = {1: NOW, 2: NOW - timedelta(days=1)}
    assert "broker 2's newest log event is of" in reason(observability.judge_arrival(old, 2, since))


def test_logs_that_are_not_delivered_any_more() -> None:
    def delivered(**where: Any) -> Failed | None:
        return observability.judge_delivery({"BrokerLogs": {"CloudWatchLogs": where}}, "/ephk/brokers")

    assert delivered(Enabled=True, LogGroup="/ephk/brokers") is None
    off, elsewhere = delivered(Enabled=False), delivered(Enabled=True, LogGroup="/other")
    assert off is not None
    assert "no broker logs" in off.reason
    assert elsewhere is not None
    assert "to /other" in elsewhere.reason
    assert observability.judge_delivery({}, "/ephk/brokers") is not None


def test_a_secret_in_a_log_is_found_and_not_repeated() -> None:
    assert isinstance(observability.judge_secrets(["started"], ["hunter22"], True), Verified)
    found = observability.judge_secrets(["started", "login hunter22 ok"], ["hunter22"], True)
    assert reason(found) == "event 2 of 2 holds a secret of the environment"
    assert "hunter22" not in str(found)
    for messages, secrets, complete in (([], ["hunter22"], True), (["x"], [], True), (["x"], ["hunter22"], False)):
        with pytest.raises(ProbeError):
            observability.judge_secrets(messages, secrets, complete)
