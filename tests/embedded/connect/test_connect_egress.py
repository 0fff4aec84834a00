"""Declared hosts: reached as declared, and each way of not being reached told apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator.environment import Egress
from tests.embedded.connect.conftest import Connected


def declared(connected: Connected, *hosts: Egress) -> object:
    """Return the environment as if other hosts had been declared."""
    connect = connected.environment.connect
    assert connect is not None
    return connected.environment.model_copy(update={"connect": connect.model_copy(update={"egress": hosts})})


def probe(connected: Connected, *hosts: Egress) -> tuple[str, str]:
    result = connected.one("connect.egress", **({"of": declared(connected, *hosts)} if hosts else {}))
    return result.status, result.reason


def test_declared_hosts_are_reached_hop_by_hop(connected: Connected) -> None:
    result = connected.one("connect.egress")
    assert result.status == "verified", result.reason
    hops = result.evidence[f"localhost:{connected.host.port}"]
    assert list(hops) == ["DNS", "route", "security group", "TCP", "TLS"]
    assert result.evidence["sts.us-east-1.amazonaws.com:443"]["TLS"].startswith("TLSv1.")


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (Egress(host="nowhere.invalid", port=443), "DNS: nowhere.invalid cannot be resolved"),
        (Egress(host="203.0.113.7", port=443), "has no route to 203.0.113.7"),
        (Egress(host="localhost", port=1), "security group: sg-"),
        (Egress(host="x", port=443, endpoint="logs"), "there is no interface endpoint of com.amazonaws.us-east-1.logs"),
    ],
)
def test_a_host_that_the_network_was_not_made_for(connected: Connected, host: Egress, words: str) -> None:
    status, reason = probe(connected, host)
    assert (status, words in reason) == ("failed", True), reason


def test_a_port_that_nobody_listens_on(connected: Connected) -> None:
    with connected.host.closed():
        assert probe(connected) == ("failed", f"localhost:{connected.host.port}: TCP: refused")


def test_a_certificate_of_another_host(connected: Connected) -> None:
    with connected.host.named("other.example"):
        status, reason = probe(connected)
    assert status == "failed"
    assert "TLS: the certificate is not accepted: Hostname mismatch" in reason


@contextmanager
def without_rule(connected: Connected, port: int) -> Iterator[None]:
    """Take the workers' rule for a port away for a while."""
    ec2 = connected.session.client("ec2")
    assert connected.environment.connect is not None
    group = str(connected.environment.connect.security_group_id)
    rules = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"]
    (rule,) = [rule for rule in rules if rule["FromPort"] == port]
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[rule])
    try:
        yield
    finally:
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[rule])


@pytest.mark.fails("connect.egress")
def test_a_security_group_that_lost_its_rule(connected: Connected) -> None:
    with without_rule(connected, connected.host.port):
        status, reason = probe(connected)
    assert status == "failed"
    assert f"has no rule that lets port {connected.host.port} out" in reason
    assert probe(connected)[0] == "verified"
