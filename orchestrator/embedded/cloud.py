"""Finding, starting and stopping the embedded cloud, from any process on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from orchestrator.embedded import cloud_files
from orchestrator.environment import CloudEndpoint
from orchestrator.errors import EphkError
from orchestrator.files import private_dir, read_json, write_private
from orchestrator.paths import cache_home, cloud_dir, leases_dir, state_home
from orchestrator.processes import ProcessRecord, wait_until
from orchestrator.progress import Progress

#: Seconds that a start may take; it needs one or two.
_START_S = 30.0
#: Seconds to wait for somebody else's start or stop.
_LOCK_S = 60.0
#: Seconds that a cloud gets to end its brokers after SIGTERM.
_STOP_S = 15.0
_LOG_LINES = 15
#: Clouds that this process started. They outlive it, but as their parent it has to reap those that end before it.
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class CloudInfo:
    """A running embedded cloud.

    Attributes:
        running: always true; a cloud that does not run has no info.
        endpoint: the HTTPS endpoint of every service.
        ca_bundle: a file with the CA that signed the endpoint's certificate.
        http_endpoint: the same services in plain HTTP.
        region: the default region.
        account_id: the embedded account.
        access_key_id: the administrator's key.
        secret_access_key: the administrator's secret.
        pid: the cloud's process.
    """

    running: bool
    endpoint: str
    ca_bundle: str
    http_endpoint: str
    region: str
    account_id: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    pid: int

    def document(self) -> dict[str, Any]:
        """Return the document that `cloud start --json` prints; it holds the administrator's secret."""
        return asdict(self)

    def cloud_endpoint(self) -> CloudEndpoint:
        """Return what `orchestrator.aws.AwsSession` needs to know."""
        return CloudEndpoint(
            region=self.region,
            account_id=self.account_id,
            endpoint_url=self.endpoint,
            http_endpoint_url=self.http_endpoint,
            ca_bundle=self.ca_bundle,
        )


def status() -> CloudInfo | None:
    """Return the cloud that runs in this state home, or None. A record of a dead process counts as none."""
    try:
        document = read_json(cloud_dir() / cloud_files.INFO)
        info = CloudInfo(
            running=True, **{name: document[name] for name in CloudInfo.__dataclass_fields__ if name != "running"}
        )
        record = ProcessRecord(int(document["pid"]), float(document["create_time"]), "embedded cloud")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return info if record.alive() else None


def start(
    progress: Progress,
    *,
    port: int | None = None,
    http_port: int | None = None,
    scenario: Path | None = None,
    keep: bool = False,
) -> CloudInfo:
    """Return the running cloud, started if there is none. Any number of processes may call this at once.

    Args:
        progress: told about the start.
        port: the HTTPS port; None for a free one, or the running cloud's.
        http_port: the plain HTTP port, likewise.
        scenario: a scenario file; it becomes the cloud's, also when the cloud runs already.
        keep: stay when the last lease is gone, until `stop`.

    Raises:
        EphkError: a port is taken, the scenario is not valid, the cloud died while starting, or another one runs on
            other ports.
    """
    with locked():
        text = _read_scenario(scenario) if scenario is not None else None
        running = status()
        if running is not None:
            _check_port("HTTPS", port, running.endpoint)
            _check_port("HTTP", http_port, running.http_endpoint)
        else:
            sweep()
        directory = private_dir(cloud_dir())
        if text is not None:
            write_private(directory / cloud_files.SCENARIO, text)
        if keep:
            write_private(directory / cloud_files.KEEP, "")
        if running is not None:
            return running
        with progress.step("embedded cloud"):
            return _start(port or 0, http_port or 0)


def stop() -> bool:
    """End the cloud with all its brokers, also one that was killed and left some behind.

    Returns:
        True when a cloud was running.
    """
    with locked():
        return _end()


def _end() -> bool:
    """End the cloud and remove its files, so that a state home without leases is empty."""
    record = ProcessRecord.load(cloud_dir() / cloud_files.PROCESS)
    ended = record.end_group(grace_s=_STOP_S) if record is not None else False
    _reap()
    sweep()
    remove_files()
    return ended


def remove_files() -> None:
    """Remove what a cloud that has ended kept on disk, and the state home when nothing else is in it."""
    shutil.rmtree(cloud_dir(), ignore_errors=True)
    for directory in (leases_dir(), state_home()):
        with contextlib.suppress(OSError):  # a lease, or somebody else's file
            directory.rmdir()


def stop_if_idle() -> bool:
    """End the cloud when no lease is left and nobody asked it to stay; under the lock that a start takes, too.

    Returns:
        True when it was stopped.
    """
    with locked():
        if any(leases_dir().glob("*/lease.json")) or (cloud_dir() / cloud_files.KEEP).exists():
            return False
        return _end()


def sweep_dead() -> None:
    """Remove everything of a cloud that was killed, when no cloud runs and no lease is left."""
    with locked(timeout_s=0):
        if status() is None and not any(leases_dir().glob("*/lease.json")):
            sweep()
            remove_files()


