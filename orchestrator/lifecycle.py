"""One environment's way: up, verify, down, as an explicit state machine over its lease."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil

from contracts.model import DEADLINE_S, Result
from orchestrator import connect_links, connect_preflight, describe, paths, provenance
from orchestrator.aws import AwsSession
from orchestrator.ci_jobs import current_job
from orchestrator.cost.guard import Costing, guard
from orchestrator.environment import Environment
from orchestrator.errors import EphkError
from orchestrator.handover import handed_over_on_interrupt
from orchestrator.lease import DEFAULT_CREATE_WITHIN, DEFAULT_MAX_LIFETIME, Lease, LeaseState, new_lease
from orchestrator.lease_access import session_of, stack_of
from orchestrator.ledger import Ledger
from orchestrator.policy_file import ProjectPolicy, load_policy
from orchestrator.processes import ProcessRecord
from orchestrator.progress import Progress
from orchestrator.reports.report import Report
from orchestrator.signals import Interrupted, interruptible
from orchestrator.spec import EnvironmentSpec
from orchestrator.target import target_named
from orchestrator.target_interface import Target, TargetName
from orchestrator.teardown.reaper_process import ensure_reaper
from orchestrator.teardown.receipt import Receipt
from orchestrator.teardown.way import Teardown

if TYPE_CHECKING:  # Pulumi's SDK and the probes are loaded where they are used: most commands need neither
    from contracts.selection import Selection
    from orchestrator.engine.events import Done
    from orchestrator.engine.stack import EnvironmentStack
    from stacks.inputs import PluginInputs

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

    def __init__(self, ledger: Ledger, progress: Progress) -> None:
        self.ledger = ledger
        self.progress = progress

    def up(self, request: UpRequest) -> Lease:
        """Lease, provision, create topics and ACLs; the lease comes back in state `ready`.

        What an attempt that fails has made is removed again before this returns. One that is interrupted is left to
        the reaper, since whoever interrupts (a CI that cancels a job) does not wait for a teardown.

        Raises:
            EphkError: the name is leased, or provisioning failed (with the cause).
            Interrupted: SIGINT or SIGTERM arrived; the lease is in `releasing` on disk.
        """
        resolved = connect_links.resolve(request.spec, request.target, self.ledger.find)
        request = replace(request, spec=resolved.spec)
        policy = load_policy()
        policy.check(request.spec)
        costing = guard(request.spec, request.target, policy)
        if costing.note:
            self.progress.note(costing.note)
        target = target_named(request.target, provider=request.provider)
        target.prepare(self.progress, request.spec.region)
        plugins = connect_preflight.prepare(request.spec, target, self.progress)
        if request.spec.schema_registry is not None:
            target.prepare_registry(self.progress, request.spec.schema_registry)
        lease = self._new_lease(request, policy, costing)
        with handed_over_on_interrupt(self.ledger, lease, self.progress):
            self.ledger.create(lease)
            ensure_reaper()  # from here on something else than this process ends what this process begins
            self.progress.note(f"lease {lease.id} for {lease.name}: take it down with 'ephk down {lease.name}'")
            try:
                return self._provision(lease, request, target, plugins, resolved)
            except Exception as error:
                self._remove_failed(lease, error)
                raise

    def _remove_failed(self, lease: Lease, error: Exception) -> None:
        """Take down what an attempt that failed has made, and say so in its error."""
        self.progress.note(f"up did not succeed ({_first_line(error)}); removing what it made")
        receipt = self.down(lease.id, reason="failed")
        if not receipt.clean:
            self.progress.note(f"teardown left something behind: see 'ephk down {lease.name}'")
        elif isinstance(error, EphkError):
            error.next_step = "Correct the cause and run it again; what this attempt made has been removed."

    def _new_lease(self, request: UpRequest, policy: ProjectPolicy, costing: Costing) -> Lease:
        spec = request.spec
        own = ProcessRecord.of(psutil.Process().pid, "ephk up")
        return new_lease(
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
            holder={"pid": own.pid, "create_time": own.create_time, "host": platform.node()},
            ci_job=current_job(),
        )

    def _provision(
        self,
        lease: Lease,
        request: UpRequest,
        target: Target,
        plugins: tuple[PluginInputs, ...],
        resolved: connect_links.Resolved,
    ) -> Lease:
        spec = request.spec
        lease = self.ledger.update(lease.moved_to(LeaseState.PROVISIONING))
        stack = stack_of(lease)
        session = self._start(target, stack)
        from orchestrator.operator_admin import OperatorAdmin
        from orchestrator.readback import read_back
        from orchestrator.schema_registry import RegistryStart

        zones = target.zones(session, spec.network.zones)
        for source in resolved.canaries:
            with self.progress.step(f"the mirror's topic and group in {source.name}"):
                connect_links.prepare_canary(source, session)
        boundary = target.boundary_arn()
        inputs = describe.stack_inputs(
            lease, spec, session, zones, plugins, links=resolved.inputs(), boundary_arn=boundary
        )
        home = paths.lease_dir(lease.id)
        with (
            OperatorAdmin(lease, spec, session, target) as operator,
            RegistryStart(spec.schema_registry, inputs.registry, target, home) as registry,
        ):
            applied: list[Done] = []

            def notice(done: Done) -> None:
                applied.append(done)
                operator.notice(done)

            outputs = stack.up(inputs, target.plugin_environment(session), self.progress, on_done=notice)
            environment = describe.describe_environment(lease, spec, outputs, session, target, links=resolved.links)
            with self.progress.step("topics and ACLs; reading back"), ThreadPoolExecutor(max_workers=1) as beside:
                compared = beside.submit(read_back, session, applied)
                operator.finish(environment)
                compared.result()
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
        select: Sequence[str] | Selection = (),
        directory: Path | None = None,
        on_result: Callable[[Result], None] | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> Report:
        """Run contracts against a ready environment and keep the report up to date in `directory`.

        Args:
            lease: whose environment.
            select: what is asked for, or patterns of contract ids; empty means all.
            directory: where the report is written; None keeps it in memory.
            on_result: called as each result arrives.
            deadline_s: seconds for each probe that does not declare more.

        Raises:
            EphkError: the environment is not ready, or its cloud is gone.
        """
        from orchestrator.verification import verify

        return verify(
            ready_environment(lease),
            session_of(lease),
            select=select,
            directory=directory,
            on_result=on_result,
            declared=lease.spec.get("contracts", ()),
            deadline_s=deadline_s,
        )

    def down(self, name_or_id: str, *, reason: str = "down", patience_s: float | None = None) -> Receipt:
        """Destroy an environment and prove that it is gone; needs the lease and nothing else.

        The lease is forgotten when nothing is left; otherwise it stays, in state `leaking`.

        Args:
            name_or_id: the lease.
            reason: why, for the record (see `orchestrator.lease.Release`).
            patience_s: seconds to wait for what the cloud does not let go of yet; None for the target's own.

        Raises:
            EphkError: there is no such lease, or another process is taking it down.
        """
        teardown = Teardown(self.ledger, self.progress, patience_s=patience_s)
        return teardown.take_down(self.ledger.find(name_or_id), reason)


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


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


__all__ = [
    "Interrupted",
    "Lifecycle",
    "ProviderName",
    "UpRequest",
    "interruptible",
    "ready_environment",
    "session_of",
    "stack_of",
]
