"""Hosts that connectors must reach, beside the brokers and the bucket: a database, an HTTP service."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from orchestrator.environment import Egress
from orchestrator.errors import UsageError
from orchestrator.spec_types import Strict

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def _host(value: str) -> str:
    try:
        return str(ipaddress.IPv4Address(value))
    except ValueError:
        pass
    if len(value) > 253 or not all(_LABEL.fullmatch(label) for label in value.split(".")):
        raise ValueError("must be a host name or an IPv4 address, without scheme and port")
    return value


def _range(value: str) -> str:
    try:
        return str(ipaddress.IPv4Network(value))
    except ValueError:
        raise ValueError("must be an IPv4 range such as 10.42.0.0/16, without host bits") from None


class EgressSpec(Strict):
    """A host that connectors must reach, and the way there.

    Attributes:
        host: name or IPv4 address.
        port: the TCP port; the workers' security group lets this one out.
        tls: the host speaks TLS from the first byte, with a certificate for `host`.
        ca_file: the CA of that certificate (PEM); None means the public ones.
        cidr: the range that the host is in: what the security group lets packets out to; None means the VPC's.
        endpoint: an AWS service whose interface endpoint leads there (`sts`); it is made, with private DNS.
    """

    host: Annotated[str, AfterValidator(_host)]
    port: int = Field(ge=1, le=65535)
    tls: bool = False
    ca_file: str | None = Field(default=None, min_length=1)
    cidr: Annotated[str, AfterValidator(_range)] | None = None
    endpoint: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")

    @model_validator(mode="after")
    def _consistent(self) -> EgressSpec:
        if self.endpoint is not None and (self.cidr is not None or self.port != 443):
            raise ValueError("an interface endpoint is in the VPC and listens on port 443: leave 'cidr' out")
        if self.ca_file is not None and not self.tls:
            raise ValueError("'ca_file' needs 'tls: true'")
        return self

    @property
    def label(self) -> str:
        """The host and port as one name."""
        return f"{self.host}-{self.port}".replace(".", "-").replace("_", "-")

    def described(self) -> Egress:
        """Return it as the environment object carries it, with the CA's text.

        Raises:
            UsageError: the CA's file cannot be read, or holds no certificate.
        """
        ca_pem = None
        if self.ca_file is not None:
            path = Path(self.ca_file).expanduser()
            try:
                ca_pem = path.read_text()
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"connect.egress: {self.host}: cannot read {path}: {error}") from None
            if "-----BEGIN CERTIFICATE-----" not in ca_pem:
                raise UsageError(f"connect.egress: {self.host}: {path} holds no certificate in PEM form")
        return Egress(host=self.host, port=self.port, tls=self.tls, ca_pem=ca_pem, endpoint=self.endpoint)
