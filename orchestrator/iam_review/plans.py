"""What plans have in common: resources by address with attributes, of which some are not known before apply.

A plan's resource types differ in spelling only (`aws_iam_role` with `assume_role_policy`, `aws:iam/role:Role` with
`assumeRolePolicy`), so both readers hand over the same `PlannedResource` and one module says what each type means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orchestrator.iam_review.builder import SnapshotBuilder
from orchestrator.iam_review.documents import as_policy
from orchestrator.iam_review.model import UNKNOWN_ACCOUNT, Location, PolicyRecord
from orchestrator.terraform.resource import PlannedResource, SensitiveValue, UnknownValue


class PlanReader:
    """Puts the resources of one side of a plan into a builder.

    Args:
        builder: where everything goes.
        file: the plan's path.
        resources: all resources of that side.
    """

    def __init__(self, builder: SnapshotBuilder, file: str, resources: Sequence[PlannedResource]) -> None:
        self._builder, self._file = builder, file
        self._resources = resources
        self._by_address = {resource.address: resource for resource in resources}

    def read(self) -> None:
        """Add every resource that says something about access."""
        for resource in self._resources:
            handler = _HANDLERS.get(resource.type)
            if handler is not None:
                handler(self, resource)

    # What a resource refers to

    def _location(self, resource: PlannedResource) -> Location:
        return Location(self._file, None, resource.address)

    def _name(self, resource: PlannedResource, attribute: str = "name") -> str:
        """Return a resource's name, its address when the name is known only after apply."""
        value = resource.values.get(attribute)
        return value if isinstance(value, str) and value else resource.address

    def _target(self, resource: PlannedResource, attribute: str, types: Sequence[str]) -> PlannedResource | None:
        """Return the planned resource that an attribute refers to, when there is exactly one of these types."""
        found = [
            target
            for address in resource.references.get(attribute, ())
            if (target := self._by_address.get(address)) is not None and target.type in types
        ]
        return found[0] if len({target.address for target in found}) == 1 else None

    def _named(self, resource: PlannedResource, attribute: str, kind: str) -> str | None:
        """Return the name of a role, user or group that an attribute holds or refers to."""
        value = resource.values.get(attribute)
        if isinstance(value, str) and value:
            return value
        target = self._target(resource, attribute, (f"aws_iam_{kind}",))
        if target is not None:
            return self._name(target)
        self._gap(resource, f"which {kind} it belongs to is known only after apply")
        return None

    def _reference(self, resource: PlannedResource, attribute: str) -> str:
        """Return an ARN, or the address of the policy that an attribute refers to; empty when it is not set."""
        value = resource.values.get(attribute)
        if isinstance(value, str) or value is None:
            return value or ""
        target = self._target(resource, attribute, ("aws_iam_policy",))
        return target.address if target is not None else f"({attribute} of {resource.address})"

    def _policy(self, resource: PlannedResource, attribute: str, name: str, principal: str = "") -> PolicyRecord | None:
        value = resource.values.get(attribute)
        if value is None or value == "":
            return None
        document = None if isinstance(value, UnknownValue | SensitiveValue) else as_policy(value)
        if document is None:
            reason = (
                "is known only after apply"
                if isinstance(value, UnknownValue)
                else "is marked as sensitive, so it is not read"
                if isinstance(value, SensitiveValue)
                else "is no JSON object"
            )
            self._gap(resource, f"its {attribute} {reason}", principal)
            return None
        arn = resource.values.get("arn")
        return PolicyRecord(name, document, self._location(resource), arn=arn if isinstance(arn, str) else "")

    def _gap(self, resource: PlannedResource, reason: str, principal: str = "") -> None:
        self._builder.gap(self._location(resource), reason, principal)

    # What each type means

    def role(self, resource: PlannedResource) -> None:
        """A role with trust policy, boundary, inline and attached policies."""
        name = self._entity("role", resource)
        trust = self._policy(resource, "assume_role_policy", "trust policy", f"role/{name}")
        if trust is not None:
            self._builder.trust(name, trust)
        inline = resource.values.get("inline_policy") or resource.values.get("inline_policies")
        if isinstance(inline, UnknownValue):
            self._gap(resource, "its inline policies are known only after apply", f"role/{name}")
        for entry in inline if isinstance(inline, list) else ():
            if not isinstance(entry, Mapping):
                self._gap(resource, "its inline policy is known only after apply", f"role/{name}")
                continue
            nested = PlannedResource(resource.address, resource.type, entry, {})
            record = self._policy(nested, "policy", str(entry.get("name") or "inline"), f"role/{name}")
            if record is not None:
                self._builder.grant("role", name, record)
        arns = resource.values.get("managed_policy_arns")
        for arn in arns if isinstance(arns, list) else ():
            if isinstance(arn, str):
                self._builder.attach("role", name, arn, self._location(resource))

    def user(self, resource: PlannedResource) -> None:
        """A user."""
        self._entity("user", resource)

    def _entity(self, kind: str, resource: PlannedResource) -> str:
        name = self._name(resource)
        path = resource.values.get("path")
        principal_kind: Any = kind
        self._builder.principal(
            principal_kind, name, self._location(resource), path=path if isinstance(path, str) and path else "/"
        )
        boundary = self._reference(resource, "permissions_boundary")
        if boundary:
            self._builder.boundary(principal_kind, name, self._location(resource), boundary)
        return name

    def policy(self, resource: PlannedResource) -> None:
        """A managed policy."""
        record = self._policy(resource, "policy", self._name(resource))
        if record is not None:
            self._builder.managed(record, resource.address)

    def inline(self, resource: PlannedResource) -> None:
        """An inline policy of a role, user or group."""
        kind = resource.type.split("_")[2]
        name = self._named(resource, kind, kind)
        record = self._policy(resource, "policy", self._name(resource), f"{kind}/{name}" if name else "")
        if name is not None and record is not None:
            self._builder.grant(kind, name, record)

    def attachment(self, resource: PlannedResource) -> None:
        """A managed policy attached to a role, user or group."""
        kind = resource.type.split("_")[2]
        name = self._named(resource, kind, kind)
        if name is not None:
            self._builder.attach(kind, name, self._reference(resource, "policy_arn"), self._location(resource))

    def attachments(self, resource: PlannedResource) -> None:
        """A managed policy attached to several."""
        for kind in ("role", "user", "group"):
            names = resource.values.get(f"{kind}s")
            for name in names if isinstance(names, list) else ():
                if isinstance(name, str):
                    arn = self._reference(resource, "policy_arn")
                    self._builder.attach(kind, name, arn, self._location(resource))

    def membership(self, resource: PlannedResource) -> None:
        """A user's groups."""
        user = self._named(resource, "user", "user")
        groups = resource.values.get("groups")
        for group in groups if user is not None and isinstance(groups, list) else ():
            if isinstance(group, str):
                self._builder.member(str(user), group, self._location(resource))

    def resource_policy(self, resource: PlannedResource) -> None:
        """A policy of a bucket, key, secret, cluster or queue."""
        attribute, owner_types, form = _RESOURCE_POLICIES[resource.type]
        record = self._policy(resource, "policy", resource.address)
        if record is not None:
            self._builder.resource(self._arn(resource, attribute, owner_types, form), record)

    def kafka_acl(self, resource: PlannedResource) -> None:
        """An ACL at the brokers, by the Kafka provider."""
        names = _ACL_NAMES[resource.type]
        acl = {member: resource.values.get(attribute) for member, attribute in names.items()}
        if unknown := [names[member] for member, value in acl.items() if isinstance(value, UnknownValue)]:
            self._gap(resource, f"its {', '.join(unknown)} is known only after apply")
            return
        principal = str(acl["principal"])
        self._builder.acl(PolicyRecord(f"ACL of {principal}", acl, self._location(resource)), principal)

    def _arn(self, resource: PlannedResource, attribute: str, types: tuple[str, ...], form: str) -> str:
        value = resource.values.get(attribute)
        if not isinstance(value, str) or not value:
            target = self._target(resource, attribute, types)
            if target is None:
                value = resource.address
            else:
                own = target.values.get("bucket" if target.type == "aws_s3_bucket" else "arn")
                value = own if isinstance(own, str) and own else target.address
        return value if value.startswith("arn:") else form.format(value)


