"""A decision as one paragraph for people: what was decided, by which statement, and what would change it."""

from __future__ import annotations

from orchestrator.iam.model import Decision, Outcome, PolicyType

_ADVICE = {
    PolicyType.IDENTITY: "Attach an identity-based policy to the principal that allows this action on this resource.",
    PolicyType.RESOURCE: (
        "Add a statement to the resource's policy that allows this principal; without it neither another account's "
        "principals nor, for a KMS key, the identity-based policies of its own account count."
    ),
    PolicyType.TRUST: "Name the caller, or the caller's account, as a principal in the role's trust policy.",
    PolicyType.BOUNDARY: (
        "The permissions boundary is the maximum that the principal's policies can grant: allow the action there, too."
    ),
    PolicyType.ENDPOINT: "Allow the action on the resource in the VPC endpoint's policy, or use another way.",
    PolicyType.SESSION: (
        "The session policy that was passed when the session was made must allow the action as well; ask for a "
        "session with a wider one."
    ),
    PolicyType.SCP: (
        "Every level of the organization, from the root to the account, must allow the action in one of its service "
        "control policies."
    ),
}


def explain(decision: Decision) -> str:
    """Explain a decision in one paragraph.

    Args:
        decision: what `evaluate` returned.
    """
    request = f"{decision.principal} asks for {decision.action} on {decision.resource}"
    if decision.outcome is Outcome.ALLOWED:
        by = f" ({decision.statement})" if decision.statement else ""
        return f"{request}: allowed, because {decision.reason}{by}, and no policy denies or limits it."
    if decision.outcome is Outcome.EXPLICIT_DENY:
        return (
            f"{request}: denied {decision.reason} ({decision.statement}). An explicit deny overrides every allow: only "
            "changing that statement, or a request that its conditions do not cover, changes the decision."
        )
    advice = _ADVICE[decision.policy_type] if decision.policy_type else "Use the credentials of a user or a role."
    conditions = (
        " A statement that looks right may still not apply: check its conditions, the spelling of the resource's ARN "
        "and that policy variables have values in the request."
    )
    return f"{request}: denied, because {decision.reason}. {advice}{conditions if decision.policy_type else ''}"
