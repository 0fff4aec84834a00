"""The least policy of each command: as agreed in the golden files, as AWS knows the actions, as a real run needs it.

`permissions/requests.json` holds every (action, resource, tag keys) that the gateway saw from `up`, `verify` and `down`
of `examples/orders.yaml`.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator import command_needs, permissions
from orchestrator.cli import COMMANDS as CLI_COMMANDS
from orchestrator.cli import main
from orchestrator.errors import UsageError
from orchestrator.iam import PolicySet, Request
from orchestrator.iam.actions import action_info, resource_patterns
from orchestrator.iam_review import rules
from orchestrator.iam_review.globs import overlap

GOLDEN = Path(__file__).parent / "permissions"
ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/pipeline/ephk"
NEEDS = {need.sid: need for needs in command_needs.COMMANDS.values() for need in needs}


def policy(*commands: str) -> dict[str, Any]:
    return permissions.policy_for(commands, account=ACCOUNT, region=REGION)


@pytest.mark.parametrize("command", command_needs.COMMANDS)
def test_the_policy_is_the_agreed_one(command: str) -> None:
    """One action more or less is a change that somebody has to agree to: copy the printed policy to the golden file."""
    done = CliRunner().invoke(
        main, ["check", "iam", "--print-policy", command, "--account", ACCOUNT, "--region", REGION]
    )
    assert done.exit_code == 0
    assert json.loads(done.stdout) == json.loads((GOLDEN / f"{command}.json").read_text())


def test_every_command_says_what_it_needs() -> None:
    assert set(CLI_COMMANDS) <= set(command_needs.COMMANDS) | command_needs.OFFLINE | command_needs.UNDECLARED


@pytest.mark.parametrize("sid", NEEDS)
def test_aws_knows_actions_resources_and_conditions(sid: str) -> None:
    need = NEEDS[sid]
    for action in need.actions:
        info = action_info(action)
        assert info is not None, action
        formats = resource_patterns(action.partition(":")[0])
        if need.resources != ("*",):
            named = [resource.format(account=ACCOUNT, region=REGION, lease="abcd2345") for resource in need.resources]
            kinds = [formats[kind] for kind in info.resource_types if kind in formats]
            assert any(overlap(one, kind) for one in named for kind in kinds), action
        keys = {key.partition("/")[0].lower() for key in info.condition_keys}
        if need.limit == "tag-on-request":
            assert "aws:requesttag" in keys, action
        if need.limit == "boundary":
            assert "iam:permissionsboundary" in keys, action


@pytest.mark.parametrize("command", command_needs.COMMANDS)
def test_no_policy_opens_a_way_to_more_privileges(command: str) -> None:
    document = policy(command)
    assert rules.escalation_paths(ROLE, ACCOUNT, [document]) == []
    worst = {violation.rule.id for violation in rules.identity_policy(document)}
    assert worst <= {"iam.lint.wildcard-resource"}


def requests(command: str) -> list[tuple[str, Request]]:
    """Return what a recorded run asked for; a condition key that a request had is given the lease's id."""
    found = []
    for action, resource, keys in json.loads((GOLDEN / "requests.json").read_text())[command]:
        context = {
            key: f"arn:aws:iam::{ACCOUNT}:policy/ephk-abcd2345-boundary" if "Boundary" in key else "abcd2345"
            for key in keys
        }
        found.append((action, Request(ROLE, action, resource, context, account=ACCOUNT)))
    return found


def refused(document: dict[str, Any], command: str) -> set[str]:
    # Keys leave the decision to IAM policies, as the stack's key policy does.
    key = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}]}
    delegated = PolicySet(identity_policies=[document], resource_policy=key)
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}]}
    trusted = PolicySet(identity_policies=[document], resource_policy=trust, trust=True)
    plain = PolicySet(identity_policies=[document])
    sets = {"kms": delegated, "sts": trusted}
    return {
        action
        for action, request in requests(command)
        if not sets.get(action.partition(":")[0], plain).decide(request).allowed
    }


@pytest.mark.parametrize("command", ["up", "verify", "down"])
def test_a_real_run_needs_no_more(command: str) -> None:
    assert refused(policy(command), command) == set()


@pytest.mark.parametrize("command", ["up", "verify", "down"])
def test_one_action_less_refuses_that_action(command: str) -> None:
    used = {action for action, _ in requests(command)} - {"sts:GetCallerIdentity"}
    for action in sorted(used):
        less = copy.deepcopy(policy(command))
        for statement in less["Statement"]:
            statement["Action"] = [entry for entry in statement["Action"] if entry != action] or ["a4b:NothingAtAll"]
        assert refused(less, command) == {action}


def test_a_lease_can_be_named_and_unknown_commands_are_refused() -> None:
    document = permissions.policy_for(["down"], lease="abcd2345")
    assert '"aws:ResourceTag/ephk:lease": "abcd2345"' in json.dumps(document)
    with pytest.raises(UsageError, match="no command of ephk"):
        permissions.policy_for(["dwon"])
    with pytest.raises(UsageError, match="not declared yet"):
        permissions.policy_for(["down", "bootstrap"])
    with pytest.raises(UsageError, match="need no policy"):
        permissions.policy_for(["plan"])


def test_a_long_policy_is_split_without_loss() -> None:
    parts = permissions.split(policy("up"))
    assert len(parts) > 1
    assert all(permissions.size(part["Statement"]) <= permissions.MANAGED_POLICY_CHARACTERS for part in parts)
    assert [one for part in parts for one in part["Statement"]] == policy("up")["Statement"]


def test_the_state_bucket_and_other_buckets_stay_out_of_reach() -> None:
    document = policy(*command_needs.COMMANDS)
    own = f"arn:aws:s3:::ephk-abcd2345-{ACCOUNT}"
    others = (f"arn:aws:s3:::ephk-state-{ACCOUNT}-{REGION}", "arn:aws:s3:::acme-orders")
    policies = PolicySet(identity_policies=[document])
    assert policies.decide(Request(ROLE, "s3:DeleteBucket", own)).allowed
    for bucket in others:
        assert not policies.decide(Request(ROLE, "s3:DeleteBucket", bucket, account=ACCOUNT)).allowed
        assert not policies.decide(Request(ROLE, "s3:DeleteObject", f"{bucket}/key", account=ACCOUNT)).allowed
