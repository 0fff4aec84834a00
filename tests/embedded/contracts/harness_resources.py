"""What the harness has in moto and on its brokers, and the environment object that says so."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509

from orchestrator import tags
from orchestrator.aws import AwsSession
from orchestrator.embedded.brokers import BrokerCluster
from orchestrator.environment import (
    Bucket,
    CloudEndpoint,
    Cluster,
    Environment,
    Grant,
    Network,
    Principal,
    Topic,
)

ACCOUNT, REGION, LEASE = "123456789012", "us-east-1", "t3st"


def make_authority(session: AwsSession) -> tuple[str, str]:
    """Make a root CA in ACM PCA, and return its ARN and certificate."""
    pca = session.client("acm-pca")
    arn = pca.create_certificate_authority(
        CertificateAuthorityConfiguration={
            "KeyAlgorithm": "RSA_2048",
            "SigningAlgorithm": "SHA256WITHRSA",
            "Subject": {"CommonName": f"ephk {LEASE}"},
        },
        CertificateAuthorityType="ROOT",
        Tags=tag_list(),
    )["CertificateAuthorityArn"]
    request = pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
    certificate_arn = pca.issue_certificate(
        CertificateAuthorityArn=arn,
        Csr=request.encode(),
        SigningAlgorithm="SHA256WITHRSA",
        TemplateArn="arn:aws:acm-pca:::template/RootCACertificate/V1",
        Validity={"Value": 1, "Type": "YEARS"},
    )["CertificateArn"]
    certificate = pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=certificate_arn)["Certificate"]
    pca.import_certificate_authority_certificate(CertificateAuthorityArn=arn, Certificate=certificate.encode())
    x509.load_pem_x509_certificate(certificate.encode())
    return arn, certificate


NOW = datetime.now(UTC).replace(microsecond=0)
BUCKET = f"ephk-{LEASE}-data"
_ARN = f"arn:aws:s3:::{BUCKET}"
ONLY_THE_BUCKET = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": [_ARN, f"{_ARN}/*"]}],
}
ALL_TAGS = {
    tags.LEASE: LEASE,
    tags.ENVIRONMENT: "test",
    tags.OWNER: "tests",
    tags.REPOSITORY: "none",
    tags.PULL_REQUEST: "none",
    tags.COMMIT: "none",
    tags.COST_CENTER: "none",
    tags.CREATED_AT: tags.rfc3339(NOW),
    tags.EXPIRES_AT: tags.rfc3339(NOW + timedelta(hours=4)),
}


def tag_list() -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in ALL_TAGS.items()]


def build_environment(
    session: AwsSession, brokers: BrokerCluster, authority_arn: str, endpoint: CloudEndpoint
) -> Environment:
    """Make the resources in moto and the users on the brokers."""
    roles = {name: make_role(session, name) for name in ("operator", "client")}
    principals = (
        scram_principal(session, brokers, "writer", Grant(topic="orders", allow=("produce",))),
        scram_principal(session, brokers, "reader", Grant(topic="orders", allow=("consume",), group="readers")),
        Principal(
            name="machine",
            auth="mtls",
            kafka_principal="User:machine",
            grants=(Grant(topic="audit", allow=("produce",)),),
        ),
        Principal(
            name="function",
            auth="iam",
            kafka_principal=f"User:{roles['client']}",
            role_arn=roles["client"],
            grants=(Grant(topic="orders", allow=("produce",)),),
        ),
    )
    count = len(brokers.nodes())
    return Environment(
        lease_id=LEASE,
        name="test",
        flavour="kafka-ec2",
        target="embedded",
        created_at=NOW,
        expires_at=NOW + timedelta(hours=4),
        cloud=endpoint,
        cluster=Cluster(
            arn=f"arn:aws:ec2:{REGION}:{ACCOUNT}:cluster/{LEASE}",
            name=LEASE,
            kafka_version="4.3.1",
            brokers=count,
            bootstrap=brokers.bootstrap(),
            ca_pem=brokers.ca_pem(),
            certificate_authority_arn=authority_arn,
        ),
        network=make_network(session),
        bucket=make_bucket(session),
        principals=principals,
        topics=tuple(
            Topic(name=name, partitions=3, replication_factor=min(3, count), config=config)
            for name, config in (("orders", {}), ("audit", {}), ("latest", {"cleanup.policy": "compact"}))
        ),
        roles=roles,
        tags=ALL_TAGS,
    )


def make_role(session: AwsSession, name: str) -> str:
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}],
    }
    role = session.client("iam").create_role(
        RoleName=f"{LEASE}-{name}", AssumeRolePolicyDocument=json.dumps(trust), Tags=tag_list()
    )
    return str(role["Role"]["Arn"])


def scram_principal(session: AwsSession, brokers: BrokerCluster, name: str, *granted: Grant) -> Principal:
    password = secrets.token_urlsafe(18)
    brokers.put_scram_user(name, password)
    secret = session.client("secretsmanager").create_secret(
        Name=f"AmazonMSK_{LEASE}_{name}",
        SecretString=json.dumps({"username": name, "password": password}),
        Tags=tag_list(),
    )
    return Principal(name=name, auth="scram", kafka_principal=f"User:{name}", secret_arn=secret["ARN"], grants=granted)


def make_network(session: AwsSession) -> Network:
    ec2 = session.client("ec2")

    def tagged(kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": tag_list()}]

    vpc = ec2.create_vpc(CidrBlock="10.42.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    subnets, tables = [], []
    for index, zone in enumerate("abc"):
        subnet = ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=f"10.42.{index}.0/24",
            AvailabilityZone=REGION + zone,
            TagSpecifications=tagged("subnet"),
        )["Subnet"]["SubnetId"]
        table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table"))["RouteTable"]
        ec2.associate_route_table(SubnetId=subnet, RouteTableId=table["RouteTableId"])
        subnets.append(subnet)
        tables.append(table["RouteTableId"])
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{REGION}.s3",
        VpcEndpointType="Gateway",
        RouteTableIds=tables,
        PolicyDocument=json.dumps(ONLY_THE_BUCKET),
        TagSpecifications=tagged("vpc-endpoint"),
    )["VpcEndpoint"]["VpcEndpointId"]
    groups = {
        name: ec2.create_security_group(
            GroupName=f"{LEASE}-{name}", Description=name, VpcId=vpc, TagSpecifications=tagged("security-group")
        )["GroupId"]
        for name in ("brokers", "clients")
    }
    ec2.authorize_security_group_ingress(
        GroupId=groups["brokers"],
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": port,
                "ToPort": port,
                "UserIdGroupPairs": [{"GroupId": groups["clients"]}],
            }
            for port in (9094, 9096, 9098)
        ],
        TagSpecifications=tagged("security-group-rule"),
    )
    return Network(
        vpc_id=vpc,
        subnet_ids=tuple(subnets),
        route_table_ids=tuple(tables),
        s3_endpoint_id=endpoint,
        broker_security_group_id=groups["brokers"],
        client_security_group_id=groups["clients"],
    )


def make_bucket(session: AwsSession) -> Bucket:
    kms, s3 = session.client("kms"), session.client("s3")
    tags_of_key = [{"TagKey": name, "TagValue": value} for name, value in ALL_TAGS.items()]
    key = kms.create_key(Tags=tags_of_key)["KeyMetadata"]["Arn"]
    kms.enable_key_rotation(KeyId=key)
    name = BUCKET
    s3.create_bucket(Bucket=name)
    put_bucket_settings(s3, name)
    s3.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]
        },
    )
    s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_list()})
    return Bucket(name=name, kms_key_arn=key)


def put_bucket_settings(s3: Any, name: str) -> None:
    """Put the settings that tests change, as the stack does."""
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_ownership_controls(
        Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    rule = {
        "ID": "expire",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": 7},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
