"""`ephk bootstrap`: set an AWS account and region up once, and again without harm.

The stack that makes the state bucket cannot keep its own state there before the bucket exists. So the engine works on
a file, which goes into the bucket afterwards; a run that died in between left its file here, and the next one goes on
from it. The stack holds no secret value.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator import tags
from orchestrator.aws import AwsSession
from orchestrator.aws_errors import code_of, explained
from orchestrator.engine.backend import FileBackend
from orchestrator.engine.events import Done
from orchestrator.engine.plugins import ProviderName
from orchestrator.engine.stack import EnvironmentStack
from orchestrator.errors import EphkError
from orchestrator.files import private_dir, write_private
from orchestrator.paths import state_home
from orchestrator.progress import Progress
from orchestrator.s3_ledger import S3Ledger
from orchestrator.state_bucket import BootstrapRecord, read_record
from orchestrator.state_layout import BOOTSTRAP_STATE, RECORD

if TYPE_CHECKING:
    from stacks.bootstrap import BootstrapInputs

_STACK = "bootstrap"


@dataclass(frozen=True)
class Bootstrapped:
    """What came of a run.

    Attributes:
        record: what is there now; None after a destroy.
        done: the resources that were made, changed or deleted (for a dry run: would be).
        cost_tags: what came of activating the cost-allocation tags, for people.
    """

    record: BootstrapRecord | None
    done: tuple[Done, ...]
    cost_tags: str = ""


class _Backend(FileBackend):
    """A state file without secrets in it: its passphrase is empty, and anybody who may read it may use it."""

    def prepare(self) -> None:
        """Make the directory."""
        private_dir(self.state_file.parent)

    def settings(self) -> dict[str, str]:
        """Return the empty passphrase."""
        return {"PULUMI_CONFIG_PASSPHRASE": ""}


class _Stack(EnvironmentStack):
    """The engine on another program."""

    def _load_program(self) -> threading.Thread:
        if self._loading is None:

            def load() -> None:
                from stacks.bootstrap import deploy_bootstrap  # noqa: F401 - loading it is the point

            self._loading = threading.Thread(target=load, name="load-program", daemon=True)
            self._loading.start()
        return self._loading

    def _program(self, inputs: Any) -> Callable[[], None]:
        loading = self._load_program()

        def program() -> None:
            loading.join()
            from stacks.bootstrap import deploy_bootstrap

            deploy_bootstrap(inputs)

        return program


class Bootstrap:
    """The set-up of one account and region.

    Args:
        session: the administrator's.
        inputs: what is wanted.
        provider: which provider plugin runs the program.
        environment: where the provider finds the cloud.
        progress: told what is being made.
    """

    def __init__(
        self,
        session: AwsSession,
        inputs: BootstrapInputs,
        *,
        provider: ProviderName,
        environment: dict[str, str],
        progress: Progress,
    ) -> None:
        self._session, self._inputs, self._environment, self._progress = session, inputs, environment, progress
        self._s3 = session.client("s3")
        self._owner = {"ExpectedBucketOwner": inputs.account_id}
        self._directory = state_home() / "bootstrap" / f"{inputs.account_id}-{inputs.region}"
        self._backend = _Backend(self._directory / "pulumi", _STACK)
        self._stack = _Stack(self._directory, _STACK, provider=provider, backend=self._backend)
        self._etag: str | None = None

    def preview(self) -> Bootstrapped:
        """Return what `up` would do; nothing is made."""
        with self._state(keep=False):
            done = self._stack.preview(self._inputs, self._environment, self._progress)  # type: ignore[arg-type]
        return Bootstrapped(None, tuple(done))

    def up(self, settings: dict[str, Any]) -> Bootstrapped:
        """Make what is missing and bring the rest in line.

        Args:
            settings: what was asked for, for the record.

        Raises:
            EphkError: a resource could not be made; the next run goes on from there.
        """
        done: list[Done] = []
        with self._state(keep=True):
            outputs = self._stack.up(
                self._inputs,  # type: ignore[arg-type]
                self._environment,
                self._progress,
                on_done=done.append,
            )
            record = BootstrapRecord(**outputs, settings=settings)
            with explained("record what was made"):
                self._put(RECORD, record.model_dump_json(indent=2).encode() + b"\n")
        return Bootstrapped(record, tuple(done), activate_cost_tags(self._session))

    def destroy(self) -> Bootstrapped:
        """Remove everything again, the state bucket with all versions last.

        Raises:
            EphkError: there are leases, there is nothing to destroy, or a resource could not be deleted.
        """
        bucket = self._inputs.bucket
        if read_record(self._session, bucket) is not None:
            leases = S3Ledger(self._s3, bucket, self._inputs.account_id)
            left = [lease.name for lease in leases.leases()] + leases.unreadable()
            if left:
                raise EphkError(
                    f"s3://{bucket} has {len(left)} leases: {', '.join(left[:5])}",
                    next_step="End them first ('ephk down --all'): without their ledger nobody could.",
                )
        with self._state(keep=True):
            if not self._stack.resources():
                raise EphkError(f"account {self._inputs.account_id} was not set up by 'ephk bootstrap'")
            self._empty()
            gone = self._stack.destroy(self._environment, self._progress)
        return Bootstrapped(None, tuple(Done(op="delete", type=kind, name=name, id=name) for kind, name in gone))

    @contextlib.contextmanager
    def _state(self, *, keep: bool) -> Iterator[None]:
        """Work on the stack's file: fetched before, put into the bucket after, whatever happens in between."""
        left_by_a_dead_run = self._backend.state_file.exists()
        with explained(f"read s3://{self._inputs.bucket}/{BOOTSTRAP_STATE}"):
            text = self._get()
        if text is not None and not left_by_a_dead_run:
            write_private(self._backend.state_file, text)
        try:
            yield
        finally:
            if (not keep and not left_by_a_dead_run) or (keep and self._saved()):
                self._forget()

    def _get(self) -> bytes | None:
        try:
            answer = self._s3.get_object(Bucket=self._inputs.bucket, Key=BOOTSTRAP_STATE, **self._owner)
        except ClientError as error:
            if code_of(error) in ("NoSuchBucket", "NoSuchKey"):
                return None
            raise
        self._etag = str(answer["ETag"])
        return bytes(answer["Body"].read())

    def _saved(self) -> bool:
        """Put the state into the bucket; True when no state is needed here any more."""
        path: Path = self._backend.state_file
        if not path.exists():
            return True
        if not self._stack.resources():
            return True  # destroyed: there is nothing left to know
        condition = {"IfMatch": self._etag} if self._etag else {"IfNoneMatch": "*"}
        try:
            self._put(BOOTSTRAP_STATE, path.read_bytes(), **condition)
        except (ClientError, BotoCoreError) as error:
            self._progress.note(f"the state stays in {path} until the next 'ephk bootstrap' ({error})")
            return False
        return True

    def _put(self, key: str, body: bytes, **condition: str) -> None:
        self._s3.put_object(
            Bucket=self._inputs.bucket,
            Key=key,
            Body=body,
            ContentType="application/json",
            **condition,
            **self._owner,
        )

    def _empty(self) -> None:
        """Delete every version of every object of the state bucket."""
        with self._progress.step("empty the state bucket"), explained("empty the state bucket"):
            try:
                for page in self._s3.get_paginator("list_object_versions").paginate(
                    Bucket=self._inputs.bucket, **self._owner
                ):
                    doomed = [
                        {"Key": item["Key"], "VersionId": item["VersionId"]}
                        for item in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                    ]
                    if doomed:
                        self._s3.delete_objects(
                            Bucket=self._inputs.bucket, Delete={"Objects": doomed, "Quiet": True}, **self._owner
                        )
            except ClientError as error:
                if code_of(error) != "NoSuchBucket":
                    raise
        self._etag = None

    def _forget(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)
        for directory in (self._directory.parent, self._directory.parent.parent):
            with contextlib.suppress(OSError):
                directory.rmdir()


