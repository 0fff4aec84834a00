"""The Pulumi stack of one lease: provision, look again, destroy."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi.automation import LocalWorkspace, ProjectBackend, ProjectSettings
from pulumi.automation.errors import CommandError

from orchestrator.engine.backend import FileBackend, StateBackend
from orchestrator.engine.checkpoint import StateResource
from orchestrator.engine.events import Done, EventLog
from orchestrator.engine.lease_stack import LeaseStack
from orchestrator.engine.ownership import refuse_held, take_over
from orchestrator.engine.plugins import ProviderName, pulumi_home
from orchestrator.engine.pulumi_cli import SETTINGS, ensure_cli
from orchestrator.engine.runner import SessionPulumiCommand
from orchestrator.errors import EphkError
from orchestrator.files import private_dir
from orchestrator.progress import Progress
from orchestrator.state_layout import PROJECT

if TYPE_CHECKING:
    from stacks.inputs import StackInputs

#: Resources made at once; they wait for the cloud most of the time.
_PARALLEL = 32
#: Seconds for an operation on the whole stack. MSK takes 25 to 60 minutes for a cluster, the embedded cloud seconds.
_MARGIN_S = 600.0
_DEADLINES_S: dict[ProviderName, float] = {"embedded": 900.0, "official": 7200.0}


@dataclass(frozen=True)
class Drift:
    """What a refresh found.

    Attributes:
        changed: resources that are not as the state had them.
        gone: resources that are not there any more.
    """

    changed: tuple[Done, ...]
    gone: tuple[Done, ...]


class EnvironmentStack:
    """The stack of one lease, kept in the lease's own directory.

    Without a backend of its own, state and passphrase are files there, too (0600), so that `destroy` needs the lease
    and nothing else. The provider's address and credentials are environment variables, never part of the state.

    Args:
        lease_directory: the lease's directory.
        lease_id: the lease's id, which names the stack.
        provider: which provider plugin runs the program; must be the same for all operations.
        backend: what keeps the state; None is a file in the lease's directory.
    """

    def __init__(
        self,
        lease_directory: Path,
        lease_id: str,
        *,
        provider: ProviderName = "embedded",
        backend: StateBackend | None = None,
    ) -> None:
        self.lease_id = lease_id
        self.provider: ProviderName = provider
        self.directory = lease_directory / "pulumi"
        self.backend: StateBackend = backend or FileBackend(self.directory, lease_id)
        self._deadline_s = _DEADLINES_S[provider]
        self._command: SessionPulumiCommand | None = None
        self._stack: LeaseStack | None = None
        self._loading: threading.Thread | None = None
        self._lock = threading.Lock()

    def prepare(self, progress: Progress) -> None:
        """Make the CLI and an empty stack ready; `up` does it, too, and what is ready already costs nothing.

        It needs no cloud, so it may run while the cloud starts.

        Raises:
            EphkError: there is no CLI and none can be installed, or the stack cannot be made.
        """
        self._load_program()
        with self._lock, _explained("prepare the stack"):
            self._open(progress, {})

    def up(
        self,
        inputs: StackInputs,
        environment: Mapping[str, str],
        progress: Progress,
        *,
        on_done: Callable[[Done], None] | None = None,
    ) -> dict[str, Any]:
        """Provision, or bring what is there in line with the inputs.

        Args:
            inputs: the environment.
            environment: where the cloud is, as environment variables for the provider.
            progress: told what is being made.
            on_done: called with each resource as it is done, so that what needs it alone can begin (see `EventLog`).

        Returns:
            The stack's outputs (see `stacks.environment.deploy`).

        Raises:
            EphkError: a resource could not be made, with what the cloud said; what was made is in the state.
        """
        with self._operation("provision", "create resources", environment, progress, on_done) as (stack, log):
            result = stack.up(
                program=self._program(inputs),
                parallel=_PARALLEL,
                on_event=stack.following(log),
                color="never",
                suppress_progress=True,
                suppress_outputs=True,
            )
        return {name: output.value for name, output in result.outputs.items()}

    def preview(self, inputs: StackInputs, environment: Mapping[str, str], progress: Progress) -> list[Done]:
        """Return what `up` would make, change or delete; nothing is made.

        Args:
            inputs: the environment.
            environment: as for `up`; the provider checks inputs and calls no cloud.
            progress: told what is being looked at.

        Raises:
            EphkError: the program or the provider refuses the inputs.
        """
        with self._operation("plan", "plan resources", environment, progress) as (stack, log):
            stack.preview(
                program=self._program(inputs), parallel=_PARALLEL, on_event=stack.following(log), color="never"
            )
        return log.done

    def destroy(
        self,
        environment: Mapping[str, str],
        progress: Progress,
        *,
        on_deleted: Callable[[str, str], None] | None = None,
    ) -> list[tuple[str, str]]:
        """Delete everything that the state knows of; the program is not needed.

        Args:
            environment: as for `up`.
            progress: told what is being deleted.
            on_deleted: called with type and id of each resource once it is reported as deleted, also when the whole
                does not succeed.

        Returns:
            Type and id of each resource that was deleted.

        Raises:
            EphkError: a resource could not be deleted; it is still in the state.
        """
        if not self.backend.exists():
            return []
        deleted: list[tuple[str, str]] = []

        def notice(done: Done) -> None:
            if done.op == "delete":
                deleted.append((done.type, done.id or done.name))
                if on_deleted is not None:
                    on_deleted(*deleted[-1])

        with self._operation("destroy", "delete resources", environment, progress, notice) as (stack, log):
            stack.destroy(parallel=_PARALLEL, on_event=stack.following(log), color="never", suppress_progress=True)
        return deleted

    def refresh(self, environment: Mapping[str, str], progress: Progress) -> Drift:
        """Read every resource and bring the state in line with what is there.

        Raises:
            EphkError: a resource could not be read.
        """
        with self._operation("refresh", "read resources", environment, progress) as (stack, log):
            stack.refresh(parallel=_PARALLEL, on_event=stack.following(log), color="never", suppress_progress=True)
        return Drift(
            changed=tuple(done for done in log.done if done.op == "update"),
            gone=tuple(done for done in log.done if done.op == "delete"),
        )

    def resources(self) -> tuple[StateResource, ...]:
        """Return what the state knows of, including what was being made when a process was killed."""
        return self.backend.checkpoint().resources

    def outputs(self) -> dict[str, Any]:
        """Return the outputs of the last `up`; empty before."""
        return self.backend.checkpoint().outputs

    def interrupt(self) -> None:
        """Stop the operation under way in good order; a second time: kill it. For other threads than its own."""
        if self._command is not None:
            self._command.interrupt()

    def remove(self) -> None:
        """Forget the stack: state, passphrase, work directory.

        Raises:
            EphkError: the state still knows of resources.
        """
        left = self.resources()
        if left:
            raise EphkError(
                f"the stack of lease {self.lease_id} still has {len(left)} resources",
                next_step="Destroy it first.",
                details=tuple(f"{resource.type} {resource.id}" for resource in left),
            )
        take_over(self._record)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _record(self) -> Path:
        return self.directory / "cli.json"

    def _load_program(self) -> threading.Thread:
        """Begin to load the program's modules while the CLI or the cloud starts; they take more than a second."""
        if self._loading is None:

            def load() -> None:
                from stacks.environment import preload

                preload()

            self._loading = threading.Thread(target=load, name="load-program", daemon=True)
            self._loading.start()
        return self._loading

    def _program(self, inputs: StackInputs) -> Callable[[], None]:
        loading = self._load_program()

        def program() -> None:
            loading.join()  # two threads that load a lazy module at once can see half of it
            from stacks.environment import deploy

            deploy(inputs)

        return program

    @contextlib.contextmanager
    def _operation(
        self,
        title: str,
        doing: str,
        environment: Mapping[str, str],
        progress: Progress,
        on_done: Callable[[Done], None] | None = None,
    ) -> Iterator[tuple[LeaseStack, EventLog]]:
        """Open the stack, report, limit the time, and say failures in the cloud's words."""
        with self._lock:
            with _explained(title):
                stack = self._open(progress, environment)
            assert self._command is not None  # noqa: S101 - _open sets it
            with progress.step(f"Pulumi: {doing}") as step:
                log = EventLog(step, on_done)
                with _explained(title, log), self._command.within(self._deadline_s):
                    yield stack, log

    def _open(self, progress: Progress, environment: Mapping[str, str]) -> LeaseStack:
        if self._stack is None:
            cli = ensure_cli(progress)
            take_over(private_dir(self.directory) / self._record.name)
            self._command = SessionPulumiCommand(cli, self._record)
            self._stack = self._create(self._command)
            self._unlock()
        self._stack.workspace.env_vars = {**self._settings(), **environment}
        return self._stack

    def _create(self, command: SessionPulumiCommand) -> LeaseStack:
        work = private_dir(self.directory / "work")
        self.backend.prepare()
        workspace = LocalWorkspace(
            work_dir=str(work),
            pulumi_home=str(pulumi_home(self.provider)),
            env_vars=self._settings(),
            project_settings=ProjectSettings(
                name=PROJECT, runtime="python", main=str(work), backend=ProjectBackend(self.backend.url)
            ),
            secrets_provider=self.backend.secrets_provider,
            pulumi_command=command,
        )
        return LeaseStack(self.lease_id, workspace, self.backend)

    def _settings(self) -> dict[str, str]:
        settings = {
            **self.backend.settings(),
            **SETTINGS,
            # The state is the lease's own and ends with it: no copies of each version beside it.
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
        }
        if self.provider == "embedded":
            settings["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
        return settings

    def _unlock(self) -> None:
        """Take away the lock of a process that was killed; one whose owner may live is an error that names it."""
        if self._stack is not None and refuse_held(self.backend.locks(), gone_after_s=self._deadline_s + _MARGIN_S):
            self._stack.cancel()


@contextlib.contextmanager
def _explained(title: str, log: EventLog | None = None) -> Iterator[None]:
    """Turn the CLI's failure into what the cloud said."""
    try:
        yield
    except CommandError as error:
        lines = list(log.errors) if log and log.errors else [line for line in str(error).splitlines() if line.strip()]
        cause = next((line for line in lines if "error:" in line), lines[0] if lines else "Pulumi gave no reason")
        cause = cause.strip().removeprefix("stderr: ").removeprefix("error: ")
        raise EphkError(
            f"{title} failed: {cause}",
            next_step="Correct the cause and run the command again; what exists is in the stack's state.",
            details=tuple(line for line in lines[:20] if line != cause),
        ) from None
