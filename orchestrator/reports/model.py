"""The one findings model: `report.json`, which every rendering is made from and the scorecard reads again.

Its JSON Schema is published as `orchestrator/reports/schemas/report-1.schema.json`; a test compares the two. Within
schema 1 fields are only ever added, so a reader takes what it knows and lets the rest be.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.model import Layer, Result, Status, Vantage
from orchestrator.environment import Environment

SCHEMA: Literal[1] = 1
SCHEMA_FILE = Path(__file__).parent / "schemas" / "report-1.schema.json"
STATUSES: tuple[Status, ...] = ("verified", "failed", "error", "not_covered")
#: The target of a report about a plan of Terraform.
TERRAFORM = "terraform"
#: How statuses are written for people; the others are written as they are.
WORDS = {"not_covered": "not covered", "not_applicable": "not applicable"}


def word(status: str) -> str:
    """Return a status as people read it."""
    return WORDS.get(status, status)


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Place(_Document):
    """Where a finding is to be mended: one resource of a plan, with its line when the source is known.

    Attributes:
        address: the resource's address.
        message: what is wrong with it.
        file: the file that declares it, else the plan's own.
        line: counted from 1; 1 where it is not known.
    """

    address: str
    message: str
    file: str = ""
    line: int = Field(default=1, ge=1)


class Finding(_Document):
    """What came of one contract.

    Attributes:
        layer: the layer of the operating model that the result counts in.
        vantage: where the probe looked from.
        evidence: what a reviewer can check: fingerprints, refused operations with their error codes, ids.
        reason: why it is not verified; empty when it is.
        duration_s: seconds that the probe took.
        remediation: what to do when the statement does not hold.
        documentation: the source of the rule.
        places: what is wrong where, for findings that have places in source code.
    """

    id: str
    title: str
    risk: str
    layer: Layer
    status: Status
    statement: str
    vantage: Vantage
    evidence: dict[str, Any] = Field(default_factory=dict)
    reason: str = ""
    duration_s: float = Field(default=0.0, ge=0)
    remediation: str = ""
    documentation: str = ""
    places: tuple[Place, ...] = ()

    @classmethod
    def of(cls, result: Result) -> Finding:
        """Return the finding of a probe's result."""
        return cls.model_validate(result.as_dict())


class NotApplicable(_Document):
    """A contract that says by its declared predicate that it means nothing here; neither good nor bad."""

    id: str
    title: str
    risk: str
    layers: tuple[Layer, ...]
    reason: str


def by_reason(entries: Iterable[NotApplicable]) -> dict[str, tuple[NotApplicable, ...]]:
    """Group what does not apply by why, in order: one missing part of an environment has many contracts."""
    found: dict[str, tuple[NotApplicable, ...]] = {}
    for entry in entries:
        found[entry.reason] = (*found.get(entry.reason, ()), entry)
    return found


class Subject(_Document):
    """What was verified.

    Attributes:
        lease: the lease's short id.
        target: `embedded`, `aws`, `elsewhere` (adopted, neither of the two), or `terraform` (a plan, nothing live).
        commit: the full id of the commit that the environment was made for, "none" when it is unknown.
        adopted: somebody else made it; its resources are never touched.
    """

    name: str
    lease: str
    flavour: str
    target: str
    region: str
    kafka_version: str
    brokers: int
    commit: str = "none"
    repository: str = "none"
    owner: str = "none"
    adopted: bool = False

    @classmethod
    def of(cls, environment: Environment) -> Subject:
        """Describe an environment for a report."""
        tags = environment.tags
        return cls(
            name=environment.name,
            lease=environment.lease_id,
            flavour=environment.flavour,
            target=environment.target,
            region=environment.cloud.region,
            kafka_version=environment.cluster.kafka_version,
            brokers=environment.cluster.brokers,
            commit=tags.get("ephk:commit", "none"),
            repository=tags.get("ephk:repository", "none"),
            owner=tags.get("ephk:owner", "none"),
        )


class Summary(_Document):
    """Counts and times.

    Attributes:
        complete: every contract that was selected has a result.
        not_applicable: contracts that mean nothing for the environment; they are among no other count.
        passed: complete, something was verified, and nothing failed or could not be run.
        started_at: RFC 3339, UTC.
        finished_at: RFC 3339, UTC; of the last result when the run was interrupted.
    """

    verified: int = Field(ge=0)
    failed: int = Field(ge=0)
    error: int = Field(ge=0)
    not_covered: int = Field(ge=0)
    total: int = Field(ge=0)
    not_applicable: int = Field(default=0, ge=0)
    complete: bool
    passed: bool
    started_at: str
    finished_at: str


class ReportDocument(_Document):
    """`report.json`."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    environment: Subject
    results: tuple[Finding, ...]
    summary: Summary
    not_applicable: tuple[NotApplicable, ...] = ()
    tool: dict[str, str] = Field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the document as JSON data; results without places, which most are, say nothing of them."""
        document = self.model_dump(mode="json", by_alias=True)
        for result in document["results"]:
            if not result["places"]:
                del result["places"]
        return document

    def with_status(self, *statuses: str) -> tuple[Finding, ...]:
        """Return the findings that have one of the statuses, in the order of the catalogue."""
        return tuple(finding for finding in self.results if finding.status in statuses)


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema of `report.json`, as the published file holds it."""
    schema = ReportDocument.model_json_schema(by_alias=True, mode="validation")
    schema["required"] = ["schema", "environment", "results", "summary"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ephk report.json, schema 1",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def text_of(schema: Mapping[str, Any]) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
