"""The environment spec: the YAML a user writes, as a validated object."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from orchestrator.connect_spec import CANARY_NUMBERS, CANARY_TOPIC, ConnectSpec
from orchestrator.environment import Grant, Mechanism
from orchestrator.errors import UsageError
from orchestrator.spec_contracts import ContractSpec, contract_problems
from orchestrator.spec_observability import ObservabilitySpec
from orchestrator.spec_registry import SchemaRegistrySpec
from orchestrator.spec_scorecard import ScorecardSpec
from orchestrator.spec_source import Problem
from orchestrator.spec_types import Strict as _Strict
from orchestrator.spec_types import format_duration, parse_duration
from orchestrator.tags import LEASE_ID_PATTERN

Flavour = Literal["msk", "msk-serverless", "kafka-ec2", "automq-ec2"]

#: Flavours that `up` can provision today; the others are in the vocabulary, and refused with that reason.
PROVISIONABLE: frozenset[str] = frozenset({"msk"})

MIN_TTL = timedelta(minutes=5)
MAX_TTL = timedelta(days=7)

_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")
#: Kafka's own rule for topic names (org.apache.kafka.common.internals.Topic).
_TOPIC = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}")
#: Also the last part of a Secrets Manager name and of a Kafka principal.
_PRINCIPAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def parse_ttl(text: object) -> timedelta:
    """Read a time to live within the allowed range.

    Raises:
        ValueError: not a duration, or outside `MIN_TTL` to `MAX_TTL`.
    """
    ttl = text if isinstance(text, timedelta) else parse_duration(text)
    if not MIN_TTL <= ttl <= MAX_TTL:
        raise ValueError(
            f"must be between {format_duration(MIN_TTL)} and {format_duration(MAX_TTL)}, is {format_duration(ttl)}"
        )
    return ttl


def parse_limit(text: object) -> timedelta | None:
    """Read a positive duration of at most `MAX_TTL`; None stays None.

    Raises:
        ValueError: not a duration, zero, or longer than `MAX_TTL`.
    """
    limit = text if text is None or isinstance(text, timedelta) else parse_duration(text)
    if limit is not None and not timedelta(0) < limit <= MAX_TTL:
        raise ValueError(f"must be more than 0s and at most {format_duration(MAX_TTL)}, is {format_duration(limit)}")
    return limit


def _matching(pattern: re.Pattern[str], rule: str) -> Any:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(rule)
        return value

    return AfterValidator(check)


def _no_lease_id(name: str) -> str:
    """Refuse a name that could be a lease's id: commands take either, and must never mean another's environment."""
    if re.fullmatch(LEASE_ID_PATTERN, name):
        raise ValueError("has the form of a lease's id (8 consonants and digits): add a '-' or a vowel")
    return name


EnvironmentName = Annotated[
    str,
    _matching(
        _NAME,
        "must be 1 to 32 characters: lower-case letters, digits and '-', beginning with a letter, not ending in '-'",
    ),
    AfterValidator(_no_lease_id),
]
TopicName = Annotated[
    str,
    _matching(
        _TOPIC,
        "must be 1 to 249 of the characters a-z A-Z 0-9 . _ - and not '.' or '..' (Kafka's rule for topic names)",
    ),
]
PrincipalName = Annotated[
    str, _matching(_PRINCIPAL, "must be 1 to 64 of the characters A-Z a-z 0-9 _ . -, beginning with a letter or digit")
]


def _config_value(value: object) -> object:
    """Kafka's configuration values are text; YAML's own numbers and booleans are taken as Kafka writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


ConfigValue = Annotated[str, BeforeValidator(_config_value)]


class BrokersSpec(_Strict):
    """The brokers.

    Attributes:
        count: how many; a multiple of the number of zones, as MSK requires.
        instance_type: an MSK broker type.
        storage_gb: EBS volume of each broker, GiB.
        kafka_version: a version that MSK offers; the embedded target runs Apache Kafka 4.3.1 whatever this says.
        config: server properties that MSK lets a custom configuration set.
    """

    count: int = Field(default=3, ge=1, le=15)
    instance_type: str = Field(default="kafka.m7g.large", pattern=r"^(kafka|express)\.[a-z0-9]+\.[a-z0-9]+$")
    storage_gb: int = Field(default=10, ge=1, le=16384)
    kafka_version: str = Field(default="4.1.x.kraft", pattern=r"^\d+\.\d+(\.\d+|\.x)(\.kraft)?$")
    config: dict[str, ConfigValue] = Field(default_factory=dict)


