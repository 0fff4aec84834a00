"""IAM: identity providers that speak OpenID Connect, by which a CI assumes a role without a key."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from orchestrator.embedded.provider.call import Call, found, ignoring, removed_tags, tag_list, tag_map
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values

_GONE = "NoSuchEntity"


def _create(call: Call, news: Values) -> str:
    answer = call.client("iam").create_open_id_connect_provider(
        Url=news["url"], ClientIDList=news["clientIdLists"], Tags=tag_list(news.get("tags"))
    )
    return call.created(answer["OpenIDConnectProviderArn"])


def _read(call: Call, arn: str, state: Values) -> Values | None:
    iam = call.client("iam")
    answer = found([_GONE], lambda: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn))
    if answer is None:
        return None
    given = str(state.get("url") or "")
    # IAM keeps the address without its scheme: keep the spelling that the program uses.
    url = given if given.removeprefix("https://") == answer["Url"].removeprefix("https://") else answer["Url"]
    return {"url": url, "clientIdLists": answer["ClientIDList"], "arn": arn, "tags": tag_map(answer.get("Tags"))}


def _update(call: Call, arn: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    iam = call.client("iam")
    if "clientIdLists" in changed:
        before, after = set(olds.get("clientIdLists") or ()), set(news["clientIdLists"])
        for client in sorted(after - before):
            iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=client)
        for client in sorted(before - after):
            iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=client)
    if "tags" in changed:
        gone = removed_tags(olds, news)
        if gone:
            iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=gone)
        iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=tag_list(news.get("tags")))


def _delete(call: Call, arn: str, state: Values) -> None:
    with ignoring(_GONE):
        call.client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


TYPES = (
    ResourceType(
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        (
            Field("url", required=True, replace=True),
            Field("clientIdLists", required=True, kind="set"),
            TAGS,
        ),
        _create,
        _read,
        _delete,
        _update,
    ),
)
