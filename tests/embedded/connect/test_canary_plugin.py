"""The canary's archive: the same bytes every time, small, and complete."""

from __future__ import annotations

from pathlib import Path

from orchestrator.embedded.runtime.canary import SINK, SOURCE, ensure_canary_plugin
from orchestrator.plugin_archives import inspect
from orchestrator.progress import SilentProgress


def test_the_canary_is_built_reproducibly(tmp_path: Path) -> None:
    first, second = (ensure_canary_plugin(SilentProgress(), tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 12_000_000
    contents = inspect(first.read_bytes(), "ZIP")
    assert contents.declared == {SINK, SOURCE}
    assert "software.amazon.awssdk.services.s3.S3Client" in contents.classes
    assert [path.name for path in (tmp_path / "a").iterdir() if not path.name.startswith(".")] == [first.name]
