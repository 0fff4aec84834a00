"""Runs contracts side by side: a deadline for each, and a result for each, whatever a probe does."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.access import Access
from contracts.catalogue import contracts_for
from contracts.diagnosis import explain
from contracts.model import (
    DEADLINE_S,
    Contract,
    Failed,
    Layer,
    NotCovered,
    Outcome,
    OutOfReachError,
    ProbeError,
    Result,
    Status,
    Verified,
    Watch,
)
from contracts.needs import unmet
from contracts.pace import Pace
from contracts.registry import Registry
from contracts.selection import Selection
from orchestrator.environment import Environment

#: Enough to hide latency; more would only queue for the processors of a small machine.
CONCURRENCY = 8
#: A deadline may move while it is waited for, so it is looked at again after so many seconds.
_LOOK_S = 0.5


def run(
    environment: Environment,
    access: Access,
    *,
    select: Sequence[str] | Selection = (),
    deadline_s: float = DEADLINE_S,
    on_result: Callable[[Result], None] | None = None,
    registry: Registry | None = None,
    pace: Pace | None = None,
) -> list[Result]:
    """Probe the environment's contracts and return a result for each, in the order of the catalogue.

    A probe that raises, or that has not answered after `deadline_s` seconds, becomes an `error` that
    says why. Seconds in which the machine was busy with something else do not count (see `contracts.pace`).
    A thread that overstays is left behind as a daemon; it cannot keep the process alive.

    Args:
        environment: what is probed.
        access: how it is reached; the caller closes it.
        select: what is asked for, or patterns of contract ids; empty means all.
        deadline_s: seconds for each probe that does not declare more, counted from its own start.
        on_result: called in the caller's thread as each result arrives (in order of arrival).
        registry: another register than the product's own.
        pace: how fast the machine is; None measures it.

    Raises:
        UsageError: a pattern selects nothing.
    """
    if pace is None:
        with Pace() as measured:
            return run(
                environment, access, select=select, deadline_s=deadline_s, on_result=on_result, registry=registry,
                pace=measured,
            )  # fmt: skip
    chosen = contracts_for(environment, select, registry)
    asked = bool(select.ids or select.layers) if isinstance(select, Selection) else bool(select)
    # What disturbs the cluster comes last and alone: beside it, other probes would fail for its reasons. What is slow
    # comes first: the run would end with waiting for it.
    order = sorted(enumerate(chosen), key=lambda numbered: (numbered[1].disruptive, not numbered[1].slow, numbered[0]))
    waiting = deque(order)
    answers: queue.Queue[_Answer] = queue.Queue()
    running: dict[int, tuple[Contract, Watch]] = {}
    results: dict[int, Result] = {}

    def settle(index: int, result: Result) -> None:
        results[index] = result
        if on_result is not None:
            on_result(result)

    while waiting or running:
        while waiting and len(running) < CONCURRENCY:
            if waiting[0][1].disruptive and running:
                break
            index, contract = waiting.popleft()
            if contract.disruptive and not asked:
                settle(index, _not_asked(environment, contract, access))
                continue
            watch = Watch(max(contract.deadline_s or 0.0, deadline_s), pace)
            running[index] = (contract, watch)
            thread = threading.Thread(
                target=_probe, args=(index, contract, access, watch, answers), name=f"probe {contract.id}", daemon=True
            )
            thread.start()
            if contract.disruptive:
                break
        if not running:
            continue
        nearest = min(watch.ends for _, watch in running.values())
        try:
            answer = answers.get(timeout=min(_LOOK_S, max(0.0, nearest - time.monotonic())))
        except queue.Empty:
            for index, (contract, watch) in list(running.items()):
                if watch.over:
                    del running[index]
                    settle(index, _overdue(environment, contract, watch, access))
            continue
        if answer.index not in running:
            continue  # it answered after its deadline: the result has been given
        contract, watch = running.pop(answer.index)
        settle(answer.index, _result(environment, contract, answer, access))
    return [results[index] for index in sorted(results)]


@dataclass(frozen=True)
class _Answer:
    index: int
    outcome: Outcome | BaseException
    duration_s: float


def _probe(index: int, contract: Contract, access: Access, watch: Watch, answers: queue.Queue[_Answer]) -> None:
    outcome: Outcome | BaseException
    try:
        reason = unmet(access.environment, contract.needs)
        outcome = NotCovered(reason) if reason else contract.probe(access, watch)
    except BaseException as error:  # noqa: BLE001 - whatever a probe does, the run goes on and reports it
        outcome = error
    answers.put(_Answer(index, outcome, time.monotonic() - watch.started))


def layer_of(environment: Environment, contract: Contract) -> Layer:
    """Return the layer that a result counts in: never `cloud` for what the embedded target showed.

    A contract that speaks for production alone is rehearsed there; the scorecard marks it so. The same holds for an
    adopted environment that is not known to be AWS's (`elsewhere`).
    """
    if environment.layer == "local":
        return "production" if contract.layers == ("production",) else "local"
    return "cloud" if "cloud" in contract.layers else contract.layers[0]


def _make(
    environment: Environment,
    contract: Contract,
    status: Status,
    access: Access,
    *,
    evidence: Any,
    reason: str,
    duration_s: float,
) -> Result:
    return Result(
        id=contract.id,
        title=contract.title,
        risk=contract.risk,
        layer=layer_of(environment, contract),
        status=status,
        statement=contract.statement,
        vantage=contract.vantage,
        evidence=access.redact(dict(evidence)),
        reason=access.redact(reason),
        duration_s=duration_s,
        remediation=contract.remediation,
        documentation=contract.documentation,
    )


def _result(environment: Environment, contract: Contract, answer: _Answer, access: Access) -> Result:
    status: Status
    evidence: Any = {}
    reason = ""
    match answer.outcome:
        case Verified(evidence):
            status = "verified"
        case Failed(reason, evidence):
            status = "failed"
        case NotCovered(reason):
            status = "not_covered"
        case OutOfReachError() as error:
            status, reason = "not_covered", str(error)
        case ProbeError() as error:
            status, reason, evidence = "error", str(error), error.evidence
        case BaseException() as error:
            diagnosis = explain(error)
            status, reason, evidence = "error", diagnosis.sentence(), diagnosis.as_evidence()
        case other:
            status, reason = "error", f"the probe answered with {type(other).__name__}, which is no outcome"
    return _make(environment, contract, status, access, evidence=evidence, reason=reason, duration_s=answer.duration_s)


def _not_asked(environment: Environment, contract: Contract, access: Access) -> Result:
    reason = (
        f"it disturbs the cluster, so it has to be asked for: ephk verify {environment.name} --contract {contract.id}"
    )
    return _make(environment, contract, "not_covered", access, evidence={}, reason=reason, duration_s=0.0)


def _overdue(environment: Environment, contract: Contract, watch: Watch, access: Access) -> Result:
    reason = f"no answer within {watch.deadline_s:g} s; it was waiting for {watch.waiting_for}"
    if (extension := watch.extension_s) >= 1:
        reason += (
            f". It got {extension:.0f} s more, since the machine was busy with something else: if it still is, run "
            "this contract again later, or give it longer with --deadline"
        )
    return _make(
        environment, contract, "error", access, evidence={}, reason=reason, duration_s=time.monotonic() - watch.started
    )
