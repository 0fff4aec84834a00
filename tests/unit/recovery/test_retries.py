"""Which calls are made again, and how often: a server that counts stands in for AWS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from orchestrator.aws import AwsSession, Credentials
from orchestrator.environment import CloudEndpoint
from orchestrator.retries import ONE_ATTEMPT, RETRYABLE_CODES, with_retries

FINE = (200, "", "{}")


class Script(BaseHTTPRequestHandler):
    """Answers what it is told, in turn; the last answer stays. `None` drops the connection."""

    answers: ClassVar[list[tuple[int, str, str] | None]] = []
    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.bodies.append(body)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            self.close_connection = True
            return
        status, code, text = answer
        data = text.encode() if not code else f'{{"__type": "{code}", "message": "because"}}'.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def address() -> Iterator[str]:
    Script.answers, Script.bodies = [FINE], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Script)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def make(address: str) -> Callable[..., Any]:
    def client(service: str = "secretsmanager", **options: Any) -> Any:
        made = boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=address,
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            config=Config(retries=ONE_ATTEMPT, proxies={}),  # type: ignore[arg-type]
        )
        return with_retries(made, **options)

    return client


def asked() -> int:
    return len(Script.bodies)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "ThrottlingException"), (400, "RequestLimitExceeded"), (503, "SlowDown"), (500, "InternalFailure")],
)
def test_what_passes_is_asked_for_again(make: Callable[..., Any], status: int, code: str) -> None:
    Script.answers = [(status, code, ""), (status, code, ""), FINE]
    make().list_secrets()
    assert asked() == 3


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "AccessDeniedException"),
        (403, "ExpiredTokenException"),
        (400, "LimitExceededException"),
        (400, "ResourceNotFoundException"),
    ],
)
def test_a_refusal_is_final(make: Callable[..., Any], status: int, code: str) -> None:
    Script.answers = [(status, code, "")]
    with pytest.raises(ClientError, match=code):
        make().list_secrets()
    assert asked() == 1
    assert code not in RETRYABLE_CODES


def test_the_products_own_session_has_this_one_layer(address: str) -> None:
    session = AwsSession(CloudEndpoint(region="us-east-1", account_id="1", endpoint_url=address), Credentials("a", "b"))
    Script.answers = [(400, "AccessDeniedException", "")]
    with pytest.raises(ClientError):
        session.client("secretsmanager").list_secrets()
    assert asked() == 1
    Script.answers = [(400, "ThrottlingException", "")] * 4 + [FINE]
    session.client("secretsmanager").list_secrets()
    assert asked() == 1 + 5


def test_the_deadline_ends_it_with_awss_own_error(make: Callable[..., Any]) -> None:
    Script.answers = [(400, "ThrottlingException", "")]
    with pytest.raises(ClientError, match="ThrottlingException"):
        make(deadline_s=0.3).list_secrets()
    assert asked() > 1


def test_a_cancellation_ends_the_waiting(make: Callable[..., Any]) -> None:
    cancelled = threading.Event()
    cancelled.set()
    Script.answers = [(400, "ThrottlingException", "")]
    with pytest.raises(ClientError, match="ThrottlingException"):
        make(deadline_s=60.0, cancelled=cancelled).list_secrets()
    assert asked() == 1


def test_a_page_in_the_middle_is_asked_for_again(make: Callable[..., Any]) -> None:
    Script.answers = [
        (200, "", '{"SecretList": [{"Name": "one"}], "NextToken": "2"}'),
        (400, "ThrottlingException", ""),
        (200, "", '{"SecretList": [{"Name": "two"}]}'),
    ]
    pages = make().get_paginator("list_secrets").paginate()
    assert [secret["Name"] for page in pages for secret in page["SecretList"]] == ["one", "two"]


@pytest.mark.parametrize(
    ("service", "operation", "fields"),
    [("secretsmanager", "describe_secret", {"SecretId": "x"}), ("logs", "filter_log_events", {"logGroupName": "x"})],
)
def test_an_answer_that_never_came_is_asked_for_again_where_that_does_no_harm(
    make: Callable[..., Any], service: str, operation: str, fields: dict[str, str]
) -> None:
    Script.answers = [None, FINE]
    getattr(make(service), operation)(**fields)
    assert asked() == 2


def test_a_create_without_a_token_is_not_made_twice(make: Callable[..., Any]) -> None:
    Script.answers = [None, FINE]
    with pytest.raises(ConnectionClosedError):
        make("kms").create_key()
    assert asked() == 1


def test_a_create_with_a_token_is_made_again_with_the_same_token(make: Callable[..., Any]) -> None:
    Script.answers = [None, (500, "InternalServiceError", ""), FINE]
    make().create_secret(Name="x", SecretString="y")
    assert asked() == 3
    assert b"ClientRequestToken" in Script.bodies[0]
    assert len(set(Script.bodies)) == 1
