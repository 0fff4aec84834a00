"""The one place that names tags: every resource that can carry a tag carries all of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

LEASE = "ephk:lease"
ENVIRONMENT = "ephk:environment"
OWNER = "ephk:owner"
REPOSITORY = "ephk:repository"
PULL_REQUEST = "ephk:pull-request"
COMMIT = "ephk:commit"
COST_CENTER = "ephk:cost-center"
CREATED_AT = "ephk:created-at"
EXPIRES_AT = "ephk:expires-at"
#: A lease's id: no vowels and no look-alikes, so that it never spells a word and survives being read aloud.
LEASE_ID_ALPHABET = "bcdfghjkmnpqrstvwxz23456789"
LEASE_ID_LENGTH = 8
#: The same as a regular expression.
LEASE_ID_PATTERN = f"[{LEASE_ID_ALPHABET}]{{{LEASE_ID_LENGTH}}}"

#: On what `ephk bootstrap` made, in the place of a lease: no reaper takes it for an environment's.
BOOTSTRAP = "ephk:bootstrap"

REQUIRED = (LEASE, ENVIRONMENT, OWNER, REPOSITORY, PULL_REQUEST, COMMIT, COST_CENTER, CREATED_AT, EXPIRES_AT)

#: AWS allows letters, digits, spaces and these in a tag value, 256 characters at most
#: ("Tag naming limits and requirements", AWS Tagging Best Practices).
_ALLOWED_PUNCTUATION = "_.:/=+-@ "
_MAX_VALUE = 256


def rfc3339(moment: datetime) -> str:
    """Format a time as RFC 3339 in UTC with whole seconds, as every tag and record does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tag_value(text: str) -> str:
    """Make `text` a legal tag value; an empty one becomes "none", so that a missing tag is never an empty one."""
    legal = "".join(c if c.isalnum() or c in _ALLOWED_PUNCTUATION else "-" for c in text.strip())
    return legal[:_MAX_VALUE].strip() or "none"


@dataclass(frozen=True)
class Provenance:
    """Who asked for an environment, for which change.

    Attributes:
        owner: a person's or a pipeline's name.
        repository: `organisation/name`, or the working copy's directory name.
        pull_request: its number or branch, "none" outside of one.
        commit: the full commit id, "none" outside a repository.
        cost_center: who pays.
        branch: the branch that is built; not a tag, since it is looked up by commit.
        job: the address of the CI job, "none" outside of CI; not a tag.
    """

    owner: str
    repository: str = "none"
    pull_request: str = "none"
    commit: str = "none"
    cost_center: str = "none"
    branch: str = "none"
    job: str = "none"


def lease_tags(
    *, lease_id: str, environment: str, provenance: Provenance, created_at: datetime, expires_at: datetime
) -> dict[str, str]:
    """Return the full set of tags for one lease, with legal values."""
    return {
        LEASE: lease_id,
        ENVIRONMENT: tag_value(environment),
        OWNER: tag_value(provenance.owner),
        REPOSITORY: tag_value(provenance.repository),
        PULL_REQUEST: tag_value(provenance.pull_request),
        COMMIT: tag_value(provenance.commit),
        COST_CENTER: tag_value(provenance.cost_center),
        CREATED_AT: rfc3339(created_at),
        EXPIRES_AT: rfc3339(expires_at),
    }


def missing(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Name the required tags that are absent or empty."""
    return tuple(name for name in REQUIRED if not tags.get(name))
