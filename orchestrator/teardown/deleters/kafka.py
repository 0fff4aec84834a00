"""Amazon MSK: clusters, which cannot be deleted in every state, and configurations, which cannot carry tags.

DeleteCluster is refused while a cluster is CREATING, HEALING, MAINTENANCE, REBOOTING_BROKER or UPDATING ("Amazon MSK
cluster states", Amazon MSK Developer Guide); a FAILED one can be deleted. Associated SCRAM secrets are let go of by
the deletion itself: only this cluster's own, whereas a list that is written back could take away others'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from orchestrator import tags
from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import Deleter, RefusedError, Work, found_or_none
from orchestrator.teardown.found import Found

_DELETABLE = ("ACTIVE", "FAILED")


def _cluster(session: AwsSession, arn: str) -> dict[str, Any] | None:
    kafka = session.client("kafka")
    answer = found_or_none(lambda: kafka.describe_cluster_v2(ClusterArn=arn))
    return dict(answer["ClusterInfo"]) if answer else None


def _cluster_tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    return dict((_cluster(session, item.identifier) or {}).get("Tags") or {})


def _delete_cluster(work: Work, item: Found) -> None:
    """Wait for a state in which MSK deletes, delete, and wait until it is gone."""
    kafka, arn = work.client("kafka"), item.identifier

    def state() -> str | None:
        seen = _cluster(work.session, arn)
        return None if seen is None else str(seen["State"])

    seen = work.delete_in(_DELETABLE, state, lambda: kafka.delete_cluster(ClusterArn=arn))
    if seen is not None:
        raise RefusedError(
            f"is {seen}, and MSK deletes a cluster in {' or '.join(_DELETABLE)} alone; its deletion stays "
            "wanted, and 'ephk reap' goes on with it"
        )


def _configuration_marks(session: AwsSession, item: Found) -> Mapping[str, str]:
    """Let a configuration's name and description speak: it cannot carry tags.

    Both are the stack's own (`stacks.kafka`): the name is `ephk-<lease>`, the description ends with `(<lease>)`.
    """
    kafka = session.client("kafka")
    answer = found_or_none(lambda: kafka.describe_configuration(Arn=item.identifier))
    if not answer or not item.lease:
        return {}
    named = answer["Name"] == f"ephk-{item.lease}"
    described = str(answer.get("Description", "")).endswith(f"({item.lease})")
    return {tags.LEASE: item.lease} if named and described else {}


def _delete_configuration(work: Work, item: Found) -> None:
    try:
        work.retrying(lambda: work.client("kafka").delete_configuration(Arn=item.identifier))
    except ClientError as error:
        # MSK says a bad request, and not "not found", of a configuration that is gone.
        if "does not exist" not in str(error):
            raise


DELETERS = (
    Deleter("kafka:cluster", _delete_cluster, _cluster_tags, ("kafkaconnect:connector",)),
    Deleter("kafka:configuration", _delete_configuration, _configuration_marks, ("kafka:cluster",)),
)
