"""Whether a request is allowed: AWS's policy evaluation logic over compiled policies.

Sources: IAM User Guide, "Policy evaluation logic", "Policy evaluation for requests within a single account",
"Cross-account policy evaluation logic", "Permissions boundaries for IAM entities" and "Session policies"; AWS
PrivateLink Guide, "Control access to VPC endpoints using endpoint policies"; AWS Organizations User Guide, "SCP
evaluation".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.iam import services
from orchestrator.iam.compiled import CompiledPolicy, PolicyDocument, compile_policy
from orchestrator.iam.layers import PolicyLayer
from orchestrator.iam.model import Decision, Outcome, PolicyType, Request, StatementRef
from orchestrator.iam.principal_element import Grade
from orchestrator.iam.principals import PrincipalKind

Policy = PolicyDocument | CompiledPolicy
PolicyLevel = Policy | Sequence[Policy]


class PolicySet:
    """All policies that bear on one principal and one resource, compiled once.

    Every argument may be JSON documents or policies from `compile_policy`.

    Args:
        identity_policies: the identity-based policies of the principal, with those of its groups.
        boundary: its permissions boundary.
        scps: one element per level of the organization (root, each organizational unit, account): a policy or a
            list of the policies at that level. At every level at least one must allow. None: no organization.
        session_policy: the session policy, or a list of them, that was passed when the session was made.
        resource_policy: the resource's policy; for ``sts:AssumeRole*`` the role's trust policy (see ``trust``).
        trust: read ``resource_policy`` as a role trust policy, which has no Resource.
        endpoint_policy: the policy of the VPC endpoint that the request came through; None when it came through none.

    Raises:
        PolicyError: one of the policies is malformed.
    """

    __slots__ = ("_boundary", "_endpoint", "_identity", "_resource", "_scps", "_session")

    def __init__(
        self,
        *,
        identity_policies: Sequence[Policy] = (),
        boundary: Policy | None = None,
        scps: Sequence[PolicyLevel] | None = None,
        session_policy: PolicyLevel | None = None,
        resource_policy: Policy | None = None,
        trust: bool = False,
        endpoint_policy: Policy | None = None,
    ) -> None:
        self._identity = _layer(identity_policies, PolicyType.IDENTITY)
        self._boundary = None if boundary is None else _layer([boundary], PolicyType.BOUNDARY)
        self._scps = tuple(_layer(_as_list(level), PolicyType.SCP) for level in scps or ())
        session = None if session_policy is None else _as_list(session_policy)
        self._session = _layer(session, PolicyType.SESSION) if session else None
        resource_type = PolicyType.TRUST if trust else PolicyType.RESOURCE
        self._resource = None if resource_policy is None else _layer([resource_policy], resource_type)
        self._endpoint = None if endpoint_policy is None else _layer([endpoint_policy], PolicyType.ENDPOINT)

    def decide(self, request: Request) -> Decision:
        """Decide one request.

        The order is AWS's: an explicit deny in any policy; service control policies; the VPC endpoint's policy, which
        limits whoever comes through it and grants nothing; then what the resource's policy
        grants, and how directly it names the principal; then identity-based policies within boundary and session
        policy. Across accounts both sides must allow.
        """
        if services.needs_no_permission(request.action_key) and request.principal.account is not None:
            return _decision(request, Outcome.ALLOWED, f"the {request.action} action requires no permissions")
        denied = self._explicit_deny(request)
        if denied is not None:
            return denied
        if self._endpoint is not None and self._endpoint.strongest_allow(request)[1] is None:
            return _implicit(request, PolicyType.ENDPOINT)
        if request.principal.under_scp:
            for level in self._scps:
                if level.allow(request) is None:
                    return _implicit(request, PolicyType.SCP)
        grade, granting = Grade.NONE, None
        if self._resource is not None:
            grade, granting = self._resource.strongest_allow(request)
        if request.principal.account is None:
            return self._by_resource_alone(request, granting)
        if request.is_cross_account:
            return self._across_accounts(request, granting)
        return self._within_account(request, grade, granting)

    def _explicit_deny(self, request: Request) -> Decision | None:
        principal = request.principal
        if principal.under_scp:
            for level in self._scps:
                if (statement := level.deny(request)) is not None:
                    return _explicit(request, statement)
        for attached in (self._endpoint, self._resource):
            has_boundary = self._boundary is not None and principal.has_identity
            if attached is not None and (statement := attached.deny(request, has_boundary=has_boundary)) is not None:
                return _explicit(request, statement)
        if principal.has_identity:
            for layer in (self._identity, self._boundary, self._session):
                if layer is not None and (statement := layer.deny(request)) is not None:
                    return _explicit(request, statement)
        return None

    def _by_resource_alone(self, request: Request, granting: StatementRef | None) -> Decision:
        """Services, identity providers and anonymous callers have no policies of their own."""
        if granting is None:
            return _implicit(request, self._resource_type(request))
        return _allowed(request, granting)

    def _across_accounts(self, request: Request, granting: StatementRef | None) -> Decision:
        limited = self._principal_side(request)
        if limited is not None and not limited.allowed:
            return limited
        if granting is None:
            return _implicit(request, self._resource_type(request))
        return _allowed(request, granting)

    def _within_account(self, request: Request, grade: Grade, granting: StatementRef | None) -> Decision:
        needs_resource = services.needs_resource_allow(request.action_key, request.resource)
        if needs_resource and granting is None:
            return _implicit(request, self._resource_type(request))
        if granting is not None:
            if grade is Grade.DIRECT and not _is_root_assuming_role(request):
                return _allowed(request, granting)
            if grade is Grade.LIMITED:
                return self._limits(request) or _allowed(request, granting)
        return self._principal_side(request) or _allowed(request, granting)

    def _principal_side(self, request: Request) -> Decision | None:
        """What the principal's own policies decide; None for an account root user, whom nothing of them limits."""
        if request.principal.kind is PrincipalKind.ROOT:
            if _is_root_assuming_role(request):
                return _decision(request, Outcome.IMPLICIT_DENY, "roles may not be assumed by an account root user")
            return None
        allowing = self._identity.allow(request)
        if allowing is None:
            return _implicit(request, PolicyType.IDENTITY)
        return self._limits(request) or _allowed(request, allowing)

    def _limits(self, request: Request) -> Decision | None:
        """The implicit deny of boundary or session policy, if there is one."""
        if self._boundary is not None and self._boundary.allow(request) is None:
            return _implicit(request, PolicyType.BOUNDARY)
        if self._session is not None:
            return None if self._session.allow(request) is not None else _implicit(request, PolicyType.SESSION)
        if request.principal.kind is PrincipalKind.FEDERATED_USER:
            # GetFederationToken without a session policy gives a session without permissions.
            return _implicit(request, PolicyType.SESSION)
        return None

    def _resource_type(self, request: Request) -> PolicyType:
        return PolicyType.TRUST if services.is_assume_role(request.action_key) else PolicyType.RESOURCE


