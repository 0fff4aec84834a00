"""Apicurio Registry in the cache: fetched once when a spec first wants it, checked by SHA-256, unpacked whole."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jgo.maven import MavenContext
from requests import RequestException
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from orchestrator.embedded.runtime.jars import disk_errors, sha256_of
from orchestrator.embedded.runtime.locks import shared_work
from orchestrator.errors import EphkError
from orchestrator.files import read_json
from orchestrator.paths import cache_home
from orchestrator.progress import Progress

LOCK = Path(__file__).parent / "apicurio.lock.json"
#: The program inside the distribution.
PROGRAM = "quarkus-run.jar"
_TIMEOUT_S = 120
_STAGING = ".staging-"

#: Fetches the distribution into a directory and returns the file.
Fetch = Callable[["Distribution", Path], Path]


@dataclass(frozen=True)
class Distribution:
    """The registry as its project publishes it.

    Attributes:
        coordinate: `group:artifact:version`.
        classifier: which of the version's files.
        packaging: that file's form.
        sha256: its digest, hexadecimal.
        megabytes: its size, for people who wait.
    """

    coordinate: str
    classifier: str
    packaging: str
    sha256: str
    megabytes: int

    @classmethod
    def locked(cls) -> Distribution:
        """Return the version that the product uses."""
        document = read_json(LOCK)
        return cls(**{name: document[name] for name in cls.__dataclass_fields__})

    @property
    def version(self) -> str:
        """The registry's version."""
        return self.coordinate.rsplit(":", 1)[1]


@retry(
    retry=retry_if_exception_type(RequestException),
    stop=stop_after_attempt(3),
    wait=wait_exponential(multiplier=0.5, max=5),
    reraise=True,
)
def fetch_from_maven(distribution: Distribution, directory: Path) -> Path:
    """Download the distribution; raises requests.RequestException, RuntimeError or OSError."""
    group, name, version = distribution.coordinate.split(":")
    shutil.rmtree(directory, ignore_errors=True)  # a partial file of an attempt that failed
    context = MavenContext(repo_cache=directory, local_repos=[], timeout=_TIMEOUT_S)
    artifact = (
        context.project(group, name).at_version(version).artifact(distribution.classifier, distribution.packaging)
    )
    return Path(artifact.resolve())


def ensure_registry(
    progress: Progress, *, distribution: Distribution | None = None, fetch: Fetch = fetch_from_maven
) -> Path:
    """Return the directory of the unpacked registry, fetching it when it is not in the cache.

    It appears under its final name only when it is complete and its digest was right.

    Args:
        progress: told what is being fetched.
        distribution: another one than the lock's, for tests.
        fetch: how to get it.

    Raises:
        EphkError: the digest differs, the network failed, the archive is damaged or the disk is full.
    """
    wanted = distribution or Distribution.locked()
    home = cache_home() / "registry"
    directory = home / f"apicurio-{wanted.version}-{wanted.sha256[:12]}"
    if (directory / PROGRAM).is_file():
        return directory
    with disk_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        with shared_work(home / ".lock", progress, "fetching the schema registry"):
            if not (directory / PROGRAM).is_file():
                for stale in home.glob(f"{_STAGING}*"):  # of a process that was killed: we hold the lock
                    shutil.rmtree(stale, ignore_errors=True)
                title = f"fetching the schema registry (Apicurio {wanted.version}, {wanted.megabytes} MB)"
                with progress.step(title), tempfile.TemporaryDirectory(dir=home, prefix=_STAGING) as staging:
                    _unpack(_fetched(wanted, Path(staging) / "fetched", fetch), Path(staging) / "unpacked", directory)
    return directory


def _fetched(wanted: Distribution, directory: Path, fetch: Fetch) -> Path:
    try:
        archive = fetch(wanted, directory)
    except (RequestException, RuntimeError) as error:
        raise EphkError(
            f"cannot fetch the schema registry {wanted.coordinate}: {type(error).__name__}: {error}",
            next_step="check the network and the proxy settings, or leave schema_registry out of the spec",
        ) from error
    actual = sha256_of(archive)
    if actual != wanted.sha256:
        raise EphkError(
            f"the schema registry {wanted.coordinate} has SHA-256 {actual}, expected {wanted.sha256}; it was deleted",
            next_step="run the command again; if it differs again, the repository or a proxy alters it",
        )
    return archive


def _unpack(archive: Path, scratch: Path, directory: Path) -> None:
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(scratch, filter="data")  # nothing outside of the directory, no devices, no owners
    except tarfile.TarError as error:
        raise EphkError(f"the schema registry's archive cannot be unpacked: {error}") from error
    if not (scratch / PROGRAM).is_file():
        raise EphkError(f"the schema registry's archive has no {PROGRAM}: its layout is not the known one")
    shutil.rmtree(directory, ignore_errors=True)
    scratch.replace(directory)
