"""How fast a bare worker starts, and how much memory it takes: the base line of `make bench`.

The worker gets a broker of its own, which is not part of what is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.embedded.brokers.cluster import BrokerCluster
from orchestrator.embedded.brokers.training import training_config
from orchestrator.embedded.connect_workers.training import training_user, training_workers
from orchestrator.embedded.connect_workers.workers import ConnectWorkers
from orchestrator.embedded.runtime import KafkaRuntime
from orchestrator.embedded.runtime.connect import ensure_connect_runtime
from orchestrator.files import private_dir
from orchestrator.paths import state_home
from orchestrator.progress import ConsoleProgress

#: Nobody asks: the worker uses SCRAM here.
_NO_AUTHORITY = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Measurement:
    """One start.

    Attributes:
        ready_s: seconds from the first file until the worker has joined its group and answers over REST.
        resident_mb: its resident memory then, in MB.
    """

    ready_s: float
    resident_mb: float


def measure(runtime: KafkaRuntime) -> Measurement:
    """Start one worker in a directory that is removed afterwards, and end it.

    Raises:
        EphkError: the broker or the worker did not start.
    """
    with tempfile.TemporaryDirectory(dir=private_dir(state_home()), prefix="bench-") as scratch:
        brokers = BrokerCluster(training_config(Path(scratch) / "cluster", _NO_AUTHORITY), runtime)
        try:
            brokers.start()
            password = training_user(brokers)
            workers = ConnectWorkers(training_workers(Path(scratch) / "workers", brokers, password), runtime)
            try:
                begun = time.monotonic()
                workers.start()
                ready = time.monotonic() - begun
                (resident,) = workers.resident_bytes().values()
            finally:
                workers.stop()
        finally:
            brokers.stop()
    return Measurement(round(ready, 2), round(resident / 1e6, 1))


def main(arguments: list[str] | None = None) -> int:
    """Measure and print one JSON document for each run."""
    parser = argparse.ArgumentParser(prog="bench", description="Time the start of a bare Connect worker.")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args(arguments)
    runtime = ensure_connect_runtime(ConsoleProgress())
    for _ in range(options.runs):
        sys.stdout.write(json.dumps(asdict(measure(runtime))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
