"""MSK's configurations and the association of one SCRAM secret; clusters are in `msk_cluster`."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from orchestrator.embedded.provider.call import Call, ResourceError, found
from orchestrator.embedded.provider.model import Field, ResourceType, Values

#: MSK answers 400 for a configuration and 404 for a cluster that is gone.
_GONE = "NotFoundException"


# --- Configuration -----------------------------------------------------------------------------------------------


def _create_configuration(call: Call, news: Values) -> str:
    given = {"Description": news.get("description"), "KafkaVersions": news.get("kafkaVersions")}
    answer = call.client("kafka").create_configuration(
        Name=news["name"],
        ServerProperties=news["serverProperties"].encode(),
        **{name: value for name, value in given.items() if value},
    )
    return call.created(answer["Arn"])


def _configuration_gone(error_message: str) -> bool:
    return "does not exist" in error_message


def _read_configuration(call: Call, arn: str, state: Values) -> Values | None:
    kafka = call.client("kafka")
    try:
        answer = kafka.describe_configuration(Arn=arn)
        if answer["State"] == "DELETING":
            return None
        number = answer["LatestRevision"]["Revision"]
        revision = kafka.describe_configuration_revision(Arn=arn, Revision=number)
    except (kafka.exceptions.BadRequestException, kafka.exceptions.NotFoundException) as error:
        if _configuration_gone(str(error)):
            return None
        raise
    text = revision["ServerProperties"]
    return {
        "name": answer["Name"],
        "description": answer.get("Description"),
        "kafkaVersions": list(answer.get("KafkaVersions", [])) or state.get("kafkaVersions"),
        "serverProperties": text.decode() if isinstance(text, bytes) else text,
        "latestRevision": number,
        "arn": arn,
    }


def _update_configuration(call: Call, arn: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    given = {"Description": news["description"]} if "description" in news else {}
    call.client("kafka").update_configuration(Arn=arn, ServerProperties=news["serverProperties"].encode(), **given)


def _delete_configuration(call: Call, arn: str, state: Values) -> None:
    kafka = call.client("kafka")
    try:
        kafka.delete_configuration(Arn=arn)
    except (kafka.exceptions.BadRequestException, kafka.exceptions.NotFoundException) as error:
        if not _configuration_gone(str(error)):
            raise
        return
    call.wait(
        lambda: _read_configuration(call, arn, state), lambda seen: seen is None, f"configuration {arn} going away"
    )


# --- SCRAM association -------------------------------------------------------------------------------------------


def _associate(call: Call, news: Values) -> str:
    cluster, secret = news["clusterArn"], news["secretArn"]
    # MSK takes one change of a cluster's secrets at a time.
    answer = call.retrying(
        ["ConflictException", "TooManyRequestsException"],
        lambda: call.client("kafka").batch_associate_scram_secret(ClusterArn=cluster, SecretArnList=[secret]),
    )
    _refuse_unprocessed(answer.get("UnprocessedScramSecrets"))
    return call.created(f"{cluster},{secret}")


def _refuse_unprocessed(unprocessed: list[dict[str, str]] | None) -> None:
    """A batch answers 200 and names what it did not do."""
    for item in unprocessed or ():
        raise ResourceError(f"secret {item['SecretArn']}: {item.get('ErrorCode')}: {item.get('ErrorMessage')}")


def _read_association(call: Call, resource_id: str, state: Values) -> Values | None:
    cluster, secret = resource_id.split(",", 1)
    pages = call.client("kafka").get_paginator("list_scram_secrets").paginate(ClusterArn=cluster)
    arns = found([_GONE, "BadRequestException"], lambda: [arn for page in pages for arn in page["SecretArnList"]])
    return {"clusterArn": cluster, "secretArn": secret} if secret in (arns or ()) else None


def _disassociate(call: Call, resource_id: str, state: Values) -> None:
    if _read_association(call, resource_id, state) is None:
        return
    cluster, secret = resource_id.split(",", 1)
    answer = found(
        [_GONE],
        lambda: call.retrying(
            ["ConflictException", "TooManyRequestsException"],
            lambda: call.client("kafka").batch_disassociate_scram_secret(ClusterArn=cluster, SecretArnList=[secret]),
        ),
    )
    if answer and _read_association(call, resource_id, state) is not None:
        _refuse_unprocessed(answer.get("UnprocessedScramSecrets"))


TYPES = (
    ResourceType(
        "aws:msk/configuration:Configuration",
        (
            Field("name", required=True, replace=True),
            Field("description"),
            Field("kafkaVersions", replace=True, kind="set"),
            Field("serverProperties", required=True),
        ),
        _create_configuration,
        _read_configuration,
        _delete_configuration,
        _update_configuration,
    ),
    ResourceType(
        "aws:msk/singleScramSecretAssociation:SingleScramSecretAssociation",
        (Field("clusterArn", required=True, replace=True), Field("secretArn", required=True, replace=True)),
        _associate,
        _read_association,
        _disassociate,
    ),
)
