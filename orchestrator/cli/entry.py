"""The `ephk` command as a process: it ends with the status that its work has, whatever its libraries do afterwards."""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn

from orchestrator.cli import main


def run() -> NoReturn:
    """Run the command and end the process.

    Not by the interpreter's own end: threads of gRPC and librdkafka live until then, and one of them that calls into an
    interpreter that is half gone ends the process with a segmentation fault, after everything was done and said. A
    pipeline would take that for a failure.
    """
    try:
        main()
        code: object = 0
    except SystemExit as end:
        code = end.code
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    status = code if isinstance(code, int) else int(code is not None)
    atexit._run_exitfuncs()  # temporary directories, the log
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # whoever read it is gone
            status = status or 1
    os._exit(status)
