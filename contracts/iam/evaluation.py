"""A permission as the policies' texts have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from contracts.iam import policies
from contracts.iam.roles import Role
from contracts.iam.scene import Check, Scene
from orchestrator.iam import PolicyError, RequestError


@dataclass(frozen=True)
class View:
    """What one way of looking at a permission shows.

    Attributes:
        allowed: None when this way does not tell.
        said: in a few words, why.
    """

    allowed: bool | None
    said: str


def evaluate(scene: Scene, check: Check) -> View:
    """Evaluate a permission of the role with everything that applies to it within the account."""
    try:
        attached: Mapping[str, Any] | None
        own = policies.read(scene.access, scene.role, scene.watch)
        if check.action == "sts:AssumeRole":
            other = Role(check.resource, check.resource, "other")
            attached = policies.read(scene.access, other, scene.watch).trust
        else:
            attached = policies.resource_policy(scene.access, check.resource, scene.watch)
        decision = own.decide(check.action, check.resource, context_of(scene, check), resource_policy=attached)
    except ClientError as error:
        return View(None, f"a policy could not be read: {error.response['Error']['Code']}")
    except (PolicyError, RequestError) as error:
        return View(None, f"a policy cannot be evaluated: {error}")
    return View(decision.allowed, decision.reason)


def context_of(scene: Scene, check: Check) -> dict[str, str]:
    """Return the condition keys of a check's request: over TLS, in the environment's region unless it names another."""
    return {
        "aws:SecureTransport": "true",
        "aws:RequestedRegion": scene.environment.cloud.region,
        **check.context,
    }
