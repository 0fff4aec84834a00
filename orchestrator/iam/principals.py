"""Who asks: the principal of a request, read from the forms in which AWS writes one.

Source: IAM User Guide, "AWS JSON policy elements: Principal" and "IAM identifiers".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from orchestrator.iam.errors import RequestError

ACCOUNT_ID = re.compile(r"\d{12}")
_WEB_IDENTITY_ACTIONS = frozenset({"sts:assumerolewithwebidentity", "sts:assumerolewithsaml"})
_SERVICE = re.compile(r"[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal)")


class PrincipalKind(Enum):
    """The kinds of principal that policy evaluation treats differently."""

    ROOT = "Account"
    USER = "User"
    ROLE = "Role"
    ROLE_SESSION = "AssumedRole"
    FEDERATED_USER = "FederatedUser"
    SERVICE = "Service"
    IDENTITY_PROVIDER = "Federated"
    CANONICAL_USER = "CanonicalUser"
    ANONYMOUS = "Anonymous"


_WITH_IDENTITY = frozenset(
    {PrincipalKind.USER, PrincipalKind.ROLE, PrincipalKind.ROLE_SESSION, PrincipalKind.FEDERATED_USER}
)
_SESSIONS = frozenset({PrincipalKind.ROLE_SESSION, PrincipalKind.FEDERATED_USER})


@dataclass(frozen=True, slots=True)
class Principal:
    """The principal of one request.

    Args:
        kind: what it is.
        identifier: its ARN, a service's name, a canonical user ID or ``anonymous``.
        account: the twelve digits of its account; None when it has none (services, identity providers, anonymous).
        name: the user's or role's name without its path, empty for others.
        has_identity: whether identity-based policies, a boundary and session policies can apply to it.
        is_session: whether its credentials are a session's.
        under_scp: whether service control policies limit it: principals of an account, with its root user, but no
            service-linked role (AWS Organizations User Guide, "Service control policies").
    """

    kind: PrincipalKind
    identifier: str
    account: str | None
    name: str
    has_identity: bool
    is_session: bool
    under_scp: bool

    @property
    def derived_context(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The context keys that AWS fills in from the principal itself, with their values.

        Source: IAM User Guide, "AWS global condition context keys". ``aws:PrincipalArn`` of a role session is the
        role's ARN; the path of the role is not in a session's ARN, so a caller that knows it should give the key.
        """
        return _derived_context(self)


@lru_cache(maxsize=4096)
def _derived_context(principal: Principal) -> tuple[tuple[str, tuple[str, ...]], ...]:
    kind = principal.kind
    if kind is PrincipalKind.ANONYMOUS:
        return (("aws:principaltype", ("Anonymous",)),)
    if kind is PrincipalKind.SERVICE:
        return (
            ("aws:principalisawsservice", ("true",)),
            ("aws:principalservicename", (principal.identifier,)),
        )
    if principal.account is None:
        return ()
    arn = principal.identifier
    principal_type = kind
    if kind is PrincipalKind.ROLE_SESSION:
        partition = arn.split(":", 2)[1]
        arn = f"arn:{partition}:iam::{principal.account}:role/{principal.name}"
    elif kind is PrincipalKind.ROLE:
        principal_type = PrincipalKind.ROLE_SESSION
    keys = [
        ("aws:principalarn", (arn,)),
        ("aws:principalaccount", (principal.account,)),
        ("aws:principaltype", (principal_type.value,)),
        ("aws:principalisawsservice", ("false",)),
    ]
    if kind is PrincipalKind.USER:
        keys.append(("aws:username", (principal.name,)))
    return tuple(keys)


