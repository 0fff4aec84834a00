"""The table of symptoms, row by row: what clients print is found again, with its source and its next command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from contracts.diagnosis import explain
from contracts.symptoms import SYMPTOMS, found_in, origin_of
from contracts.wire import WireTimeoutError
from orchestrator.cli import main

#: What clients print, as people reported it or as it was seen here.
SEEN = {
    "sasl.principal-changed": "[SASL_AUTHENTICATION_FAILED] Cannot change principals during re-authentication from a",
    "sasl.connection-rate": "org.apache.kafka.common.errors.SaslAuthenticationException: Too many connects",
    "iam.no-credentials": "javax.security.auth.callback: Failed to find AWS IAM Credentials [Caused by ...]",
    "sasl.token-expired": "SASL authentication error: {'status': 'token has expired'} (after 305ms in state AUTH_REQ)",
    "iam.denied.scp": "User: arn:aws:sts::1:assumed-role/a is not authorized to perform: kafka:GetBootstrapBrokers on "
    "resource: arn with an explicit deny in a service control policy",
    "iam.denied.boundary": "is not authorized to perform: s3:PutObject because no permissions boundary allows it",
    "iam.denied.session": "is not authorized to perform: s3:PutObject because no session policy allows the action",
    "iam.denied": "An error occurred (AccessDenied) when calling the GetObject operation: Access Denied",
    "timeout.sts": "software.amazon.awssdk: Connect to sts.eu-west-1.amazonaws.com:443 failed: connect timed out",
    "connect.plugin-missing": "ConnectException: Failed to find any class that implements Connector and which name "
    "matches com.example.Sink",
    "connect.update-failed": "connector state: UPDATE_FAILED",
    "acl.transactional-id": "org.apache.kafka.common.errors.TransactionalIdAuthorizationException: ...",
    "acl.group": "GroupAuthorizationException: Not authorized to access group: readers",
    "acl.topic": "Message delivery failed: Broker: Topic authorization failed",
    "acl.cluster": "ClusterAuthorizationException: Cluster authorization failed.",
    "sasl.mechanism": "SaslHandshakeRequest failed: Broker: Unsupported SASL mechanism: PLAIN",
    "sasl.credentials": "Authentication failed during authentication due to invalid credentials with SASL mechanism "
    "SCRAM-SHA-512",
    "tls.plaintext-client": "java.lang.OutOfMemoryError: Java heap space at ...NetworkReceive.readFrom",
    "tls.hostname": "java.security.cert.CertificateException: No subject alternative DNS name matching b-1 found.",
    "tls.certificate.untrusted": "sun.security.validator.ValidatorException: PKIX path building failed",
    "tls.client-certificate.missing": "SSL routines::tlsv13 alert certificate required: SSL alert number 116",
    "tls.not-tls": "SSL handshake failed: error:0A00010B:SSL routines::wrong version number",
    "tls.handshake": "SslAuthenticationException: SSL handshake failed",
    "dns.unknown": "Failed to resolve 'b-1.absent:9096': Name or service not known (after 5ms in state CONNECT)",
    "tcp.refused": "Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)",
    "timeout.private-listener": "b-1.x.kafka.us-east-1.amazonaws.com:9098: Connection setup timed out in state CONNECT",
    "timeout.broker": "TimeoutException: Timed out waiting for a node assignment. Call: listTopics",
}


def test_every_row_that_can_be_seen_has_an_example() -> None:
    assert SEEN.keys() == {symptom.code for symptom in SYMPTOMS if symptom.seen}


@pytest.mark.parametrize("code", SEEN)
def test_what_clients_print_is_found_as_the_first_meaning(code: str) -> None:
    (symptom, line), *_ = found_in(f"some line\n  {SEEN[code]}\nanother")
    assert symptom.code == code
    assert line == SEEN[code]


def test_every_row_says_what_it_must() -> None:
    codes = [symptom.code for symptom in SYMPTOMS]
    assert len(codes) == len(set(codes))
    for symptom in SYMPTOMS:
        assert symptom.cause
        assert symptom.next_step.endswith(".")
        assert symptom.source
        assert symptom.code.split(".")[0] in (symptom.layer, "audit")
        assert not symptom.command or symptom.command.startswith("ephk ")


def test_commands_that_are_suggested_exist() -> None:
    for command in {symptom.command for symptom in SYMPTOMS if symptom.command}:
        words = command.split()
        shown = CliRunner().invoke(main, [*words[1 : 3 if words[1] == "check" else 2], "--help"])
        assert shown.exit_code == 0, command
        for option in (word for word in words if word.startswith("--")):
            assert option in shown.output, command


def test_a_vaguer_row_does_not_claim_the_line_of_a_telling_one() -> None:
    found = found_in(SEEN["tls.not-tls"])
    assert [symptom.code for symptom, _ in found] == ["tls.not-tls"]


def test_a_log_may_show_several_each_once() -> None:
    log = "\n".join([SEEN["dns.unknown"], SEEN["acl.topic"], SEEN["acl.topic"], "all is well"])
    assert [symptom.code for symptom, _ in found_in(log)] == ["acl.topic", "dns.unknown"]


def test_a_code_without_a_row_has_its_nearest_ones_source() -> None:
    assert origin_of("iam.denied.resource") == origin_of("iam.denied")
    assert origin_of("nothing.of.it") == ("", "")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("with an explicit deny in a service control policy", "iam.denied.scp"),
        ("because no permissions boundary allows the s3:GetObject action", "iam.denied.boundary"),
        ("because no session policy allows the s3:GetObject action", "iam.denied.session"),
        ("with an explicit deny in a resource-based policy", "iam.denied.resource"),
        ("because no VPC endpoint policy allows the s3:GetObject action", "iam.denied.endpoint"),
        ("because no identity-based policy allows the s3:GetObject action", "iam.denied"),
    ],
)
def test_the_policy_that_denies_is_named(words: str, code: str) -> None:
    message = f"User: arn:aws:iam::1:user/x is not authorized to perform: s3:GetObject on resource: arn:r {words}"
    found = explain(ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, "GetObject"))
    assert (found.code, found.layer, found.command) == (code, "iam", "ephk check iam --request FILE")
    assert found.source.endswith("IAM User Guide, Troubleshoot access denied error messages")


def test_a_probes_diagnosis_carries_source_and_command() -> None:
    evidence = explain(WireTimeoutError("b-1:9098", "no answer")).as_evidence()
    assert evidence == {
        "diagnosis": "timeout.private-listener",
        "layer": "timeout",
        "source": "kafka-ui issue 2184",
        "command": "ephk verify NAME --contract 'listener.*'",
    }


def test_the_command_reads_a_file_or_standard_input(tmp_path: Path) -> None:
    (tmp_path / "client.log").write_bytes(SEEN["acl.group"].encode() + b"\n\xff\n")
    done = CliRunner().invoke(main, ["diagnose", str(tmp_path / "client.log"), "--json"])
    assert [item["code"] for item in json.loads(done.stdout)["diagnoses"]] == ["acl.group"]
    shown = CliRunner().invoke(main, ["diagnose"], input=SEEN["tcp.refused"])
    assert shown.exit_code == 0
    assert shown.stdout.startswith("tcp.refused (tcp): nothing listens at that address and port\n  seen:   Connect to")


def test_what_is_not_known_is_said_so() -> None:
    done = CliRunner().invoke(main, ["diagnose", "--json"], input="all is well\n")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"diagnoses": []}
    assert "nothing in it is known" in done.stderr
