"""The register of contracts: each is declared once, by a decorator beside its probe.

A contract that exists once in an environment is declared with `contract`. One that multiplies (per
principal, per topic) is declared with `family`: its pattern stands in the catalogue, and an expander
makes the members from the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from contracts import needs as needs_module
from contracts.applicability import NotOn
from contracts.model import Contract, Layer, Probe, Vantage
from orchestrator.environment import Environment

Expander = Callable[[Environment], Iterable[Contract]]
#: What a contract is about. One about a plan is run by `ephk check terraform`, never on an environment.
Subject = Literal["environment", "terraform plan"]
_OF_A_PLAN = "it is about a plan of Terraform (ephk check terraform PLAN.json), not about an environment"


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
    not_on: NotOn | None = None
    module: str = field(default="", repr=False)
    disruptive: bool = False
    subject: Subject = "environment"

    def inapplicable(self, environment: Environment) -> str:
        """Return why the contract means nothing for an environment, or an empty text when it does mean something.

        Two declared predicates decide, and never a probe: flavours that lack what it is about (`not_on`), and parts
        that the environment's spec does not declare (`contracts.needs`). A contract on a plan is about no environment.
        """
        if self.subject != "environment":
            return _OF_A_PLAN
        by_flavour = self.not_on.reason(environment) if self.not_on else ""
        return by_flavour or needs_module.undeclared(environment, self.needs)

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
            "subject": self.subject,
            "disruptive": self.disruptive,
            "not_applicable_on": self.not_on.as_dict() if self.not_on else None,
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

    def arrange(self, modules: Sequence[str]) -> None:
        """Put entries in the order of their modules: whichever was imported first, the catalogue stays the same."""
        places = {module: place for place, module in enumerate(modules)}
        ordered = sorted(self._entries.values(), key=lambda entry: places.get(entry.module, len(places)))
        self._entries = {entry.id: entry for entry in ordered}

    def extended(self) -> Registry:
        """Return a register with the same entries, to which others can be added."""
        copy = Registry()
        copy._entries = dict(self._entries)
        return copy

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
        not_on: NotOn | None = None,
        deadline_s: float | None = None,
        disruptive: bool = False,
        slow: bool = False,
    ) -> Callable[[Probe], Probe]:
        """Declare the decorated probe as the contract `id`.

        Args:
            id: dotted name, stable.
            title: see `contracts.model.Contract`, as for the others that are not named here.
            risk: likewise.
            statement: likewise.
            remediation: likewise.
            documentation: likewise.
            needs: likewise.
            layers: likewise.
            vantage: likewise.
            not_on: the flavours for which the contract means nothing; it is not run there.
            deadline_s: seconds for the probe, when the run's are not enough.
            disruptive: the probe disturbs the cluster; see `contracts.model.Contract`.
            slow: it begins first; see there.
        """

        def register(probe: Probe) -> Probe:
            member = Contract(
                id, title, risk, layers, statement, remediation, documentation, needs, vantage, probe, deadline_s,
                disruptive, slow,
            )  # fmt: skip
            self.add(
                Entry(
                    id, title, risk, layers, statement, remediation, documentation, needs, vantage,
                    lambda _environment: (member,), not_on, probe.__module__, disruptive,
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
        not_on: NotOn | None = None,
        deadline_s: float | None = None,
        slow: bool = False,
    ) -> Callable[[Callable[[Environment], Iterable[Member]]], Callable[[Environment], Iterable[Member]]]:
        """Declare a family (see `contract`); the decorated function yields its members for one environment."""

        def register(
            members: Callable[[Environment], Iterable[Member]],
        ) -> Callable[[Environment], Iterable[Member]]:
            def expand(environment: Environment) -> Iterable[Contract]:
                for member in members(environment):
                    yield Contract(
                        member.id, member.title or title, risk, layers, member.statement, remediation,
                        documentation, needs, vantage, member.probe, deadline_s, slow=slow,
                    )  # fmt: skip

            self.add(
                Entry(
                    pattern, title, risk, layers, statement, remediation, documentation, needs, vantage, expand,
                    not_on, members.__module__,
                )
            )  # fmt: skip
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
