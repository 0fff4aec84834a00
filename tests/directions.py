"""Which test shows a contract `verified`, and which shows it `failed` by a real misconfiguration.

Contracts on a plan are not here: tests/unit/terraform/test_plan_contracts.py has a mistake for each of them.

`python -m tests.directions` prints the table. It is derived from what there is: the mutations' declarations, and tests
below `tests/embedded` that name a contract's id and the status. A test that names patterns, or computes its ids, says
what it shows by a marker, and `tests/embedded/conftest.py` sees to it that it has really seen that status:

    @pytest.mark.verifies("listener.*")
    @pytest.mark.fails("topic.<topic>.as-declared")
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from contracts.catalogue import load
from contracts.registry import Entry
from contracts.selection import as_pattern
from tests.mutation.catalogue import MUTATIONS
from tests.mutation.declared import declared_environment

Status = Literal["verified", "failed"]
REPOSITORY = Path(__file__).parents[1]
#: Names of tests that say that something fails.
_FAILING = re.compile(r"_fails?(_|$)|_caught(_|$)")
MARKERS: dict[str, Status] = {"verifies": "verified", "fails": "failed"}

#: Contracts on what Kafka itself does: no setting of a sound broker makes them fail. Their judgement is shown to fail.
JUDGED_ALONE = {
    "auth.scram.wrong-password.refused": "no setting makes a SCRAM listener take a wrong password",
    "auth.iam.forged.refused": "no setting turns the check of signatures off",
    "auth.iam.reauthentication": "no setting lets a connection go on as another principal (KIP-368)",
    "client.delivery": "no setting makes a sound broker lose or double an acknowledged record",
    "client.message-size": "the probe sets the limit on a topic of its own",
    "client.transactions.isolation": "isolation is the client's own work on what the broker marks",
    "client.transactions.fencing": "a sound coordinator always fences",
    "client.group.<protocol>.resumes": "a sound coordinator keeps what was committed",
    "production.offsets.recovery": "the probe makes and restores offsets of its own",
    "production.broker.reboot": "it fails by loss, or by a stall above its limit",
    "production.broker.killed": "it fails by loss, or by a stall above its limit",
    "production.broker.added": "it fails by loss, or by a stall above its limit",
    "production.configuration.rollback": "it fails by loss, or by a stall above its limit",
    "production.partition.move": "it fails by loss, or by a stall above its limit",
    "observability.metrics.arrive": "the embedded cloud has no metrics of brokers, and says so",
}

#: What takes too long for a test, or needs more than this machine has.
BY_HAND = {
    "production.broker.reboot": "make resilience",
    "production.configuration.rollback": "make resilience",
    "observability.metrics.arrive": "an environment on AWS alone",
}


@dataclass
class Shown:
    """Where a contract's two directions are shown."""

    verified: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def entries_of(pattern: str) -> list[Entry]:
    """Return the entries of the catalogue that an id, a member's id or a pattern of either means."""
    found = [e for e in load().entries() if e.id == pattern or fnmatchcase(e.id, pattern)]
    found += [e for e in load().entries() if "<" in e.id and fnmatchcase(pattern, as_pattern(e.id))]
    ids = _members()
    found += [entry for identifier, entry in ids.items() if fnmatchcase(identifier, pattern)]
    return list(dict.fromkeys(found))


@functools.cache
def _members() -> dict[str, Entry]:
    environment = declared_environment()
    return {member.id: entry for entry in load().entries() for member in entry.expand(environment)}


def shown() -> dict[str, Shown]:
    """Return where each contract's directions are shown, by the id of the catalogue, in its order."""
    found: dict[str, Shown] = {entry.id: Shown() for entry in load().entries() if entry.subject == "environment"}
    for mutation in MUTATIONS:
        for pattern in mutation.caught:
            for entry in entries_of(pattern):
                found[entry.id].failed.append(f"mutation {mutation.id}")
                # The environment is verified before it is broken, and again afterwards.
                found[entry.id].verified.append(f"mutation {mutation.id}")
    for identifier, command in BY_HAND.items():
        found[identifier].verified.append(command)
    for place, pattern, status in in_tests():
        for entry in entries_of(pattern):
            if entry.id not in found:
                continue
            (found[entry.id].verified if status == "verified" else found[entry.id].failed).append(place)
    for both in found.values():
        both.verified, both.failed = list(dict.fromkeys(both.verified)), list(dict.fromkeys(both.failed))
    return found


def in_tests() -> Iterator[tuple[str, str, Status]]:
    """Yield (file::test, pattern of ids, status) of the tests below tests/embedded."""
    for path in sorted((REPOSITORY / "tests" / "embedded").rglob("test_*.py")):
        place = path.relative_to(REPOSITORY / "tests").as_posix()
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                for pattern, status in _of_function(function):
                    yield f"{place}::{function.name}", pattern, status


def _of_function(function: ast.FunctionDef) -> Iterator[tuple[str, Status]]:
    marked = dict.fromkeys(_marked(function))
    yield from marked
    if marked:
        return
    words = _words(function)
    names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    failed = "failed" in words or "failed" in names or bool(_FAILING.search(function.name))
    verified = "verified" in words
    for pattern in filter(_means_contracts, words):
        # Of a pattern's contracts some may fail and others not, where a test speaks of both.
        one = not set(pattern) & set("*?[")
        if failed and (one or not verified):
            yield pattern, "failed"
        if verified and (one or not failed):
            yield pattern, "verified"


def _marked(function: ast.FunctionDef) -> Iterator[tuple[str, Status]]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
            status = MARKERS.get(decorator.func.attr)
            if status is not None:
                yield from ((str(argument.value), status) for argument in decorator.args if _is_text(argument))


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _words(function: ast.FunctionDef) -> list[str]:
    return [n.value for n in ast.walk(function) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def _means_contracts(word: str) -> bool:
    """Tell whether a text is a contract's id or a pattern of some, but not one of everything."""
    return "." in word and " " not in word and not word.startswith("*") and bool(entries_of(word))


def gaps() -> dict[str, str]:
    """Return the contracts that lack a direction, with what is missing."""
    found = {}
    for identifier, where in shown().items():
        missing = [] if where.verified else ["no test shows it verified"]
        if not where.failed and identifier not in JUDGED_ALONE:
            missing.append("no test and no mutation shows it failed by a real misconfiguration")
        if missing:
            found[identifier] = "; ".join(missing)
    return found


def table() -> Table:
    """Return where each contract is shown in both directions."""
    found = Table(title=f"{len(shown())} contracts", title_justify="left")
    for column in ("contract", "shown verified by", "shown failed by"):
        found.add_column(column, overflow="fold")
    for identifier, where in shown().items():
        failed = _cell(where.failed) or f"its judgement alone: {JUDGED_ALONE.get(identifier, 'nothing')}"
        found.add_row(identifier, _cell(where.verified), failed)
    return found


def _cell(names: Iterable[str], most: int = 3) -> str:
    listed = sorted(names, key=lambda name: name.startswith("mutation"))
    more = [f"and {len(listed) - most} more"] if len(listed) > most else []
    return "\n".join([*listed[:most], *more])


def main() -> int:
    """Print the table, and what is missing; returns the exit status: 0 when nothing is."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table(), markup=False)
    missing = gaps()
    for identifier, what in missing.items():
        console.print(f"{identifier}: {what}", markup=False)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
