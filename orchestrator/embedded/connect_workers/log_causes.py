"""Why a worker ended or a connector failed, found in a log."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.embedded.brokers.logs import tail

#: A log4j line that reports an error, and the exceptions below it.
_ERROR_LINE = re.compile(r"^\[[^\]]+\] (ERROR|FATAL) (?P<text>.*)")
_THROWN = re.compile(r"^(?:Caused by: )?(?P<text>(?:[a-z_][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error)\b.*)")
_LINES = 2000


def cause_in_log(path: Path, *, since: int = 0) -> str:
    """Return the first cause of the last error in a worker's log, in one line; empty when there is none.

    Args:
        path: the log.
        since: where to begin, in bytes.
    """
    cause, message = "", ""
    for line in tail(path, _LINES, since=since):
        error = _ERROR_LINE.match(line)
        thrown = _THROWN.match(line)
        if error:
            message, cause = error["text"], ""
        elif thrown and message:
            cause = thrown["text"]  # each "Caused by" is deeper than the one before it
    return cause or message
