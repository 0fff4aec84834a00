"""Secrets by reference in the spec: made or existing, never in clear, and refused when they cannot be resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator import connect_secrets
from orchestrator.connect_secrets import SecretSpec
from orchestrator.connect_spec import ConnectSpec
from orchestrator.errors import UsageError
from orchestrator.spec_loading import load_spec

SECRETS = [{"name": "db", "generate": ["password"], "environment": {"user": "DB_USER"}}]


def connect(value: object, secrets: list[dict[str, Any]] | None = None, **more: Any) -> ConnectSpec:
    return ConnectSpec.model_validate(
        {
            "plugins": [{"name": "p", "file": "p.jar"}],
            "secrets": SECRETS if secrets is None else secrets,
            "connectors": [{"name": "c", "plugin": "p", "config": {"connector.class": "a.B", "password": value}}],
            **more,
        }
    )


def test_both_ways_of_writing_a_reference_are_one() -> None:
    written, short = connect("${secretsmanager:db:password}"), connect({"secret": "db", "key": "password"})
    assert written == short
    assert short.connectors[0].config["password"] == "${secretsmanager:db:password}"
    assert [secret.name for secret in short.secrets_of(short.connectors[0])] == ["db"]
    assert ConnectSpec.model_validate(short.model_dump(mode="json")) == short  # the lease's copy


def test_a_reference_inside_a_longer_value_gets_the_full_name() -> None:
    names = connect("x").secret_names("ephk-bcdfghjk")
    text = "jdbc:x?user=${secretsmanager:db:user}&k=${secretsmanager:other:k}"
    full = connect_secrets.with_full_names(text, names)
    assert full == "jdbc:x?user=${secretsmanager:ephk-bcdfghjk-connect-db:user}&k=${secretsmanager:other:k}"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"secret": "other", "key": "password"}, "no secret 'other' is declared in connect.secrets; secrets: db"),
        ("${secretsmanager:db:pasword}", "the secret 'db' has no field 'pasword'; fields: password, user"),
    ],
)
def test_a_reference_to_nothing_is_refused_at_its_place(value: object, words: str) -> None:
    (problem,) = connect(value).problems([])
    assert words in problem.message
    assert problem.path == ("connect", "connectors", 0, "config", "password")


def test_a_plugin_in_s3_cannot_get_our_provider() -> None:
    theirs = [{"name": "p", "s3": "s3://their-bucket/p.zip"}]
    (problem,) = connect({"secret": "db", "key": "password"}, plugins=theirs).problems([])
    assert "put a configuration provider into it" in problem.message
    own = {"config.providers": "secretsmanager", "config.providers.secretsmanager.class": "a.Theirs"}
    assert not connect({"secret": "db", "key": "password"}, plugins=theirs, worker_config=own).problems([])


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ({"name": "db"}, "needs either 'existing' or fields to make"),
        ({"name": "db", "existing": "prod/db", "generate": ["a"]}, "needs either 'existing' or fields to make"),
        ({"name": "db", "generate": ["a"], "environment": {"a": "A"}}, "either generated or from the environment"),
        ({"name": "db", "generate": ["a"], "kms_key_arn": "arn:aws:kms:us-east-1:1:key/x"}, "kms_key_arn"),
        ({"name": "db", "existing": "arn:aws:secretsmanager:us-east-1:1:secret:x"}, "existing"),
    ],
)
def test_a_secret_of_two_origins_or_none_is_refused(secret: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SecretSpec.model_validate(secret)


def test_values_are_made_or_read_and_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    (secret,) = connect("x").secrets
    monkeypatch.delenv("DB_USER", raising=False)
    with pytest.raises(UsageError, match="DB_USER, which is not set"):
        secret.values()
    monkeypatch.setenv("DB_USER", "hunter2-user")
    first, second = secret.values(), secret.values()
    assert first["user"] == "hunter2-user"
    assert len(first["password"]) >= 32
    assert first["password"] != second["password"]
    assert "hunter2-user" not in secret.model_dump_json()


def test_a_users_own_providers_stay() -> None:
    properties = connect_secrets.provider_properties({"config.providers": "env"}, "eu-west-1")
    assert properties["config.providers"] == "env,secretsmanager"
    assert properties["config.providers.secretsmanager.param.region"] == "eu-west-1"


def test_a_problem_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "ephk.yaml"
    file.write_text(
        "name: e\nconnect:\n  plugins: [{name: p, file: p.jar}]\n  connectors:\n    - name: c\n      plugin: p\n"
        "      config:\n        connector.class: a.B\n        password: {secret: nowhere, key: k}\n"
    )
    with pytest.raises(UsageError) as caught:
        load_spec(file)
    assert "nowhere" in str(caught.value) + " ".join(caught.value.details)
