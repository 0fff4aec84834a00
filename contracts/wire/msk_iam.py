"""AWS_MSK_IAM, client side: a presigned request for `kafka-cluster:Connect`, as JSON (aws-msk-iam-auth, Details)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from contracts.wire.sasl import Exchange

_VERSION = "2020_10_22"
#: The life of a signature that AWS's own clients ask for, seconds.
LIFETIME_S = 900


@dataclass(frozen=True)
class MskIam:
    """AWS_MSK_IAM with a payload that is made for each connection.

    Attributes:
        payload: returns a fresh payload, signed for the broker's host.
    """

    payload: Callable[[], str] = field(repr=False)
    mechanism: str = "AWS_MSK_IAM"

    def authenticate(self, exchange: Exchange) -> None:
        """Send the payload and check the version of the answer."""
        answer = json.loads(exchange(self.payload().encode()))
        if answer.get("version") != _VERSION:
            raise ValueError(f"the broker answered in version {answer.get('version')}, not {_VERSION}")


def payload(credentials: Credentials, region: str, host: str, *, lifetime_s: int = LIFETIME_S) -> str:
    """Return the payload for one broker.

    Args:
        credentials: whose signature.
        region: the cluster's region.
        host: the broker's name, as the client connects to it.
        lifetime_s: how long the signature holds.
    """
    request = AWSRequest("GET", f"https://{host}/?Action=kafka-cluster%3AConnect")
    SigV4QueryAuth(credentials, "kafka-cluster", region, expires=lifetime_s).add_auth(request)
    parameters = {name.lower(): value for name, value in parse_qsl(urlsplit(str(request.url)).query)}
    return json.dumps({"version": _VERSION, "host": host, "user-agent": "ephk-probe", **parameters})
