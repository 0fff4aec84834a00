"""`make bench`: ephk beside the bare brokers' and workers' own start, in one run on one machine.

A bare start is the same JVM with the same flags, archive and listeners: brokers until `list_topics` answers, a Connect
worker until it has joined its group and answers over REST. A connector's is the time from CreateConnector until the
control plane says RUNNING: worker, plugin, tasks, and the second and a half for which tasks must have been running.
Everything is warm: downloads and archives are there before the first measurement.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from orchestrator.embedded.brokers import bench
from orchestrator.embedded.connect_workers import bench as worker_bench
from orchestrator.embedded.runtime import ensure_kafka_runtime
from orchestrator.embedded.runtime.connect import ensure_connect_runtime
from orchestrator.processes import wait_until
from orchestrator.progress import ConsoleProgress
from tests.embedded.conftest import World, end_world, new_world
from tests.embedded.connect.conftest import connected_to

#: What the project aims at: ratio of `up` to the bare start, by number of brokers.
AIMS = {1: 2.5, 3: 2.0}
#: Seconds until a connector runs, and MB of its worker.
CONNECT_AIM_S, WORKER_AIM_MB = 6, 220


def spec(world: World, brokers: int) -> Path:
    """Write a spec with as many brokers, one in each zone."""
    file = world.home / f"bench-{brokers}.yaml"
    file.write_text(f"name: bench\nbrokers: {{count: {brokers}}}\nnetwork: {{zones: {min(3, brokers)}}}\n")
    return file


def timed(world: World, *arguments: str | Path) -> tuple[float, Any]:
    """Run one command and return its wall-clock seconds with its JSON document."""
    begun = time.perf_counter()
    done = world.must(*arguments, "--json")
    return time.perf_counter() - begun, done.json()


def resident_mb(world: World, main_class: str = "kafka.Kafka") -> list[float]:
    """Return the resident memory of each process of a world that runs a class, MiB."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if main_class in command and str(world.home) in command:
            found.append(process.memory_info().rss / 2**20)
    return found


def measure(brokers: int) -> dict[str, float]:
    """Measure one size once: bare start, up, verify, down, memory."""
    world = new_world("bench")
    try:
        bare = bench.measure(brokers, ensure_kafka_runtime(ConsoleProgress()))
        up, _ = timed(world, "up", spec(world, brokers))
        memory = resident_mb(world)
        verify, _ = timed(world, "verify", "bench")
        down, _ = timed(world, "down", "bench")
        wait_until(lambda: not world.state.exists(), deadline_s=10)
    finally:
        end_world(world)
    return {
        "bare": bare.ready_s, "up": up, "verify": verify, "down": down, "memory": max(memory, default=0.0)
    }  # fmt: skip


def measure_connect() -> dict[str, float]:
    """Measure a bare worker's start, and how long a connector takes to run in an environment that is up."""
    world = new_world("bench")
    try:
        bare = worker_bench.measure(ensure_connect_runtime(ConsoleProgress()))
        file = world.home / "bench-connect.yaml"
        file.write_text("name: bench\nbrokers: {count: 1}\nnetwork: {zones: 1}\nconnect: {canary: true}\n")
        lease = timed(world, "up", file)[1]
        connected = connected_to(world, lease)
        model = connected.live(connected.connector("canary-sink").arn)
        begun = time.perf_counter()
        arn = connected.connect.create_connector(**another_connector(model))["connectorArn"]
        connected.settle(arn, "RUNNING")
        ready = time.perf_counter() - begun
        memory = resident_mb(world, "ConnectDistributed")
    finally:
        end_world(world)
    return {"bare": bare.ready_s, "ready": ready, "memory": max(memory) * 2**20 / 1e6}


def another_connector(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return what CreateConnector takes for a second one like `model`, which DescribeConnector has shown."""
    same = ("capacity", "kafkaCluster", "kafkaClusterClientAuthentication", "kafkaClusterEncryptionInTransit")
    plugins = [
        {"customPlugin": {"customPluginArn": p["customPlugin"]["customPluginArn"], "revision": 1}}
        for p in model["plugins"]
    ]
    return {
        **{name: model[name] for name in same},
        "connectorName": f"{model['connectorName']}-2",  # the role may use groups that begin with its connector's name
        "connectorConfiguration": model["connectorConfiguration"],
        "kafkaConnectVersion": model["kafkaConnectVersion"],
        "plugins": plugins,
        "serviceExecutionRoleArn": model["serviceExecutionRoleArn"],
        "workerConfiguration": {
            "workerConfigurationArn": model["workerConfiguration"]["workerConfigurationArn"],
            "revision": model["workerConfiguration"]["revision"],
        },
    }


def medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each quantity."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def brokers_table(runs: int) -> Table:
    """Measure environments of each size."""
    table = Table(title=f"medians of {runs} runs", title_justify="left")
    columns = ("brokers", "bare start s", "up s", "up / bare", "aim", "verify s", "down s", "broker RSS MiB (largest)")
    for column in columns:
        table.add_column(column, justify="right")
    for brokers, aim in AIMS.items():
        middle = medians([measure(brokers) for _ in range(runs)])
        table.add_row(
            str(brokers),
            f"{middle['bare']:.1f}",
            f"{middle['up']:.1f}",
            f"{middle['up'] / middle['bare']:.2f}",
            f"<= {aim}",
            f"{middle['verify']:.1f}",
            f"{middle['down']:.1f}",
            f"{middle['memory']:.0f}",
        )
    return table


def connect_table(runs: int) -> Table:
    """Measure Kafka Connect."""
    table = Table(title=f"Kafka Connect, medians of {runs} runs", title_justify="left")
    for column in ("bare worker s", "connector RUNNING s", "aim", "ratio", "worker RSS MB (largest)", "aim "):
        table.add_column(column, justify="right")
    middle = medians([measure_connect() for _ in range(runs)])
    table.add_row(
        f"{middle['bare']:.1f}",
        f"{middle['ready']:.1f}",
        f"< {CONNECT_AIM_S}",
        f"{middle['ready'] / middle['bare']:.2f}",
        f"{middle['memory']:.0f}",
        f"< {WORKER_AIM_MB}",
    )
    return table


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="measurements of each size; medians are shown")
    parser.add_argument("--only", choices=["brokers", "connect"], help="one of the tables")
    options = parser.parse_args()
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
    if options.only != "connect":
        console.print(brokers_table(options.runs))
    if options.only != "brokers":
        console.print(connect_table(options.runs))


if __name__ == "__main__":
    main()
