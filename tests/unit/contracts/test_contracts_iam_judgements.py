"""What counts as a refusal of an action, and what the IAM contracts make of evaluations and answers."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from contracts.catalogue import contracts_for, load
from contracts.iam.allow_deny import Tried, judge_permitted, judge_refused
from contracts.iam.attempts import Answer, Attempt, KafkaAnswerError, answer_of
from contracts.iam.evaluation import View
from contracts.iam.forbidden import PROHIBITIONS
from contracts.iam.permitted import PERMISSIONS
from contracts.iam.roles import roles_of
from contracts.iam.scene import Check
from contracts.iam_authentication import judge_accepted, judge_forged, judge_reauthentication
from contracts.model import Failed, ProbeError, Verified
from contracts.wire.errors import SaslRefusedError
from orchestrator.environment import Principal
from tests.unit.contracts.builders import WRITER, environment

SENTENCE = (
    "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: {} on resource: x because no policy allows it"
)


def refusal(action: str, code: str = "AccessDenied") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": SENTENCE.format(action)}}, "Operation")


def raising(error: Exception) -> Attempt:
    def call() -> None:
        raise error

    return Attempt(call, frozenset({"NoSuchEntity"}))


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
def test_a_refusal_names_the_action(code: str) -> None:
    assert raising(refusal("kafka:DeleteCluster", code)).run("kafka:DeleteCluster") == Answer("refused", code)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (refusal("kms:Decrypt"), "unclear"),
        (refusal("kafka:DeleteCluster", "Throttling"), "unclear"),
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "x"), "unclear"),
        (ClientError({"Error": {"Code": "NoSuchEntity", "Message": ""}}, "x"), "allowed"),
        (ClientError({"Error": {"Code": "InternalFailure", "Message": ""}}, "x"), "unclear"),
        (SaslRefusedError("b:1", "SASL_AUTHENTICATION_FAILED", 58), "refused"),
        (SaslRefusedError("b:1", "UNSUPPORTED_SASL_MECHANISM", 33), "unclear"),
        (KafkaAnswerError(29), "refused"),
        (KafkaAnswerError(7), "unclear"),
    ],
)
def test_other_answers_are_no_refusal(error: Exception, verdict: str) -> None:
    assert raising(error).run("kafka:DeleteCluster").verdict == verdict


def test_an_answer_that_could_not_be_had_is_raised() -> None:
    with pytest.raises(TimeoutError):
        raising(TimeoutError()).run("s3:GetObject")


def test_what_a_request_made_is_taken_back() -> None:
    done: list[str] = []
    attempt = Attempt(lambda: done.append("made"), undo=lambda: done.append("removed"))
    assert attempt.run("iam:CreateUser") == Answer("allowed", "succeeded")
    assert done == ["made", "removed"]


def test_the_digits_of_an_action_belong_to_it() -> None:
    message = SENTENCE.format("kafka:DescribeClusterV2")
    assert answer_of("kafka:DescribeClusterV2", "AccessDenied", message, frozenset()).verdict == "refused"
    assert answer_of("kafka:DescribeCluster", "AccessDenied", message, frozenset()).verdict == "unclear"


DENY, ALLOW, UNKNOWN = View(False, "no policy"), View(True, "a policy"), View(None, "unreadable")
YES, NO, HUH = Answer("allowed", "succeeded"), Answer("refused", "AccessDenied"), Answer("unclear", "Throttling")


def tried(evaluated: View, answer: Answer | None) -> list[Tried]:
    return [Tried(Check("s3:GetObject", "arn:x"), evaluated, answer)]


@pytest.mark.parametrize(
    ("evaluated", "answer", "refused", "permitted"),
    [
        (DENY, NO, Verified, Failed),
        (ALLOW, NO, Verified, Failed),
        (DENY, YES, Failed, Verified),
        (DENY, None, Verified, ProbeError),
        (ALLOW, None, Failed, ProbeError),
        (UNKNOWN, None, ProbeError, ProbeError),
        (UNKNOWN, NO, Verified, Failed),
        (DENY, HUH, ProbeError, ProbeError),
    ],
)
def test_the_live_answer_decides_and_text_only_where_there_is_none(
    evaluated: View, answer: Answer | None, refused: type, permitted: type
) -> None:
    for judge, wanted in ((judge_refused, refused), (judge_permitted, permitted)):
        if wanted is ProbeError:
            with pytest.raises(ProbeError):
                judge("role", tried(evaluated, answer))
        else:
            assert isinstance(judge("role", tried(evaluated, answer)), wanted)


def test_one_open_permission_among_refused_ones_fails_and_is_named() -> None:
    open_one = Tried(Check("iam:PassRole", "arn:role"), ALLOW, None)
    outcome = judge_refused("operator", [*tried(DENY, NO), open_one])
    assert isinstance(outcome, Failed)
    assert "operator may iam:PassRole on arn:role" in outcome.reason
    assert outcome.evidence["s3:GetObject on arn:x"]["live"] == "AccessDenied"


IAM = Principal(name="batch", auth="iam", kafka_principal="User:r", role_arn="arn:aws:iam::123456789012:role/batch")
ROLES = {
    "operator": "arn:aws:iam::123456789012:role/path/operator",
    "connector": "arn:aws:iam::123456789012:role/connector",
    "ci": "arn:aws:iam::123456789012:role/ci",
}


def test_every_role_of_the_environment_is_looked_at_once() -> None:
    found = roles_of(environment(roles=ROLES, principals=(WRITER, IAM)))
    assert [(role.label, role.purpose, role.name) for role in found] == [
        ("operator", "operator", "operator"),
        ("connector", "connector", "connector"),
        ("ci", "ci", "ci"),
        ("client-batch", "client", "batch"),
    ]
    shared = environment(roles={"client": IAM.role_arn}, principals=(IAM,))
    assert [role.label for role in roles_of(shared)] == ["client"]


def ids(**changes: object) -> set[str]:
    made = environment(roles=ROLES, principals=(WRITER, IAM), **changes)
    return {member.id for member in contracts_for(made, ["iam.*"], load())}


def test_each_purpose_is_held_to_what_it_must_not_do() -> None:
    found = ids()
    assert {"iam.operator.deny.delete-cluster", "iam.client-batch.deny.secrets", "iam.connector.deny.connect"} <= found
    assert {
        "iam.operator.allow.administer",
        "iam.connector.allow.use-bucket",
        "iam.client-batch.allow.connect",
    } <= found
    assert "iam.ci.deny.delete-cluster" not in found, "it takes environments down"
    assert "iam.ci.deny.widen-policy" in found
    assert "iam.connector.deny.bucket" not in found


def test_workers_connect_and_use_the_bucket_and_unknown_purposes_are_held_to_everything() -> None:
    made = environment(roles={"worker": ROLES["connector"], "batch": ROLES["ci"]}, principals=(WRITER,))
    found = {member.id for member in contracts_for(made, ["iam.*"], load())}
    assert {"iam.worker.allow.connect", "iam.worker.deny.delete-cluster", "iam.batch.deny.bucket"} <= found
    assert not found & {"iam.worker.deny.connect", "iam.worker.deny.bucket"}
    assert not [name for name in found if name.startswith("iam.batch.allow.")]


def test_names_of_permissions_and_prohibitions_are_unique() -> None:
    for group in (PERMISSIONS, PROHIBITIONS):
        names = [item.name for item in group]
        assert len(set(names)) == len(names)


def test_only_a_failed_authentication_refuses_a_forged_signature() -> None:
    assert isinstance(judge_forged({"b:1, token": 58}), Verified)
    accepted = judge_forged({"b:1, token": 58, "b:2, token": 0})
    assert isinstance(accepted, Failed)
    assert "b:2, token accepted a forged signature" in accepted.reason
    with pytest.raises(ProbeError):
        judge_forged({"b:1, token": 33})


def test_a_session_goes_on_under_its_own_name_only() -> None:
    changed = "b:1: Cannot change principals during re-authentication from User.a: User.b"
    assert isinstance(judge_reauthentication("", changed), Verified)
    for same, other in (("b:1: Access denied", changed), ("", "")):
        assert isinstance(judge_reauthentication(same, other), Failed)
    with pytest.raises(ProbeError, match="another reason"):
        judge_reauthentication("", "b:1: Access denied")


def test_each_broker_takes_both_mechanisms() -> None:
    both = {"OAUTHBEARER": "NONE", "AWS_MSK_IAM": "NONE"}
    assert isinstance(judge_accepted({"b:1": both}), Verified)
    outcome = judge_accepted({"b:1": both, "b:2": {**both, "AWS_MSK_IAM": "UNSUPPORTED_SASL_MECHANISM"}})
    assert isinstance(outcome, Failed)
    assert outcome.reason == "b:2 refused AWS_MSK_IAM: UNSUPPORTED_SASL_MECHANISM"


def test_an_environment_without_roles_says_so() -> None:
    bare = environment(roles={}, principals=(WRITER,))
    members = contracts_for(bare, ["iam.*"], load())
    assert {member.id for member in members if not member.id.startswith("iam.lint.")} == {
        "iam.boundary.present",
        "iam.boundary.escalation",
        "iam.trust.least",
        "iam.views.agree",
    }
