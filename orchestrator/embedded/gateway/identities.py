"""The policies that moto's IAM keeps for an identity, as texts: what a decision about a caller starts from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from orchestrator.embedded.gateway.moto_state import MotoState, moto_lock
from orchestrator.embedded.gateway.service import Caller

_EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
_NOTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})


@dataclass(frozen=True)
class Permissions:
    """The policy documents (JSON texts) that decide what an identity may do.

    Attributes:
        identity: inline and attached policies, of a user also its groups'.
        boundary: the permissions boundary, None when there is none.
        session: what the session was limited with.
    """

    identity: tuple[str, ...] = ()
    boundary: str | None = None
    session: tuple[str, ...] = ()


@dataclass(frozen=True)
class NamedPolicies:
    """The policies of a user, group or role with the names that the policy simulator gives them.

    Attributes:
        kind: `user`, `group` or `role`.
        identity: (source policy id, source policy type, JSON text) of each.
        boundary: the permissions boundary's text, None when there is none.
    """

    kind: str
    identity: tuple[tuple[str, str, str], ...]
    boundary: str | None


@dataclass(frozen=True)
class RoleRecord:
    """What assuming a role needs to know.

    Attributes:
        arn: the role's ARN.
        name: without its path.
        role_id: `AROA...`.
        trust_policy: the JSON text that says who may assume it.
        max_session_s: the longest session in seconds.
    """

    arn: str
    name: str
    role_id: str
    trust_policy: str
    max_session_s: int


class Identities:
    """Reads IAM as it is now: a policy that was changed or detached counts at once.

    Args:
        moto: where IAM is kept.
    """

    def __init__(self, moto: MotoState) -> None:
        self._moto = moto

    def role(self, arn: str) -> RoleRecord | None:
        """Return the role of an ARN, or None when there is none."""
        with moto_lock:
            role = self._find_role(arn)
            if role is None:
                return None
            trust = role.assume_role_policy_document
            return RoleRecord(
                role.arn,
                role.name,
                role.id,
                trust if isinstance(trust, str) else json.dumps(trust),
                int(role.max_session_duration or 3600),
            )

    def permissions(self, caller: Caller) -> Permissions:
        """Return everything that limits or allows a caller; nothing at all for a role that is gone."""
        if caller.kind == "administrator":
            return Permissions((_EVERYTHING,))
        with moto_lock:
            if caller.kind == "role":
                role = self._find_role(caller.role_arn or "")
                if role is None:
                    return Permissions()
                return Permissions(self._documents(role), self._boundary(role), caller.session_policies)
            if caller.kind == "user":
                return self._user(caller.arn, caller.session_policies)
        return Permissions()

    def named_policies(self, arn: str) -> NamedPolicies | None:
        """Return the policies of the user, group or role of an ARN, or None when there is none."""
        with moto_lock:
            iam = self._iam()
            for kind, entities in (("user", iam.users), ("group", iam.groups), ("role", iam.roles)):
                entity = next((entity for entity in entities.values() if entity.arn == arn), None)
                if entity is None:
                    continue
                named = self._named(kind, entity)
                if kind == "user":
                    for group in iam.groups.values():
                        if any(member.name == entity.name for member in group.users):
                            named += self._named("group", group)
                return NamedPolicies(kind, tuple(named), self._boundary(entity))
        return None

    def _named(self, kind: str, entity: Any) -> list[tuple[str, str, str]]:
        inline = [(f"{kind}_{entity.name}_{name}", kind, _text(text)) for name, text in entity.policies.items()]
        attached = [
            (
                arn.rpartition("/")[2],
                "aws-managed" if arn.startswith("arn:aws:iam::aws:") else "user-managed",
                _default_version(policy),
            )
            for arn, policy in entity.managed_policies.items()
        ]
        return inline + attached

    def provider_audiences(self, arn: str) -> tuple[str, ...] | None:
        """Return the client ids that an OpenID Connect provider takes, or None when there is no such provider."""
        with moto_lock:
            found = self._iam().open_id_providers.get(arn)
            return None if found is None else tuple(found.client_id_list or ())

    def managed_policy(self, arn: str) -> str | None:
        """Return the default version of a managed policy, or None when there is none."""
        with moto_lock:
            policy = self._iam().managed_policies.get(arn)
            return None if policy is None else _default_version(policy)

    def _iam(self) -> Any:
        return self._moto.backend("iam", "aws")

    def _find_role(self, arn: str) -> Any:
        return next((role for role in self._iam().roles.values() if role.arn == arn), None)

    def _user(self, arn: str, session: tuple[str, ...]) -> Permissions:
        iam = self._iam()
        user = next((user for user in iam.users.values() if user.arn == arn), None)
        if user is None:
            return Permissions()
        documents = list(self._documents(user))
        for group in iam.groups.values():
            if any(member.name == user.name for member in group.users):
                documents += self._documents(group)
        return Permissions(tuple(documents), self._boundary(user), session)

    def _documents(self, holder: Any) -> tuple[str, ...]:
        inline = [_text(document) for document in holder.policies.values()]
        attached = [_default_version(policy) for policy in holder.managed_policies.values()]
        return (*inline, *attached)

    def _boundary(self, holder: Any) -> str | None:
        arn = getattr(holder, "permissions_boundary_arn", None)
        if not arn:
            return None
        # A boundary whose policy is gone allows nothing: unknown is not fine.
        return self.managed_policy(arn) or _NOTHING


def _default_version(policy: Any) -> str:
    """Return the text of a managed policy's default version, the only one that counts."""
    return next((_text(version.document) for version in policy.versions if version.is_default), _NOTHING)


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)
