"""A lease: who owns an environment until when. The unit of teardown and of cost."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.environment import Environment
from orchestrator.errors import EphkError
from orchestrator.tags import Provenance, lease_tags

#: No vowels and no look-alikes: an id never spells a word and survives being read aloud.
_ID_ALPHABET = "bcdfghjkmnpqrstvwxz23456789"
_ID_LENGTH = 8


class LeaseState(StrEnum):
    """Where an environment is in its life. Each is on disk before the act that it announces."""

    REQUESTED = "requested"
    PROVISIONING = "provisioning"
    READY = "ready"
    RELEASING = "releasing"
    RELEASED = "released"
    LEAKING = "leaking"


_NEXT: dict[LeaseState, frozenset[LeaseState]] = {
    LeaseState.REQUESTED: frozenset({LeaseState.PROVISIONING, LeaseState.RELEASING}),
    LeaseState.PROVISIONING: frozenset({LeaseState.READY, LeaseState.RELEASING}),
    LeaseState.READY: frozenset({LeaseState.RELEASING}),
    LeaseState.RELEASING: frozenset({LeaseState.RELEASING, LeaseState.RELEASED, LeaseState.LEAKING}),
    LeaseState.LEAKING: frozenset({LeaseState.RELEASING}),
    LeaseState.RELEASED: frozenset(),
}


class Lease(BaseModel):
    """The record of one lease; it holds no secret.

    Attributes:
        id: eight characters, part of every resource's name.
        name: what people call the environment; unique among the ledger's leases.
        target: where it is provisioned.
        state: see `LeaseState`.
        provenance: owner, repository, pull request, commit, cost centre.
        created_at: when the lease was written (UTC).
        expires_at: when the environment may be removed (UTC).
        spec: the spec as validated, so that a lease explains itself without the user's file.
        provider: which provider plugin made it (`embedded` or `official`), so that the same one removes it.
        holder: the process that works on the lease now (`pid`, `create_time`), None when nobody does.
        environment: the environment, once it is ready.
        version: counts the writes; an update based on an old version is refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    target: Literal["embedded", "aws"]
    state: LeaseState
    provenance: Provenance
    created_at: datetime
    expires_at: datetime
    spec: dict[str, Any]
    provider: Literal["embedded", "official"] = "embedded"
    holder: dict[str, Any] | None = None
    environment: Environment | None = None
    version: int = Field(default=1, ge=1)

    def moved_to(self, state: LeaseState, **changes: Any) -> Lease:
        """Return the lease in another state.

        Raises:
            EphkError: the state machine has no such transition.
        """
        if state not in _NEXT[self.state]:
            raise EphkError(f"lease {self.name} ({self.id}) is {self.state} and cannot become {state}")
        return self.model_copy(update={"state": state, **changes})

    @property
    def tags(self) -> dict[str, str]:
        """The tags of everything that this lease owns."""
        return lease_tags(
            lease_id=self.id,
            environment=self.name,
            provenance=self.provenance,
            created_at=self.created_at,
            expires_at=self.expires_at,
        )

    def time_left(self, now: datetime | None = None) -> timedelta:
        """Return how long until the lease expires; negative when it has."""
        return self.expires_at - (now or datetime.now(UTC))


def new_lease(
    *,
    name: str,
    target: Literal["embedded", "aws"],
    ttl: timedelta,
    provenance: Provenance,
    spec: dict[str, Any],
    provider: Literal["embedded", "official"] = "embedded",
    holder: dict[str, Any] | None = None,
) -> Lease:
    """Make a lease in state `requested`, with a random id; it is in force once the ledger has written it."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Lease(
        id="".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH)),
        name=name,
        target=target,
        state=LeaseState.REQUESTED,
        provenance=provenance,
        created_at=now,
        expires_at=now + ttl,
        spec=spec,
        provider=provider,
        holder=holder,
    )
