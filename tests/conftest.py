"""How test files are spread over processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    pass


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep the files of a directory below tests/embedded together: they share an environment. Others go one by one."""
    from xdist.scheduler import LoadScopeScheduling

    class ByEnvironment(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            parts = file.split("/")
            return "/".join(parts[:3]) if parts[:2] == ["tests", "embedded"] else file

    return ByEnvironment(config, log)
