"""EC2's security groups: two that name each other in their rules cannot go before one of them forgets the other.

"You can't delete a security group that is referenced by a rule" (DeleteSecurityGroup, Amazon EC2 API Reference).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator import tags
from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import Deleter, RefusedError, Work, found_or_none, short, tag_map
from orchestrator.teardown.found import Found, pairs


def _tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    by_id = [{"Name": "resource-id", "Values": [short(item.identifier)]}]
    return tag_map(session.client("ec2").describe_tags(Filters=by_id)["Tags"])


def _revoke(work: Work, rule: dict[str, Any]) -> None:
    ec2 = work.client("ec2")
    revoke = ec2.revoke_security_group_egress if rule.get("IsEgress") else ec2.revoke_security_group_ingress
    found_or_none(lambda: revoke(GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]]))


def _delete_rule(work: Work, item: Found) -> None:
    ec2, rule = work.client("ec2"), short(item.identifier)
    described = found_or_none(lambda: ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule]))
    for seen in (described or {}).get("SecurityGroupRules", []):
        _revoke(work, seen)


def _rules(work: Work, group: str) -> Iterator[dict[str, Any]]:
    by_group = [{"Name": "group-id", "Values": [group]}]
    for page in work.client("ec2").get_paginator("describe_security_group_rules").paginate(Filters=by_group):
        yield from page["SecurityGroupRules"]


def _referring(work: Work, group: str) -> Iterator[dict[str, Any]]:
    """Yield the groups whose rules name `group`, each once."""
    seen: set[str] = set()
    for name in ("ip-permission.group-id", "egress.ip-permission.group-id"):
        by_reference = [{"Name": name, "Values": [group]}]
        for page in work.client("ec2").get_paginator("describe_security_groups").paginate(Filters=by_reference):
            for other in page["SecurityGroups"]:
                if other["GroupId"] != group and other["GroupId"] not in seen:
                    seen.add(other["GroupId"])
                    yield other


def _delete_group(work: Work, item: Found) -> None:
    group = short(item.identifier)
    foreign = []
    for other in _referring(work, group):
        carried = pairs(other.get("Tags"))
        same = Found("ec2:security-group", other["GroupId"], item.source, tags=carried, lease=item.lease)
        if not work.owns(same):
            whose = dict(carried).get(tags.LEASE)
            foreign.append(f"{other['GroupId']}{f' of lease {whose}' if whose else ''}")
            continue
        for rule in _rules(work, other["GroupId"]):
            if (rule.get("ReferencedGroupInfo") or {}).get("GroupId") == group:
                _revoke(work, rule)
    if foreign:
        raise RefusedError(f"rules of security groups that are not this lease's name it: {', '.join(foreign)}")
    work.retrying(lambda: work.client("ec2").delete_security_group(GroupId=group))


DELETERS = (
    Deleter("ec2:security-group-rule", _delete_rule, _tags),
    Deleter(
        "ec2:security-group",
        _delete_group,
        _tags,
        ("ec2:security-group-rule", "ec2:network-interface", "ec2:vpc-endpoint", "kafka:cluster"),
    ),
)
