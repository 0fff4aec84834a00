"""Runs the program without an engine and keeps what it declares."""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pulumi
import pytest
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks, set_mocks
from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret
from pulumi.runtime.stack import run_pulumi_func

import stacks.environment
from orchestrator.environment import Grant
from orchestrator.tags import Provenance, lease_tags
from stacks.inputs import BrokerInputs, PrincipalInputs, StackInputs

PASSWORD = "correct-horse-battery-staple"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TAGS = lease_tags(
    lease_id="bcdfghjk",
    environment="orders",
    provenance=Provenance("ci"),
    created_at=NOW,
    expires_at=NOW + timedelta(hours=4),
)


def inputs(**changes: Any) -> StackInputs:
    produce = Grant(topic="orders", allow=("produce",))
    consume = Grant(topic="audit.", pattern="prefixed", allow=("consume",), group="auditors")
    defaults: dict[str, Any] = {
        "lease_id": "bcdfghjk",
        "name": "orders",
        "region": "eu-west-1",
        "account_id": "123456789012",
        "zones": ("eu-west-1a", "eu-west-1b", "eu-west-1c"),
        "cidr": "10.42.0.0/16",
        "brokers": BrokerInputs(3, "kafka.m7g.large", 10, "4.1.x.kraft"),
        "principals": (
            PrincipalInputs("producer", "scram", PASSWORD, (produce,)),
            PrincipalInputs("auditor", "iam", None, (consume,)),
            PrincipalInputs("device", "mtls", None, (produce,)),
        ),
        "bucket_expire_days": 7,
        "tags": TAGS,
    }
    return StackInputs(**{**defaults, **changes})


@dataclass(frozen=True)
class Declared:
    """One resource as the engine would be asked for it."""

    type: str
    name: str
    inputs: dict[str, Any] = field(repr=False)
    secrets: frozenset[str] = frozenset()

    def policy(self, name: str = "policy") -> Any:
        return json.loads(self.inputs[name])


def _reveal(inputs: dict[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Take the mark off secret inputs; returns all of them plain, and which were marked."""
    secrets = frozenset(name for name, value in inputs.items() if is_rpc_secret(value))
    return {name: unwrap_rpc_secret(value) for name, value in inputs.items()}, secrets


@dataclass
class Program(Mocks):
    """What a run of the program declared and exported."""

    resources: list[Declared] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        plain, secret = _reveal(args.inputs)
        self.resources.append(Declared(args.typ, args.name, plain, secret))
        made = f"{args.typ.rsplit(':', 1)[-1]}-{args.name}"
        outputs = {"arn": f"arn:{made}", "keyId": made, "prefixListId": "pl-s3", "latestRevision": 1}
        outputs |= {"bootstrapBrokersSaslIam": f"{made}:9098"}
        pem = {"certificate": "PEM", "certificateSigningRequest": "CSR"}
        return made, {**outputs, **pem, **args.inputs}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        raise AssertionError(f"the program calls {args.token}, which the embedded provider does not implement")

    def of(self, kind: str) -> dict[str, Declared]:
        """Return the resources of a type by name."""
        return {item.name: item for item in self.resources if item.type == kind}

    def one(self, kind: str, name: str | None = None) -> Declared:
        found = [item for item in self.resources if item.type == kind and name in (None, item.name)]
        assert len(found) == 1, f"{len(found)} of {kind} {name or ''}"
        return found[0]


def run(given: Any, program_of: Callable[[Any], None] = stacks.environment.deploy) -> Program:
    """Run a program to its end, in a thread with an event loop of its own, as the Automation API does."""
    program = Program()

    def deploy() -> None:
        outputs: dict[str, Any] = {}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pulumi, "export", outputs.__setitem__)
            program_of(given)
        pulumi.Output.all(**outputs).apply(program.exports.update)

    loops: list[asyncio.AbstractEventLoop] = []

    def with_loop() -> None:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    def work() -> None:
        with_loop()
        loop = loops[0]
        # The SDK's mocks make an event loop in every thread that has none, and never close it.
        loop.set_default_executor(ThreadPoolExecutor(8, initializer=with_loop))
        set_mocks(program, project="ephk", stack="l", preview=False)
        loop.run_until_complete(run_pulumi_func(deploy))
        loop.run_until_complete(loop.shutdown_default_executor())

    try:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(contextvars.copy_context().run, work).result(timeout=60)
    finally:
        for loop in loops:
            loop.close()
    return program
