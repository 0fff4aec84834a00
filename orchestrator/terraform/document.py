"""Reads a file that should be `terraform show -json`, and says what to do when it is something else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from orchestrator.errors import UsageError
from orchestrator.iam_review.documents import form_of

Form = Literal["plan", "state"]
#: Bytes. Plans of thousands of resources have a few dozen megabytes.
LARGEST = 128 * 1024 * 1024
#: Levels of arrays and objects. Terraform's own documents have about five for each module in a module.
_DEEPEST = 200
_SHOW = "terraform plan -out plan.bin && terraform show -json plan.bin > plan.json"


def read_document(path: Path) -> tuple[Form, dict[str, Any]]:
    """Return what a file holds: a plan or a state, with its form checked.

    Raises:
        UsageError: it is something else; the message says what, and which command makes the right file.
    """
    document = _parse(path, _read(path))
    form = _form(path, document)
    _check_format(path, document)
    if form == "plan":
        if document.get("errored"):
            raise UsageError(
                f"{path} is the plan of a run that failed, so parts of it are missing",
                next_step=f"Correct the configuration and plan again: {_SHOW}",
            )
        _check_changes(path, document)
    else:
        _check_state(path, document)
    return form, document


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(
                f"{path} has more than {LARGEST // 1024 // 1024} MB, which no plan should have",
                next_step=f"Give the plan of one root module: {_SHOW}",
            )
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", next_step=f"Make it with: {_SHOW}") from None


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    if data.startswith(b"PK\x03\x04"):
        raise UsageError(
            f"{path} is a plan in Terraform's binary form", next_step=f"terraform show -json {path} > plan.json"
        )
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not text, so it is no JSON", next_step=f"Make it with: {_SHOW}") from None
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError:
        raise UsageError(f"{path} is {_no_json(data)}", next_step=f"Make it with: {_SHOW}") from None
    if _depth_exceeds(document, _DEEPEST):
        raise _too_deep(path)
    if not isinstance(document, dict):
        raise UsageError(f"{path} holds no JSON object, so it is no plan", next_step=f"Make it with: {_SHOW}")
    return document


def _too_deep(path: Path) -> UsageError:
    return UsageError(
        f"{path} is nested more than {_DEEPEST} levels deep, which no plan is", next_step=f"Make it with: {_SHOW}"
    )


def _no_json(data: bytes) -> str:
    """Say what a file is that does not parse."""
    first = data.lstrip().split(b"\n", 1)[0]
    try:
        line = json.loads(first)
    except (ValueError, RecursionError):
        line = None
    if isinstance(line, dict) and "@level" in line:
        return "the log of 'terraform plan -json', which has no values in it"
    if b"Terraform will perform" in data or b"Terraform used the selected" in data or b"OpenTofu will" in data:
        return "a plan as people read it, not JSON"
    return "no JSON" if first else "empty"


def _depth_exceeds(document: Any, limit: int) -> bool:
    level = [document]
    for _ in range(limit):
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _form(path: Path, document: Mapping[str, Any]) -> Form:
    if {"lineage", "serial"} & document.keys():
        raise UsageError(
            f"{path} is a state file as Terraform keeps it",
            next_step=f"terraform show -json {path} > state.json, or check what would change: {_SHOW}",
        )
    form = form_of(document)
    if form == "terraform-plan":
        return "plan"
    if "format_version" in document and ("values" in document or "terraform_version" in document):
        return "state"
    if form == "pulumi-preview":
        raise UsageError(
            f"{path} is a preview of Pulumi, not a plan of Terraform",
            next_step=f"ephk check iam --head {path} reviews its permissions; ephk run verifies the environment.",
        )
    if form in ("policy", "account"):
        raise UsageError(f"{path} holds IAM policies, no plan", next_step=f"ephk check iam --lint {path}")
    raise UsageError(f"{path} is JSON, but no plan or state of Terraform", next_step=f"Make it with: {_SHOW}")


def _check_format(path: Path, document: Mapping[str, Any]) -> None:
    version = document.get("format_version")
    if not isinstance(version, str) or version.split(".")[0] != "1":
        # A format of another major version may give words another meaning ("JSON Output Format", Format Versioning).
        raise UsageError(
            f"{path} has format version {version if isinstance(version, str) else 'none'}; 1.x is understood",
            next_step=f"Make it with Terraform 1.1 or newer: {_SHOW}",
        )


def _check_changes(path: Path, document: Mapping[str, Any]) -> None:
    for name in ("configuration", "planned_values"):
        if not isinstance(document.get(name, {}), dict):
            raise _malformed(path, f"{name} is no object")
    changes = document.get("resource_changes", [])
    if not isinstance(changes, list):
        raise _malformed(path, "resource_changes is no array")
    for number, change in enumerate(changes):
        inner = change.get("change") if isinstance(change, dict) else None
        sound = (
            isinstance(inner, dict)
            and all(isinstance(change.get(name), str) for name in ("address", "type"))
            and isinstance(inner.get("actions"), list)
            and all(isinstance(inner.get(side), dict | None) for side in ("before", "after"))
        )
        if not sound:
            raise _malformed(path, f"resource_changes[{number}] has not the form of a change")


def _check_state(path: Path, document: Mapping[str, Any]) -> None:
    values = document.get("values", {})
    if not isinstance(values, dict) or not isinstance(values.get("root_module", {}), dict):
        raise _malformed(path, "values has no root_module")
    waiting: list[Any] = [values.get("root_module", {})]
    while waiting:
        module = waiting.pop()
        if not isinstance(module, dict):
            raise _malformed(path, "a module is no object")
        for one in module.get("resources", []):
            if not isinstance(one, dict) or not all(isinstance(one.get(name), str) for name in ("address", "type")):
                raise _malformed(path, "a resource has not the form of a resource")
        waiting += module.get("child_modules", [])


def _malformed(path: Path, problem: str) -> UsageError:
    return UsageError(f"{path} is no plan as Terraform writes it: {problem}", next_step=f"Make it with: {_SHOW}")
