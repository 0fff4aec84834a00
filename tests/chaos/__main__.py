"""`python -m tests.chaos RUNS SEED`: kill things at random moments, let the reaper run, and look for leaks.

Each run interrupts one command with SIGKILL while the cloud misbehaves; then the lease's time is over, the reaper runs,
and the cloud's own memory must be as it was before, with no broker left. A run is made again by its number and seed.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import ExitCode
from orchestrator.processes import wait_until
from tests.chaos.plan import Command, Run, plan
from tests.chaos.world import ChaosWorld

#: Seconds for the reaper, which comes back after 5, 10, 20 seconds to what it could not remove.
_REAPER_S = 120.0
_COMMAND_S = 150.0
#: How each command is called.
_ARGUMENTS: dict[Command, tuple[str, ...]] = {
    "up": ("up", "SPEC", "--name", "{name}"),
    "verify": ("verify", "{name}"),
    "down": ("down", "{name}"),
}
#: Seconds that each command takes undisturbed.
Spans = dict[Command, float]
#: Seconds for what the cloud takes away by itself (clusters in DELETING, interfaces that linger).
_CLOUD_S = 20.0


@dataclass
class Tally:
    """What came of all runs."""

    runs: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    leaks: int = 0
    failed: list[Run] = field(default_factory=list)


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def calibrate(world: ChaosWorld) -> Spans:
    """Run each command undisturbed, so that the kills are spread over all of it on a machine of whatever speed.

    Raises:
        RuntimeError: it did not go well, or left something: no run would mean anything.
    """
    spans: Spans = {command: _undisturbed(world, command) for command in _ARGUMENTS}
    if wrong := _wrong(world):
        raise RuntimeError(f"undisturbed commands left something: {wrong}")
    return spans


def _undisturbed(world: ChaosWorld, command: Command) -> float:
    """Return how many seconds a command takes."""
    process = world.start(*_words(command, "calibration"), log="calibration")
    begun = time.monotonic()
    if command == "up":
        wait_until(lambda: world.leases() or process.poll() is not None, deadline_s=_COMMAND_S)
        begun = time.monotonic()
    wait_until(lambda: process.poll() is not None, deadline_s=_COMMAND_S)
    # What a contract found on a busy machine is not this suite's business; whatever ended otherwise is.
    if process.poll() not in (0, ExitCode.CONTRACT_FAILED):
        raise RuntimeError(f"an undisturbed '{command}' ended with {process.returncode}: see {world.logs}")
    return time.monotonic() - begun


def _words(command: Command, name: str) -> list[str]:
    return [word.format(name=name) for word in _ARGUMENTS[command]]


def perform(world: ChaosWorld, run: Run, spans: Spans) -> tuple[bool, list[str]]:
    """Make one run.

    Args:
        world: where.
        run: what happens.
        spans: how long each command takes, see `calibrate`.

    Returns:
        Whether somebody was there to be killed, and what is wrong afterwards (nothing, it is hoped).
    """
    log, name = f"run-{run.number:03d}", f"chaos-{run.number}"
    world.quiet()
    if run.command != "up":
        world.run("up", "SPEC", "--name", name, log=log)
    world.rehearse(run.scenario())
    command = world.start(*_words(run.command, name), log=log)
    killed = _kill_at(world, run, command, spans[run.command])
    wait_until(lambda: command.poll() is not None, deadline_s=_COMMAND_S)
    command.wait(1)
    world.expire()
    if run.victim == "reaper":
        wait_until(lambda: not world.leases(), deadline_s=run.reaper_moment * spans["down"])
        killed = world.kill("reaper", command)
    # Nobody does anything from here on but the reaper's own process, which the cloud starts again when it is killed.
    wait_until(lambda: not world.leases(), deadline_s=_REAPER_S, poll_s=0.2)
    world.quiet()
    return killed, _wrong(world)


def _kill_at(world: ChaosWorld, run: Run, command: subprocess.Popen[bytes], span_s: float) -> bool:
    """Kill the victim (for the reaper: the command, so that it has work) at the run's moment."""
    victim = "cli" if run.victim == "reaper" else run.victim
    # Before there is a lease nothing can leak, and a busy machine takes seconds to get there.
    wait_until(lambda: world.leases() or command.poll() is not None, deadline_s=_COMMAND_S)
    if wait_until(lambda: command.poll() is not None, deadline_s=run.moment * span_s):
        return False  # it was done before
    # An engine or a plugin that has not begun yet is waited for, so that the kill finds one.
    wait_until(lambda: world.kill(victim, command) or command.poll() is not None, deadline_s=_COMMAND_S)
    return command.poll() in (None, -9) or victim != "cli"


def _wrong(world: ChaosWorld) -> list[str]:
    wait_until(lambda: not world.left(), deadline_s=_CLOUD_S, poll_s=0.5)
    wrong = [f"in the cloud's memory: {path}" for path in world.left()]
    if not world.gone():
        wrong += [f"process {pid}: {command}" for pid, command in world.strays().items()]
    wrong += [f"lease {path.parent.name}" for path in world.leases()]
    return wrong


def main() -> int:
    """Make all runs; returns the exit status: 0 without a leak."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, action="append", help="make this run alone (its number); may be repeated")
    parser.add_argument("--logs", type=Path, help="where logs go; they stay only when a run fails")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the world is closed then, too
    logs = options.logs or Path(tempfile.mkdtemp(prefix="ephk-chaos-logs-"))
    numbers = options.only if options.only else range(options.runs)
    tally, begun = Tally(), time.monotonic()
    world = ChaosWorld(logs)
    try:
        spans = calibrate(world)
        say("undisturbed: " + ", ".join(f"{command} {seconds:.1f} s" for command, seconds in spans.items()))
        for number in numbers:
            run = plan(options.seed, number)
            started = time.monotonic()
            killed, wrong = perform(world, run, spans)
            tally.runs += 1
            tally.kills[f"{run.command}/{run.victim}" if killed else "nobody there"] += 1
            say(f"{number:4d} {time.monotonic() - started:5.1f} s  {'LEAK' if wrong else 'ok  '} {run}")
            if wrong:
                tally.leaks += len(wrong)
                tally.failed.append(run)
                for line in wrong:
                    say(f"       {line}")
                shutil.copytree(world.state, logs / f"run-{number:03d}-state", dirs_exist_ok=True, ignore=_sockets)
                tally.faults += world.injected()
                world.close()
                world = ChaosWorld(logs)  # what leaked must not be counted again
        tally.faults += world.injected()
    finally:
        world.close()
    seconds = time.monotonic() - begun
    say(f"\nruns {tally.runs}, faults injected {tally.faults}, leaks {tally.leaks}, seed {options.seed}")
    say(f"killed: {', '.join(f'{who} {count}' for who, count in sorted(tally.kills.items()))}")
    say(f"{seconds:.0f} s, {seconds / max(1, tally.runs):.1f} s a run")
    for run in tally.failed:
        say(f"again with: python -m tests.chaos --seed {options.seed} --only {run.number}   # {run}")
    if tally.failed:
        say(f"logs: {logs}")
        return 1
    shutil.rmtree(logs, ignore_errors=True)
    return 0


def _sockets(directory: str, names: list[str]) -> list[str]:
    return [name for name in names if not (Path(directory) / name).is_file() and not (Path(directory) / name).is_dir()]


if __name__ == "__main__":
    sys.exit(main())
