"""The names of the embedded cloud's own files, below `orchestrator.paths.cloud_dir`."""

from __future__ import annotations

from orchestrator.paths import CLOUD_PROCESS

#: Endpoints, the administrator's key and the process; there while the cloud is ready (mode 0600).
INFO = "info.json"
#: Which process is the cloud, also while it starts.
PROCESS = CLOUD_PROCESS
#: Its existence says that the cloud stays without a lease.
KEEP = "keep"
#: Why a start failed, for the process that asked for it.
ERROR = "error.json"
#: Latencies and faults; read again whenever it changes.
SCENARIO = "scenario.yaml"
#: Standard output and error of the cloud; kept after its end, for whoever asks what happened.
LOG = "cloud.log"
#: What the chaos suite shows to read the cloud's memory (mode 0600).
INVENTORY_TOKEN = "inventory-token"  # noqa: S105 - a file's name

#: What must not outlive the cloud, without the scenario.
TEMPORARY = (INFO, PROCESS, KEEP, ERROR, INVENTORY_TOKEN, "ca.pem", "server.pem", "server.key")