def existing_provider(session: AwsSession, host: str) -> str | None:
    """Return the account's identity provider for a CI when somebody else made it; None when it is ours to make.

    Args:
        session: of the account.
        host: the issuer without its scheme.
    """
    cloud = session.cloud
    arn = f"arn:aws:iam::{cloud.account_id}:oidc-provider/{host}"
    with explained(f"look for the identity provider {host}"):
        try:
            answer = session.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        except ClientError as error:
            if code_of(error) == "NoSuchEntity":
                return None
            raise
    own = {"Key": tags.BOOTSTRAP, "Value": f"{cloud.account_id}-{cloud.region}"}
    return None if own in answer.get("Tags", []) else arn


def activate_cost_tags(session: AwsSession) -> str:
    """Ask for our tags as cost-allocation tags and say what came of it; it never fails the set-up.

    Billing knows a tag's key a day after its first use at the earliest, and only the organization's management account
    may activate it ("Activating user-defined cost allocation tags", AWS Billing User Guide).
    """
    wanted = [{"TagKey": key, "Status": "Active"} for key in tags.REQUIRED]
    try:
        answer = session.client("ce").update_cost_allocation_tags_status(CostAllocationTagsStatus=wanted)
    except (ClientError, BotoCoreError) as error:
        text = error.response["Error"].get("Message", "") if isinstance(error, ClientError) else str(error)
        return f"not activated: {code_of(error) or type(error).__name__}: {text}"
    refused = [f"{item.get('TagKey')}: {item.get('Message') or item.get('Code')}" for item in answer.get("Errors", [])]
    if refused:
        return f"{len(wanted) - len(refused)} of {len(wanted)} activated; {refused[0]}; run it again in a day"
    return f"{len(wanted)} activated"
