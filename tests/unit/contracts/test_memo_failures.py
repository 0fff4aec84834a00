"""What is remembered of failures, and how it is forgotten."""

from __future__ import annotations

import pytest

from contracts.memo import Memo
from contracts.model import Watch


def test_a_failure_is_kept_until_failures_of_its_kind_are_forgotten() -> None:
    memo, calls = Memo(), []

    def refused() -> str:
        calls.append("refused")
        raise ConnectionRefusedError

    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            memo.get(("connection", "b-1"), refused, Watch(5))
    assert calls == ["refused"]
    memo.get(("connection", "b-2"), lambda: "open", Watch(5))
    with pytest.raises(ConnectionRefusedError):
        memo.get(("token", "b-1"), refused, Watch(5))

    memo.forget_failures("connection")
    assert memo.get(("connection", "b-1"), lambda: "open again", Watch(5)) == "open again"
    assert memo.get(("connection", "b-2"), lambda: "another", Watch(5)) == "open"
    with pytest.raises(ConnectionRefusedError):
        memo.get(("token", "b-1"), lambda: "asked again", Watch(5))
