"""Policies read once and used for many decisions: documents become statements made of predicates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.iam.errors import PolicyError
from orchestrator.iam.grammar import StatementReader
from orchestrator.iam.model import PolicyType
from orchestrator.iam.statements import CompiledStatement

_VERSIONS = ("2008-10-17", "2012-10-17")
_VERSION_WITH_VARIABLES = "2012-10-17"
_POLICY_ELEMENTS = {"Version", "Id", "Statement"}

PolicyDocument = Mapping[str, object] | str


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy document that was read and found well-formed.

    Args:
        policy_type: what kind of policy it was read as; the grammar differs between them.
        name: how reasons and errors call it.
        statements: its statements in order.
    """

    policy_type: PolicyType
    name: str
    statements: tuple[CompiledStatement, ...]


def compile_policy(
    document: PolicyDocument | CompiledPolicy, policy_type: PolicyType, *, name: str = ""
) -> CompiledPolicy:
    """Read a policy document.

    Args:
        document: the policy as a JSON object or as JSON text; a compiled one of the same kind is returned as it is.
        policy_type: what it is used as.
        name: how reasons and errors call it; by default the document's Id or ``inline``.

    Raises:
        PolicyError: it is not well-formed for its kind.
    """
    if isinstance(document, CompiledPolicy):
        if document.policy_type is not policy_type:
            raise PolicyError(
                f"it was compiled as a {document.policy_type.value}", policy=f"{policy_type.value} {document.name!r}"
            )
        return document
    label = f"{policy_type.value} {name!r}" if name else policy_type.value
    if isinstance(document, str):
        document = _parse_json(document, label)
    if not isinstance(document, Mapping):
        raise PolicyError("a policy is a JSON object", policy=label)
    for element in document:
        if element not in _POLICY_ELEMENTS:
            raise PolicyError("unknown policy element", policy=label, field=str(element))
    version = document.get("Version", _VERSIONS[0])
    if version not in _VERSIONS:
        raise PolicyError(f"it must be one of {', '.join(_VERSIONS)}", policy=label, field="Version")
    if not isinstance(document.get("Id", ""), str):
        raise PolicyError("it must be a string", policy=label, field="Id")
    if "Statement" not in document:
        raise PolicyError("the element is missing", policy=label, field="Statement")
    statements = document["Statement"]
    if isinstance(statements, Mapping):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise PolicyError("it must be a statement or a non-empty list of them", policy=label, field="Statement")
    policy_name = name or str(document.get("Id", "")) or "inline"
    with_variables = version == _VERSION_WITH_VARIABLES
    compiled = [
        StatementReader(entry, index, policy_type, policy_name, label, with_variables).read()
        for index, entry in enumerate(statements, start=1)
    ]
    _check_sids(compiled, label)
    return CompiledPolicy(policy_type, policy_name, tuple(compiled))


def _parse_json(text: str, label: str) -> Mapping[str, object]:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise PolicyError("an element appears twice in one object", policy=label)
        return members

    try:
        document = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"not valid JSON: {error}", policy=label) from None
    if not isinstance(document, dict):
        raise PolicyError("a policy is a JSON object", policy=label)
    return document


def _check_sids(statements: list[CompiledStatement], label: str) -> None:
    seen: set[str] = set()
    for statement in statements:
        sid = statement.ref.sid
        if sid and sid in seen:
            raise PolicyError(
                "the Sid is not unique", policy=label, statement=statement.ref.index, sid=sid, field="Sid"
            )
        seen.add(sid)
