"""How reaping grows with the number of leases: time, API calls and memory for 10, 100 and 1,000 expired leases.

Each lease owns ten resources, made with boto3 in an embedded cloud of the benchmark's own; called by `make bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from orchestrator import tags
from orchestrator.aws import AwsSession, Credentials
from orchestrator.embedded import cloud
from orchestrator.files import write_private
from orchestrator.lease import Lease, LeaseState, new_lease
from orchestrator.ledger import FileLedger
from orchestrator.paths import lease_dir
from orchestrator.processes import ProcessRecord
from orchestrator.progress import SilentProgress
from orchestrator.tags import Provenance
from orchestrator.teardown.heartbeat import write_heartbeat
from orchestrator.teardown.reap import Reaper

SIZES = (10, 100, 1000)
RESOURCES = 10
_TRUST = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


@dataclass(frozen=True)
class Measured:
    """One size: leases, seconds, API calls, and the process's largest memory so far (MiB)."""

    leases: int
    seconds: float
    calls: int
    resident_mb: float


def measure(sizes: tuple[int, ...] = SIZES) -> list[Measured]:
    """Measure each size in turn.

    Raises:
        RuntimeError: something was left.
    """
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="ephk-bench-reap-")
    info = cloud.start(SilentProgress(), keep=True)
    write_heartbeat(ProcessRecord.of(os.getpid(), "reaper"))  # the benchmark is the reaper
    session = AwsSession(info.cloud_endpoint(), Credentials(info.access_key_id, info.secret_access_key))
    try:
        return [_measure(session, size) for size in sizes]
    finally:
        cloud.stop()


def _measure(session: AwsSession, size: int) -> Measured:
    leases = [_lease(number) for number in range(size)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda lease: _resources(session, lease.id), leases))
    calls = _Calls()
    calls.count()
    begun = time.perf_counter()
    receipts, skipped = Reaper(FileLedger(), SilentProgress()).reap()
    seconds = time.perf_counter() - begun
    if len(receipts) != size or skipped or not all(receipt.clean for receipt in receipts):
        wrong = [receipt.document() for receipt in receipts if not receipt.clean]
        first = {name: wrong[0][name] for name in ("left", "inventory", "notes")} if wrong else {}
        raise RuntimeError(
            f"{len(receipts)} of {size} leases were reaped, {len(wrong)} not clean, {len(skipped)} skipped: {first}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(size, seconds, calls.stop(), peak)


class _Calls:
    """Counts the requests of this process's AWS clients."""

    def __init__(self) -> None:
        self._lock, self._number = threading.Lock(), 0

    def count(self) -> None:
        from botocore.client import BaseClient

        original = self._original = BaseClient._make_api_call

        def counted(client: Any, *arguments: Any) -> Any:
            with self._lock:
                self._number += 1
            return original(client, *arguments)

        BaseClient._make_api_call = counted

    def stop(self) -> int:
        from botocore.client import BaseClient

        BaseClient._make_api_call = self._original
        return self._number


def _lease(number: int) -> Lease:
    made = new_lease(
        name=f"bench-{number}", target="embedded", ttl=timedelta(0), provenance=Provenance("bench"), spec={}
    )
    made = made.moved_to(LeaseState.PROVISIONING).moved_to(LeaseState.READY)
    write_private(lease_dir(made.id) / "lease.json", made.model_dump_json())  # the ledger looks for the name each time
    return made


def _resources(session: AwsSession, lease: str) -> None:
    """Make ten resources: a VPC, three subnets, two security groups, a role, a log group, a secret, a bucket."""
    ec2, pair = session.client("ec2"), [{"Key": tags.LEASE, "Value": lease}]

    def spec(kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": pair}]

    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=spec("vpc"))["Vpc"]["VpcId"]
    for number in range(3):
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", TagSpecifications=spec("subnet"))
    for name in ("brokers", "clients"):
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc, TagSpecifications=spec("security-group"))
    trust = json.dumps({"Version": "2012-10-17", "Statement": [_TRUST]})
    session.client("iam").create_role(RoleName=f"ephk-{lease}-r", AssumeRolePolicyDocument=trust, Tags=pair)
    session.client("logs").create_log_group(logGroupName=f"/ephk/{lease}/brokers", tags={tags.LEASE: lease})
    session.client("secretsmanager").create_secret(Name=f"ephk-{lease}-s", SecretString="x", Tags=pair)
    session.client("s3").create_bucket(Bucket=f"ephk-{lease}-b")
    session.client("s3").put_bucket_tagging(Bucket=f"ephk-{lease}-b", Tagging={"TagSet": pair})


def table(measured: list[Measured]) -> Table:
    """Return the measurements as a table."""
    made = Table(title=f"reaping expired leases with {RESOURCES} resources each", title_justify="left")
    for column in ("leases", "seconds", "ms per lease", "API calls per lease", "peak RSS MiB"):
        made.add_column(column, justify="right")
    for one in measured:
        made.add_row(
            str(one.leases),
            f"{one.seconds:.1f}",
            f"{1000 * one.seconds / one.leases:.0f}",
            f"{one.calls / one.leases:.1f}",
            f"{one.resident_mb:.0f}",
        )
    return made


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    options = parser.parse_args()
    Console(file=sys.stdout, width=120).print(table(measure(tuple(options.sizes))))


if __name__ == "__main__":
    main()
