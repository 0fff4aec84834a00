from __future__ import annotations

import pytest

from contracts.tls import Alert, Closed, NotTls, ServerHello, client_hello, name_matches, parse_reply


def test_the_hand_made_hello_is_a_whole_record_that_offers_the_old_version() -> None:
    hello = client_hello("TLSv1.1", "broker.example", bytes(range(32)))
    assert hello[:3] == b"\x16\x03\x01"
    assert int.from_bytes(hello[3:5], "big") == len(hello) - 5
    assert hello[5] == 1
    assert int.from_bytes(hello[6:9], "big") == len(hello) - 9
    assert hello[9:11] == b"\x03\x02"
    assert hello[11:43] == bytes(range(32))
    assert b"broker.example" in hello
    # The supported_versions extension (43) would make it a TLS 1.3 hello whatever the version field says.
    at = 44 + 2 + int.from_bytes(hello[44:46], "big") + 2
    size = int.from_bytes(hello[at : at + 2], "big")
    rest, kinds = hello[at + 2 :], []
    assert len(rest) == size
    while rest:
        kinds.append(int.from_bytes(rest[:2], "big"))
        rest = rest[4 + int.from_bytes(rest[2:4], "big") :]
    assert kinds == [0, 10, 11]


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        (b"", Closed()),
        (bytes.fromhex("15030200020246"), Alert("protocol_version")),
        (bytes.fromhex("15030300020228"), Alert("handshake_failure")),
        (bytes.fromhex("150303000202c8"), Alert("alert 200")),
        (bytes.fromhex("1603020050020000460302") + bytes(8), ServerHello("TLSv1.1")),
        (bytes.fromhex("0000001400000001"), NotTls("0000001400000001")),
        (b"HTTP/1.1 400", NotTls(b"HTTP/1.1 400".hex())),
    ],
)
def test_what_a_server_says_first(data: bytes, reply: object) -> None:
    assert parse_reply(data) == reply


@pytest.mark.parametrize(
    ("host", "names", "matches"),
    [
        ("localhost", ("localhost",), True),
        ("LOCALHOST", ("localhost",), True),
        ("b-1.x.example.com", ("*.x.example.com",), True),
        ("a.b-1.x.example.com", ("*.x.example.com",), False),
        ("x.example.com", ("*.x.example.com",), False),
        ("example.com", ("*.com",), False),
        ("127.0.0.1", ("localhost", "127.0.0.1"), True),
        ("localhost", (), False),
        ("localhost", ("localhost.evil.example",), False),
    ],
)
def test_names(host: str, names: tuple[str, ...], matches: bool) -> None:
    assert name_matches(host, names) is matches
