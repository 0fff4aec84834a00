"""Loopback ports that stay a broker's own, also while it restarts."""

from __future__ import annotations

import secrets
import socket

LOOPBACK = "127.0.0.1"

#: Below the range that the operating system takes for outgoing connections (from 32768 on Linux, from 49152 on
#: macOS), so that no client's connection sits on the port of a broker that is about to come back.
_FIRST, _LAST = 20_000, 32_000
_ATTEMPTS = 500


def free_ports(count: int, *, taken: frozenset[int] = frozenset()) -> tuple[int, ...]:
    """Return `count` different ports that nothing listens on now.

    Another process may take one before it is used: whoever starts a server must be ready to ask again.

    Args:
        count: how many.
        taken: ports to leave out, because they are meant for something that does not run yet.

    Raises:
        OSError: no free port was found.
    """
    held: list[socket.socket] = []
    ports: list[int] = []
    try:
        for _ in range(_ATTEMPTS):
            if len(ports) == count:
                return tuple(ports)
            port = _FIRST + secrets.randbelow(_LAST - _FIRST)
            if port in taken or port in ports:
                continue
            candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            held.append(candidate)
            try:
                candidate.bind((LOOPBACK, port))
            except OSError:
                continue
            ports.append(port)
    finally:
        for candidate in held:
            candidate.close()
    raise OSError(f"no {count} free ports between {_FIRST} and {_LAST} on {LOOPBACK}")
