"""What a contract is, and what comes of probing it.

A contract names one production risk and one statement about an environment. Its probe answers with
one of three types; "not covered, because" is a type of its own and never a flag on another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from contracts.pace import MOST, Pace

if TYPE_CHECKING:
    from contracts.access import Access

Layer = Literal["local", "cloud", "production"]
Status = Literal["verified", "failed", "error", "not_covered"]
#: Where a probe looks from. The control plane is what the cloud's API says of itself.
Vantage = Literal["this machine", "inside the VPC", "control plane", "static analysis"]
#: Seconds for each probe that does not declare more, on an idle machine.
DEADLINE_S = 30.0


@dataclass(frozen=True)
class Verified:
    """The statement holds; `evidence` says what was seen."""

    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """The statement does not hold; `reason` says why in one sentence."""

    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def at(self, *addresses: str) -> Failed:
        """Return the same with the addresses (ARNs) of what is wrong, which reports show as the place."""
        return Failed(self.reason, {**self.evidence, "addresses": list(addresses)})


@dataclass(frozen=True)
class NotCovered:
    """The statement was not examined, because of `reason`."""

    reason: str


Outcome = Verified | Failed | NotCovered


class ProbeError(Exception):
    """A probe could not find out: neither a proof nor a refutation. Becomes status `error`.

    Args:
        message: what could not be found out and why, in one sentence without secrets.
        evidence: what was seen until then.
    """

    def __init__(self, message: str, evidence: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.evidence: Mapping[str, Any] = evidence or {}


class OutOfReachError(Exception):
    """The environment object lacks what a probe would need to ask. Becomes status `not_covered`, with this reason."""


class Watch:
    """A probe's clock: what it is waiting for, and how much time is left.

    Time in which the machine was busy with something else does not count, up to `pace.MOST` times the deadline: a
    probe that is late on an idle machine has met something dead, one that is late on a busy machine perhaps has not.

    Args:
        deadline_s: seconds from now until the probe must have answered, on an idle machine.
        pace: how fast the machine is; None takes it for idle.
    """

    def __init__(self, deadline_s: float, pace: Pace | None = None) -> None:
        self.started = time.monotonic()
        self.deadline_s = deadline_s
        self._pace = pace
        self._lost_before = pace.lost_s if pace else 0.0
        self._lock = threading.Lock()
        self._waiting = "its start"

    def waiting(self, text: str) -> None:
        """Say what is being waited for from now on; the report shows it if the deadline passes."""
        with self._lock:
            self._waiting = text

    @property
    def waiting_for(self) -> str:
        """What the probe said last."""
        with self._lock:
            return self._waiting

    @property
    def extension_s(self) -> float:
        """Seconds by which the deadline has moved until now, because the machine was busy."""
        lost = self._pace.lost_s - self._lost_before if self._pace else 0.0
        return min(lost, (MOST - 1) * self.deadline_s)

    @property
    def ends(self) -> float:
        """When the probe's time is over, as it looks now, in seconds of the monotonic clock."""
        return self.started + self.deadline_s + self.extension_s

    @property
    def over(self) -> bool:
        """Whether the probe's time is over."""
        return time.monotonic() >= self.ends

    def remaining(self, at_most: float | None = None) -> float:
        """Return the seconds left, at least 0.05 so that it can serve as a socket time-out.

        Args:
            at_most: seconds for one answer on an idle machine; a slow one gets more.
        """
        left = max(0.05, self.ends - time.monotonic())
        return left if at_most is None else min(left, self.patience(at_most))

    def patience(self, seconds: float) -> float:
        """Return how long to wait for what takes at most `seconds` on an idle machine."""
        return seconds * (self._pace.slowdown if self._pace else 1.0)


Probe = Callable[["Access", Watch], Outcome]


@dataclass(frozen=True)
class Contract:
    """One named verification point.

    Attributes:
        id: dotted name, stable; what `--contract` selects.
        title: a few words.
        risk: what goes wrong in production when the statement does not hold.
        layers: the layers of the operating model that the probe can speak for.
        statement: what must be true, in one sentence.
        remediation: what to do when it is not.
        documentation: the source of the rule (a document's title, a KIP's or RFC's number).
        needs: parts of the environment without which there is nothing to probe (see `contracts.needs`).
        vantage: where the probe looks from.
        probe: finds out; raises ProbeError (or anything else) when it cannot.
        deadline_s: seconds for the probe; None takes the run's.
        disruptive: the probe restarts, kills or moves something: it runs alone, and only when it is asked for.
        slow: the probe takes seconds where others take moments: it begins first, so that the run does not end with it.
    """

    id: str
    title: str
    risk: str
    layers: tuple[Layer, ...]
    statement: str
    remediation: str
    documentation: str
    needs: tuple[str, ...]
    vantage: Vantage
    probe: Probe = field(repr=False, compare=False)
    deadline_s: float | None = None
    disruptive: bool = False
    slow: bool = False


@dataclass(frozen=True)
class Result:
    """What came of one contract in one run.

    Attributes:
        layer: `local` on the embedded target, whatever the contract could speak for elsewhere.
        reason: empty when verified.
        duration_s: seconds that the probe took.
        remediation: the contract's own, for those who read the result.
        documentation: likewise.
        places: address, message, file and line of what is wrong where it has a place in source code.
    """

    id: str
    title: str
    risk: str
    layer: Layer
    status: Status
    statement: str
    vantage: Vantage
    evidence: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    duration_s: float = 0.0
    remediation: str = ""
    documentation: str = ""
    places: tuple[Mapping[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the result as `report.json` holds it."""
        return {
            "id": self.id,
            "title": self.title,
            "risk": self.risk,
            "layer": self.layer,
            "status": self.status,
            "statement": self.statement,
            "vantage": self.vantage,
            "evidence": self.evidence,
            "reason": self.reason,
            "duration_s": round(self.duration_s, 3),
            "remediation": self.remediation,
            "documentation": self.documentation,
            **({"places": [dict(place) for place in self.places]} if self.places else {}),
        }
