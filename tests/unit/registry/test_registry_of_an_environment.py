"""The spec's registry, its way into the environment object, and what the targets do about it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.connection import Connection, RegistryAccess, Secrets
from orchestrator.environment import SchemaRegistry
from orchestrator.errors import EphkError, UsageError
from orchestrator.progress import SilentProgress
from orchestrator.schema_registry import RegistryStart
from orchestrator.spec_loading import load_spec
from orchestrator.spec_registry import SchemaRegistrySpec
from orchestrator.target import AwsTarget, EmbeddedTarget
from stacks.inputs import RegistryInputs
from tests.unit.contracts.builders import environment

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:registry"
USER = RegistryInputs("registry", "a-password")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "either 'kind'"),
        ({"kind": "apicurio", "url": "https://r"}, "either 'kind'"),
        ({"kind": "apicurio", "secret": SECRET}, "belong to an existing registry"),
        ({"url": "https://r", "compatibility": "FULL"}, "keeps its own"),
        ({"url": "https://user:password@r"}, "pattern"),
        ({"kind": "karapace"}, "apicurio"),
    ],
)
def test_a_registry_is_run_or_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SchemaRegistrySpec.model_validate(fields)


def test_the_specs_error_names_file_line_and_field(tmp_path: Path) -> None:
    path = tmp_path / "ephk.yaml"
    path.write_text("name: a\nschema_registry:\n  kind: apicurio\n  port: 1\n")
    with pytest.raises(UsageError) as caught:
        load_spec(path)
    text = "\n".join([caught.value.message, *caught.value.details])
    assert "port" in text
    assert "compatibility, kind" in text
    path.write_text("schema_registry: {kind: apicurio}\n")
    assert load_spec(path).schema_registry == SchemaRegistrySpec(kind="apicurio")


class Target(EmbeddedTarget):
    """Starts nothing."""

    def __init__(self, problem: EphkError | None = None) -> None:
        self.problem, self.asked = problem, []  # type: ignore[var-annotated]

    def start_registry(
        self, lease_directory: Path, user: tuple[str, str], compatibility: str, stopping: threading.Event
    ) -> SchemaRegistry:
        self.asked.append((user, compatibility))
        if self.problem is not None:
            raise self.problem
        return SchemaRegistry(url="https://localhost:1/api", ca_pem="pem")


def finish(
    target: EmbeddedTarget, wanted: SchemaRegistrySpec | None, user: RegistryInputs | None
) -> SchemaRegistry | None:
    with RegistryStart(wanted, user, target, Path("/nowhere")) as start:
        return start.finish(environment(), {"registry_secret_arn": SECRET}).schema_registry


def test_a_registry_that_is_run_brings_its_secret() -> None:
    target = Target()
    made = finish(target, SchemaRegistrySpec(kind="apicurio", compatibility="FULL"), USER)
    assert made == SchemaRegistry(url="https://localhost:1/api", ca_pem="pem", secret_arn=SECRET)
    assert target.asked == [(("registry", "a-password"), "FULL")]


def test_an_existing_registry_is_named_and_nothing_starts() -> None:
    target = Target()
    made = finish(target, SchemaRegistrySpec(url="https://r.example.com/", secret=SECRET), None)
    assert made == SchemaRegistry(url="https://r.example.com", secret_arn=SECRET)
    assert finish(target, None, None) is None
    assert target.asked == []


def test_a_registry_that_does_not_start_fails_the_environment() -> None:
    with pytest.raises(EphkError, match="it broke"):
        finish(Target(EphkError("it broke")), SchemaRegistrySpec(kind="apicurio"), USER)


def test_aws_runs_none_and_says_so() -> None:
    target = AwsTarget()
    target.prepare_registry(SilentProgress(), SchemaRegistrySpec(url="https://r.example.com"))
    with pytest.raises(UsageError, match="not provisioned on aws") as caught:
        target.prepare_registry(SilentProgress(), SchemaRegistrySpec(kind="apicurio"))
    assert "secret" in (caught.value.next_step or "")
    with pytest.raises(UsageError):
        target.start_registry(Path("/nowhere"), ("u", "p"), "BACKWARD", threading.Event())


def test_clients_get_the_registry_in_the_words_of_each_library(tmp_path: Path) -> None:
    known = environment()
    principal = known.principals[0]
    access = RegistryAccess("https://localhost:1/api", tmp_path / "ca.pem", "registry:a-password")
    connection = Connection(known, principal, Secrets(username="u", password="p"), None, registry=access)
    variables = connection.variables()
    assert variables["SCHEMA_REGISTRY_URL"] == "https://localhost:1/api"
    assert variables["SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO"] == "registry:a-password"
    java = connection.render("java")
    assert "basic.auth.credentials.source=USER_INFO\n" in java
    assert "schema.registry.ssl.truststore.type=PEM\n" in java
    assert "schema.registry" not in connection.render("librdkafka")  # librdkafka refuses what it does not know
    assert connection.document()["schema_registry"]["basic.auth.user.info"] == "registry:a-password"
    assert "a-password" not in repr(connection)
    assert "SCHEMA_REGISTRY_URL" not in Connection(known, principal, Secrets(), None).variables()
