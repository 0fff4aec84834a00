"""Topics and ACLs through Kafka's admin requests, as the operator role over the IAM listener.

MSK has no super user: an IAM role with `kafka-cluster:*` on the cluster is the only identity that can create
the first topic and the first ACL ("IAM access control", Amazon MSK Developer Guide).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from confluent_kafka import KafkaError
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from contracts.access import Access
from contracts.model import ProbeError, Watch
from contracts.wire import BrokerConnection, WireError, error_name, requests
from contracts.wire.acl_requests import Acl, create_acls, describe_acls
from orchestrator.environment import Principal, Topic
from orchestrator.errors import EphkError
from orchestrator.processes import wait_until

T = TypeVar("T")

_REQUEST_TIMEOUT_S = 20.0
_VISIBLE_DEADLINE_S = 30.0
#: Seconds between two attempts to reach a broker, and between two looks at what it shows.
_RETRY_S, _POLL_S = 0.5, 0.02
_NEXT_STEP = "Check the operator role's kafka-cluster permissions and the IAM listener."
_ANY_HOST = "*"
_PATTERNS = {"literal": ResourcePatternType.LITERAL, "prefixed": ResourcePatternType.PREFIXED}


def acl_bindings(principals: Iterable[Principal]) -> list[AclBinding]:
    """Return the ACLs that give each principal what its grants say and nothing else.

    Principals that authenticate with IAM have none: MSK authorizes them by IAM policy alone. Describe comes with
    Read and Write, and an idempotent producer needs nothing more (KIP-679).
    """
    bindings: list[AclBinding] = []
    for principal in principals:
        if principal.auth == "iam":
            continue
        for grant in principal.grants:
            pattern = _PATTERNS[grant.pattern]
            if "produce" in grant.allow:
                bindings.append(_allow(principal, ResourceType.TOPIC, grant.topic, pattern, AclOperation.WRITE))
            if "consume" in grant.allow:
                bindings.append(_allow(principal, ResourceType.TOPIC, grant.topic, pattern, AclOperation.READ))
                if grant.group is not None:
                    bindings.append(
                        _allow(
                            principal, ResourceType.GROUP, grant.group, ResourcePatternType.LITERAL, AclOperation.READ
                        )
                    )
    return list(dict.fromkeys(bindings))


def _allow(
    principal: Principal, resource: ResourceType, name: str, pattern: ResourcePatternType, operation: AclOperation
) -> AclBinding:
    return AclBinding(resource, name, pattern, principal.kafka_principal, _ANY_HOST, operation, AclPermissionType.ALLOW)


class KafkaAdmin:
    """The operator's requests to a cluster, over the product's own wire client.

    Not librdkafka's Admin client: that one sleeps for a whole second until its first OAUTHBEARER token has come, on the
    way of every `up`.

    Args:
        access: the way into the environment; its operator is who asks.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    def create(self, topics: Sequence[Topic], principals: Sequence[Principal]) -> None:
        """Create topics and ACLs, and wait until the brokers show them all.

        Raises:
            EphkError: a broker refused one, or they were not visible in time.
        """
        acls = [_wire_acl(binding) for binding in acl_bindings(principals)]
        if topics:
            new = [
                requests.NewTopic(topic.name, topic.partitions, topic.replication_factor, topic.config)
                for topic in topics
            ]
            answers = self._ask(
                f"topic {', '.join(topic.name for topic in topics)}",
                lambda broker: requests.create_topics(broker, new, timeout_ms=int(_REQUEST_TIMEOUT_S * 1000)),
            )
            for name, (code, message) in answers.items():
                # One that exists was made by an attempt before this one; whether it is as declared is looked at later.
                if code != KafkaError.TOPIC_ALREADY_EXISTS:
                    _accept(f"topic '{name}'", code, message)
        if acls:
            made = self._ask("the ACLs", lambda broker: create_acls(broker, acls))
            for acl, (code, message) in zip(acls, made, strict=True):
                _accept(f"ACL {acl.principal} {acl.operation} {acl.kind} '{acl.name}'", code, message)
        self._wait_for_topics(topics)
        self._wait_for_acls(acls)

    def create_missing(self, topics: Sequence[Topic]) -> None:
        """Create those of the topics that do not exist.

        Raises:
            EphkError: a broker refused one, or they were not visible in time.
        """
        present = self._ask("a question for its topics", lambda broker: requests.metadata(broker, None)).topics
        self.create([topic for topic in topics if topic.name not in present], [])

    def _ask(self, what: str, ask: Callable[[BrokerConnection], T]) -> T:
        """Ask one broker; when it cannot be reached or refuses to know the operator, try again until there is no time.

        A role is new here, and AWS takes seconds to make one known everywhere.
        """
        watch = Watch(_REQUEST_TIMEOUT_S)
        while True:
            try:
                return ask(self._access.any_connection(self._access.operator, watch))
            except (WireError, ProbeError) as error:
                if watch.remaining() <= _RETRY_S:
                    raise EphkError(f"the brokers did not accept {what}: {error}", next_step=_NEXT_STEP) from None
                self._access.forget_brokers()
                time.sleep(_RETRY_S)

    def _wait_for_topics(self, topics: Sequence[Topic]) -> None:
        wanted = {topic.name: topic.partitions for topic in topics}

        def visible() -> bool:
            known = self._ask("a question for its topics", lambda broker: requests.metadata(broker, [*wanted])).topics
            return all(
                name in known
                and len(known[name].leaders) == partitions
                and all(leader >= 0 for leader in known[name].leaders.values())
                for name, partitions in wanted.items()
            )

        if wanted and not wait_until(visible, deadline_s=_VISIBLE_DEADLINE_S, poll_s=_POLL_S):
            raise EphkError(
                f"not every partition of {', '.join(wanted)} has a leader after {_VISIBLE_DEADLINE_S:.0f} s"
            )

    def _wait_for_acls(self, acls: Sequence[Acl]) -> None:
        """Poll until brokers show the ACLs: the request returns before they are applied."""

        def visible() -> bool:
            code, shown = self._ask("a question for its ACLs", describe_acls)
            _accept("a question for its ACLs", code, "")
            return set(acls) <= set(shown)

        if acls and not wait_until(visible, deadline_s=_VISIBLE_DEADLINE_S, poll_s=_POLL_S):
            raise EphkError(f"the ACLs are not visible on the brokers after {_VISIBLE_DEADLINE_S:.0f} s")


def _accept(what: str, code: int, message: str) -> None:
    """Raise what the broker's answer says, unless that is that all is well."""
    if code != 0:
        raise EphkError(
            f"the brokers did not accept {what}: {error_name(code)} {message}".rstrip(), next_step=_NEXT_STEP
        )


def _wire_acl(binding: AclBinding) -> Acl:
    return Acl(
        kind=binding.restype.name.lower(),
        name=binding.name,
        pattern=binding.resource_pattern_type.name.lower(),
        principal=binding.principal,
        host=binding.host,
        operation=binding.operation.name,
        deny=binding.permission_type is AclPermissionType.DENY,
    )
