"""Load the Pulumi SDK's packages once: some warn at their import about classes that nobody here uses."""

from __future__ import annotations

import warnings

import pytest

from stacks.environment import preload


@pytest.fixture(scope="session", autouse=True)
def _sdk() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        preload()
