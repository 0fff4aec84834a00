"""A small IAM authority for tests: one operator that may do all, others that may do nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
from botocore.credentials import CredentialProvider, Credentials

REGION = "us-east-1"
TOKEN = "authority-token"
OPERATOR = "arn:aws:sts::123456789012:assumed-role/operator/session"
STRANGER = "arn:aws:sts::123456789012:assumed-role/stranger/session"
#: access key -> (secret, ARN)
KEYS = {"AKIAOPERATOR": ("operator-secret", OPERATOR), "AKIASTRANGER": ("stranger-secret", STRANGER)}


def _sign(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def verify(token: str) -> str | None:
    """Return the ARN whose key signed a presigned URL, by AWS's description of Signature Version 4."""
    return verify_url(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())


def verify_payload(payload: str) -> str | None:
    """Return the ARN whose key signed a payload of AWS_MSK_IAM."""
    fields = json.loads(payload)
    names = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature", "Security-Token")
    query = {f"X-Amz-{name}": fields[f"x-amz-{name.lower()}"] for name in names if f"x-amz-{name.lower()}" in fields}
    return verify_url(f"https://{fields['host']}/?{urlencode({'Action': fields['action'], **query})}")


def verify_url(text: str) -> str | None:
    url = urlsplit(text)
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    key_id, date, region, service, _ = query["X-Amz-Credential"].split("/")
    if key_id not in KEYS:
        return None
    secret, arn = KEYS[key_id]
    signed = {k: v for k, v in query.items() if k not in {"X-Amz-Signature", "User-Agent"}}
    canonical_query = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(signed.items()))
    empty = hashlib.sha256(b"").hexdigest()
    canonical = f"GET\n/\n{canonical_query}\nhost:{url.netloc}\n\nhost\n{empty}"
    scope = f"{date}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = _sign(key, part)
    good = hmac.compare_digest(_sign(key, to_sign).hex(), query["X-Amz-Signature"])
    return arn if good else None


@dataclass
class Authority:
    """What the brokers asked so far."""

    url: str = ""
    authorizations: list[dict[str, Any]] = field(default_factory=list)
    wrong_tokens: int = 0
    gone: bool = False

    @contextmanager
    def away(self) -> Iterator[None]:
        """Hang up on every question, as an authority does that is gone."""
        self.gone = True
        try:
            yield
        finally:
            self.gone = False

    def answer(self, path: str, document: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/authenticate":
            arn = verify_payload(document["payload"]) if "payload" in document else verify(document["token"])
            return (200, {"principal_arn": arn}) if arn else (403, {"reason": "signature does not match"})
        self.authorizations += [{**request, "principal": document["principal_arn"]} for request in document["requests"]]
        return 200, {"allowed": [document["principal_arn"] == OPERATOR for _ in document["requests"]]}


@contextmanager
def running_authority() -> Iterator[Authority]:
    authority = Authority()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            if authority.gone:
                self.close_connection = True
                return
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers["X-Ephk-Authority-Token"] == TOKEN:
                status, answer = authority.answer(self.path, document)
            else:
                authority.wrong_tokens += 1
                status, answer = 401, {}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    authority.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Fixed(CredentialProvider):
    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


def iam_token(key_id: str, secret: str | None = None, *, region: str = REGION) -> tuple[str, float]:
    """Make a token with AWS's own signer, as (token, expiry in seconds since the epoch)."""
    credentials = Credentials(key_id, secret or KEYS[key_id][0])
    token, expiry_ms = MSKAuthTokenProvider.generate_auth_token_from_credentials_provider(region, _Fixed(credentials))
    return token, expiry_ms / 1000
