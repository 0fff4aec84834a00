"""The vocabulary of a decision: kinds of policy, the request, the decision and what decided it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from orchestrator.iam.conditions import scalar_text
from orchestrator.iam.errors import RequestError
from orchestrator.iam.principals import ACCOUNT_ID, Principal, parse_principal
from orchestrator.iam.variables import ContextValues

_ACTION = re.compile(r"[a-zA-Z0-9-]+:[a-zA-Z0-9]+")

ContextInput = Mapping[str, object]


class PolicyType(Enum):
    """The kinds of policy, named as AWS names them in its access denied messages."""

    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"
    TRUST = "role trust policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    SCP = "service control policy"
    ENDPOINT = "VPC endpoint policy"


class Outcome(Enum):
    """How a decision came about."""

    ALLOWED = "allowed"
    IMPLICIT_DENY = "implicitDeny"
    EXPLICIT_DENY = "explicitDeny"


@dataclass(frozen=True, slots=True)
class StatementRef:
    """Where a statement stands.

    Args:
        policy_type: the kind of its policy.
        policy_name: the policy's name, as given when it was compiled.
        index: its position in the policy, counted from 1.
        sid: its Sid, or the empty string.
    """

    policy_type: PolicyType
    policy_name: str
    index: int
    sid: str

    def __str__(self) -> str:
        where = f"statement {self.sid!r}" if self.sid else f"statement {self.index}"
        return f"{where} of {self.policy_type.value} {self.policy_name!r}"


class Request:
    """One request: who wants to do what with which resource, in which context.

    Args:
        principal: a principal in one of the forms that `parse_principal` reads, or one that was read before.
        action: the action with its service prefix, such as ``kafka:DeleteCluster``. No wildcards.
        resource: the resource's ARN, or ``*`` for an action without resource-level permissions.
        context: condition keys with their values: a scalar, or a list for a key with several values. Names are not
            case-sensitive. None or an empty list is the same as an absent key. Keys that follow from the principal
            and the resource (``aws:PrincipalArn``, ``aws:PrincipalAccount``, ``aws:PrincipalType``,
            ``aws:PrincipalIsAWSService``, ``aws:username``, ``aws:ResourceAccount``) are filled in when absent.
        account: the account that owns the resource; by default the one in the resource's ARN, else the principal's.

    Raises:
        RequestError: one of them cannot be what it should be.
    """

    __slots__ = ("account", "action", "action_key", "context", "principal", "resource")

    def __init__(
        self,
        principal: Principal | str | Mapping[str, str],
        action: str,
        resource: str,
        context: ContextInput | None = None,
        *,
        account: str | None = None,
    ) -> None:
        if not isinstance(action, str) or not _ACTION.fullmatch(action):
            raise RequestError(f"{action!r} is not of the form service:Action", field="action")
        if not isinstance(resource, str) or not resource:
            raise RequestError("a resource is a non-empty string", field="resource")
        self.principal = principal if isinstance(principal, Principal) else parse_principal(principal, action=action)
        self.action = action
        self.action_key = action.lower()
        self.resource = resource
        self.account = self._owner(account)
        self.context: ContextValues = self._context(context)

    def _owner(self, account: str | None) -> str | None:
        if account is not None:
            if not isinstance(account, str) or not ACCOUNT_ID.fullmatch(account):
                raise RequestError(f"{account!r} is not a twelve-digit account ID", field="account")
            return account
        parts = self.resource.split(":", 5)
        if len(parts) == 6 and ACCOUNT_ID.fullmatch(parts[4]):
            return parts[4]
        return self.principal.account

    def _context(self, given: ContextInput | None) -> ContextValues:
        context: dict[str, tuple[str, ...]] = dict(self.principal.derived_context)
        if self.account is not None:
            context["aws:resourceaccount"] = (self.account,)
        if given is None:
            return context
        if not isinstance(given, Mapping):
            raise RequestError("it must be an object of condition keys", field="context")
        seen: set[str] = set()
        for name, value in given.items():
            if not isinstance(name, str) or not name:
                raise RequestError("a condition key is a non-empty string", field="context")
            key = name.lower()
            if key in seen:
                raise RequestError(
                    "the key appears more than once with different capitalization", field=f"context.{name}"
                )
            seen.add(key)
            values = _context_values(name, value)
            if values:
                context[key] = values
            else:
                # The caller says that the key is absent: also when it could have been derived.
                context.pop(key, None)
        return context

    @property
    def is_cross_account(self) -> bool:
        """Whether the principal belongs to another account than the resource."""
        return self.principal.account is not None and self.principal.account != self.account


def _context_values(name: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    entries = value if isinstance(value, Sequence) else (value,)
    values: list[str] = []
    for entry in entries:
        text = scalar_text(entry)
        if text is None:
            raise RequestError("a value is a string, a number, a Boolean or a list of them", field=f"context.{name}")
        values.append(text)
    return tuple(values)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided and why.

    Args:
        outcome: allowed, or denied explicitly or implicitly.
        reason: why, in the words of AWS's access denied messages, such as ``no identity-based policy allows the
            kafka:DeleteCluster action`` or ``with an explicit deny in a service control policy``.
        policy_type: the kind of policy that decided; None when no policy did (the account root user).
        statement: the deciding statement; None for an implicit deny.
        principal: the principal's ARN or name.
        action: the request's action.
        resource: the request's resource.
    """

    outcome: Outcome
    reason: str
    policy_type: PolicyType | None
    statement: StatementRef | None
    principal: str
    action: str
    resource: str

    @property
    def allowed(self) -> bool:
        """Whether the request is allowed."""
        return self.outcome is Outcome.ALLOWED

    @property
    def message(self) -> str:
        """AWS's sentence for a denied request, as its services answer; the reason alone for an allowed one.

        Source: IAM User Guide, "Troubleshoot access denied error messages".
        """
        if self.allowed:
            return self.reason
        link = "" if self.reason.startswith("with ") else "because "
        return (
            f"User: {self.principal} is not authorized to perform: {self.action} on resource: {self.resource} "
            f"{link}{self.reason}"
        )
