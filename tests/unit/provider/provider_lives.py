"""What each type's life is tried with: how it is prepared, what is asked of it, and what changes in place."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

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
