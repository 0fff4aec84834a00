"""One environment's way: up, verify, down, as an explicit state machine over its lease."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil

from contracts.model import Result
from orchestrator import describe, paths, provenance
from orchestrator.aws import AwsSession
from orchestrator.cost.guard import Costing, guard
from orchestrator.environment import Environment
from orchestrator.errors import EphkError
from orchestrator.lease import DEFAULT_CREATE_WITHIN, DEFAULT_MAX_LIFETIME, Lease, LeaseState, new_lease
from orchestrator.ledger import FileLedger
from orchestrator.policy_file import ProjectPolicy, load_policy
from orchestrator.processes import ProcessRecord
from orchestrator.progress import Progress
from orchestrator.reports.report import Report
from orchestrator.signals import Interrupted, interruptible
from orchestrator.spec import EnvironmentSpec
from orchestrator.target import CloudGoneError, Target, TargetName, target_named, target_of
from orchestrator.teardown.inventory import Inventory, take_inventory
from orchestrator.teardown.receipt import Deleted, Receipt

if TYPE_CHECKING:  # Pulumi's SDK and the probes are loaded where they are used: most commands need neither
    from orchestrator.engine.stack import EnvironmentStack

ProviderName = Literal["embedded", "official"]

#: How long provisioning may take unless the spec or the project's policy says otherwise.
_CREATE_WITHIN: dict[TargetName, timedelta] = {"embedded": timedelta(minutes=20), "aws": DEFAULT_CREATE_WITHIN}


@dataclass(frozen=True)
class UpRequest:
    """What `up` is asked for."""

    spec: EnvironmentSpec
    target: TargetName = "embedded"
    provider: ProviderName = "embedded"


class Lifecycle:
    """Moves leases through their states.

    Args:
        ledger: where leases are written.
        progress: where long work is reported.
    """

    def __init__(self, ledger: FileLedger, progress: Progress) -> None:
        self.ledger = ledger
        self.progress = progress

    def up(self, request: UpRequest) -> Lease:
        """Lease, provision, create topics and ACLs; the lease comes back in state `ready`.

        What an attempt that fails or is interrupted has made is removed again before this returns.

        Raises:
            EphkError: the name is leased, or provisioning failed (with the cause).
            Interrupted: SIGINT or SIGTERM arrived; teardown was attempted.
        """
        policy = load_policy()
        policy.check(request.spec)
        costing = guard(request.spec, request.target, policy)
        if costing.note:
            self.progress.note(costing.note)
        target = target_named(request.target)
        target.prepare(self.progress, request.spec.region)
        if request.spec.schema_registry is not None:
            target.prepare_registry(self.progress, request.spec.schema_registry)
        lease = self._request(request, policy, costing)
        try:
            return self._provision(lease, request, target)
        except (Exception, Interrupted) as error:
            self.progress.note(f"up did not succeed ({_first_line(error)}); removing what it made")
            try:
                receipt = self.down(lease.id, reason="interrupted" if isinstance(error, Interrupted) else "failed")
            except Interrupted:
                self.progress.note(f"teardown was interrupted; resume with: ephk down {lease.name}")
                raise
            if not receipt.clean:
                self.progress.note(f"teardown left something behind: see 'ephk down {lease.name}'")
            elif isinstance(error, EphkError):
                error.next_step = "Correct the cause and run it again; what this attempt made has been removed."
            raise

    def _request(self, request: UpRequest, policy: ProjectPolicy, costing: Costing) -> Lease:
        spec = request.spec
        own = ProcessRecord.of(psutil.Process().pid, "ephk up")
        lease = new_lease(
            name=spec.name,
            target=request.target,
            ttl=spec.ttl,
            create_within=spec.create_deadline or policy.create_deadline or _CREATE_WITHIN[request.target],
            max_lifetime=min(limit for limit in (spec.max_ttl, policy.max_ttl, DEFAULT_MAX_LIFETIME) if limit),
            provenance=provenance.detect(cost_center=spec.cost_center),
            spec=spec.model_dump(mode="json"),
            provider=request.provider,
            hourly_cost=costing.hourly_cost,
            budget_usd=costing.budget_usd,
            holder={"pid": own.pid, "create_time": own.create_time},
        )
        self.ledger.create(lease)
        self.progress.note(f"lease {lease.id} for {lease.name}: take it down with 'ephk down {lease.name}'")
        return lease

    def _provision(self, lease: Lease, request: UpRequest, target: Target) -> Lease:
        spec = request.spec
        lease = self.ledger.update(lease.moved_to(LeaseState.PROVISIONING))
        stack = stack_of(lease)
        session = self._start(target, stack)
        from orchestrator.operator_admin import OperatorAdmin
        from orchestrator.schema_registry import RegistryStart

        inputs = describe.stack_inputs(lease, spec, session, target.zones(session, spec.network.zones))
        home = paths.lease_dir(lease.id)
        with (
            OperatorAdmin(lease, spec, session, target) as operator,
            RegistryStart(spec.schema_registry, inputs.registry, target, home) as registry,
        ):
            outputs = stack.up(inputs, target.plugin_environment(session), self.progress, on_done=operator.notice)
            environment = describe.describe_environment(lease, spec, outputs, session, target)
            with self.progress.step("topics and ACLs"):
                operator.finish(environment)
            if spec.schema_registry is not None:
                with self.progress.step("schema registry"):
                    environment = registry.finish(environment, outputs)
        return self.ledger.update(lease.moved_to(LeaseState.READY, environment=environment, holder=None))

    def _start(self, target: Target, stack: EnvironmentStack) -> AwsSession:
        """Start the cloud while the engine makes an empty stack ready: neither needs the other."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            prepared = pool.submit(stack.prepare, self.progress)
            # A third of a second of Python modules, loaded while this thread waits for another process.
            loaded = pool.submit(importlib.import_module, "orchestrator.operator_admin")
            session = target.start(self.progress)
            prepared.result()
            loaded.result()
        return session

    def verify(
        self,
        lease: Lease,
        *,
        select: Sequence[str] = (),
        directory: Path | None = None,
        on_result: Callable[[Result], None] | None = None,
    ) -> Report:
        """Run contracts against a ready environment and keep the report up to date in `directory`.

        Raises:
            EphkError: the environment is not ready, or its cloud is gone.
        """
        from contracts import runner
        from contracts.access import Access

        environment = ready_environment(lease)
        session = session_of(lease)
        report = Report(environment, directory)

        def take(result: Result) -> None:
            report.add(result)
            if on_result is not None:
                on_result(result)

        with Access(environment, session) as access:
            report.finish(runner.run(environment, access, select=select, on_result=take))
        return report

    def down(self, name_or_id: str, *, reason: str = "down") -> Receipt:
        """Destroy an environment and prove that it is gone; needs the lease and nothing else.

        The lease is forgotten when nothing is left; otherwise it stays, in state `leaking`.

        Args:
            name_or_id: the lease.
            reason: why, for the record (see `orchestrator.lease.Release`).

        Raises:
            EphkError: there is no such lease.
        """
        begun = time.monotonic()
        lease = self.ledger.find(name_or_id)
        lease = self.ledger.update(lease.releasing(reason))
        target = target_of(lease)
        deleted: list[Deleted] = []
        notes: list[str] = []
        inventory: Inventory | None = None
        if target.end_registry(paths.lease_dir(lease.id)):
            deleted.append(Deleted("process", "schema registry", "direct"))
        try:
            session = session_of(lease)
        except CloudGoneError:
            notes.append("the embedded cloud was gone already: its resources lived in its memory and ended with it")
            ended = target.end_leftovers(paths.lease_dir(lease.id))
            deleted += [Deleted("process", f"broker {number + 1}", "direct") for number in range(ended)]
        else:
            deleted += self._destroy(lease, target.plugin_environment(session), notes)
            with self.progress.step("inventory"):
                inventory = take_inventory(session, lease.id)
        receipt = Receipt(lease, tuple(deleted), inventory, tuple(notes), time.monotonic() - begun)
        if receipt.clean:
            lease = self.ledger.update(lease.moved_to(LeaseState.RELEASED))
            self.ledger.remove(lease)
            target.release()
        else:
            self.ledger.update(lease.moved_to(LeaseState.LEAKING))
        return receipt

    def _destroy(self, lease: Lease, environment: dict[str, str], notes: list[str]) -> list[Deleted]:
        """Let Pulumi destroy; its failure is a note, since the inventory is what decides."""
        try:
            removed = stack_of(lease).destroy(environment, self.progress)
        except EphkError as error:
            notes.append(f"Pulumi's destroy did not finish: {error.message}")
            return []
        return [Deleted(kind, name, "pulumi") for kind, name in removed]


