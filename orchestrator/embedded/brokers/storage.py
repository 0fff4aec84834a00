"""Formatting a node's log directory without starting a JVM for each node.

`kafka-storage format` runs once, when the runtime is made. What it writes is the same for every node but for three
lines of `meta.properties` (KIP-853 and KIP-858 describe the ids).
"""

from __future__ import annotations

import base64
import secrets
import shutil
import uuid
from pathlib import Path

_META = "meta.properties"
_BOOTSTRAP = "bootstrap.checkpoint"


def new_id() -> str:
    """Return a random id in Kafka's form: a UUID in base64url without padding, never starting with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.UUID(bytes=secrets.token_bytes(16), version=4).bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def format_node(template: Path, data: Path, *, cluster_id: str, node_id: int) -> None:
    """Write the files of a freshly formatted log directory.

    Args:
        template: a directory that `kafka-storage format` has written.
        data: the node's log directory, which must not exist.
        cluster_id: the cluster's id, the same for all its nodes.
        node_id: the node's id.

    Raises:
        FileExistsError: the directory is there already; it may hold somebody's data.
    """
    data.mkdir(mode=0o700, parents=True)
    shutil.copyfile(template / _BOOTSTRAP, data / _BOOTSTRAP)
    meta = {"version": "1", "cluster.id": cluster_id, "node.id": str(node_id), "directory.id": new_id()}
    (data / _META).write_text("".join(f"{key}={value}\n" for key, value in meta.items()))


def keep_template(formatted: Path, template: Path) -> None:
    """Copy what every node has in common out of a formatted log directory; the template appears whole.

    Raises:
        ValueError: the directory has not the files that are expected of this version of Kafka.
    """
    names = {path.name for path in formatted.iterdir() if not path.name.startswith(".")}
    if names != {_META, _BOOTSTRAP} or "version=1" not in (formatted / _META).read_text().splitlines():
        raise ValueError(f"unexpected files of a formatted log directory: {sorted(names)}")
    scratch = template.with_name(f".{template.name}-{secrets.token_hex(4)}")
    scratch.mkdir(parents=True)
    shutil.copyfile(formatted / _BOOTSTRAP, scratch / _BOOTSTRAP)
    try:
        scratch.rename(template)
    except OSError:  # another process was first
        shutil.rmtree(scratch)
        if not template.is_dir():
            raise
