"""The payload of the SASL mechanism AWS_MSK_IAM, as the presigned URL whose parts it is.

aws-msk-iam-auth presigns `GET https://<broker>/?Action=kafka-cluster:Connect` for the service `kafka-cluster` and sends
the query's parameters as JSON, in lower case, with the host that it signed for ("Amazon MSK Library for AWS Identity
and Access Management", README: Details; version 2020_10_22).
"""

from __future__ import annotations

import json
import re
from urllib.parse import quote, urlencode

from orchestrator.embedded.gateway.sigv4 import SignatureError

VERSION = "2020_10_22"
_MAX_PAYLOAD = 16_384
#: The parameters of the URL; a payload must have each of them but the last, which only temporary credentials have.
_PARAMETERS = (
    "Action",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
)
_OTHER_FIELDS = frozenset({"version", "host", "user-agent"})


def url_of(payload: str, cluster_arn: str, region: str) -> str:
    """Return the presigned URL of a payload that was made for a broker of this cluster.

    Args:
        payload: the client's message.
        cluster_arn: the cluster whose broker got it.
        region: the cluster's region.

    Raises:
        SignatureError: it is no such payload, or it was signed for another host.
    """
    fields = _fields(payload)
    if fields.get("version") != VERSION:
        raise SignatureError("incomplete", f"the payload's version is not {VERSION}")
    host = fields.get("host", "")
    if not _is_broker(host, cluster_arn, region):
        raise SignatureError("mismatch", "the payload is not signed for a broker of this cluster")
    known = {name.lower(): name for name in _PARAMETERS}
    if unknown := fields.keys() - known.keys() - _OTHER_FIELDS:
        raise SignatureError("incomplete", f"the payload has {len(unknown)} unknown fields")
    query = {known[name]: value for name, value in fields.items() if name in known}
    if missing := [name for name in _PARAMETERS[:-1] if not query.get(name)]:
        raise SignatureError("incomplete", f"the payload has no {missing[0].lower()}")
    return f"https://{host}/?{urlencode(query, quote_via=quote, safe='')}"


def _fields(payload: str) -> dict[str, str]:
    if len(payload) > _MAX_PAYLOAD:
        raise SignatureError("incomplete", "the payload is too long")
    try:
        document = json.loads(payload, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise SignatureError("incomplete", "the payload is not a JSON object with each field once") from error
    if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
        raise SignatureError("incomplete", "the payload is not a JSON object of texts")
    return document


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


def _is_broker(host: str, cluster_arn: str, region: str) -> bool:
    """Tell whether a name is one under which brokers of the cluster are reached: loopback, or their certificates'."""
    uuid = re.escape(cluster_arn.rsplit("/", 1)[-1])
    names = rf"127\.0\.0\.1|localhost|b-\d+\.{uuid}\.kafka\.{re.escape(region)}\.amazonaws\.com"
    return re.fullmatch(names, host) is not None
