"""ACLs for one probe's scratch topic and group, so that identities other than the operator can use them.

`acl.drift` knows that what begins with the probe topic's name is the run's own.
"""

from __future__ import annotations

import contextlib

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from contracts.access import ANSWER_S, Access
from contracts.model import ProbeError, Watch
from contracts.wire.describe import describe_acls
from orchestrator.environment import Principal
from orchestrator.processes import wait_until

Needed = tuple[tuple[ResourceType, AclOperation], ...]

#: What a client needs that produces and consumes.
CLIENT: Needed = (
    (ResourceType.TOPIC, AclOperation.WRITE),
    (ResourceType.TOPIC, AclOperation.READ),
    (ResourceType.GROUP, AclOperation.READ),
)
#: What a Streams application needs that makes its own internal topics and works in transactions ("Required ACL setting
#: for secure Kafka clusters", Apache Kafka Streams Developer Guide). DELETE is for records of its repartition topics.
STREAMS: Needed = (
    *CLIENT,
    (ResourceType.TOPIC, AclOperation.CREATE),
    (ResourceType.TOPIC, AclOperation.DELETE),
    (ResourceType.TRANSACTIONAL_ID, AclOperation.WRITE),
)


def grant(access: Access, watch: Watch, name: str, principals: list[Principal], needed: Needed = CLIENT) -> None:
    """Let principals use resources that begin with `name` (topics, groups, transactional ids) until the run is over.

    IAM principals are left out: ACLs do not rule them.

    Raises:
        ProbeError: the operator may not create ACLs, or a broker does not show them in time.
    """
    bindings = [
        AclBinding(kind, name, ResourcePatternType.PREFIXED, who, "*", operation, AclPermissionType.ALLOW)
        for who in sorted({form for principal in principals for form in _forms(access, principal)})
        for kind, operation in needed
    ]
    if not bindings:
        return
    watch.waiting(f"the operator to create ACLs for {name}")
    admin = AdminClient(access.librdkafka(access.operator, watch))
    admin.poll(0)  # the token comes through a callback
    access.on_close(lambda: _remove(admin, name))
    try:
        for answer in admin.create_acls(bindings, request_timeout=ANSWER_S).values():
            answer.result(watch.remaining())
    except (KafkaException, TimeoutError) as error:
        why = error.args[0].str() if isinstance(error, KafkaException) else "no answer in time"
        raise ProbeError(f"the operator may not create ACLs for the probe's topic: {why}") from None
    for address in access.brokers(access.operator, watch).values():
        watch.waiting(f"{address} to show the ACLs for {name}")
        connection = access.connection(access.operator, address, watch)
        seen = lambda c=connection: sum(acl.name == name for acl in describe_acls(c))  # noqa: E731
        if not wait_until(lambda s=seen: s() >= len(bindings), deadline_s=watch.remaining()):
            raise ProbeError(f"{address} does not show the ACLs for {name}")


def _forms(access: Access, principal: Principal) -> set[str]:
    """Return the names that brokers may have for a principal.

    A certificate's owner is its whole subject, as on MSK, or its common name, where the brokers map it.
    """
    if principal.auth == "iam":
        return set()
    if principal.auth == "mtls":
        common_name = access.common_name(principal)
        return {principal.kafka_principal, f"User:CN={common_name}", f"User:{common_name}"}
    return {principal.kafka_principal}


def _remove(admin: AdminClient, name: str) -> None:
    everything = AclBindingFilter(
        ResourceType.ANY, name, ResourcePatternType.PREFIXED, None, None, AclOperation.ANY, AclPermissionType.ANY
    )
    # A cluster that is going away takes its ACLs along.
    with contextlib.suppress(KafkaException, TimeoutError):
        for answer in admin.delete_acls([everything], request_timeout=ANSWER_S).values():
            answer.result(ANSWER_S)
