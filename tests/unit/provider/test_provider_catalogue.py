"""The tables, against the SDK whose types they implement."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest
from pulumi.provider.experimental.util import camel_case

from orchestrator.embedded.provider import catalogue
from orchestrator.embedded.provider.model import Field, ResourceType

TOKENS = sorted(catalogue.MODULES)


def resource(token: str) -> ResourceType:
    found = catalogue.find(token)
    assert found is not None
    return found


def sdk_class(token: str) -> Any:
    _, module, name = token.split(":")
    package = module.split("/")[0]
    return getattr(importlib.import_module(f"pulumi_aws.{package}"), name)


def sdk_inputs(token: str) -> set[str]:
    """Return the names of the type's inputs, from the SDK's own constructor."""
    parameters = set(inspect.signature(sdk_class(token)._internal_init).parameters)
    return {camel_case(name) for name in parameters - {"__self__", "self", "resource_name", "opts", "__props__"}}


def test_an_unknown_type_is_not_found() -> None:
    assert catalogue.find("aws:rds/instance:Instance") is None


@pytest.mark.parametrize("token", TOKENS)
def test_a_type_is_where_the_catalogue_says(token: str) -> None:
    assert resource(token).token == token
    assert f'"{token}"' in inspect.getsource(sdk_class(token)._internal_init).replace("'", '"')


@pytest.mark.parametrize("token", TOKENS)
def test_its_inputs_are_inputs_of_the_official_provider(token: str) -> None:
    assert {item.name for item in resource(token).fields} <= sdk_inputs(token)


@pytest.mark.parametrize("token", TOKENS)
def test_a_taggable_type_takes_tags(token: str) -> None:
    assert ("tags" in sdk_inputs(token)) is any(item.name == "tags" for item in resource(token).fields)


def changeable(item: Field) -> bool:
    if item.replace or item.local:
        return False
    return not item.fields or item.many or any(changeable(inner) for inner in item.fields)


@pytest.mark.parametrize("token", TOKENS)
def test_what_can_change_in_place_has_an_update(token: str) -> None:
    kind = resource(token)
    assert any(changeable(item) for item in kind.fields) is (kind.update is not None)


def test_every_type_of_the_catalogue_and_no_other_is_in_its_module() -> None:
    modules = {importlib.import_module(f"orchestrator.embedded.provider.{name}") for name in catalogue.MODULES.values()}
    assert sorted(kind.token for module in modules for kind in module.TYPES) == TOKENS
