"""Tags and resource policies of clusters."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.msk.arns import new_version
from orchestrator.embedded.msk.plane import ControlPlane

_MAX_TAGS = 50


def tag(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """TagResource ("Tag an Amazon MSK cluster": 50 tags, the prefix `aws:` is AWS's own)."""
    wanted = dict(params["Tags"])
    if any(key.lower().startswith("aws:") for key in wanted):
        raise AwsError("BadRequestException", "Tag keys can't begin with aws:.", InvalidParameter="tags")
    with plane.lock:
        cluster = plane.cluster(params["ResourceArn"])
        tags = {**cluster.spec.tags, **wanted}
        if len(tags) > _MAX_TAGS:
            raise AwsError(
                "BadRequestException", f"A cluster can have up to {_MAX_TAGS} tags.", InvalidParameter="tags"
            )
        cluster.spec = replace(cluster.spec, tags=tags)
    return {}


def untag(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """UntagResource."""
    removed = set(params["TagKeys"])
    with plane.lock:
        cluster = plane.cluster(params["ResourceArn"])
        kept = {key: value for key, value in cluster.spec.tags.items() if key not in removed}
        cluster.spec = replace(cluster.spec, tags=kept)
    return {}


def list_tags(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """ListTagsForResource."""
    with plane.lock:
        return {"Tags": dict(plane.cluster(params["ResourceArn"]).spec.tags)}


def put_policy(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """PutClusterPolicy."""
    try:
        document = json.loads(params["Policy"])
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not document.get("Statement"):
        raise AwsError("BadRequestException", "The provided policy isn't valid.", InvalidParameter="policy")
    with plane.lock:
        cluster = plane.cluster(params["ClusterArn"])
        asked = params.get("CurrentVersion")
        if asked and cluster.policy is not None and asked != cluster.policy[1]:
            raise AwsError(
                "BadRequestException",
                "The version of the cluster policy isn't current.",
                InvalidParameter="currentVersion",
            )
        version = new_version()
        cluster.policy = (params["Policy"], version)
    return {"CurrentVersion": version}


def get_policy(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """GetClusterPolicy."""
    with plane.lock:
        policy, version = _policy(plane, params["ClusterArn"])
    return {"CurrentVersion": version, "Policy": policy}


def delete_policy(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """DeleteClusterPolicy."""
    with plane.lock:
        _policy(plane, params["ClusterArn"])
        plane.cluster(params["ClusterArn"]).policy = None
    return {}


def _policy(plane: ControlPlane, arn: str) -> tuple[str, str]:
    policy = plane.cluster(arn).policy
    if policy is None:
        raise AwsError("NotFoundException", "The cluster has no policy.", 404, InvalidParameter="clusterArn")
    return policy
