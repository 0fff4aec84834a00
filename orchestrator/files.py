"""Files that survive a crash and that nobody else can read."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def private_dir(path: Path) -> Path:
    """Create `path` and each parent that is missing, all readable by the owner only, and return it."""
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    for directory in reversed(missing):  # Path.mkdir(parents=True) would give the parents the usual mode
        directory.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, content: str | bytes) -> None:
    """Write a whole file, mode 0600: a reader sees the old content or the new, never a part.

    The data is synced before the rename and the directory after it, so that a lease that was
    reported as written is still there after a power cut.
    """
    private_dir(path.parent)
    data = content.encode() if isinstance(content, str) else content
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:  # mkstemp creates it 0600
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def write_private_json(path: Path, document: Any) -> None:
    """Write `document` as indented JSON with `write_private`."""
    write_private(path, json.dumps(document, indent=2, sort_keys=False, default=str) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON document; raises FileNotFoundError or json.JSONDecodeError."""
    return json.loads(path.read_text())
