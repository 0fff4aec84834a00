"""Who may sign: the administrator's key pair, IAM users' access keys, and sessions of assumed roles.

Users and their keys are moto's IAM; sessions are made here, by our STS. Everything is gone when the cloud stops.
"""

from __future__ import annotations

import hmac
import secrets
import string
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from orchestrator.embedded.gateway.moto_state import MotoState, moto_lock
from orchestrator.embedded.gateway.service import Caller
from orchestrator.embedded.gateway.sigv4 import SignatureError

_ALPHABET = string.ascii_uppercase + "234567"
#: Expired sessions are kept this long, so that their use is answered with "expired" and not with "unknown".
_REMEMBER_EXPIRED = timedelta(days=1)


@dataclass(frozen=True)
class Credential:
    """A key that may sign, and whose it is.

    Attributes:
        access_key_id: the public part.
        secret: the secret access key.
        caller: the identity; how a request reached the gateway is filled in for each request.
        session_token: what a temporary credential must show with every request.
        expires_at: when a temporary credential ends, None for a lasting one.
    """

    access_key_id: str
    secret: str = field(repr=False)
    caller: Caller
    session_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


def new_key_id(prefix: str) -> str:
    """Make a random access key id: `AKIA` for lasting ones, `ASIA` for temporary ones, twenty characters."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(16))


def new_secret() -> str:
    """Make a random secret access key of forty characters."""
    return secrets.token_urlsafe(30)


class CredentialStore:
    """Finds credentials by access key id. Safe to use from many threads.

    Args:
        moto: where IAM users and their keys are.
        access_key_id: the administrator's key; a random one when empty.
        secret: the administrator's secret; a random one when empty.
    """

    def __init__(self, moto: MotoState, *, access_key_id: str = "", secret: str = "") -> None:
        self._moto = moto
        self._lock = threading.Lock()
        self._sessions: dict[str, Credential] = {}
        account = moto.account_id
        key_id = access_key_id or new_key_id("AKIA")
        self.administrator = Credential(
            key_id,
            secret or new_secret(),
            Caller("administrator", f"arn:aws:iam::{account}:user/administrator", account, key_id, "AIDAADMINISTRATOR"),
        )

    def find(self, access_key_id: str) -> Credential | None:
        """Return the credential of a key, or None when no active key has this id."""
        if hmac.compare_digest(access_key_id.encode(), self.administrator.access_key_id.encode()):
            return self.administrator
        with self._lock:
            session = self._sessions.get(access_key_id)
        return session or self._user_key(access_key_id)

    def _user_key(self, access_key_id: str) -> Credential | None:
        with moto_lock:
            for user in self._moto.backend("iam", "aws").users.values():
                for key in user.access_keys:
                    if key.access_key_id == access_key_id:
                        if key.status != "Active":
                            return None
                        caller = Caller("user", user.arn, self._moto.account_id, access_key_id, user_id=user.id)
                        return Credential(access_key_id, key.secret_access_key, caller)
        return None

    def callers_of(self, arn: str) -> tuple[Caller, ...]:
        """Return the identities of a user's or a session's ARN; none for the administrator and for what has ended.

        Sessions of one role with the same name share an ARN, and each may be limited by a session policy of its own:
        whoever knows a caller by the ARN alone must hold it to all of them.
        """
        now = datetime.now(UTC)
        with self._lock:
            live = [
                session.caller
                for session in self._sessions.values()
                if session.caller.arn == arn
                and session.caller.kind == "role"
                and session.expires_at is not None
                and session.expires_at > now
            ]
        if live:
            return tuple({caller.session_policies: caller for caller in live}.values())
        with moto_lock:
            for user in self._moto.backend("iam", "aws").users.values():
                if user.arn == arn:
                    return (Caller("user", user.arn, self._moto.account_id, user_id=user.id),)
        return ()

    def authenticated(self, access_key_id: str, session_token: str | None, now: datetime) -> Credential:
        """Return the credential of a key with its session token checked.

        Raises:
            SignatureError: kind `unknown-key`, `bad-token` or `expired-token`.
        """
        found = self.find(access_key_id)
        if found is None:
            raise SignatureError("unknown-key", "The security token included in the request is invalid.")
        if found.session_token is not None or session_token is not None:
            expected, shown = found.session_token or "", session_token or ""
            if not expected or not hmac.compare_digest(expected.encode(), shown.encode("utf-8", "replace")):
                raise SignatureError("bad-token", "The security token included in the request is invalid.")
        if found.expires_at is not None and now >= found.expires_at:
            raise SignatureError("expired-token", "The security token included in the request is expired")
        return found

    def open_session(self, caller: Caller, duration: timedelta) -> Credential:
        """Make temporary credentials for an identity."""
        now = datetime.now(UTC)
        key_id = new_key_id("ASIA")
        credential = Credential(
            key_id,
            new_secret(),
            replace(caller, access_key_id=key_id),
            session_token=secrets.token_urlsafe(96),
            expires_at=now + duration,
        )
        with self._lock:
            for old in [
                k for k, c in self._sessions.items() if c.expires_at and c.expires_at < now - _REMEMBER_EXPIRED
            ]:
                del self._sessions[old]
            self._sessions[key_id] = credential
        return credential
