"""EC2's security groups, with each rule a resource of its own."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from typing import Any

from orchestrator.embedded.provider.call import Call, found, ignoring, tag_map
from orchestrator.embedded.provider.ec2 import arn, tag_specification, update_tags
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values

_RULE_GONE = ("InvalidSecurityGroupRuleId.NotFound", "InvalidGroup.NotFound", "InvalidPermission.NotFound")


def _create_group(call: Call, news: Values) -> str:
    ec2 = call.client("ec2")
    answer = ec2.create_security_group(
        GroupName=news["name"],
        Description=news.get("description", "Managed by Pulumi"),
        VpcId=news["vpcId"],
        TagSpecifications=tag_specification("security-group", news),
    )
    group_id = call.created(answer["GroupId"])
    # EC2 opens all outgoing traffic for a new group. A group without egress rules in the program has none, as with
    # the official provider.
    for permission in _describe_group(call, group_id)["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=[permission])
    return group_id


def _describe_group(call: Call, group_id: str) -> Any:
    ec2 = call.client("ec2")
    answer = found(["InvalidGroup.NotFound"], lambda: ec2.describe_security_groups(GroupIds=[group_id]))
    return answer["SecurityGroups"][0] if answer and answer["SecurityGroups"] else None


def _read_group(call: Call, group_id: str, state: Values) -> Values | None:
    group = _describe_group(call, group_id)
    if group is None:
        return None
    return {
        "name": group["GroupName"],
        "description": group["Description"],
        "vpcId": group["VpcId"],
        "ownerId": group.get("OwnerId", call.account_id),
        "arn": arn(call, "security-group", group_id),
        "tags": tag_map(group.get("Tags")),
    }


def _update_tags_only(call: Call, resource_id: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    if "tags" in changed:
        update_tags(call, resource_id, olds, news)


def _delete_group(call: Call, group_id: str, state: Values) -> None:
    with ignoring("InvalidGroup.NotFound"):
        call.retrying(["DependencyViolation"], lambda: call.client("ec2").delete_security_group(GroupId=group_id))


def _permission(news: Values) -> Values:
    """Return the rule as `IpPermissions` writes it."""
    permission: Values = {"IpProtocol": news["ipProtocol"]}
    if "fromPort" in news:
        permission["FromPort"] = news["fromPort"]
    if "toPort" in news:
        permission["ToPort"] = news["toPort"]
    note = {"Description": news["description"]} if "description" in news else {}
    if "cidrIpv4" in news:
        permission["IpRanges"] = [{"CidrIp": news["cidrIpv4"], **note}]
    if "referencedSecurityGroupId" in news:
        permission["UserIdGroupPairs"] = [{"GroupId": news["referencedSecurityGroupId"], **note}]
    if "prefixListId" in news:
        permission["PrefixListIds"] = [{"PrefixListId": news["prefixListId"], **note}]
    return permission


def _rule_functions(*, egress: bool) -> dict[str, Any]:
    """Return create, read and delete of rules in one direction; the API has a set of operations for each."""
    direction = "egress" if egress else "ingress"

    def create(call: Call, news: Values) -> str:
        authorize = getattr(call.client("ec2"), f"authorize_security_group_{direction}")
        answer = authorize(
            GroupId=news["securityGroupId"],
            IpPermissions=[_permission(news)],
            TagSpecifications=tag_specification("security-group-rule", news),
        )
        return call.created(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def read(call: Call, rule_id: str, state: Values) -> Values | None:
        ec2 = call.client("ec2")
        answer = found(_RULE_GONE, lambda: ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id]))
        rules = [rule for rule in (answer or {}).get("SecurityGroupRules", ()) if rule["IsEgress"] is egress]
        if not rules:
            return None
        rule = rules[0]
        return {
            "securityGroupId": rule["GroupId"],
            "ipProtocol": rule["IpProtocol"],
            "fromPort": rule.get("FromPort"),
            "toPort": rule.get("ToPort"),
            "cidrIpv4": rule.get("CidrIpv4"),
            "referencedSecurityGroupId": rule.get("ReferencedGroupInfo", {}).get("GroupId"),
            "prefixListId": rule.get("PrefixListId"),
            "description": rule.get("Description"),
            "securityGroupRuleId": rule_id,
            "arn": arn(call, "security-group-rule", rule_id),
            "tags": tag_map(rule.get("Tags")),
        }

    def delete(call: Call, rule_id: str, state: Values) -> None:
        revoke = getattr(call.client("ec2"), f"revoke_security_group_{direction}")
        with ignoring(*_RULE_GONE):
            revoke(GroupId=state["securityGroupId"], SecurityGroupRuleIds=[rule_id])

    return {"create": create, "read": read, "delete": delete, "update": _update_tags_only}


_RULE_FIELDS = (
    Field("securityGroupId", required=True, replace=True),
    Field("ipProtocol", required=True, replace=True),
    Field("fromPort", replace=True),
    Field("toPort", replace=True),
    Field("cidrIpv4", replace=True),
    Field("referencedSecurityGroupId", replace=True),
    Field("prefixListId", replace=True),
    Field("description", replace=True),
    TAGS,
)

TYPES = (
    ResourceType(
        "aws:ec2/securityGroup:SecurityGroup",
        (
            Field("name", required=True, replace=True),
            Field("description", replace=True),
            Field("vpcId", required=True, replace=True),
            TAGS,
        ),
        _create_group,
        _read_group,
        _delete_group,
        _update_tags_only,
    ),
    ResourceType(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", _RULE_FIELDS, **_rule_functions(egress=False)
    ),
    ResourceType(
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", _RULE_FIELDS, **_rule_functions(egress=True)
    ),
)
