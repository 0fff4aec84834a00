"""Authorization: each principal may do what it was granted, and is refused everything else, by every broker.

Brokers decide about authorization before they look at anything else, so each one can be asked, whether
or not it leads the partition: an unauthorized request is answered TOPIC_AUTHORIZATION_FAILED or
GROUP_AUTHORIZATION_FAILED, an authorized one with whatever comes after that decision. The requests
change nothing: the record batch has a wrong checksum, the heartbeat is of a member that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError

from contracts import grants, probe_topic, storing
from contracts.access import Access
from contracts.grants import Action
from contracts.model import Failed, NotCovered, Outcome, Probe, ProbeError, Verified, Watch
from contracts.registry import Member, family
from contracts.wire import BrokerConnection, error_name, requests
from orchestrator.environment import Environment, Principal

TOPIC_REFUSED: int = KafkaError.TOPIC_AUTHORIZATION_FAILED
GROUP_REFUSED: int = KafkaError.GROUP_AUTHORIZATION_FAILED
#: Answers that a broker gives only after it has authorized the request.
_AUTHORIZED: dict[str, frozenset[int]] = {
    "produce": frozenset({0, 2, 6, 87}),  # NONE, CORRUPT_MESSAGE, NOT_LEADER_OR_FOLLOWER, INVALID_RECORD
    "consume": frozenset({0, 1, 6}),  # NONE, OFFSET_OUT_OF_RANGE, NOT_LEADER_OR_FOLLOWER
    # COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, ILLEGAL_GENERATION,
    # UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS
    "group": frozenset({0, 14, 15, 16, 22, 25, 27}),
}
_UNKNOWN_TOPIC: int = KafkaError.UNKNOWN_TOPIC_OR_PART
#: The request of each kind: (connection, name of the topic or group) -> error code.
_REQUESTS: dict[str, Callable[[BrokerConnection, str], int]] = {
    "produce": requests.produce_corrupt,
    "consume": requests.fetch,
    "group": requests.heartbeat,
}
_OPERATION: dict[Action, str] = {"produce": "WRITE", "consume": "READ"}

#: What was asked of whom: (broker, kind of request, name of the topic or group).
Asked = tuple[str, str, str]


def evidence_of(codes: Mapping[Asked, int]) -> dict[str, Any]:
    """Return the answers as evidence: the error's name by request and broker."""
    answers: dict[str, dict[str, str]] = {}
    for (broker, kind, name), code in codes.items():
        answers.setdefault(f"{kind} {name}", {})[broker] = error_name(code)
    return {"answers": answers}


def judge_allowed(codes: Mapping[Asked, int]) -> Outcome:
    """Judge answers to requests that must be authorized.

    Raises:
        ProbeError: an answer says neither yes nor no.
    """
    evidence = evidence_of(codes)
    for (broker, kind, name), code in codes.items():
        if code in (TOPIC_REFUSED, GROUP_REFUSED):
            return Failed(f"{broker} refuses {kind} on {name}: {error_name(code)}", evidence)
        if code == _UNKNOWN_TOPIC:
            return Failed(f"{broker} has no topic {name}", evidence)
    for (broker, kind, name), code in codes.items():
        if code not in _AUTHORIZED[kind]:
            raise ProbeError(f"{broker} answered {kind} on {name} with {error_name(code)}", evidence)
    return Verified(evidence)


def judge_refused(codes: Mapping[Asked, int]) -> Outcome:
    """Judge answers to requests that must be refused; only the authorization error is a refusal.

    Raises:
        ProbeError: an answer says neither yes nor no.
    """
    evidence = evidence_of(codes)
    for (broker, kind, name), code in codes.items():
        # A broker that says "no such topic" would have let the principal use one of that name.
        if code in _AUTHORIZED[kind] or code == _UNKNOWN_TOPIC:
            return Failed(f"{broker} lets the principal {kind} on {name} ({error_name(code)})", evidence)
    for (broker, kind, name), code in codes.items():
        if code != (GROUP_REFUSED if kind == "group" else TOPIC_REFUSED):
            raise ProbeError(f"{broker} answered {kind} on {name} with {error_name(code)}", evidence)
    return Verified(evidence)


