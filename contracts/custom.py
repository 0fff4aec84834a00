"""Contracts of a team's own, as the spec declares them: a topic's configuration, or a command that must exit 0."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from contracts import client_files
from contracts.access import Access
from contracts.model import Contract, Failed, Outcome, OutOfReachError, Probe, ProbeError, Verified, Watch
from contracts.registry import Entry, Expander, Registry
from contracts.wire import BrokerConnection, WireError, error_name, requests
from contracts.wire.describe import topic_configs
from orchestrator.connection import choose_principal
from orchestrator.environment import Environment, Principal
from orchestrator.errors import UsageError
from orchestrator.processes import wait_for_session
from orchestrator.spec_contracts import CommandSpec, ContractSpec, TopicExpectation

_BOUND = re.compile(r"(>=|<=)\s*(-?\d+(?:\.\d+)?)")
_TAIL_LINES = 12
#: What a command gets to end by itself when its time is over.
_GRACE_S = 1.0


def with_custom(registry: Registry, declared: Iterable[ContractSpec]) -> Registry:
    """Return a register with the declared contracts added.

    Raises:
        UsageError: an id is taken by the catalogue.
    """
    extended = registry.extended()
    for spec in declared:
        contract = contract_of(spec)
        try:
            extended.add(
                Entry(
                    contract.id, contract.title, contract.risk, contract.layers, contract.statement,
                    contract.remediation, contract.documentation, contract.needs, contract.vantage,
                    _always(contract),
                )
            )  # fmt: skip
        except ValueError as error:
            raise UsageError(
                f"contracts: {error}: the catalogue has it already",
                next_step="Give it an id of your own, with your team's or application's name first.",
            ) from None
    return extended


def _always(contract: Contract) -> Expander:
    return lambda _environment: (contract,)


def contract_of(spec: ContractSpec) -> Contract:
    """Return the contract that a section of the spec declares."""
    probe: Probe
    if spec.topic is not None:
        said, probe, deadline_s = _says(spec.topic), _topic_probe(spec.topic), None
        needs: tuple[str, ...] = ("listeners",)
    elif spec.command is not None:
        said = f"The command `{' '.join(spec.command.run)}` ends with exit status 0"
        # A second more than the command has: the probe itself says that the command's time is over.
        probe, deadline_s = _command_probe(spec.command), spec.command.timeout.total_seconds() + _GRACE_S + 5
        needs = ("principals",)
    else:  # the spec's own validation refuses this
        raise ValueError(f"contract {spec.id} probes nothing")
    return Contract(
        id=spec.id,
        title=spec.title or spec.id,
        risk=spec.risk,
        layers=spec.layers,
        statement=spec.statement or said,
        remediation=spec.remediation or "See the spec's contracts section",
        documentation=spec.documentation,
        needs=needs,
        vantage="this machine",
        probe=probe,
        deadline_s=deadline_s,
    )


def _says(expected: TopicExpectation) -> str:
    parts = [
        f"{name} {value}" if _BOUND.fullmatch(value) else f"{name} = {value}" for name, value in expected.config.items()
    ]
    if expected.partitions is not None:
        parts.insert(0, f"{expected.partitions} partitions")
    return f"Every broker says that topic {expected.name} has {', '.join(parts)}"


def fits(value: str, wanted: str) -> bool:
    """Tell whether a configuration's value is what was declared: equal, or within a bound (`>= 1000`)."""
    bound = _BOUND.fullmatch(wanted.strip())
    if bound is None:
        return value == wanted
    try:
        number = float(value)
    except ValueError:
        return False
    # -1 is Kafka's "no limit" (retention.ms, retention.bytes): more than any number.
    number = float("inf") if number == -1 else number
    limit = float(bound[2])
    return number >= limit if bound[1] == ">=" else number <= limit


