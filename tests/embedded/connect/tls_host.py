"""A host that connectors must reach: a TLS server on loopback whose port and certificate a test can change."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from orchestrator.embedded.brokers.certificates import CertificateAuthority
from orchestrator.files import write_private


class TlsHost:
    """Accepts, shakes hands, and closes.

    Args:
        directory: where its key is.
        port: a port to listen on; 0 takes a free one.
    """

    def __init__(self, directory: Path, port: int = 0) -> None:
        self._directory = directory
        self.authority = CertificateAuthority("declared host")
        self._listener: socket.socket | None = None
        self.port = port

    def start(self, name: str = "localhost") -> None:
        """Serve with a certificate for `name`."""
        identity = self.authority.issue(name, dns=(name,))
        file = self._directory / f"host-{name}.pem"
        write_private(file, identity.key_pem + identity.certificate_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port, self._listener = listener.getsockname()[1], listener
        threading.Thread(target=self._serve, args=(listener, context), daemon=True).start()

    def stop(self) -> None:
        """Close the port."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        """Have nobody listen for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def named(self, name: str) -> Iterator[None]:
        """Show another host's certificate for a while."""
        self.stop()
        self.start(name)
        try:
            yield
        finally:
            self.stop()
            self.start()

    def _serve(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                connection.settimeout(5)
                context.wrap_socket(connection, server_side=True).close()
