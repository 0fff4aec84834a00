"""A lease: who owns an environment until when. The unit of teardown and of cost."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.ci_jobs import CiJob
from orchestrator.environment import Environment
from orchestrator.errors import EphkError
from orchestrator.tags import LEASE_ID_ALPHABET, LEASE_ID_LENGTH, Provenance, lease_tags

#: MSK takes 25 to 60 minutes for a cluster, the rest of the stack some more.
DEFAULT_CREATE_WITHIN = timedelta(minutes=90)
DEFAULT_MAX_LIFETIME = timedelta(days=7)


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


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Transition(_Record):
    """One step of a lease's life: the state that it entered, and when (UTC)."""

    state: LeaseState
    at: datetime


class Keep(_Record):
    """A mark that holds the reaper off until a date; the maximum lifetime does not apply to it.

    Attributes:
        reason: why the environment is worth keeping; never empty.
        until: when the mark ends (UTC): there is no keeping for ever.
        by: who set it.
    """

    reason: str = Field(min_length=1, max_length=256)
    until: datetime
    by: str


class Release(_Record):
    """Somebody wants the environment gone; it stays wanted until nothing is left.

    Attributes:
        reason: `down`, `expired`, `create-deadline`, `owner-gone`, `job-ended`, `cloud-gone`, `interrupted`, `failed`.
        asked_at: when (UTC).
    """

    reason: str
    asked_at: datetime


class HourlyCost(_Record):
    """What the environment is estimated to cost, USD/h; the span is what usage decides.

    `once_low` and `once_high` are charged however long it lives, USD.
    """

    low: float = Field(ge=0)
    high: float = Field(ge=0)
    once_low: float = Field(default=0, ge=0)
    once_high: float = Field(default=0, ge=0)


class Lease(_Record):
    """The record of one lease; it holds no secret.

    Attributes:
        id: eight characters, part of every resource's name.
        name: what people call the environment; unique among the ledger's leases.
        target: where it is provisioned.
        state: see `LeaseState`.
        provenance: owner, repository, pull request, commit, cost centre.
        created_at: when the lease was written (UTC).
        create_deadline: until when provisioning may take (UTC): an age that counted from creation would kill clusters
            that MSK is still creating.
        ttl: how long the environment may live once it is ready.
        latest_end: no extension goes past this (UTC).
        expires_at: when the environment may be removed (UTC): `ttl` after it became ready; before, the latest that
            can be.
        ready_at: when it became ready (UTC), None before.
        history: every state with its time, oldest first.
        release: set from the moment that somebody wants it gone.
        keep: holds the reaper off.
        hourly_cost: the estimate; None when there are no prices for it.
        budget_usd: the limit that applied when it was made; None without one.
        spec: the spec as validated, so that a lease explains itself without the user's file.
        provider: which provider plugin made it (`embedded` or `official`), so that the same one removes it.
        holder: the process that works on the lease now (`pid`, `create_time`), None when nobody does.
        ci_job: the job that began it, when its CI can be asked whether that has ended.
        environment: the environment, once it is ready.
        version: counts the writes; an update based on an old version is refused.
    """

    id: str
    name: str
    target: Literal["embedded", "aws"]
    state: LeaseState
    provenance: Provenance
    created_at: datetime
    create_deadline: datetime
    ttl: timedelta
    latest_end: datetime
    expires_at: datetime
    ready_at: datetime | None = None
    history: tuple[Transition, ...] = ()
    release: Release | None = None
    keep: Keep | None = None
    hourly_cost: HourlyCost | None = None
    budget_usd: float | None = None
    spec: dict[str, Any]
    provider: Literal["embedded", "official"] = "embedded"
    holder: dict[str, Any] | None = None
    ci_job: CiJob | None = None
    environment: Environment | None = None
    version: int = Field(default=1, ge=1)

    def moved_to(self, state: LeaseState, **changes: Any) -> Lease:
        """Return the lease in another state, with the time written down; `ready` starts the ttl.

        Raises:
            EphkError: the state machine has no such transition.
        """
        if state not in _NEXT[self.state]:
            raise EphkError(f"lease {self.name} ({self.id}) is {self.state} and cannot become {state}")
        now = _now()
        changes.setdefault("history", (*self.history, Transition(state=state, at=now)))
        if state is LeaseState.READY:
            changes.setdefault("ready_at", now)
            changes.setdefault("expires_at", min(now + self.ttl, self.latest_end))
        return self.model_copy(update={"state": state, **changes})

    def releasing(self, reason: str) -> Lease:
        """Return the lease in `releasing`; the first reason and its time stay.

        Raises:
            EphkError: the lease is released already.
        """
        return self.moved_to(
            LeaseState.RELEASING, release=self.release or Release(reason=reason, asked_at=_now()), keep=None
        )

    def ends_at(self) -> datetime:
        """Return when the reaper may take it (UTC): by its deadline, its ttl, or its keep mark."""
        by_state = self.expires_at if self.ready_at is not None else self.create_deadline
        return max(by_state, self.keep.until) if self.keep is not None else by_state

    def due(self, now: datetime | None = None) -> str:
        """Return why it is to be taken down now, or an empty string.

        A release that was begun is finished whatever the deadlines say. Whether a provisioning process is still there
        is for the caller to find out: only its own machine, or its CI, knows.
        """
        if self.release is not None or self.state in (LeaseState.RELEASING, LeaseState.LEAKING):
            return self.release.reason if self.release is not None else "release was begun"
        if (now or _now()) < self.ends_at():
            return ""
        return "expired" if self.ready_at is not None else "create-deadline"

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
        """Return how long until the lease ends; negative when it should have."""
        return self.ends_at() - (now or _now())


def new_lease(
    *,
    name: str,
    target: Literal["embedded", "aws"],
    ttl: timedelta,
    provenance: Provenance,
    spec: dict[str, Any],
    create_within: timedelta = DEFAULT_CREATE_WITHIN,
    max_lifetime: timedelta = DEFAULT_MAX_LIFETIME,
    provider: Literal["embedded", "official"] = "embedded",
    holder: dict[str, Any] | None = None,
    hourly_cost: HourlyCost | None = None,
    budget_usd: float | None = None,
    ci_job: CiJob | None = None,
) -> Lease:
    """Make a lease in state `requested`, with a random id; it is in force once the ledger has written it.

    Provisioning may take `create_within`; once ready, the environment lives for `ttl`, and with extensions for
    `max_lifetime` at most.
    """
    now = _now()
    deadline = now + create_within
    return Lease(
        id="".join(secrets.choice(LEASE_ID_ALPHABET) for _ in range(LEASE_ID_LENGTH)),
        name=name,
        target=target,
        state=LeaseState.REQUESTED,
        provenance=provenance,
        created_at=now,
        create_deadline=deadline,
        ttl=ttl,
        latest_end=deadline + max_lifetime,
        expires_at=deadline + ttl,
        history=(Transition(state=LeaseState.REQUESTED, at=now),),
        spec=spec,
        provider=provider,
        holder=holder,
        hourly_cost=hourly_cost,
        budget_usd=budget_usd,
        ci_job=ci_job,
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
