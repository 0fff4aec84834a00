"""One compiled statement, ready to be asked whether it applies to a request."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.iam import patterns, variables
from orchestrator.iam.conditions import Condition
from orchestrator.iam.model import Request, StatementRef
from orchestrator.iam.patterns import Matcher
from orchestrator.iam.principal_element import Grade, PrincipalElement
from orchestrator.iam.variables import Template


@dataclass(frozen=True, slots=True)
class CompiledStatement:
    """One statement, ready to be asked whether it applies to a request."""

    ref: StatementRef
    is_allow: bool
    actions: tuple[Matcher, ...]
    negates_actions: bool
    resources: tuple[Matcher, ...] | None
    resource_templates: tuple[tuple[str, Template], ...]
    negates_resources: bool
    principal: PrincipalElement | None
    negates_principal: bool
    conditions: tuple[Condition, ...]

    def covers_action(self, action_key: str) -> bool:
        """Whether Action or NotAction covers an action, given in lower case."""
        return any(matches(action_key) for matches in self.actions) != self.negates_actions

    def applies(self, request: Request) -> bool:
        """Whether Resource and Condition cover a request whose action (and principal) is covered."""
        return self._covers_resource(request) and all(entry.holds(request.context) for entry in self.conditions)

    def _covers_resource(self, request: Request) -> bool:
        if self.resources is None:
            return True
        resource = request.resource
        for matches in self.resources:
            if matches(resource):
                return not self.negates_resources
        for prefix, template in self.resource_templates:
            # Most resources differ before the first variable: no need to resolve it, or to know whether it could be.
            if not resource.startswith(prefix) and not self.negates_resources:
                continue
            resolved = variables.resolve(template, request.context)
            if resolved is None:
                # A variable without a value matches nothing. Under NotResource that would widen an Allow to every
                # resource, so there the statement is invalid instead.
                if self.negates_resources and self.is_allow:
                    return False
            elif patterns.resource(resolved)(resource):
                return not self.negates_resources
        return self.negates_resources

    def grade(self, request: Request) -> Grade:
        """How strongly an Allow statement's Principal names the request's principal."""
        return Grade.NONE if self.principal is None else self.principal.grade(request.principal, request.context)

    def denies_principal(self, request: Request, *, has_boundary: bool) -> bool:
        """Whether a Deny statement's Principal or NotPrincipal covers the request's principal.

        NotPrincipal denies every user and role with a permissions boundary, whomever it names (IAM User Guide,
        "Permissions boundaries for IAM entities").
        """
        if self.principal is None:
            return True
        if self.negates_principal:
            return has_boundary or not self.principal.exempts(request.principal, request.context)
        return self.principal.grade(request.principal, request.context) is not Grade.NONE
