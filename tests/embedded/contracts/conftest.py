"""The contracts' own environment: three real brokers and moto, started once for the tests of this directory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.embedded.contracts.harness import Harness, Machinery


@pytest.fixture(scope="package")
def harness() -> Iterator[Harness]:
    machinery = Machinery()
    try:
        yield machinery.start(3)
    finally:
        machinery.stop()
