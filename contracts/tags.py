"""Tags: everything that can carry one says whose it is, what it is for and when it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from contracts.access import Access
from contracts.diagnosis import explain
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.ownership import QUESTIONS, Owned
from contracts.registry import contract
from orchestrator.tags import REQUIRED

_SHOWN = 5


def problems(owned: Owned, expected: Mapping[str, str]) -> list[str]:
    """Name what is wrong with one resource's tags: missing, empty, or another value than expected."""
    found = []
    for name in REQUIRED:
        value = owned.tags.get(name)
        if not value:
            found.append(f"{name} missing")
        elif name in expected and value != expected[name]:
            found.append(f"{name} is {value!r}, not {expected[name]!r}")
    return found


def distinct(resources: Iterable[Owned]) -> list[Owned]:
    """Drop what both a service and the tagging API found; the service's own answer (the later one) stays."""
    return list({owned.identifier.rpartition("/")[2].rpartition(":")[2]: owned for owned in resources}.values())


def judge_tags(resources: Iterable[Owned], expected: Mapping[str, str]) -> Outcome:
    """Judge the tags of all resources; the evidence names every one that lacks something."""
    wrong: dict[str, list[str]] = {}
    kinds: Counter[str] = Counter()
    for owned in resources:
        kinds[owned.kind] += 1
        if found := problems(owned, expected):
            wrong[f"{owned.kind} {owned.identifier}"] = found
    evidence: dict[str, Any] = {"resources": dict(sorted(kinds.items()))}
    if not kinds:
        raise ProbeError("the inventory found no resource at all", evidence)
    if wrong:
        names = list(wrong)
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return Failed(f"incomplete tags: {', '.join(names[:_SHOWN])}{more}", evidence | {"incomplete": wrong})
    return Verified(evidence)


@contract(
    "tags.complete",
    title="Everything carries all tags",
    risk="Resources that nobody can attribute: cost without an owner, leaks that no reaper finds",
    statement="Every resource of the environment that can carry tags carries all of the lease's tags",
    remediation="Add the lease's tags to the resources that the evidence names",
    documentation="AWS Whitepaper, Best Practices for Tagging AWS Resources",
    needs=("tags",),
    vantage="control plane",
)
def complete(access: Access, watch: Watch) -> Outcome:
    """Ask every service, by membership and by name, and the tagging API."""
    unanswered: dict[str, str] = {}
    found: list[Owned] = []
    for name, question in QUESTIONS.items():
        watch.waiting(f"the inventory of {name}")
        try:
            with access.topic_lock("resources of probes"):  # what a probe makes for a moment is not the environment's
                found += question(access)
        except Exception as error:  # noqa: BLE001 - one service's refusal must not hide what the others say
            unanswered[name] = explain(error).cause
    outcome = judge_tags(distinct(found), access.environment.tags)
    if unanswered and isinstance(outcome, Verified):
        raise ProbeError(
            f"could not ask: {'; '.join(f'{name} ({problem})' for name, problem in unanswered.items())}",
            outcome.evidence,
        )
    return outcome
