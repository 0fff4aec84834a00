"""Every cause names its hop."""

from __future__ import annotations

import pytest

from orchestrator.connect_causes import hop, state_problem


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Failed to find any class that implements Connector and which name matches a.B", "class not found"),
        ("task 0 failed: java.lang.NoClassDefFoundError: org/postgresql/Driver", "class not found"),
        ("The custom plugin p is CREATE_FAILED, not ACTIVE.", "plugin missing"),
        ("Secrets Manager: db: GetSecretValue: 400 AccessDeniedException: no", "secret"),
        ("User: arn is not authorized to perform: sts:AssumeRole on resource: arn", "role's trust"),
        ("org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [a]", "ACL"),
        ("org.apache.kafka.common.errors.GroupAuthorizationException: Not authorized to access group: g", "ACL"),
        ("S3Exception: not authorized to perform: s3:PutObject (Status Code: 403)", "bucket permission"),
        ("s3:PutObject b/k: 403 AccessDenied: not authorized to perform: kms:GenerateDataKey", "key permission"),
        ("org.apache.kafka.common.errors.SaslAuthenticationException: invalid credentials", "login"),
        ("java.net.http: 401 from https://hook", "login"),
        ("javax.net.ssl.SSLHandshakeException: PKIX path building failed", "TLS"),
        ("java.net.UnknownHostException: db.example", "name not resolved"),
        ("java.net.ConnectException: Connection refused", "refused"),
        ("java.net.SocketTimeoutException: Connect timed out", "route or security group"),
        ("Connector configuration is invalid and contains the following 1 error(s)", "configuration"),
        ("java.lang.IllegalStateException: boom", "task"),
    ],
)
def test_a_cause_names_its_hop(message: str, expected: str) -> None:
    assert hop(message) == expected


def test_a_state_is_explained() -> None:
    assert state_problem({"connectorState": "RUNNING"}) == ""
    assert state_problem({"connectorState": "PAUSED"}) == "is PAUSED: no reason is given"
    failed = {"connectorState": "FAILED", "stateDescription": {"message": "Connection refused"}}
    assert state_problem(failed) == "is FAILED: (refused) Connection refused"
