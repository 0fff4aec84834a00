"""Where state and caches live: two state homes are two independent worlds on one machine."""

from __future__ import annotations

import os
from pathlib import Path

#: The file, below `cloud_dir`, that says which process is the embedded cloud.
CLOUD_PROCESS = "process.json"


def _home(variable: str, fallback: str) -> Path:
    """Return the XDG base directory named by `variable`, or `fallback` below the user's home.

    The XDG specification says that a relative value is to be ignored.
    """
    value = os.environ.get(variable, "")
    base = Path(value) if value and Path(value).is_absolute() else Path.home() / fallback
    return base / "ephk"


def state_home() -> Path:
    """Leases, Pulumi state, the embedded cloud and broker data: `$XDG_STATE_HOME/ephk`."""
    return _home("XDG_STATE_HOME", ".local/state")


def cache_home() -> Path:
    """What can be downloaded or built again (CLI, jars, archives): `$XDG_CACHE_HOME/ephk`."""
    return _home("XDG_CACHE_HOME", ".cache")


def leases_dir() -> Path:
    """The ledger of the embedded target: one directory for each lease."""
    return state_home() / "leases"


def lease_dir(lease_id: str) -> Path:
    """Everything on this machine that belongs to one lease (record, Pulumi state, broker data)."""
    return leases_dir() / lease_id


def cloud_dir() -> Path:
    """The embedded cloud's own files: its info document, CA, log and the clusters without a lease."""
    return state_home() / "cloud"


def process_records() -> list[Path]:
    """Return the records of brokers, Connect workers and schema registries that were started in this state home."""
    home = state_home()
    patterns = ("leases/*/clusters/*/*.pid.json", "cloud/clusters/*/*.pid.json", "leases/*/registry/process.json")
    return [path for pattern in patterns for path in home.glob(pattern)]
