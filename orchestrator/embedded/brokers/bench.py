"""How long bare brokers take to start: `python -m orchestrator.embedded.brokers.bench [BROKERS] [--runs N]`.

It is the measure for `ephk up`: the same JVM flags, archive, listeners and settings, without a cloud around them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.embedded.brokers.certificates import CertificateAuthority
from orchestrator.embedded.brokers.cluster import BrokerCluster
from orchestrator.embedded.brokers.config import BrokerClusterConfig
from orchestrator.embedded.runtime import KafkaRuntime, ensure_kafka_runtime
from orchestrator.files import private_dir
from orchestrator.paths import state_home
from orchestrator.progress import ConsoleProgress

#: Nobody authenticates during the measurement; a closed port answers at once.
_NO_AUTHORITY = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Measurement:
    """One start.

    Attributes:
        brokers: how many.
        ready_s: seconds from the first file until metadata shows all brokers.
        stop_s: seconds until all processes are gone.
        resident_mb: each broker's resident memory when ready, in MB.
    """

    brokers: int
    ready_s: float
    stop_s: float
    resident_mb: tuple[float, ...]


def measure(brokers: int, runtime: KafkaRuntime) -> Measurement:
    """Start a cluster in a directory that is removed afterwards, and end it.

    Raises:
        BrokerStartError: it did not start.
    """
    home = private_dir(state_home())
    with tempfile.TemporaryDirectory(dir=home, prefix="bench-") as scratch:
        config = BrokerClusterConfig(
            cluster_uuid="bench",
            cluster_arn="arn:aws:kafka:us-east-1:123456789012:cluster/bench/bench",
            region="us-east-1",
            directory=Path(scratch) / "cluster",
            brokers=brokers,
            zones=("us-east-1a", "us-east-1b", "us-east-1c"),
            scram=True,
            iam=True,
            client_ca_pem=CertificateAuthority("bench clients").pem,
            server_properties={},
            authority_url=_NO_AUTHORITY,
            authority_token="none",  # noqa: S106 - nothing is authenticated
        )
        cluster = BrokerCluster(config, runtime)
        try:
            begun = time.monotonic()
            cluster.start()
            ready = time.monotonic() - begun
            resident = tuple(round(size / 1e6, 1) for size in cluster.resident_bytes().values())
        finally:
            stopping = time.monotonic()
            cluster.stop()
        return Measurement(brokers, round(ready, 2), round(time.monotonic() - stopping, 2), resident)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print one JSON document for each run."""
    parser = argparse.ArgumentParser(prog="bench", description="Time the start of bare brokers.")
    parser.add_argument("brokers", type=int, nargs="?", default=3)
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args(arguments)
    runtime = ensure_kafka_runtime(ConsoleProgress())
    for _ in range(options.runs):
        sys.stdout.write(json.dumps(asdict(measure(options.brokers, runtime))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
