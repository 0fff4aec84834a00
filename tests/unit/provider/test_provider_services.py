"""Each type's whole life against moto in this process: create, read, change, delete, and delete again."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws
from moto.moto_api._internal import moto_api_backend

from orchestrator.embedded.provider import catalogue
from orchestrator.embedded.provider.call import Clients
from orchestrator.embedded.provider.model import ResourceType, Values, diff, observed_inputs
from tests.unit.provider.provider_fakes import call

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
OTHER = POLICY.replace('"Allow"', '"Deny"')
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "123456789012"}}],
    }
)
OTHER_TRUST = TRUST.replace("123456789012", "210987654321")
QUEUE_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Id": "i",
        "Statement": [
            {
                "Sid": "s1",
                "Effect": "Allow",
                "Action": "sqs:SendMessage",
                "Resource": "*",
                "Principal": {"Service": "sns.amazonaws.com"},
            }
        ],
    }
)
TAGS = {"tags": {"ephk:lease": "l", "Name": "n"}}
RETAGGED = {"tags": {"ephk:lease": "m", "more": "x"}}


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


def resource(token: str) -> ResourceType:
    found = catalogue.find(token)
    assert found is not None
    return found


@dataclasses.dataclass
class Made:
    """A resource that a test made."""

    clients: Clients
    kind: ResourceType
    id: str
    inputs: Values

    def read(self) -> Values | None:
        return self.kind.read(call(self.clients), self.id, self.inputs)

    def seen(self) -> Values:
        seen = self.read()
        assert seen is not None
        return seen

    def update(self, **changes: Any) -> None:
        news = {name: value for name, value in {**self.inputs, **changes}.items() if value is not None}
        changed = frozenset(change.path for change in diff(self.kind, self.inputs, news))
        assert self.kind.update is not None
        self.kind.update(call(self.clients), self.id, {**self.seen(), **self.inputs}, news, changed)
        self.inputs = news

    def drift(self) -> list[str]:
        """Return the inputs in which the cloud differs from what was asked for."""
        observed = observed_inputs(self.kind, self.inputs, self.seen())
        return [change.path for change in diff(self.kind, self.inputs, observed)]

    def delete(self) -> None:
        self.kind.delete(call(self.clients), self.id, {**self.inputs, **(self.read() or {})})


def make(clients: Clients, token: str, **inputs: Any) -> Made:
    kind = resource(token)
    context = call(clients)
    resource_id = kind.create(context, inputs)
    assert context.resource_id == resource_id, "a creation says what exists, so that a failure later keeps the id"
    return Made(clients, kind, resource_id, inputs)


Prepare = Callable[[Clients], Values]


def a_vpc(clients: Clients) -> str:
    return make(clients, "aws:ec2/vpc:Vpc", cidrBlock="10.0.0.0/16").id


def a_bucket(clients: Clients) -> str:
    return make(clients, "aws:s3/bucket:Bucket", bucket="ephk-b").id


def a_group(clients: Clients, name: str = "g", vpc: str | None = None) -> str:
    return make(clients, "aws:ec2/securityGroup:SecurityGroup", name=name, vpcId=vpc or a_vpc(clients)).id


def a_rule(clients: Clients) -> Values:
    vpc = a_vpc(clients)
    ports = {"ipProtocol": "tcp", "fromPort": 9096, "toPort": 9096}
    source = a_group(clients, "clients", vpc)
    return {"securityGroupId": a_group(clients, "brokers", vpc), "referencedSecurityGroupId": source, **ports, **TAGS}


def a_key(clients: Clients) -> str:
    return make(clients, "aws:kms/key:Key").id


def an_association(clients: Clients) -> Values:
    vpc = a_vpc(clients)
    subnet = make(clients, "aws:ec2/subnet:Subnet", vpcId=vpc, cidrBlock="10.0.0.0/20").id
    return {"subnetId": subnet, "routeTableId": make(clients, "aws:ec2/routeTable:RouteTable", vpcId=vpc).id}


def an_endpoint(clients: Clients) -> Values:
    vpc = a_vpc(clients)
    table = make(clients, "aws:ec2/routeTable:RouteTable", vpcId=vpc).id
    service = "com.amazonaws.us-east-1.s3"
    return {"vpcId": vpc, "serviceName": service, "vpcEndpointType": "Gateway", "routeTableIds": [table], **TAGS}


def a_role(clients: Clients) -> str:
    return make(clients, "aws:iam/role:Role", name="r", assumeRolePolicy=TRUST).id


def an_authority(clients: Clients) -> Values:
    subject = {"commonName": "clients"}
    algorithms = {"keyAlgorithm": "RSA_2048", "signingAlgorithm": "SHA256WITHRSA"}
    return {"type": "ROOT", "certificateAuthorityConfiguration": {**algorithms, "subject": subject}, **TAGS}


def a_subscription(clients: Clients) -> Values:
    topic = make(clients, "aws:sns/topic:Topic", name="t").id
    queue = make(clients, "aws:sqs/queue:Queue", name="q").seen()["arn"]
    return {"topic": topic, "protocol": "sqs", "endpoint": queue}


def a_flow_log(clients: Clients) -> Values:
    bucket = make(clients, "aws:s3/bucket:Bucket", bucket="ephk-b").seen()["arn"]
    where = {"logDestinationType": "s3", "logDestination": bucket, "maxAggregationInterval": 60}
    return {"vpcId": a_vpc(clients), "trafficType": "ALL", **where, **TAGS}


def in_bucket(**settings: Any) -> Prepare:
    return lambda clients: {"bucket": a_bucket(clients), **settings}


def given(**inputs: Any) -> Prepare:
    return lambda clients: inputs


#: Type; its inputs; a change in place, or nothing when every change needs a new one.
LIVES: dict[str, tuple[Prepare, Values]] = {
    "aws:ec2/vpc:Vpc": (
        given(cidrBlock="10.0.0.0/16", enableDnsHostnames=True, **TAGS),
        {"enableDnsHostnames": False, "enableDnsSupport": False, **RETAGGED},
    ),
    "aws:ec2/subnet:Subnet": (
        lambda c: {"vpcId": a_vpc(c), "cidrBlock": "10.0.0.0/20", "availabilityZone": "us-east-1b", **TAGS},
        {"mapPublicIpOnLaunch": True, **RETAGGED},
    ),
    "aws:ec2/routeTable:RouteTable": (lambda c: {"vpcId": a_vpc(c), **TAGS}, RETAGGED),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (an_association, {}),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (an_endpoint, {"policy": POLICY, "routeTableIds": [], **RETAGGED}),
    "aws:ec2/securityGroup:SecurityGroup": (
        lambda c: {"vpcId": a_vpc(c), "name": "g", "description": "d", **TAGS},
        RETAGGED,
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (a_rule, RETAGGED),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (a_rule, RETAGGED),
    "aws:s3/bucket:Bucket": (given(bucket="ephk-b", **TAGS), RETAGGED),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": (
        in_bucket(rule={"objectOwnership": "BucketOwnerEnforced"}),
        {"rule": {"objectOwnership": "ObjectWriter"}},
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        in_bucket(
            rules=[
                {
                    "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "k"},
                    "bucketKeyEnabled": True,
                }
            ]
        ),
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}, "bucketKeyEnabled": False}]},
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
        in_bucket(blockPublicAcls=True, blockPublicPolicy=True, ignorePublicAcls=True, restrictPublicBuckets=True),
        {"restrictPublicBuckets": False},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": (in_bucket(policy=POLICY), {"policy": OTHER}),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (
        in_bucket(
            rules=[
                {
                    "id": "expire",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": 7},
                    "noncurrentVersionExpiration": {"noncurrentDays": 1},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
                }
            ]
        ),
        {"rules": [{"id": "expire", "status": "Enabled", "filter": {"prefix": "a"}, "expiration": {"days": 1}}]},
    ),
    "aws:kms/key:Key": (
        given(description="d", enableKeyRotation=True, policy=POLICY, deletionWindowInDays=7, **TAGS),
        {"description": "e", "enableKeyRotation": False, "policy": OTHER, **RETAGGED},
    ),
    "aws:kms/alias:Alias": (lambda c: {"name": "alias/a", "targetKeyId": a_key(c)}, {}),
    "aws:iam/policy:Policy": (
        given(name="boundary", description="d", policy=POLICY, **TAGS),
        {"policy": OTHER, **RETAGGED},
    ),
    "aws:iam/role:Role": (
        given(name="r", assumeRolePolicy=TRUST, description="d", maxSessionDuration=3600, **TAGS),
        {
            "description": "e",
            "maxSessionDuration": 7200,
            "assumeRolePolicy": OTHER_TRUST,
            **RETAGGED,
        },
    ),
    "aws:iam/rolePolicy:RolePolicy": (
        lambda c: {"role": a_role(c), "name": "p", "policy": POLICY},
        {"policy": OTHER},
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (
        given(url="https://ci.example.org", clientIdLists=["sts.amazonaws.com"], **TAGS),
        RETAGGED,
    ),
    "aws:scheduler/schedule:Schedule": (
        given(
            name="reaper",
            scheduleExpression="rate(15 minutes)",
            state="ENABLED",
            flexibleTimeWindow={"mode": "OFF"},
            target={"arn": "arn:aws:codebuild:us-east-1:123456789012:project/p", "roleArn": "arn:aws:iam::1:role/r"},
        ),
        {"scheduleExpression": "rate(5 minutes)"},
    ),
    "aws:secretsmanager/secret:Secret": (
        lambda c: {"name": "AmazonMSK_l_p", "kmsKeyId": a_key(c), "recoveryWindowInDays": 0, **TAGS},
        {"description": "e", **RETAGGED},
    ),
    "aws:cloudwatch/logGroup:LogGroup": (
        given(name="/ephk/l/brokers", retentionInDays=7, **TAGS),
        {"retentionInDays": 3, **RETAGGED},
    ),
    "aws:acmpca/certificateAuthority:CertificateAuthority": (an_authority, RETAGGED),
    "aws:cloudwatch/metricAlarm:MetricAlarm": (
        given(
            name="ephk-l-disk-1",
            comparisonOperator="GreaterThanThreshold",
            evaluationPeriods=5,
            threshold=85,
            namespace="AWS/Kafka",
            metricName="KafkaDataLogsDiskUsed",
            statistic="Maximum",
            period=60,
            dimensions={"Cluster Name": "ephk-l", "Broker ID": "1"},
            alarmActions=["arn:aws:sns:us-east-1:123456789012:t"],
            okActions=["arn:aws:sns:us-east-1:123456789012:t"],
            **TAGS,
        ),
        {"threshold": 90, "alarmActions": [], **RETAGGED},
    ),
    "aws:sns/topic:Topic": (given(name="ephk-l-alarms", **TAGS), RETAGGED),
    "aws:sns/topicSubscription:TopicSubscription": (a_subscription, {}),
    "aws:sqs/queue:Queue": (
        given(name="ephk-l-alarms", messageRetentionSeconds=3600, policy=QUEUE_POLICY, **TAGS),
        {"messageRetentionSeconds": 600, "policy": QUEUE_POLICY.replace("s1", "s2"), **RETAGGED},
    ),
    "aws:ec2/flowLog:FlowLog": (a_flow_log, RETAGGED),
}


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