_Handler = Callable[[PlanReader, PlannedResource], None]
_PREFIX = f"us-east-1:{UNKNOWN_ACCOUNT}"
#: Type to (attribute that names the resource, types that it may refer to, ARN made of a name).
_RESOURCE_POLICIES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "aws_s3_bucket": ("bucket", (), "arn:aws:s3:::{}"),
    "aws_s3_bucket_policy": ("bucket", ("aws_s3_bucket",), "arn:aws:s3:::{}"),
    "aws_kms_key": ("arn", (), f"arn:aws:kms:{_PREFIX}:key/{{}}"),
    "aws_kms_key_policy": ("key_id", ("aws_kms_key",), f"arn:aws:kms:{_PREFIX}:key/{{}}"),
    "aws_secretsmanager_secret": ("arn", (), f"arn:aws:secretsmanager:{_PREFIX}:secret:{{}}"),
    "aws_secretsmanager_secret_policy": (
        "secret_arn", ("aws_secretsmanager_secret",), f"arn:aws:secretsmanager:{_PREFIX}:secret:{{}}",
    ),
    "aws_msk_cluster_policy": (
        "cluster_arn", ("aws_msk_cluster", "aws_msk_serverless_cluster"), f"arn:aws:kafka:{_PREFIX}:cluster/{{}}",
    ),
    "aws_sqs_queue_policy": ("queue_url", ("aws_sqs_queue",), f"arn:aws:sqs:{_PREFIX}:{{}}"),
    "aws_sns_topic_policy": ("arn", ("aws_sns_topic",), f"arn:aws:sns:{_PREFIX}:{{}}"),
}  # fmt: skip
#: An ACL's members as the provider of each tool spells them (`Mongey/kafka`, `pulumi_kafka`).
_ACL_NAMES: dict[str, dict[str, str]] = {
    "kafka_acl": {
        "principal": "acl_principal",
        "operation": "acl_operation",
        "permission": "acl_permission_type",
        "resource": "resource_type",
        "name": "resource_name",
        "pattern": "resource_pattern_type_filter",
    },
}
_ACL_NAMES["kafka_acl_pulumi"] = _ACL_NAMES["kafka_acl"] | {
    "resource": "acl_resource_type",
    "name": "acl_resource_name",
}
_HANDLERS: dict[str, _Handler] = {
    **dict.fromkeys(_ACL_NAMES, PlanReader.kafka_acl),
    "aws_iam_role": PlanReader.role,
    "aws_iam_user": PlanReader.user,
    "aws_iam_policy": PlanReader.policy,
    **dict.fromkeys(("aws_iam_role_policy", "aws_iam_user_policy", "aws_iam_group_policy"), PlanReader.inline),
    **dict.fromkeys(
        ("aws_iam_role_policy_attachment", "aws_iam_user_policy_attachment", "aws_iam_group_policy_attachment"),
        PlanReader.attachment,
    ),
    "aws_iam_policy_attachment": PlanReader.attachments,
    "aws_iam_user_group_membership": PlanReader.membership,
    **dict.fromkeys(_RESOURCE_POLICIES, PlanReader.resource_policy),
}
