"""What people see when a client cannot connect or is denied, and what it turned out to be.

Each row has a stable code. The texts are those that clients print (Java, librdkafka, AWS SDKs, Kafka Connect); the
causes are those that people found behind them, with the place where they were found. `ephk diagnose` reads a log by
this table, and a diagnosis of a probe takes its source and its next command from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

DiagnosisLayer = Literal["dns", "tcp", "timeout", "tls", "sasl", "acl", "iam", "api", "connect", "protocol", "unknown"]

_TROUBLESHOOTING = "Amazon MSK Developer Guide, Troubleshoot your Amazon MSK cluster"
_CONNECT_GUIDE = "Amazon MSK Developer Guide, Troubleshoot issues in Amazon MSK Connect"
_KAFKA_ERRORS = "Apache Kafka documentation, Protocol, Error Codes"
_ACCESS_DENIED = "IAM User Guide, Troubleshoot access denied error messages"
_ENV = "ephk env NAME --principal PRINCIPAL --format java"
_LISTENERS = "ephk verify NAME --contract 'listener.*'"


@dataclass(frozen=True)
class Symptom:
    """One row of the table.

    Attributes:
        code: stable, for machines.
        layer: where it fails.
        seen: a regular expression for what clients print; empty when there is nothing to see.
        cause: what it turned out to be, in one sentence.
        next_step: what to do.
        source: where that was found.
        command: a command of this product that shows more or sets it right.
    """

    code: str
    layer: DiagnosisLayer
    seen: str
    cause: str
    next_step: str
    source: str
    command: str = ""


#: The most telling rows come first: a log that shows several is read in this order.
SYMPTOMS: tuple[Symptom, ...] = (
    Symptom(
        "sasl.principal-changed", "sasl", r"Cannot change principals during re-authentication",
        "the client re-authenticated as another principal: its STS session name is random",
        "Pin the session name (awsRoleSessionName, or RoleSessionName where the role is assumed).",
        "aws-msk-iam-auth, README: awsRoleSessionName",
    ),
    Symptom(
        "sasl.connection-rate", "sasl", r"Too many connects",
        "a broker limits how many IAM connections are made in a second, and small types allow few",
        "Set reconnect.backoff.ms to 1000 or more, spread the clients' start, or take a larger broker type.",
        "Amazon MSK Developer Guide, Amazon MSK quota: IAM client connections",
    ),
    Symptom(
        "iam.no-credentials", "iam",
        r"Failed to find AWS IAM Credentials|Unable to load (?:AWS )?credentials|Unable to locate credentials",
        "the client's AWS credential chain is empty, or the instance's metadata service did not answer",
        "Give the client a profile, a role or AWS_* variables; raise the number of metadata retries.",
        "aws-msk-iam-auth issues 81 and 85",
    ),
    Symptom(
        "sasl.token-expired", "sasl",
        r"(?:token|session) (?:has |is )?expired|expired (?:token|session)|SaslAuthenticationException.*[Ee]xpired",
        "the token or the session behind it was not refreshed in time",
        "Make a new token in the OAUTHBEARER callback, and let the client be polled so that it is asked for one.",
        "confluent-kafka-python issue 1739",
    ),
    Symptom(
        "iam.denied.scp", "iam", r"denied by AWS Organizations|service control policy",
        "an organization's service control policy denies the action, whatever the account's policies say",
        "Ask whoever runs the organization; nothing inside the account can allow it.",
        "aws-msk-iam-auth issue 40; " + _ACCESS_DENIED, "ephk check iam --request FILE",
    ),
    Symptom(
        "iam.denied.boundary", "iam", r"permissions boundary",
        "the role's permissions boundary does not allow the action, so its policies cannot",
        "Add the action to the boundary; it grants nothing by itself.",
        _ACCESS_DENIED, "ephk check iam --request FILE",
    ),
    Symptom(
        "iam.denied.session", "iam", r"session policy",
        "the policy that was passed when the role was assumed does not allow the action",
        "Add the action to the session policy, or assume the role without one.",
        _ACCESS_DENIED, "ephk check iam --request FILE",
    ),
    Symptom(
        "iam.denied", "iam", r"is not authorized to perform|AccessDenied(?:Exception)?\b",
        "no policy allows the action on the resource, or one denies it",
        "Allow the action in the caller's policy; then look at boundary, SCPs and the resource's own policy.",
        _ACCESS_DENIED, "ephk check iam --request FILE",
    ),
    Symptom(
        "timeout.sts", "timeout", r"Connect to sts\.[\w.-]+.*(?:timed out|failed)",
        "the workers' subnets have neither a NAT gateway nor an interface endpoint for STS",
        "Add an STS endpoint to the workers' subnets, and let their security group reach it on 443.",
        _CONNECT_GUIDE, "ephk verify NAME --contract 'network.*'",
    ),
    Symptom(
        "connect.plugin-missing", "connect", r"Failed to find any class that implements Connector",
        "the plugin's archive does not have the connector's jars where a worker looks for them",
        "Put the jars of one plugin into one directory of the archive, and name the class by its full name.",
        _CONNECT_GUIDE,
    ),
    Symptom(
        "connect.update-failed", "connect", r"UPDATE_FAILED",
        "the update failed and the old configuration is live, although the tool reported success",
        "Read the connector's configuration back and compare it; then update it again.",
        "terraform-provider-aws issues 47004 and 48199",
    ),
    Symptom(
        "acl.transactional-id", "acl",
        r"TransactionalIdAuthorizationException|TRANSACTIONAL_ID_AUTHORIZATION_FAILED|"
        r"[Tt]ransactional ?[Ii]d authorization failed",
        "only the transactional producer is denied: the principal has no permission on its transactional id",
        "Grant WRITE and DESCRIBE on the transactional id (ACL), or kafka-cluster:AlterTransactionalId (IAM).",
        _KAFKA_ERRORS, "ephk verify NAME --contract 'acl.*'",
    ),
    Symptom(
        "acl.group", "acl", r"GroupAuthorizationException|GROUP_AUTHORIZATION_FAILED|Group authorization failed",
        "the principal may not use the consumer group; with IAM the group has an ARN of its own",
        "Grant READ on the group (ACL), or kafka-cluster:AlterGroup on the group's ARN, not the topic's (IAM).",
        _KAFKA_ERRORS, "ephk verify NAME --contract 'acl.*'",
    ),
    Symptom(
        "acl.topic", "acl", r"TopicAuthorizationException|TOPIC_AUTHORIZATION_FAILED|Topic authorization failed",
        "the principal may not do this with the topic; a policy that looks right may name `kafka:*`, another "
        "resource's ARN, or lack the data action, and a simulation that says allowed is no proof",
        "Grant kafka-cluster:ReadData or WriteData on the topic's ARN (IAM), or the ACL; then see SCP and boundary.",
        "aws-msk-iam-auth issues 40 and 178; terraform-provider-kafka issue 586",
        "ephk verify NAME --contract 'acl.*'",
    ),
    Symptom(
        "acl.cluster", "acl",
        r"ClusterAuthorizationException|CLUSTER_AUTHORIZATION_FAILED|Cluster authorization failed",
        "the principal may not do this with the cluster; an idempotent producer with IAM needs an action for it",
        "Ask the operator role; idempotent producers need kafka-cluster:WriteDataIdempotently (IAM).",
        _KAFKA_ERRORS, "ephk verify NAME --contract 'acl.*'",
    ),
    Symptom(
        "sasl.mechanism", "sasl",
        r"UnsupportedSaslMechanism|UNSUPPORTED_SASL_MECHANISM|[Uu]nsupported SASL mechanism|"
        r"SASL mechanism .* not supported|not enabled in the server",
        "the listener does not offer the mechanism",
        "Each listener has one: 9096 SCRAM-SHA-512, 9098 IAM, 9094 mTLS.",
        "Amazon MSK Developer Guide, Port information", _ENV,
    ),
    Symptom(
        "sasl.credentials", "sasl",
        r"SaslAuthenticationException|SASL_AUTHENTICATION_FAILED|SASL authentication (?:error|failed)|"
        r"Authentication failed|invalid credentials with SASL mechanism",
        "the broker refused the credentials; a SCRAM user that was just associated may need minutes",
        "Check user, password and mechanism; wait while the cluster is HEALING or has just become ACTIVE.",
        _TROUBLESHOOTING, "ephk verify NAME --contract 'auth.*'",
    ),
    Symptom(
        "tls.plaintext-client", "tls",
        r"OutOfMemoryError|might be caused by incorrect security\.protocol configuration|"
        r"Disconnected.*(?:requesting ApiVersion|in state APIVERSION_QUERY)|InvalidReceiveException",
        "a client without TLS speaks to a TLS port: its client properties were not passed, and it takes the TLS "
        "alert for the size of an answer",
        "Pass the properties (--command-config, --producer.config), with security.protocol SASL_SSL or SSL.",
        "aws-msk-iam-auth issue 72", _ENV,
    ),
    Symptom(
        "tls.hostname", "tls",
        r"No subject alternative (?:DNS )?name|[Hh]ostname mismatch|doesn't match the (?:peer's )?certificate",
        "the certificate was issued for another name than the one that the client connects to",
        "Connect by the advertised name; do not switch host-name verification off.",
        "RFC 6125, section 6; KIP-294", _LISTENERS,
    ),
    Symptom(
        "tls.certificate.untrusted", "tls",
        r"PKIX path building failed|certificate verify failed|CERTIFICATE_VERIFY_FAILED|unknown_ca|"
        r"self[- ]signed certificate|unable to get (?:local )?issuer",
        "the client does not trust the certificate's issuer",
        "Use the environment's CA; on MSK the system's trust store.",
        "Amazon MSK Developer Guide, Amazon MSK encryption in transit", _ENV,
    ),
    Symptom(
        "tls.client-certificate.missing", "tls", r"certificate[_ ]required|bad[_ ]certificate",
        "the listener wants a client certificate of the private CA and got none that it accepts",
        "Connect to the listener of your mechanism, or present a certificate of the environment's private CA.",
        "Amazon MSK Developer Guide, Mutual TLS client authentication", _ENV,
    ),
    Symptom(
        "tls.not-tls", "tls",
        r"wrong version number|Unrecognized SSL message|NotSslRecordException|packet length too long",
        "a client with TLS speaks to a port without TLS",
        "Check the port: 9092 is plaintext; 9094, 9096 and 9098 are TLS.",
        "Amazon MSK Developer Guide, Port information", _LISTENERS,
    ),
    Symptom(
        "tls.handshake", "tls", r"SSL handshake failed|SslAuthenticationException|SSLHandshakeException",
        "the TLS handshake failed, for a reason that the lines around this one may tell",
        "Look for the alert; check CA, client certificate and port.",
        _TROUBLESHOOTING, _LISTENERS,
    ),
    Symptom(
        "dns.unknown", "dns",
        r"UnknownHostException|No resolvable bootstrap|Name or service not known|nodename nor servname|"
        r"Failed to resolve|Temporary failure in name resolution",
        "the brokers' name cannot be resolved from here",
        "Check the spelling, and the VPC's DNS settings when the name is private.",
        _TROUBLESHOOTING, _LISTENERS,
    ),
    Symptom(
        "tcp.refused", "tcp", r"Connection refused",
        "nothing listens at that address and port",
        "Check that the broker runs and that the port is the listener's.",
        _TROUBLESHOOTING, _LISTENERS,
    ),
    Symptom(
        "timeout.private-listener", "timeout",
        r"\b909[468]\b.*(?:timed out|timeout)|(?:timed out|timeout).*\b909[468]\b",
        "the port is a private listener's and answers inside the VPC only; public IAM is 9198 and must be enabled",
        "Run the client inside the VPC, or enable public access and use the public port.",
        "kafka-ui issue 2184", _LISTENERS,
    ),
    Symptom(
        "timeout.broker", "timeout",
        r"Timed out waiting for a node assignment|Connection setup timed out|"
        r"Topic .* not present in metadata after|Local: Timed out|_TIMED_OUT|TimeoutException|ETIMEDOUT",
        "nothing answered in time, which is no refusal: a security group (in or out), or a network ACL, which is "
        "stateless and has a return path of its own",
        "Check security groups and network ACLs; a change of a security group takes 30 to 60 seconds to hold.",
        _TROUBLESHOOTING, "ephk verify NAME --contract 'network.*'",
    ),
    Symptom(
        "audit.data-plane-silent", "api", r"",
        "CloudTrail shows nothing of it: MSK logs only the making and changing of topics and dynamic configuration; "
        "connecting, reading, writing and groups never appear",
        "Look at the brokers' logs and at the client's.",
        "Amazon MSK Developer Guide, Log Amazon MSK API calls with CloudTrail",
    ),
)  # fmt: skip
_PATTERNS = tuple((symptom, re.compile(symptom.seen)) for symptom in SYMPTOMS if symptom.seen)
_BY_CODE = {symptom.code: symptom for symptom in SYMPTOMS}
#: Words by which AWS names the policy that denied ("Troubleshoot access denied error messages", IAM User Guide).
_DENYING = (
    ("service control policy", ".scp", "Ask whoever runs the organization; nothing inside the account can allow it."),
    ("permissions boundary", ".boundary", "Add the action to the role's permissions boundary."),
    ("session policy", ".session", "Add the action to the session policy, or assume the role without one."),
    ("VPC endpoint policy", ".endpoint", "Allow the action in the VPC endpoint's policy."),
    ("resource-based policy", ".resource", "Allow the caller in the resource's own policy."),
)


def found_in(text: str) -> list[tuple[Symptom, str]]:
    """Return the symptoms that a log shows, each once with the line that shows it, the most telling first.

    A line that tells the cause keeps a vaguer row (a handshake that failed) from claiming it again.
    """
    found: list[tuple[Symptom, str]] = []
    claimed: set[int] = set()
    lines = text.splitlines()
    for symptom, pattern in _PATTERNS:
        for number, line in enumerate(lines):
            if number not in claimed and pattern.search(line):
                found.append((symptom, line.strip()))
                claimed |= {other for other in range(len(lines)) if pattern.search(lines[other])}
                break
    return found


def denying_policy(text: str) -> tuple[str, str]:
    """Return which kind of policy AWS says has denied, as a suffix of the code, and what to do about it."""
    for words, suffix, next_step in _DENYING:
        if words in text:
            return suffix, next_step
    return "", (
        "Allow the action in the caller's policy; then look at the boundary, the organization's SCPs and the "
        "resource's own policy."
    )


def origin_of(code: str) -> tuple[str, str]:
    """Return source and next command of a code, or of the nearest code above it; empty when there is none."""
    while code:
        if code in _BY_CODE:
            return _BY_CODE[code].source, _BY_CODE[code].command
        code = code.rpartition(".")[0]
    return "", ""
