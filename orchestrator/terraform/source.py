"""Finds the line of a planned resource in the configuration's files, for those who read code and not plans."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from orchestrator.terraform.plan import Plan
from orchestrator.terraform.reader import configuration_of
from orchestrator.terraform.references import plain, split

_RESOURCE = re.compile(r'^\s*resource\s+"([^"]+)"\s+"([^"]+)"')


class SourceFiles:
    """The files of one root module and of the modules that are on this machine.

    Args:
        plan: the plan that was made of them.
        directory: the root module's directory.
    """

    def __init__(self, plan: Plan, directory: Path) -> None:
        self._configuration = configuration_of(plan.document)
        self._directory = directory
        self._installed = _installed_modules(directory)
        self._blocks = cache(_blocks)

    def find(self, address: str) -> tuple[str, int] | None:
        """Return the file, as a path that begins with the directory as it was given, and the line of a resource."""
        modules, local = split(address)
        directory: Path | None = self._directory
        for depth, source in enumerate(self._configuration.module_sources(address)):
            key = ".".join(plain(name) for name in modules[: depth + 1])
            if directory is not None and source.startswith(("./", "../")):
                directory = directory / source
            else:
                directory = self._installed.get(key)
        if directory is None:
            return None
        return self._blocks(directory).get(plain(local))


def _blocks(directory: Path) -> dict[str, tuple[str, int]]:
    """Return the resources that a directory declares, by their local address."""
    return dict(_declared(directory))


def _declared(directory: Path) -> Iterator[tuple[str, tuple[str, int]]]:
    for file in sorted(directory.glob("*.tf")):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        for number, line in enumerate(lines, start=1):
            if found := _RESOURCE.match(line):
                yield f"{found[1]}.{found[2]}", (_tidy(file), number)


def _tidy(file: Path) -> str:
    """Return a path without `.` and `..` in the middle; outside the working directory it stays as it is."""
    try:
        return file.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return file.as_posix()


def _installed_modules(directory: Path) -> dict[str, Path]:
    """Return where `terraform init` put modules from registries and repositories, by their path of names."""
    try:
        listed = json.loads((directory / ".terraform" / "modules" / "modules.json").read_text())["Modules"]
        return {one["Key"]: directory / one["Dir"] for one in listed if one.get("Key")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