def judge_hidden(topic: str, listed: Mapping[str, Iterable[str]], described: Mapping[str, int]) -> Outcome:
    """Judge whether a topic stays hidden: absent from every broker's list, and refused when named."""
    evidence = {"described": {broker: error_name(code) for broker, code in described.items()}}
    for broker, names in listed.items():
        if topic in names:
            return Failed(f"{broker} lists topic {topic} to the principal", evidence)
    for broker, code in described.items():
        if code == 0:
            return Failed(f"{broker} describes topic {topic} to the principal", evidence)
        if code != TOPIC_REFUSED:
            raise ProbeError(f"{broker} answered the description of {topic} with {error_name(code)}", evidence)
    return Verified(evidence)


def ask(access: Access, principal: Principal, kind: str, names: Iterable[str], watch: Watch) -> dict[Asked, int]:
    """Ask every broker about each topic or group as the principal; returns error codes."""
    send = _REQUESTS[kind]
    codes: dict[Asked, int] = {}
    for number, address in access.brokers(principal, watch).items():
        connection = access.connection(principal, address, watch)
        for name in names:
            watch.waiting(f"broker {number} to answer {kind} on {name} as {principal.name}")
            codes[f"broker {number}", kind, name] = send(connection, name)
    return codes


def operations(access: Access, principal: Principal, topic: str, watch: Watch) -> frozenset[str] | None:
    """Return what the brokers say that the principal may do with a topic (KIP-430)."""
    found = requests.metadata(access.any_connection(principal, watch), [topic]).topics[topic]
    return None if found.error else found.operations


def _allow(principal: Principal, topic: str, action: Action) -> Probe:
    def probe(access: Access, watch: Watch) -> Outcome:
        codes = ask(access, principal, action, [topic], watch)
        if action == "consume":
            codes |= ask(access, principal, "group", grants.groups(principal, topic), watch)
        outcome = judge_allowed(codes)
        if not isinstance(outcome, Verified):
            return outcome
        said = operations(access, principal, topic, watch)
        evidence = {**outcome.evidence, "authorized_operations": sorted(said or ())}
        if said is not None and _OPERATION[action] not in said:
            return Failed(f"the brokers let {principal.name} {action} but do not say so (KIP-430)", evidence)
        if action == "produce":
            return storing.store(access, principal, topic, evidence, watch)
        return storing.read(access, principal, topic, evidence, watch)

    return probe


def _deny(principal: Principal, topic: str, action: Action) -> Probe:
    def probe(access: Access, watch: Watch) -> Outcome:
        outcome = judge_refused(ask(access, principal, action, [topic], watch))
        said = operations(access, principal, topic, watch)
        if isinstance(outcome, Verified) and said is not None and _OPERATION[action] in said:
            return Failed(
                f"the brokers refuse {principal.name} but say that it may {action} (KIP-430)",
                {**outcome.evidence, "authorized_operations": sorted(said)},
            )
        return outcome

    return probe


@family(
    "acl.<principal>.allow.produce.<topic>",
    title="Granted: produce",
    risk="An application cannot write, after the deployment",
    statement="Every broker authorizes the principal to produce to a topic that it was granted, and stores its record",
    remediation="Add the WRITE ACL (SCRAM, mTLS), or kafka-cluster:WriteData on the topic's ARN (IAM)",
    documentation="Apache Kafka documentation, Authorization and ACLs; Amazon MSK Developer Guide, IAM access control",
)
def allow_produce(environment: Environment) -> Iterable[Member]:
    """Yield one member for each granted (principal, topic)."""
    for principal, topic in grants.matrix(environment, "produce", granted=True):
        yield Member(
            f"acl.{principal.name}.allow.produce.{topic}",
            f"{principal.name} may produce to {topic}: every broker authorizes it",
            _allow(principal, topic, "produce"),
        )


@family(
    "acl.<principal>.allow.consume.<topic>",
    title="Granted: consume",
    risk="An application cannot read or join its group, after the deployment",
    statement="Every broker authorizes the principal to fetch from a topic that it was granted and to use its group",
    remediation="Add READ ACLs on topic and group, or kafka-cluster:ReadData and AlterGroup on their ARNs (IAM)",
    documentation="Apache Kafka documentation, Authorization and ACLs; Amazon MSK Developer Guide, IAM access control",
)
def allow_consume(environment: Environment) -> Iterable[Member]:
    """Yield one member for each granted (principal, topic)."""
    for principal, topic in grants.matrix(environment, "consume", granted=True):
        yield Member(
            f"acl.{principal.name}.allow.consume.{topic}",
            f"{principal.name} may consume from {topic} and use its consumer group: every broker authorizes it",
            _allow(principal, topic, "consume"),
        )


