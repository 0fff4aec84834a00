"""IAM: managed policies (the permissions boundary), roles, inline policies of roles."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from orchestrator.embedded.provider.call import Call, found, ignoring, removed_tags, tag_list, tag_map
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values

_GONE = "NoSuchEntity"


def _document(policy: Any) -> str:
    """Return a policy as text; boto3 hands it out parsed, URL-encoded or plain, depending on the operation."""
    return json.dumps(policy) if isinstance(policy, dict) else unquote(str(policy))


def _given(news: Values, **names: str) -> Values:
    return {api: news[name] for api, name in names.items() if news.get(name) is not None}


# --- Managed policy ----------------------------------------------------------------------------------------------


def _create_policy(call: Call, news: Values) -> str:
    answer = call.client("iam").create_policy(
        PolicyName=news["name"],
        PolicyDocument=news["policy"],
        Tags=tag_list(news.get("tags")),
        **_given(news, Path="path", Description="description"),
    )
    return call.created(answer["Policy"]["Arn"])


def _read_policy(call: Call, arn: str, state: Values) -> Values | None:
    iam = call.client("iam")
    answer = found([_GONE], lambda: iam.get_policy(PolicyArn=arn))
    if answer is None:
        return None
    policy = answer["Policy"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    return {
        "name": policy["PolicyName"],
        "path": policy["Path"],
        "description": policy.get("Description"),
        "policy": _document(version["Document"]),
        "policyId": policy["PolicyId"],
        "attachmentCount": policy.get("AttachmentCount", 0),
        "arn": arn,
        "tags": tag_map(policy.get("Tags")),
    }


def _old_versions(call: Call, arn: str) -> list[str]:
    """Return the versions that are not the default, oldest first."""
    pages = call.client("iam").get_paginator("list_policy_versions").paginate(PolicyArn=arn)
    versions = [item for page in pages for item in page["Versions"] if not item["IsDefaultVersion"]]
    return [item["VersionId"] for item in sorted(versions, key=lambda item: item["CreateDate"])]


def _update_policy(call: Call, arn: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    iam = call.client("iam")
    if "policy" in changed:
        # Five versions are the limit ("IAM and AWS STS quotas"): the old ones are of no use here.
        for version in _old_versions(call, arn):
            iam.delete_policy_version(PolicyArn=arn, VersionId=version)
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=news["policy"], SetAsDefault=True)
    if "tags" in changed:
        gone = removed_tags(olds, news)
        if gone:
            iam.untag_policy(PolicyArn=arn, TagKeys=gone)
        iam.tag_policy(PolicyArn=arn, Tags=tag_list(news.get("tags")))


def _delete_policy(call: Call, arn: str, state: Values) -> None:
    iam = call.client("iam")
    with ignoring(_GONE):
        for version in _old_versions(call, arn):
            iam.delete_policy_version(PolicyArn=arn, VersionId=version)
        call.retrying(["DeleteConflict"], lambda: iam.delete_policy(PolicyArn=arn))


# --- Role --------------------------------------------------------------------------------------------------------


def _create_role(call: Call, news: Values) -> str:
    given = _given(
        news,
        Path="path",
        Description="description",
        MaxSessionDuration="maxSessionDuration",
        PermissionsBoundary="permissionsBoundary",
    )
    answer = call.client("iam").create_role(
        RoleName=news["name"],
        AssumeRolePolicyDocument=news["assumeRolePolicy"],
        Tags=tag_list(news.get("tags")),
        **given,
    )
    return call.created(answer["Role"]["RoleName"])


def _read_role(call: Call, name: str, state: Values) -> Values | None:
    iam = call.client("iam")
    answer = found([_GONE], lambda: iam.get_role(RoleName=name))
    if answer is None:
        return None
    role = answer["Role"]
    return {
        "name": role["RoleName"],
        "path": role["Path"],
        "description": role.get("Description"),
        "assumeRolePolicy": _document(role["AssumeRolePolicyDocument"]),
        "maxSessionDuration": role.get("MaxSessionDuration", 3600),
        "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        "uniqueId": role["RoleId"],
        "createDate": role["CreateDate"].isoformat(),
        "arn": role["Arn"],
        "tags": tag_map(role.get("Tags")),
    }


def _update_role(call: Call, name: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    iam = call.client("iam")
    if "assumeRolePolicy" in changed:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=news["assumeRolePolicy"])
    if changed & {"description", "maxSessionDuration"}:
        iam.update_role(
            RoleName=name,
            Description=news.get("description", ""),
            MaxSessionDuration=news.get("maxSessionDuration", 3600),
        )
    if "permissionsBoundary" in changed:
        if news.get("permissionsBoundary"):
            iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=news["permissionsBoundary"])
        else:
            iam.delete_role_permissions_boundary(RoleName=name)
    if "tags" in changed:
        gone = removed_tags(olds, news)
        if gone:
            iam.untag_role(RoleName=name, TagKeys=gone)
        iam.tag_role(RoleName=name, Tags=tag_list(news.get("tags")))


def _delete_role(call: Call, name: str, state: Values) -> None:
    with ignoring(_GONE):
        call.retrying(["DeleteConflict"], lambda: call.client("iam").delete_role(RoleName=name))


# --- Inline policy -----------------------------------------------------------------------------------------------


def _put_role_policy(call: Call, news: Values) -> str:
    call.client("iam").put_role_policy(RoleName=news["role"], PolicyName=news["name"], PolicyDocument=news["policy"])
    return call.created(f"{news['role']}:{news['name']}")


def _read_role_policy(call: Call, resource_id: str, state: Values) -> Values | None:
    role, name = resource_id.split(":", 1)
    answer = found([_GONE], lambda: call.client("iam").get_role_policy(RoleName=role, PolicyName=name))
    if answer is None:
        return None
    return {"role": role, "name": name, "policy": _document(answer["PolicyDocument"])}


def _update_role_policy(
    call: Call,
    resource_id: str,
    olds: Values,
    news: Values,
    changed: frozenset[str],
) -> None:
    _put_role_policy(call, news)


def _delete_role_policy(call: Call, resource_id: str, state: Values) -> None:
    role, name = resource_id.split(":", 1)
    with ignoring(_GONE):
        call.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


TYPES = (
    ResourceType(
        "aws:iam/policy:Policy",
        (
            Field("name", required=True, replace=True),
            Field("path", replace=True),
            Field("description", replace=True),
            Field("policy", required=True, kind="json"),
            TAGS,
        ),
        _create_policy,
        _read_policy,
        _delete_policy,
        _update_policy,
    ),
    ResourceType(
        "aws:iam/role:Role",
        (
            Field("name", required=True, replace=True),
            Field("path", replace=True),
            Field("description"),
            Field("assumeRolePolicy", required=True, kind="json"),
            Field("maxSessionDuration"),
            Field("permissionsBoundary"),
            TAGS,
        ),
        _create_role,
        _read_role,
        _delete_role,
        _update_role,
    ),
    ResourceType(
        "aws:iam/rolePolicy:RolePolicy",
        (
            Field("role", required=True, replace=True),
            Field("name", required=True, replace=True),
            Field("policy", required=True, kind="json"),
        ),
        _put_role_policy,
        _read_role_policy,
        _delete_role_policy,
        _update_role_policy,
    ),
)
