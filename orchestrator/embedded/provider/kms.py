"""KMS: keys and their aliases."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

import functools
from typing import Any

from orchestrator.embedded.provider.call import Call, found, ignoring, removed_tags, tag_list, tag_map
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values

_TAG = ("TagKey", "TagValue")


def _create_key(call: Call, news: Values) -> str:
    kms = call.client("kms")
    given = {"Description": news.get("description"), "Policy": news.get("policy")}
    answer = kms.create_key(
        Tags=tag_list(news.get("tags"), *_TAG), **{name: value for name, value in given.items() if value is not None}
    )
    key_id = call.created(answer["KeyMetadata"]["KeyId"])
    if news.get("enableKeyRotation"):
        kms.enable_key_rotation(KeyId=key_id)
    return key_id


def _read_key(call: Call, key_id: str, state: Values) -> Values | None:
    kms = call.client("kms")
    answer = found(["NotFoundException"], lambda: kms.describe_key(KeyId=key_id))
    # A key that waits for its deletion cannot be used any more: for its owner it is gone.
    if answer is None or answer["KeyMetadata"]["KeyState"] == "PendingDeletion":
        return None
    key = answer["KeyMetadata"]
    return {
        "description": key.get("Description", ""),
        "policy": kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"],
        "enableKeyRotation": kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"],
        "isEnabled": key["Enabled"],
        "keyUsage": key.get("KeyUsage"),
        "keyId": key["KeyId"],
        "arn": key["Arn"],
        "tags": tag_map(kms.list_resource_tags(KeyId=key_id).get("Tags"), *_TAG),
    }


def _update_key(call: Call, key_id: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    kms = call.client("kms")
    if "description" in changed:
        kms.update_key_description(KeyId=key_id, Description=news.get("description", ""))
    if "policy" in changed and "policy" in news:
        kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=news["policy"])
    if "enableKeyRotation" in changed:
        switch = kms.enable_key_rotation if news.get("enableKeyRotation") else kms.disable_key_rotation
        switch(KeyId=key_id)
    if "tags" in changed:
        gone = removed_tags(olds, news)
        if gone:
            kms.untag_resource(KeyId=key_id, TagKeys=gone)
        kms.tag_resource(KeyId=key_id, Tags=tag_list(news.get("tags"), *_TAG))


def _delete_key(call: Call, key_id: str, state: Values) -> None:
    # KMSInvalidStateException: its deletion is scheduled already.
    with ignoring("NotFoundException", "KMSInvalidStateException"):
        call.client("kms").schedule_key_deletion(
            KeyId=key_id, PendingWindowInDays=int(state.get("deletionWindowInDays", 30))
        )


def _create_alias(call: Call, news: Values) -> str:
    call.client("kms").create_alias(AliasName=news["name"], TargetKeyId=news["targetKeyId"])
    return call.created(news["name"])


def _find_alias(call: Call, name: str, key_id: str | None) -> Any:
    # Asking for one key's aliases is one call; an alias that was turned to another key needs the whole list.
    filters: list[Values] = [{"KeyId": key_id}, {}] if key_id else [{}]
    for chosen in filters:
        for alias in found(["NotFoundException"], functools.partial(_list_aliases, call, chosen)) or ():
            if alias["AliasName"] == name:
                return alias
    return None


def _list_aliases(call: Call, chosen: Values) -> list[Any]:
    pages = call.client("kms").get_paginator("list_aliases").paginate(**chosen)
    return [alias for page in pages for alias in page["Aliases"]]


def _read_alias(call: Call, name: str, state: Values) -> Values | None:
    alias = _find_alias(call, name, state.get("targetKeyId"))
    if alias is None or "TargetKeyId" not in alias:
        return None
    key_id = alias["TargetKeyId"]
    key_arn = f"arn:aws:kms:{call.region}:{call.account_id}:key/{key_id}"
    given = state.get("targetKeyId")
    return {
        "name": name,
        # Both the id and the ARN name the key: keep the spelling that the program uses.
        "targetKeyId": given if given in {key_id, key_arn} else key_id,
        "targetKeyArn": key_arn,
        "arn": alias["AliasArn"],
    }


def _update_alias(call: Call, name: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    call.client("kms").update_alias(AliasName=name, TargetKeyId=news["targetKeyId"])


def _delete_alias(call: Call, name: str, state: Values) -> None:
    with ignoring("NotFoundException"):
        call.client("kms").delete_alias(AliasName=name)


TYPES = (
    ResourceType(
        "aws:kms/key:Key",
        (
            Field("description"),
            Field("policy", kind="json"),
            Field("enableKeyRotation"),
            Field("deletionWindowInDays", local=True),
            TAGS,
        ),
        _create_key,
        _read_key,
        _delete_key,
        _update_key,
    ),
    ResourceType(
        "aws:kms/alias:Alias",
        (Field("name", required=True, replace=True), Field("targetKeyId", required=True)),
        _create_alias,
        _read_alias,
        _delete_alias,
        _update_alias,
    ),
)
