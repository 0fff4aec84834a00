"""Secrets Manager: secrets and their versions."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from orchestrator.embedded.provider.call import Call, found, ignoring, removed_tags, tag_list, tag_map
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values

_GONE = "ResourceNotFoundException"


def _create_secret(call: Call, news: Values) -> str:
    given = {"Description": news.get("description"), "KmsKeyId": news.get("kmsKeyId")}
    answer = call.client("secretsmanager").create_secret(
        Name=news["name"],
        Tags=tag_list(news.get("tags")),
        **{name: value for name, value in given.items() if value is not None},
    )
    return call.created(answer["ARN"])


def _read_secret(call: Call, arn: str, state: Values) -> Values | None:
    secret = found([_GONE], lambda: call.client("secretsmanager").describe_secret(SecretId=arn))
    if secret is None or secret.get("DeletedDate"):
        return None
    return {
        "name": secret["Name"],
        "description": secret.get("Description"),
        "kmsKeyId": secret.get("KmsKeyId"),
        "arn": secret["ARN"],
        "tags": tag_map(secret.get("Tags")),
    }


def _update_secret(call: Call, arn: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    manager = call.client("secretsmanager")
    if changed & {"description", "kmsKeyId"}:
        given = {"Description": news.get("description", ""), "KmsKeyId": news.get("kmsKeyId")}
        manager.update_secret(SecretId=arn, **{name: value for name, value in given.items() if value is not None})
    if "tags" in changed:
        gone = removed_tags(olds, news)
        if gone:
            manager.untag_resource(SecretId=arn, TagKeys=gone)
        manager.tag_resource(SecretId=arn, Tags=tag_list(news.get("tags")))


def _delete_secret(call: Call, arn: str, state: Values) -> None:
    window = int(state.get("recoveryWindowInDays", 30))
    # A window of 0 frees the name at once ("DeleteSecret", AWS Secrets Manager API Reference).
    how = {"RecoveryWindowInDays": window} if window else {"ForceDeleteWithoutRecovery": True}
    with ignoring(_GONE, "InvalidRequestException"):  # the latter: its deletion is scheduled already
        call.client("secretsmanager").delete_secret(SecretId=arn, **how)


def _create_version(call: Call, news: Values) -> str:
    answer = call.client("secretsmanager").put_secret_value(
        SecretId=news["secretId"], SecretString=news["secretString"]
    )
    return call.created(f"{answer['ARN']}|{answer['VersionId']}")


def _read_version(call: Call, resource_id: str, state: Values) -> Values | None:
    arn, version = resource_id.rsplit("|", 1)
    manager = call.client("secretsmanager")
    # InvalidRequestException: the secret waits for its deletion.
    codes = [_GONE, "InvalidRequestException"]
    answer = found(codes, lambda: manager.get_secret_value(SecretId=arn, VersionId=version))
    if answer is None:
        return None
    given = state.get("secretId")
    return {
        "secretId": given if given in {arn, answer.get("Name")} else arn,
        "secretString": answer["SecretString"],
        "versionStages": list(answer.get("VersionStages", [])),
        "versionId": version,
        "arn": arn,
        "secretArn": arn,
    }


def _delete_version(call: Call, resource_id: str, state: Values) -> None:
    """Do nothing: the current version of a secret cannot be taken away, it goes with the secret."""


TYPES = (
    ResourceType(
        "aws:secretsmanager/secret:Secret",
        (
            Field("name", required=True, replace=True),
            Field("description"),
            Field("kmsKeyId"),
            Field("recoveryWindowInDays", local=True),
            TAGS,
        ),
        _create_secret,
        _read_secret,
        _delete_secret,
        _update_secret,
    ),
    ResourceType(
        "aws:secretsmanager/secretVersion:SecretVersion",
        (
            Field("secretId", required=True, replace=True),
            Field("secretString", required=True, replace=True, secret=True),
        ),
        _create_version,
        _read_version,
        _delete_version,
    ),
)