def sweep() -> int:
    """Remove what a cloud that no longer runs left behind: its files, and processes that outlived it.

    Returns:
        How many processes were ended.
    """
    directory = cloud_dir()
    for name in (*cloud_files.TEMPORARY, cloud_files.SCENARIO):
        (directory / name).unlink(missing_ok=True)
    return end_left_brokers() + end_left_registries()


def end_left_registries() -> int:
    """End the schema registries that are recorded below this state home; only right while no cloud runs."""
    directories = [directory for directory in leases_dir().glob("*/registry") if directory.is_dir()]
    if not directories:
        return 0
    from orchestrator.embedded.registry import end_registry

    return sum(end_registry(directory) for directory in directories)


def end_left_brokers() -> int:
    """End the brokers that are recorded below this state home; only right while no cloud runs."""
    homes = [cloud_dir() / "clusters", *leases_dir().glob("*/clusters")]
    clusters = [cluster for home in homes if home.is_dir() for cluster in home.iterdir() if cluster.is_dir()]
    if not clusters:
        return 0
    from orchestrator.embedded.brokers import BrokerCluster

    return sum(BrokerCluster.end_leftovers(cluster) for cluster in clusters)


@contextlib.contextmanager
def locked(timeout_s: float = _LOCK_S) -> Iterator[None]:
    """Hold the lock under which clouds of this state home start and stop.

    Raises:
        EphkError: somebody else held it for `timeout_s` seconds.
    """
    # In the cache: the state home is to be empty once the last lease is gone.
    digest = hashlib.sha256(str(state_home()).encode()).hexdigest()[:16]
    lock = FileLock(private_dir(cache_home() / "locks") / f"cloud-{digest}.lock", timeout=timeout_s)
    try:
        with lock:
            yield
    except Timeout as error:
        raise EphkError(
            f"Another process has been starting or stopping the embedded cloud for over {timeout_s:.0f} seconds.",
            next_step="Wait for it, or end it, then try again.",
        ) from error


def _read_scenario(path: Path) -> str:
    """Read a scenario file and check it before the cloud sees it."""
    from orchestrator.embedded.scenario import parse_scenario

    try:
        text = path.read_text()
    except OSError as error:
        raise EphkError(f"The scenario file {path} cannot be read: {error.strerror}.") from error
    parse_scenario(text, source=str(path))
    return text


def _check_port(kind: str, wanted: int | None, endpoint: str) -> None:
    has = urllib.parse.urlsplit(endpoint).port
    if wanted and wanted != has:
        raise EphkError(
            f"The embedded cloud is running already, with {kind} on port {has} and not {wanted}.",
            next_step="Stop it first with `ephk cloud stop`.",
        )


def _start(port: int, http_port: int) -> CloudInfo:
    directory = private_dir(cloud_dir())
    log_path = directory / cloud_files.LOG
    command = [sys.executable, "-m", "orchestrator.embedded.daemon", "--port", str(port), "--http-port", str(http_port)]
    with os.fdopen(os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            umask=0o077,  # whatever it writes is the owner's alone
            cwd="/",  # the directory of whoever started it may be removed
            env=_environment(),
        )
    _children.append(process)
    record = ProcessRecord.of(process.pid, "embedded cloud")
    record.save(directory / cloud_files.PROCESS)
    ready = wait_until(lambda: process.poll() is not None or _healthy(), deadline_s=_START_S)
    info = status()
    if ready and info is not None and process.poll() is None:
        return info
    record.end_group(grace_s=1.0)
    _reap()
    raise _failed(directory, log_path, timed_out=not ready)


def _reap() -> None:
    """Forget the clouds of this process that have ended."""
    _children[:] = [process for process in _children if process.poll() is None]


def _environment() -> dict[str, str]:
    """Return the cloud's environment: ours, with the package findable also when it is run from a working copy."""
    package = str(Path(__file__).resolve().parents[2])
    others = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{package}{os.pathsep}{others}" if others else package}


def _healthy() -> bool:
    """Tell whether the cloud that announced itself answers."""
    info = status()
    if info is None:
        return False
    address = urllib.parse.urlsplit(info.http_endpoint)
    connection = http.client.HTTPConnection(str(address.hostname), int(address.port or 0), timeout=2)
    try:
        connection.request("GET", "/_ephk/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _failed(directory: Path, log_path: Path, *, timed_out: bool) -> EphkError:
    with contextlib.suppress(OSError, ValueError, KeyError):
        reported = json.loads((directory / cloud_files.ERROR).read_text())
        return EphkError(reported["message"], next_step=reported["next_step"], details=tuple(reported["details"]))
    lines: tuple[str, ...] = ()
    with contextlib.suppress(OSError):
        lines = tuple(log_path.read_text(errors="replace").splitlines()[-_LOG_LINES:])
    what = f"did not answer within {_START_S:.0f} seconds" if timed_out else "ended while starting"
    return EphkError(
        f"The embedded cloud {what}; the last lines of its log follow.",
        next_step=f"Read {log_path}.",
        details=lines,
    )
