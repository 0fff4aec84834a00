"""What parliament, Duo's policy linter, says about a document."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType
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
    """Import parliament, which asks setuptools' `pkg_resources` where its own data files are, and nothing more.

    A virtual environment of Python 3.12 and later has no setuptools, and setuptools itself is giving the module up.
    """
    stand_in = ModuleType("pkg_resources")
    stand_in.__dict__["resource_filename"] = _resource_filename
    before = sys.modules.get("pkg_resources")
    sys.modules["pkg_resources"] = stand_in
    try:
        with warnings.catch_warnings():
            # It leaves the files of its data for the garbage collector to close.
            warnings.simplefilter("ignore", ResourceWarning)
            import parliament
    finally:
        del sys.modules["pkg_resources"]
        if before is not None:
            sys.modules["pkg_resources"] = before
    return parliament


def _resource_filename(package: str, name: str) -> str:
    return str(Path(sys.modules[package].__file__ or "").parent / name)


def parliament_violations(document: Mapping[str, Any]) -> Iterator[Violation]:
    """Yield parliament's findings about an identity-based policy.

    Args:
        document: the policy, well-formed.
    """
    parliament = _parliament()
    # One statement at a time: parliament does not say which statement a finding is about.
    for index, statement in enumerate(statements_of(document), start=1):
        text = json.dumps({"Version": document.get("Version", "2012-10-17"), "Statement": [statement]})
        for found in parliament.analyze_policy_string(text).findings:
            finding = None if found.issue in _LEFT_OUT else parliament.enhance_finding(found)
            severity = _SEVERITIES.get(str(finding.severity).upper()) if finding else None
            if finding is not None and severity is not None:
                yield Violation(PARLIAMENT, _message(finding), index, severity)


def _message(finding: Any) -> str:
    detail = finding.detail
    if isinstance(detail, list) and all(isinstance(entry, dict) and "action" in entry for entry in detail):
        detail = ", ".join(f"{entry['action']} needs {entry.get('required_format', '*')}" for entry in detail)
    elif detail and not isinstance(detail, str):
        detail = json.dumps(detail, sort_keys=True, default=str)
    return f"{finding.issue}: {finding.title.rstrip('. ')}{f' ({detail})' if detail else ''}"
