"""After an apply: does the API say what the stack declared?

A provider can report success for an update that failed, or that the service has undone since. So the resources on which
the contracts and the bill rest are asked for once more, from the service itself: the cluster's state, configuration,
authentication and encryption, its SCRAM users, the bucket's guards, every security-group rule, the routes, and what the
roles may do at most. A difference is an error that names it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.aws import AwsSession
from orchestrator.errors import EphkError

if TYPE_CHECKING:  # Pulumi's SDK is loaded where it is used
    from orchestrator.engine.events import Done

#: Seconds that an answer may lag behind (EC2 and IAM are eventually consistent, as their API references say).
_CONSISTENT_S = 10.0
_PAUSE_S = 0.3
_WORKERS = 12

Pairs = list[tuple[str, Any, Any]]


@dataclass(frozen=True)
class Difference:
    """A property that is not as declared.

    Attributes:
        resource: name and type, as people say it.
        property: which one.
        declared: what the stack declared.
        actual: what the API says.
    """

    resource: str
    property: str
    declared: Any
    actual: Any

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.resource}: {self.property} was declared as {self.declared!r}, the API says {self.actual!r}"


def read_back(session: AwsSession, applied: Sequence[Done], *, within_s: float = _CONSISTENT_S) -> None:
    """Compare what was applied with what the API says.

    Args:
        session: of somebody who may read.
        applied: what the engine reported as done, with its inputs.
        within_s: seconds for answers that lag behind; asked once when everything agrees.

    Raises:
        EphkError: something differs, or could not be asked; each is named.
    """
    end = time.monotonic() + within_s
    wanted = [done for done in applied if done.type in _READERS]
    while True:
        differences = [difference for found in _compare(session, wanted) for difference in found]
        if not differences:
            return
        if time.monotonic() >= end:
            break
        time.sleep(_PAUSE_S)
        named = {difference.resource for difference in differences}
        wanted = [done for done in wanted if _title(done) in named]
    lines = tuple(str(difference) for difference in differences)
    raise EphkError(
        f"the provider reported success, and the cloud says otherwise: {lines[0]}",
        next_step="Compare the resource in the cloud with the stack, and run it again.",
        details=lines[1:],
    )


def _compare(session: AwsSession, wanted: Sequence[Done]) -> list[list[Difference]]:
    def ask(done: Done) -> list[Difference]:
        title = _title(done)
        try:
            pairs = _READERS[done.type](session, done)
        except (ClientError, BotoCoreError) as error:
            return [Difference(title, "its state", "readable", str(error))]
        return [Difference(title, name, declared, actual) for name, declared, actual in pairs if declared != actual]

    with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="read-back") as pool:
        return list(pool.map(ask, wanted))


def _title(done: Done) -> str:
    return f"{done.name} ({done.type.rsplit(':', 1)[-1]})"


def _at(values: Mapping[str, Any] | None, *path: str) -> Any:
    """Return a nested value, None where the way ends."""
    node: Any = values
    for step in path:
        node = node.get(step) if isinstance(node, Mapping) else None
    return node


def policy(document: Any) -> Any:
    """Return a policy in one form: a list of one element is that element, order says nothing (IAM JSON grammar)."""
    node = json.loads(document) if isinstance(document, str) else document
    if isinstance(node, Mapping):
        return {name: policy(value) if not isinstance(value, str) else value for name, value in node.items()}
    if isinstance(node, list):
        plain = [policy(value) if not isinstance(value, str) else value for value in node]
        return plain[0] if len(plain) == 1 else sorted(plain, key=lambda value: json.dumps(value, sort_keys=True))
    return node


def _cluster(session: AwsSession, done: Done) -> Pairs:
    info = session.client("kafka").describe_cluster(ClusterArn=done.id)["ClusterInfo"]
    inputs, software, auth = done.inputs, info.get("CurrentBrokerSoftwareInfo", {}), info.get("ClientAuthentication")
    transit = ("EncryptionInfo", "EncryptionInTransit")
    return [
        ("its state", "ACTIVE", info["State"]),
        ("its brokers", int(inputs["numberOfBrokerNodes"]), info["NumberOfBrokerNodes"]),
        ("its configuration", _at(inputs, "configurationInfo", "arn"), software.get("ConfigurationArn")),
        (
            "its configuration's revision",
            int(_at(inputs, "configurationInfo", "revision")),
            software.get("ConfigurationRevision"),
        ),
        ("SASL/SCRAM", _on(inputs, "clientAuthentication", "sasl", "scram"), _on(auth, "Sasl", "Scram", "Enabled")),
        ("IAM", _on(inputs, "clientAuthentication", "sasl", "iam"), _on(auth, "Sasl", "Iam", "Enabled")),
        (
            "its authorities",
            sorted(_at(inputs, "clientAuthentication", "tls", "certificateAuthorityArns") or []),
            sorted(_at(auth, "Tls", "CertificateAuthorityArnList") or []),
        ),
        (
            "its key",
            _at(inputs, "encryptionInfo", "encryptionAtRestKmsKeyArn"),
            _at(info, "EncryptionInfo", "EncryptionAtRest", "DataVolumeKMSKeyId"),
        ),
        (
            "encryption in transit",
            _at(inputs, "encryptionInfo", "encryptionInTransit", "clientBroker"),
            _at(info, *transit, "ClientBroker"),
        ),
        (
            "encryption between brokers",
            _on(inputs, "encryptionInfo", "encryptionInTransit", "inCluster"),
            _on(info, *transit, "InCluster"),
        ),
    ]


def _on(values: Mapping[str, Any] | None, *path: str) -> bool:
    return _at(values, *path) is True


def _scram(session: AwsSession, done: Done) -> Pairs:
    pages = session.client("kafka").get_paginator("list_scram_secrets").paginate(ClusterArn=done.inputs["clusterArn"])
    secrets = {arn for page in pages for arn in page["SecretArnList"]}
    arn = done.inputs["secretArn"]
    return [("its secret", arn, arn if arn in secrets else "not associated")]


def _bucket_policy(session: AwsSession, done: Done) -> Pairs:
    answer = session.client("s3").get_bucket_policy(Bucket=done.inputs["bucket"])
    return [("its policy", policy(done.inputs["policy"]), policy(answer["Policy"]))]


def _public_access(session: AwsSession, done: Done) -> Pairs:
    answer = session.client("s3").get_public_access_block(Bucket=done.inputs["bucket"])
    block = answer["PublicAccessBlockConfiguration"]
    names = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    return [(name, _on(done.inputs, name), _on(block, name[0].upper() + name[1:])) for name in names]


def _bucket_encryption(session: AwsSession, done: Done) -> Pairs:
    answer = session.client("s3").get_bucket_encryption(Bucket=done.inputs["bucket"])
    actual = answer["ServerSideEncryptionConfiguration"]["Rules"][0]
    declared = done.inputs["rules"][0]
    default, by_default = "applyServerSideEncryptionByDefault", "ApplyServerSideEncryptionByDefault"
    return [
        ("its algorithm", _at(declared, default, "sseAlgorithm"), _at(actual, by_default, "SSEAlgorithm")),
        ("its key", _at(declared, default, "kmsMasterKeyId"), _at(actual, by_default, "KMSMasterKeyID")),
    ]


def _versioning(session: AwsSession, done: Done) -> Pairs:
    answer = session.client("s3").get_bucket_versioning(Bucket=done.inputs["bucket"])
    return [("its status", _at(done.inputs, "versioningConfiguration", "status"), answer.get("Status"))]


def _rule(session: AwsSession, done: Done) -> Pairs:
    answer = session.client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[done.id])
    actual, inputs = answer["SecurityGroupRules"][0], done.inputs
    return [
        ("its group", inputs["securityGroupId"], actual["GroupId"]),
        ("its direction", "Egress" in done.type, actual["IsEgress"]),
        ("its protocol", inputs["ipProtocol"], actual["IpProtocol"]),
        ("its first port", int(inputs["fromPort"]), actual.get("FromPort")),
        ("its last port", int(inputs["toPort"]), actual.get("ToPort")),
        (
            "the group it names",
            inputs.get("referencedSecurityGroupId"),
            _at(actual, "ReferencedGroupInfo", "GroupId"),
        ),
        ("its prefix list", inputs.get("prefixListId"), actual.get("PrefixListId")),
        ("its range", inputs.get("cidrIpv4"), actual.get("CidrIpv4")),
    ]


def _endpoint(session: AwsSession, done: Done) -> Pairs:
    actual = session.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[done.id])["VpcEndpoints"][0]
    return [
        ("its state", "available", str(actual["State"]).lower()),
        ("its route tables", sorted(done.inputs.get("routeTableIds") or []), sorted(actual.get("RouteTableIds", []))),
        ("its policy", policy(done.inputs.get("policy")), policy(actual.get("PolicyDocument"))),
    ]


def _association(session: AwsSession, done: Done) -> Pairs:
    inputs = done.inputs
    tables = session.client("ec2").describe_route_tables(RouteTableIds=[inputs["routeTableId"]])["RouteTables"]
    subnets = {one.get("SubnetId") for table in tables for one in table["Associations"]}
    return [("its subnet", inputs["subnetId"], inputs["subnetId"] if inputs["subnetId"] in subnets else "another")]


def _role(session: AwsSession, done: Done) -> Pairs:
    role = session.client("iam").get_role(RoleName=done.id)["Role"]
    return [
        (
            "its boundary",
            done.inputs.get("permissionsBoundary"),
            _at(role, "PermissionsBoundary", "PermissionsBoundaryArn"),
        ),
        ("its trust policy", policy(done.inputs["assumeRolePolicy"]), policy(role["AssumeRolePolicyDocument"])),
    ]


def _role_policy(session: AwsSession, done: Done) -> Pairs:
    answer = session.client("iam").get_role_policy(RoleName=done.inputs["role"], PolicyName=done.inputs["name"])
    return [("its policy", policy(done.inputs["policy"]), policy(answer["PolicyDocument"]))]


_READERS: dict[str, Callable[[AwsSession, Done], Pairs]] = {
    "aws:msk/cluster:Cluster": _cluster,
    "aws:msk/singleScramSecretAssociation:SingleScramSecretAssociation": _scram,
    "aws:s3/bucketPolicy:BucketPolicy": _bucket_policy,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _public_access,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _bucket_encryption,
    "aws:s3/bucketVersioning:BucketVersioning": _versioning,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _association,
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
}
