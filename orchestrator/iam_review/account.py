"""What IAM itself says: the answer of GetAccountAuthorizationDetails, from a file or from a live account."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from orchestrator.iam_review.builder import SnapshotBuilder
from orchestrator.iam_review.model import Location, PolicyRecord


def add_account(
    builder: SnapshotBuilder, details: Mapping[str, Any], *, file: str = "", wanted: Callable[[str], bool] | None = None
) -> None:
    """Add users, groups, roles and managed policies.

    Args:
        builder: where they go.
        details: what `aws iam get-account-authorization-details` or boto3 returns.
        file: where it was read from.
        wanted: which roles and users to take, by name; None for all.
    """
    for policy in details.get("Policies", ()):
        for version in policy.get("PolicyVersionList", ()):
            document = _document(version.get("Document")) if version.get("IsDefaultVersion") else None
            if document is not None:
                record = PolicyRecord(
                    policy.get("PolicyName") or policy["Arn"].rpartition("/")[2],
                    document,
                    Location(file, None, policy["Arn"]),
                    arn=policy["Arn"],
                )
                builder.managed(record, standalone=False)
    for group in details.get("GroupDetailList", ()):
        location = Location(file, None, group["Arn"])
        builder.group(group["GroupName"], location)
        _policies(builder, "group", group["GroupName"], group, location)
    for user in details.get("UserDetailList", ()):
        if wanted is None or wanted(user["UserName"]):
            location = _entity(builder, "user", user["UserName"], user, file)
            for name in user.get("GroupList", ()):
                builder.member(user["UserName"], name, location)
    for role in details.get("RoleDetailList", ()):
        if wanted is None or wanted(role["RoleName"]):
            location = _entity(builder, "role", role["RoleName"], role, file)
            trust = _document(role.get("AssumeRolePolicyDocument"))
            if trust is not None:
                builder.trust(role["RoleName"], PolicyRecord("trust policy", trust, location))


def _entity(builder: SnapshotBuilder, kind: str, name: str, details: Mapping[str, Any], file: str) -> Location:
    location = Location(file, None, details["Arn"])
    account = details["Arn"].split(":")[4]
    principal_kind: Any = kind
    builder.saw(details["Arn"])
    builder.principal(principal_kind, name, location, path=details.get("Path", "/"), account=account)
    _policies(builder, kind, name, details, location)
    boundary = (details.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    if boundary:
        builder.boundary(principal_kind, name, location, boundary)
    return location


def _policies(builder: SnapshotBuilder, kind: str, name: str, details: Mapping[str, Any], location: Location) -> None:
    inline = details.get("RolePolicyList") or details.get("UserPolicyList") or details.get("GroupPolicyList") or ()
    for policy in inline:
        document = _document(policy["PolicyDocument"])
        if document is None:
            builder.gap(location, f"the inline policy {policy['PolicyName']} is not readable", f"{kind}/{name}")
        else:
            builder.grant(
                kind,
                name,
                PolicyRecord(policy.get("PolicyName") or policy["Arn"].rpartition("/")[2], document, location),
            )
    for attached in details.get("AttachedManagedPolicies", ()):
        builder.attach(kind, name, attached["PolicyArn"], location)


def _document(value: object) -> Mapping[str, Any] | None:
    """Read a document, which the API gives URL-encoded and clients decode."""
    if isinstance(value, str):
        try:
            value = json.loads(unquote(value) if value.startswith("%") else value)
        except ValueError:
            return None
    return value if isinstance(value, Mapping) else None
