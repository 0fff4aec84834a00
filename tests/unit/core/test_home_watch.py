"""A directory that is removed is noticed, also when another one has its name by now."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from orchestrator.home_watch import HomeWatch


def test_a_directory_is_known_by_its_identity(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    watch = HomeWatch(home)
    assert not watch.gone()
    (home / "file").touch()
    assert not watch.gone()
    moved = home.rename(tmp_path / "moved")
    assert watch.gone()
    home.mkdir()
    assert watch.gone()
    assert not HomeWatch(moved).gone()
    with pytest.raises(FileNotFoundError):
        HomeWatch(tmp_path / "never")


def test_one_that_is_made_again_at_once_is_another(tmp_path: Path) -> None:
    """File systems give the number of a directory that is gone to the next one."""
    home = tmp_path / "home"
    for _ in range(20):
        home.mkdir()
        watch = HomeWatch(home)
        home.rmdir()
        home.mkdir()
        assert watch.gone()
        home.rmdir()


def test_who_wants_to_know_is_told(tmp_path: Path) -> None:
    home, told = tmp_path / "home", threading.Event()
    home.mkdir()
    HomeWatch(home).when_gone(told.set)
    assert not told.is_set()
    home.rmdir()
    assert told.wait(20)
