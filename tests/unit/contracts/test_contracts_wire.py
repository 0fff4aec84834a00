from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from contracts.wire import OAuthBearer, Scram, codec, error_name
from contracts.wire.codec import Reader
from contracts.wire.requests import CORRUPT_BATCH, operations


def crc32c(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def test_crc32c_of_this_test_is_right() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def test_the_corrupt_batch_is_well_formed_but_for_its_checksum() -> None:
    reader = Reader(CORRUPT_BATCH)
    assert reader.int64() == 0
    assert reader.int32() == len(CORRUPT_BATCH) - 12
    reader.int32()
    assert reader.int8() == 2
    assert reader.int32() & 0xFFFFFFFF != crc32c(CORRUPT_BATCH[21:])
    for size in (2, 4, 8, 8, 8, 2, 4):
        reader.take(size)
    assert reader.int32() == 1
    assert reader.int8() // 2 == len(CORRUPT_BATCH) - 62


def test_primitive_types_survive_a_round_trip() -> None:
    data = (
        codec.int8(-1) + codec.int16(-2) + codec.int32(-3) + codec.int64(-4) + codec.string("ä") + codec.string(None)
        + codec.blob(b"xy") + codec.array([codec.int32(7), codec.int32(8)]) + codec.array(None)
    )  # fmt: skip
    reader = Reader(data)
    assert [reader.int8(), reader.int16(), reader.int32(), reader.int64()] == [-1, -2, -3, -4]
    assert [reader.string(), reader.string(), reader.blob()] == ["ä", "", b"xy"]
    assert [reader.array(reader.int32), reader.array(reader.int32)] == [[7, 8], []]
    with pytest.raises(ValueError, match="ended after"):
        reader.int8()


def test_authorized_operations_are_bits() -> None:
    assert operations((1 << 4) | (1 << 8)) == {"WRITE", "DESCRIBE"}
    assert operations(0) == frozenset()
    assert operations(-(2**31)) is None


def test_error_names_are_kafkas() -> None:
    assert [error_name(code) for code in (0, 2, 29, 30, 58)] == [
        "NONE", "CORRUPT_MESSAGE", "TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED",
        "SASL_AUTHENTICATION_FAILED",
    ]  # fmt: skip


class ScramServer:
    """The server's side of RFC 5802, which knows the password itself."""

    def __init__(self, password: str, *, honest: bool = True, nonce: str = "server") -> None:
        self.salted = hashlib.pbkdf2_hmac("sha512", password.encode(), b"salt", 4096)
        self.honest, self.nonce = honest, nonce
        self.proved = False
        self.said: list[str] = []

    def __call__(self, message: bytes) -> bytes:
        text = message.decode()
        self.said.append(text)
        if len(self.said) == 1:
            self.client_nonce = text.partition("r=")[2]
            mine = self.client_nonce + self.nonce if self.honest else self.nonce
            self.first = f"r={mine},s={base64.b64encode(b'salt').decode()},i=4096"
            return self.first.encode()
        without_proof, _, proof = text.partition(",p=")
        signed = f"{self.said[0][3:]},{self.first},{without_proof}".encode()
        client_key = hmac.digest(self.salted, b"Client Key", "sha512")
        stored = hashlib.sha512(client_key).digest()
        recovered = bytes(
            a ^ b for a, b in zip(base64.b64decode(proof), hmac.digest(stored, signed, "sha512"), strict=True)
        )
        self.proved = hashlib.sha512(recovered).digest() == stored
        server_key = hmac.digest(self.salted, b"Server Key", "sha512")
        return b"v=" + base64.b64encode(hmac.digest(server_key, signed, "sha512"))


def test_scram_proves_the_password_without_sending_it() -> None:
    server = ScramServer("pencil")
    Scram("us=er,x", "pencil").authenticate(server)
    assert server.proved
    assert server.said[0].startswith("n,,n=us=3Der=2Cx,r=")
    assert "pencil" not in "".join(server.said)


def test_scram_with_another_password_proves_nothing_and_notices_the_server() -> None:
    server = ScramServer("pencil")
    with pytest.raises(ValueError, match="it does not know the password"):
        Scram("user", "pen").authenticate(server)
    assert not server.proved


def test_scram_refuses_a_server_that_did_not_read_the_nonce() -> None:
    with pytest.raises(ValueError, match="nonce"):
        Scram("user", "pencil").authenticate(ScramServer("pencil", honest=False, nonce="another"))


def test_credentials_do_not_show() -> None:
    assert "pencil" not in repr(Scram("user", "pencil"))
    assert "token" not in repr(OAuthBearer(lambda: "token")).replace("token=", "")


def test_oauthbearer_answers_the_error_message_of_a_server() -> None:
    said: list[bytes] = []

    def exchange(message: bytes) -> bytes:
        said.append(message)
        return b'{"status":"invalid_token"}' if len(said) == 1 else b""

    with pytest.raises(ValueError, match="error message"):
        OAuthBearer(lambda: "abc").authenticate(exchange)
    assert said == [b"n,,\x01auth=Bearer abc\x01\x01", b"\x01"]
