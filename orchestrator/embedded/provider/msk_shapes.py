"""An MSK cluster's properties, as Pulumi and as the API write them.

The two differ in more than capitals: `sasl.scram: true` is `Sasl.Scram.Enabled`, the certificate authorities of
`tls` are its `CertificateAuthorityArnList`, and a cluster's own configuration comes back as part of its software.
"""

from __future__ import annotations

from orchestrator.embedded.provider.model import Field, Values

NODE_GROUP = Field(
    "brokerNodeGroupInfo",
    required=True,
    fields=(
        Field("clientSubnets", required=True, replace=True, kind="set"),
        Field("securityGroups", required=True, replace=True, kind="set"),
        Field("instanceType", required=True),
        Field("azDistribution", replace=True, choices=("DEFAULT",)),
        Field("storageInfo", fields=(Field("ebsStorageInfo", fields=(Field("volumeSize"),)),)),
    ),
)

AUTHENTICATION = Field(
    "clientAuthentication",
    fields=(
        Field("sasl", fields=(Field("iam"), Field("scram"))),
        Field("tls", fields=(Field("certificateAuthorityArns", kind="set"),)),
        Field("unauthenticated", choices=(False,)),
    ),
)

ENCRYPTION = Field(
    "encryptionInfo",
    fields=(
        Field("encryptionAtRestKmsKeyArn", replace=True),
        Field(
            "encryptionInTransit",
            fields=(Field("clientBroker", choices=("TLS",)), Field("inCluster", replace=True, choices=(True,))),
        ),
    ),
)

LOGGING = Field(
    "loggingInfo",
    fields=(
        Field(
            "brokerLogs",
            required=True,
            fields=(Field("cloudwatchLogs", fields=(Field("enabled", required=True), Field("logGroup"))),),
        ),
    ),
)

CONFIGURATION = Field("configurationInfo", fields=(Field("arn", required=True), Field("revision", required=True)))


def node_group_to_api(group: Values) -> Values:
    """Return `BrokerNodeGroupInfo`."""
    size = group.get("storageInfo", {}).get("ebsStorageInfo", {}).get("volumeSize")
    written: Values = {
        "BrokerAZDistribution": group.get("azDistribution", "DEFAULT"),
        "ClientSubnets": group["clientSubnets"],
        "SecurityGroups": group["securityGroups"],
        "InstanceType": group["instanceType"],
    }
    if size is not None:
        written["StorageInfo"] = {"EbsStorageInfo": {"VolumeSize": size}}
    return written


def node_group_from_api(answer: Values) -> Values:
    """Read `BrokerNodeGroupInfo`."""
    read: Values = {
        "azDistribution": answer.get("BrokerAZDistribution", "DEFAULT"),
        "clientSubnets": list(answer["ClientSubnets"]),
        "securityGroups": list(answer.get("SecurityGroups", [])),
        "instanceType": answer["InstanceType"],
    }
    size = answer.get("StorageInfo", {}).get("EbsStorageInfo", {}).get("VolumeSize")
    if size is not None:
        read["storageInfo"] = {"ebsStorageInfo": {"volumeSize": size}}
    return read


def authentication_to_api(authentication: Values) -> Values:
    """Return `ClientAuthentication`, with every mechanism said to be on or off."""
    sasl = authentication.get("sasl", {})
    authorities = authentication.get("tls", {}).get("certificateAuthorityArns", [])
    return {
        "Sasl": {"Scram": {"Enabled": bool(sasl.get("scram"))}, "Iam": {"Enabled": bool(sasl.get("iam"))}},
        "Tls": {"Enabled": bool(authorities), "CertificateAuthorityArnList": list(authorities)},
        "Unauthenticated": {"Enabled": False},
    }


def authentication_from_api(answer: Values) -> Values:
    """Read `ClientAuthentication`."""
    sasl = answer.get("Sasl", {})
    read: Values = {
        "sasl": {name: bool(sasl.get(name.capitalize(), {}).get("Enabled")) for name in ("iam", "scram")},
        "unauthenticated": bool(answer.get("Unauthenticated", {}).get("Enabled")),
    }
    authorities = answer.get("Tls", {}).get("CertificateAuthorityArnList")
    if authorities:
        read["tls"] = {"certificateAuthorityArns": list(authorities)}
    return read


def encryption_to_api(encryption: Values, *, at_rest: bool = True) -> Values:
    """Return `EncryptionInfo`; an update must not name the key again (`at_rest` False)."""
    written: Values = {}
    key = encryption.get("encryptionAtRestKmsKeyArn")
    if at_rest and key:
        written["EncryptionAtRest"] = {"DataVolumeKMSKeyId": key}
    transit = encryption.get("encryptionInTransit", {})
    in_transit = {"ClientBroker": transit.get("clientBroker", "TLS")}
    if at_rest:
        in_transit["InCluster"] = transit.get("inCluster", True)
    return {**written, "EncryptionInTransit": in_transit}


def encryption_from_api(answer: Values) -> Values:
    """Read `EncryptionInfo`."""
    transit = answer.get("EncryptionInTransit", {})
    return {
        "encryptionAtRestKmsKeyArn": answer.get("EncryptionAtRest", {}).get("DataVolumeKMSKeyId"),
        "encryptionInTransit": {
            "clientBroker": transit.get("ClientBroker", "TLS"),
            "inCluster": transit.get("InCluster", True),
        },
    }


def logging_to_api(logging: Values) -> Values:
    """Return `LoggingInfo`."""
    logs = logging.get("brokerLogs", {}).get("cloudwatchLogs", {})
    written: Values = {"Enabled": bool(logs.get("enabled"))}
    if logs.get("logGroup"):
        written["LogGroup"] = logs["logGroup"]
    return {"BrokerLogs": {"CloudWatchLogs": written}}


def logging_from_api(answer: Values) -> Values | None:
    """Read `LoggingInfo`."""
    logs = answer.get("BrokerLogs", {}).get("CloudWatchLogs")
    if logs is None:
        return None
    return {"brokerLogs": {"cloudwatchLogs": {"enabled": logs["Enabled"], "logGroup": logs.get("LogGroup")}}}
