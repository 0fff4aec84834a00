"""Where in a YAML file a field stands, so that an error can name the line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from orchestrator.errors import UsageError

FieldPath = tuple[str | int, ...]
#: More than any environment needs: levels of mappings and lists, and fields and items in all.
_DEEPEST, _MOST_FIELDS = 20, 20_000


class _TooLargeError(Exception):
    """A document that nobody has written by hand."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a spec: where (keys and list positions) and what would be right."""

    path: FieldPath
    message: str


@dataclass(frozen=True)
class SpecSource:
    """A parsed YAML document with the line (1-based) of every field and list item."""

    name: str
    document: dict[str, Any]
    lines: dict[FieldPath, int] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> SpecSource:
        """Return the source of the built-in defaults."""
        return cls("built-in defaults", {})

    @classmethod
    def read(cls, path: Path) -> SpecSource:
        """Parse a file.

        Raises:
            UsageError: it cannot be read, is not YAML, names a field twice, or is not a mapping.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise UsageError(
                f"cannot read the spec {path}: {reason}", next_step="Give the path of a YAML file: ephk up ephk.yaml"
            ) from None
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            document = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{path}:{mark.line + 1}" if mark else str(path)
            problem = getattr(error, "problem", None) or "cannot be parsed"
            raise UsageError(
                f"{where}: not YAML: {problem}", next_step="Correct the file; nothing was created."
            ) from None
        if document is None:
            return cls(str(path), {})
        if not isinstance(document, dict):
            raise UsageError(
                f"{path}:1: the spec must be a mapping of fields, is a {type(document).__name__}",
                next_step="Begin with a field, for example 'name: orders'.",
            )
        lines: dict[FieldPath, int] = {}
        twice: list[Problem] = []
        try:
            _collect(node, (), lines, twice)
        except _TooLargeError:
            raise UsageError(
                f"{path}: more than {_DEEPEST} levels or {_MOST_FIELDS} fields, with its aliases written out",
                next_step="Look for an alias (*name) that refers to something it is itself a part of.",
            ) from None
        source = cls(str(path), document, lines)
        if twice:
            raise source.error(twice)
        return source

    def error(self, problems: list[Problem], from_command_line: frozenset[str] = frozenset()) -> UsageError:
        """Turn problems into one exception that lists each with file, line and field."""
        texts = []
        for problem in sorted(problems, key=lambda problem: self._line(problem.path) or 0):
            label = _label(problem.path)
            if problem.path and problem.path[0] in from_command_line:
                texts.append(f"--{problem.path[0]}: {problem.message}")
            else:
                texts.append(f"{self._where(problem.path)}: {label or 'spec'}: {problem.message}")
        count = len(texts)
        message = texts[0] if count == 1 else f"{count} errors in the spec:"
        return UsageError(
            message,
            details=() if count == 1 else tuple(texts),
            next_step="Correct the spec; nothing was created.",
        )

    def _where(self, path: FieldPath) -> str:
        line = self._line(path)
        return self.name if line is None else f"{self.name}:{line}"

    def _line(self, path: FieldPath) -> int | None:
        """Return the line of the field, or of the nearest thing around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def _label(path: FieldPath) -> str:
    """Write a path as people do: `topics[0].name`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _collect(node: yaml.Node | None, path: FieldPath, lines: dict[FieldPath, int], twice: list[Problem]) -> None:
    if len(path) > _DEEPEST or len(lines) > _MOST_FIELDS:
        # An alias can stand for itself, or aliases of aliases for more than any memory holds.
        raise _TooLargeError
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            child = (*path, str(key.value))
            if child in lines:
                twice.append(Problem(child, f"is there twice, first on line {lines[child]}"))
            lines[child] = key.start_mark.line + 1
            _collect(value, child, lines, twice)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            _collect(value, (*path, index), lines, twice)
