from __future__ import annotations

import socket

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from confluent_kafka import KafkaError, KafkaException

from contracts.diagnosis import explain, explain_kafka
from contracts.wire import ConnectError, SaslRefusedError, TlsRefusedError, WireError, WireTimeoutError
from orchestrator.errors import EphkError

WHERE = "b-1:9096"


@pytest.mark.parametrize(
    ("error", "code", "layer"),
    [
        (ConnectError(WHERE, "no", socket.gaierror(-2, "Name or service not known")), "dns.unknown", "dns"),
        (ConnectError(WHERE, "no", ConnectionRefusedError()), "tcp.refused", "tcp"),
        (ConnectError(WHERE, "no", OSError(113, "No route to host")), "tcp.failed", "tcp"),
        (WireTimeoutError("b-1:31000", "no answer"), "timeout.broker", "timeout"),
        (WireTimeoutError(WHERE, "no answer"), "timeout.private-listener", "timeout"),
        (TlsRefusedError(WHERE, "x", "CERTIFICATE_VERIFY_FAILED"), "tls.certificate.untrusted", "tls"),
        (TlsRefusedError(WHERE, "x", "TLSV13_ALERT_CERTIFICATE_REQUIRED"), "tls.client-certificate.missing", "tls"),
        (TlsRefusedError(WHERE, "x", "SSLV3_ALERT_BAD_CERTIFICATE"), "tls.client-certificate.refused", "tls"),
        (TlsRefusedError(WHERE, "x", "WRONG_VERSION_NUMBER"), "tls.not-tls", "tls"),
        (TlsRefusedError(WHERE, "x", "SOMETHING_NEW"), "tls.failed", "tls"),
        (SaslRefusedError(WHERE, "x", 58), "sasl.credentials", "sasl"),
        (SaslRefusedError(WHERE, "x", 33), "sasl.mechanism", "sasl"),
        (WireError(WHERE, "the broker closed the connection"), "protocol.broken", "protocol"),
        (KafkaException(KafkaError(KafkaError._SSL)), "tls.certificate.untrusted", "tls"),
        (KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)), "acl.topic", "acl"),
        (KafkaException(KafkaError(KafkaError._AUTHENTICATION)), "sasl.credentials", "sasl"),
        (EndpointConnectionError(endpoint_url="https://localhost:1"), "tcp.api", "tcp"),
        (NoCredentialsError(), "iam.no-credentials", "iam"),
        (EphkError("it is closed", next_step="Open it."), "unknown.ephk", "unknown"),
        (ZeroDivisionError("x"), "unknown.ZeroDivisionError", "unknown"),
    ],
)
def test_errors_have_a_stable_code_and_a_layer(error: BaseException, code: str, layer: str) -> None:
    found = explain(error)
    assert (found.code, found.layer) == (code, layer)
    assert found.cause


def test_a_time_out_says_that_it_is_no_refusal() -> None:
    assert "a time-out is not a refusal" in explain(WireTimeoutError(WHERE, "no answer within 5.0 s")).cause


def test_iam_names_the_action_and_the_resource() -> None:
    error = ClientError(
        {
            "Error": {
                "Code": "AccessDenied",
                "Message": "User: arn:aws:iam::1:user/x is not authorized to perform: s3:GetObject on resource: "
                "arn:aws:s3:::data/key because no identity-based policy allows the s3:GetObject action",
            }
        },
        "GetObject",
    )
    found = explain(error)
    assert (found.code, found.layer) == ("iam.denied", "iam")
    assert found.cause.startswith("IAM denies s3:GetObject on arn:aws:s3:::data/key")
    assert "boundary" in found.next_step


def test_iam_without_a_parsable_message_names_the_operation() -> None:
    found = explain(ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "PutObject"))
    assert found.cause.startswith("IAM denies PutObject")


def test_unknown_codes_keep_their_names() -> None:
    assert explain_kafka(7, "slow").code == "protocol.request_timed_out"
    found = explain(ClientError({"Error": {"Code": "Odd", "Message": "m"}}, "Do"))
    assert (found.code, found.cause) == ("api.Odd", "Do: Odd m")


def test_the_sentence_joins_cause_and_next_step() -> None:
    assert explain(EphkError("it is closed", next_step="Open it.")).sentence() == "it is closed. Open it."
    assert explain(EphkError("it is closed.")).sentence() == "it is closed"