def judge_topic(expected: TopicExpectation, seen: Mapping[str, tuple[Mapping[str, str], int]]) -> Outcome:
    """Judge what brokers say of a topic.

    Args:
        expected: what was declared.
        seen: configuration and number of partitions, by broker.

    Raises:
        ProbeError: a topic has no such configuration.
    """
    evidence: dict[str, Any] = {broker: {**config, "partitions": count} for broker, (config, count) in seen.items()}
    for broker, (config, count) in seen.items():
        if unknown := [name for name in expected.config if name not in config]:
            raise ProbeError(f"a topic has no configuration {', '.join(unknown)}", evidence)
        if expected.partitions is not None and count != expected.partitions:
            return Failed(f"{broker}: {expected.name} has {count} partitions, not {expected.partitions}", evidence)
        for name, wanted in expected.config.items():
            if not fits(config[name], wanted):
                return Failed(f"{broker}: {name} of {expected.name} is {config[name]}, not {wanted}", evidence)
    return Verified(evidence)


def _topic_probe(expected: TopicExpectation) -> Probe:
    def probe(access: Access, watch: Watch) -> Outcome:
        environment = access.environment
        if "operator" in environment.roles and "iam" in environment.cluster.bootstrap:
            principal = access.operator
        else:
            principal = choose_principal(environment, None)
        seen: dict[str, tuple[Mapping[str, str], int]] = {}
        for number, address in access.brokers(principal, watch).items():
            watch.waiting(f"broker {number} to describe topic {expected.name}")
            connection = access.connection(principal, address, watch)
            found = requests.metadata(connection, [expected.name]).topics[expected.name]
            if found.error:
                raise ProbeError(f"broker {number} does not describe topic {expected.name}: {error_name(found.error)}")
            seen[f"broker {number}"] = (_config(connection, principal, expected, environment), len(found.leaders))
        return judge_topic(expected, seen)

    return probe


def _config(
    connection: BrokerConnection, principal: Principal, expected: TopicExpectation, environment: Environment
) -> dict[str, str]:
    """Return what a broker says of the configuration that is asked about.

    Raises:
        OutOfReachError: nobody whom the environment names may read it.
        WireError: the broker refused for another reason.
    """
    if not expected.config:
        return {}
    try:
        known = topic_configs(connection, [expected.name])[expected.name]
    except WireError as error:
        if "TOPIC_AUTHORIZATION_FAILED" in str(error) and "operator" not in environment.roles:
            raise OutOfReachError(
                f"{principal.name} may not read the configuration of {expected.name} (DESCRIBE_CONFIGS), "
                "and the environment names no operator who may"
            ) from None
        raise
    return {name: value for name, value in known.items() if name in expected.config}


def _command_probe(spec: CommandSpec) -> Probe:
    def probe(access: Access, watch: Watch) -> Outcome:
        principal = choose_principal(access.environment, spec.principal)
        with tempfile.TemporaryDirectory(prefix="ephk-contract-") as name:
            directory = Path(name)
            watch.waiting(f"the connection files of {principal.name}")
            connection = client_files.connection(access.environment, principal, directory, access.credentials, watch)
            client_files.write([connection], directory)
            variables = {**os.environ, **connection.variables(), "EPHK_CONNECTION_DIR": str(directory)}
            watch.waiting(f"`{spec.run[0]}` to end")
            status, tail = _run(spec, variables, directory / "output.log")
        evidence = {"command": list(spec.run), "principal": principal.name, "exit_status": status, "output": tail}
        if status == 0:
            return Verified(evidence)
        last = tail[-1] if tail else "it printed nothing"
        return Failed(f"`{spec.run[0]}` ended with exit status {status}: {last}", evidence)

    return probe


def _run(spec: CommandSpec, variables: Mapping[str, str], log: Path) -> tuple[int, list[str]]:
    """Run the command in a session of its own, and return its exit status and the last lines of its output.

    Raises:
        ProbeError: it could not be started, or its time was over; what it started is ended with it.
    """
    timeout_s = spec.timeout.total_seconds()
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                spec.run,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise ProbeError(f"`{spec.run[0]}` cannot be run: {error.strerror}") from None
    ended = wait_for_session(process, grace_s=_GRACE_S, timeout_s=timeout_s)
    tail = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    if not ended:
        raise ProbeError(f"`{spec.run[0]}` had not ended after {timeout_s:g} s, which is no answer", {"output": tail})
    return int(process.returncode), tail
