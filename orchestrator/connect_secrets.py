"""Secrets by reference: connectors name a secret and a field of it, and the workers look it up (KIP-297).

"Externalizing sensitive information using config providers" (Amazon MSK Developer Guide): MSK Connect takes the
provider's class from the plugin's archive and its name from the worker configuration. The value is in Secrets Manager
alone, and the connector's role reads it.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from orchestrator.errors import UsageError
from orchestrator.spec_types import Strict

#: The provider's name in references, the one that AWS's own provider has in its documentation.
PROVIDER = "secretsmanager"
#: Our provider; it is in the archive of every plugin whose connectors refer to secrets.
PROVIDER_CLASS = "io.ephk.secrets.SecretsManagerConfigProvider"

_REFERENCE = re.compile(rf"\$\{{{PROVIDER}:(?P<secret>[^:}}]+):(?P<field>[^:}}]+)\}}")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,47}")
#: A secret's name ("CreateSecret", AWS Secrets Manager API Reference). An ARN has colons, which end a reference's path.
_SECRET_NAME = r"^[A-Za-z0-9/_+=.@-]{1,512}$"  # noqa: S105 - a pattern
_FIELD = r"^[A-Za-z0-9_.-]{1,64}$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
#: Bytes of randomness in a value that is made.
_RANDOM_BYTES = 24

FieldName = Annotated[str, Field(pattern=_FIELD)]
Variable = Annotated[str, Field(pattern=_VARIABLE)]


def _named(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be 1 to 48 characters: lower-case letters, digits and '-', beginning with a letter")
    return value


class SecretSpec(Strict):
    """A secret that connectors refer to: made with the environment, or there already.

    Attributes:
        name: what connectors call it.
        generate: fields that get a random value.
        environment: by field, the environment variable of `ephk up` that holds the value.
        existing: the name of a secret of the account that is used as it is; it is never changed or deleted.
        kms_key_arn: the customer-managed key of `existing`; None for Secrets Manager's own.
    """

    name: Annotated[str, AfterValidator(_named)]
    generate: tuple[FieldName, ...] = ()
    environment: dict[FieldName, Variable] = Field(default_factory=dict)
    existing: str | None = Field(default=None, pattern=_SECRET_NAME)
    kms_key_arn: str | None = Field(default=None, pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/.+$")

    @model_validator(mode="after")
    def _one_origin(self) -> SecretSpec:
        if (self.existing is None) == (not self.fields):
            raise ValueError("needs either 'existing' or fields to make ('generate', 'environment')")
        if self.kms_key_arn is not None and self.existing is None:
            raise ValueError("'kms_key_arn' is for 'existing': what is made has the environment's key")
        if twice := sorted({*self.generate} & {*self.environment}):
            raise ValueError(f"{', '.join(twice)}: either generated or from the environment")
        return self

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are made; none of an existing secret is known."""
        return (*self.generate, *self.environment)

    def full_name(self, prefix: str) -> str:
        """Return the secret's name in the account.

        Args:
            prefix: the beginning of the environment's names.
        """
        return self.existing or f"{prefix}-connect-{self.name}"

    def values(self) -> dict[str, str]:
        """Return the values of a secret that is to be made: read from the environment, or random.

        Raises:
            UsageError: a variable is not set.
        """
        if missing := self.missing():
            raise UsageError(
                f"connect.secrets: {self.name} takes its value from {', '.join(missing)}, which is not set",
                next_step=f"Export {missing[0]} where ephk runs, or let the value be made with 'generate'.",
            )
        made = {field: secrets.token_urlsafe(_RANDOM_BYTES) for field in self.generate}
        return made | {field: os.environ[variable] for field, variable in self.environment.items()}

    def missing(self) -> list[str]:
        """Return the environment variables that are needed and not set."""
        return [name for name in self.environment.values() if not os.environ.get(name)]


def reference(value: object) -> object:
    """Write `{secret: NAME, key: FIELD}` as Kafka does; anything else is returned as it is."""
    if isinstance(value, Mapping) and value.keys() == {"secret", "key"}:
        return f"${{{PROVIDER}:{value['secret']}:{value['key']}}}"
    return value


def references(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return every secret and field that texts refer to, in order, each once."""
    return list(dict.fromkeys((m["secret"], m["field"]) for text in texts for m in _REFERENCE.finditer(text)))


def with_full_names(text: str, names: Mapping[str, str]) -> str:
    """Replace the spec's names of secrets in references by those of the account.

    Args:
        text: a configuration value.
        names: the secret's name in the account, by the spec's; one that is not there stays.
    """
    return _REFERENCE.sub(lambda m: f"${{{PROVIDER}:{names.get(m['secret'], m['secret'])}:{m['field']}}}", text)


def brings_provider(worker_config: Mapping[str, str]) -> bool:
    """Tell whether the worker configuration names a provider for these references itself."""
    return PROVIDER in {name.strip() for name in worker_config.get("config.providers", "").split(",")}


def provider_properties(worker_config: Mapping[str, str], region: str) -> dict[str, str]:
    """Return the worker properties by which our provider is found, beside those that a user named.

    Args:
        worker_config: the user's worker properties.
        region: where the secrets are.
    """
    others = [name.strip() for name in worker_config.get("config.providers", "").split(",") if name.strip()]
    return {
        "config.providers": ",".join([*others, PROVIDER]),
        f"config.providers.{PROVIDER}.class": PROVIDER_CLASS,
        f"config.providers.{PROVIDER}.param.region": region,
    }
