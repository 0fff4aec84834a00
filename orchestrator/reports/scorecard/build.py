"""Merges reports into risk by layer, under rules that let nothing look better than it is."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from contracts.model import Layer
from contracts.selection import as_pattern
from orchestrator import __version__
from orchestrator.reports.evidence import facts
from orchestrator.reports.model import TERRAFORM, Finding
from orchestrator.reports.scorecard.model import LAYERS, Cell, CellStatus, Proof, Row, Scorecard, worst
from orchestrator.reports.scorecard.selection import selects
from orchestrator.reports.scorecard.sources import Sourced
from orchestrator.reports.scorecard.verdict import judge
from orchestrator.spec_scorecard import ScorecardSpec
from orchestrator.spec_types import format_duration
from orchestrator.tags import rfc3339

_FACTS = 8
#: How the ids of contracts on a plan begin.
_PLAN_CONTRACTS = "terraform."
#: What a plan's good word comes to: somebody still has to apply it, and look.
_PLANNED = "the plan says so; nothing live has shown it yet"
#: What one contract's results in several environments come to: wrong anywhere is wrong, and shown once is shown.
_ONE_CONTRACT: tuple[CellStatus, ...] = ("failed", "error", "verified", "stale", "not_covered", "not_applicable")


@dataclass(frozen=True)
class Rules:
    """By what results are judged.

    Attributes:
        spec: what blocks, what is stale, what is waived.
        commit: what results must be of; None takes the newest report's.
        now: the moment of the card.
    """

    spec: ScorecardSpec = field(default_factory=ScorecardSpec)
    commit: str | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class _Gathered:
    """What is known of one risk before its cells are made."""

    speakers: dict[Layer, dict[str, None]] = field(default_factory=lambda: {layer: {} for layer in LAYERS})
    proofs: dict[Layer, list[Proof]] = field(default_factory=lambda: {layer: [] for layer in LAYERS})
    inapplicable: dict[Layer, list[Proof]] = field(default_factory=lambda: {layer: [] for layer in LAYERS})

    def contracts(self) -> list[str]:
        names: dict[str, None] = {}
        for layer in LAYERS:
            names |= self.speakers[layer] | {proof.contract: None for proof in self.proofs[layer]}
        return list(names)


def build(catalogue: Iterable[Mapping[str, Any]], reports: Sequence[Sourced], rules: Rules | None = None) -> Scorecard:
    """Merge reports into a scorecard; every risk of the catalogue has a row, whether it was run or not.

    - Of two results of a contract in one environment the later counts. Environments stand side by side: a failure in
      one shows whatever the others say, and what one of them could not cover another may.
    - A verified result that is too old, or of another commit, is `stale`; it counts only when there is no fresh one.
    - A contract that could speak for a risk in a layer and has no result makes the cell `not_covered`.
    - A cell shows its worst result.
    - What holds in a plan of Terraform is not covered until something live shows it; what a plan fails is failed.

    Args:
        catalogue: id, risk and layers of every contract.
        reports: what was run.
        rules: by what results are judged.

    Raises:
        UsageError: the spec marks a risk as blocking that does not exist.
    """
    by = rules or Rules()
    ordered = sorted(reports, key=lambda item: item.report.summary.finished_at)
    commit = by.commit or (ordered[-1].report.environment.commit if ordered else "none")
    gathered = _gather(catalogue)
    for item in ordered:
        stale = _why_stale(item, commit, by)
        for finding in item.report.results:
            known = gathered.setdefault(finding.risk, _Gathered())
            known.proofs[finding.layer].append(_proof(item, finding, stale))
        for entry in item.report.not_applicable:
            known = gathered.setdefault(entry.risk, _Gathered())
            for layer in _layers_of(item, entry.layers):
                known.inapplicable[layer].append(_does_not_apply(item, entry.id, entry.reason))
    rows = tuple(_row(risk, known, by.spec, ordered) for risk, known in gathered.items())
    return judge(
        Scorecard(
            generated_at=rfc3339(by.now),
            commit=commit,
            stale_after=format_duration(by.spec.stale_after),
            verdict="",
            exit_code=0,
            risks=rows,
            reports=tuple(item.source for item in ordered),
            tool={"name": "ephk", "version": __version__},
        ),
        by.spec,
        by.now,
    )


def _gather(catalogue: Iterable[Mapping[str, Any]]) -> dict[str, _Gathered]:
    gathered: dict[str, _Gathered] = {}
    of_plans = []
    for entry in catalogue:
        known = gathered.setdefault(entry["risk"], _Gathered())
        if entry.get("subject") == "terraform plan":
            of_plans.append((known, entry))
            continue
        for layer in entry.get("layers", ()):
            known.speakers[layer][entry["id"]] = None
    for known, entry in of_plans:
        for layer in entry.get("layers", ()):
            # Where something live speaks for the risk, nobody misses what a plan would have said.
            if not any(not name.startswith(_PLAN_CONTRACTS) for name in known.speakers[layer]):
                known.speakers[layer][entry["id"]] = None
    return gathered


def _why_stale(item: Sourced, commit: str, rules: Rules) -> str:
    """Return why what a report verified is stale, or an empty text."""
    own = item.report.environment.commit
    if commit != "none" and own != commit:
        shown = f"commit {own[:12]}" if own != "none" else "an unknown commit"
        return f"made for {shown}, not for {commit[:12]}"
    try:
        age = rules.now - datetime.fromisoformat(item.report.summary.finished_at)
    except (ValueError, TypeError):
        return f"of an unknown time ({item.report.summary.finished_at!r})"
    if age > rules.spec.stale_after:
        limit, old = (
            format_duration(rules.spec.stale_after),
            format_duration(timedelta(seconds=int(age.total_seconds()))),
        )
        return f"{old} old; the limit is {limit}"
    return ""


def _proof(item: Sourced, finding: Finding, stale: str) -> Proof:
    status: CellStatus = finding.status
    why = finding.reason
    if status == "verified" and stale:
        status, why = "stale", stale
    elif status == "verified" and item.report.environment.target == TERRAFORM:
        status, why = "not_covered", _PLANNED
    return Proof(
        **_origin(item),
        contract=finding.id,
        status=status,
        why=why,
        vantage=finding.vantage,
        evidence=tuple(facts(finding.evidence, at_most=_FACTS)),
    )


def _does_not_apply(item: Sourced, contract: str, reason: str) -> Proof:
    return Proof(**_origin(item), contract=contract, status="not_applicable", why=reason)


def _origin(item: Sourced) -> dict[str, Any]:
    subject = item.report.environment
    return {
        "rehearsal": subject.target == "embedded",
        "environment": subject.name,
        "lease": subject.lease,
        "target": subject.target,
        "commit": subject.commit,
        "kafka_version": subject.kafka_version,
        "at": item.report.summary.finished_at,
        "source": item.source.path,
    }


def _layers_of(item: Sourced, layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers that a run can say something about: the embedded target never about the cloud."""
    if item.report.environment.target == "embedded":
        return [layer for layer in layers if layer != "cloud"]
    return [layer for layer in layers if layer != "local"] or list(layers)


