"""Which IAM action on which resource a request of any service but S3 is.

The resource is built from the identifiers in the request. Where a request names none, it is `*`, which only a
statement with `"Resource": "*"` covers: a caller is rather refused too much than allowed too much.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from orchestrator.embedded.gateway.http import HttpRequest
from orchestrator.embedded.gateway.models import Target, service_model
from orchestrator.embedded.gateway.moto_state import MotoState

#: Action prefixes that differ from the signing name ("Service Authorization Reference").
_PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag", "email": "ses"}
#: Operations whose action has another name.
_ACTIONS = {"kms:ReEncrypt": "kms:ReEncryptFrom", "lambda:Invoke": "lambda:InvokeFunction"}
#: What is made has no identifier yet; its name is in the request. AWS decides about the ARN that it will have.
_KAFKA_CREATED = {
    "CreateCluster": ("cluster", "clusterName"),
    "CreateClusterV2": ("cluster", "clusterName"),
    "CreateConfiguration": ("configuration", "name"),
}
_EC2_CREATED = {"CreateVpc": "vpc", "CreateInternetGateway": "internet-gateway"}
_EC2_TYPES = {
    "vpc": "vpc",
    "subnet": "subnet",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "vpce": "vpc-endpoint",
    "eni": "network-interface",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "eipalloc": "elastic-ip",
    "fl": "vpc-flow-log",
    "acl": "network-acl",
    "i": "instance",
    "vol": "volume",
}
_EC2_ID = re.compile(r"([a-z]+)-[0-9a-f]{8,17}")
_READING = ("Describe", "List", "Get", "Search")


def action_of(target: Target) -> str:
    """Return the IAM action of a request."""
    action = f"{_PREFIXES.get(target.signing_name, target.signing_name)}:{target.operation or target.requested}"
    return _ACTIONS.get(action, action)


def resources_of(target: Target, request: HttpRequest, moto: MotoState, region: str) -> tuple[str, ...]:
    """Return the ARNs that a request acts on, each of which must be allowed; `*` when it names none."""
    prefix = f"arn:aws:{target.service}:{region}:{moto.account_id}"
    fields = fields_of(target, request)
    match target.service:
        case "ec2":
            association = moto.route_table_of(_text(fields, "AssociationId")) if "AssociationId" in fields else None
            more = {"RouteTableId": association} if association else {}
            return _ec2(fields | more, prefix, target.operation or "")
        case "kms" if alias := _text(fields, "AliasName"):
            key = _text(fields, "TargetKeyId")
            return (f"{prefix}:{alias}", *((moto.kms_key_arn(key) or "*",) if key else ()))
        case "kms":
            # A key that is named beside a ciphertext does not hide the key that made the ciphertext.
            named = (_text(fields, "KeyId"), _key_of(_text(fields, "CiphertextBlob")))
            return tuple(dict.fromkeys(moto.kms_key_arn(key) or "*" for key in named if key)) or ("*",)
    return (_resource_of(target, fields, prefix, moto),)


def _resource_of(target: Target, fields: Mapping[str, Any], prefix: str, moto: MotoState) -> str:
    match target.service:
        case "iam":
            return _iam(fields, moto, target.operation or "")
        case "kafka" if (target.operation or "") in _KAFKA_CREATED:
            kind, member = _KAFKA_CREATED[target.operation or ""]
            return f"{prefix}:{kind}/{_text(fields, member)}/*"
        case "secretsmanager":
            return _secret(fields, prefix, moto)
        case "logs":
            name = _text(fields, "logGroupName")
            arn = _text(fields, "logGroupIdentifier", "resourceArn", "logGroupArn")
            return f"{prefix}:log-group:{name}:log-stream:" if name else arn or "*"
        case "codebuild":
            name = _text(fields, "projectName", "name") or next(iter(fields.get("names") or ()), "")
            return f"{prefix}:project/{name}" if isinstance(name, str) and name else "*"
        case "scheduler" if name := _text(fields, "Name"):
            return f"{prefix}:schedule/{_text(fields, 'GroupName', 'groupName') or 'default'}/{name}"
        case "cloudwatch" | "sns" | "sqs" if arn := _monitoring(target.service, fields, prefix):
            return arn
        case "sts":
            return _text(fields, "RoleArn") or "*"
        case "kafkaconnect":  # a request to create one names other resources, too: the role is none that it acts on
            kinds = ("connector", "connectorOperation", "customPlugin", "workerConfiguration", "resource")
            return _text(fields, *(f"{kind}Arn" for kind in kinds)) if target.labels else "*"
    # The path names what a REST request is about, and the model puts first what an operation requires.
    named = (*target.labels, *_required_first(target.service, target.operation or ""))
    return next((arn for name in named if (arn := _text(fields, name)).startswith("arn:")), "*")


def fields_of(target: Target, request: HttpRequest) -> dict[str, Any]:
    """Return the members of a request that is canonical (see `canonical`), from where its protocol puts them."""
    if target.protocol in {"query", "ec2"}:
        return dict(request.form)
    return {**request.query, **_document(request, target), **target.labels}


@lru_cache(maxsize=512)
def _required_first(service: str, operation: str) -> tuple[str, ...]:
    shape = service_model(service).operation_model(operation).input_shape
    members = {
        name: member.serialization.get("name", name) for name, member in (shape.members if shape else {}).items()
    }
    required = [name for name in members if shape and name in shape.required_members]
    return tuple(dict.fromkeys(members[name] for name in (*required, *members)))


def _key_of(ciphertext: str) -> str:
    """Return the key that made a ciphertext: KMS finds it by itself ("Decrypt", AWS KMS API Reference).

    moto writes the key's id, 36 characters, before what it encrypted.
    """
    try:
        return base64.b64decode(ciphertext, validate=True)[:36].decode("ascii")
    except ValueError:
        return ""


def _document(request: HttpRequest, target: Target) -> dict[str, Any]:
    if target.protocol not in {"json", "rest-json"} or not request.body:
        return {}
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _text(fields: Mapping[str, Any], *names: str) -> str:
    return next((str(fields[name]) for name in names if isinstance(fields.get(name), str)), "")


def _iam(fields: Mapping[str, Any], moto: MotoState, operation: str) -> str:
    """Return what an operation of IAM changes or asks about: the profile or group that gets a member, not that one."""
    if arn := _text(fields, "OpenIDConnectProviderArn", "SAMLProviderArn", "PolicySourceArn"):
        return arn
    if operation == "CreateOpenIDConnectProvider":
        return f"arn:aws:iam::{moto.account_id}:oidc-provider/{_text(fields, 'Url').removeprefix('https://')}"
    for member, kind in (
        ("InstanceProfileName", "instance-profile"),
        ("GroupName", "group"),
        ("RoleName", "role"),
        ("UserName", "user"),
    ):
        if name := _text(fields, member):
            # What is there has a path that requests do not name; a policy may speak of it.
            known = "" if operation.startswith("Create") else moto.iam_arn(kind, name)
            return known or f"arn:aws:iam::{moto.account_id}:{kind}{_text(fields, 'Path') or '/'}{name}"
    if arn := _text(fields, "PolicyArn"):
        return arn
    name = _text(fields, "PolicyName")
    return f"arn:aws:iam::{moto.account_id}:policy{_text(fields, 'Path') or '/'}{name}" if name else "*"


def _secret(fields: Mapping[str, Any], prefix: str, moto: MotoState) -> str:
    named = _text(fields, "SecretId")
    if named:
        found = moto.secret(named)
        return found.arn if found else named if named.startswith("arn:") else f"{prefix}:secret:{named}-??????"
    name = _text(fields, "Name")
    return f"{prefix}:secret:{name}-??????" if name else "*"


def _monitoring(service: str, fields: Mapping[str, Any], prefix: str) -> str:
    """Return the alarm, topic or queue that a request names; empty when it names none by name."""
    match service:
        case "cloudwatch":
            names = fields.get("AlarmNames")
            several = names if isinstance(names, list) else []
            name = _text(fields, "AlarmName", "AlarmNames.member.1") or (str(several[0]) if len(several) == 1 else "")
            return f"{prefix}:alarm:{name}" if name else ""
        case "sns":
            if "SubscriptionArn" in fields:  # its actions have no resource ("Actions defined by Amazon SNS")
                return "*"
            name = _text(fields, "Name") if not _text(fields, "TopicArn") else ""
            return f"{prefix}:{name}" if name else ""
        case _:
            name = _text(fields, "QueueName") or _text(fields, "QueueUrl").rpartition("/")[2]
            return f"{prefix}:{name}" if name else ""


def _ec2(fields: Mapping[str, Any], prefix: str, operation: str) -> tuple[str, ...]:
    """Return everything that a request names by id: who may tag one network may not tag another with it."""
    if operation.startswith(_READING):
        return ("*",)
    found = [match for value in fields.values() if isinstance(value, str) and (match := _EC2_ID.fullmatch(value))]
    named = [f"{prefix}:{_EC2_TYPES[match[1]]}/{match[0]}" for match in found if match[1] in _EC2_TYPES]
    made = [f"{prefix}:{_EC2_CREATED[operation]}/*"] if operation in _EC2_CREATED and not named else []
    return tuple(dict.fromkeys((*named, *made))) or ("*",)