def _deny_members(environment: Environment, action: Action) -> Iterable[Member]:
    for principal, topic in grants.matrix(environment, action, granted=False):
        preposition = "to" if action == "produce" else "from"
        yield Member(
            f"acl.{principal.name}.deny.{action}.{topic}",
            f"{principal.name} may not {action} {preposition} {topic}: every broker refuses it",
            _deny(principal, topic, action),
        )


@family(
    "acl.<principal>.deny.produce.<topic>",
    title="Not granted: produce",
    risk="A reader, or a stranger, can write false records",
    statement="Every broker refuses, with TOPIC_AUTHORIZATION_FAILED, a principal that produces without a grant",
    remediation="Remove the ACL or policy that is too wide; check prefixes, wildcards and User:*",
    documentation="Apache Kafka documentation, Authorization and ACLs; KIP-290",
)
def deny_produce(environment: Environment) -> Iterable[Member]:
    """Yield one member for each (principal, topic) without the grant."""
    return _deny_members(environment, "produce")


@family(
    "acl.<principal>.deny.consume.<topic>",
    title="Not granted: consume",
    risk="Data leaks to an application that should only write, or to a stranger",
    statement="Every broker refuses, with TOPIC_AUTHORIZATION_FAILED, a principal that fetches without a grant",
    remediation="Remove the ACL or policy that is too wide; check prefixes, wildcards and User:*",
    documentation="Apache Kafka documentation, Authorization and ACLs; KIP-290",
)
def deny_consume(environment: Environment) -> Iterable[Member]:
    """Yield one member for each (principal, topic) without the grant."""
    return _deny_members(environment, "consume")


def _deny_group(principal: Principal) -> Probe:
    def probe(access: Access, watch: Watch) -> Outcome:
        names = grants.foreign_groups(access.environment, principal)
        return judge_refused(ask(access, principal, "group", names, watch))

    return probe


@family(
    "acl.<principal>.deny.group",
    title="Not granted: consumer groups",
    risk="One application moves another's offsets, or takes its partitions",
    statement="Every broker refuses, with GROUP_AUTHORIZATION_FAILED, a principal in a group that it was not granted",
    remediation="Grant groups by their whole names",
    documentation="Apache Kafka documentation, Authorization and ACLs",
)
def deny_group(environment: Environment) -> Iterable[Member]:
    """Yield one member for each principal."""
    for principal in environment.principals:
        yield Member(
            f"acl.{principal.name}.deny.group",
            f"{principal.name} may not use consumer groups that it was not granted: every broker refuses it",
            _deny_group(principal),
        )


def _deny_other_topic(principal: Principal) -> Probe:
    def probe(access: Access, watch: Watch) -> Outcome:
        topic = access.probe_topic_name
        if any(grants.allowed(principal, topic, action) for action in grants.ACTIONS):
            return NotCovered(f"a grant of {principal.name} covers every topic, {topic} too")
        probe_topic.ensure(access, watch)
        codes: dict[Asked, int] = {}
        for action in grants.ACTIONS:
            codes |= ask(access, principal, action, [topic], watch)
        outcome = judge_refused(codes)
        if not isinstance(outcome, Verified):
            return outcome
        listed: dict[str, Iterable[str]] = {}
        described: dict[str, int] = {}
        for number, address in access.brokers(principal, watch).items():
            watch.waiting(f"broker {number} to list topics to {principal.name}")
            connection = access.connection(principal, address, watch)
            listed[f"broker {number}"] = requests.metadata(connection, None).topics
            described[f"broker {number}"] = requests.metadata(connection, [topic]).topics[topic].error
        hidden = judge_hidden(topic, listed, described)
        return Verified({**outcome.evidence, **hidden.evidence}) if isinstance(hidden, Verified) else hidden

    return probe


@family(
    "acl.<principal>.deny.other-topic",
    title="Not granted: other topics",
    risk="A grant is wider than it looks and reaches topics that come later",
    statement="Every broker hides a topic that the operator made from the principal, and refuses to read and write it",
    remediation="Remove the ACL or policy that is too wide; check prefixes, wildcards and User:*",
    documentation="Apache Kafka documentation, Authorization and ACLs; KIP-290",
    needs=("operator", "listener.iam", "writes"),
)
def deny_other_topic(environment: Environment) -> Iterable[Member]:
    """Yield one member for each principal."""
    for principal in environment.principals:
        yield Member(
            f"acl.{principal.name}.deny.other-topic",
            f"{principal.name} may neither see, read nor write a topic that it was not granted",
            _deny_other_topic(principal),
        )
