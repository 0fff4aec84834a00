"""`pulumi preview --json`, as the resources of one of its sides.

Unknown outputs are written as a UUID that the engine reserves for them; what a property comes from stands in
`propertyDependencies`. Source: Pulumi's `sdk/go/common/resource/plugin` (`UnknownStringValue`) and `pkg/display`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from orchestrator.terraform.resource import UNKNOWN, PlannedResource

Side = Literal["before", "after"]
UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
#: Types whose name is not the Terraform type's with other separators.
_TYPES = {
    "aws:s3/bucketV2:BucketV2": "aws_s3_bucket",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "aws_secretsmanager_secret_policy",
    "aws:kms/keyPolicy:KeyPolicy": "aws_kms_key_policy",
    "kafka:index/acl:Acl": "kafka_acl_pulumi",
}
_TOKEN = re.compile(r"aws:(?P<module>[a-zA-Z0-9]+)/[a-zA-Z0-9]+:(?P<name>[a-zA-Z0-9]+)")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def planned_resources(preview: Mapping[str, Any], side: Side) -> list[PlannedResource]:
    """Return the resources of a preview.

    Args:
        preview: the JSON document.
        side: as they are (`before`) or as they would be (`after`).
    """
    found: dict[str, PlannedResource] = {}
    for step in preview.get("steps", ()):
        state = step.get("oldState" if side == "before" else "newState")
        if not isinstance(state, Mapping) or not isinstance(step.get("urn"), str):
            continue
        if side == "after" and str(step.get("op", "")).startswith("delete"):
            continue
        kind = _terraform_type(str(state.get("type", "")))
        if not kind:
            continue
        # Inputs are what the program asks for; outputs add what it left to the provider, where that is known.
        outputs = {name: value for name, value in _known(state.get("outputs")).items() if value is not UNKNOWN}
        values = {**outputs, **_known(state.get("inputs"))}
        dependencies = state.get("propertyDependencies") or {}
        references = {_snake(name): tuple(urns or ()) for name, urns in dependencies.items()}
        found[step["urn"]] = PlannedResource(step["urn"], kind, values, references)
    return list(found.values())


def _terraform_type(token: str) -> str:
    if token in _TYPES:
        return _TYPES[token]
    parts = _TOKEN.fullmatch(token)
    return f"aws_{parts['module']}_{_snake(parts['name'])}" if parts else ""


def _known(values: object) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        return {}
    return {
        _snake(name): UNKNOWN if _holds_unknown(value) else _spelled(value)
        for name, value in values.items()
        if not name.startswith("__")
    }


def _holds_unknown(value: object) -> bool:
    if isinstance(value, str):
        return UNKNOWN_STRING in value
    if isinstance(value, Mapping):
        return any(_holds_unknown(entry) for entry in value.values())
    return isinstance(value, list) and any(_holds_unknown(entry) for entry in value)


def _spelled(value: object) -> object:
    """Return a value with nested blocks in Terraform's spelling; policies are objects of their own spelling."""
    if isinstance(value, list):
        return [_spelled(entry) for entry in value]
    if isinstance(value, Mapping) and "Statement" not in value:
        return {_snake(str(name)): _spelled(entry) for name, entry in value.items()}
    return value


def _snake(name: str) -> str:
    return _CAMEL.sub("_", name).lower()
