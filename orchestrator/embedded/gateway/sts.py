"""STS: who am I, and temporary credentials for roles whose trust policy lets the caller in.

moto answers `AssumeRole` for any ARN and hands out the same keys for `GetSessionToken`; here a session is a
credential that the gateway really checks. Rules: "AssumeRole" and "AssumeRoleWithWebIdentity" (AWS STS API Reference).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

from orchestrator.embedded.gateway.credentials import Credential, CredentialStore
from orchestrator.embedded.gateway.identities import Identities, RoleRecord
from orchestrator.embedded.gateway.policy_gate import PolicyGate
from orchestrator.embedded.gateway.service import AwsError, Caller, TaggedResource

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
#: A session made by another session lives an hour at most ("Role chaining", IAM User Guide).
_CHAINED_S = 3600


class StsBackend:
    """AWS STS over the gateway's own credential store.

    Args:
        store: where sessions are opened.
        identities: roles and managed policies.
        gate: decides by the role's trust policy.
    """

    service = "sts"

    def __init__(self, store: CredentialStore, identities: Identities, gate: PolicyGate) -> None:
        self._store, self._identities, self._gate = store, identities, gate

    def invoke(self, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Carry out one operation; see `ServiceBackend.invoke`."""
        handlers = {
            "GetCallerIdentity": self._get_caller_identity,
            "GetAccessKeyInfo": self._get_access_key_info,
            "GetSessionToken": self._get_session_token,
            "AssumeRole": self._assume_role,
            "AssumeRoleWithWebIdentity": self._assume_role_with_web_identity,
        }
        if operation not in handlers:
            raise NotImplementedError(operation)
        return handlers[operation](params, caller)

    def tagged_resources(self) -> list[TaggedResource]:
        """STS has no resources."""
        return []

    def close(self) -> None:
        """Nothing runs."""

    def _get_caller_identity(self, _params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        return {"UserId": caller.user_id, "Account": caller.account_id, "Arn": caller.arn}

    def _get_access_key_info(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        found = self._store.find(params["AccessKeyId"])
        return {"Account": found.caller.account_id if found else caller.account_id}

    def _get_session_token(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        if caller.kind == "role":
            raise AwsError("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
        seconds = _duration(params, default=43200, maximum=129600)
        return {"Credentials": _credentials(self._store.open_session(caller, timedelta(seconds=seconds)))}

    def _assume_role(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        role = self._identities.role(params["RoleArn"])
        if params.get("Tags"):
            raise AwsError("NotImplemented", "Session tags are not available in the embedded cloud.", 501)
        context = {"sts:RoleSessionName": params["RoleSessionName"]}
        if "ExternalId" in params:
            context["sts:ExternalId"] = params["ExternalId"]
        allowed = role is not None and self._gate.may_assume(
            caller, "sts:AssumeRole", role.arn, role.trust_policy, context
        )
        if role is None or not allowed:
            raise AwsError(
                "AccessDenied",
                f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {params['RoleArn']}",
                403,
            )
        maximum = min(role.max_session_s, _CHAINED_S) if caller.kind == "role" else role.max_session_s
        return self._open(role, params, maximum)

    def _assume_role_with_web_identity(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        claims = _claims(params["WebIdentityToken"])
        issuer = str(claims.get("iss", "")).removeprefix("https://")
        provider = f"arn:aws:iam::{self._store.administrator.caller.account_id}:oidc-provider/{issuer}"
        role = self._identities.role(params["RoleArn"])
        context = {f"{issuer}:{name}": str(claims[name]) for name in ("aud", "sub") if name in claims}
        context["sts:RoleSessionName"] = params["RoleSessionName"]
        allowed = role is not None and self._gate.may_federate(provider, role.arn, role.trust_policy, context, caller)
        if role is None or not allowed:
            raise AwsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
        answer = self._open(role, params, role.max_session_s)
        answer["SubjectFromWebIdentityToken"] = str(claims.get("sub", ""))
        answer["Audience"] = str(claims.get("aud", ""))
        answer["Provider"] = provider
        return answer

    def _open(self, role: RoleRecord, params: dict[str, Any], maximum: int) -> dict[str, Any]:
        name = params["RoleSessionName"]
        if not _SESSION_NAME.fullmatch(name):
            raise AwsError("ValidationError", "RoleSessionName must be 2 to 64 characters of [\\w+=,.@-].")
        seconds = _duration(params, default=min(3600, maximum), maximum=maximum)
        account = self._store.administrator.caller.account_id
        caller = Caller(
            "role",
            f"arn:aws:sts::{account}:assumed-role/{role.name}/{name}",
            account,
            user_id=f"{role.role_id}:{name}",
            role_arn=role.arn,
            session_name=name,
            session_policies=self._session_policies(params),
        )
        credential = self._store.open_session(caller, timedelta(seconds=seconds))
        user = {"AssumedRoleId": caller.user_id, "Arn": caller.arn}
        return {"Credentials": _credentials(credential), "AssumedRoleUser": user, "PackedPolicySize": 0}

    def _session_policies(self, params: dict[str, Any]) -> tuple[str, ...]:
        documents = []
        if params.get("Policy"):
            self._gate.check_policy(params["Policy"])
            documents.append(params["Policy"])
        for entry in params.get("PolicyArns", ()):
            document = self._identities.managed_policy(entry.get("arn", ""))
            if document is None:
                raise AwsError("ValidationError", f"The policy {entry.get('arn', '')} does not exist.")
            documents.append(document)
        return tuple(documents)


def _duration(params: dict[str, Any], *, default: int, maximum: int) -> int:
    seconds = int(params.get("DurationSeconds", default))
    if seconds < 900:
        raise AwsError("ValidationError", "DurationSeconds must be at least 900.")
    if seconds > maximum:
        raise AwsError("ValidationError", f"The requested DurationSeconds exceeds the maximum of {maximum} seconds.")
    return seconds


def _credentials(credential: Credential) -> dict[str, Any]:
    return {
        "AccessKeyId": credential.access_key_id,
        "SecretAccessKey": credential.secret,
        "SessionToken": credential.session_token,
        "Expiration": credential.expires_at,
    }


def _claims(token: str) -> dict[str, Any]:
    """Read a web identity token's claims.

    Its signature is not checked: the issuer's keys are somewhere on the internet. What counts is the trust policy.
    """
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, binascii.Error, RecursionError) as error:
        raise AwsError("InvalidIdentityToken", "The web identity token is not a JSON web token.") from error
    if not isinstance(claims, dict):
        raise AwsError("InvalidIdentityToken", "The web identity token is not a JSON web token.")
    return claims


def for_request(caller: Caller, *, secure: bool, source_ip: str, user_agent: str) -> Caller:
    """Complete an identity with how one request reached the gateway."""
    return replace(caller, secure=secure, source_ip=source_ip, user_agent=user_agent)
