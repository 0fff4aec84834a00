"""What lies where in the state bucket."""

from __future__ import annotations

#: The Pulumi project that environments' stacks belong to.
PROJECT = "ephk"
#: What `ephk bootstrap` made, as a JSON document.
RECORD = "bootstrap.json"
#: The state of the stack that made the bucket itself; Pulumi cannot keep it there before there is a bucket.
BOOTSTRAP_STATE = "bootstrap-stack.json"
#: Leases, one object each; and the last record of those that are over.
LEASES, RELEASED = "leases/", "released/"
#: The prefix of Pulumi's backend: the same bucket, so that one place has all that a teardown needs.
PULUMI = "pulumi"


def state_key(stack: str) -> str:
    """Return the key of a stack's state ("Pulumi DIY backends": `.pulumi/stacks/<project>/<stack>.json`)."""
    return f"{PULUMI}/.pulumi/stacks/{PROJECT}/{stack}.json"


def locks_prefix(stack: str) -> str:
    """Return the prefix of a stack's locks."""
    return f"{PULUMI}/.pulumi/locks/organization/{PROJECT}/{stack}/"


def stack_prefixes(stack: str) -> tuple[str, ...]:
    """Return the prefixes of everything that Pulumi keeps of one stack."""
    base = f"{PULUMI}/.pulumi"
    return (
        f"{base}/stacks/{PROJECT}/{stack}.",
        f"{base}/history/{PROJECT}/{stack}/",
        f"{base}/backups/{PROJECT}/{stack}/",
        locks_prefix(stack),
    )


def bucket_name(account_id: str, region: str) -> str:
    """Return the name by which an account's state bucket is found without being told."""
    return f"ephk-state-{account_id}-{region}"
