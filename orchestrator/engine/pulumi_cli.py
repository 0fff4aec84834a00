"""The Pulumi CLI: the one that is there, else the official installer's, else one built from its Go module."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from semver import VersionInfo

from orchestrator.engine.go_build import build_cli
from orchestrator.errors import EphkError
from orchestrator.paths import cache_home
from orchestrator.progress import Progress

#: The version that is installed when none is there; the Go module next to this file says the same.
PINNED = VersionInfo.parse("3.259.0")
#: What the Automation API's SDK and the provider protocol need.
OLDEST = VersionInfo.parse("3.200.0")
BELOW = VersionInfo.parse("4.0.0")

#: Seconds to find out whether Pulumi's download site can be reached at all.
_REACH_S = 5.0
#: Seconds for the official installer.
_INSTALL_S = 600.0
#: Seconds to wait for another process that installs the CLI.
_LOCK_S = 3600.0
_SITE = "https://get.pulumi.com/"
#: How the CLI behaves in our hands. It writes logs into its home, encrypted with the stack's key once it knows it.
SETTINGS = {
    "PULUMI_SKIP_UPDATE_CHECK": "true",
    "PULUMI_LOG_ROTATION_MAX_AGE_DAYS": "1",
    "PULUMI_LOG_ROTATION_MAX_TOTAL_MB": "20",
}


@dataclass(frozen=True)
class PulumiCli:
    """A usable CLI.

    Attributes:
        path: the executable.
        version: its version.
        source: where it came from, for `ephk doctor`: `EPHK_PULUMI`, `PATH`, `cache`, `installer` or `go`.
    """

    path: Path
    version: VersionInfo
    source: str


def find_cli() -> PulumiCli | None:
    """Return the CLI that is there already, without installing anything: EPHK_PULUMI, PATH, the cache.

    Raises:
        EphkError: EPHK_PULUMI names something that is no Pulumi CLI of an accepted version.
    """
    named = os.environ.get("EPHK_PULUMI")
    if named:
        version = _accepted(Path(named))
        if version is None:
            raise EphkError(
                f"EPHK_PULUMI={named} is not a Pulumi CLI of version >= {OLDEST}, < {BELOW}",
                next_step="Correct the variable or unset it; without it a CLI is found or installed.",
            )
        return PulumiCli(Path(named).absolute(), version, "EPHK_PULUMI")
    on_path = shutil.which("pulumi")
    for candidate, source in ((Path(on_path) if on_path else None, "PATH"), (_cached(), "cache")):
        version = _accepted(candidate) if candidate is not None else None
        if candidate is not None and version is not None:
            return PulumiCli(candidate, version, source)
    return None


def ensure_cli(progress: Progress) -> PulumiCli:
    """Return a usable CLI, installing one into the cache if there is none.

    Two processes that do this at once share one installation.

    Raises:
        EphkError: neither the installer nor a Go build is possible; the message says what to install.
    """
    there = find_cli()
    if there is not None:
        return there
    home = _cached().parent.parent
    home.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{home}.lock")
    try:
        with lock.acquire(timeout=0):
            return _install(home, progress)
    except Timeout:
        pass
    with progress.step("Pulumi CLI: another process is installing it"):
        try:
            with lock.acquire(timeout=_LOCK_S):
                return _install(home, progress)
        except Timeout:
            raise EphkError(
                f"another process has been installing the Pulumi CLI for {_LOCK_S / 60:.0f} minutes",
                next_step=f"End it, or install Pulumi >= {OLDEST} yourself and put it on PATH.",
            ) from None


def _install(home: Path, progress: Progress) -> PulumiCli:
    """Install under the lock; somebody else may have done it meanwhile."""
    there = find_cli()
    if there is not None:
        return there
    reasons: list[str] = []
    ways: tuple[tuple[str, Callable[[Path, Progress], None]], ...] = (("installer", _by_installer), ("go", build_cli))
    for source, way in ways:
        try:
            way(home / "bin" / "pulumi", progress)
        except EphkError as error:
            reasons += [f"{source}: {error.message}", *(f"  {line}" for line in error.details)]
            continue
        version = _accepted(_cached())
        if version is not None:
            return PulumiCli(_cached(), version, source)
        reasons.append(f"{source}: what it installed does not run")
    raise EphkError(
        "there is no Pulumi CLI and none could be installed",
        next_step=f"Install Pulumi >= {OLDEST} (pulumi.com/docs/install) or Go >= 1.25 (go.dev/doc/install).",
        details=tuple(reasons),
    )


def _by_installer(target: Path, progress: Progress) -> None:
    """Run Pulumi's own installer, if its site answers at all.

    Raises:
        EphkError: the site cannot be reached, or the installer failed.
    """
    try:
        # A proxy that the environment names is used, so a bare connection test would say too little.
        request = urllib.request.Request(_SITE, method="HEAD")
        urllib.request.urlopen(request, timeout=_REACH_S).close()  # noqa: S310 - a constant https address
    except OSError as error:
        raise EphkError(f"Pulumi's download site cannot be reached ({getattr(error, 'reason', error)})") from None
    program = (
        "import sys; from semver import VersionInfo; from pulumi.automation import PulumiCommand; "
        "PulumiCommand.install(root=sys.argv[1], version=VersionInfo.parse(sys.argv[2]))"
    )
    with progress.step(f"Pulumi CLI {PINNED}: official installer"):
        command = [sys.executable, "-c", program, str(target.parent.parent), str(PINNED)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_INSTALL_S, check=False, start_new_session=True
            )
        except subprocess.TimeoutExpired:
            raise EphkError(f"the installer did not end within {_INSTALL_S:.0f} s") from None
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise EphkError("the installer failed", details=tuple(lines[-5:]))


def _cached() -> Path:
    return cache_home() / "pulumi" / str(PINNED) / "bin" / "pulumi"


def _accepted(executable: Path) -> VersionInfo | None:
    """Return the executable's version when it is a Pulumi CLI that can be used."""
    if not (executable.is_file() and os.access(executable, os.X_OK)):
        return None
    # Its own home is the user's, and even this question would leave a log there.
    environment = {**os.environ, **SETTINGS, "PULUMI_HOME": str(cache_home() / "pulumi" / "home-version")}
    try:
        answer = subprocess.run(
            [executable, "version"], capture_output=True, text=True, timeout=60, check=False, env=environment
        )
        version = VersionInfo.parse(answer.stdout.strip().removeprefix("v"))
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None
    # A build of a commit after a release counts as that release.
    return version if OLDEST <= version.finalize_version() < BELOW else None
