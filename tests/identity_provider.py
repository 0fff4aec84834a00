"""An OpenID Connect issuer of a test's own: it has a key, and signs."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from orchestrator.embedded.gateway.web_identity import keys_file
from orchestrator.files import write_private


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class IdentityProvider:
    """Signs tokens as `issuer` with RS256."""

    def __init__(self, issuer: str, *, bits: int = 2048) -> None:
        self.issuer = issuer
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    @property
    def key_set(self) -> dict[str, Any]:
        numbers = self._key.public_key().public_numbers()

        def number(value: int) -> str:
            return text(value.to_bytes((value.bit_length() + 7) // 8, "big"))

        return {"keys": [{"kty": "RSA", "kid": "one", "alg": "RS256", "n": number(numbers.n), "e": number(numbers.e)}]}

    def publish(self, cloud: Path) -> Path:
        """Put the key set where the embedded cloud looks for it."""
        file = keys_file(cloud, self.issuer)
        file.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(file, json.dumps(self.key_set))
        return file

    def token(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        now = int(time.time())
        content = {"iss": self.issuer, "aud": "sts.amazonaws.com", "iat": now, "exp": now + 600, **claims}
        parts = ({"alg": "RS256", "kid": "one", **(header or {})}, content)
        signed = ".".join(text(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{text(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
