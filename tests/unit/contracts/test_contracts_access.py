from __future__ import annotations

import gc
import threading
import weakref

import pytest

from contracts.access import Access, Address, parse_bootstrap
from contracts.memo import Memo
from contracts.model import OutOfReachError, ProbeError, Watch
from contracts.wire import SaslRefusedError, requests
from orchestrator.aws import AwsSession, Credentials
from orchestrator.environment import Principal
from orchestrator.errors import EphkError
from orchestrator.kafka_clients import ClientKeyPair, client_config, operator
from tests.unit.contracts.builders import READER, WRITER, environment


def access() -> Access:
    of = environment()
    return Access(of, AwsSession(of.cloud, Credentials("a", "b")))


def test_bootstrap_servers_are_read() -> None:
    assert parse_bootstrap("a:1, [::1]:2,") == (Address("a", 1), Address("::1", 2))
    with pytest.raises(ValueError, match="invalid literal"):
        parse_bootstrap("a")


def test_redaction_reaches_every_corner_and_the_longest_secret_first() -> None:
    with access() as made:
        made.credentials.secret_values |= {"hunter2", "hunter2-and-more", 'quo"ted-secret', "x"}
        dirty = {"a": ["hunter2-and-more x", {"hunter2": 'is quo"ted-secret'}], "n": 1}
        assert made.redact(dirty) == {"a": ["*** x", {"***": "is ***"}], "n": 1}


def test_redaction_goes_on_while_other_probes_learn_secrets() -> None:
    with access() as made:

        class Learning(str):
            """Stands for another probe that learns a secret while this one's are looked at."""

            def __len__(self) -> int:
                made.credentials.secret_values.update(f"secret-{number}" for number in range(100))
                return super().__len__()

        made.credentials.secret_values.add(Learning("hunter2"))
        assert made.redact("is hunter2") == "is ***"


def test_what_is_to_be_undone_is_undone_once_in_reverse_order() -> None:
    done: list[str] = []
    made = access()
    made.on_close(lambda: done.append("first"))
    made.on_close(lambda: done.append("second"))
    made.close()
    made.close()
    assert done == ["second", "first"]


def test_clients_that_probes_share_end_with_the_run_and_not_when_the_collector_comes() -> None:
    class Client:
        def __init__(self, way: Access) -> None:
            self.way = way  # a token's callback leads back to where the client is kept

    made = access()
    kept = weakref.ref(made.once("client", lambda: Client(made), Watch(5)))
    gc.disable()
    try:
        made.close()
        assert kept() is None
    finally:
        gc.enable()


def test_one_principals_refusal_is_not_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer:
        brokers = (requests.Broker(1, "localhost", 9096),)

    def connect(_self: Access, principal: Principal, _watch: Watch) -> str:
        if principal is WRITER:
            raise SaslRefusedError("localhost:9096", "wrong password", 58)
        return principal.name

    monkeypatch.setattr(Access, "any_connection", connect)
    monkeypatch.setattr(requests, "metadata", lambda _connection, _topics: Answer)
    with access() as made:
        for _ in range(2):
            with pytest.raises(SaslRefusedError):
                made.brokers(WRITER, Watch(5))
        assert made.brokers(READER, Watch(5)) == {1: Address("localhost", 9096)}


def test_somebody_for_each_listener() -> None:
    with access() as made:
        assert made.identity("scram") == WRITER
        assert made.identity("iam").role_arn == environment().roles["operator"]
        with pytest.raises(OutOfReachError, match="no identity that could use the mtls listener"):
            made.identity("mtls")


def test_memo_asks_once_and_keeps_a_failure() -> None:
    memo, calls = Memo(), []

    def fail() -> int:
        calls.append(1)
        raise RuntimeError("down")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="down"):
            memo.get("key", fail, Watch(1))
    assert calls == [1]
    memo.forget("key")
    assert memo.get("key", lambda: 7, Watch(1)) == 7


def test_memo_forgets_a_result_that_nobody_has_replaced() -> None:
    memo = Memo()
    first = memo.get("key", object, Watch(1))
    memo.forget_result("key", first)
    second = memo.get("key", object, Watch(1))
    memo.forget_result("key", first)  # who was slower to see that the first is stale takes the second
    assert memo.get("key", object, Watch(1)) is second


def test_a_connection_that_comes_after_the_end_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Connection:
        timeout_s, closed = 0.0, False

        def close(self) -> None:
            self.closed = True

        def stale(self) -> bool:
            return False

    made = access()
    monkeypatch.setattr(Access, "principal_context", lambda *_: None)
    monkeypatch.setattr(Access, "sasl", lambda *_: None)
    monkeypatch.setattr("contracts.access.BrokerConnection", lambda *_, **__: Connection())
    before = made.connection(WRITER, Address("localhost", 9096), Watch(5))
    made.close()
    after = made.connection(WRITER, Address("localhost", 9097), Watch(5))
    assert (before.closed, after.closed) == (True, True)  # type: ignore[attr-defined]


def test_memo_does_not_wait_longer_than_a_probe_may() -> None:
    memo, asking, end = Memo(), threading.Event(), threading.Event()

    def slow() -> int:
        asking.set()
        end.wait(30)
        return 1

    other = threading.Thread(target=lambda: memo.get("key", slow, Watch(5)))
    other.start()
    try:
        assert asking.wait(30)
        watch = Watch(0.05)
        watch.waiting("the answer")
        with pytest.raises(ProbeError, match="the answer: another probe asked first"):
            memo.get("key", slow, watch)
    finally:
        end.set()
        other.join()


def test_scram_configuration() -> None:
    config = client_config(environment(), WRITER, password="pw")
    assert config == {
        "bootstrap.servers": "localhost:1,localhost:2,localhost:3",
        "security.protocol": "SASL_SSL",
        "client.id": "ephk-writer",
        "ssl.ca.pem": "PEM",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "writer",
        "sasl.password": "pw",
    }
    with pytest.raises(EphkError, match="cannot connect without its password"):
        client_config(environment(), WRITER)


def test_iam_configuration_takes_its_token_from_the_provider() -> None:
    of = environment(target="aws")
    config = client_config(of, operator(of), token_provider=lambda: ("token", 1.0))
    assert config["sasl.mechanism"] == "OAUTHBEARER"
    assert config["oauth_cb"]("") == ("token", 1.0)  # type: ignore[operator]
    with pytest.raises(EphkError, match="names no operator role"):
        operator(environment(roles={}))


def test_mtls_configuration() -> None:
    of = environment()
    machine = Principal(name="machine", auth="mtls", kafka_principal="User:machine")
    with pytest.raises(EphkError, match="has no mtls listener"):
        client_config(of, machine, key_pair=ClientKeyPair("C", "K"))
    of = of.model_copy(update={"cluster": of.cluster.model_copy(update={"bootstrap": {"mtls": "localhost:9"}})})
    config = client_config(of, machine, key_pair=ClientKeyPair("C", "K"))
    assert (config["security.protocol"], config["ssl.certificate.pem"], config["ssl.key.pem"]) == ("SSL", "C", "K")
    assert "'K'" not in repr(ClientKeyPair("C", "K"))
