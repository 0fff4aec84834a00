"""Drift: what the brokers hold is what was declared, for ACLs and topics, on every broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from contracts.access import Access
from contracts.model import Failed, Outcome, Verified, Watch
from contracts.registry import Member, contract, family
from contracts.wire import requests
from contracts.wire.describe import Acl, Setting, broker_config, describe_acls, topic_settings
from orchestrator.environment import Environment, Principal, Topic

_UNKNOWN_TOPIC = 3


def declared_acls(principals: Iterable[Principal]) -> frozenset[Acl]:
    """Return the ACLs that the declared grants need and no other; IAM principals have none (see `kafka_admin`)."""
    from orchestrator.kafka_admin import acl_bindings

    return frozenset(
        Acl(
            binding.principal,
            binding.operation.name,
            binding.restype.name,
            binding.name,
            binding.resource_pattern_type.name,
            binding.host,
            binding.permission_type.name,
        )
        for binding in acl_bindings(principals)
    )


def judge_acls(declared: frozenset[Acl], held: Mapping[int, frozenset[Acl]], own_names: frozenset[str]) -> Outcome:
    """Judge the ACLs of each broker.

    Args:
        declared: what the spec's grants need.
        held: what each broker holds.
        own_names: beginnings of the names of resources that probes of this run make for themselves.
    """
    evidence: dict[str, Any] = {"declared": len(declared), "brokers": {}}
    for broker, all_acls in held.items():
        acls = {acl for acl in all_acls if not acl.name.startswith(tuple(own_names))}
        evidence["brokers"][str(broker)] = len(acls)
        unknown, missing = sorted(acls - declared), sorted(declared - acls)
        if unknown:
            evidence["unknown"] = [str(acl) for acl in unknown]
            reason = f"broker {broker} has an ACL that nobody declared: {unknown[0]}"
            return Failed(reason, evidence).at(*evidence["unknown"])
        if missing:
            evidence["missing"] = [str(acl) for acl in missing]
            return Failed(f"broker {broker} lacks a declared ACL: {missing[0]}", evidence)
    return Verified(evidence)


@contract(
    "acl.drift",
    title="No ACL that nobody declared",
    risk="An ACL added by hand stays for ever, and nobody knows who may do what",
    statement="Every broker holds the ACLs that the declared grants need, and no other",
    remediation="Remove the ACL, or declare the grant in the spec",
    documentation="Apache Kafka documentation, Authorization and ACLs; KIP-290",
    needs=("operator", "principals"),
)
def acl_drift(access: Access, watch: Watch) -> Outcome:
    """Ask every broker for all ACLs, as the operator."""
    held = {}
    for broker, address in access.brokers(access.operator, watch).items():
        watch.waiting(f"broker {broker} to describe its ACLs")
        held[broker] = describe_acls(access.connection(access.operator, address, watch))
    own = frozenset({access.probe_topic_name})
    return judge_acls(declared_acls(access.environment.principals), held, own)


def judge_topic(
    declared: Topic, partitions: Mapping[int, int] | None, replicas: int, config: Mapping[str, Setting]
) -> Outcome:
    """Judge one topic.

    Args:
        declared: the topic as the spec has it.
        partitions: the leader of each partition; None when the topic does not exist.
        replicas: the smallest number of replicas of a partition.
        config: the effective configuration.
    """
    if partitions is None:
        return Failed(f"topic {declared.name} does not exist")
    overridden = {name for name, setting in config.items() if setting.overridden}
    seen = {
        name: config[name].value if name in config else "not set"
        for name in dict.fromkeys([*declared.config, *sorted(overridden)])
    }
    evidence: dict[str, Any] = {"partitions": len(partitions), "replication_factor": replicas, "config": seen}
    if len(partitions) != declared.partitions:
        return Failed(f"{declared.name} has {len(partitions)} partitions, declared are {declared.partitions}", evidence)
    if replicas != declared.replication_factor:
        return Failed(f"{declared.name} has {replicas} replicas, declared are {declared.replication_factor}", evidence)
    for name, wanted in declared.config.items():
        if seen[name] != wanted:
            return Failed(f"{declared.name} has {name}={seen[name]}, declared is {wanted}", evidence)
    if undeclared := sorted(overridden - set(declared.config)):
        name = undeclared[0]
        return Failed(f"{declared.name} has {name}={seen[name]}, which nobody declared", evidence)
    if leaderless := [number for number, leader in partitions.items() if leader < 0]:
        return Failed(f"partition {leaderless[0]} of {declared.name} has no leader", evidence)
    return Verified(evidence)


@family(
    "topic.<topic>.as-declared",
    title="The topic is as declared",
    risk="Retention, compaction or durability of a topic are not what its applications rely on",
    statement="The topic has the declared partitions, replicas and configuration, no other, and a leader everywhere",
    remediation="Alter the topic, or correct the spec; a replication factor needs a reassignment",
    documentation="Apache Kafka documentation, Topic Configs",
    needs=("operator",),
)
def topics(environment: Environment) -> Iterable[Member]:
    """Expand to one contract for each declared topic."""
    for topic in environment.topics:
        yield Member(
            f"topic.{topic.name}.as-declared",
            f"Topic {topic.name} has {topic.partitions} partitions, {topic.replication_factor} replicas"
            + "".join(f", {name}={value}" for name, value in topic.config.items()),
            lambda access, watch, topic=topic: _probe(topic, access, watch),  # type: ignore[misc]
        )


def _probe(topic: Topic, access: Access, watch: Watch) -> Outcome:
    watch.waiting(f"the description of topic {topic.name}")
    connection = access.any_connection(access.operator, watch)
    seen = requests.metadata(connection, [topic.name]).topics[topic.name]
    if seen.error == _UNKNOWN_TOPIC:
        return judge_topic(topic, None, 0, {})
    config = topic_settings(connection, [topic.name])[topic.name]
    return judge_topic(topic, seen.leaders, min(seen.replicas.values(), default=0), config)


def judge_settings(declared: Mapping[str, str], seen: Mapping[int, Mapping[str, str]]) -> Outcome:
    """Judge brokers' effective settings, by broker.

    What a broker does not know (another version's) or does not tell (its authorizer's, which it takes for secret) is
    not compared.
    """
    unknown = sorted({name for name in declared for config in seen.values() if not config.get(name)})
    evidence: dict[str, Any] = {
        "declared": dict(declared),
        "brokers": {str(broker): {n: config.get(n) or "not told" for n in declared} for broker, config in seen.items()},
        "not compared": unknown,
    }
    for broker, config in seen.items():
        for name, wanted in declared.items():
            if config.get(name) and config[name] != wanted:
                return Failed(f"broker {broker} has {name}={config[name]}, declared is {wanted}", evidence)
    return Verified(evidence)


@contract(
    "broker.settings.as-declared",
    title="Brokers' settings are as declared",
    risk="A broker creates topics that are only asked for, or acknowledges records that one disk alone has",
    statement="Every broker's effective settings are those of the environment's configuration",
    remediation="Apply the configuration again (UpdateClusterConfiguration); remove dynamic settings of the broker",
    documentation="Amazon MSK Developer Guide, Amazon MSK custom configurations; KIP-226",
    needs=("operator", "settings"),
)
def broker_settings(access: Access, watch: Watch) -> Outcome:
    """Ask each broker for its own settings, as the operator."""
    seen = {}
    for broker, address in access.brokers(access.operator, watch).items():
        watch.waiting(f"broker {broker} to describe its settings")
        seen[broker] = broker_config(access.connection(access.operator, address, watch), broker)
    return judge_settings(access.environment.cluster.settings, seen)
