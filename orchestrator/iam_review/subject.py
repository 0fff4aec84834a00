"""Somebody who acts: a principal with every policy that bears on it, ready to be asked about requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from orchestrator.iam import (
    CompiledPolicy,
    Decision,
    PolicySet,
    PolicyType,
    Request,
    compile_policy,
    parse_principal,
    services,
)
from orchestrator.iam.public import statements_of
from orchestrator.iam_review.contexts import Context
from orchestrator.iam_review.model import PolicyRecord, PrincipalRecord, ResourceRecord, Snapshot
from orchestrator.iam_review.universe import View

EVERYTHING: Mapping[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


@lru_cache(maxsize=1024)
def _delegation(account: str, action: str) -> CompiledPolicy:
    """Return the policy by which a resource leaves the decision to its account: a key's default, a role's usual trust.

    "Default key policy" (AWS KMS Developer Guide). It stands in for a policy that is not in view.
    """
    statement = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": action}
    trust = services.is_assume_role(action.lower())
    document = {"Version": "2012-10-17", "Statement": [statement if trust else {**statement, "Resource": "*"}]}
    return compile_policy(document, PolicyType.TRUST if trust else PolicyType.RESOURCE, name="default")


class Subject:
    """Somebody who acts, on one side of a change.

    Args:
        principal: as requests name it.
        account: whose resources are meant where an ARN does not say.
        identity: its identity-based policies.
        boundary: its permissions boundary.
        resources: the resources with policies of their own.
        roles: the trust policies of roles, by ARN.
    """

    def __init__(
        self,
        principal: str | Mapping[str, str],
        account: str,
        *,
        identity: Sequence[PolicyRecord] = (),
        boundary: PolicyRecord | None = None,
        resources: Iterable[ResourceRecord] = (),
        roles: Mapping[str, PolicyRecord] | None = None,
    ) -> None:
        self.principal = parse_principal(principal)
        self.account = account
        self.identity = [_compiled(record, PolicyType.IDENTITY) for record in identity]
        self.boundary = None if boundary is None else _compiled(boundary, PolicyType.BOUNDARY)
        self.resources = [(record, _compiled(record.policy, PolicyType.RESOURCE)) for record in resources]
        self._trust_records = dict(roles or {})
        self._roles = {arn: _compiled(record, PolicyType.TRUST) for arn, record in (roles or {}).items()}
        self._documents = (*identity, *((boundary,) if boundary else ()))
        self._sets: dict[str, PolicySet] = {}
        self.decisions = 0

    def views(self) -> list[View]:
        """Return the statements of identity-based policies and boundary."""
        compiled = [*self.identity, *([self.boundary] if self.boundary else [])]
        return [
            view for policy, record in zip(compiled, self._documents, strict=True) for view in _views(policy, record)
        ]

    def resource_views(self) -> list[tuple[ResourceRecord, list[View]]]:
        """Return the statements of each resource's policy."""
        return [(record, _views(policy, record.policy)) for record, policy in self.resources]

    def trust_views(self, role_arn: str) -> list[View]:
        """Return the statements of a role's trust policy."""
        return _views(self._roles[role_arn], self._trust_records[role_arn]) if role_arn in self._roles else []

    def decide(self, action: str, resource: str, context: Context) -> Decision:
        """Decide one request."""
        self.decisions += 1
        return self._policies(action, resource).decide(
            Request(self.principal, action, resource, context, account=_owner(resource, self.account))
        )

    def _policies(self, action: str, resource: str) -> PolicySet:
        trust = services.is_assume_role(action.lower())
        key, policy = "", None
        if trust:
            policy = self._roles.get(resource)
            key = f"trust {resource if policy else action}"
            policy = policy or _delegation(self.account, action)
        else:
            found = next(((record, policy) for record, policy in self.resources if record.covers(resource)), None)
            if found is not None:
                key, policy = found[0].arn, found[1]
            elif services.needs_resource_allow(action.lower(), resource):
                key, policy = f"default {action}", _delegation(self.account, action)
        if key not in self._sets:
            self._sets[key] = PolicySet(
                identity_policies=self.identity, boundary=self.boundary, resource_policy=policy, trust=trust
            )
        return self._sets[key]


def _owner(resource: str, account: str) -> str:
    """Return who owns a resource: S3's ARNs do not say, and what is in view belongs to the account in view."""
    parts = resource.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[4].isdigit() and len(parts[4]) == 12 else account


def _compiled(record: PolicyRecord, kind: PolicyType) -> CompiledPolicy:
    return compile_policy(record.document, kind, name=record.name)


def _views(policy: CompiledPolicy, record: PolicyRecord) -> list[View]:
    return [
        View(compiled, raw) for compiled, raw in zip(policy.statements, statements_of(record.document), strict=True)
    ]


def subject_of(record: PrincipalRecord, snapshot: Snapshot) -> Subject:
    """Return a principal of a snapshot as somebody who acts in it."""
    roles = {
        other.entity_arn: other.trust for other in snapshot.principals.values() if other.kind == "role" and other.trust
    }
    return Subject(
        record.arn,
        snapshot.account,
        identity=record.policies,
        boundary=record.boundary,
        resources=snapshot.resources.values(),
        roles=roles,
    )
