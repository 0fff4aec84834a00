"""What parliament, Duo's policy linter, says about a document."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from orchestrator.iam.public import statements_of
from orchestrator.iam_review.catalogue import PARLIAMENT, Violation
from orchestrator.iam_review.model import Severity

_SEVERITIES = {
    "CRITICAL": Severity.HIGH,
    "HIGH": Severity.HIGH,
    "MEDIUM": Severity.MEDIUM,
    "LOW": Severity.LOW,
}
#: What our own rules and the grammar of `orchestrator.iam` say better, and what is a matter of taste.
_LEFT_OUT = frozenset({"MALFORMED", "MALFORMED_JSON", "DUPLICATE_SID", "INVALID_SID", "EXCEPTION", "RESOURCE_STAR"})


@lru_cache(maxsize=1)
def _parliament() -> Any:
    with warnings.catch_warnings():
        # It leaves the files of its data for the garbage collector to close.
        warnings.simplefilter("ignore", ResourceWarning)
        import parliament

    return parliament


def parliament_violations(document: Mapping[str, Any]) -> Iterator[Violation]:
    """Yield parliament's findings about an identity-based policy.

    Args:
        document: the policy, well-formed.
    """
    parliament = _parliament()
    text = json.dumps(document)
    count = len(statements_of(document))
    for found in parliament.analyze_policy_string(text).findings:
        if found.issue in _LEFT_OUT:
            continue
        finding = parliament.enhance_finding(found)
        severity = _SEVERITIES.get(str(finding.severity).upper())
        if severity is None:  # "MUTED"
            continue
        words = finding.title.rstrip(". ")
        detail = _detail(finding)
        yield Violation(
            PARLIAMENT, f"{found.issue}: {words}{f' ({detail})' if detail else ''}", 1 if count == 1 else 0, severity
        )


def _detail(finding: Any) -> str:
    detail = finding.detail
    if isinstance(detail, str):
        return detail
    return json.dumps(detail, sort_keys=True, default=str) if detail else ""
