"""Reading a spec: a YAML file becomes a validated object, or every error with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from orchestrator.connect_spec import ConnectorSpec, ConnectSpec, LinkSpec, PluginSpec
from orchestrator.spec import BrokersSpec, BucketSpec, EnvironmentSpec, GrantSpec, NetworkSpec, PrincipalSpec, TopicSpec
from orchestrator.spec_contracts import CommandSpec, ContractSpec, TopicExpectation
from orchestrator.spec_observability import ObservabilitySpec
from orchestrator.spec_registry import SchemaRegistrySpec
from orchestrator.spec_scorecard import BlockingRisk, ScorecardSpec, Waiver
from orchestrator.spec_source import Problem, SpecSource


def load_spec(path: Path | None, *, overrides: dict[str, Any] | None = None) -> EnvironmentSpec:
    """Read and validate a spec.

    Args:
        path: the YAML file; None takes `ephk.yaml` when there is one, else the built-in defaults.
        overrides: top-level fields given on the command line (`name`, `ttl`).

    Raises:
        UsageError: every error found, each with file, line, field and what would be right.
    """
    if path is None and Path("ephk.yaml").is_file():
        path = Path("ephk.yaml")
    source = SpecSource.read(path) if path is not None else SpecSource.empty()
    document = {**source.document, **(overrides or {})}
    try:
        spec = EnvironmentSpec.model_validate(document)
    except ValidationError as error:
        raise source.error(_from_pydantic(error), frozenset(overrides or {})) from None
    problems = spec.problems()
    if problems:
        raise source.error(problems, frozenset(overrides or {}))
    return spec


def _from_pydantic(error: ValidationError) -> list[Problem]:
    """Say pydantic's findings in the words of the file rather than of the model."""
    problems = []
    for item in error.errors():
        path = tuple(part for part in item["loc"])
        kind, given = item["type"], item.get("input")
        if kind == "extra_forbidden":
            message = f"there is no such field; {_fields_at(path[:-1])}"
        elif kind == "literal_error":
            message = f"must be one of {item['ctx']['expected'].replace(' or ', ', ')}, is '{given}'"
        elif kind == "value_error":
            message = str(item["ctx"]["error"])
        elif kind == "missing":
            message = "is required"
        else:
            text = item["msg"].removeprefix("Input ")
            message = f"{text[0].lower()}{text[1:]}, is {given!r}"
        problems.append(Problem(path, message))
    # A list whose items are wrong is also reported as too short: the item's own problem says it all.
    paths = [problem.path for problem in problems]
    return [p for p in problems if not any(other != p.path and other[: len(p.path)] == p.path for other in paths)]


def _fields_at(path: tuple[str | int, ...]) -> str:
    """List the fields that exist where an unknown one was found."""
    models: dict[str, type[BaseModel]] = {
        "brokers": BrokersSpec,
        "network": NetworkSpec,
        "topics": TopicSpec,
        "principals": PrincipalSpec,
        "grants": GrantSpec,
        "bucket": BucketSpec,
        "schema_registry": SchemaRegistrySpec,
        "contracts": ContractSpec,
        "topic": TopicExpectation,
        "command": CommandSpec,
        "scorecard": ScorecardSpec,
        "blocking": BlockingRisk,
        "waivers": Waiver,
        "connect": ConnectSpec,
        "observability": ObservabilitySpec,
        "plugins": PluginSpec,
        "connectors": ConnectorSpec,
        "link": LinkSpec,
    }
    names = [part for part in path if isinstance(part, str) and part in models]
    model = models[names[-1]] if names else EnvironmentSpec
    return "fields here: " + ", ".join(sorted(model.model_fields))
