"""Everything that the program declares has a line in the estimate, or is known to be free: none is forgotten."""

from __future__ import annotations

from orchestrator.cost.estimate import estimate
from orchestrator.cost.prices import packaged
from orchestrator.spec import EnvironmentSpec
from orchestrator.spec_observability import ObservabilitySpec
from stacks.inputs import ObservabilityInputs
from tests.unit.stacks.stack_mocks import inputs, run

#: Type -> the line of the estimate that it is billed by.
BILLED = {
    "aws:acmpca/certificate:Certificate": "private CA",
    "aws:acmpca/certificateAuthority:CertificateAuthority": "private CA",
    "aws:cloudwatch/logGroup:LogGroup": "broker logs",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "alarms",
    "aws:ec2/flowLog:FlowLog": "flow log",
    "aws:kms/key:Key": "KMS key",
    "aws:msk/cluster:Cluster": "brokers",
    "aws:s3/bucket:Bucket": "bucket",
    "aws:secretsmanager/secret:Secret": "SCRAM secrets",
}
#: Types that no price list has: settings, names, permissions and network that is free by itself.
FREE = {
    "aws:acmpca/certificateAuthorityCertificate:CertificateAuthorityCertificate",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/vpc:Vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:iam/policy:Policy",
    "aws:iam/role:Role",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:kms/alias:Alias",
    "aws:msk/configuration:Configuration",
    "aws:msk/singleScramSecretAssociation:SingleScramSecretAssociation",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:secretsmanager/secretVersion:SecretVersion",
    # Pay by use, and what a probe uses is within the first million requests of a month, which are free.
    "aws:sns/topic:Topic",
    "aws:sns/topicSubscription:TopicSubscription",
    "aws:sqs/queue:Queue",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
}


def test_every_declared_type_is_billed_or_free() -> None:
    program = run(inputs(observability=ObservabilityInputs(alarms=True, flow_logs=True)))
    declared = {item.type for item in program.resources if item.type.startswith("aws:")}
    unknown = declared - BILLED.keys() - FREE
    assert not unknown, f"say in orchestrator/cost/resources.py what these cost, then name them here: {unknown}"
    assert BILLED.keys() <= declared
    # Only a gateway endpoint is free; an interface endpoint is billed by the hour and zone.
    assert {item.inputs["vpcEndpointType"] for item in program.of("aws:ec2/vpcEndpoint:VpcEndpoint").values()} == {
        "Gateway"
    }


def test_the_estimate_has_a_line_for_every_billed_type() -> None:
    lines = {
        line.item.resource for line in estimate(EnvironmentSpec(observability=ObservabilitySpec()), packaged()).lines
    }
    assert set(BILLED.values()) <= lines
