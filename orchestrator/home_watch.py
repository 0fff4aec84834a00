"""A state home that somebody removes while processes live in it: they have nobody left to work for, and end.

Nothing of what they do could be found again: leases, process records and broker data were there. Whatever is written
to the old path afterwards makes a directory of the same name, so it is known by its identity and not by its name.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

_POLL_S = 0.5


class HomeWatch:
    """Tells whether a directory is still the one that it was.

    Args:
        directory: one that exists; whoever makes it is the caller.

    Raises:
        OSError: it does not exist.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # Open for as long as this process lives: a file system gives the number of what is gone to what comes next.
        self._open = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)

    def gone(self) -> bool:
        """Tell whether the directory was removed, even if there is another one of that name by now."""
        try:
            return not os.path.samestat(self._directory.stat(), os.fstat(self._open))
        except OSError:
            return True

    def when_gone(self, act: Callable[[], None]) -> None:
        """Call `act` once, from a thread of its own, as soon as the directory is gone."""

        def watch() -> None:
            pause = threading.Event()
            while not self.gone():
                pause.wait(_POLL_S)
            act()

        threading.Thread(target=watch, name="home-watch", daemon=True).start()
