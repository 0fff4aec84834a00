"""SASL mechanisms, client side: SCRAM-SHA-512 (RFC 5802, RFC 7677) and OAUTHBEARER (RFC 7628, KIP-255)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

#: Sends one SASL message and returns the broker's; raises SaslRefusedError.
Exchange = Callable[[bytes], bytes]


class Sasl(Protocol):
    """A mechanism with its credentials."""

    @property
    def mechanism(self) -> str:
        """The mechanism's registered name."""
        ...

    def authenticate(self, exchange: Exchange) -> None:
        """Hold the conversation; raises ValueError when the server's side of it is wrong."""
        ...


@dataclass(frozen=True)
class Scram:
    """SCRAM-SHA-512, the one SCRAM mechanism that MSK offers.

    Attributes:
        nonce: the client's nonce; None makes a random one (RFC 5802 forbids to use one twice).
    """

    username: str
    password: str = field(repr=False)
    nonce: str | None = None
    mechanism: str = "SCRAM-SHA-512"

    def authenticate(self, exchange: Exchange) -> None:
        """Prove the password without sending it, and check that the server knows it as well."""
        name = self.username.replace("=", "=3D").replace(",", "=2C")
        first_bare = f"n={name},r={self.nonce or secrets.token_urlsafe(24)}"
        server_first = exchange(f"n,,{first_bare}".encode()).decode()
        parts = dict(part.split("=", 1) for part in server_first.split(","))
        if not parts["r"].startswith(first_bare.rpartition("r=")[2]):
            raise ValueError("the broker's SCRAM nonce does not begin with ours")
        salted = hashlib.pbkdf2_hmac("sha512", self.password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
        client_key = _hmac(salted, b"Client Key")
        without_proof = f"c=biws,r={parts['r']}"
        signed = f"{first_bare},{server_first},{without_proof}".encode()
        signature = _hmac(hashlib.sha512(client_key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        server_final = exchange(f"{without_proof},p={base64.b64encode(proof).decode()}".encode()).decode()
        expected = base64.b64encode(_hmac(_hmac(salted, b"Server Key"), signed)).decode()
        if not hmac.compare_digest(server_final.partition("v=")[2].split(",")[0], expected):
            raise ValueError("the broker's SCRAM signature is wrong: it does not know the password")


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha512).digest()


@dataclass(frozen=True)
class OAuthBearer:
    """OAUTHBEARER with a token that is made for each connection (MSK's IAM access control).

    Attributes:
        token: returns a fresh token.
    """

    token: Callable[[], str] = field(repr=False)
    mechanism: str = "OAUTHBEARER"

    def authenticate(self, exchange: Exchange) -> None:
        """Send the token; a refusal comes as a JSON message that has to be answered (RFC 7628, 3.2.3)."""
        answer = exchange(f"n,,\x01auth=Bearer {self.token()}\x01\x01".encode())
        if answer:
            exchange(b"\x01")
            raise ValueError("the broker answered the token with an error message and then accepted it")
