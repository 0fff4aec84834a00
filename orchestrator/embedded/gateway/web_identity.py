"""Tokens of an OpenID Connect provider: who signed them, for whom, until when.

AWS fetches an issuer's keys from its address. The embedded cloud fetches nothing: an issuer's key set (RFC 7517) is a
file in the cloud's own directory, `oidc/<host and path with "/" as "_">.json`, put there by whoever owns the cloud. An
issuer without such a file cannot vouch for anybody. Sources: "AssumeRoleWithWebIdentity" (AWS STS API Reference);
"Create an OpenID Connect (OIDC) identity provider in IAM" (IAM User Guide); RFC 7515, 7518 and 7519.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from orchestrator.embedded.gateway.service import AwsError

_MAX_TOKEN = 20_000
_SMALLEST_RSA_BITS = 2048
_MAX_SKEW = timedelta(minutes=5)
_SAFE_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")
#: What is said of everything that is no token: which part is wrong is nobody's business.
_NOT_VALID = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"


@dataclass(frozen=True)
class WebIdentity:
    """Somebody whom an issuer vouches for.

    Attributes:
        issuer: without scheme, as condition keys and provider ARNs have it.
        subject: the claim `sub`.
        audiences: the claim `aud`, one or several.
    """

    issuer: str
    subject: str
    audiences: tuple[str, ...]


def keys_file(directory: Path, issuer: str) -> Path:
    """Return where an issuer's key set is kept.

    Args:
        directory: the cloud's own directory.
        issuer: with or without scheme.
    """
    return directory / "oidc" / f"{_host(issuer).replace('/', '_')}.json"


def issuer_of(token: str) -> str:
    """Return who a token says that it is from, without scheme; nothing is checked yet.

    Raises:
        AwsError: InvalidIdentityToken.
    """
    return _host(str(_read(token)[1].get("iss", "")))


def verify(token: str, directory: Path, audiences: tuple[str, ...], now: datetime) -> WebIdentity:
    """Check a token's signature, life and audience.

    Args:
        token: a JSON web token in its compact form.
        directory: the cloud's own directory, where the issuers' keys are.
        audiences: the client ids that the account's provider takes.
        now: the time.

    Raises:
        AwsError: InvalidIdentityToken or ExpiredTokenException.
    """
    header, claims, signed, signature = _read(token)
    issuer = _host(str(claims.get("iss", "")))
    if not _is_signed(header, signed, signature, _keys(directory, issuer)):
        raise _invalid("Token signature invalid")
    _check_life(claims, now)
    # "Available keys for AWS OIDC federation" (IAM User Guide): an authorized party takes the audience's place.
    given = claims.get("azp") or claims.get("aud")
    named = tuple(str(one) for one in (given if isinstance(given, list) else [given]) if one)
    if not set(named) & set(audiences):
        raise _invalid("Incorrect token audience")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise _invalid(_NOT_VALID)
    return WebIdentity(issuer, subject, named)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidIdentityToken", message)


def _host(issuer: str) -> str:
    return issuer.removeprefix("https://").rstrip("/")


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    parts = token.split(".")
    if len(token) > _MAX_TOKEN or len(parts) != 3:
        raise _invalid(_NOT_VALID)
    try:
        header, claims = json.loads(_decoded(parts[0])), json.loads(_decoded(parts[1]))
        signature = _decoded(parts[2])
    except (ValueError, RecursionError, binascii.Error) as error:
        raise _invalid(_NOT_VALID) from error
    # An extension that must be understood (`crit`, RFC 7515) is understood by nobody here.
    if not isinstance(header, dict) or not isinstance(claims, dict) or "crit" in header:
        raise _invalid(_NOT_VALID)
    return header, claims, f"{parts[0]}.{parts[1]}".encode(), signature


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _keys(directory: Path, issuer: str) -> list[Mapping[str, Any]]:
    path = keys_file(directory, issuer)
    try:
        listed: Any = json.loads(path.read_bytes())["keys"] if _SAFE_NAME.fullmatch(path.name) else None
        return [key for key in listed if isinstance(key, Mapping)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _invalid(
            "Couldn't retrieve verification key from your identity provider, please reference "
            "AssumeRoleWithWebIdentity documentation for requirements "
            f"(the embedded cloud reads an issuer's key set from oidc/{path.name} of its own directory)"
        ) from error


def _is_signed(header: Mapping[str, Any], signed: bytes, signature: bytes, keys: list[Mapping[str, Any]]) -> bool:
    """Tell whether one of the issuer's keys has signed; a key's own kind decides how, never the token's word alone."""
    named = header.get("kid")
    return any(
        _verifies(key, str(header.get("alg")), signed, signature)
        for key in keys
        if named is None or key.get("kid") in (named, None)
    )


def _verifies(key: Mapping[str, Any], algorithm: str, signed: bytes, signature: bytes) -> bool:
    try:
        if key.get("kty") == "RSA" and algorithm == "RS256":
            public = rsa.RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
            if public.key_size < _SMALLEST_RSA_BITS:
                return False
            public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
            return True
        if key.get("kty") == "EC" and key.get("crv") == "P-256" and algorithm == "ES256" and len(signature) == 64:
            point = ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), ec.SECP256R1()).public_key()
            halves = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
            point.verify(encode_dss_signature(*halves), signed, ec.ECDSA(hashes.SHA256()))
            return True
    except (InvalidSignature, KeyError, ValueError, TypeError, AttributeError):
        return False
    return False


def _number(text: str) -> int:
    return int.from_bytes(_decoded(text), "big")


def _check_life(claims: Mapping[str, Any], now: datetime) -> None:
    moments: dict[str, datetime] = {}
    for name in ("exp", "nbf", "iat"):
        if name in claims:
            try:
                moments[name] = datetime.fromtimestamp(float(claims[name]), UTC)
            except (TypeError, ValueError, OverflowError, OSError) as error:
                raise _invalid(_NOT_VALID) from error
    if "exp" not in moments:
        raise _invalid("Missing a required claim: exp")
    if moments["exp"] <= now:
        message = (
            f"Token expired: current date/time {now:%s} must be before the expiration date/time {moments['exp']:%s}"
        )
        raise AwsError("ExpiredTokenException", message)
    if any(moments[name] > now + _MAX_SKEW for name in ("nbf", "iat") if name in moments):
        raise _invalid("Token is not valid yet")
