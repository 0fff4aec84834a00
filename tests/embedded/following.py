"""Reading what a command prints until it says what is waited for."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping, Sequence

from orchestrator.processes import wait_until


def output_until(
    wanted: str, command: Sequence[str], *, env: Mapping[str, str] | None = None, deadline_s: float = 120
) -> str:
    """Run a command that does not end by itself until it prints `wanted`, ends or takes too long; return its output."""
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lines.extend, args=(iter(process.stdout),), daemon=True)
    reader.start()
    try:
        wait_until(
            lambda: any(wanted in line for line in list(lines)) or process.poll() is not None, deadline_s=deadline_s
        )
    finally:
        process.terminate()
        process.wait(60)
        reader.join(60)
        process.stdout.close()
    return "".join(lines)
