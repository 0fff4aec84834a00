"""Apache's Java clients that the product can run: which versions, and how one is started."""

from __future__ import annotations

from dataclasses import dataclass

#: The last 3.x, the first 4.x, and the brokers' own.
VERSIONS = ("3.9.1", "4.0.0", "4.3.1")


@dataclass(frozen=True)
class JavaClient:
    """A client in the cache.

    Attributes:
        version: of `kafka-clients`.
        command: starts `io.ephk.clients.ClientProbe` with it; nothing in it is secret.
    """

    version: str
    command: tuple[str, ...]
