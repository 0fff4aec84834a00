"""The ledger on AWS: one object for each lease in the state bucket, written with conditional requests.

The object's key is the environment's name, so that S3 itself decides who owns a name: a lease is created with
`If-None-Match: *` and changed with `If-Match: <ETag>` ("How to prevent object overwrites with conditional writes" and
"How to perform conditional deletes", Amazon S3 User Guide). Two jobs cannot both own a name, and no update is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from pydantic import ValidationError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from orchestrator.aws_errors import code_of, explained
from orchestrator.errors import EphkError
from orchestrator.lease import Lease
from orchestrator.ledger import changed_since, forget_directory, name_taken, no_such_lease, vanished
from orchestrator.paths import leases_dir
from orchestrator.state_layout import LEASES, RELEASED, stack_prefixes

T = TypeVar("T")

#: Codes of S3's refusals of a conditional request.
_FAILED = frozenset({"PreconditionFailed", "412"})
_MISSING = frozenset({"NoSuchKey", "404"})
#: "409 Conflict": another request for the key was under way; S3 says to read again and try again.
_CONFLICT = "ConditionalRequestConflict"
_ATTEMPTS = 6
#: Objects read at once by `leases`.
_READERS = 16


class S3Ledger:
    """Leases in a bucket; any number of jobs and reapers may use it at once.

    Args:
        client: a boto3 S3 client.
        bucket: the state bucket.
        account_id: its owner; S3 refuses every call when the bucket is somebody else's. None skips that check.
        wait_s: the longest pause between two tries of a conflicting write, seconds.
    """

    def __init__(self, client: Any, bucket: str, account_id: str | None = None, *, wait_s: float = 2.0) -> None:
        self._client = client
        self.bucket = bucket
        self._owner = {"ExpectedBucketOwner": account_id} if account_id else {}
        self._wait_s = wait_s

    # What every ledger offers

    def create(self, lease: Lease) -> None:
        """Claim the lease's name and write the lease.

        Raises:
            EphkError: the name is leased already (says by whom and until when), or S3 cannot be asked.
        """
        body = _text(lease)
        with self._doing(f"write the lease {lease.name}"):
            try:
                self._patiently(lambda: self._put(lease.name, body, IfNoneMatch="*"))
            except ClientError as error:
                if code_of(error) not in _FAILED:
                    raise
                other = self._current(lease.name)
                if other is None:  # it ended between the two requests
                    raise EphkError(
                        f"the name '{lease.name}' was leased until a moment ago", next_step="Run it again."
                    ) from None
                # A try whose answer was lost on the way has written it: then the lease there is this one.
                if other[0].id != lease.id:
                    raise name_taken(other[0]) from None

    def update(self, lease: Lease) -> Lease:
        """Write a change of a lease and return it with its new version.

        Raises:
            EphkError: the lease is gone, or was changed since it was read.
        """
        written = lease.model_copy(update={"version": lease.version + 1})

        def write() -> Lease:
            current = self._current(lease.name)
            if current is None or current[0].id != lease.id:
                raise vanished(lease)
            if current[0] == written:  # the earlier try arrived, its answer did not
                return written
            if current[0].version != lease.version:
                raise changed_since(lease, current[0])
            self._put(lease.name, _text(written), IfMatch=current[1])
            return written

        with self._doing(f"update the lease {lease.name}"):
            return self._patiently(write, also=_FAILED | _MISSING)

    def find(self, name_or_id: str) -> Lease:
        """Return a lease by name or id.

        Raises:
            EphkError: there is none; lists those that exist.
        """
        with self._doing(f"read the lease {name_or_id}"):
            found = self._current(name_or_id)
        if found is not None:
            return found[0]
        leases = self.leases()
        for lease in leases:
            if lease.id == name_or_id:
                return lease
        raise no_such_lease(name_or_id, leases)

    def leases(self) -> list[Lease]:
        """Return every lease that can be read, oldest first."""
        found = (lease for _, lease in self._read_all() if lease is not None)
        return sorted(found, key=lambda lease: (lease.created_at, lease.id))

    def unreadable(self) -> list[str]:
        """Return the addresses of objects that are not leases: they are reported, never skipped in silence."""
        return [f"s3://{self.bucket}/{key}" for key, lease in self._read_all() if lease is None]

    def remove(self, lease: Lease) -> None:
        """Forget a released lease: its last record goes to `released/`, its stack is dropped, then its name is free.

        The name is freed only while it is this lease's, so that a second remover never takes away a successor.
        """

        def delete() -> None:
            current = self._current(lease.name)
            if current is not None and current[0].id == lease.id:
                self._client.delete_object(Bucket=self.bucket, Key=_key(lease.name), IfMatch=current[1], **self._owner)

        with self._doing(f"remove the lease {lease.name}"):
            self._client.put_object(
                Bucket=self.bucket,
                Key=f"{RELEASED}{datetime.now(UTC):%Y/%m}/{lease.name}-{lease.id}.json",
                Body=_text(lease),
                ContentType="application/json",
                **self._owner,
            )
            self._drop_stack(lease.id)
            self._patiently(delete, also=_FAILED | _MISSING)
        forget_directory(leases_dir(), lease.id)

    def _drop_stack(self, lease_id: str) -> None:
        """Delete what Pulumi keeps of the lease's stack; the bucket's older versions end by its lifecycle rule."""
        for prefix in stack_prefixes(lease_id):
            for key in self._keys(prefix):
                self._client.delete_object(Bucket=self.bucket, Key=key, **self._owner)

    # Objects

    def _keys(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, **self._owner)
        return [str(item["Key"]) for page in pages for item in page.get("Contents", ())]

    def _put(self, name: str, body: bytes, **condition: str) -> None:
        self._client.put_object(
            Bucket=self.bucket,
            Key=_key(name),
            Body=body,
            ContentType="application/json",
            **condition,
            **self._owner,
        )

    def _current(self, name: str) -> tuple[Lease, str] | None:
        """Return the lease of a name with its ETag, None when the name is free.

        Raises:
            EphkError: there is an object, and it is no lease.
        """
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=_key(name), **self._owner)
        except ClientError as error:
            if code_of(error) in _MISSING:
                return None
            raise
        lease = _parse(answer["Body"].read())
        if lease is None:
            raise EphkError(
                f"s3://{self.bucket}/{_key(name)} is not a lease that this version can read",
                next_step="Look at the object; an older version of it may be whole (the bucket keeps versions).",
            )
        return lease, str(answer["ETag"])

    def _read_all(self) -> list[tuple[str, Lease | None]]:
        """Return every key below `leases/` with its lease, None for what is not one; what is gone is left out."""
        with self._doing("list the leases"):
            keys = self._keys(LEASES)
            with ThreadPoolExecutor(max_workers=_READERS) as pool:
                bodies = list(pool.map(self._body, keys))
        return [(key, _parse(body)) for key, body in zip(keys, bodies, strict=True) if body is not None]

    def _body(self, key: str) -> bytes | None:
        try:
            return bytes(self._client.get_object(Bucket=self.bucket, Key=key, **self._owner)["Body"].read())
        except ClientError as error:
            if code_of(error) in _MISSING:
                return None
            raise

    def _patiently(self, act: Callable[[], T], *, also: frozenset[str] = frozenset()) -> T:
        """Do a conditional write, again where S3 says that somebody else was writing at that moment.

        Args:
            act: reads the condition anew at each try.
            also: further codes that call for another try, because the next read decides what they mean.
        """
        wanted = also | {_CONFLICT}
        attempts = Retrying(
            retry=retry_if_exception(lambda error: code_of(error) in wanted),
            wait=wait_random_exponential(multiplier=min(0.05, self._wait_s), max=self._wait_s),
            stop=stop_after_attempt(_ATTEMPTS),
            reraise=True,
        )
        return attempts(act)

    def _doing(self, what: str) -> Any:
        return explained(
            f"{what} in s3://{self.bucket}",
            next_step="Check the name of the state bucket; 'ephk bootstrap' makes it, once for an account and region.",
        )


def _key(name: str) -> str:
    return f"{LEASES}{name}.json"


def _text(lease: Lease) -> bytes:
    return (lease.model_dump_json(indent=2) + "\n").encode()


def _parse(body: bytes) -> Lease | None:
    try:
        return Lease.model_validate_json(body)
    except ValidationError:
        return None
