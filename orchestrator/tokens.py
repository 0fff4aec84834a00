"""Tokens and temporary keys of an environment's IAM principals, always under the same session name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from contracts.credentials import Credentials
from orchestrator.aws import AwsSession
from orchestrator.environment import Principal
from orchestrator.errors import EphkError
from orchestrator.kafka_clients import session_name
from orchestrator.lease import Lease
from orchestrator.lifecycle import ready_environment, session_of


@dataclass(frozen=True)
class SignedToken:
    """An MSK IAM token. Its repr does not show it.

    Attributes:
        value: for the mechanism OAUTHBEARER.
        expires_at: seconds since the epoch.
        session_name: of the role session that signed it.
    """

    value: str = field(repr=False)
    expires_at: float
    session_name: str


def signed_token(lease: Lease, principal: Principal) -> SignedToken:
    """Assume a principal's role and sign a token with it.

    Raises:
        EphkError: the environment is not ready, its cloud is gone, or the principal has no role or may not be assumed.
    """
    assumed = _assume(lease, principal)
    credentials = Credentials(ready_environment(lease), assumed)
    value, expires_at = credentials.sign(credentials.signing_keys(assumed))
    return SignedToken(value, expires_at, session_name(principal))


def role_keys(lease: Lease, principal: Principal) -> dict[str, Any]:
    """Return a principal's temporary keys as AWS's `credential_process` wants them (AWS SDKs and Tools Guide).

    Raises:
        EphkError: as for `signed_token`.
    """
    keys = _assume(lease, principal).credentials
    if keys is None or keys.expiration is None:
        raise EphkError(f"role {principal.role_arn} gave no temporary credentials")
    return {
        "Version": 1,
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "SessionToken": keys.session_token,
        "Expiration": keys.expiration.isoformat(),
    }


def _assume(lease: Lease, principal: Principal) -> AwsSession:
    if principal.role_arn is None:
        raise EphkError(f"principal {principal.name} names no IAM role")
    try:
        return session_of(lease).assume_role(principal.role_arn, session_name(principal))
    except ClientError as error:
        raise EphkError(
            f"the role of principal {principal.name} cannot be assumed: {error.response['Error']['Message']}",
            next_step="The caller needs sts:AssumeRole on the role, and the role's trust policy must let it in.",
        ) from error
