"""IAM Access Analyzer's policy checks, answered by the evaluator and the rules that `ephk check iam` uses.

Source: IAM Access Analyzer API Reference, "ValidatePolicy", "CheckNoNewAccess", "CheckAccessNotGranted" and
"CheckNoPublicAccess". Analyzers, their findings and previews are not here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.embedded.gateway.service import AwsError, Caller, TaggedResource

if TYPE_CHECKING:
    from orchestrator import iam
    from orchestrator.iam_review.access import Change
    from orchestrator.iam_review.catalogue import Violation

_Handler = Callable[[dict[str, Any]], dict[str, Any]]
_LEARN_MORE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html"
_TRUST = "AWS::IAM::AssumeRolePolicyDocument"


class AccessAnalyzerBackend:
    """The checks of Access Analyzer that need no analyzer.

    Args:
        account_id: the embedded account.
    """

    service = "accessanalyzer"

    def __init__(self, account_id: str) -> None:
        self._account = account_id

    def invoke(self, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:  # noqa: ARG002
        """Carry out one operation; see `ServiceBackend.invoke`."""
        handlers: dict[str, _Handler] = {
            "ValidatePolicy": self._validate_policy,
            "CheckNoNewAccess": self._check_no_new_access,
            "CheckAccessNotGranted": self._check_access_not_granted,
            "CheckNoPublicAccess": self._check_no_public_access,
        }
        if operation not in handlers:
            raise NotImplementedError(operation)
        return handlers[operation](params)

    def tagged_resources(self) -> list[TaggedResource]:
        """There are no analyzers."""
        return []

    def close(self) -> None:
        """Nothing runs."""

    def _validate_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        from orchestrator.iam_review import rules

        text = params["policyDocument"]
        try:
            document = json.loads(text)
        except ValueError as error:
            return {"findings": [_issue("ERROR", "JSON_SYNTAX_ERROR", f"The document is not JSON: {error}.", text, 0)]}
        if not isinstance(document, dict):
            return {"findings": [_issue("ERROR", "DATA_TYPE_MISMATCH", "A policy is a JSON object.", text, 0)]}
        kind = params["policyType"]
        if kind == "RESOURCE_POLICY":
            trust = params.get("validatePolicyResourceType") == _TRUST
            found = rules.trust_policy(document, account=self._account) if trust else rules.resource_policy(document)
        elif kind == "IDENTITY_POLICY":
            found = rules.identity_policy(document, parliament=True)
        else:
            found = [one for one in rules.identity_policy(document) if one.rule.id == "iam.lint.malformed"]
        return {"findings": [_finding(violation, text) for violation in found]}

    def _check_no_new_access(self, params: dict[str, Any]) -> dict[str, Any]:
        resource = params["policyType"] == "RESOURCE_POLICY"
        before, after = (_document(params[name]) for name in ("existingPolicyDocument", "newPolicyDocument"))
        reasons = [
            _reason(change.statement, text) for change, text in self._new_access(before, after, resource=resource)
        ]
        return _verdict(reasons, "The updated policy grants new access compared to the existing policy.")

    def _check_access_not_granted(self, params: dict[str, Any]) -> dict[str, Any]:
        resource = params["policyType"] == "RESOURCE_POLICY"
        nothing = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
        if resource:
            nothing["Statement"] = [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]
        granted = list(self._new_access(nothing, _document(params["policyDocument"]), resource=resource))
        reasons = [
            _reason(change.statement, text)
            for change, text in granted
            if any(_is_asked_for(change, entry) for entry in params["access"])
        ]
        return _verdict(reasons, "The policy document grants access to perform one or more of the listed actions.")

    def _check_no_public_access(self, params: dict[str, Any]) -> dict[str, Any]:
        from orchestrator import iam
        from orchestrator.iam.public import public_statements, statements_of

        document = _document(params["policyDocument"])
        trust = params["resourceType"] == _TRUST
        _compiled(document, iam.PolicyType.TRUST if trust else iam.PolicyType.RESOURCE)
        statements = statements_of(document)
        reasons = [
            {
                "description": f"The statement with index {index - 1} lets everybody in.",
                "statementIndex": index - 1,
                **_sid(statements[index - 1]),
            }
            for index in public_statements(document)
        ]
        return _verdict(reasons, "The resource policy grants public access for the given resource type.")

    def _new_access(
        self, before: Mapping[str, Any], after: Mapping[str, Any], *, resource: bool
    ) -> Iterator[tuple[Change, str]]:
        """Yield what a policy grants and another does not, with a sentence about it."""
        from orchestrator import iam
        from orchestrator.iam_review.access import compare
        from orchestrator.iam_review.model import Location, PolicyRecord, ResourceRecord
        from orchestrator.iam_review.outsiders import resource_changes
        from orchestrator.iam_review.subject import Subject
        from orchestrator.iam_review.wording import sentence

        for document in (before, after):
            _compiled(document, iam.PolicyType.RESOURCE if resource else iam.PolicyType.IDENTITY)
        records = [PolicyRecord("policy", document, Location()) for document in (before, after)]
        if resource:
            arn = _resource_of(after, self._account)
            sides = [ResourceRecord(arn, record) for record in records]
            for found in resource_changes(sides[0], sides[1], self._account, frozenset()):
                if found.new:
                    yield found.change, sentence(found.outsider.label, found.change, new=True)
            return
        principal = f"arn:aws:sts::{self._account}:assumed-role/checked/session"
        subjects = [Subject(principal, self._account, identity=(record,)) for record in records]
        for change in compare(subjects[0], subjects[1]).new:
            yield change, sentence("the policy's holder", change, new=True)


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise AwsError("InvalidParameterException", f"The policy is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise AwsError("InvalidParameterException", "A policy is a JSON object.")
    return document


def _compiled(document: Mapping[str, Any], kind: iam.PolicyType) -> None:
    from orchestrator import iam

    try:
        iam.compile_policy(document, kind)
    except iam.PolicyError as error:
        raise AwsError("InvalidParameterException", error.message) from None


#: What a policy is taken to be about that names no resource of its own, by the service of its first action.
_UNNAMED = {"kms": "key/checked", "secretsmanager": "secret:checked-abcdef", "kafka": "cluster/checked/uuid"}


def _resource_of(document: Mapping[str, Any], account: str) -> str:
    """Return the ARN of the resource that a policy is about: the shortest that it names."""
    from orchestrator.iam.public import statements_of
    from orchestrator.iam_review.statement import listed

    statements = statements_of(document)
    entries = [
        entry.removesuffix("/*")
        for statement in statements
        for entry in listed(statement.get("Resource"))
        if entry.startswith("arn:") and "*" not in entry.removesuffix("/*")
    ]
    if entries:
        return min(entries, key=len)
    services = [entry.partition(":")[0] for statement in statements for entry in listed(statement.get("Action"))]
    service = services[0] if services else ""
    return f"arn:aws:{service}:us-east-1:{account}:{_UNNAMED.get(service, 'checked')}"


def _is_asked_for(change: Change, entry: Mapping[str, Any]) -> bool:
    from orchestrator.iam_review.globs import contains, overlap
    from orchestrator.iam_review.universe import OTHER_SERVICES

    actions, resources = entry.get("actions") or ["*"], entry.get("resources") or ["*"]
    by_action = change.service == OTHER_SERVICES or any(
        contains(wanted.lower(), action.lower()) for wanted in actions for action in change.actions
    )
    return by_action and any(overlap(wanted, found) for wanted in resources for found in change.resources)


def _reason(statement: iam.StatementRef | None, text: str) -> dict[str, Any]:
    reason: dict[str, Any] = {"description": text}
    if statement is not None and statement.policy_name == "policy":
        reason["statementIndex"] = statement.index - 1
        if statement.sid:
            reason["statementId"] = statement.sid
    return reason


def _sid(statement: Mapping[str, Any]) -> dict[str, str]:
    return {"statementId": str(statement["Sid"])} if statement.get("Sid") else {}


def _verdict(reasons: list[dict[str, Any]], failure: str) -> dict[str, Any]:
    if reasons:
        return {"result": "FAIL", "message": failure, "reasons": reasons}
    return {"result": "PASS", "message": "The check found nothing.", "reasons": []}


def _finding(violation: Violation, text: str) -> dict[str, Any]:
    rule, severity = violation.rule, violation.severity.value
    if rule.id == "iam.lint.malformed":
        kind = "ERROR"
    elif rule.id == "iam.lint.parliament":
        kind = "WARNING"
    else:
        kind = "SECURITY_WARNING" if severity in ("critical", "high") else "WARNING"
    code = rule.id.removeprefix("iam.lint.").upper().replace("-", "_")
    return _issue(kind, code, f"{rule.title}: {violation.message}.", text, violation.statement)


def _issue(kind: str, code: str, details: str, text: str, statement: int) -> dict[str, Any]:
    from orchestrator.iam_review.documents import statement_spans

    spans = statement_spans(text)
    start, end = spans[statement - 1] if 0 < statement <= len(spans) else (0, len(text))
    path: list[dict[str, Any]] = [{"value": "Statement"}, {"index": statement - 1}] if statement else []
    span = {"start": _position(text, start), "end": _position(text, end)}
    return {
        "findingType": kind,
        "issueCode": code,
        "findingDetails": details,
        "learnMoreLink": _LEARN_MORE,
        "locations": [{"path": path, "span": span}],
    }


def _position(text: str, offset: int) -> dict[str, int]:
    line = text.count("\n", 0, offset)
    return {"line": line + 1, "column": offset - (text.rfind("\n", 0, offset) + 1), "offset": offset}