def stack_of(lease: Lease) -> EnvironmentStack:
    """Return the Pulumi stack of a lease; nothing runs yet."""
    from orchestrator.engine.stack import EnvironmentStack

    return EnvironmentStack(paths.lease_dir(lease.id), lease.id, provider=lease.provider)


def session_of(lease: Lease) -> AwsSession:
    """Return the administrator's session of the cloud that a lease lives in.

    Raises:
        CloudGoneError: it does not run, or another one runs in its place.
    """
    session = target_of(lease).session()
    environment = lease.environment
    if environment is not None and environment.cloud.endpoint_url != session.cloud.endpoint_url:
        raise CloudGoneError(
            f"the embedded cloud that {lease.name} lived in is gone; another one runs in its place",
            next_step=f"Clean up with: ephk down {lease.name}",
        )
    return session


def ready_environment(lease: Lease) -> Environment:
    """Return a lease's environment.

    Raises:
        EphkError: the lease is not ready.
    """
    if lease.state is not LeaseState.READY or lease.environment is None:
        raise EphkError(
            f"environment {lease.name} is {lease.state}, not ready",
            next_step=f"See 'ephk show {lease.name}'; end it with 'ephk down {lease.name}'.",
        )
    return lease.environment


def expired(leases: Sequence[Lease], now: datetime | None = None) -> list[Lease]:
    """Return the leases whose time is over, and those whose release was begun and not finished."""
    moment = now or datetime.now(UTC)
    return [lease for lease in leases if lease.due(moment)]


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


__all__ = ["Interrupted", "Lifecycle", "ProviderName", "UpRequest", "expired", "interruptible", "ready_environment"]
