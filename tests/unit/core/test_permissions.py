"""The least policy of each command: as agreed in the golden files, as AWS knows the actions, as a real run needs it.

`permissions/requests.json` holds every (action, resource, condition keys) that the gateway saw from `up`, `verify` and
`down` of `examples/orders.yaml`, what `up` of `examples/connect.yaml` asked more, and `cost --actual` and `--refresh`.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator import needs as command_needs
from orchestrator import permissions
from orchestrator.cli import COMMANDS as CLI_COMMANDS
from orchestrator.cli import main
from orchestrator.embedded.gateway.models import service_model
from orchestrator.errors import UsageError
from orchestrator.iam import PolicySet, Request
from orchestrator.iam.actions import action_info, resource_patterns
from orchestrator.iam_review import rules
from orchestrator.iam_review.globs import overlap

GOLDEN = Path(__file__).parent / "permissions"
ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/pipeline/ephk"
#: What the condition keys of a recorded request that are no lease's tags are taken to be.
VALUES = {
    "iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/ephk-abcd2345-boundary",
    "iam:PassedToService": "kafkaconnect.amazonaws.com",
    "ec2:CreateAction": "CreateVpc",
}
#: What was recorded, and the command that asked it: `connect` is what `up` of an environment with connectors asks more.
RECORDED = {"up": "up", "verify": "verify", "down": "down", "connect": "up", "cost": "cost"}
#: Operations that botocore's model has and the data about actions, which is older, has not.
NEWER = {"kafkaconnect:RestartConnector"}
#: What pipelines run; `bootstrap` is an administrator's, who makes the roles of the account.
PIPELINES = [command for command in command_needs.COMMANDS if command != "bootstrap"]
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
    assert set(CLI_COMMANDS) <= set(command_needs.COMMANDS) | command_needs.OFFLINE


@pytest.mark.parametrize("sid", NEEDS)
def test_aws_knows_actions_resources_and_conditions(sid: str) -> None:
    need = NEEDS[sid]
    for action in set(need.actions) - NEWER:
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


@pytest.mark.parametrize("command", PIPELINES)
def test_no_policy_opens_a_way_to_more_privileges(command: str) -> None:
    document = policy(command)
    assert rules.escalation_paths(ROLE, ACCOUNT, [document]) == []
    worst = {violation.rule.id for violation in rules.identity_policy(document)}
    assert worst <= {"iam.lint.wildcard-resource"}


def test_what_is_newer_than_the_data_is_an_operation_of_the_services_model() -> None:
    for action in NEWER:
        service, _, operation = action.partition(":")
        assert operation in service_model(service).operation_names
        assert action_info(action) is None, f"{action} is known by now"


def test_run_may_do_what_up_verify_and_down_may() -> None:
    """`ephk run` is the three in one: it is tried through them, each under its own policy."""
    run = {json.dumps(statement) for statement in policy("run")["Statement"]}
    for command in ("up", "verify", "down"):
        assert {json.dumps(statement) for statement in policy(command)["Statement"]} <= run


def requests(recorded: str) -> list[tuple[str, Request]]:
    """Return what a recorded run asked for; a condition key that a request had is given the lease's id."""
    found = []
    for action, resource, keys in json.loads((GOLDEN / "requests.json").read_text())[recorded]:
        context = {key: VALUES.get(key, "abcd2345") for key in keys}
        found.append((action, Request(ROLE, action, resource, context, account=ACCOUNT)))
    return found


def refused(document: dict[str, Any], recorded: str) -> set[str]:
    # Keys leave the decision to IAM policies, as the stack's key policy does.
    key = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}]}
    delegated = PolicySet(identity_policies=[document], resource_policy=key)
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}]}
    trusted = PolicySet(identity_policies=[document], resource_policy=trust, trust=True)
    plain = PolicySet(identity_policies=[document])
    sets = {"kms": delegated, "sts": trusted}
    return {
        action
        for action, request in requests(recorded)
        if not sets.get(action.partition(":")[0], plain).decide(request).allowed
    }


@pytest.mark.parametrize("recorded", RECORDED)
def test_a_real_run_needs_no_more(recorded: str) -> None:
    assert refused(policy(RECORDED[recorded]), recorded) == set()


@pytest.mark.parametrize("recorded", RECORDED)
def test_one_action_less_refuses_that_action(recorded: str) -> None:
    used = {action for action, _ in requests(recorded)} - {"sts:GetCallerIdentity"}
    for action in sorted(used):
        less = copy.deepcopy(policy(RECORDED[recorded]))
        for statement in less["Statement"]:
            statement["Action"] = [entry for entry in statement["Action"] if entry != action] or ["a4b:NothingAtAll"]
        assert refused(less, recorded) == {action}


def test_a_lease_can_be_named_and_unknown_commands_are_refused() -> None:
    document = permissions.policy_for(["down"], lease="abcd2345")
    assert '"aws:ResourceTag/ephk:lease": "abcd2345"' in json.dumps(document)
    with pytest.raises(UsageError, match="no command of ephk"):
        permissions.policy_for(["dwon"])
    with pytest.raises(UsageError, match="need no policy"):
        permissions.policy_for(["plan"])


def test_a_long_policy_is_split_without_loss() -> None:
    parts = permissions.split(policy("up"))
    assert len(parts) > 1
    assert all(permissions.size(part["Statement"]) <= permissions.MANAGED_POLICY_CHARACTERS for part in parts)
    assert [one for part in parts for one in part["Statement"]] == policy("up")["Statement"]


def test_the_state_bucket_and_other_buckets_stay_out_of_reach() -> None:
    document = policy(*PIPELINES)
    own = f"arn:aws:s3:::ephk-abcd2345-{ACCOUNT}"
    others = (f"arn:aws:s3:::ephk-state-{ACCOUNT}-{REGION}", "arn:aws:s3:::acme-orders")
    policies = PolicySet(identity_policies=[document])
    assert policies.decide(Request(ROLE, "s3:DeleteBucket", own)).allowed
    for bucket in others:
        assert not policies.decide(Request(ROLE, "s3:DeleteBucket", bucket, account=ACCOUNT)).allowed
        assert not policies.decide(Request(ROLE, "s3:DeleteObject", f"{bucket}/key", account=ACCOUNT)).allowed


def test_what_is_there_cannot_be_made_ones_own_by_a_tag() -> None:
    """Who may tag somebody's network with a lease's tag may delete it by that tag."""
    document = PolicySet(identity_policies=[policy(*PIPELINES)])
    vpc = f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/vpc-0123456789abcdef0"
    tag = {"aws:RequestTag/ephk:lease": "abcd2345"}
    assert not document.decide(Request(ROLE, "ec2:CreateTags", vpc, tag, account=ACCOUNT)).allowed
    assert document.decide(Request(ROLE, "ec2:CreateTags", vpc, tag | {"ec2:CreateAction": "CreateVpc"})).allowed


def test_roles_are_passed_to_msk_connect_alone() -> None:
    document = PolicySet(identity_policies=[policy("up")])
    role = f"arn:aws:iam::{ACCOUNT}:role/ephk-abcd2345-connect-sink"
    for wanted, service, allowed in (
        (role, "kafkaconnect.amazonaws.com", True),
        (role, "lambda.amazonaws.com", False),
        (f"arn:aws:iam::{ACCOUNT}:role/admin", "kafkaconnect.amazonaws.com", False),
    ):
        assert (
            document.decide(Request(ROLE, "iam:PassRole", wanted, {"iam:PassedToService": service})).allowed is allowed
        )
