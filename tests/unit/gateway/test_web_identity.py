"""AssumeRoleWithWebIdentity: only what an issuer that the account knows has really signed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

import pytest

from tests.identity_provider import IdentityProvider, text
from tests.unit.gateway.conftest import ACCOUNT, Desk, allow

HOST = "issuer.example/path"
SUBJECT = "repo:acme/orders:ref:refs/heads/main"


@pytest.fixture(scope="module")
def provider(desk: Desk) -> IdentityProvider:
    made = IdentityProvider(f"https://{HOST}")
    fields = {"ThumbprintList.member.1": "a" * 40, "ClientIDList.member.1": "sts.amazonaws.com"}
    desk.form("iam", Action="CreateOpenIDConnectProvider", Url=made.issuer, **fields)
    made.publish(desk.context.directory)
    return made


@pytest.fixture(scope="module")
def role(desk: Desk) -> str:
    trust = allow(
        "sts:AssumeRoleWithWebIdentity",
        None,
        Principal={"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}"},
        Condition={
            "StringEquals": {f"{HOST}:aud": "sts.amazonaws.com"},
            "StringLike": {f"{HOST}:sub": "repo:acme/orders:*"},
        },
    )
    return desk.role("web-identity", allow("kafka:*"), trust=trust)


def assume(desk: Desk, role: str, token: str) -> tuple[int, bytes]:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"Action=AssumeRoleWithWebIdentity&RoleArn={role}&RoleSessionName=me&WebIdentityToken={token}"
    answer = desk.send("sts", "POST", body=body.encode(), headers=kind, sign=False)
    return answer.status, answer.body


def test_what_the_issuer_signed_is_let_in_by_the_trust_policy(
    desk: Desk, provider: IdentityProvider, role: str
) -> None:
    status, body = assume(desk, role, provider.token(sub=SUBJECT))
    assert (status, SUBJECT.encode() in body) == (200, True)
    assert assume(desk, role, provider.token(sub="repo:acme/payments:main"))[0] == 403


def unsigned(provider: IdentityProvider) -> str:
    return provider.token(sub=SUBJECT).rpartition(".")[0] + "."


def none(provider: IdentityProvider) -> str:
    return provider.token({"alg": "none"}, sub=SUBJECT).rpartition(".")[0] + "."


def by_a_secret(provider: IdentityProvider) -> str:
    """Sign with the public key as if it were a shared secret."""
    import hmac

    signed = provider.token({"alg": "HS256"}, sub=SUBJECT).rpartition(".")[0]
    return f"{signed}.{text(hmac.digest(json.dumps(provider.key_set).encode(), signed.encode(), 'sha256'))}"


def altered(provider: IdentityProvider) -> str:
    header, _, signature = provider.token(sub="repo:acme/other:main").split(".")
    claims = {"iss": provider.issuer, "aud": "sts.amazonaws.com", "sub": SUBJECT, "exp": time.time() + 600}
    return f"{header}.{text(json.dumps(claims).encode())}.{signature}"


FORGED: dict[str, tuple[Callable[[IdentityProvider], str], bytes]] = {
    "without signature": (unsigned, b"Token signature invalid"),
    "algorithm none": (none, b"Token signature invalid"),
    "a secret's algorithm": (by_a_secret, b"Token signature invalid"),
    "other claims": (altered, b"Token signature invalid"),
    "another key": (lambda p: IdentityProvider(p.issuer).token(sub=SUBJECT), b"Token signature invalid"),
    "another issuer": (
        lambda _: IdentityProvider("https://x.example").token(sub=SUBJECT),
        b"No OpenIDConnect provider",
    ),
    "another audience": (lambda p: p.token(sub=SUBJECT, aud="other"), b"Incorrect token audience"),
    "another authorized party": (lambda p: p.token(sub=SUBJECT, azp="other"), b"Incorrect token audience"),
    "no audience": (lambda p: p.token(sub=SUBJECT, aud=None), b"Incorrect token audience"),
    "expired": (lambda p: p.token(sub=SUBJECT, exp=time.time() - 1), b"Token expired"),
    "never expires": (lambda p: p.token(sub=SUBJECT, exp="never"), b"not a valid JWT"),
    "from the future": (lambda p: p.token(sub=SUBJECT, nbf=time.time() + 3600), b"not valid yet"),
    "no subject": (lambda p: p.token(), b"not a valid JWT"),
    "an extension": (lambda p: p.token({"crit": ["b64"]}, sub=SUBJECT), b"not a valid JWT"),
    "no token": (lambda _: "a.b.c", b"not a valid JWT"),
    "a list": (lambda _: ".".join(base64.urlsafe_b64encode(b"[]").decode() for _ in range(3)), b"not a valid JWT"),
}


@pytest.mark.parametrize("name", FORGED)
def test_nobody_else_is_let_in(desk: Desk, provider: IdentityProvider, role: str, name: str) -> None:
    make, words = FORGED[name]
    status, body = assume(desk, role, make(provider))
    assert (status, words in body) == (400, True), body


def test_an_issuer_whose_keys_are_not_known_vouches_for_nobody(desk: Desk, role: str) -> None:
    stranger = IdentityProvider("https://unknown.example")
    fields = {"ThumbprintList.member.1": "a" * 40, "ClientIDList.member.1": "sts.amazonaws.com"}
    desk.form("iam", Action="CreateOpenIDConnectProvider", Url=stranger.issuer, **fields)
    status, body = assume(desk, role, stranger.token(sub=SUBJECT))
    assert (status, b"retrieve verification key" in body) == (400, True)


def test_a_short_key_is_no_key(desk: Desk, role: str) -> None:
    weak = IdentityProvider("https://weak.example", bits=1024)
    fields = {"ThumbprintList.member.1": "a" * 40, "ClientIDList.member.1": "sts.amazonaws.com"}
    desk.form("iam", Action="CreateOpenIDConnectProvider", Url=weak.issuer, **fields)
    weak.publish(desk.context.directory)
    assert b"Token signature invalid" in assume(desk, role, weak.token(sub=SUBJECT))[1]


def test_a_key_of_an_elliptic_curve(desk: Desk, role: str) -> None:
    from datetime import UTC, datetime

    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    from orchestrator.embedded.gateway import web_identity
    from orchestrator.embedded.gateway.service import AwsError

    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    issuer = "https://curve.example"
    point = {"x": text(numbers.x.to_bytes(32, "big")), "y": text(numbers.y.to_bytes(32, "big"))}
    file = web_identity.keys_file(desk.context.directory, issuer)
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"keys": [{"kty": "EC", "crv": "P-256", **point}]}))
    claims = {"iss": issuer, "aud": ["a", "sts.amazonaws.com"], "sub": SUBJECT, "exp": time.time() + 60}
    signed = ".".join(text(json.dumps(part).encode()) for part in ({"alg": "ES256"}, claims))
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))

    def check(signature: bytes) -> web_identity.WebIdentity:
        token = f"{signed}.{text(signature)}"
        return web_identity.verify(token, desk.context.directory, ("sts.amazonaws.com",), datetime.now(UTC))

    assert check(r.to_bytes(32, "big") + s.to_bytes(32, "big")).subject == SUBJECT
    with pytest.raises(AwsError, match="signature"):
        check(s.to_bytes(32, "big") + r.to_bytes(32, "big"))
