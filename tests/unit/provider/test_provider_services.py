"""Each type's whole life against moto in this process: create, read, change, delete, and delete again."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from moto import mock_aws
from moto.moto_api._internal import moto_api_backend

from orchestrator.embedded.provider.call import Clients
from orchestrator.embedded.provider.model import Values
from tests.unit.provider.provider_lives import (
    LIVES,
    POLICY,
    TAGS,
    TRUST,
    a_bucket,
    a_group,
    a_key,
    a_vpc,
    an_authority,
    an_endpoint,
    make,
    resource,
)


@pytest.fixture(scope="module")
def moto_clients() -> Iterator[Clients]:
    """One set of clients for all tests: making them takes longer than everything else here."""
    variables = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        with mock_aws():
            yield Clients()


@pytest.fixture
def clients(moto_clients: Clients) -> Clients:
    moto_api_backend.reset()
    return moto_clients


@pytest.mark.parametrize("token", sorted(LIVES))
def test_a_resource_lives_its_life(token: str, clients: Clients) -> None:
    prepare, change = LIVES[token]
    made = make(clients, token, **prepare(clients))
    assert made.drift() == []
    if change:
        made.update(**change)
        assert made.drift() == []
    made.delete()
    assert made.read() is None
    made.delete()


def test_an_alarm_on_a_sum_keeps_its_metrics(clients: Clients) -> None:
    dimensions = {"Cluster Name": "ephk-l", "Broker ID": "1"}

    def query(one: str, name: str) -> Values:
        metric = {"namespace": "AWS/Kafka", "metricName": name, "stat": "Average", "period": 60}
        return {"id": one, "metric": {**metric, "dimensions": dimensions}, "returnData": False}

    total = {"id": "total", "expression": "m1 + m2", "label": "CPU", "returnData": True}
    made = make(
        clients,
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        name="ephk-l-cpu-1",
        comparisonOperator="GreaterThanThreshold",
        evaluationPeriods=15,
        threshold=60,
        metricQueries=[total, query("m1", "CpuUser"), query("m2", "CpuSystem")],
        **TAGS,
    )
    assert made.drift() == []
    assert [query["id"] for query in made.seen()["metricQueries"]] == ["total", "m1", "m2"]


def test_versioning_is_suspended_when_its_resource_goes(clients: Clients) -> None:
    token = "aws:s3/bucketVersioning:BucketVersioning"
    made = make(clients, token, bucket=a_bucket(clients), versioningConfiguration={"status": "Enabled"})
    assert made.drift() == []
    made.delete()
    assert clients.get("s3").get_bucket_versioning(Bucket="ephk-b")["Status"] == "Suspended"


def test_a_new_security_group_lets_nothing_out(clients: Clients) -> None:
    group = a_group(clients)
    answer = clients.get("ec2").describe_security_groups(GroupIds=[group])
    assert answer["SecurityGroups"][0]["IpPermissionsEgress"] == []


def test_an_s3_rule_names_the_endpoints_prefix_list(clients: Clients) -> None:
    endpoint = make(clients, "aws:ec2/vpcEndpoint:VpcEndpoint", **an_endpoint(clients))
    assert endpoint.seen()["prefixListId"].startswith("pl-")


def test_a_route_table_goes_with_an_association_that_nobody_knows_of(clients: Clients) -> None:
    vpc = a_vpc(clients)
    subnet = make(clients, "aws:ec2/subnet:Subnet", vpcId=vpc, cidrBlock="10.0.0.0/20").id
    table = make(clients, "aws:ec2/routeTable:RouteTable", vpcId=vpc)
    clients.get("ec2").associate_route_table(RouteTableId=table.id, SubnetId=subnet)
    table.delete()
    assert table.read() is None


def test_an_interface_endpoint_has_subnets_groups_and_a_private_name(clients: Clients) -> None:
    vpc = a_vpc(clients)
    zone = "us-east-1a"
    subnet = make(clients, "aws:ec2/subnet:Subnet", vpcId=vpc, cidrBlock="10.0.1.0/24", availabilityZone=zone).id
    group = a_group(clients, vpc=vpc)
    given = {
        "vpcId": vpc,
        "serviceName": "com.amazonaws.us-east-1.secretsmanager",
        "vpcEndpointType": "Interface",
        "subnetIds": [subnet],
        "securityGroupIds": [group],
        "privateDnsEnabled": True,
    }
    endpoint = make(clients, "aws:ec2/vpcEndpoint:VpcEndpoint", **given, **TAGS)
    seen = endpoint.seen()
    assert {name: seen[name] for name in given} == given
    ec2 = clients.get("ec2")
    only = [{"Name": "vpc-id", "Values": [vpc]}]
    assert len(ec2.describe_network_interfaces(Filters=only)["NetworkInterfaces"]) == 1
    endpoint.delete()
    assert ec2.describe_network_interfaces(Filters=only)["NetworkInterfaces"] == []


def test_a_full_bucket_goes_only_when_that_was_said(clients: Clients) -> None:
    s3 = clients.get("s3")
    made = make(clients, "aws:s3/bucket:Bucket", bucket="ephk-full")
    s3.put_bucket_versioning(Bucket="ephk-full", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket="ephk-full", Key="k", Body=body)
    s3.delete_object(Bucket="ephk-full", Key="k")
    s3.create_multipart_upload(Bucket="ephk-full", Key="unfinished")
    with pytest.raises(s3.exceptions.ClientError, match="BucketNotEmpty"):
        made.delete()
    made.inputs["forceDestroy"] = True
    made.delete()
    assert made.read() is None


def test_an_alias_is_turned_to_another_key(clients: Clients) -> None:
    made = make(clients, "aws:kms/alias:Alias", name="alias/a", targetKeyId=a_key(clients))
    other = a_key(clients)
    made.update(targetKeyId=other)
    assert made.seen()["targetKeyId"] == other
    clients.get("kms").update_alias(AliasName="alias/a", TargetKeyId=a_key(clients))
    assert made.drift() == ["targetKeyId"]


def test_a_deleted_key_waits_as_long_as_was_said(clients: Clients) -> None:
    made = make(clients, "aws:kms/key:Key", deletionWindowInDays=7)
    made.delete()
    key = clients.get("kms").describe_key(KeyId=made.id)["KeyMetadata"]
    assert key["KeyState"] == "PendingDeletion"
    assert made.read() is None


def test_a_boundary_is_put_and_taken_away(clients: Clients) -> None:
    boundary = make(clients, "aws:iam/policy:Policy", name="b", policy=POLICY).id
    role = make(clients, "aws:iam/role:Role", name="r", assumeRolePolicy=TRUST, permissionsBoundary=boundary)
    assert role.drift() == []
    role.update(permissionsBoundary=None)
    assert role.seen()["permissionsBoundary"] is None


def test_a_policy_can_change_more_often_than_iam_keeps_versions(clients: Clients) -> None:
    made = make(clients, "aws:iam/policy:Policy", name="b", policy=POLICY)
    for number in range(7):
        made.update(policy=POLICY.replace('"*"', f'"s3:Get{number}"', 1))
    assert made.drift() == []
    made.delete()
    assert made.read() is None


def test_a_secrets_name_is_free_at_once(clients: Clients) -> None:
    token = "aws:secretsmanager/secret:Secret"
    make(clients, token, name="AmazonMSK_l_p", recoveryWindowInDays=0).delete()
    assert make(clients, token, name="AmazonMSK_l_p", recoveryWindowInDays=0).read() is not None


def test_a_secrets_content_is_kept_and_secret(clients: Clients) -> None:
    secret = make(clients, "aws:secretsmanager/secret:Secret", name="AmazonMSK_l_p", recoveryWindowInDays=0)
    token = "aws:secretsmanager/secretVersion:SecretVersion"
    made = make(clients, token, secretId=secret.id, secretString='{"username":"u"}')
    assert made.drift() == []
    assert resource(token).secret_properties == {"secretString"}
    clients.get("secretsmanager").put_secret_value(SecretId=secret.id, SecretString="changed by hand")
    assert made.seen()["secretString"] == '{"username":"u"}'
    made.delete()
    secret.delete()
    assert made.read() is None


def test_an_authority_becomes_active_by_its_own_certificate(clients: Clients) -> None:
    authority = make(clients, "aws:acmpca/certificateAuthority:CertificateAuthority", **an_authority(clients))
    root = make(
        clients,
        "aws:acmpca/certificate:Certificate",
        certificateAuthorityArn=authority.id,
        certificateSigningRequest=authority.seen()["certificateSigningRequest"],
        signingAlgorithm="SHA256WITHRSA",
        templateArn="arn:aws:acm-pca:::template/RootCACertificate/V1",
        validity={"type": "DAYS", "value": "30"},
    )
    assert root.drift() == []
    token = "aws:acmpca/certificateAuthorityCertificate:CertificateAuthorityCertificate"
    installed = make(clients, token, certificateAuthorityArn=authority.id, certificate=root.seen()["certificate"])
    assert installed.drift() == []
    assert authority.seen()["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    for made in (installed, root, authority):
        made.delete()
    assert authority.read() is None
    assert root.read() is None
    assert installed.read() is None
