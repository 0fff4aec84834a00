"""The least policy of commands: what they need (`needs`) as IAM reads it.

A pipeline's role needs no more than `policy_for` gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from orchestrator import tags
from orchestrator.errors import UsageError
from orchestrator.needs import COMMANDS, OFFLINE, Need

#: Eight characters: the names of an environment, not those of the state bucket (`ephk-state-...`) and the set-up.
_ANY_LEASE = "????????"
#: What IAM takes as one managed policy.
MANAGED_POLICY_CHARACTERS = 6144


def policy_for(commands: Iterable[str], *, account: str = "*", region: str = "*", lease: str = "*") -> dict[str, Any]:
    """Return the least policy for some commands.

    Args:
        commands: names of ephk commands.
        account: twelve digits, or `*`.
        region: a region, or `*`.
        lease: limit what is tagged to one lease; `*` for whatever carries a lease's tag.

    Raises:
        UsageError: a command is not known.
    """
    needs: dict[str, Need] = {}
    for command in commands:
        if command not in {*COMMANDS, *OFFLINE}:
            known = ", ".join(sorted((*COMMANDS, *OFFLINE)))
            raise UsageError(f"{command!r} is no command of ephk", next_step=f"Give some of: {known}.")
        needs.update({need.sid: need for need in COMMANDS.get(command, ())})
    statements = [_statement(need, account, region, lease) for need in needs.values()]
    if not statements:
        raise UsageError("these commands call no cloud, so they need no policy")
    return {"Version": "2012-10-17", "Statement": statements}


def split(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a policy as several, none larger than a managed policy may be; a role takes ten of them.

    Source: IAM User Guide, "IAM and AWS STS quotas": 6,144 characters, white space not counted.
    """
    parts: list[list[dict[str, Any]]] = [[]]
    for statement in document["Statement"]:
        if parts[-1] and size([*parts[-1], statement]) > MANAGED_POLICY_CHARACTERS:
            parts.append([])
        parts[-1].append(statement)
    return [{"Version": document["Version"], "Statement": part} for part in parts]


def size(statements: list[dict[str, Any]]) -> int:
    """Return how many characters a policy of these statements has for IAM's quota."""
    return len(json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":")))


def _statement(need: Need, account: str, region: str, lease: str) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": need.sid,
        "Effect": "Allow",
        "Action": sorted(need.actions),
    }
    names = {"account": account, "region": region, "lease": _ANY_LEASE if lease == "*" else lease}
    statement["Resource"] = [resource.format(**names) for resource in need.resources]
    operator = "StringLike" if "*" in lease else "StringEquals"
    # `?*`: the tag is there and not empty.
    value = "?*" if lease == "*" else lease
    match need.limit:
        case "tag-on-request":
            statement["Condition"] = {operator: {f"aws:RequestTag/{tags.LEASE}": value}}
        case "tag-at-creation":
            statement["Condition"] = {
                operator: {f"aws:RequestTag/{tags.LEASE}": value},
                "Null": {"ec2:CreateAction": "false"},
            }
        case "tag-on-resource":
            statement["Condition"] = {operator: {f"aws:ResourceTag/{tags.LEASE}": value}}
        case "boundary":
            boundary = f"arn:aws:iam::{account}:policy/ephk-{names['lease']}-boundary"
            statement["Condition"] = {"ArnLike": {"iam:PermissionsBoundary": boundary}}
        case "to-connect":
            statement["Condition"] = {"StringEquals": {"iam:PassedToService": "kafkaconnect.amazonaws.com"}}
        case "none":
            pass
    return statement
