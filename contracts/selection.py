"""Which contracts are meant: by pattern of their ids, by layer, by words of their risk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol, TypeVar

from contracts.model import Layer
from orchestrator.errors import UsageError

_PLACEHOLDER = re.compile(r"<[^>]*>")
_WILDCARD = re.compile(r"[*?\[]")


class Selectable(Protocol):
    """A contract, or a line of the catalogue."""

    @property
    def id(self) -> str:
        """The id, or a family's pattern of ids."""
        ...

    @property
    def risk(self) -> str:
        """What goes wrong."""
        ...

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that it speaks for."""
        ...


T = TypeVar("T", bound=Selectable)


def as_pattern(identifier: str) -> str:
    """Return a family's id as the pattern that its members match: `acl.<principal>.deny.group` -> `acl.*.deny.group`.

    Other characters that patterns know are taken literally.
    """
    return "*".join(re.sub(r"([*?\[])", r"[\1]", part) for part in _PLACEHOLDER.split(identifier))


@dataclass(frozen=True)
class Selection:
    """What is asked for; an empty part asks for everything.

    Attributes:
        ids: patterns as in file names (`acl.*`, `listener.tls.?ersion`).
        layers: layers that a contract can speak for.
        risks: patterns of the risk's words, in any case (`*certificate*`).
    """

    ids: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()
    risks: tuple[str, ...] = ()

    def require_possible(self, catalogue: Iterable[Selectable]) -> None:
        """Refuse what no environment can have, before there is one.

        A family's members are known from the environment alone: here their ids need only begin as the pattern does.

        Args:
            catalogue: contracts and families.

        Raises:
            UsageError: a pattern can select nothing.
        """
        entries = list(catalogue)
        for pattern in self.ids:
            if not any(_may_match(entry.id, pattern) for entry in entries):
                raise _no_contract(pattern)
        Selection(risks=self.risks).choose(entries)

    def choose(self, among: Sequence[T], also: Iterable[Selectable] = ()) -> list[T]:
        """Return what is meant, in its order.

        Args:
            among: what there is.
            also: what is there and cannot be run (it does not apply): asking for it alone is no mistake.

        Raises:
            UsageError: a pattern, or the parts together, select nothing.
        """
        others = list(also)
        there: list[Selectable] = [*among, *others]
        for pattern in self.ids:
            if not any(fnmatchcase(member.id, pattern) for member in there):
                raise _no_contract(pattern)
        for words in self.risks:
            if not any(_says(member.risk, words) for member in there):
                raise UsageError(
                    f"no contract's risk matches {words!r}",
                    next_step="`ephk contracts` lists the risks; patterns such as '*certificate*' are understood.",
                )
        chosen = list(self.meant(among))
        if not chosen and not any(self.meant(others)) and (self.ids or self.layers or self.risks):
            raise UsageError("no contract matches all that was asked for", next_step="Ask for less at once.")
        return chosen

    def meant(self, among: Iterable[T]) -> Iterator[T]:
        """Yield what is meant, without complaint when that is nothing."""
        for member in among:
            if (
                (not self.ids or any(fnmatchcase(member.id, pattern) for pattern in self.ids))
                and (not self.layers or any(layer in member.layers for layer in self.layers))
                and (not self.risks or any(_says(member.risk, words) for words in self.risks))
            ):
                yield member


def _no_contract(pattern: str) -> UsageError:
    return UsageError(
        f"no contract of this environment matches {pattern!r}",
        next_step="`ephk contracts` lists the ids; patterns such as 'acl.*' are understood.",
    )


def _may_match(identifier: str, pattern: str) -> bool:
    """Tell whether a contract, or some member of a family, can match: a member's id begins as its family's does."""
    family, *placeholders = _PLACEHOLDER.split(identifier)
    if not placeholders:
        return fnmatchcase(identifier, pattern)
    begin = _WILDCARD.split(pattern)[0]
    return begin.startswith(family) or family.startswith(begin)


def _says(risk: str, words: str) -> bool:
    return fnmatchcase(risk.casefold(), words.casefold())
