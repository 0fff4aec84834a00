"""What Kafka's authorizer makes of ACLs (Apache Kafka documentation, "Authorization and ACLs"; KIP-290)."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.wire.acl_requests import Acl

#: Operations that bring another one along when they are allowed.
_IMPLIED = {
    "DESCRIBE": frozenset({"READ", "WRITE", "DELETE", "ALTER"}),
    "DESCRIBE_CONFIGS": frozenset({"ALTER_CONFIGS"}),
}


def decide(acls: Iterable[Acl], principal: str, operation: str, kind: str, name: str) -> tuple[bool, str]:
    """Decide an operation from anywhere; a denial wins over every permission.

    Args:
        acls: every ACL of the cluster.
        principal: such as `User:orders-producer`.
        operation: Kafka's name of it.
        kind: `topic`, `group`, ...
        name: the resource's name.

    Returns:
        Whether it is allowed, and which ACL decided.
    """
    relevant = [acl for acl in acls if acl.principal in (principal, "User:*") and _covers(acl, kind, name)]
    for acl in relevant:
        # One that holds for a single host is no permission from anywhere; a denial of a single host is one, to be safe.
        if acl.deny and acl.operation in (operation, "ALL"):
            return False, f"denied by {_named(acl)}"
    enough = {operation, "ALL"} | _IMPLIED.get(operation, frozenset())
    for acl in relevant:
        if not acl.deny and acl.host == "*" and acl.operation in enough:
            return True, f"allowed by {_named(acl)}"
    return False, "no ACL allows it"


def _covers(acl: Acl, kind: str, name: str) -> bool:
    if acl.kind != kind:
        return False
    return name.startswith(acl.name) if acl.pattern == "prefixed" else acl.name in (name, "*")


def _named(acl: Acl) -> str:
    return f"{acl.operation} for {acl.principal} on {acl.pattern} {acl.kind} {acl.name}"
