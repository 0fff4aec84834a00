"""Amazon CloudWatch Logs: log groups."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import Deleter, Work, found_or_none
from orchestrator.teardown.found import Found


def _name(item: Found) -> str:
    return item.identifier.split(":log-group:", 1)[-1].removesuffix(":*")


def _tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    logs = session.client("logs")
    arn = f"arn:aws:logs:{session.cloud.region}:{session.cloud.account_id}:log-group:{_name(item)}"
    return dict((found_or_none(lambda: logs.list_tags_for_resource(resourceArn=arn)) or {}).get("tags") or {})


def _delete(work: Work, item: Found) -> None:
    work.retrying(lambda: work.client("logs").delete_log_group(logGroupName=_name(item)))


#: After the cluster: whoever still writes its logs would make the group again, without tags.
DELETERS = (Deleter("logs:log-group", _delete, _tags, ("kafka:cluster",)),)
