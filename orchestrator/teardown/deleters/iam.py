"""IAM: what hangs on a role or a policy is taken off first (DeleteRole, DeletePolicy, IAM API Reference)."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import Deleter, RefusedError, Work, found_or_none, short, tag_map
from orchestrator.teardown.found import Found


def _role_tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    iam, name = session.client("iam"), short(item.identifier)
    return tag_map((found_or_none(lambda: iam.list_role_tags(RoleName=name)) or {}).get("Tags"))


def _delete_role(work: Work, item: Found) -> None:
    iam, name = work.client("iam"), short(item.identifier)
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=name):
        for policy in page["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=name):
        for inline in page["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=inline)
    for page in iam.get_paginator("list_instance_profiles_for_role").paginate(RoleName=name):
        for profile in page["InstanceProfiles"]:
            iam.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=name)
    work.retrying(lambda: iam.delete_role(RoleName=name))


def _profile_tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    iam, name = session.client("iam"), short(item.identifier)
    return tag_map((found_or_none(lambda: iam.list_instance_profile_tags(InstanceProfileName=name)) or {}).get("Tags"))


def _delete_profile(work: Work, item: Found) -> None:
    iam, name = work.client("iam"), short(item.identifier)
    for role in iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
    work.retrying(lambda: iam.delete_instance_profile(InstanceProfileName=name))


def _policy_tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    iam = session.client("iam")
    return tag_map((found_or_none(lambda: iam.list_policy_tags(PolicyArn=item.identifier)) or {}).get("Tags"))


def _users_of(work: Work, arn: str) -> list[str]:
    """Return who has the policy, attached or as a boundary. The lease's own roles are gone by now."""
    users = []
    for usage in ("PermissionsPolicy", "PermissionsBoundary"):
        pages = (
            work.client("iam")
            .get_paginator("list_entities_for_policy")
            .paginate(PolicyArn=arn, PolicyUsageFilter=usage)
        )
        for page in pages:
            users += [f"role {entity['RoleName']}" for entity in page.get("PolicyRoles", [])]
            users += [f"user {entity['UserName']}" for entity in page.get("PolicyUsers", [])]
            users += [f"group {entity['GroupName']}" for entity in page.get("PolicyGroups", [])]
    return sorted(set(users))


def _delete_policy(work: Work, item: Found) -> None:
    """Delete a policy with all its versions; one that others use stays, since taking it from them would change them."""
    iam, arn = work.client("iam"), item.identifier
    users = _users_of(work, arn)
    if users:
        raise RefusedError(f"is in use by {', '.join(users)}: take it from them first")
    for page in iam.get_paginator("list_policy_versions").paginate(PolicyArn=arn):
        for version in page["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
    work.retrying(lambda: iam.delete_policy(PolicyArn=arn))


DELETERS = (
    Deleter("iam:instance-profile", _delete_profile, _profile_tags),
    Deleter("iam:role", _delete_role, _role_tags, ("iam:instance-profile", "kafka:cluster")),
    Deleter("iam:policy", _delete_policy, _policy_tags, ("iam:role",)),
)
