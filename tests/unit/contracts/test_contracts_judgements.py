from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from contracts import authentication, authorization, bucket, certificates, listeners, network, tags
from contracts.access import Address
from contracts.model import Failed, Outcome, ProbeError, Verified
from contracts.ownership import Owned
from contracts.tls import Alert, Closed, NotTls, ServerCertificate, ServerHello
from orchestrator.tags import REQUIRED
from tests.unit.contracts.builders import NOW


def reason(outcome: Outcome) -> str:
    assert isinstance(outcome, Failed), outcome
    return outcome.reason


# -- listeners --------------------------------------------------------------------------------------


def test_old_versions_are_refused_only_by_the_alert_for_versions() -> None:
    where = ("b:1", "TLSv1.1")
    assert isinstance(listeners.judge_old_versions({where: Alert("protocol_version")}), Verified)
    assert "agreed to TLSv1.1" in reason(listeners.judge_old_versions({where: ServerHello("TLSv1.1")}))
    assert "does not speak TLS" in reason(listeners.judge_old_versions({where: NotTls("00")}))
    for other in (Alert("handshake_failure"), Closed()):
        with pytest.raises(ProbeError, match="not for the version"):
            listeners.judge_old_versions({where: other})


def test_one_broker_that_agrees_is_enough_to_fail() -> None:
    good, bad = Alert("protocol_version"), ServerHello("TLSv1.0")
    assert "b:2" in reason(listeners.judge_old_versions({("b:1", "TLSv1.0"): good, ("b:2", "TLSv1.0"): bad}))


def test_plaintext() -> None:
    alert = bytes.fromhex("15030300020250")
    assert isinstance(listeners.judge_plaintext({"b:1": alert, "b:2": b""}, None), Verified)
    kafka = bytes.fromhex("000000ff0000004d0000")
    assert reason(listeners.judge_plaintext({"b:1": alert, "b:2": kafka}, None)).startswith("b:2 answered")
    assert "b-1:9092" in reason(listeners.judge_plaintext({"b:1": alert}, "b-1:9092"))


def test_advertised() -> None:
    good = {"scram": {1: "h:1", 2: "h:2"}, "iam": {1: "h:3", 2: "h:4"}}
    assert isinstance(listeners.judge_advertised(2, good, {}), Verified)
    assert "2 of 3 brokers" in reason(listeners.judge_advertised(3, good, {}))
    assert "share an address" in reason(listeners.judge_advertised(2, {"scram": {1: "h:1", 2: "h:1"}}, {}))
    assert "refused" in reason(listeners.judge_advertised(2, good, {"h:4": "h:4: connection refused"}))


def seen(**changes: Any) -> dict[Address, ServerCertificate]:
    fields: dict[str, Any] = {
        "subject": "CN=b-1",
        "names": ("b-1.example.com",),
        "not_before": NOW - timedelta(days=1),
        "not_after": NOW + timedelta(days=1),
        "tls_version": "TLSv1.3",
        "chain_error": "",
        "key_type": "EC",
        "key_bits": 256,
        "fingerprint": "ab" * 32,
    }
    return {Address("b-1.example.com", 9096): ServerCertificate(**(fields | changes))}


def test_chain() -> None:
    assert isinstance(certificates.judge_chain(seen()), Verified)
    assert "self-signed" in reason(certificates.judge_chain(seen(chain_error="self-signed certificate")))


def test_names() -> None:
    assert isinstance(certificates.judge_names(seen()), Verified)
    assert "for other, not for b-1" in reason(certificates.judge_names(seen(names=("other",))))
    assert "no name" in reason(certificates.judge_names(seen(names=())))


def test_expiry() -> None:
    end = NOW + timedelta(hours=4)
    assert isinstance(certificates.judge_expiry(seen(), NOW, end), Verified)
    assert "before the lease" in reason(certificates.judge_expiry(seen(not_after=end), NOW, end))
    assert "valid only from" in reason(certificates.judge_expiry(seen(not_before=end), NOW, end))
    # A lease that is over does not make an expired certificate good.
    over = NOW - timedelta(days=3)
    assert "ends at" in reason(certificates.judge_expiry(seen(not_after=NOW - timedelta(days=2)), NOW, over))