def parse_principal(value: object, *, action: str = "") -> Principal:
    """Read a request's principal.

    Args:
        value: an ARN (user, role, role session, federated user, account root, identity provider), an account ID, a
            service's name such as ``kafkaconnect.amazonaws.com``, an identity provider's host name, a canonical user
            ID, ``*`` or ``anonymous``; or an object with one of the keys AWS, Service, Federated, CanonicalUser.
        action: the request's action; web identity and SAML calls come from identity providers, never from services.

    Raises:
        RequestError: it is none of these.
    """
    kind = ""
    if isinstance(value, Mapping):
        if len(value) != 1:
            raise RequestError("a principal object has exactly one key", field="principal")
        kind, value = next(iter(value.items()))
        if kind not in ("AWS", "Service", "Federated", "CanonicalUser"):
            raise RequestError(f"unknown kind of principal {kind!r}", field="principal")
    if not isinstance(value, str) or not value:
        raise RequestError("a principal is a non-empty string", field="principal")
    return _parse(value, kind, action.lower() in _WEB_IDENTITY_ACTIONS)


@lru_cache(maxsize=4096)
def _parse(value: str, kind: str, from_provider: bool) -> Principal:
    if kind == "Service":
        return _plain(PrincipalKind.SERVICE, value)
    if kind == "CanonicalUser" or (not kind and re.fullmatch(r"[0-9a-f]{64}", value)):
        return _plain(PrincipalKind.CANONICAL_USER, value)
    if value.startswith("arn:"):
        return _parse_arn(value)
    if kind == "Federated":
        return _plain(PrincipalKind.IDENTITY_PROVIDER, value)
    if value in ("*", "anonymous"):
        return _plain(PrincipalKind.ANONYMOUS, "anonymous")
    if ACCOUNT_ID.fullmatch(value):
        return _parse_arn(f"arn:aws:iam::{value}:root")
    if not kind and "." in value and not any(character.isspace() for character in value):
        service = _SERVICE.fullmatch(value) is not None and not from_provider and value != "www.amazon.com"
        return _plain(PrincipalKind.SERVICE if service else PrincipalKind.IDENTITY_PROVIDER, value)
    raise RequestError(f"{value!r} is not a principal", field="principal")


def _plain(kind: PrincipalKind, identifier: str) -> Principal:
    return Principal(kind, identifier, None, "", has_identity=False, is_session=False, under_scp=False)


def _parse_arn(arn: str) -> Principal:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] not in ("iam", "sts") or "*" in arn or "?" in arn:
        raise RequestError(f"{arn!r} is not the ARN of a principal", field="principal")
    service, account, rest = parts[2], parts[4], parts[5]
    resource_type, _, path = rest.partition("/")
    if service == "iam" and resource_type in ("oidc-provider", "saml-provider") and path:
        return _plain(PrincipalKind.IDENTITY_PROVIDER, arn)
    if not ACCOUNT_ID.fullmatch(account):
        raise RequestError(f"{arn!r} has no twelve-digit account", field="principal")
    kind, name = _kind_of(service, resource_type, path)
    if kind is None:
        raise RequestError(f"{arn!r} is not the ARN of a principal", field="principal")
    service_linked = (kind is PrincipalKind.ROLE and path.startswith("aws-service-role/")) or (
        kind is PrincipalKind.ROLE_SESSION and name.startswith("AWSServiceRoleFor")
    )
    return Principal(
        kind,
        arn,
        account,
        name,
        has_identity=kind in _WITH_IDENTITY,
        is_session=kind in _SESSIONS,
        under_scp=not service_linked,
    )


def _kind_of(service: str, resource_type: str, path: str) -> tuple[PrincipalKind | None, str]:
    if service == "iam":
        if resource_type == "root" and not path:
            return PrincipalKind.ROOT, ""
        if resource_type in ("user", "role") and path and not path.endswith("/"):
            kind = PrincipalKind.USER if resource_type == "user" else PrincipalKind.ROLE
            return kind, path.rpartition("/")[2]
        return None, ""
    if resource_type == "assumed-role":
        role, _, session = path.partition("/")
        return (PrincipalKind.ROLE_SESSION, role) if role and session else (None, "")
    if resource_type == "federated-user" and path:
        return PrincipalKind.FEDERATED_USER, path
    return None, ""
