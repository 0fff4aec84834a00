"""Whose bill is asked for: a lease of the ledger, or one that is long gone and has left its receipt.

The bill comes up to a day late, and most environments do not live that long.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator import paths
from orchestrator.cost.guard import lease_cost
from orchestrator.cost.usage import Span
from orchestrator.errors import EphkError
from orchestrator.lease import Lease
from orchestrator.target_interface import TargetName


@dataclass(frozen=True)
class Subject:
    """One environment and its time.

    Attributes:
        name: what people called it.
        lease_id: the value of its tag.
        target: where it was.
        begin: when its lease was written (UTC).
        end: when it was gone (UTC); None while it is there.
        estimate: what it was reckoned to cost until then, USD; None without an estimate.
    """

    name: str
    lease_id: str
    target: TargetName
    begin: datetime
    end: datetime | None
    estimate: Span | None


def of_lease(lease: Lease, now: datetime | None = None) -> Subject:
    """Return a lease as the subject of a bill."""
    moment = now or datetime.now(UTC)
    return Subject(lease.name, lease.id, lease.target, lease.created_at, None, lease_cost(lease, moment))


def of_receipt(name: str) -> Subject:
    """Return a released environment.

    Args:
        name: its name (the newest of that name), its lease's id, or the path of its `receipt.json`.

    Raises:
        EphkError: there is no such receipt, or it cannot be read.
    """
    path = Path(name)
    if path.suffix == ".json":
        return _read(path)
    found = []
    for receipt in (paths.cache_home() / "reports").glob("*/receipt.json"):
        try:
            subject = _read(receipt)
        except EphkError:
            continue  # somebody else's damaged receipt must not hide this one
        if name in (subject.name, subject.lease_id):
            found.append(subject)
    if not found:
        raise EphkError(
            f"there is no lease and no receipt called '{name}'",
            next_step="See 'ephk list'; for a released environment give the path of its receipt.json.",
        )
    return max(found, key=lambda subject: subject.begin)


def _read(path: Path) -> Subject:
    try:
        document = json.loads(path.read_text())
        lease = document["lease"]
        cost: dict[str, Any] = (document.get("cost") or {}).get("estimate") or {}
        return Subject(
            str(lease["name"]),
            str(lease["id"]),
            "aws" if lease["target"] == "aws" else "embedded",
            datetime.fromisoformat(lease["created_at"]),
            datetime.fromisoformat(document["issued_at"]),
            Span(float(cost["low"]), float(cost["high"])) if cost else None,
        )
    except OSError as error:
        raise EphkError(f"the receipt {path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EphkError(f"{path} is not a receipt: {type(error).__name__}: {error}") from None
