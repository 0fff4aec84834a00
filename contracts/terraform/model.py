"""How a contract on a plan is declared, and how its probe gathers what it finds of each resource.

A probe looks at values alone, so it needs neither clients nor a deadline: it takes the plan and a `Verdict`. What is
known only after apply is never fine: one such resource makes the whole contract `not_covered`, unless another fails.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.model import Failed, NotCovered, Outcome, Verified
from contracts.registry import REGISTRY, Entry
from orchestrator.terraform.plan import Plan
from orchestrator.terraform.resource import PlannedResource, SensitiveValue, UnknownValue

_SHOWN = 5
_AFTER_APPLY = "is known only after apply"


@dataclass(frozen=True)
class Options:
    """What a team asks of its plans beside the contracts' own statements.

    Attributes:
        tags: names of tags that everything must carry.
    """

    tags: tuple[str, ...] = ()


@dataclass
class Verdict:
    """What one contract found, by address.

    Attributes:
        options: what the team asks for.
        held: what was seen where the statement holds.
        failed: what is wrong.
        unknown: what could not be known.
        accepted: what is wrong and agreed to, with the reason; filled in by who runs the contract.
    """

    options: Options = field(default_factory=Options)
    held: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    accepted: dict[str, str] = field(default_factory=dict)

    def holds(self, at: PlannedResource | str, seen: str) -> None:
        """Note that the statement holds of a resource, and what was seen."""
        _note(self.held, at, seen)

    def fails(self, at: PlannedResource | str, problem: str) -> None:
        """Note what is wrong with a resource."""
        _note(self.failed, at, problem)

    def not_known(self, at: PlannedResource | str, what: str) -> None:
        """Note what cannot be known of a resource, as a clause."""
        _note(self.unknown, at, what)

    def known(self, at: PlannedResource, path: str, default: object = None) -> Any:
        """Return an attribute's value; one that is unknown or sensitive is noted, and comes back as such.

        Test the answer with `is_known`.
        """
        value = at.get(path, default)
        if isinstance(value, UnknownValue):
            self.not_known(at, f"{path} {_AFTER_APPLY}")
        elif isinstance(value, SensitiveValue):
            self.not_known(at, f"{path} is marked as sensitive, so it is not read")
        return value

    def expect(self, at: PlannedResource, path: str, wanted: Collection[object], default: object = None) -> None:
        """Demand that an attribute has one of the values that are wanted.

        Args:
            at: the resource.
            path: the attribute.
            wanted: the values that are fine; only attributes whose values are no secrets may be asked for.
            default: what AWS does where nothing is set.
        """
        value = self.known(at, path, default)
        if not is_known(value):
            return
        if value in wanted:
            self.holds(at, f"{path.rpartition('.')[2]} {_shown(value)}")
        elif value is None:
            self.fails(at, f"{path} is not set")
        else:
            self.fails(at, f"{path} is {_shown(value)}")

    def outcome(self) -> Outcome:
        """Return what all of it comes to: one failure fails it, one unknown keeps it from being verified."""
        if self.failed:
            evidence: dict[str, Any] = dict(self.failed)
            if self.unknown:
                evidence["not covered"] = [f"{address}: {what}" for address, what in self.unknown.items()]
            return Failed(_sentence(self.failed), evidence | self._agreed())
        if self.unknown:
            return NotCovered(_sentence(self.unknown))
        if self.accepted:
            # Agreed to is not the same as true: nothing is verified, and nothing fails.
            return NotCovered(f"accepted: {_sentence(self.accepted)}")
        if self.held:
            return Verified(dict(self.held))
        return NotCovered("the plan has nothing of what the contract is about")

    def _agreed(self) -> dict[str, Any]:
        return {"accepted": [f"{at}: {why}" for at, why in self.accepted.items()]} if self.accepted else {}


def is_known(value: object) -> bool:
    """Tell whether a value can be judged."""
    return not isinstance(value, UnknownValue | SensitiveValue)


def _note(notes: dict[str, str], at: PlannedResource | str, text: str) -> None:
    address = at if isinstance(at, str) else at.address
    notes[address] = f"{notes[address]}; {text}" if address in notes and text not in notes[address] else text


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sentence(notes: dict[str, str]) -> str:
    told = [f"{address}: {text}" for address, text in list(notes.items())[:_SHOWN]]
    more = [f"and {len(notes) - _SHOWN} more"] if len(notes) > _SHOWN else []
    return "; ".join([*told, *more])


PlanProbe = Callable[[Plan, Verdict], None]


@dataclass(frozen=True)
class PlanContract:
    """One contract on a plan.

    Attributes:
        entry: its line of the catalogue.
        types: resource types without which it means nothing; empty for one that any plan can break.
        applies: tells whether a plan or the options give it something to look at, and if not, why.
        probe: looks.
    """

    entry: Entry
    types: tuple[str, ...]
    probe: PlanProbe = field(repr=False, compare=False)
    applies: Callable[[Plan, Options], str] = field(repr=False, compare=False)

    def inapplicable(self, plan: Plan, options: Options) -> str:
        """Return why the contract means nothing for a plan, or an empty text."""
        if self.types and not plan.of(*self.types):
            return f"the plan has no {' and no '.join(self.types)}"
        return self.applies(plan, options)


PLAN_CONTRACTS: dict[str, PlanContract] = {}


def plan_contract(
    id: str,  # noqa: A002 - the word of the vocabulary
    *,
    title: str,
    risk: str,
    statement: str,
    remediation: str,
    documentation: str,
    types: Sequence[str] = (),
    applies: Callable[[Plan, Options], str] = lambda _plan, _options: "",
) -> Callable[[PlanProbe], PlanProbe]:
    """Declare the decorated probe as a contract on a plan.

    Args:
        id: dotted name, stable.
        title: see `contracts.model.Contract`, as for the others that are not named here.
        risk: likewise.
        statement: likewise.
        remediation: likewise.
        documentation: likewise.
        types: see `PlanContract`.
        applies: likewise; returns why it means nothing, or an empty text.
    """

    def register(probe: PlanProbe) -> PlanProbe:
        entry = Entry(
            id, title, risk, ("cloud",), statement, remediation, documentation, (), "static analysis",
            lambda _environment: (), module=probe.__module__, subject="terraform plan",
        )  # fmt: skip
        REGISTRY.add(entry)
        PLAN_CONTRACTS[id] = PlanContract(entry, tuple(types), probe, applies)
        return probe

    return register