class NetworkSpec(_Strict):
    """The VPC: `zones` private subnets in as many availability zones."""

    cidr: str = Field(default="10.42.0.0/16", pattern=r"^\d{1,3}(\.\d{1,3}){3}/(1[6-9]|2[0-4])$")
    zones: int = Field(default=3, ge=1, le=3)


class TopicSpec(_Strict):
    """A topic, made by the operator role once the cluster is active."""

    name: TopicName
    partitions: int = Field(default=3, ge=1, le=1000)
    replication_factor: int | None = Field(default=None, ge=1, le=15)
    config: dict[str, ConfigValue] = Field(default_factory=dict)


class GrantSpec(_Strict):
    """What a principal may do with one declared topic."""

    topic: TopicName
    allow: tuple[Literal["produce", "consume"], ...] = Field(min_length=1)
    group: str | None = Field(default=None, min_length=1, max_length=249)

    @model_validator(mode="after")
    def _consume_names_its_group(self) -> GrantSpec:
        if "consume" in self.allow and self.group is None:
            raise ValueError("'consume' needs 'group': the consumer group that the principal may use")
        return self

    def as_grant(self) -> Grant:
        """Return the grant as the environment object carries it."""
        return Grant(topic=self.topic, allow=self.allow, group=self.group)


class PrincipalSpec(_Strict):
    """A client identity with the least it needs."""

    name: PrincipalName
    auth: Mechanism = "scram"
    grants: tuple[GrantSpec, ...] = Field(min_length=1)


class BucketSpec(_Strict):
    """The object-storage bucket: objects expire after `expire_days` days."""

    expire_days: int = Field(default=7, ge=1, le=365)


