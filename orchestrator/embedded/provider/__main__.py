"""The plugin's process: `python -m orchestrator.embedded.provider ENGINE_ADDRESS`, started by the Pulumi engine."""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

#: As many calls at once as the engine may make; they wait for the gateway most of the time.
_THREADS = 64
_MAX_MESSAGE_BYTES = 400 * 1024 * 1024


def main() -> int:
    """Serve until the engine ends the process, or until the engine is gone."""
    # The engine puts plugins in process groups of their own and ends them with SIGINT, five seconds later by force.
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    engine = os.getppid()

    from orchestrator.embedded.provider import catalogue
    from orchestrator.embedded.provider.call import Clients

    clients = Clients()
    clients.preload(catalogue.CLIENTS)

    import grpc  # type: ignore[import-untyped]  # has no types
    from pulumi.runtime.proto import provider_pb2_grpc

    from orchestrator.embedded.provider.servicer import ProviderServicer

    options = [
        ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ]
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(ProviderServicer(version("pulumi-aws"), clients), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")  # the engine reads the port from the first line
    sys.stdout.flush()
    # An engine that was killed cannot end its plugins: being adopted by another process is the sign of that.
    while not ended.wait(1.0):
        if os.getppid() != engine:
            break
    server.stop(0)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # threads that still wait for an answer must not keep the process
