"""What a need is: actions on resources under one condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Limit = Literal["none", "tag-on-request", "tag-at-creation", "tag-on-resource", "boundary", "to-connect"]


@dataclass(frozen=True)
class Need:
    """Something that a command does.

    Attributes:
        sid: what for; unique among all needs.
        actions: IAM actions.
        resources: ARNs, with `{region}`, `{account}` and the lease's id, `{lease}`.
        limit: the condition: the lease's tag on what is made (`tag-at-creation`: by the request that makes it, since
            whoever may tag what is there makes it his own) or on what is changed, the environment's boundary, or
            that a role is passed to MSK Connect and to no other service.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    limit: Limit = "none"
