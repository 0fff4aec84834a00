"""The condition keys about tags: of the request, of the resource that it names, and of who asks.

Source: IAM User Guide, "AWS global condition context keys" (`aws:RequestTag`, `aws:TagKeys`, `aws:ResourceTag`,
`aws:PrincipalTag`), and the Service Authorization Reference for the services' own spellings. What cannot be known (the
VPC endpoint that a request came through) is left out: a missing key is what AWS has for such a request as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestrator.embedded.gateway.moto_state import MotoState, moto_lock
from orchestrator.embedded.gateway.service import Caller, ServiceBackend

_PAIR = re.compile(r"(?:TagSpecification\.\d+\.)?(?:Tags?)\.(?:member\.)?\d+\.Key")
_KEY_ONLY = re.compile(r"(?:TagKeys?)\.(?:member\.)?\d+")
#: Services that also have `<service>:ResourceTag/<key>`.
_OWN_SPELLING = frozenset({"ec2", "iam", "secretsmanager"})
#: "Actions, resources, and condition keys for AWS Identity and Access Management" (Service Authorization Reference).
_LIMITED_BY_BOUNDARY = frozenset(
    {
        "AttachRolePolicy", "DeleteRolePermissionsBoundary", "DeleteRolePolicy", "DetachRolePolicy", "PutRolePolicy",
    }
)  # fmt: skip
_POLICY_ATTACHMENT = re.compile(r"(Attach|Detach)(Role|User|Group)Policy")


def of_request(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return `aws:RequestTag/*` and `aws:TagKeys` of a request.

    Args:
        fields: the members of the request, whatever its protocol: flat names of a form, or a JSON object.
    """
    tags = _form_tags(fields) | _json_tags(fields)
    keys = list(dict.fromkeys([*tags, *_removed(fields)]))
    context: dict[str, Any] = {f"aws:RequestTag/{key}": value for key, value in tags.items() if value is not None}
    return context | ({"aws:TagKeys": keys} if keys else {})


def of_iam_request(operation: str, fields: Mapping[str, Any]) -> dict[str, str]:
    """Return IAM's own keys by which policies limit what may be attached ("Actions ... for AWS IAM")."""
    context = {}
    if _POLICY_ATTACHMENT.fullmatch(operation) and isinstance(fields.get("PolicyArn"), str):
        context["iam:PolicyARN"] = fields["PolicyArn"]
    if isinstance(fields.get("PermissionsBoundary"), str):
        context["iam:PermissionsBoundary"] = fields["PermissionsBoundary"]
    return context


def _form_tags(fields: Mapping[str, Any]) -> dict[str, str | None]:
    tags: dict[str, str | None] = {}
    for name, value in fields.items():
        if _PAIR.fullmatch(name):
            given = fields.get(f"{name.removesuffix('Key')}Value")
            tags[str(value)] = str(given) if given is not None else None
    return tags


def _json_tags(fields: Mapping[str, Any]) -> dict[str, str | None]:
    value = fields.get("Tags", fields.get("tags"))
    if isinstance(value, Mapping):
        return {str(key): str(text) for key, text in value.items()}
    tags: dict[str, str | None] = {}
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, Mapping):
            key = entry.get("Key", entry.get("TagKey", entry.get("key")))
            text = entry.get("Value", entry.get("TagValue", entry.get("value")))
            if key is not None:
                tags[str(key)] = str(text) if text is not None else None
    return tags


def _removed(fields: Mapping[str, Any]) -> Iterable[str]:
    for name, value in fields.items():
        if _KEY_ONLY.fullmatch(name):
            yield str(value)
    listed = fields.get("TagKeys", fields.get("tagKeys"))
    yield from (str(entry) for entry in listed) if isinstance(listed, list) else ()


class ResourceTags:
    """Looks up the tags that resources and principals carry now.

    Args:
        moto: the services that moto keeps.
        backends: returns the services of our own that have been used.
    """

    def __init__(self, moto: MotoState, backends: Callable[[], Iterable[ServiceBackend]]) -> None:
        self._moto, self._backends = moto, backends

    def of_resource(self, service: str, arn: str) -> dict[str, str]:
        """Return `aws:ResourceTag/*` of the resource of an ARN; nothing for `*` and for what does not exist."""
        if arn == "*":
            return {}
        tags = self._tags(service, arn)
        context = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
        if service in _OWN_SPELLING:
            context |= {f"{service}:ResourceTag/{key}": value for key, value in tags.items()}
        return context

    def boundary_of_role(self, operation: str, arn: str) -> dict[str, str]:
        """Return `iam:PermissionsBoundary` of a request that changes what a role can do: the boundary it has now."""
        if operation not in _LIMITED_BY_BOUNDARY:
            return {}
        with moto_lock:
            for role in self._moto.backend("iam", "aws").roles.values():
                if role.arn == arn and role.permissions_boundary_arn:
                    return {"iam:PermissionsBoundary": str(role.permissions_boundary_arn)}
        return {}

    def of_principal(self, caller: Caller) -> dict[str, str]:
        """Return `aws:PrincipalTag/*` of a role's session or a user."""
        if caller.kind not in ("role", "user"):
            return {}
        tags = self._tags("iam", caller.role_arn or caller.arn)
        return {f"aws:PrincipalTag/{key}": value for key, value in tags.items()}

    def _tags(self, service: str, arn: str) -> dict[str, str]:
        for backend in self._backends():
            if backend.service == service:
                return next((one["tags"] for one in backend.tagged_resources() if one["arn"] == arn), {})
        with moto_lock:
            return tag_pairs(self._stored(service, arn))

    def _stored(self, service: str, arn: str) -> Any:
        """Return a resource's tags in the form that moto keeps them."""
        name = arn.rpartition("/")[2]
        match service:
            case "ec2":
                return self._moto.backend("ec2").tags.get(name)
            case "kms":
                key = self._moto.backend("kms").keys.get(name)
                return self._moto.backend("kms").tagger.get_tag_dict_for_resource(key.id) if key is not None else None
            case "secretsmanager":
                secret = self._moto.backend("secretsmanager").secrets.get(arn)
                return getattr(secret, "tags", None)
            case "logs":
                return self._moto.backend("logs").tagger.get_tag_dict_for_resource(arn.removesuffix(":log-stream:"))
            case "iam":
                return self._iam(arn)
            case "acm-pca":
                authorities = self._moto.backend("acm-pca")
                known = arn in authorities.certificate_authorities
                return authorities.list_tags(arn).get("Tags") if known else None
        return None

    def _iam(self, arn: str) -> Any:
        iam = self._moto.backend("iam", "aws")
        for holder in (iam.roles, iam.users, iam.managed_policies):
            for entity in holder.values():
                if entity.arn == arn:
                    return getattr(entity, "tags", None)
        return None


def tag_pairs(tags: Any) -> dict[str, str]:
    """Read tags from whichever form a backend keeps: a list of pairs, a mapping of pairs, or a plain mapping."""
    if isinstance(tags, dict):
        return {str(k): str(v["Value"] if isinstance(v, dict) else v) for k, v in tags.items()}
    return {str(tag["Key"]): str(tag.get("Value", "")) for tag in tags or ()}