def _row(risk: str, known: _Gathered, spec: ScorecardSpec, ordered: Sequence[Sourced]) -> Row:
    contracts = known.contracts()
    owner = next((who for selector, who in spec.owners.items() if selects(selector, risk, contracts)), "nobody")
    cells = {layer: _cell(layer, known, ordered) for layer in LAYERS}
    return Row(risk=risk, owner=owner, cells=cells)


def _cell(layer: Layer, known: _Gathered, ordered: Sequence[Sourced]) -> Cell:
    proofs = _counted(known.proofs[layer])
    inapplicable = [
        proof
        for proof in _counted(known.inapplicable[layer])
        if not any(_is_of(proof.contract, other.contract) for other in proofs)
    ]
    answered = [proof.contract for proof in (*proofs, *inapplicable)]
    missing = tuple(name for name in known.speakers[layer] if not any(_is_of(name, one) for one in answered))
    found: dict[str, list[CellStatus]] = {}
    for proof in (*proofs, *inapplicable):
        found.setdefault(proof.contract, []).append(proof.status)
    contracts = {name: next(s for s in _ONE_CONTRACT if s in statuses) for name, statuses in found.items()}
    contracts |= dict.fromkeys(missing, "not_covered")
    # What a plan says neither proves a risk nor takes away what something live has proved.
    planned = {
        proof.contract for proof in proofs if proof.why == _PLANNED and contracts[proof.contract] == "not_covered"
    }
    live: list[CellStatus] = [
        status for name, status in contracts.items() if name not in planned and status != "not_applicable"
    ]
    status = worst(live or list(contracts.values()))
    speaks = bool(known.speakers[layer] or answered)
    verified = [proof for proof in proofs if proof.status == "verified"]
    return Cell(
        status=status,
        contracts=contracts,
        proofs=(*proofs, *inapplicable),
        missing=missing,
        speaks=speaks,
        rehearsal=layer == "production" and any(proof.rehearsal for proof in verified),
        resolve="" if status in ("verified", "not_applicable") or not speaks else _command(layer, contracts, ordered),
        reason=_reason(status, speaks, [*proofs, *inapplicable], missing),
    )


def _is_of(identifier: str, contract: str) -> bool:
    """Tell whether a contract is the catalogue's entry, or a member of that family."""
    return identifier == contract or fnmatchcase(contract, as_pattern(identifier))


def _counted(proofs: Sequence[Proof]) -> list[Proof]:
    """Keep the results that count: of each contract the fresh ones, of each environment the latest."""
    latest: dict[tuple[str, str, str], Proof] = {}
    for proof in proofs:  # in the order of time
        key = (proof.contract, proof.environment, proof.target)
        if proof.status == "stale" and key in latest and latest[key].status != "stale":
            continue
        latest[key] = proof
    fresh = {proof.contract for proof in latest.values() if proof.status != "stale"}
    return [proof for proof in latest.values() if proof.status != "stale" or proof.contract not in fresh]


def _reason(status: CellStatus, speaks: bool, proofs: Sequence[Proof], missing: Sequence[str]) -> str:
    """Return, in one sentence, why a cell is not verified."""
    if not speaks:
        return "no contract speaks for this risk in this layer"
    if status == "not_covered" and missing:
        return f"not run: {', '.join(missing[:3])}" + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    return next((f"{proof.contract}: {proof.why}" for proof in proofs if proof.status == status and proof.why), "")


def _command(layer: Layer, contracts: Mapping[str, CellStatus], ordered: Sequence[Sourced]) -> str:
    """Return the command that would give the cell a fresh result."""
    wrong = [name for name, status in contracts.items() if status in ("failed", "error")]
    if wrong and all(name.startswith(_PLAN_CONTRACTS) for name in wrong):
        return "ephk check terraform PLAN.json --report DIR"
    if layer == "cloud":
        return "ephk run --target aws --report DIR -- true"
    wanted = [as_pattern(name) for name, status in contracts.items() if status not in ("verified", "not_applicable")]
    names = [item.report.environment.name for item in ordered if item.report.environment.target == "embedded"]
    options = " ".join(f"--contract {shlex.quote(name)}" for name in wanted[:3])
    return f"ephk verify {names[-1] if names else 'NAME'} {options} --report DIR"
