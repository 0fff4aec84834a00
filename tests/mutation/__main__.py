"""`python -m tests.mutation`: break a real three-broker environment in every declared way, and see who finds it.

Each misconfiguration is put in place, the catalogue is run, exactly the declared contracts must fail, and it is taken
back. Between them the environment must be verified throughout.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from rich.console import Console
from rich.table import Table

from orchestrator.environment import Environment
from tests.embedded.conftest import REPOSITORY, World, end_world, new_world
from tests.mutation.catalogue import MUTATIONS
from tests.mutation.model import ELSEWHERE, Mutation, Verdict, judge
from tests.mutation.scene import Scene

#: After so many mutations the whole catalogue must be verified again.
CLEAN_EVERY = 12


@dataclass(frozen=True)
class Done:
    """One mutation that was tried."""

    mutation: Mutation
    verdict: Verdict
    seconds: float
    undone: bool
    crash: str = ""

    @property
    def sound(self) -> bool:
        """Whether it was found by the right contracts, and is gone."""
        return self.verdict.sound and self.undone and not self.crash


def tried(scene: Scene, mutation: Mutation) -> Done:
    """Try one mutation; one that cannot be made or taken back does not keep the others from being tried."""
    begun = time.monotonic()
    try:
        return perform(scene, mutation)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and whether all is well is looked at
        nothing = Verdict((), {}, {}, 0)
        words = f"{type(error).__name__}: {error}"
        return Done(mutation, nothing, time.monotonic() - begun, scene.settled(mutation.caught, "verified"), words)


def perform(scene: Scene, mutation: Mutation) -> Done:
    """Try one mutation.

    Raises:
        Exception: it could not be made or taken back.
    """
    begun = time.monotonic()
    with mutation.broken(scene):
        # Brokers and services take a moment; the whole catalogue is run once, when there is something to be found.
        scene.settled(mutation.caught, "failed")
        verdict = judge(mutation, scene.verify(leave_out=(*mutation.leaves_out, *ELSEWHERE)))
    undone = scene.settled(mutation.caught, "verified")
    return Done(mutation, verdict, time.monotonic() - begun, undone)


def clean(scene: Scene) -> dict[str, str]:
    """Run the whole catalogue; return what is not as it was at the beginning."""
    results = scene.verify(leave_out=ELSEWHERE)
    return {r.id: f"{r.status}: {r.reason}" for r in results if r.status in ("failed", "error")}


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tell(done: Done) -> None:
    """Print one mutation's line, and what is wrong with it."""
    word = "ok  " if done.sound else "BAD "
    say(f"{word}{done.seconds:6.1f} s  {done.mutation.id}: {len(done.verdict.caught)} caught it")
    for name, reason in done.verdict.missed.items():
        say(f"       missed by {name}: {reason[:300]}")
    for name, reason in done.verdict.unexpected.items():
        say(f"       unexpected {name}: {reason[:300]}")
    if done.crash:
        say(f"       {done.crash}")
    if not done.undone:
        say("       it could not be taken back")


def table(all_done: Sequence[Done]) -> Table:
    """Return the table of all mutations."""
    found = Table(title=f"{len(all_done)} misconfigurations", title_justify="left")
    for column in ("mutation", "what was done", "caught by", "unexpected"):
        found.add_column(column, overflow="fold")
    found.add_column("s", justify="right")
    for done in all_done:
        missed = [f"MISSED by {name}" for name in done.verdict.missed]
        found.add_row(
            done.mutation.id,
            done.mutation.what,
            "\n".join([*short(done.verdict.caught), *missed]),
            "\n".join(done.verdict.unexpected) or "none",
            f"{done.seconds:.0f}",
        )
    return found


def short(names: Sequence[str], most: int = 3) -> list[str]:
    """Return the first names, and how many more there are."""
    return [*names[:most], *([f"and {len(names) - most} more"] if len(names) > most else [])]


def chosen(patterns: Sequence[str]) -> list[Mutation]:
    """Return the mutations that are meant; all when nothing is asked for."""
    return [m for m in MUTATIONS if not patterns or any(fnmatchcase(m.id, pattern) for pattern in patterns)]


def main() -> int:
    """Try all mutations; returns the exit status: 0 when each was found by the right contracts alone."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--only", action="append", default=[], help="this mutation alone (pattern); may be repeated")
    parser.add_argument("--list", action="store_true", help="list the mutations and what must find them")
    parser.add_argument("--environment", metavar="NAME", help="an environment that is ready, instead of a new one")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what is broken is taken back then, too
    mutations = chosen(options.only)
    if options.list:
        for mutation in mutations:
            say(f"{mutation.id}: {mutation.what} -> {', '.join(mutation.caught)}")
        return 0
    if not mutations:
        parser.error("no mutation matches")
    if options.environment:
        return run(World(Path(os.environ["XDG_STATE_HOME"])), options.environment, mutations)
    world = new_world("mutation")
    try:
        say("a three-broker environment: examples/orders.yaml")
        world.must("up", REPOSITORY / "examples" / "orders.yaml", "--ttl", "4h", timeout_s=600)
        return run(world, "orders", mutations)
    finally:
        end_world(world)


def run(world: World, name: str, mutations: Sequence[Mutation]) -> int:
    """Try mutations on a ready environment."""
    lease = world.must("show", name, "--json").json()
    scene = Scene(world, Environment.model_validate(lease["environment"]))
    begun, all_done, dirty = time.monotonic(), [], clean(scene)
    try:
        for number, mutation in enumerate(mutations, start=1):
            if dirty:
                break
            done = tried(scene, mutation)
            all_done.append(done)
            tell(done)
            if number % CLEAN_EVERY == 0 or number == len(mutations) or done.crash or not done.undone:
                dirty = clean(scene)
    finally:
        scene.close()
    Console(width=None if sys.stdout.isatty() else 160).print(table(all_done))
    for contract, reason in dirty.items():
        say(f"not verified without a mutation: {contract} {reason[:300]}")
    bad = [done.mutation.id for done in all_done if not done.sound]
    count = f"{len(all_done)} of {len(mutations)} tried, {len(all_done) - len(bad)} caught by the right contracts alone"
    say(f"{count}, {time.monotonic() - begun:.0f} s")
    if bad:
        say(f"again with: python -m tests.mutation {' '.join(f'--only {name}' for name in bad)}")
    return 1 if bad or dirty else 0


if __name__ == "__main__":
    sys.exit(main())