def test_keys() -> None:
    assert isinstance(certificates.judge_keys(seen()), Verified)
    assert isinstance(certificates.judge_keys(seen(key_type="RSA", key_bits=2048)), Verified)
    assert "RSA 1024" in reason(certificates.judge_keys(seen(key_type="RSA", key_bits=1024)))
    assert "too weak: DSA 4096" in reason(certificates.judge_keys(seen(key_type="DSA", key_bits=4096)))


# -- authentication ---------------------------------------------------------------------------------


def test_wrong_password() -> None:
    assert isinstance(authentication.judge_wrong_password({"b:1": 58}), Verified)
    assert "b:2 accepted" in reason(authentication.judge_wrong_password({"b:1": 58, "b:2": 0}))
    with pytest.raises(ProbeError, match="not for the password"):
        authentication.judge_wrong_password({"b:1": 33})


def test_alerts() -> None:
    def judge(alert: str | None) -> Outcome:
        return authentication.judge_alerts({"b:1": alert}, ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE"), "a stranger")

    assert isinstance(judge("TLSV13_ALERT_CERTIFICATE_REQUIRED"), Verified)
    assert isinstance(judge("SSLV3_ALERT_BAD_CERTIFICATE"), Verified)
    assert reason(judge(None)) == "b:1 accepted a stranger"
    with pytest.raises(ProbeError, match="not for the certificate"):
        judge("TLSV1_ALERT_PROTOCOL_VERSION")


# -- authorization ----------------------------------------------------------------------------------

PRODUCE, GROUP = ("broker 1", "produce", "orders"), ("broker 1", "group", "readers")


@pytest.mark.parametrize("code", [0, 2, 6, 87])
def test_what_follows_authorization_shows_it(code: int) -> None:
    assert isinstance(authorization.judge_allowed({PRODUCE: code}), Verified)
    assert "lets the principal produce on orders" in reason(authorization.judge_refused({PRODUCE: code}))


@pytest.mark.parametrize("code", [7, 58, -1])
def test_other_answers_are_neither_yes_nor_no(code: int) -> None:
    with pytest.raises(ProbeError):
        authorization.judge_allowed({PRODUCE: code})
    with pytest.raises(ProbeError):
        authorization.judge_refused({PRODUCE: code})


def test_a_refusal_must_be_of_the_right_kind() -> None:
    assert isinstance(authorization.judge_refused({PRODUCE: 29, GROUP: 30}), Verified)
    assert "refuses produce on orders: TOPIC_AUTHORIZATION_FAILED" in reason(authorization.judge_allowed({PRODUCE: 29}))
    with pytest.raises(ProbeError):
        authorization.judge_refused({PRODUCE: 30})
    with pytest.raises(ProbeError):
        authorization.judge_refused({GROUP: 29})


def test_an_unknown_topic_is_no_refusal() -> None:
    assert "lets the principal" in reason(authorization.judge_refused({PRODUCE: 3}))
    assert "has no topic orders" in reason(authorization.judge_allowed({PRODUCE: 3}))


def test_one_broker_that_differs_decides() -> None:
    other = ("broker 2", "produce", "orders")
    assert "broker 2" in reason(authorization.judge_refused({PRODUCE: 29, other: 6}))
    assert "broker 2" in reason(authorization.judge_allowed({PRODUCE: 6, other: 29}))


def test_hidden() -> None:
    def judge(listed: list[str], code: int) -> Outcome:
        return authorization.judge_hidden("secret", {"broker 1": listed}, {"broker 1": code})

    assert isinstance(judge(["orders"], 29), Verified)
    assert "lists topic secret" in reason(judge(["orders", "secret"], 29))
    assert "describes topic secret" in reason(judge([], 0))
    with pytest.raises(ProbeError):
        judge([], 3)


# -- bucket -----------------------------------------------------------------------------------------


def test_encryption() -> None:
    rules = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:key"}}]
    landed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:key"}
    assert isinstance(bucket.judge_encryption(rules, landed, "arn:key"), Verified)
    assert "not with arn:other" in reason(bucket.judge_encryption(rules, landed, "arn:other"))
    assert "does not encrypt" in reason(bucket.judge_encryption([], landed, "arn:key"))
    assert "landed with AES256" in reason(bucket.judge_encryption(rules, {"ServerSideEncryption": "AES256"}, "arn:key"))
    assert "landed with no" in reason(bucket.judge_encryption(rules, {}, "arn:key"))


def test_public_access() -> None:
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    denied = {"get an object": "AccessDenied", "list the bucket": "AccessDenied"}
    assert isinstance(bucket.judge_public_access(block, denied), Verified)
    assert "lacks BlockPublicPolicy" in reason(bucket.judge_public_access(block | {"BlockPublicPolicy": False}, denied))
    assert "may list the bucket" in reason(bucket.judge_public_access(block, denied | {"list the bucket": ""}))
    with pytest.raises(ProbeError, match="no refusal"):
        bucket.judge_public_access(block, denied | {"get an object": "NoSuchKey"})


def test_tls_only() -> None:
    assert isinstance(bucket.judge_tls_only("", "AccessDenied"), Verified)
    assert "plain HTTP" in reason(bucket.judge_tls_only("", ""))
    with pytest.raises(ProbeError, match="fails over HTTPS as well"):
        bucket.judge_tls_only("AccessDenied", "AccessDenied")
    with pytest.raises(ProbeError, match="no refusal"):
        bucket.judge_tls_only("", "InternalError")


# -- network ----------------------------------------------------------------------------------------

LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local"}
INTERNET = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}