def evaluate(
    request: Request,
    *,
    identity_policies: Sequence[Policy] = (),
    boundary: Policy | None = None,
    scps: Sequence[PolicyLevel] | None = None,
    session_policy: PolicyLevel | None = None,
    resource_policy: Policy | None = None,
    endpoint_policy: Policy | None = None,
) -> Decision:
    """Decide one request with the given policies; see `PolicySet`, which is faster for many requests.

    Raises:
        PolicyError: one of the policies is malformed.
    """
    trust = services.is_assume_role(request.action_key)
    return PolicySet(
        identity_policies=identity_policies,
        boundary=boundary,
        scps=scps,
        session_policy=session_policy,
        resource_policy=resource_policy,
        trust=trust,
        endpoint_policy=endpoint_policy,
    ).decide(request)


def _as_list(level: PolicyLevel) -> Sequence[Policy]:
    return [level] if isinstance(level, str | CompiledPolicy) or not isinstance(level, Sequence) else level


def _layer(policies: Iterable[Policy], policy_type: PolicyType) -> PolicyLayer:
    return PolicyLayer(tuple(compile_policy(policy, policy_type) for policy in policies))


def _is_root_assuming_role(request: Request) -> bool:
    # AWS STS API Reference, AssumeRole: root user credentials cannot be used to call it.
    return request.principal.kind is PrincipalKind.ROOT and services.is_assume_role(request.action_key)


def _decision(
    request: Request,
    outcome: Outcome,
    reason: str,
    policy_type: PolicyType | None = None,
    statement: StatementRef | None = None,
) -> Decision:
    return Decision(
        outcome, reason, policy_type, statement, request.principal.identifier, request.action, request.resource
    )


def _explicit(request: Request, statement: StatementRef) -> Decision:
    policy_type = statement.policy_type
    article = {PolicyType.IDENTITY: "an", PolicyType.TRUST: "the"}.get(policy_type, "a")
    reason = f"with an explicit deny in {article} {policy_type.value}"
    return _decision(request, Outcome.EXPLICIT_DENY, reason, policy_type, statement)


def _implicit(request: Request, policy_type: PolicyType) -> Decision:
    reason = f"no {policy_type.value} allows the {request.action} action"
    return _decision(request, Outcome.IMPLICIT_DENY, reason, policy_type)


def _allowed(request: Request, statement: StatementRef | None) -> Decision:
    if statement is None:
        return _decision(request, Outcome.ALLOWED, "the account root user has full access to its account")
    article = "an" if statement.policy_type is PolicyType.IDENTITY else "a"
    reason = f"{article} {statement.policy_type.value} allows the {request.action} action"
    return _decision(request, Outcome.ALLOWED, reason, statement.policy_type, statement)
