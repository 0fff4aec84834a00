"""Why something could not connect or was denied: a stable code, the layer, the cause and the next step.

The codes are for machines and stay the same; the texts are for people. The causes are those that
people found for these symptoms with MSK (Amazon MSK Developer Guide, "Troubleshooting"; the issues of
aws-msk-iam-auth).
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from botocore import exceptions as aws
from botocore.parsers import ResponseParserError
from confluent_kafka import KafkaError, KafkaException

from contracts.symptoms import DiagnosisLayer, denying_policy, origin_of
from contracts.wire.errors import (
    ConnectError,
    SaslRefusedError,
    TlsRefusedError,
    WireError,
    WireTimeoutError,
    error_name,
)
from orchestrator.environment import MSK_PORTS
from orchestrator.errors import EphkError


@dataclass(frozen=True)
class Diagnosis:
    """What a failure means.

    Attributes:
        code: stable, for machines (`tls.ca.unknown`).
        layer: where it failed.
        cause: one sentence.
        next_step: what to do; empty when there is nothing to suggest.
        source: who found or documents this cause.
        command: a command of this product that shows more or sets it right.
    """

    code: str
    layer: DiagnosisLayer
    cause: str
    next_step: str = ""
    source: str = ""
    command: str = ""

    def as_evidence(self) -> dict[str, str]:
        """Return the diagnosis as evidence: code and layer, with source and command when there are any."""
        found = {"diagnosis": self.code, "layer": self.layer, "source": self.source, "command": self.command}
        return {name: value for name, value in found.items() if value}

    def sentence(self) -> str:
        """Return cause and next step as one line."""
        cause = self.cause.rstrip(".")
        return f"{cause}. {self.next_step}" if self.next_step else cause


#: A symptom's tail: code, layer, what it means, next step.
_Meaning = tuple[str, DiagnosisLayer, str, str]

_TLS: dict[str, _Meaning] = {
    "CERTIFICATE_VERIFY_FAILED": (
        "tls.certificate.untrusted", "tls", "the broker's certificate is not trusted",
        "Use the environment's CA (`ephk env` writes it); on MSK the system's trust store.",
    ),
    "CERTIFICATE_REQUIRED": (
        "tls.client-certificate.missing", "tls", "the broker wants a client certificate",
        "Connect to the listener of your mechanism, or present a certificate of the environment's private CA.",
    ),
    "BAD_CERTIFICATE": (
        "tls.client-certificate.refused", "tls", "the broker refused the client certificate, or its absence",
        "Present a certificate that the environment's private CA issued.",
    ),
    "UNKNOWN_CA": (
        "tls.client-certificate.unknown-ca", "tls", "the broker does not know the client certificate's CA",
        "Present a certificate that the environment's private CA issued.",
    ),
    "PROTOCOL_VERSION": (
        "tls.version", "tls", "no TLS version that both sides speak", "Use TLS 1.2 or newer.",
    ),
    "WRONG_VERSION_NUMBER": (
        "tls.not-tls", "tls", "the port answered without TLS", "Check the port: is it a plaintext listener?",
    ),
    "CLOSED": (
        "tls.closed", "tls", "the connection was closed during the TLS handshake",
        "Check that the port is a Kafka TLS listener and that the broker's log shows no handshake failure.",
    ),
}  # fmt: skip

_KAFKA: dict[int, _Meaning] = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: (
        "acl.topic", "acl", "the principal may not do this with the topic",
        "Add the ACL (SCRAM, mTLS), or the kafka-cluster data action on the topic's ARN (IAM); `kafka:*` is not that.",
    ),
    KafkaError.GROUP_AUTHORIZATION_FAILED: (
        "acl.group", "acl", "the principal may not use the consumer group",
        "Grant the group too: READ on it (ACL), or kafka-cluster:AlterGroup on the group's ARN, not the topic's (IAM).",
    ),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: (
        "acl.cluster", "acl", "the principal may not do this with the cluster",
        "Ask the operator role; idempotent producers with IAM need kafka-cluster:WriteDataIdempotently.",
    ),
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: (
        "acl.transactional-id", "acl", "the principal may not use the transactional id",
        "Grant WRITE on the transactional id.",
    ),
    KafkaError.SASL_AUTHENTICATION_FAILED: (
        "sasl.credentials", "sasl", "the broker refused the credentials",
        "Check user, password and mechanism; a SCRAM user made a moment ago may need minutes on MSK.",
    ),
    KafkaError.UNSUPPORTED_SASL_MECHANISM: (
        "sasl.mechanism", "sasl", "the listener does not offer the mechanism",
        "Each listener has one: 9096 SCRAM-SHA-512, 9098 IAM, 9094 mTLS.",
    ),
    KafkaError._AUTHENTICATION: (
        "sasl.credentials", "sasl", "the broker refused the credentials",
        "Check user, password and mechanism; a SCRAM user made a moment ago may need minutes on MSK.",
    ),
    KafkaError._SSL: (
        "tls.certificate.untrusted", "tls", "the TLS handshake failed",
        "Use the environment's CA (`ephk env` writes it); on MSK the system's trust store.",
    ),
    KafkaError._RESOLVE: ("dns.unknown", "dns", "a broker's name cannot be resolved", "Check the VPC's DNS."),
    KafkaError._ALL_BROKERS_DOWN: (
        "tcp.all-down", "tcp", "no broker could be reached, or a client without TLS speaks to a TLS port",
        "Check security.protocol, the security group and the port.",
    ),
    KafkaError._TRANSPORT: ("tcp.broken", "tcp", "the connection to the broker broke", "Check the network."),
    KafkaError._TIMED_OUT: (
        "timeout.kafka", "timeout", "the brokers did not answer in time, which is not a refusal",
        "Check security groups and the return path of network ACLs; look at the errors before this one.",
    ),
    KafkaError._MSG_TIMED_OUT: (
        "timeout.delivery", "timeout", "the record was not delivered in time, which is not a refusal",
        "The reason stands in the client's errors before this one.",
    ),
}  # fmt: skip

_AWS: dict[str, _Meaning] = {
    "ExpiredToken": ("iam.expired", "iam", "the credentials have expired", "Sign in again (OIDC: hourly)."),
    "ExpiredTokenException": (
        "iam.expired", "iam", "the credentials have expired", "Sign in again; OIDC sessions last an hour.",
    ),
    "InvalidClientTokenId": ("iam.unknown-key", "iam", "the access key is unknown", "Check the AWS profile."),
    "SignatureDoesNotMatch": ("iam.signature", "iam", "the secret key does not fit the access key", "Check both."),
    "ThrottlingException": ("api.throttled", "api", "the API is throttling", "Try again later."),
    "Throttling": ("api.throttled", "api", "the API is throttling", "Try again later."),
    "UnknownOperationException": ("api.unknown-operation", "api", "the cloud does not have this operation", ""),
    "ResourceNotFoundException": ("api.not-found", "api", "the resource is not there", ""),
    "NotFoundException": ("api.not-found", "api", "the resource is not there", ""),
    "NoSuchBucket": ("api.not-found", "api", "the bucket is not there", ""),
}  # fmt: skip
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403", "Forbidden"}
#: "User: arn is not authorized to perform: s3:GetObject on resource: arn because no ... policy allows it"
_NOT_AUTHORIZED = re.compile(r"not authorized to perform: (?P<action>\S+)(?: on resource: (?P<resource>\S+))?")


def explain(error: BaseException) -> Diagnosis:
    """Return what an exception means; never raises, and answers `unknown.*` for what it does not know."""
    for kind, explainer in _EXPLAINERS:
        if isinstance(error, kind):
            return sourced(explainer(error))
    return Diagnosis(f"unknown.{type(error).__name__}", "unknown", f"{type(error).__name__}: {error}")


def sourced(found: Diagnosis) -> Diagnosis:
    """Return a diagnosis with its source and next command, where the table of symptoms knows its code."""
    source, command = origin_of(found.code)
    return replace(found, source=found.source or source, command=found.command or command)


def explain_kafka(code: int, text: str = "") -> Diagnosis:
    """Return what a Kafka or librdkafka error code means."""
    name = error_name(code)
    if code in _KAFKA:
        return sourced(_meaning(_KAFKA[code], f"{name}: {text}" if text else name))
    return Diagnosis(f"protocol.{name.lower()}", "protocol", f"{name}: {text}" if text else name)


def _meaning(meaning: _Meaning, said: str, where: str = "") -> Diagnosis:
    code, layer, cause, next_step = meaning
    prefix = f"{where}: " if where else ""
    return Diagnosis(code, layer, f"{prefix}{cause} ({said})" if said else f"{prefix}{cause}", next_step)


def _connect(error: ConnectError) -> Diagnosis:
    if isinstance(error.cause, socket.gaierror):
        return Diagnosis(
            "dns.unknown", "dns", f"{error.address}: the name cannot be resolved",
            "Check the name, and the VPC's DNS settings when it is a private one.",
        )  # fmt: skip
    if isinstance(error.cause, ConnectionRefusedError):
        return Diagnosis(
            "tcp.refused", "tcp", f"{error.address}: connection refused; nothing listens there",
            "Check that the broker runs and that the port is the listener's.",
        )  # fmt: skip
    return Diagnosis("tcp.failed", "tcp", str(error), "Check routes and security groups.")


def _timeout(error: WireTimeoutError) -> Diagnosis:
    port = error.address.rpartition(":")[2]
    if port.isdigit() and int(port) in MSK_PORTS.values():
        return Diagnosis(
            "timeout.private-listener", "timeout",
            f"{error}; a time-out is not a refusal, and port {port} answers inside the VPC only",
            f"Probe from inside the VPC, or enable public access and use port {int(port) + 100}.",
        )  # fmt: skip
    return Diagnosis(
        "timeout.broker", "timeout", f"{error}; a time-out is not a refusal",
        "Check security groups and the return path of network ACLs; private listeners answer inside the VPC only.",
    )  # fmt: skip


def _tls(error: TlsRefusedError) -> Diagnosis:
    if isinstance(error.__cause__, ssl.SSLCertVerificationError) and "ostname" in error.__cause__.verify_message:
        return Diagnosis(
            "tls.hostname", "tls", f"{error.address}: the certificate was issued for another name",
            "Connect by the advertised name.",
        )  # fmt: skip
    for reason, meaning in _TLS.items():
        if error.reason.endswith(reason):
            return _meaning(meaning, error.reason, error.address)
    return Diagnosis("tls.failed", "tls", str(error))


def _sasl(error: SaslRefusedError) -> Diagnosis:
    found = explain_kafka(error.code, str(error))
    return found if found.layer == "sasl" else Diagnosis("sasl.failed", "sasl", str(error))


def _kafka(error: KafkaException) -> Diagnosis:
    inner = error.args[0] if error.args else None
    if isinstance(inner, KafkaError):
        return explain_kafka(inner.code(), inner.str())
    return Diagnosis("unknown.kafka", "unknown", str(error))


def _client(error: aws.ClientError) -> Diagnosis:
    problem = error.response.get("Error", {})
    code, text = str(problem.get("Code", "")), str(problem.get("Message", ""))
    if code in _DENIED:
        match = _NOT_AUTHORIZED.search(text)
        action = match["action"] if match else f"{error.operation_name} (the API's operation)"
        resource = match["resource"] if match and match["resource"] else "its resource"
        level, where = denying_policy(text)
        return Diagnosis(f"iam.denied{level}", "iam", f"IAM denies {action} on {resource}: {text}", where)
    if code in _AWS:
        return _meaning(_AWS[code], f"{error.operation_name}: {text}")
    return Diagnosis(f"api.{code or 'unknown'}", "api", f"{error.operation_name}: {code} {text}".rstrip())


def _ephk(error: EphkError) -> Diagnosis:
    return Diagnosis("unknown.ephk", "unknown", error.message, error.next_step)


def _fixed(meaning: _Meaning) -> Callable[[BaseException], Diagnosis]:
    return lambda error: _meaning(meaning, str(error))


#: The first kind that fits explains the error.
_EXPLAINERS: Iterable[tuple[type[BaseException], Callable[..., Diagnosis]]] = (
    (ConnectError, _connect),
    (WireTimeoutError, _timeout),
    (TlsRefusedError, _tls),
    (SaslRefusedError, _sasl),
    (WireError, lambda error: Diagnosis("protocol.broken", "protocol", str(error))),
    (KafkaException, _kafka),
    (aws.ClientError, _client),
    (
        aws.NoCredentialsError,
        _fixed(("iam.no-credentials", "iam", "there are no AWS credentials", "Sign in, or set AWS_PROFILE.")),
    ),
    (aws.SSLError, _fixed(("tls.api", "tls", "the cloud's API certificate is not trusted", "Check AWS_CA_BUNDLE."))),
    (
        aws.EndpointConnectionError,
        _fixed(
            (
                "tcp.api",
                "tcp",
                "the cloud's API cannot be reached",
                "Is the embedded cloud running? `ephk cloud status`.",
            )
        ),
    ),
    (
        aws.HTTPClientError,
        _fixed(("timeout.api", "timeout", "the cloud's API did not answer", "Check the network; try again.")),
    ),
    (
        ResponseParserError,
        lambda _error: Diagnosis(
            "api.unreadable",
            "api",
            "the cloud's API gave an answer that is none of its protocol",
            "See the cloud's log.",
        ),
    ),
    (EphkError, _ephk),
)
