"""The register of contracts: each is declared once, by a decorator beside its probe.

A contract that exists once in an environment is declared with `contract`. One that multiplies (per
principal, per topic) is declared with `family`: its pattern stands in the catalogue, and an expander
makes the members from the environment.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from contracts import needs as needs_module
from contracts.model import Contract, Layer, Probe, Vantage
from orchestrator.environment import Environment
from orchestrator.errors import UsageError

Expander = Callable[[Environment], Iterable[Contract]]

#: In the order of the catalogue; importing a module registers its contracts.
MODULES = (
    "contracts.certificates",
    "contracts.listeners",
    "contracts.ciphers",
    "contracts.authentication",
    "contracts.authorization",
    "contracts.drift",
    "contracts.clients.delivery",
    "contracts.clients.transactions",
    "contracts.clients.groups",
    "contracts.clients.matrix",
    "contracts.schemas.endpoint",
    "contracts.schemas.evolution",
    "contracts.schemas.serialization",
    "contracts.bucket",
    "contracts.bucket_settings",
    "contracts.network",
    "contracts.network_paths",
    "contracts.observability",
    "contracts.tags",
)


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue: a contract, or a family with its expander."""

    id: str
    title: str
    risk: str
    layers: tuple[Layer, ...]
    statement: str
    remediation: str
    documentation: str
    needs: tuple[str, ...]
    vantage: Vantage
    expand: Expander = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as `ephk contracts --json` shows it."""
        return {
            "id": self.id,
            "title": self.title,
            "risk": self.risk,
            "layers": list(self.layers),
            "statement": self.statement,
            "remediation": self.remediation,
            "documentation": self.documentation,
            "needs": list(self.needs),
            "vantage": self.vantage,
        }


class Registry:
    """Entries in the order of their registration, each id once."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def add(self, entry: Entry) -> None:
        """Register an entry; raises ValueError for a second one of that id or an unknown need."""
        if entry.id in self._entries:
            raise ValueError(f"contract {entry.id} is declared twice")
        if unknown := set(entry.needs) - needs_module.known():
            raise ValueError(f"contract {entry.id} needs {', '.join(sorted(unknown))}, which nothing defines")
        self._entries[entry.id] = entry

    def entries(self) -> tuple[Entry, ...]:
        """Return all entries in order."""
        return tuple(self._entries.values())

    def contract(
        self,
        id: str,  # noqa: A002 - the word of the vocabulary
        *,
        title: str,
        risk: str,
        statement: str,
        remediation: str,
        documentation: str,
        needs: tuple[str, ...] = (),
        layers: tuple[Layer, ...] = ("local", "cloud"),
        vantage: Vantage = "this machine",
    ) -> Callable[[Probe], Probe]:
        """Declare the decorated probe as the contract `id`."""

        def register(probe: Probe) -> Probe:
            member = Contract(id, title, risk, layers, statement, remediation, documentation, needs, vantage, probe)
            self.add(
                Entry(
                    id, title, risk, layers, statement, remediation, documentation, needs, vantage,
                    lambda _environment: (member,),
                )
            )  # fmt: skip
            return probe

        return register

    def family(
        self,
        pattern: str,
        *,
        title: str,
        risk: str,
        statement: str,
        remediation: str,
        documentation: str,
        needs: tuple[str, ...] = (),
        layers: tuple[Layer, ...] = ("local", "cloud"),
        vantage: Vantage = "this machine",
        deadline_s: float | None = None,
    ) -> Callable[[Callable[[Environment], Iterable[Member]]], Callable[[Environment], Iterable[Member]]]:
        """Declare a family; the decorated function yields its members for one environment."""

        def register(
            members: Callable[[Environment], Iterable[Member]],
        ) -> Callable[[Environment], Iterable[Member]]:
            def expand(environment: Environment) -> Iterable[Contract]:
                for member in members(environment):
                    yield Contract(
                        member.id, member.title or title, risk, layers, member.statement, remediation,
                        documentation, needs, vantage, member.probe, deadline_s,
                    )  # fmt: skip

            self.add(Entry(pattern, title, risk, layers, statement, remediation, documentation, needs, vantage, expand))
            return members

        return register


@dataclass(frozen=True)
class Member:
    """One member of a family: its own id, statement and probe."""

    id: str
    statement: str
    probe: Probe = field(repr=False, compare=False)
    title: str = ""


REGISTRY = Registry()
contract = REGISTRY.contract
family = REGISTRY.family


@functools.cache
def load() -> Registry:
    """Import every module of contracts and return the filled register."""
    for module in MODULES:
        importlib.import_module(module)
    return REGISTRY


def catalogue() -> list[dict[str, Any]]:
    """Return every contract and family as plain data: id, title, risk, layers, statement and the rest."""
    return [entry.as_dict() for entry in load().entries()]


def contracts_for(
    environment: Environment, select: Sequence[str] = (), registry: Registry | None = None
) -> list[Contract]:
    """Return the contracts of an environment, in the order of the catalogue.

    Args:
        environment: what the families expand from.
        select: patterns of ids as in file names (`acl.*`, `listener.tls.?ersion`); empty means all.
        registry: another register than the product's own.

    Raises:
        UsageError: a pattern selects nothing.
    """
    everything = [member for entry in (registry or load()).entries() for member in entry.expand(environment)]
    if not select:
        return everything
    for pattern in select:
        if not any(fnmatchcase(member.id, pattern) for member in everything):
            raise UsageError(
                f"no contract of this environment matches {pattern!r}",
                next_step="`ephk contracts` lists the ids; patterns such as 'acl.*' are understood.",
            )
    return [member for member in everything if any(fnmatchcase(member.id, pattern) for pattern in select)]
