"""What a team has agreed to: the list `iam.accept` of its policy file, each entry with the reason.

```yaml
iam:
  accept:
    - principal: role/orders-*
      actions: ["s3:PutObject"]
      resources: ["arn:aws:s3:::orders-*/*"]
      reason: the sink connector writes there
      expires: 2027-06-30
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.errors import UsageError
from orchestrator.iam_review.globs import contains
from orchestrator.iam_review.model import Finding, FindingKind

#: Read from the working directory when no file is named.
DEFAULT_FILE = "ephk-policy.yaml"


class Acceptance(BaseModel):
    """One entry of the list; everything that it names must match for it to accept a finding.

    Attributes:
        principal: whom it is about, as findings call them (`role/orders-sink`); wildcards are fine.
        kind: `new-access`, `trust`, `boundary` or `lint`.
        rule: the rule's id, mostly for lint findings.
        actions: every action of the finding must match one of these.
        resources: every resource of the finding must lie in one of these; for trust, who is let in.
        condition: text that the finding's condition must contain; empty accepts any.
        reason: why, for the next reader.
        expires: the last day on which it counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    principal: str = Field(min_length=1)
    kind: FindingKind = "new-access"
    rule: str = "*"
    actions: tuple[str, ...] = ("*",)
    resources: tuple[str, ...] = ("*",)
    condition: str = ""
    reason: str = Field(min_length=1)
    expires: date | None = None

    def covers(self, finding: Finding) -> bool:
        """Tell whether all of a finding is accepted, not merely a part of it."""
        return (
            finding.kind == self.kind
            and contains(self.principal, finding.principal)
            and contains(self.rule, finding.rule)
            and self.condition in finding.condition
            and all(any(contains(p.lower(), action.lower()) for p in self.actions) for action in finding.actions)
            and all(any(contains(p, resource) for p in self.resources) for resource in finding.resources)
        )


class PolicyFile(BaseModel):
    """The part of the policy file that is about IAM.

    Attributes:
        accept: what is agreed to.
        strict: fail when something is not covered, as `--strict` does.
    """

    model_config = ConfigDict(extra="forbid")

    accept: tuple[Acceptance, ...] = ()
    strict: bool = False


def read_policy_file(path: Path | None) -> PolicyFile:
    """Read the team's policy file.

    Args:
        path: the file; None for `ephk-policy.yaml` where it is there.

    Raises:
        UsageError: it cannot be read, or an entry is not of the documented form.
    """
    if path is None:
        path = Path(DEFAULT_FILE)
        if not path.is_file():
            return PolicyFile()
    next_step = "Give entries of principal, actions, resources and reason; docs/iam-review.md shows one."
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"cannot read the policy file {path}: {error}", next_step=next_step) from None
    section = document.get("iam") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(section or {}, dict):
        raise UsageError(f"{path}: 'iam' must be a mapping with the list 'accept'", next_step=next_step)
    try:
        return PolicyFile.model_validate(section or {})
    except ValidationError as error:
        problems = tuple(
            f"iam.{'.'.join(str(part) for part in one['loc'])}: {one['msg'].lower()}" for one in error.errors()
        )
        raise UsageError(f"{path}: {problems[0]}", details=problems[1:], next_step=next_step) from None


def apply_acceptances(
    findings: Sequence[Finding], acceptances: Sequence[Acceptance], today: date
) -> tuple[list[Finding], list[str]]:
    """Mark what is accepted.

    Args:
        findings: of a review.
        acceptances: the team's list.
        today: an entry that expired before does not count.

    Returns:
        The findings, and a line about each entry that accepts nothing or has expired.
    """
    used: set[int] = set()
    marked = []
    for finding in findings:
        index = next(
            (
                number
                for number, entry in enumerate(acceptances)
                if finding.widens and not _expired(entry, today) and entry.covers(finding)
            ),
            None,
        )
        if index is not None:
            used.add(index)
        marked.append(finding if index is None else replace(finding, accepted=acceptances[index].reason))
    unused = [
        f"iam.accept.{number} ({entry.principal}: {entry.reason}) "
        + (f"expired on {entry.expires}" if _expired(entry, today) else "accepts nothing here")
        for number, entry in enumerate(acceptances)
        if number not in used
    ]
    return marked, unused


def _expired(entry: Acceptance, today: date) -> bool:
    return entry.expires is not None and entry.expires < today
