"""The receipt: what was deleted, by whom, and what an independent inventory found afterwards."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from orchestrator import paths
from orchestrator.cost.guard import cost_document
from orchestrator.files import write_private_json
from orchestrator.lease import Lease
from orchestrator.tags import rfc3339
from orchestrator.teardown.direct import Kept
from orchestrator.teardown.found import Found, Inventory


@dataclass(frozen=True)
class Deleted:
    """One thing that is gone, and who removed it.

    Attributes:
        kind: a Pulumi type token, a kind of the inventory, or `process`.
        name: how the remover calls it.
        by: `pulumi`, `direct` (our own deleter), or `cloud` (it ended with the embedded cloud).
    """

    kind: str
    name: str
    by: Literal["pulumi", "direct", "cloud"]


@dataclass(frozen=True)
class Receipt:
    """Proof after teardown.

    Attributes:
        lease: the lease as it was.
        deleted: what was removed.
        inventory: what was found afterwards; None when there was no cloud left to ask.
        kept: what direct deletion left alone, each with its reason.
        notes: what a reader should know (the cloud was gone, an error on the way).
        duration_s: how long teardown took, seconds.
    """

    lease: Lease
    deleted: tuple[Deleted, ...]
    inventory: Inventory | None
    notes: tuple[str, ...] = ()
    duration_s: float = 0.0
    kept: tuple[Kept, ...] = ()
    issued_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def clean(self) -> bool:
        """True when nothing is left and every question was answered: unknown is not fine."""
        return self.inventory is None or (not self.inventory.left and not self.inventory.unanswered)

    def document(self) -> dict[str, Any]:
        """Return `receipt.json`."""
        inventory = self.inventory
        why = {(kept.item.kind, kept.item.identifier): kept.why for kept in self.kept}
        return {
            "schema": 1,
            "lease": {
                "id": self.lease.id,
                "name": self.lease.name,
                "target": self.lease.target,
                "owner": self.lease.provenance.owner,
                "created_at": rfc3339(self.lease.created_at),
                "expires_at": rfc3339(self.lease.expires_at),
            },
            "cost": cost_document(self.lease, self.issued_at),
            "clean": self.clean,
            "issued_at": rfc3339(self.issued_at),
            "reason": self.lease.release.reason if self.lease.release else "",
            "duration_s": round(self.duration_s, 2),
            "deleted": [asdict(item) for item in self.deleted],
            "inventory": {
                "taken": inventory is not None,
                "asked": list(inventory.asked) if inventory else [],
                "unanswered": list(inventory.unanswered) if inventory else [],
            },
            "left": [
                {**_found(item), "why": why.get((item.kind, item.identifier), "")}
                for item in (inventory.left if inventory else ())
            ],
            "pending": [{**_found(item), "why": item.pending} for item in (inventory.pending if inventory else ())],
            "notes": list(self.notes),
        }

    def write(self, directory: Path) -> Path:
        """Write `receipt.json` into a directory and return its path."""
        path = directory / "receipt.json"
        write_private_json(path, self.document())
        return path


def _found(item: Found) -> dict[str, str]:
    return {"kind": item.kind, "identifier": item.identifier, "source": item.source}


def report_directory(lease: Lease) -> Path:
    """Return where a lease's report and receipt go by default: they must outlive the lease's own directory."""
    return paths.cache_home() / "reports" / f"{lease.name}-{lease.id}"