def table(name: str, subnet: str | None, *routes: dict[str, str]) -> dict[str, Any]:
    association = {"SubnetId": subnet} if subnet else {"Main": True}
    return {"RouteTableId": name, "Associations": [association], "Routes": [LOCAL, *routes]}


def test_a_subnet_without_an_association_uses_the_main_table() -> None:
    tables = [table("rtb-m", None), table("rtb-1", "subnet-1")]
    assert (network.effective_table("subnet-1", tables) or {})["RouteTableId"] == "rtb-1"
    assert (network.effective_table("subnet-2", tables) or {})["RouteTableId"] == "rtb-m"
    assert network.effective_table("subnet-2", tables[1:]) is None


def test_private_subnets() -> None:
    subnets = [{"SubnetId": "subnet-1", "MapPublicIpOnLaunch": False}]
    private = [table("rtb-1", "subnet-1")]
    assert isinstance(network.judge_private(subnets, private, ["subnet-1"]), Verified)
    public = [table("rtb-1", "subnet-1", INTERNET)]
    assert "routes 0.0.0.0/0 to an internet gateway" in reason(network.judge_private(subnets, public, ["subnet-1"]))
    # The danger hides in the main table when the subnet has no table of its own.
    main = [table("rtb-m", None, INTERNET)]
    assert "internet gateway" in reason(network.judge_private(subnets, main, ["subnet-1"]))
    launch = [{"SubnetId": "subnet-1", "MapPublicIpOnLaunch": True}]
    assert "public addresses" in reason(network.judge_private(launch, private, ["subnet-1"]))
    assert "subnet-2 does not exist" in reason(network.judge_private(subnets, private, ["subnet-1", "subnet-2"]))
    with pytest.raises(ProbeError, match="unknown"):
        network.judge_private(subnets, [], ["subnet-1"])


def test_s3_route() -> None:
    endpoint = {
        "VpcEndpointId": "vpce-1",
        "VpcEndpointType": "Gateway",
        "ServiceName": "com.amazonaws.us-east-1.s3",
        "State": "available",
        "RouteTableIds": ["rtb-1"],
    }
    tables = [table("rtb-1", "subnet-1"), table("rtb-2", "subnet-2")]

    def judge(subnets: list[str], **changes: Any) -> Outcome:
        return network.judge_s3_route(endpoint | changes, subnets, tables, "us-east-1")

    assert isinstance(judge(["subnet-1"]), Verified)
    assert "subnet-2 uses a route table without" in reason(judge(["subnet-1", "subnet-2"]))
    assert "no gateway endpoint" in reason(judge(["subnet-1"], VpcEndpointType="Interface"))
    assert "no gateway endpoint" in reason(judge(["subnet-1"], ServiceName="com.amazonaws.eu-west-1.s3"))
    assert "is pending" in reason(judge(["subnet-1"], State="pending"))
    assert "does not exist" in reason(network.judge_s3_route(None, [], [], "us-east-1"))


