from __future__ import annotations

from typing import Any

import pytest

from contracts.iam.lint import RULES, Place, judge
from contracts.model import Failed, NotCovered, Verified
from orchestrator.iam_review import catalogue, rules
from orchestrator.iam_review.catalogue import Rule, Violation
from orchestrator.iam_review.model import Severity

ROLE = "arn:aws:iam::123456789012:role/ephk-abcd2345-connector"
TOPIC = "arn:aws:kafka:us-east-1:123456789012:topic"


def policy(action: str, resource: str, **more: Any) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}],
    }


#: What a role's policy says, by the rule that it breaks.
BROKEN: dict[Rule, dict[str, Any]] = {
    catalogue.KAFKA_WILDCARD: policy("kafka-cluster:ReadData", "*"),
    catalogue.KAFKA_CONTROL_PLANE: policy("kafka:ReadData", f"{TOPIC}/orders/uuid/orders"),
    catalogue.KAFKA_ARN: policy("kafka-cluster:ReadData", f"{TOPIC.replace('topic', 'topics')}/orders/uuid/orders"),
    catalogue.KAFKA_MISMATCH: policy("kafka-cluster:ReadData", f"{TOPIC.replace('topic', 'group')}/orders/uuid/orders"),
    catalogue.PASS_ROLE: policy("iam:PassRole", "*"),
    catalogue.WILDCARD_RESOURCE: policy("s3:PutObject", "*"),
    catalogue.ALLOW_NOT: {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
    },
    catalogue.ADMINISTRATOR: policy("*", "*"),
    catalogue.MALFORMED: {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject"}]},
}


def test_every_rule_for_single_policies_is_a_contract() -> None:
    elsewhere = {catalogue.KAFKA_ACL, catalogue.TRUST, catalogue.BOUNDARY, catalogue.ESCALATION, catalogue.PARLIAMENT}
    assert set(RULES) == set(catalogue.RULES) - elsewhere
    assert set(RULES) == {*BROKEN, catalogue.PUBLIC}


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.id)
def test_a_broken_rule_fails_its_own_contract_and_names_the_place(rule: Rule) -> None:
    places = [Place("role connector", "policy hole", ROLE, one) for one in rules.identity_policy(BROKEN[rule])]
    outcome = judge(rule, places, 1)
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("role connector, policy hole")
    assert outcome.evidence["addresses"] == [ROLE]
    sound = rules.identity_policy(policy("kafka-cluster:ReadData", f"{TOPIC}/orders/uuid/orders"))
    assert isinstance(judge(rule, [Place("role connector", "policy sound", ROLE, one) for one in sound], 1), Verified)


def test_what_is_low_fails_nothing_and_nothing_to_look_at_is_not_fine() -> None:
    low = Violation(catalogue.PUBLIC, "a trifle", 1, Severity.LOW)
    assert isinstance(judge(catalogue.PUBLIC, [Place("bucket", "policy", "arn", low)], 1), Verified)
    assert isinstance(judge(catalogue.PUBLIC, [], 0), NotCovered)
