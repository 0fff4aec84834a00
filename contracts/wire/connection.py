"""One authenticated connection to one broker."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from types import TracebackType

from contracts.wire import codec
from contracts.wire.codec import Reader
from contracts.wire.errors import (
    ConnectError,
    SaslRefusedError,
    TlsRefusedError,
    WireError,
    WireTimeoutError,
    error_name,
)
from contracts.wire.sasl import Sasl

_CLIENT_ID = "ephk-probe"
_SASL_HANDSHAKE, _SASL_AUTHENTICATE = 17, 36
#: A response to a probe is small; more than this is not Kafka speaking.
_MAX_RESPONSE = 16 * 1024 * 1024


def open_socket(host: str, port: int, timeout_s: float) -> socket.socket:
    """Connect to a port; raises ConnectError or WireTimeoutError."""
    address = f"{host}:{port}"
    try:
        return socket.create_connection((host, port), timeout=timeout_s)
    except TimeoutError as error:
        raise WireTimeoutError(address, f"no TCP connection within {timeout_s:.1f} s") from error
    except OSError as error:
        raise ConnectError(address, f"no TCP connection: {error.strerror or error}", error) from error


def open_tls(host: str, port: int, context: ssl.SSLContext, timeout_s: float) -> ssl.SSLSocket:
    """Connect and shake hands; raises ConnectError, WireTimeoutError or TlsRefusedError."""
    address = f"{host}:{port}"
    raw = open_socket(host, port, timeout_s)
    try:
        return context.wrap_socket(raw, server_hostname=host)
    except TimeoutError as error:
        raw.close()
        raise WireTimeoutError(address, f"no TLS handshake within {timeout_s:.1f} s") from error
    except ssl.SSLCertVerificationError as error:
        raw.close()
        raise TlsRefusedError(
            address, f"certificate not accepted: {error.verify_message}", error.reason or "CERTIFICATE_VERIFY_FAILED"
        ) from error
    except ssl.SSLError as error:
        raw.close()
        raise TlsRefusedError(address, f"TLS handshake: {error.reason or error}", error.reason or "UNKNOWN") from error
    except OSError as error:
        raw.close()
        raise TlsRefusedError(address, "the connection was closed during the TLS handshake", "CLOSED") from error


class BrokerConnection:
    """A TLS connection that answers requests one after another; safe to share between threads.

    Args:
        host: the broker's name, which its certificate must bear.
        port: its port.
        context: how to verify it, with the client certificate if there is one.
        sasl: how to authenticate; None on an mTLS listener.
        timeout_s: seconds for the connection and for each answer.

    Raises:
        WireError: one of its kinds says which layer failed.
    """

    def __init__(
        self, host: str, port: int, context: ssl.SSLContext, sasl: Sasl | None = None, *, timeout_s: float = 5.0
    ) -> None:
        self.address = f"{host}:{port}"
        self._lock = threading.Lock()
        self._correlation = 0
        self._socket = open_tls(host, port, context, timeout_s)
        self.timeout_s = timeout_s
        self.broken = False
        #: Milliseconds until the broker wants a re-authentication (KIP-368); 0 when it wants none.
        self.session_lifetime_ms = 0
        if sasl is not None:
            self.authenticate(sasl)

    def request(
        self, api_key: int, version: int, body: bytes, *, timeout_s: float | None = None, flexible: bool = False
    ) -> Reader:
        """Send a request and return a reader at the beginning of the response's body.

        Args:
            api_key: the request's kind.
            version: its version.
            body: the encoded body.
            timeout_s: seconds for the answer; None takes the connection's.
            flexible: whether that version has headers with tagged fields (KIP-482).

        Raises:
            WireTimeoutError: no answer in time. The connection cannot be used any more.
            TlsRefusedError: the broker ended the connection with a TLS alert.
            WireError: the connection was closed, or the answer was not Kafka's.
        """
        with self._lock:
            self._correlation += 1
            header = codec.int16(api_key) + codec.int16(version) + codec.int32(self._correlation)
            try:
                self._socket.settimeout(timeout_s or self.timeout_s)
                tags = b"\x00" if flexible else b""
                self._socket.sendall(codec.blob(header + codec.string(_CLIENT_ID) + tags + body))
                size = int.from_bytes(self._receive(4), "big")
                if not 4 <= size <= _MAX_RESPONSE:
                    raise WireError(self.address, f"a response of {size} bytes: this is not a Kafka broker")  # noqa: TRY301
                reader = Reader(self._receive(size))
            except TimeoutError as error:
                self.broken = True
                raise WireTimeoutError(self.address, f"no answer within {timeout_s or self.timeout_s:.1f} s") from error
            except ssl.SSLEOFError as error:
                self.broken = True
                raise WireError(self.address, "the broker closed the connection") from error
            except ssl.SSLError as error:
                self.broken = True
                raise TlsRefusedError(
                    self.address, f"the broker ended TLS: {error.reason or error}", error.reason or "UNKNOWN"
                ) from error
            except WireError:
                self.broken = True
                raise
            except OSError as error:
                self.broken = True
                raise WireError(self.address, f"the connection broke: {error.strerror or error}") from error
            if reader.int32() != self._correlation:
                self.broken = True
                raise WireError(self.address, "an answer to another request")
            if flexible:
                reader.take(1)  # the header's tagged fields: brokers send none
            return reader

    def _receive(self, size: int) -> bytes:
        pieces: list[bytes] = []
        while size > 0:
            piece = self._socket.recv(size)
            if not piece:
                raise WireError(self.address, "the broker closed the connection")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def authenticate(self, sasl: Sasl) -> None:
        """Authenticate, or authenticate again on the same connection (KIP-368); a refusal closes it.

        Raises:
            SaslRefusedError: the broker refused the mechanism or the credentials.
            WireError: the conversation failed otherwise.
        """
        try:
            self._authenticate(sasl)
        except BaseException:
            self.close()
            raise

    def _authenticate(self, sasl: Sasl) -> None:
        reader = self.request(_SASL_HANDSHAKE, 1, codec.string(sasl.mechanism))
        code = reader.int16()
        if code != 0:
            offered = ", ".join(reader.array(reader.string))
            raise SaslRefusedError(
                self.address, f"mechanism {sasl.mechanism} refused ({error_name(code)}); offered: {offered}", code
            )

        def exchange(message: bytes) -> bytes:
            answer = self.request(_SASL_AUTHENTICATE, 1, codec.blob(message))
            refused = answer.int16()
            text = answer.string()
            if refused != 0:
                raise SaslRefusedError(self.address, f"{error_name(refused)}: {text}", refused)
            message = answer.blob()
            self.session_lifetime_ms = answer.int64()
            return message

        try:
            sasl.authenticate(exchange)
        except (ValueError, KeyError) as error:
            raise WireError(self.address, f"{sasl.mechanism}: {error}") from error

    def stale(self) -> bool:
        """Tell whether the broker has closed the connection since the last answer, without asking it anything."""
        if self.broken or not self._lock.acquire(blocking=False):
            return self.broken
        try:
            self._socket.settimeout(0)
            # Between two requests only a TLS session ticket may arrive, which is no data.
            self.broken = self._socket.recv(1) == b""
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        except OSError:
            self.broken = True
        finally:
            self._lock.release()
        return self.broken

    def tls_version(self) -> str:
        """Return the protocol version of the connection (`TLSv1.3`)."""
        return self._socket.version() or "none"

    def close(self) -> None:
        """Close the connection; harmless when it is closed."""
        self.broken = True
        with contextlib.suppress(OSError):
            self._socket.close()

    def __enter__(self) -> BrokerConnection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
