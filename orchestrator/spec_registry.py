"""The spec's schema registry: one to run beside the brokers, or an existing one to use."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: What a new version of a schema must be ("Schema Evolution and Compatibility", Confluent Platform documentation).
Compatibility = Literal[
    "NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"
]


class SchemaRegistrySpec(BaseModel):
    """A schema registry that speaks Confluent's API.

    Attributes:
        kind: the registry to run; None when `url` names an existing one, which is used and never changed or ended.
        auth: how its clients prove themselves.
        compatibility: the rule of every subject of a registry that is run; an existing one keeps its own.
        url: the base URL of an existing registry.
        secret: ARN of the Secrets Manager secret with `{"username", "password"}` for it.
        ca_pem: the CA (PEM) that signs its certificate; None is the system's trust store.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["apicurio"] | None = None
    auth: Literal["basic"] = "basic"
    compatibility: Compatibility = "BACKWARD"
    url: str | None = Field(default=None, pattern=r"^https?://[^\s@]+$")
    secret: str | None = Field(default=None, pattern=r"^arn:[a-z-]+:secretsmanager:")
    ca_pem: str | None = Field(default=None, pattern=r"-----BEGIN CERTIFICATE-----")

    @model_validator(mode="after")
    def _one_of_two_forms(self) -> SchemaRegistrySpec:
        if (self.kind is None) is (self.url is None):
            raise ValueError("needs either 'kind' (a registry to run) or 'url' (an existing one)")
        if self.url is None and (self.secret is not None or self.ca_pem is not None):
            raise ValueError("'secret' and 'ca_pem' belong to an existing registry ('url')")
        if self.url is not None and "compatibility" in self.model_fields_set:
            raise ValueError("'compatibility' is set on a registry that is run ('kind'); an existing one keeps its own")
        return self