def rule(port: int, to: int | None = None, protocol: str = "tcp", **sources: Any) -> dict[str, Any]:
    sources = sources or {"UserIdGroupPairs": [{"GroupId": "sg-c"}]}
    return {"IpProtocol": protocol, "FromPort": port, "ToPort": to or port, **sources}


def least(*rules: dict[str, Any], client: tuple[dict[str, Any], ...] = ()) -> Outcome:
    broker = {"GroupId": "sg-b", "IpPermissions": list(rules)}
    return network.judge_least(broker, {"GroupId": "sg-c", "IpPermissions": list(client)}, {"scram": 9096, "iam": 9098})


def test_security_groups() -> None:
    good = (rule(9096), rule(9098))
    assert isinstance(least(*good), Verified)
    assert "opens tcp 22-22" in reason(least(*good, rule(22)))
    assert "opens tcp 9096-9098" in reason(least(rule(9096, 9098)))
    assert "opens udp 9096-9096" in reason(least(*good, rule(9096, protocol="udp")))
    assert "opens all traffic" in reason(least(*good, {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-b"}]}))
    assert "nobody reach the iam listener" in reason(least(rule(9096)))
    world = rule(9096, IpRanges=[{"CidrIp": "0.0.0.0/0"}])
    assert "lets 0.0.0.0/0 in on tcp 9096-9096" in reason(least(world, rule(9098)))
    half = rule(9096, IpRanges=[{"CidrIp": "128.0.0.0/1"}])
    assert "lets 128.0.0.0/1 in on tcp 9096-9096" in reason(least(half, rule(9098)))
    carrier = rule(22, IpRanges=[{"CidrIp": "100.64.0.0/16"}])
    assert isinstance(least(*good, client=(carrier,)), Verified)
    # A second rule for the same port must not hide the first.
    assert "lets 0.0.0.0/0 in" in reason(least(world, *good))
    ipv6 = rule(9096, Ipv6Ranges=[{"CidrIpv6": "::/0"}])
    assert "lets ::/0 in" in reason(least(ipv6, rule(9098)))
    assert "the clients' security group lets ::/0 in" in reason(least(*good, client=(ipv6,)))
    vpc = rule(9096, IpRanges=[{"CidrIp": "10.42.0.0/16"}])
    assert "lets in 10.42.0.0/16 on tcp 9096-9096, which is no group" in reason(least(vpc, rule(9098)))
    assert "does not exist" in reason(network.judge_least(None, {}, {}))


# -- tags -------------------------------------------------------------------------------------------

ALL = dict.fromkeys(REQUIRED, "x")


def test_tags() -> None:
    good = Owned("ec2 vpc", "vpc-1", ALL)
    assert isinstance(tags.judge_tags([good], ALL), Verified)
    bare = Owned("s3 bucket", "data", {name: "x" for name in REQUIRED if name != "ephk:owner"})
    outcome = tags.judge_tags([good, bare], ALL)
    assert reason(outcome) == "incomplete tags: s3 bucket data"
    assert isinstance(outcome, Failed)
    assert outcome.evidence["incomplete"] == {"s3 bucket data": ["ephk:owner missing"]}
    other = Owned("kms key", "k", ALL | {"ephk:lease": "y"})
    assert "kms key k" in reason(tags.judge_tags([other], ALL))
    with pytest.raises(ProbeError, match="no resource at all"):
        tags.judge_tags([], ALL)


def test_a_resource_that_two_questions_found_counts_once() -> None:
    both = [Owned("ec2", "arn:aws:ec2:us-east-1:1:vpc/vpc-1", ALL), Owned("ec2 vpc", "vpc-1", {})]
    assert tags.distinct(both) == [both[1]]
    s3 = [Owned("s3", "arn:aws:s3:::data", {}), Owned("s3 bucket", "data", ALL)]
    assert tags.distinct(s3) == [s3[1]]
