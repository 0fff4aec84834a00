"""What is on the page, as plain data: `scorecard.json`.

There is no average and no percentage anywhere: one blocker must not drown in many successes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.model import Layer

LAYERS: tuple[Layer, ...] = ("local", "cloud", "production")
CellStatus = Literal["verified", "failed", "error", "stale", "not_covered", "not_applicable"]
#: A cell shows the worst of its results. What does not apply is neither good nor bad, so it shows only when alone.
WORST_FIRST: tuple[CellStatus, ...] = ("failed", "error", "stale", "not_covered", "verified", "not_applicable")
SCHEMA_FILE = Path(__file__).parents[1] / "schemas" / "scorecard-1.schema.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")


class Proof(_Frozen):
    """One result in a cell, with all that a reviewer needs to believe it or not.

    Attributes:
        status: the result's, or `stale` when it was verified too long ago or for another commit.
        why: the reason when it is not verified, or why it is stale.
        rehearsal: shown on the embedded target, which rehearses production and is not production.
        evidence: (name, value) pairs; a measured value comes with its threshold.
        at: when the run finished (RFC 3339, UTC).
        source: the report that says so.
    """

    contract: str
    status: CellStatus
    why: str = ""
    rehearsal: bool = False
    vantage: str = ""
    evidence: tuple[tuple[str, str], ...] = ()
    environment: str = ""
    lease: str = ""
    target: str = ""
    commit: str = "none"
    kafka_version: str = ""
    at: str = ""
    source: str = ""


class WaiverView(_Frozen):
    """A waiver as the page shows it: it changes no status."""

    risk: str
    layer: Layer
    owner: str
    reason: str
    until: str
    expired: bool
    covers: tuple[str, ...] = ()


class Cell(_Frozen):
    """One risk in one layer.

    Attributes:
        contracts: status by contract id, those without a result as `not_covered`.
        missing: contracts that speak for the risk in this layer and have no result.
        speaks: whether any contract can speak for the risk here at all.
        rehearsal: verified, but only on the embedded target.
        resolve: the command that would fill the cell; empty when it is verified or when no contract could.
        waived: a waiver covers it (which improves nothing).
    """

    status: CellStatus
    contracts: dict[str, CellStatus] = Field(default_factory=dict)
    proofs: tuple[Proof, ...] = ()
    missing: tuple[str, ...] = ()
    speaks: bool = True
    rehearsal: bool = False
    blocking: bool = False
    waived: bool = False
    resolve: str = ""
    reason: str = ""

    @property
    def proved(self) -> int:
        """How many contracts are verified."""
        return sum(status == "verified" for status in self.contracts.values())


class Row(_Frozen):
    """One risk, its owner, and its cells by layer."""

    risk: str
    owner: str = "nobody"
    cells: dict[Layer, Cell]


class Blocker(_Frozen):
    """A risk that the spec marks as blocking and that is not verified where it must be."""

    risk: str
    layer: Layer
    status: CellStatus
    reason: str
    owner: str
    resolve: str = ""


class Source(_Frozen):
    """A report that went in."""

    path: str
    sha256: str
    environment: str
    lease: str
    target: str
    region: str
    flavour: str
    kafka_version: str
    brokers: int
    commit: str
    repository: str
    owner: str
    started_at: str
    finished_at: str
    complete: bool
    tool: str = ""
    cost: str = ""


class Change(_Frozen):
    """A cell, or a risk, that differs from the previous card."""

    risk: str
    layer: str
    before: str
    after: str
    direction: Literal["better", "worse", "neither"]


class Difference(_Frozen):
    """What changed since the previous card."""

    previous: str
    changes: tuple[Change, ...] = ()


class Scorecard(_Frozen):
    """The page.

    Attributes:
        generated_at: RFC 3339, UTC.
        commit: what results are compared with; "none" when it is unknown.
        exit_code: 3 when a blocking risk is not verified, else 0.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    generated_at: str
    commit: str
    stale_after: str
    verdict: str
    exit_code: int
    layers: tuple[Layer, ...] = LAYERS
    blockers: tuple[Blocker, ...] = ()
    risks: tuple[Row, ...] = ()
    waivers: tuple[WaiverView, ...] = ()
    blocking_declared: int = 0
    difference: Difference | None = None
    reports: tuple[Source, ...] = ()
    tool: dict[str, str] = Field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return `scorecard.json`; `sources` names the reports, as it always did."""
        return {
            **self.model_dump(mode="json", by_alias=True),
            "sources": [report.path for report in self.reports],
        }

    def cells(self, *statuses: str) -> list[tuple[Row, Layer, Cell]]:
        """Return the cells that have one of the statuses, in the order of the page."""
        return [
            (row, layer, row.cells[layer])
            for row in self.risks
            for layer in self.layers
            if row.cells[layer].status in statuses
        ]

    def counts(self) -> dict[Layer, dict[CellStatus, int]]:
        """Return how many risks have each status, by layer."""
        return {
            layer: {status: sum(row.cells[layer].status == status for row in self.risks) for status in WORST_FIRST}
            for layer in self.layers
        }


def worst(statuses: list[CellStatus]) -> CellStatus:
    """Return the worst of some statuses; nothing at all is not covered."""
    return next((status for status in WORST_FIRST if status in statuses), "not_covered")


def scorecard_schema() -> dict[str, Any]:
    """Return the JSON Schema of `scorecard.json`, as the published file holds it."""
    schema = Scorecard.model_json_schema(by_alias=True, mode="serialization")
    schema["properties"]["sources"] = {"type": "array", "items": {"type": "string"}}
    schema["required"] = ["schema", "verdict", "exit_code", "layers", "risks", "sources"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ephk scorecard.json, schema 1",
        **{key: value for key, value in schema.items() if key != "title"},
    }
