"""A cloud with no environment in it: leaks are made with boto3, small and quick."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestrator import tags
from orchestrator.aws import AwsSession, Credentials
from orchestrator.embedded import cloud
from orchestrator.lease import Lease, LeaseState, new_lease
from orchestrator.ledger import FileLedger
from orchestrator.processes import ProcessRecord
from orchestrator.progress import SilentProgress
from orchestrator.tags import Provenance
from orchestrator.teardown.heartbeat import remove_heartbeat, write_heartbeat
from orchestrator.teardown.receipt import Receipt
from orchestrator.teardown.way import Teardown


@dataclass(frozen=True)
class Site:
    """One cloud, its ledger, and the means to leave things lying about in it."""

    home: Path
    session: AwsSession

    def client(self, service: str) -> Any:
        return self.session.client(service)

    def lease(self, name: str | None = None, *, expired: bool = True) -> Lease:
        """Write a lease that is ready and, unless told otherwise, over."""
        made = new_lease(
            name=name or f"leak-{uuid4().hex[:8]}",
            target="embedded",
            ttl=timedelta(0) if expired else timedelta(hours=1),
            provenance=Provenance("tests"),
            spec={},
        )
        FileLedger().create(made)
        made = FileLedger().update(made.moved_to(LeaseState.PROVISIONING))
        return FileLedger().update(made.moved_to(LeaseState.READY))

    def down(self, lease: Lease, patience_s: float = 20.0) -> Receipt:
        return Teardown(FileLedger(), SilentProgress(), patience_s=patience_s).take_down(lease, "down")

    def scenario(self, text: str) -> None:
        (self.home / "ephk" / "cloud" / "scenario.yaml").write_text(text)

    def network(self, lease: str) -> dict[str, str]:
        """Make a VPC with a subnet and a security group of a lease."""
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=spec("vpc", lease))["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", TagSpecifications=spec("subnet", lease))
        return {"vpc": vpc, "subnet": subnet["Subnet"]["SubnetId"], "group": self.group(lease, vpc, "brokers")}

    def group(self, lease: str, vpc: str, name: str) -> str:
        made = self.client("ec2").create_security_group(
            GroupName=name, Description=name, VpcId=vpc, TagSpecifications=spec("security-group", lease)
        )
        return str(made["GroupId"])

    def refers(self, group: str, to: str) -> None:
        """Let a rule of one security group name another."""
        rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": to}]}
        self.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])

    def key(self, lease: str) -> str:
        made = self.client("kms").create_key(Tags=[{"TagKey": tags.LEASE, "TagValue": lease}])
        return str(made["KeyMetadata"]["KeyId"])

    def cluster(self, lease: str, subnet: str, group: str) -> str:
        """Ask for a cluster; with a scenario that fails its creation no broker starts."""
        made = self.client("kafka").create_cluster(
            ClusterName=f"ephk-{lease}",
            KafkaVersion="3.9.x",
            NumberOfBrokerNodes=1,
            BrokerNodeGroupInfo={
                "InstanceType": "kafka.m7g.large",
                "ClientSubnets": [subnet],
                "SecurityGroups": [group],
                "StorageInfo": {"EbsStorageInfo": {"VolumeSize": 1}},
            },
            ClientAuthentication={"Sasl": {"Iam": {"Enabled": True}}},
            Tags={tags.LEASE: lease},
        )
        return str(made["ClusterArn"])


def spec(kind: str, lease: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": pair(lease)}]


def pair(lease: str) -> list[dict[str, str]]:
    return [{"Key": tags.LEASE, "Value": lease}]


def trust() -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def policy(action: str = "s3:ListAllMyBuckets") -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One cloud for a module, that stays without leases."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("state")
        patch.setenv("XDG_STATE_HOME", str(home))
        info = cloud.start(SilentProgress(), keep=True)
        # These tests are the reaper: its process would take their leases down while they look at them.
        write_heartbeat(ProcessRecord.of(os.getpid(), "reaper"))
        keys = Credentials(info.access_key_id, info.secret_access_key)
        try:
            yield Site(home, AwsSession(info.cloud_endpoint(), keys))
        finally:
            remove_heartbeat()
            cloud.stop()


@pytest.fixture
def unhindered(site: Site) -> Iterator[Callable[[str], None]]:
    """Let a test set a scenario, and take it away afterwards."""
    yield site.scenario
    site.scenario("{}")
