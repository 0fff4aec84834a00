"""What a mutation is: one misconfiguration of a ready environment, and the contracts that must find it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from contracts.model import Result

if TYPE_CHECKING:
    from tests.mutation.scene import Scene

#: What clients do with the cluster: slow, and of no concern to what only the control plane of another service shows.
CLIENTS = ("client.*", "clients.*", "streams.*", "production.*", "schema.*")
#: What disturbs the cluster or needs what this environment lacks; its own tests make these fail.
ELSEWHERE = ("production.broker.*", "production.partition.*", "schema.*", "connect.*", "clients.matrix.java-*")


@dataclass(frozen=True)
class Mutation:
    """One misconfiguration.

    Attributes:
        id: what `--only` selects.
        what: what was done wrong, in one clause.
        broken: does it with the cloud's API, the Admin API or a broker's files, and takes it back at its end.
        caught: ids (or patterns) of the contracts that name the risk. All of them must fail, and no other.
        blocked: patterns of what cannot be run meanwhile, needing what is broken: may be an `error`, never fails.
        leaves_out: patterns of contracts that are slow and cannot be concerned; everything else is run.
    """

    id: str
    what: str
    broken: Callable[[Scene], AbstractContextManager[object]]
    caught: tuple[str, ...]
    blocked: tuple[str, ...] = ()
    leaves_out: tuple[str, ...] = CLIENTS


@dataclass(frozen=True)
class Verdict:
    """What came of one mutation.

    Attributes:
        caught: the contracts that found it.
        missed: contracts that should have found it, with what they said instead.
        unexpected: contracts that failed, or could not be run, and are not concerned.
        blocked: how many could not be run, as was to be expected.
    """

    caught: tuple[str, ...]
    missed: Mapping[str, str]
    unexpected: Mapping[str, str]
    blocked: int

    @property
    def sound(self) -> bool:
        """Whether the right contracts found it and no other."""
        return bool(self.caught) and not self.missed and not self.unexpected


def matches(identifier: str, patterns: Iterable[str]) -> bool:
    """Tell whether an id is meant by one of the patterns."""
    return any(fnmatchcase(identifier, pattern) for pattern in patterns)


def judge(mutation: Mutation, results: Iterable[Result]) -> Verdict:
    """Judge the results of a run under a mutation; a pattern that means no contract at all is missed."""
    found = list(results)
    wanted = [result for result in found if matches(result.id, mutation.caught)]
    missed = {
        pattern: "no such contract"
        for pattern in mutation.caught
        if not any(matches(result.id, (pattern,)) for result in wanted)
    }
    missed |= {r.id: f"{r.status} {r.reason}".strip() for r in wanted if r.status != "failed"}
    others = [result for result in found if result not in wanted]
    blocked = [r for r in others if r.status == "error" and matches(r.id, mutation.blocked)]
    return Verdict(
        caught=tuple(r.id for r in wanted if r.status == "failed"),
        missed=missed,
        unexpected={
            r.id: f"{r.status}: {r.reason}" for r in others if r.status in ("failed", "error") and r not in blocked
        },
        blocked=len(blocked),
    )
