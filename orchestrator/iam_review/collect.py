"""Where a side of a review comes from: a directory, a file, a git revision, a plan, or a live environment."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from orchestrator.errors import UsageError
from orchestrator.iam_review import pulumi
from orchestrator.iam_review.builder import SnapshotBuilder
from orchestrator.iam_review.documents import form_of
from orchestrator.iam_review.files import add_files, read_path, read_revision
from orchestrator.iam_review.model import Location, Snapshot
from orchestrator.iam_review.plans import PlanReader
from orchestrator.terraform import reader as terraform

Side = Literal["before", "after"]
#: Returns the snapshot of a live environment, by its name.
LiveReader = Callable[[str], Snapshot]
_LIVE = "lease:"


def collect(source: str, live: LiveReader, *, path: str = ".", plan_side: Side = "after") -> Snapshot:
    """Read one side.

    Args:
        source: a path; `lease:NAME`; a git revision, or `REVISION:PATH`.
        live: reads environments.
        path: what is meant at a revision that is given without a path.
        plan_side: which side of a plan counts.

    Raises:
        UsageError: it is none of these, or cannot be read.
        EphkError: a live environment cannot be asked.
    """
    if source.startswith(_LIVE):
        return live(source.removeprefix(_LIVE))
    if Path(source).exists():
        tree: Mapping[str, str] | None = read_path(Path(source))
    else:
        revision, colon, own_path = source.partition(":")
        tree = read_revision(revision, own_path if colon else path)
    builder = SnapshotBuilder(source)
    if tree is None:
        builder.gap(Location(source), f"the revision has no {path!r}, so everything counts as new")
        return builder.build()
    used = add_files(builder, tree) + sum(_add_plan(builder, name, text, plan_side) for name, text in tree.items())
    if not used:
        raise UsageError(
            f"{source} holds no policy document, plan or account description",
            next_step="Give JSON policies, 'terraform show -json' or 'pulumi preview --json' output.",
        )
    return builder.build()


def is_plan(source: str) -> bool:
    """Tell whether a source is one file with a plan, which has both sides in it."""
    path = Path(source)
    if not path.is_file():
        return False
    return form_of(_parsed(read_path(path)[str(path)])) in ("terraform-plan", "pulumi-preview")


def _add_plan(builder: SnapshotBuilder, name: str, text: str, side: Side) -> bool:
    document = _parsed(text)
    form = form_of(document)
    if form not in ("terraform-plan", "pulumi-preview") or not isinstance(document, Mapping):
        return False
    builder.saw(text)
    module = terraform if form == "terraform-plan" else pulumi
    PlanReader(builder, name, module.planned_resources(document, side)).read()
    return True


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
