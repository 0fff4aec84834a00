"""What people report of cancelled, failed and killed creates, each on the embedded cloud with a latency or a fault."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from orchestrator.engine.events import Done
from orchestrator.errors import EphkError
from orchestrator.processes import wait_until
from orchestrator.readback import read_back
from tests.embedded.conftest import World

SMALL = {"name": "small", "network": {"zones": 1}, "brokers": {"count": 1}, "topics": [{"name": "events"}]}
#: GitHub's runner: SIGINT, SIGTERM after 7.5 s, SIGKILL after 2.5 s more ("Workflow cancellation reference").
TERMINATED_S, KILLED_S = 7.5, 10.0


@pytest.fixture
def spec(world: World) -> Path:
    file = world.home / "small.yaml"
    file.write_text(yaml.safe_dump(SMALL))
    return file


def rehearse(world: World, **document: Any) -> None:
    """Start the world's cloud with a scenario, or give the running one another."""
    file = world.home / "scenario.yaml"
    file.write_text(yaml.safe_dump(document))
    world.must("cloud", "start", "--scenario", file)


def leases(world: World) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in (world.state / "leases").glob("*/lease.json")]


def engines(world: World, role: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("XDG_STATE_HOME") == str(world.home)
            if mine and Path(process.cmdline()[0]).name == role:
                found.append(process)
        except (psutil.Error, IndexError):
            continue
    return found


def in_the_cloud(world: World) -> list[str]:
    """Return what carries our prefix, asked from the services and not from the product."""
    session = world.administrator()
    ec2 = session.client("ec2")
    found = [vpc["VpcId"] for vpc in ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]]
    found += [role["RoleName"] for role in session.client("iam").list_roles()["Roles"]]
    found += [cluster["ClusterArn"] for cluster in session.client("kafka").list_clusters_v2()["ClusterInfoList"]]
    found += [bucket["Name"] for bucket in session.client("s3").list_buckets()["Buckets"]]
    return [name for name in found if name.startswith(("ephk-", "vpc-", "arn:aws:kafka"))]


def test_a_cancelled_job_has_its_lease_in_releasing_before_the_runner_kills_it(world: World, spec: Path) -> None:
    # A role takes longer than a cancelled job has, and MSK refuses to delete a cluster that it is still creating.
    rehearse(world, rules=[{"service": "iam", "operation": "PutRolePolicy", "latency_s": 9.0}], msk={"create_s": 7.0})
    process = world.popen("up", spec)
    assert wait_until(lambda: any("kafka.Kafka" in line for line in commands(world)), deadline_s=120)
    engine = {found.pid for found in engines(world, "pulumi")}
    assert engine
    process.send_signal(signal.SIGINT)
    assert wait_until(lambda: leases(world)[0]["state"] == "releasing", deadline_s=TERMINATED_S)
    assert wait_until(lambda: process.poll() is not None, deadline_s=KILLED_S)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "ephk down small" in err
    assert engine.isdisjoint(found.pid for found in engines(world, "pulumi"))  # the reaper may be using one by now
    rehearse(world)
    assert wait_until(lambda: leases(world) == [], deadline_s=120)
    assert in_the_cloud(world) == []


def commands(world: World) -> list[str]:
    lines = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if str(world.home) in line:
            lines.append(line)
    return lines


def test_an_engine_killed_in_the_middle_of_creates_leaves_neither_lock_nor_pending_create(
    world: World, spec: Path
) -> None:
    rehearse(world, rules=[{"service": "iam", "operation": "CreateRole", "latency_s": 1.0}])
    process = world.popen("up", spec)

    def creating() -> bool:
        text = "".join(
            path.read_text() for path in (world.state / "leases").glob("*/pulumi/state/.pulumi/stacks/*/*.json")
        )
        return '"creating"' in text and "aws:iam/role:Role" in text

    assert wait_until(creating, deadline_s=120)
    os.kill(process.pid, signal.SIGKILL)
    for engine in engines(world, "pulumi"):
        engine.kill()
    process.communicate()
    assert list((world.state / "leases").glob("*/pulumi/state/.pulumi/locks/**/*.json"))  # stale: its owner was killed
    assert wait_until(lambda: leases(world) == [], deadline_s=120)
    assert in_the_cloud(world) == []


def test_a_create_that_fails_is_told_with_its_cause_and_leaves_nothing(world: World, spec: Path) -> None:
    expired = {"code": "ExpiredTokenException", "message": "the token has expired", "status": 403}
    failures: dict[str, dict[str, Any]] = {
        "the token has expired": {"rules": [{"service": "kafka", "operation": "CreateCluster", "error": expired}]},
        "no capacity in the zone": {
            "msk": {"create_error": {"code": "Internal", "message": "no capacity in the zone"}}
        },
    }
    for says, document in failures.items():
        rehearse(world, **document)
        done = world.ephk("up", spec)
        assert done.status == 1
        assert says in done.err
        assert "what this attempt made has been removed" in done.err
        assert leases(world) == []
        assert in_the_cloud(world) == []


def test_an_update_that_the_provider_only_claimed_is_named(world: World) -> None:
    world.must("cloud", "start")
    session = world.administrator()
    ec2, s3, bucket = session.client("ec2"), session.client("s3"), f"ephk-readback-{os.getpid()}"
    group = ec2.create_security_group(GroupName=bucket, Description="read back")["GroupId"]
    try:
        rule = ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": 9094, "ToPort": 9094, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
            ],
        )["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        s3.create_bucket(Bucket=bucket)
        ingress = {
            "securityGroupId": group,
            "ipProtocol": "tcp",
            "fromPort": 9094,
            "toPort": 9094,
            "cidrIpv4": "10.0.0.0/8",
        }
        block = dict.fromkeys(
            ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
        )
        token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
        applied = [
            Done("create", token, "brokers-tls", rule, ingress),
            Done(
                "create",
                "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
                "data",
                bucket,
                {"bucket": bucket, **block},
            ),
        ]
        read_back(session, applied, within_s=0.0)
        s3.delete_public_access_block(Bucket=bucket)
        with pytest.raises(EphkError, match=r"data \(BucketPublicAccessBlock\)") as missing:
            read_back(session, applied, within_s=0.0)
        assert "NoSuchPublicAccessBlockConfiguration" in missing.value.message
        wider = [Done("update", token, "brokers-tls", rule, {**ingress, "cidrIpv4": "10.0.0.0/24"})]
        with pytest.raises(EphkError, match=r"its range was declared as '10.0.0.0/24', the API says '10.0.0.0/8'"):
            read_back(session, wider, within_s=0.0)
    finally:
        ec2.delete_security_group(GroupId=group)
        s3.delete_bucket(Bucket=bucket)
