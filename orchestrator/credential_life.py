"""How long the caller's AWS credentials still last, compared with what is about to be done with them.

A job whose credentials end while MSK creates a cluster can neither finish nor clean up: it is refused before it begins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from orchestrator.errors import EphkError

#: Set beside static session keys, it says when they end; botocore reads it, too.
VARIABLE = "AWS_CREDENTIAL_EXPIRATION"
#: What a role's session lasts unless more was asked for ("AssumeRoleWithWebIdentity", AWS STS API Reference).
DEFAULT_SESSION_S = 3600.0
#: botocore's ways to get credentials that it renews by itself for as long as the machine has its role or the user is
#: signed in ("Credentials", Boto3 guide).
_RENEWED = frozenset({"iam-role", "container-role", "sso", "custom-process", "assume-role", "login"})

#: Seconds for create, verify and destroy, by provider plugin: MSK takes 25 to 60 minutes to create a cluster and the
#: rest of the stack, the contracts and the deletion some 25 more; the embedded cloud takes a minute on a slow machine.
NEEDED_S: dict[Literal["embedded", "official"], float] = {"embedded": 600.0, "official": 5100.0}


@dataclass(frozen=True)
class CredentialLife:
    """How long credentials last.

    Attributes:
        left_s: seconds, infinite for those that do not end or renew themselves.
        how: how that is known, for people.
    """

    left_s: float
    how: str


def caller_life(now: datetime | None = None) -> CredentialLife:
    """Return how long the credentials last that boto3 finds for the caller.

    Raises:
        EphkError: there are none.
    """
    import botocore.session

    from orchestrator.aws_errors import explained

    with explained("find AWS credentials"):
        credentials = botocore.session.get_session().get_credentials()
    if credentials is None:
        raise EphkError(
            "there are no AWS credentials",
            next_step="Sign in (AWS_PROFILE, 'aws sso login', or the CI's OIDC role), then run it again.",
        )
    return life_of(credentials, now or datetime.now(UTC))


def life_of(credentials: Any, now: datetime) -> CredentialLife:
    """Return how long botocore's credentials last.

    Args:
        credentials: botocore's `Credentials` or `RefreshableCredentials`.
        now: the time to count from.
    """
    if credentials.method in _RENEWED:
        return CredentialLife(math.inf, f"they are renewed by botocore ({credentials.method})")
    # Read before anything else of them: to read the token of credentials that have ended is to renew them.
    ends = getattr(credentials, "_expiry_time", None)
    if isinstance(ends, datetime):
        return CredentialLife((ends - now).total_seconds(), f"they end at {ends.astimezone(UTC):%H:%M:%S} UTC")
    if not credentials.token:
        return CredentialLife(math.inf, "an access key that does not end")
    return CredentialLife(
        DEFAULT_SESSION_S, f"{VARIABLE} does not say when they end, and a role's session lasts an hour unless asked"
    )


def require(life: CredentialLife, needed_s: float) -> None:
    """Refuse credentials that end before the work can be finished and cleaned up.

    Raises:
        EphkError: they are too short; nothing was made.
    """
    if life.left_s >= needed_s:
        return
    raise EphkError(
        f"the AWS credentials last {max(0, life.left_s) / 60:.0f} more minutes ({life.how}); creating, verifying and "
        f"destroying the environment needs {needed_s / 60:.0f}",
        next_step=(
            "Ask for a longer session (GitHub: 'role-duration-seconds: 10800' of configure-aws-credentials, and a role "
            f"whose MaxSessionDuration allows it) and pass its end on in {VARIABLE}. Nothing was created."
        ),
    )


def check_caller(provider: Literal["embedded", "official"], now: datetime | None = None) -> None:
    """Compare the caller's credentials with what an environment needs; see `require`."""
    require(caller_life(now), NEEDED_S[provider])
