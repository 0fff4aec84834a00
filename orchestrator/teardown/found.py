"""What an inventory finds, for one lease or for many."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from orchestrator import tags

#: How names of ours begin (`stacks.inputs.StackInputs.prefix`); a lease's id follows.
_IN_NAME = re.compile(rf"(?:^|[^a-z0-9])ephk[-/]({tags.LEASE_ID_PATTERN})(?![a-z0-9])")
#: "Filters" of an EC2 Describe call take 200 values at most (Amazon EC2 API Reference, "Filtering").
_EC2_VALUES = 200
#: A tag filter of GetResources takes 20 values at most (Resource Groups Tagging API Reference, "TagFilter").
_TAGGING_VALUES = 20


@dataclass(frozen=True, order=True)
class Found:
    """One resource that an inventory found.

    Attributes:
        kind: service and type, for example `ec2:subnet`.
        identifier: ARN, id or name, as the service calls it.
        source: which question found it.
        pending: why it does not count as left (a key that is scheduled for deletion), else empty.
        tags: the tags it carries; None when the question does not tell.
        lease: the id of the lease that it seems to belong to.
    """

    kind: str
    identifier: str
    source: str
    pending: str = ""
    tags: tuple[tuple[str, str], ...] | None = None
    lease: str = ""


@dataclass(frozen=True)
class Inventory:
    """What was found, and which questions could not be asked.

    Attributes:
        found: every resource of the lease, sorted.
        unanswered: questions that failed, with the reason: unknown is not empty.
        asked: every question.
    """

    found: tuple[Found, ...]
    unanswered: tuple[str, ...]
    asked: tuple[str, ...]

    @property
    def left(self) -> tuple[Found, ...]:
        """What counts as left behind."""
        return tuple(item for item in self.found if not item.pending)

    @property
    def pending(self) -> tuple[Found, ...]:
        """What the cloud deletes by itself after its own waiting period."""
        return tuple(item for item in self.found if item.pending)


class Scope:
    """Whose resources are asked for: those of some leases, or of every lease there ever was.

    Args:
        leases: the leases' ids; None for all.
    """

    def __init__(self, leases: Iterable[str] | None) -> None:
        self.leases = None if leases is None else frozenset(leases)

    def __contains__(self, lease: str) -> bool:
        """Tell whether a lease is asked for."""
        return bool(lease) and (self.leases is None or lease in self.leases)

    @property
    def only(self) -> str:
        """The one lease, when it is one; else empty."""
        return next(iter(self.leases)) if self.leases is not None and len(self.leases) == 1 else ""

    def ec2_filters(self) -> list[dict[str, Any]]:
        """Return the filter of an EC2 call."""
        if self.leases is None or len(self.leases) > _EC2_VALUES:
            return [{"Name": "tag-key", "Values": [tags.LEASE]}]
        return [{"Name": f"tag:{tags.LEASE}", "Values": sorted(self.leases)}]

    def tagging_filters(self) -> list[dict[str, Any]]:
        """Return the filter of the tagging API."""
        if self.leases is None or len(self.leases) > _TAGGING_VALUES:
            return [{"Key": tags.LEASE}]
        return [{"Key": tags.LEASE, "Values": sorted(self.leases)}]

    def of_tags(self, pairs: Iterable[tuple[str, str]] | None) -> str:
        """Return the lease that tags name, when it is asked for; else empty."""
        named = dict(pairs or ()).get(tags.LEASE, "")
        return named if named in self else ""

    def of_name(self, name: str) -> str:
        """Return the lease whose id stands in a name as our names have it, when it is asked for; else empty.

        The shape alone proves nothing: before anything is deleted, its tags are read (`ownership`).
        """
        if self.only:
            return self.only if self.only in name else ""
        match = _IN_NAME.search(name)
        return match[1] if match is not None and match[1] in self else ""


def pairs(items: Iterable[dict[str, str]] | None) -> tuple[tuple[str, str], ...]:
    """Return tags, as most services write them, as sorted pairs."""
    return tuple(sorted((item["Key"], item["Value"]) for item in items or ()))