class EnvironmentSpec(_Strict):
    """One environment, as asked for. Every field has a default: an empty spec is a working environment.

    Attributes:
        ttl: how long it lives once it is ready.
        max_ttl: how long it may live once it is ready, extensions included; None takes the longest allowed.
        create_deadline: how long provisioning may take; None takes 90 minutes on aws, 20 on the embedded target.
        budget_usd: the most that it may cost over its ttl, by the estimate, USD.
        schema_registry: a registry to run or to use; None has none.
        observability: alarms and flow logs; None has none.
    """

    name: EnvironmentName = "default"
    flavour: Flavour = "msk"
    region: str = Field(default="us-east-1", pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    ttl: Annotated[timedelta, BeforeValidator(parse_ttl)] = timedelta(hours=4)
    max_ttl: Annotated[timedelta | None, BeforeValidator(parse_limit)] = None
    create_deadline: Annotated[timedelta | None, BeforeValidator(parse_limit)] = None
    budget_usd: float | None = Field(default=None, gt=0)
    cost_center: str = "none"
    brokers: BrokersSpec = BrokersSpec()
    network: NetworkSpec = NetworkSpec()
    auth: tuple[Mechanism, ...] = Field(default=("scram", "iam", "mtls"), min_length=1)
    topics: tuple[TopicSpec, ...] = (TopicSpec(name="events"),)
    principals: tuple[PrincipalSpec, ...] = ()
    bucket: BucketSpec = BucketSpec()
    schema_registry: SchemaRegistrySpec | None = None
    contracts: tuple[ContractSpec, ...] = ()
    scorecard: ScorecardSpec = ScorecardSpec()
    connect: ConnectSpec | None = None
    observability: ObservabilitySpec | None = None

    @model_validator(mode="after")
    def _topics_of_the_canary(self) -> EnvironmentSpec:
        """Declare the canary's own topics with it."""
        if self.connect is not None and self.connect.canary:
            missing = {CANARY_TOPIC, CANARY_NUMBERS} - {topic.name for topic in self.topics}
            own = tuple(TopicSpec(name=name, partitions=2) for name in sorted(missing))
            object.__setattr__(self, "topics", (*self.topics, *own))  # the model is frozen for everybody else
        return self

    @model_validator(mode="after")
    def _two_principals_unless_told(self) -> EnvironmentSpec:
        """Without `principals`, one may produce to every topic and one may consume every topic."""
        if "principals" in self.model_fields_set or not self.topics:
            return self
        auth = "scram" if "scram" in self.auth else self.auth[0]
        names = [topic.name for topic in self.topics if topic.name not in {CANARY_TOPIC, CANARY_NUMBERS}]
        produce = tuple(GrantSpec(topic=name, allow=("produce",)) for name in names)
        consume = tuple(GrantSpec(topic=name, allow=("consume",), group="consumer") for name in names)
        principals = (
            PrincipalSpec(name="producer", auth=auth, grants=produce),
            PrincipalSpec(name="consumer", auth=auth, grants=consume),
        )
        object.__setattr__(self, "principals", principals)  # the model is frozen for everybody else
        return self

    def problems(self) -> list[Problem]:
        """Return what fields are right by themselves and wrong together, with the path of each."""
        found: list[Problem] = []
        if self.flavour not in PROVISIONABLE:
            ready = ", ".join(sorted(PROVISIONABLE))
            found.append(Problem(("flavour",), f"'{self.flavour}' cannot be provisioned by this version; use {ready}"))
        if self.brokers.count % self.network.zones:
            found.append(
                Problem(
                    ("brokers", "count"),
                    f"must be a multiple of the {self.network.zones} subnets (network.zones), is {self.brokers.count}",
                )
            )
        if self.max_ttl is not None and self.ttl > self.max_ttl:
            found.append(Problem(("max_ttl",), f"must be at least the ttl of {format_duration(self.ttl)}, is less"))
        found += _duplicates(("auth",), self.auth)
        if "iam" not in self.auth:
            found.append(
                Problem(
                    ("auth",), "must include 'iam': MSK has no super user, so only an IAM role can create the first ACL"
                )
            )
        found += _duplicates(("topics",), tuple(topic.name for topic in self.topics), "name")
        found += _duplicates(("principals",), tuple(principal.name for principal in self.principals), "name")
        found += _colliding(tuple(topic.name for topic in self.topics))
        for index, topic in enumerate(self.topics):
            if topic.replication_factor is not None and topic.replication_factor > self.brokers.count:
                found.append(
                    Problem(
                        ("topics", index, "replication_factor"),
                        f"must not exceed the {self.brokers.count} brokers, is {topic.replication_factor}",
                    )
                )
        alarms = self.observability is not None and self.observability.alarms
        if alarms and self.brokers.instance_type.startswith("express."):
            told = "Express brokers lack half of the metrics that alarms are for; set it to false"
            found.append(Problem(("observability", "alarms"), told))
        found += contract_problems(self.contracts, {principal.name for principal in self.principals})
        if self.connect is not None:
            found += self.connect.problems(topic.name for topic in self.topics)
        return found + self._grant_problems()

    def _grant_problems(self) -> list[Problem]:
        found: list[Problem] = []
        declared = {topic.name for topic in self.topics}
        for index, principal in enumerate(self.principals):
            if principal.auth not in self.auth:
                found.append(
                    Problem(
                        ("principals", index, "auth"),
                        f"'{principal.auth}' is not among the environment's mechanisms: {', '.join(self.auth)}",
                    )
                )
            for position, grant in enumerate(principal.grants):
                if grant.topic not in declared:
                    found.append(
                        Problem(
                            ("principals", index, "grants", position, "topic"),
                            f"no topic '{grant.topic}' is declared; topics: {', '.join(sorted(declared)) or 'none'}",
                        )
                    )
        return found

    def replication_factor(self, topic: TopicSpec) -> int:
        """Return a topic's replication factor: as declared, else three or the number of brokers."""
        return topic.replication_factor or min(3, self.brokers.count)


def _duplicates(path: tuple[str, ...], values: tuple[str, ...], field: str | None = None) -> list[Problem]:
    return [
        Problem((*path, index, *([field] if field else [])), f"'{value}' is there twice")
        for index, value in enumerate(values)
        if value in values[:index]
    ]


def _colliding(topics: tuple[str, ...]) -> list[Problem]:
    """Find names that Kafka refuses beside each other: its metrics write '.' as '_' (`Topic.hasCollision`)."""
    return [
        Problem(
            ("topics", index, "name"), f"'{name}' collides with '{other}': Kafka's metrics cannot tell '.' from '_'"
        )
        for index, name in enumerate(topics)
        for other in topics[:index]
        if name != other and name.replace(".", "_") == other.replace(".", "_")
    ]


__all__ = ["EnvironmentSpec", "UsageError", "format_duration", "parse_duration", "parse_ttl"]
