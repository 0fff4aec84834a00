"""Topics and ACLs through Kafka's Admin API, as the operator role over the IAM listener.

MSK has no super user: an IAM role with `kafka-cluster:*` on the cluster is the only identity that can create
the first topic and the first ACL ("IAM access control", Amazon MSK Developer Guide).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from orchestrator.environment import Principal, Topic
from orchestrator.errors import EphkError
from orchestrator.processes import wait_until

_REQUEST_TIMEOUT_S = 20.0
_VISIBLE_DEADLINE_S = 30.0
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
    """One Admin client for a cluster.

    Args:
        config: librdkafka client configuration of the operator.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._errors: list[str] = []
        # What it meets comes through the callback; its own lines would go on while the brokers are taken down.
        self._client = AdminClient({**config, "error_cb": self._remember, "log_level": 0})
        self._client.poll(0)  # an OAUTHBEARER token is fetched by the callback, which needs a poll

    def _remember(self, error: KafkaError) -> None:
        self._errors.append(error.str())

    def create(self, topics: Sequence[Topic], principals: Sequence[Principal]) -> None:
        """Create topics and ACLs together, and wait until the brokers show them all.

        Raises:
            EphkError: a broker refused one, or they were not visible in time.
        """
        bindings = acl_bindings(principals)
        pending: dict[str, Future[Any]] = {}
        if topics:
            futures = self._client.create_topics(
                [
                    NewTopic(topic.name, topic.partitions, topic.replication_factor, config=dict(topic.config))
                    for topic in topics
                ],
                request_timeout=_REQUEST_TIMEOUT_S,
            )
            pending |= {f"topic '{name}'": future for name, future in futures.items()}
        if bindings:
            acls = self._client.create_acls(bindings, request_timeout=_REQUEST_TIMEOUT_S)
            pending |= {f"ACL {_describe(binding)}": future for binding, future in acls.items()}
        for what, future in pending.items():
            self._result(what, future)
        self._wait_for_topics(topics)
        self._wait_for_acls(bindings)

    def create_missing(self, topics: Sequence[Topic]) -> None:
        """Create those of the topics that do not exist.

        Raises:
            EphkError: a broker refused one, or they were not visible in time.
        """
        present = self._client.list_topics(timeout=_REQUEST_TIMEOUT_S).topics
        self.create([topic for topic in topics if topic.name not in present], [])

    def _result(self, what: str, future: Future[Any]) -> Any:
        try:
            return future.result(timeout=_REQUEST_TIMEOUT_S + 5)
        except (KafkaException, TimeoutError) as error:
            if isinstance(error, KafkaException) and error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return None  # an attempt before this one made it; whether it is as declared is looked at afterwards
            cause = error.args[0].str() if isinstance(error, KafkaException) else "no answer in time"
            # librdkafka's own message is often just "timed out"; the reason arrived through error_cb.
            raise EphkError(
                f"the brokers did not accept {what}: {cause}",
                details=tuple(dict.fromkeys(self._errors))[-3:],
                next_step="Check the operator role's kafka-cluster permissions and the IAM listener.",
            ) from None

    def _wait_for_topics(self, topics: Sequence[Topic]) -> None:
        wanted = {topic.name: topic.partitions for topic in topics}

        def visible() -> bool:
            known = self._client.list_topics(timeout=_REQUEST_TIMEOUT_S).topics
            return all(
                name in known
                and len(known[name].partitions) == partitions
                and all(partition.leader >= 0 for partition in known[name].partitions.values())
                for name, partitions in wanted.items()
            )

        if wanted and not wait_until(visible, deadline_s=_VISIBLE_DEADLINE_S, poll_s=0.05):
            raise EphkError(
                f"not every partition of {', '.join(wanted)} has a leader after {_VISIBLE_DEADLINE_S:.0f} s"
            )

    def _wait_for_acls(self, bindings: Sequence[AclBinding]) -> None:
        """Poll until brokers show the ACLs: the request returns before they are applied."""
        anything = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
        )

        def visible() -> bool:
            shown = self._client.describe_acls(anything, request_timeout=_REQUEST_TIMEOUT_S).result()
            return set(bindings) <= set(shown)

        if bindings and not wait_until(visible, deadline_s=_VISIBLE_DEADLINE_S, poll_s=0.05):
            raise EphkError(f"the ACLs are not visible on the brokers after {_VISIBLE_DEADLINE_S:.0f} s")


def _describe(binding: AclBinding) -> str:
    return f"{binding.principal} {binding.operation.name} {binding.restype.name} '{binding.name}'"
