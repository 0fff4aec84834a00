"""Where a stack's state is kept, and what encrypts the secrets in it.

On the embedded target it is a file of the lease's own with a random passphrase beside it (0600). On AWS it is the
state bucket (`s3://`), and a KMS key encrypts the stack's data key (`awskms://`): whoever tears the environment down
needs the lease and the right to use the key, and nothing from the machine that made it.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from orchestrator.aws_errors import code_of, explained
from orchestrator.engine.checkpoint import Checkpoint
from orchestrator.files import private_dir, write_private
from orchestrator.state_layout import PROJECT, PULUMI, locks_prefix, state_key

if TYPE_CHECKING:
    from orchestrator.state_bucket import StateBucket


class StateBackend(Protocol):
    """What a stack needs to know of the place that keeps its state."""

    #: What `pulumi stack init --secrets-provider` is given; None is a passphrase.
    secrets_provider: str | None

    @property
    def url(self) -> str:
        """The backend's address for Pulumi."""
        ...

    def prepare(self) -> None:
        """Make what the engine needs before its first command."""
        ...

    def settings(self) -> dict[str, str]:
        """Return environment variables for the engine."""
        ...

    def exists(self) -> bool:
        """Tell whether the stack has a state."""
        ...

    def checkpoint(self) -> Checkpoint:
        """Return the state as last written; raises EphkError when it cannot be read."""
        ...

    def locks(self) -> tuple[str, ...]:
        """Return the texts of the locks that somebody holds, or died holding."""
        ...


class FileBackend:
    """A file in the lease's own directory.

    Args:
        directory: where state and passphrase go.
        stack: the stack's name.
    """

    secrets_provider: str | None = None

    def __init__(self, directory: Path, stack: str) -> None:
        self._directory, self._stack = directory, stack

    @property
    def url(self) -> str:
        """`file://` and the directory."""
        return (self._directory / "state").as_uri()

    @property
    def state_file(self) -> Path:
        """Where the state is."""
        return self._directory / "state" / ".pulumi" / "stacks" / PROJECT / f"{self._stack}.json"

    @property
    def _passphrase(self) -> Path:
        return self._directory / "passphrase"

    def prepare(self) -> None:
        """Make the directory and a random passphrase."""
        private_dir(self._directory / "state")
        if not self._passphrase.exists():
            write_private(self._passphrase, secrets.token_urlsafe(32))

    def settings(self) -> dict[str, str]:
        """Return where the passphrase is: a file, so that it is in no process list."""
        return {"PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase)}

    def exists(self) -> bool:
        """Tell whether the state is there."""
        return self.state_file.exists()

    def checkpoint(self) -> Checkpoint:
        """Read the state; one that is not there is empty."""
        return Checkpoint.load(self.state_file)

    def locks(self) -> tuple[str, ...]:
        """Read the lock files."""
        return tuple(path.read_text() for path in (self._directory / "state" / ".pulumi" / "locks").rglob("*.json"))


class S3Backend:
    """An object in the state bucket.

    Args:
        bucket: the state bucket.
        stack: the stack's name.
    """

    def __init__(self, bucket: StateBucket, stack: str) -> None:
        self._bucket, self._stack = bucket, stack
        record = bucket.record
        # The encryption context ties the data key to its stack ("Encryption context", AWS KMS Developer Guide).
        query = urlencode({"region": record.region, "context_ephk-stack": stack})
        self.secrets_provider: str | None = f"awskms:///{record.kms_key_arn}?{query}"

    @property
    def url(self) -> str:
        """`s3://` with the region; path style where the endpoint is not AWS's own."""
        query = {"region": self._bucket.record.region}
        if self._bucket.session.cloud.endpoint_url:
            query["use_path_style"] = "true"
        return f"s3://{self._bucket.record.bucket}/{PULUMI}?{urlencode(query)}"

    def prepare(self) -> None:
        """Do nothing: the bucket is there."""

    def settings(self) -> dict[str, str]:
        """Return nothing: the engine finds endpoint and credentials as every AWS tool does."""
        return {}

    def exists(self) -> bool:
        """Tell whether the state is there; raises EphkError when the bucket cannot be asked."""
        return self._read() is not None

    def checkpoint(self) -> Checkpoint:
        """Read the state; one that is not there is empty."""
        text = self._read()
        where = f"s3://{self._bucket.record.bucket}/{state_key(self._stack)}"
        return Checkpoint({}, ()) if text is None else Checkpoint.parse(text, where)

    def locks(self) -> tuple[str, ...]:
        """Read the lock objects; one that goes meanwhile is none."""
        record, client = self._bucket.record, self._bucket.client
        with explained(f"look for locks of stack {self._stack}"):
            where = {"Bucket": record.bucket, "ExpectedBucketOwner": record.account_id}
            found = client.list_objects_v2(**where, Prefix=locks_prefix(self._stack)).get("Contents", [])
            texts = []
            for item in found:
                try:
                    texts.append(client.get_object(**where, Key=item["Key"])["Body"].read().decode())
                except ClientError as error:
                    if code_of(error) != "NoSuchKey":
                        raise
        return tuple(texts)

    def _read(self) -> bytes | None:
        record = self._bucket.record
        with explained(f"read the state of stack {self._stack}"):
            try:
                answer = self._bucket.client.get_object(
                    Bucket=record.bucket, Key=state_key(self._stack), ExpectedBucketOwner=record.account_id
                )
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return None
                raise
            return bytes(answer["Body"].read())
