"""STS: who am I, and temporary credentials for roles whose trust policy lets the caller in.

moto answers `AssumeRole` for any ARN and hands out the same keys for `GetSessionToken`; here a session is a
credential that the gateway really checks. Rules: "AssumeRole" and "AssumeRoleWithWebIdentity" (AWS STS API Reference).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orchestrator.embedded.gateway import web_identity
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
        directory: the cloud's own directory, where the keys of identity providers are.
    """

    service = "sts"

    def __init__(self, store: CredentialStore, identities: Identities, gate: PolicyGate, directory: Path) -> None:
        self._store, self._identities, self._gate, self._directory = store, identities, gate, directory

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

    def assume_for_service(self, service: str, role_arn: str, session_name: str, source_arn: str) -> Credential:
        """Open a session of a role for an AWS service that acts for one of the account's resources.

        Args:
            service: the service's principal, such as `kafkaconnect.amazonaws.com`.
            role_arn: the role.
            session_name: names the session.
            source_arn: the resource that the service acts for.

        Raises:
            AwsError: there is no such role, or its trust policy does not let the service assume it.
        """
        account = self._store.administrator.caller.account_id
        role = self._identities.role(role_arn)
        context = {"aws:SourceArn": source_arn, "aws:SourceAccount": account, "sts:RoleSessionName": session_name}
        if role is None or not self._gate.may_serve(service, role.arn, role.trust_policy, context):
            message = f"{service} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            raise AwsError("AccessDenied", message, 403)
        answer = self._open(role, {"RoleSessionName": session_name}, min(role.max_session_s, _CHAINED_S))
        found = self._store.find(answer["Credentials"]["AccessKeyId"])
        assert found is not None  # noqa: S101 - it was opened a moment ago
        return found

    def _assume_role_with_web_identity(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        token = params["WebIdentityToken"]
        issuer = web_identity.issuer_of(token)
        provider = f"arn:aws:iam::{self._store.administrator.caller.account_id}:oidc-provider/{issuer}"
        audiences = self._identities.provider_audiences(provider)
        if audiences is None:
            message = f"No OpenIDConnect provider found in your account for https://{issuer}"
            raise AwsError("InvalidIdentityToken", message)
        known = web_identity.verify(token, self._directory, audiences, datetime.now(UTC))
        role = self._identities.role(params["RoleArn"])
        context: dict[str, Any] = {f"{issuer}:sub": known.subject, f"{issuer}:aud": list(known.audiences)}
        context["sts:RoleSessionName"] = params["RoleSessionName"]
        allowed = role is not None and self._gate.may_federate(provider, role.arn, role.trust_policy, context, caller)
        if role is None or not allowed:
            raise AwsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
        answer = self._open(role, params, role.max_session_s)
        answer["SubjectFromWebIdentityToken"] = known.subject
        answer["Audience"] = known.audiences[0]
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
