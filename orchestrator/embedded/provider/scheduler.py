"""EventBridge Scheduler: schedules of the default group."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from orchestrator.embedded.provider.call import Call, found, ignoring
from orchestrator.embedded.provider.model import Field, ResourceType, Values, from_api, to_api

_GONE = "ResourceNotFoundException"
_FIELDS = (
    Field("name", required=True, replace=True),
    Field("description"),
    Field("scheduleExpression", required=True),
    Field("state", choices=("ENABLED", "DISABLED")),
    Field("flexibleTimeWindow", required=True, fields=(Field("mode", required=True),)),
    Field("target", required=True, fields=(Field("arn", required=True), Field("roleArn", required=True))),
)


def _create(call: Call, news: Values) -> str:
    call.client("scheduler").create_schedule(**to_api(_FIELDS, news))
    return call.created(f"default/{news['name']}")


def _read(call: Call, resource_id: str, state: Values) -> Values | None:
    name = resource_id.split("/", 1)[1]
    answer = found([_GONE], lambda: call.client("scheduler").get_schedule(Name=name))
    return None if answer is None else {**from_api(_FIELDS, answer), "arn": answer["Arn"]}


def _update(call: Call, resource_id: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    call.client("scheduler").update_schedule(**to_api(_FIELDS, news))


def _delete(call: Call, resource_id: str, state: Values) -> None:
    with ignoring(_GONE):
        call.client("scheduler").delete_schedule(Name=resource_id.split("/", 1)[1])


TYPES = (ResourceType("aws:scheduler/schedule:Schedule", _FIELDS, _create, _read, _delete, _update),)
