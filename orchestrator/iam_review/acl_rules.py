"""Kafka ACLs that reach further than anybody meant, in a plan or as brokers hold them.

Sources: Apache Kafka documentation, "Authorization and ACLs" (the resource name `*` is every resource of its kind, the
principal `User:*` is everybody) and KIP-290 (a prefixed pattern).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.iam_review.catalogue import KAFKA_ACL, Violation
from orchestrator.iam_review.model import Severity

#: Kinds of resources of which there are many; a cluster is always the one.
_MANY = frozenset({"topic", "group", "transactionalid", "delegationtoken", "user"})
_EVERYBODY = "User:*"


def acl_violations(acl: Mapping[str, Any]) -> Iterator[Violation]:
    """Judge one ACL.

    Args:
        acl: `principal`, `operation`, `resource` (its kind), `name`, `pattern` and `permission`, in whatever case.
    """
    if _word(acl, "permission") != "allow":
        return
    principal, name = str(acl.get("principal")), str(acl.get("name"))
    what = f"{str(acl.get('operation')).upper()}"
    kind = _word(acl, "resource")
    if principal == _EVERYBODY:
        yield Violation(KAFKA_ACL, f"everybody who can connect may {what} {kind} {name}", 0, Severity.CRITICAL)
    elif kind in _MANY and (name == "*" or (_word(acl, "pattern") == "prefixed" and not name)):
        yield Violation(KAFKA_ACL, f"{principal} may {what} every {kind}", 0, KAFKA_ACL.severity)


def _word(acl: Mapping[str, Any], key: str) -> str:
    return str(acl.get(key) or "").lower().replace("_", "").replace("-", "")
