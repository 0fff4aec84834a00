"""Rules for single policies, on the policies that are live: what a role or resource carries now, not what a file says.

The rules are those of `ephk check iam` (`orchestrator.iam_review.rules`), so what a review finds in a pull request and
what is found in the environment have the same names. Boundaries that are missing, ways up and wide trust have contracts
of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.iam import policies
from contracts.iam.roles import roles_of
from contracts.model import Failed, NotCovered, Outcome, ProbeError, Verified, Watch
from contracts.registry import Member, family
from contracts.wire.describe import describe_acls
from orchestrator.environment import Environment
from orchestrator.iam_review import catalogue, rules
from orchestrator.iam_review.acl_rules import acl_violations
from orchestrator.iam_review.catalogue import Rule, Violation
from orchestrator.iam_review.model import Severity
from orchestrator.iam_review.resource_policies import attached_policies

#: Each is a contract: its id, and what it says of the environment's policies.
RULES: Mapping[Rule, str] = {
    catalogue.KAFKA_WILDCARD: "No live policy gives kafka-cluster actions on every cluster",
    catalogue.KAFKA_CONTROL_PLANE: "No live policy names kafka: actions where kafka-cluster: actions are meant",
    catalogue.KAFKA_ARN: "Every Kafka ARN in a live policy is one of a cluster, topic, group or transactional id",
    catalogue.KAFKA_MISMATCH: "Every kafka-cluster action in a live policy works on the kind of resource beside it",
    catalogue.PASS_ROLE: "No live policy allows iam:PassRole without naming the role and the service",
    catalogue.PUBLIC: "No policy of the environment's bucket, key, secrets or cluster lets everybody in",
    catalogue.WILDCARD_RESOURCE: "No live policy allows changes on every resource",
    catalogue.ALLOW_NOT: "No live policy allows all but some actions or resources",
    catalogue.ADMINISTRATOR: "No live policy is an administrator's, and no boundary is open",
    catalogue.MALFORMED: "Every live policy is well-formed",
}


@dataclass(frozen=True)
class Place:
    """One broken rule, and where.

    Attributes:
        owner: the role's label or the resource's kind.
        policy: which of its policies.
        address: the ARN of the role, managed policy or resource that carries it.
        violation: what is wrong, and in which statement.
    """

    owner: str
    policy: str
    address: str
    violation: Violation

    def __str__(self) -> str:
        where = f", statement {self.violation.statement}" if self.violation.statement else ""
        return f"{self.owner}, {self.policy}{where}: {self.violation.message}"


def judge(rule: Rule, places: Sequence[Place], looked_at: int) -> Outcome:
    """Judge what breaks one rule; what is low is for reviews, and fails no environment."""
    if not looked_at:
        return NotCovered("there is no policy and no ACL of the environment to look at")
    found = [one for one in places if one.violation.rule is rule and one.violation.severity is not Severity.LOW]
    evidence: dict[str, Any] = {"policies": looked_at}
    if not found:
        return Verified(evidence)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Failed(
        f"{found[0]}{more}",
        {
            **evidence,
            "addresses": list(dict.fromkeys(one.address for one in found)),
            "found": [str(one) for one in found],
        },
    )


def places(access: Access, watch: Watch) -> tuple[list[Place], int]:
    """Judge every live policy, once in a run; returns what is wrong, and how many policies were looked at.

    Raises:
        ProbeError: a policy could not be read, and what is unknown is not fine.
    """
    return access.once("lint", lambda: _places(access, watch), watch)


def _places(access: Access, watch: Watch) -> tuple[list[Place], int]:
    found: list[Place] = []
    count = 0
    try:
        for role in roles_of(access.environment):
            own = policies.read(access, role, watch)
            for name, document in own.identity.items():
                count += 1
                address = name if name.startswith("arn:") else role.arn
                judged = rules.identity_policy(document)
                found += [Place(f"role {role.label}", f"policy {name}", address, one) for one in judged]
            if own.boundary is not None:
                count += 1
                judged = rules.boundary_policy(own.boundary)
                found += [Place(f"role {role.label}", "boundary", str(own.boundary_arn), one) for one in judged]
        for attached in attached_policies(access.environment, access):
            watch.waiting(f"the policy of {attached.arn}")
            policy = attached.read()
            if policy is not None:
                count += 1
                judged = rules.resource_policy(policy)
                found += [Place(attached.kind, f"policy of {attached.arn}", attached.arn, one) for one in judged]
    except ClientError as error:
        raise ProbeError(f"{watch.waiting_for} failed: {error.response['Error']['Code']}") from error
    return found, count


def _probe(rule: Rule, access: Access, watch: Watch) -> Outcome:
    found, looked_at = places(access, watch)
    return judge(rule, found, looked_at)


def _acls(access: Access, watch: Watch) -> Outcome:
    """Judge the ACLs that brokers hold, which is where a permission of a principal that is no IAM identity stands."""
    if "operator" not in access.environment.roles:
        return NotCovered("the environment names no operator role, which lists the ACLs")
    watch.waiting("the brokers to list their ACLs")
    held = describe_acls(access.any_connection(access.operator, watch))
    found = [Place(acl.principal, "ACL", str(acl), one) for acl in sorted(held) for one in acl_violations(asdict(acl))]
    return judge(catalogue.KAFKA_ACL, found, len(held))


@family(
    "iam.lint.<rule>",
    title="Live policies say what was meant",
    risk="A wildcard or a mistaken name in a policy gives more than anybody saw in the review",
    statement="The live policies of roles, bucket, key, secrets and cluster break none of the rules of a review",
    remediation="Correct the statement that is named; `ephk check iam --lint` finds the same in the files",
    documentation="Amazon MSK Developer Guide, IAM access control; IAM User Guide, Security best practices in IAM",
    needs=("roles",),
    vantage="control plane",
)
def lint(_environment: Environment) -> Iterable[Member]:
    """Yield one member for each rule."""
    for rule, statement in RULES.items():
        yield Member(rule.id, statement, partial(_probe, rule), rule.title)
    statement = "No ACL at the brokers covers every topic, group or transactional id, or everybody"
    yield Member(catalogue.KAFKA_ACL.id, statement, _acls, catalogue.KAFKA_ACL.title)
