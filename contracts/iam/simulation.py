"""The provider's own view of a permission: IAM's SimulatePrincipalPolicy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from botocore.exceptions import ClientError

from contracts.iam.evaluation import View, context_of
from contracts.iam.scene import Check, Scene


def simulate(scene: Scene, checks: Sequence[Check]) -> dict[Check, View]:
    """Let IAM simulate a role's permissions, one question for each resource and context, each once in a run."""
    found: dict[Check, View] = {}
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[Check]] = {}
    for check in checks:
        if check.action == "sts:AssumeRole":
            found[check] = View(None, "a simulation does not look at the other role's trust policy")
        else:
            groups.setdefault((check.resource, tuple(sorted(context_of(scene, check).items()))), []).append(check)
    for (resource, context), members in groups.items():
        actions = tuple(dict.fromkeys(check.action for check in members))
        key = ("simulation", scene.role.arn, resource, context, actions)
        answers = scene.access.once(key, partial(_ask, scene, resource, actions, context), scene.watch)
        found |= {
            check: answers.get(check.action.lower(), View(None, "the simulation left it out")) for check in members
        }
    return found


def _ask(scene: Scene, resource: str, actions: Sequence[str], context: Sequence[tuple[str, str]]) -> dict[str, View]:
    iam = scene.admin("iam")
    scene.watch.waiting(f"IAM to simulate {len(actions)} actions of {scene.role.label}")
    entries = [
        {"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": [value]} for key, value in context
    ]
    try:
        answer = iam.simulate_principal_policy(
            PolicySourceArn=scene.role.arn, ActionNames=list(actions), ResourceArns=[resource], ContextEntries=entries
        )
    except ClientError as error:
        reason = f"SimulatePrincipalPolicy answered {error.response['Error']['Code']}"
        return {action.lower(): View(None, reason) for action in actions}
    return {
        result["EvalActionName"].lower(): View(result["EvalDecision"] == "allowed", result["EvalDecision"])
        for result in answer["EvaluationResults"]
    }
