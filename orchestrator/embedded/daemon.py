"""The embedded cloud's process: `python -m orchestrator.embedded.daemon`, started by `orchestrator.embedded.cloud`.

It serves until it is told to stop (SIGTERM) or, unless a person wanted it to stay, until the last lease is gone; and it
never outlives its own directory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import secrets
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from orchestrator.embedded import cloud_files
from orchestrator.embedded.cloud import locked, remove_files, status
from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway.app import Gateway
from orchestrator.embedded.gateway.credentials import CredentialStore
from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse
from orchestrator.embedded.gateway.moto_state import MotoState
from orchestrator.embedded.gateway.server import Servers
from orchestrator.embedded.gateway.tls import make_certificates
from orchestrator.embedded.scenario import Scenario
from orchestrator.errors import EphkError
from orchestrator.files import private_dir, write_private, write_private_json
from orchestrator.home_watch import HomeWatch
from orchestrator.paths import cloud_dir, leases_dir
from orchestrator.processes import ProcessRecord
from orchestrator.teardown.reaper_process import ensure_reaper

_log = logging.getLogger(__name__)

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
#: Seconds without any lease after which the cloud stops, once there has been one.
_LINGER_S = 2.0
#: Seconds that the cloud waits for its first lease.
_FIRST_LEASE_S = 60.0
_POLL_S = 1.0


def leases() -> int:
    """Count the leases on this machine: directories with a record."""
    return sum(1 for _ in leases_dir().glob("*/lease.json"))


class IdleWatch:
    """Decides when nobody needs the cloud any more.

    Args:
        now: the time at which the cloud started, in seconds of a monotonic clock.
    """

    def __init__(self, now: float) -> None:
        self._idle_since = now
        self._allowed_s = _FIRST_LEASE_S

    def unneeded(self, now: float, *, leases: int, busy: bool, keep: bool) -> bool:
        """Tell whether the cloud should stop now, given what it sees."""
        if leases:
            self._allowed_s = _LINGER_S
        if leases or busy or keep:
            self._idle_since = now
        return now - self._idle_since >= self._allowed_s


class Cloud:
    """The whole cloud in this process.

    Args:
        port: the HTTPS port, 0 for a free one.
        http_port: the plain HTTP port, 0 for a free one.
        scenario: the scenario file; it may appear later.

    Raises:
        EphkError: a port is taken, or the scenario file is not valid.
    """

    def __init__(self, *, port: int, http_port: int, scenario: Path) -> None:
        self.directory = private_dir(cloud_dir())
        self._home = HomeWatch(self.directory)
        moto = MotoState(ACCOUNT_ID, REGION)
        self.store = CredentialStore(moto)
        rehearsal = Scenario(scenario)
        self.ca_bundle, certificate, key = make_certificates(self.directory)
        self.servers = Servers(self._handle, certificate=certificate, key=key, port=port, http_port=http_port)
        context = CloudContext(
            region=REGION,
            account_id=ACCOUNT_ID,
            directory=self.directory,
            authority_url=f"http://127.0.0.1:{self.servers.http_port}/_ephk/authority",
            authority_token=secrets.token_urlsafe(32),
            scenario=rehearsal,
            moto=moto,
            endpoint=f"https://127.0.0.1:{self.servers.port}",
            ca_bundle=self.ca_bundle,
        )
        write_private(self.directory / cloud_files.INVENTORY_TOKEN, context.inventory_token)
        self.gateway = Gateway(context, self.store)
        self.gateway.listen_on(self.servers.port, self.servers.http_port)
        self.stopping = threading.Event()

    def _handle(self, request: HttpRequest) -> HttpResponse:
        return self.gateway(request)  # the servers start after the gateway exists

    def announce(self) -> None:
        """Write the info document, which tells others that the cloud is ready."""
        record = ProcessRecord.of(os.getpid(), "embedded cloud")
        record.save(self.directory / cloud_files.PROCESS)
        write_private_json(
            self.directory / cloud_files.INFO,
            {
                "endpoint": f"https://127.0.0.1:{self.servers.port}",
                "ca_bundle": str(self.ca_bundle),
                "http_endpoint": f"http://127.0.0.1:{self.servers.http_port}",
                "region": REGION,
                "account_id": ACCOUNT_ID,
                "access_key_id": self.store.administrator.access_key_id,
                "secret_access_key": self.store.administrator.secret,
                "pid": record.pid,
                "create_time": record.create_time,
                "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )

    def run(self) -> None:
        """Serve until told to stop or not needed any more, then end everything."""
        self.servers.start()
        self.announce()
        self.gateway.warm_up()
        _log.info("ready on ports %d (https) and %d (http)", self.servers.port, self.servers.http_port)
        watch = IdleWatch(time.monotonic())
        while not self.stopping.wait(_POLL_S):
            if self._home.gone():
                self._leave()
                return
            ensure_reaper()  # it watches this process, and this process watches it
            keep = (self.directory / cloud_files.KEEP).exists()
            unneeded = watch.unneeded(time.monotonic(), leases=leases(), busy=self.gateway.in_flight > 0, keep=keep)
            if unneeded and self._close_if_alone():
                return
        self.close()

    def _close_if_alone(self) -> bool:
        """Close under the lock that starts and stops take, unless one of them is at work or a lease has come.

        Without it, a start could find this cloud's record a moment before it goes, or lose its own files to it.
        """
        with contextlib.suppress(EphkError), locked(timeout_s=0):
            if leases() or (self.directory / cloud_files.KEEP).exists():
                return False
            _log.info("no lease is left: stopping")
            self.close()
            remove_files()
            return True
        return False

    def _leave(self) -> None:
        """End everything that was started for a state home that is gone, and remove what was written there since."""
        _log.warning("the state home is gone: stopping")
        self.close()
        with contextlib.suppress(EphkError), locked(timeout_s=0):
            if status() is None:  # nobody has started another cloud there
                remove_files()

    def close(self) -> None:
        """Withdraw the info document, end every service, stop serving."""
        (self.directory / cloud_files.INFO).unlink(missing_ok=True)
        self.gateway.backends.close()
        self.servers.stop()
        for name in (*cloud_files.TEMPORARY, cloud_files.SCENARIO):
            (self.directory / name).unlink(missing_ok=True)
        _log.info("stopped")


def main(arguments: list[str] | None = None) -> int:
    """Run the cloud; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m orchestrator.embedded.daemon", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="HTTPS port (default: a free one)")
    parser.add_argument("--http-port", type=int, default=0, help="plain HTTP port (default: a free one)")
    parser.add_argument("--scenario", type=Path, default=None, help="scenario file (default: beside the log)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("werkzeug", "botocore", "boto3", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    directory = private_dir(cloud_dir())
    try:
        cloud = Cloud(
            port=options.port,
            http_port=options.http_port,
            scenario=options.scenario or directory / cloud_files.SCENARIO,
        )
    except EphkError as error:
        write_private(
            directory / cloud_files.ERROR,
            json.dumps({"message": error.message, "next_step": error.next_step, "details": list(error.details)}),
        )
        _log.error("%s", error.message)
        return 1

    def stop(_signal: int, _frame: FrameType | None) -> None:
        cloud.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    cloud.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
