from __future__ import annotations

import pytest

from contracts import storing
from contracts.model import Watch


@pytest.mark.parametrize(
    ("fetched", "expected"), [([1, 1, 0], (0, 3)), ([0], (0, 1)), ([29], (29, 1)), ([1, 29], (29, 2))]
)
def test_a_beginning_that_moves_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, fetched: list[int], expected: tuple[int, int]
) -> None:
    answers, beginnings = iter(fetched), iter(range(1, 10))
    monkeypatch.setattr(storing.requests, "list_offset", lambda *_: (0, next(beginnings)))
    monkeypatch.setattr(storing.requests, "fetch", lambda *_: next(answers))
    assert storing._read_beginning(None, "orders", 0, Watch(5.0)) == expected  # type: ignore[arg-type]


def test_a_beginning_that_never_holds_still_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing.requests, "list_offset", lambda *_: (0, 1))
    monkeypatch.setattr(storing.requests, "fetch", lambda *_: 1)
    assert storing._read_beginning(None, "orders", 0, Watch(0.05)) == (1, 1)  # type: ignore[arg-type]
