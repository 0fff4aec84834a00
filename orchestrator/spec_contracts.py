"""The spec's `contracts` section: what a team wants verified that the catalogue does not know."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from orchestrator.spec_source import Problem
from orchestrator.spec_types import LayerName, Span, Strict


def _value(value: object) -> object:
    """Take YAML's own numbers and truth values as Kafka writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


class TopicExpectation(Strict):
    """What every broker must say of a topic.

    Attributes:
        name: the topic.
        partitions: how many.
        config: values by name. `>= 86400000` and `<= 1048576` compare numbers; anything else must be equal.
    """

    name: str = Field(min_length=1)
    partitions: int | None = Field(default=None, ge=1)
    config: dict[str, Annotated[str, BeforeValidator(_value)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _expects_something(self) -> TopicExpectation:
        if not self.config and self.partitions is None:
            raise ValueError("expects nothing: give 'config' or 'partitions'")
        return self


class CommandSpec(Strict):
    """A command that must end with exit status 0.

    It gets what `ephk run` gives its command: `KAFKA_*` variables of the principal and `$EPHK_CONNECTION_DIR`.

    Attributes:
        run: the program with its arguments; no shell reads it.
        principal: as whom; None takes the environment's first.
        timeout: until it must have ended.
    """

    run: tuple[str, ...] = Field(min_length=1)
    principal: str | None = None
    timeout: Span = timedelta(seconds=30)


class ContractSpec(Strict):
    """One contract of a team's own: what it is about, and either a topic or a command.

    Attributes:
        id: dotted, with the team's or the application's name first.
        risk: what goes wrong in production when it does not hold; a row of the scorecard.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_-]*(\.[A-Za-z0-9_-]+)+$")
    risk: str = Field(min_length=1)
    title: str = ""
    statement: str = ""
    remediation: str = ""
    documentation: str = "the environment spec"
    layers: tuple[LayerName, ...] = Field(default=("local", "cloud"), min_length=1)
    topic: TopicExpectation | None = None
    command: CommandSpec | None = None

    @model_validator(mode="after")
    def _one_probe(self) -> ContractSpec:
        if (self.topic is None) == (self.command is None):
            raise ValueError("needs either 'topic' or 'command'")
        return self


def contract_problems(contracts: Sequence[ContractSpec], principals: Collection[str]) -> list[Problem]:
    """Return what is wrong with contracts in the company of the rest of the spec."""
    found = []
    seen: set[str] = set()
    for index, contract in enumerate(contracts):
        if contract.id in seen:
            found.append(Problem(("contracts", index, "id"), f"'{contract.id}' is there twice"))
        seen.add(contract.id)
        named = contract.command.principal if contract.command else None
        if named is not None and named not in principals:
            known = ", ".join(sorted(principals)) or "none"
            found.append(
                Problem(
                    ("contracts", index, "command", "principal"),
                    f"no principal '{named}' is declared; principals: {known}",
                )
            )
    return found
