"""Which service module implements which type; a module is loaded when one of its types is first used."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.embedded.provider.model import ResourceType

_HERE = "orchestrator.embedded.provider"

#: The module of this package that has each type.
MODULES: dict[str, str] = {
    "aws:ec2/vpc:Vpc": "ec2",
    "aws:ec2/subnet:Subnet": "ec2",
    "aws:ec2/routeTable:RouteTable": "ec2",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "ec2",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "vpc_endpoints",
    "aws:ec2/securityGroup:SecurityGroup": "security_groups",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "security_groups",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "security_groups",
    "aws:s3/bucket:Bucket": "s3",
    "aws:s3/bucketObjectv2:BucketObjectv2": "s3_objects",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "s3_settings",
    "aws:s3/bucketVersioning:BucketVersioning": "s3_settings",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "s3_settings",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "s3_settings",
    "aws:s3/bucketPolicy:BucketPolicy": "s3_settings",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "s3_settings",
    "aws:kms/key:Key": "kms",
    "aws:kms/alias:Alias": "kms",
    "aws:iam/policy:Policy": "iam",
    "aws:iam/role:Role": "iam",
    "aws:iam/rolePolicy:RolePolicy": "iam",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "iam_oidc",
    "aws:codebuild/project:Project": "codebuild",
    "aws:scheduler/schedule:Schedule": "scheduler",
    "aws:secretsmanager/secret:Secret": "secretsmanager",
    "aws:secretsmanager/secretVersion:SecretVersion": "secretsmanager",
    "aws:cloudwatch/logGroup:LogGroup": "logs",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "alarms",
    "aws:sns/topic:Topic": "notifications",
    "aws:sns/topicSubscription:TopicSubscription": "notifications",
    "aws:sqs/queue:Queue": "notifications",
    "aws:ec2/flowLog:FlowLog": "flow_logs",
    "aws:msk/configuration:Configuration": "msk",
    "aws:msk/cluster:Cluster": "msk_cluster",
    "aws:msk/singleScramSecretAssociation:SingleScramSecretAssociation": "msk",
    "aws:mskconnect/customPlugin:CustomPlugin": "mskconnect",
    "aws:mskconnect/workerConfiguration:WorkerConfiguration": "mskconnect",
    "aws:mskconnect/connector:Connector": "mskconnect_connector",
    "aws:acmpca/certificateAuthority:CertificateAuthority": "acmpca",
    "aws:acmpca/certificate:Certificate": "acmpca",
    "aws:acmpca/certificateAuthorityCertificate:CertificateAuthorityCertificate": "acmpca",
}

#: boto3's names of the services, those on the way to the cluster first.
CLIENTS = ("ec2", "kms", "kafka", "logs", "acm-pca", "s3", "iam", "secretsmanager")


@cache
def find(token: str) -> ResourceType | None:
    """Return the type with this token, or None when it is not implemented."""
    module = MODULES.get(token)
    if module is None:
        return None
    types: tuple[ResourceType, ...] = importlib.import_module(f"{_HERE}.{module}").TYPES
    return next(item for item in types if item.token == token)
