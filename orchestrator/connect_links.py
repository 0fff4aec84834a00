"""Links: a MirrorMaker connector reads from another environment, which the spec names and this fills in.

The connector's own role reads at the source: IAM policies rule both clusters, so there is no password to hand over, and
nothing secret in the configuration, the state or the lease ("Migrate to Amazon MSK using MirrorMaker 2 with MSK
Connect", Amazon MSK Developer Guide).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from orchestrator.aws import AwsSession
from orchestrator.connect_spec import MIRROR_CANARY, ConnectorSpec, LinkSpec
from orchestrator.environment import Environment, Link, Topic
from orchestrator.errors import EphkError, UsageError
from orchestrator.lease import Lease, LeaseState
from orchestrator.spec import EnvironmentSpec, TopicSpec
from stacks.inputs import LinkInputs

_CANARY_PARTITIONS = 2
_CHECKPOINTS = "MirrorCheckpointConnector"
_SOURCE = "MirrorSourceConnector"
_IDENTITY_POLICY = "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"
_BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"
_REQUEST_S = 20.0
#: As every client of MSK's IAM listener is configured; no secret is in it.
_IAM = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "AWS_MSK_IAM",
    "sasl.jaas.config": "software.amazon.msk.auth.iam.IAMLoginModule required;",
    "sasl.client.callback.handler.class": "software.amazon.msk.auth.iam.IAMClientCallbackHandler",
}
#: What fits an environment of hours, unless the connector's configuration says otherwise. Topics, their settings and
#: ACLs are the operator's, and offset syncs are kept at the target, so that nothing is written at the source.
_DEFAULTS = {
    "key.converter": _BYTES,
    "value.converter": _BYTES,
    # The workers' own would write a header's bytes as Base64 text.
    "header.converter": _BYTES,
    "sync.topic.acls.enabled": "false",
    "sync.topic.configs.enabled": "false",
    "emit.heartbeats.enabled": "false",
    "offset-syncs.topic.location": "target",
    "offset-syncs.topic.replication.factor": "-1",
    "checkpoints.topic.replication.factor": "-1",
    "replication.factor": "-1",
    "emit.checkpoints.interval.seconds": "1",
    "sync.group.offsets.interval.seconds": "1",
    "refresh.topics.interval.seconds": "10",
    "refresh.groups.interval.seconds": "10",
}


@dataclass(frozen=True)
class Resolved:
    """A spec with its links filled in.

    Attributes:
        spec: connectors have their configuration, and mirrored topics are declared.
        links: by connector.
        canaries: environments in which the canary's topic and group have to be.
    """

    spec: EnvironmentSpec
    links: Mapping[str, Link] = field(default_factory=dict)
    canaries: tuple[Environment, ...] = ()

    def inputs(self) -> dict[str, LinkInputs]:
        """Return what the stack is told of each link, by connector."""
        return {
            name: LinkInputs(link.cluster.arn, link.alias, link.topics, link.groups)
            for name, link in self.links.items()
        }


def resolve(spec: EnvironmentSpec, target: str, find: Callable[[str], Lease]) -> Resolved:
    """Fill in the links of a spec.

    Args:
        spec: as written.
        target: where it will be provisioned.
        find: returns the lease with a name; raises EphkError.

    Raises:
        UsageError: an environment is not ready, lives elsewhere, or lacks a topic.
    """
    connectors = spec.connect.connectors if spec.connect is not None else ()
    if spec.connect is None or not any(connector.link for connector in connectors):
        return Resolved(spec)
    topics = {topic.name: topic for topic in spec.topics}
    links: dict[str, Link] = {}
    canaries: dict[str, Environment] = {}
    filled = []
    for connector in connectors:
        if connector.link is None:
            filled.append(connector)
            continue
        source = _source(connector, connector.link, target, find)
        link = _link(connector, connector.link, source)
        for topic in source.topics:
            if topic.name in link.topics:
                _declare(topics, connector, link.mirrored[topic.name], topic.partitions, topic.config)
        if connector.link.canary:
            canaries[source.lease_id] = source
            for name in (MIRROR_CANARY, link.mirrored[MIRROR_CANARY]):
                _declare(topics, connector, name, _CANARY_PARTITIONS, {})
        links[connector.name] = link
        filled.append(_filled_in(connector, link, spec.name))
    connect = spec.connect.model_copy(update={"connectors": tuple(filled)})
    resolved = spec.model_copy(update={"connect": connect, "topics": tuple(topics.values())})
    return Resolved(resolved, links, tuple(canaries.values()))


def _source(connector: ConnectorSpec, link: LinkSpec, target: str, find: Callable[[str], Lease]) -> Environment:
    where = f"connector {connector.name}: link: "
    if target != "embedded":
        raise UsageError(
            f"{where}environments on {target} have a VPC each, and nothing connects them yet",
            next_step="Rehearse the mirror with --target embedded.",
        )
    try:
        lease = find(link.environment)
    except EphkError as error:
        raise UsageError(
            f"{where}{error.message}",
            next_step=f"Bring {link.environment} up first: ephk up SPEC --name {link.environment}",
        ) from None
    if lease.state is not LeaseState.READY or lease.environment is None or lease.target != target:
        state = f"{lease.state}, not ready" if lease.target == target else f"on {lease.target}, not on {target}"
        raise UsageError(f"{where}environment {lease.name} is {state}", next_step=f"See: ephk show {lease.name}")
    declared = {topic.name for topic in lease.environment.topics}
    if missing := [name for name in link.topics if name not in declared]:
        known = ", ".join(sorted(declared)) or "none"
        raise UsageError(f"{where}{lease.name} has no topic {missing[0]}; topics: {known}")
    return lease.environment


def _link(connector: ConnectorSpec, link: LinkSpec, source: Environment) -> Link:
    canary = (MIRROR_CANARY,) if link.canary else ()
    topics = (*link.topics, *(name for name in canary if name not in link.topics))
    alias = connector.config.get("source.cluster.alias", source.name)
    separator = connector.config.get("replication.policy.separator", ".")
    prefix = "" if connector.config.get("replication.policy.class") == _IDENTITY_POLICY else f"{alias}{separator}"
    return Link(
        environment=source.name,
        lease_id=source.lease_id,
        alias=alias,
        cluster=source.cluster,
        operator_arn=source.roles["operator"],
        topics=topics,
        groups=(*link.groups, *(name for name in canary if name not in link.groups)),
        mirrored={topic: f"{prefix}{topic}" for topic in topics},
    )


def _declare(
    topics: dict[str, TopicSpec], connector: ConnectorSpec, name: str, partitions: int, config: Mapping[str, str]
) -> None:
    """Declare a mirrored topic as it is at the source, unless the spec has declared it."""
    known = topics.setdefault(name, TopicSpec(name=name, partitions=partitions, config=dict(config)))
    if known.partitions != partitions:
        raise UsageError(
            f"connector {connector.name}: topic {name} is declared with {known.partitions} partitions; a mirror keeps "
            f"the source's, which are {partitions}"
        )


def _filled_in(connector: ConnectorSpec, link: Link, own_name: str) -> ConnectorSpec:
    kind, mirrored = connector.config["connector.class"].rsplit(".", 1)[-1], tuple(link.mirrored.values())
    config = {
        **_DEFAULTS,
        "source.cluster.alias": link.alias,
        "topics": ",".join(link.topics),
        **({"groups": ",".join(link.groups)} if kind == _CHECKPOINTS else {}),
        **connector.config,
        "target.cluster.alias": own_name,
        "source.cluster.bootstrap.servers": link.cluster.bootstrap["iam"],
        "target.cluster.bootstrap.servers": "${ephk:bootstrap}",
        **{f"{side}.cluster.{name}": value for side in ("source", "target") for name, value in _IAM.items()},
    }
    return connector.model_copy(
        update={
            "config": config,
            "consumes": _with(connector.consumes, mirrored if kind == _CHECKPOINTS else ()),
            "produces": _with(connector.produces, mirrored if kind == _SOURCE else ()),
        }
    )


def _with(names: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return (*names, *(name for name in more if name not in names))


def prepare_canary(source: Environment, session: AwsSession) -> None:
    """Make the canary's topic at the source, and its group with an offset; harmless when they are there.

    MirrorMaker looks for topics and groups when it starts, and then once in a while only.

    Raises:
        EphkError: the source's brokers refuse the operator.
    """
    from contracts.access import Access
    from contracts.model import Watch
    from orchestrator.kafka_admin import KafkaAdmin

    replicas = min(3, source.cluster.brokers)
    with Access(source, session) as access:
        KafkaAdmin(access).create_missing(
            [Topic(name=MIRROR_CANARY, partitions=_CANARY_PARTITIONS, replication_factor=replicas)]
        )
        config = access.librdkafka(access.operator, Watch(_REQUEST_S))
        _begin_group({**config, "group.id": MIRROR_CANARY, "enable.auto.commit": False, "log_level": 0})


def _begin_group(config: Mapping[str, Any]) -> None:
    """Commit the beginning for a group that has committed nothing yet."""
    consumer = Consumer(dict(config))
    places = [TopicPartition(MIRROR_CANARY, partition, 0) for partition in range(_CANARY_PARTITIONS)]
    try:
        consumer.poll(0)  # the token comes through a callback
        if all(place.offset < 0 for place in consumer.committed(places, timeout=_REQUEST_S)):
            consumer.commit(offsets=places, asynchronous=False)
    except KafkaException as error:
        raise EphkError(f"the source refuses the group {MIRROR_CANARY}: {error.args[0].str()}") from error
    finally:
        consumer.close()
