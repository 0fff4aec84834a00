"""Whose a resource is. Asked before every deletion: what is not provably the lease's is reported and never touched."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from orchestrator import tags
from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import short
from orchestrator.teardown.deleters.table import DELETERS
from orchestrator.teardown.found import Found


@dataclass(frozen=True)
class Ownership:
    """What proves that something is a lease's.

    Attributes:
        session: of somebody who may read tags.
        lease: the lease's id.
        in_state: the ids that the lease's own Pulumi state names.
    """

    session: AwsSession
    lease: str
    in_state: Collection[str] = ()

    def proof(self, item: Found) -> str:
        """Return what proves it (`tag` or `state`), or an empty string.

        The tag counts first; tags are read from the service when the inventory did not bring them. A resource that
        carries another lease's tag is not this lease's, whatever a state says.

        Raises:
            botocore.exceptions.ClientError: the tags cannot be read: unknown is not ours.
        """
        carried = dict(item.tags) if item.tags else {}
        if tags.LEASE not in carried and item.kind in DELETERS:
            carried = dict(DELETERS[item.kind].marks(self.session, item))
        if tags.LEASE in carried:
            return "tag" if carried[tags.LEASE] == self.lease else ""
        return "state" if item.identifier in self.in_state or short(item.identifier) in self.in_state else ""
