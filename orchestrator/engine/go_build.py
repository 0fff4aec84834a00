"""The Pulumi CLI built from its Go module: minutes once, for machines that reach a module proxy and nothing else."""

from __future__ import annotations

import contextlib
import importlib.resources
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator.errors import EphkError
from orchestrator.progress import Progress, StepHandle

#: Seconds; measured 7 minutes on two cores with nothing cached.
_BUILD_S = 3600.0
#: Seconds between two looks at a build that says nothing.
_LOOK_S = 1.0
#: Seconds between two lines about how far it is.
_SAY_S = 10.0
_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"


def build_cli(target: Path, progress: Progress) -> None:
    """Build the pinned CLI to `target`.

    Raises:
        EphkError: there is no Go, or the build failed (with its last lines).
    """
    go = shutil.which("go")
    if go is None:
        raise EphkError("there is no Go to build it with")
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=target.parent, prefix="build-") as scratch,
        progress.step("Pulumi CLI: build from its Go module (minutes, once)") as step,
    ):
        module = Path(scratch) / "module"
        module.mkdir()
        for name in ("go.mod", "go.sum"):
            source = importlib.resources.files("orchestrator.engine") / "pulumi_cli_module" / name
            (module / name).write_bytes(source.read_bytes())
        built = Path(scratch) / "pulumi"
        with _module_cache(target.parent) as settings:
            _build(go, module, built, settings, step)
        built.chmod(0o755)
        built.replace(target)


def pinned_version(module_file: str) -> str:
    """Return the CLI's version in a go.mod's text, with its `v`."""
    for line in module_file.splitlines():
        words = line.split()
        if "github.com/pulumi/pulumi/pkg/v3" in words:
            return words[words.index("github.com/pulumi/pulumi/pkg/v3") + 1]
    raise ValueError("the go.mod does not require github.com/pulumi/pulumi/pkg/v3")


@contextlib.contextmanager
def _module_cache(beside: Path) -> Iterator[dict[str, str]]:
    """Yield Go's settings for a module cache: one that is named, else our own, which stays only after a failure.

    Go's default is a folder in the home, and Pulumi's modules fill more than a gigabyte of it.
    """
    if os.environ.get("GOMODCACHE") or os.environ.get("GOPATH"):
        yield {"GOFLAGS": "-mod=readonly"}
        return
    modules = beside / "modules"
    yield {"GOFLAGS": "-mod=readonly -modcacherw", "GOMODCACHE": str(modules)}
    shutil.rmtree(modules, ignore_errors=True)


def _build(go: str, module: Path, built: Path, settings: dict[str, str], step: StepHandle) -> None:
    version = pinned_version((module / "go.mod").read_text())
    command = [go, "build", "-v", "-trimpath", "-ldflags", f"-s -w -X {_VERSION_VARIABLE}={version}", "-o", str(built)]
    with subprocess.Popen(
        [*command, _PACKAGE],
        cwd=module,
        env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            tail = _follow(process, step)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        raise EphkError(f"go build ended with status {process.returncode}", details=tuple(tail))


def _follow(process: subprocess.Popen[str], step: StepHandle) -> list[str]:
    """Report what the build says until it ends; returns its last lines."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        with contextlib.suppress(ValueError):  # it was closed because the build was ended
            for line in process.stderr or ():
                lines.put(line.rstrip())
        lines.put(None)

    threading.Thread(target=read, name="go-build", daemon=True).start()
    begun = time.monotonic()
    downloads = packages = 0
    tail: list[str] = []
    last_said = begun
    while True:
        try:
            line = lines.get(timeout=_LOOK_S)
        except queue.Empty:
            line = ""
        if line is None:
            process.wait()
            return tail
        if line:
            tail = [*tail[-19:], line]
            downloads += line.startswith("go: downloading")
            packages += not line.startswith("go: ")
        now = time.monotonic()
        if now - begun > _BUILD_S:
            raise EphkError(f"go build did not end within {_BUILD_S / 60:.0f} minutes", details=tuple(tail))
        if now - last_said >= _SAY_S:
            last_said = now
            step.waiting(f"{now - begun:.0f} s, {downloads} modules downloaded, {packages} packages compiled")
