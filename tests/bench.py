"""`make bench`: ephk beside the bare brokers' own start, in one run on one machine; ratios, never absolute limits.

The bare start is the same JVM with the same flags, archive and listeners until `list_topics` answers. Everything is
warm: downloads and archives are there before the first measurement.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from orchestrator.embedded.brokers import bench
from orchestrator.embedded.runtime import ensure_kafka_runtime
from orchestrator.processes import wait_until
from orchestrator.progress import ConsoleProgress
from tests.embedded.conftest import World, end_world, new_world

#: What the project aims at: ratio of `up` to the bare start, by number of brokers.
AIMS = {1: 2.5, 3: 2.0}


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


def resident_mb(world: World) -> list[float]:
    """Return the resident memory of each broker of a world, MiB."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if "kafka.Kafka" in command and str(world.home) in command:
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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="measurements of each size; medians are shown")
    options = parser.parse_args()
    table = Table(title=f"medians of {options.runs} runs", title_justify="left")
    columns = ("brokers", "bare start s", "up s", "up / bare", "aim", "verify s", "down s", "broker RSS MiB (largest)")
    for column in columns:
        table.add_column(column, justify="right")
    for brokers, aim in AIMS.items():
        runs = [measure(brokers) for _ in range(options.runs)]
        middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
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
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    main()
