"""Reading one statement by the grammar of the IAM JSON policy language; what breaks it is named, never guessed.

Source: IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM JSON policy element reference".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.iam import patterns, variables
from orchestrator.iam.conditions import compile_conditions
from orchestrator.iam.errors import PolicyError
from orchestrator.iam.model import PolicyType, StatementRef
from orchestrator.iam.patterns import Matcher
from orchestrator.iam.principal_element import PrincipalElement, parse_principal_element
from orchestrator.iam.statements import CompiledStatement
from orchestrator.iam.variables import Template

_ELEMENTS = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip
_WITH_PRINCIPAL = (PolicyType.RESOURCE, PolicyType.TRUST, PolicyType.ENDPOINT)
_IAM_SID = re.compile(r"[A-Za-z0-9]*")
_SERVICE_PREFIX = re.compile(r"[a-zA-Z0-9-]+")


class StatementReader:
    """Reads one statement and knows how to name the place of what is wrong in it.

    Args:
        statement: the statement as JSON gives it.
        index: its position in the policy, counted from 1.
        policy_type: the kind of its policy.
        policy_name: the policy's name, for reasons.
        label: the policy's kind and name, for errors.
        with_variables: whether the policy's Version supports policy variables.

    Raises:
        PolicyError: it is no JSON object, or its Sid is no string.
    """

    def __init__(
        self, statement: object, index: int, policy_type: PolicyType, policy_name: str, label: str, with_variables: bool
    ) -> None:
        self._index = index
        self._type = policy_type
        self._label = label
        self._policy_name = policy_name
        self._with_variables = with_variables
        self._sid = ""
        if not isinstance(statement, Mapping):
            raise self._fail("", "a statement is a JSON object")
        self._statement: Mapping[str, object] = statement
        sid = statement.get("Sid", "")
        self._sid = sid if isinstance(sid, str) else ""
        if not isinstance(sid, str):
            raise self._fail("Sid", "it must be a string")

    def _fail(self, field: str, problem: str) -> PolicyError:
        return PolicyError(problem, policy=self._label, statement=self._index, sid=self._sid, field=field)

    def read(self) -> CompiledStatement:
        """The statement as predicates.

        Raises:
            PolicyError: an element is missing, unknown, of the wrong type or not allowed in this kind of policy.
        """
        statement = self._statement
        for element in statement:
            if element not in _ELEMENTS:
                raise self._fail(str(element), "unknown statement element")
        if self._type not in _WITH_PRINCIPAL and not _IAM_SID.fullmatch(self._sid):
            raise self._fail("Sid", "only the characters A-Z, a-z and 0-9 are allowed")
        effect = statement.get("Effect")
        if effect not in ("Allow", "Deny"):
            raise self._fail("Effect", "it must be Allow or Deny")
        is_allow = effect == "Allow"
        principal, negates_principal = self._principal(is_allow)
        actions, negates_actions = self._actions()
        resources, templates, negates_resources = self._resources()
        return CompiledStatement(
            ref=StatementRef(self._type, self._policy_name, self._index, self._sid),
            is_allow=is_allow,
            actions=actions,
            negates_actions=negates_actions,
            resources=resources,
            resource_templates=templates,
            negates_resources=negates_resources,
            principal=principal,
            negates_principal=negates_principal,
            conditions=compile_conditions(
                statement.get("Condition", {}),
                with_variables=self._with_variables,
                is_allow=is_allow,
                fail=self._fail,
            ),
        )

    def _one_of(self, element: str, *, required: bool) -> tuple[str, bool]:
        negation = f"Not{element}"
        if element in self._statement and negation in self._statement:
            raise self._fail(element, f"{element} and {negation} exclude each other")
        if required and element not in self._statement and negation not in self._statement:
            raise self._fail(element, "the element is missing")
        return (negation, True) if negation in self._statement else (element, False)

    def _principal(self, is_allow: bool) -> tuple[PrincipalElement | None, bool]:
        element, negated = self._one_of("Principal", required=self._type in _WITH_PRINCIPAL)
        if element not in self._statement:
            return None, False
        if self._type not in _WITH_PRINCIPAL:
            raise self._fail(element, f"a {self._type.value} must not specify a principal")
        if negated and (is_allow or self._type is PolicyType.TRUST):
            raise self._fail(element, "it is supported with the effect Deny only, and not in a role trust policy")
        try:
            return parse_principal_element(self._statement[element]), negated
        except ValueError as error:
            raise self._fail(element, str(error)) from None

    def _strings(self, element: str) -> list[str]:
        value = self._statement[element]
        listed = value if isinstance(value, list) else [value]
        if not listed:
            raise self._fail(element, "the list is empty")
        strings: list[str] = []
        for entry in listed:
            if not isinstance(entry, str) or not entry:
                raise self._fail(element, "it must be a non-empty string or a list of them")
            strings.append(entry)
        return strings

    def _actions(self) -> tuple[tuple[Matcher, ...], bool]:
        element, negated = self._one_of("Action", required=True)
        names: set[str] = set()
        matchers: list[Matcher] = []
        for action in self._strings(element):
            service, colon, name = action.partition(":")
            if action != "*" and not (colon and name and _SERVICE_PREFIX.fullmatch(service)):
                raise self._fail(element, f"{action!r} is not of the form service:Action")
            if "${" in action:
                raise self._fail(element, "policy variables are not supported in actions")
            # Prefix and name of an action are not case-sensitive.
            template = variables.parse(action.lower(), wildcards=True, variables=False)
            if len(template) == 1 and isinstance(template[0], str):
                names.add(template[0])
            else:
                matchers.append(patterns.glob(variables.resolve(template, {}) or ()))
        if names:
            matchers.insert(0, frozenset(names).__contains__)
        return tuple(matchers), negated

    def _resources(self) -> tuple[tuple[Matcher, ...] | None, tuple[tuple[str, Template], ...], bool]:
        if self._type is PolicyType.TRUST:
            for element in ("Resource", "NotResource"):
                if element in self._statement:
                    raise self._fail(element, "a role trust policy must not specify a resource")
            return None, (), False
        # Without the element, a resource-based policy means the resource to which it is attached.
        element, negated = self._one_of("Resource", required=self._type is not PolicyType.RESOURCE)
        if element not in self._statement:
            return None, (), False
        fixed: list[Matcher] = []
        templates: list[tuple[str, Template]] = []
        for resource in self._strings(element):
            prefix = re.split(r"[*?]", resource, maxsplit=1)[0]
            if not (prefix.startswith("arn:") or (prefix != resource and "arn:".startswith(prefix))):
                raise self._fail(element, f'{resource!r} must be in ARN format or "*"')
            try:
                template = variables.only_in_resource_part(
                    variables.parse(resource, wildcards=True, variables=self._with_variables)
                )
            except ValueError as error:
                raise self._fail(element, str(error)) from None
            if variables.has_variables(template):
                templates.append((variables.literal_prefix(template), template))
            else:
                fixed.append(patterns.resource(variables.resolve(template, {}) or ()))
        return tuple(fixed), tuple(templates), negated
