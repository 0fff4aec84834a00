"""CodeBuild: projects."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from orchestrator.embedded.provider.call import Call, tag_list, tag_map
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values, from_api, to_api

_FIELDS = (
    Field("name", required=True, replace=True),
    Field("description"),
    Field("serviceRole", required=True),
    Field("buildTimeout", api="timeoutInMinutes"),
    Field(
        "source", required=True, fields=(Field("type", required=True, api="type"), Field("buildspec", api="buildspec"))
    ),
    Field("artifacts", required=True, fields=(Field("type", required=True, api="type"),)),
    Field(
        "environment",
        required=True,
        fields=(
            Field("type", required=True, api="type"),
            Field("image", required=True, api="image"),
            Field("computeType", required=True, api="computeType"),
        ),
    ),
    Field(
        "logsConfig",
        fields=(
            Field(
                "cloudwatchLogs",
                api="cloudWatchLogs",
                fields=(Field("status", api="status"), Field("groupName", api="groupName")),
            ),
        ),
    ),
)
#: CodeBuild's API writes its members in camel case, like Pulumi.
_API = tuple(Field(item.name, fields=item.fields, api=item.api or item.name) for item in _FIELDS)


def _pairs(news: Values) -> list[dict[str, str]]:
    return tag_list(news.get("tags"), "key", "value")


def _create(call: Call, news: Values) -> str:
    answer = call.client("codebuild").create_project(**to_api(_API, news), tags=_pairs(news))
    return call.created(answer["project"]["name"])


def _read(call: Call, name: str, state: Values) -> Values | None:
    projects = call.client("codebuild").batch_get_projects(names=[name])["projects"]
    if not projects:
        return None
    project = projects[0]
    return {**from_api(_API, project), "arn": project["arn"], "tags": tag_map(project.get("tags"), "key", "value")}


def _update(call: Call, name: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    call.client("codebuild").update_project(**to_api(_API, news), tags=_pairs(news))


def _delete(call: Call, name: str, state: Values) -> None:
    call.client("codebuild").delete_project(name=name)  # one that is gone is fine for CodeBuild


TYPES = (ResourceType("aws:codebuild/project:Project", (*_FIELDS, TAGS), _create, _read, _delete, _update),)
