"""Requests and policies as one JSON document, and the decisions about them: what ``ephk check iam --request`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.iam.errors import PolicyError, RequestError
from orchestrator.iam.evaluate import evaluate
from orchestrator.iam.model import Decision, Request


def decide_requests(document: object) -> dict[str, list[dict[str, str]]]:
    """Decide every request of a document.

    Args:
        document: a list of objects with ``name``, ``principal``, ``action``, ``resource``, ``context`` (an object),
            ``identity`` (a list of policies), ``boundary`` (a policy), ``scps`` (one element per level of the
            organization, an element being a policy or a list of policies), ``session`` (a policy or a list),
            ``resource_policy`` (a policy; for ``sts:AssumeRole*`` the trust policy) and ``account`` (the owner of the
            resource). All but principal, action and resource may be absent or null.

    Returns:
        ``{"decisions": [{"name", "decision", "reason"}]}`` in the order of the requests, where a decision is
        ``allow``, ``deny`` or ``error``. A malformed request or policy makes its own decision an ``error`` and leaves
        the others alone.

    Raises:
        RequestError: the document is no list.
    """
    if not isinstance(document, list):
        raise RequestError("the document must be a list of requests", field="(document)")
    return {"decisions": [_decide_entry(entry, index) for index, entry in enumerate(document, start=1)]}


def _decide_entry(entry: object, index: int) -> dict[str, str]:
    name = f"request {index}"
    if isinstance(entry, Mapping) and isinstance(entry.get("name"), str):
        name = entry["name"]
    try:
        decision = decide_request(entry)
    except (PolicyError, RequestError) as error:
        return {"name": name, "decision": "error", "reason": error.message}
    except RecursionError:
        return {"name": name, "decision": "error", "reason": "malformed request: it is nested too deeply"}
    return {"name": name, "decision": "allow" if decision.allowed else "deny", "reason": decision.reason}


def decide_request(entry: object) -> Decision:
    """Decide one request of the form that `decide_requests` describes.

    Raises:
        RequestError: a member is missing or of the wrong type.
        PolicyError: one of its policies is malformed.
    """
    if not isinstance(entry, Mapping):
        raise RequestError("a request must be an object", field="(request)")
    for field in ("principal", "action", "resource"):
        if entry.get(field) is None:
            raise RequestError("the member is missing", field=field)
    request = Request(
        entry["principal"],
        entry["action"],
        entry["resource"],
        entry.get("context"),
        account=entry.get("account"),
    )
    return evaluate(
        request,
        identity_policies=_list(entry, "identity"),
        boundary=_single(entry, "boundary"),
        scps=[_level(level) for level in _list(entry, "scps")],
        session_policy=_list(entry, "session") or None,
        resource_policy=_single(entry, "resource_policy"),
    )


def _list(entry: Mapping[str, Any], field: str) -> Sequence[Any]:
    value = entry.get(field)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _single(entry: Mapping[str, Any], field: str) -> Any:
    values = _list(entry, field)
    if len(values) > 1:
        raise RequestError("there can be only one", field=field)
    return values[0] if values else None


def _level(level: object) -> Any:
    if level is None:
        raise RequestError("a level is a policy or a list of policies", field="scps")
    return level
