"""The IAM listener on the wire: both mechanisms, sessions that end and are renewed, and an authority that is gone."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from botocore.credentials import Credentials
from confluent_kafka import KafkaError

from contracts.wire import BrokerConnection, MskIam, OAuthBearer, Sasl, SaslRefusedError, WireError, requests
from contracts.wire.msk_iam import payload
from orchestrator.embedded.brokers import BrokerCluster
from orchestrator.processes import wait_until

from .authority import KEYS, OPERATOR, REGION, Authority, iam_token

TOPIC_REFUSED = KafkaError.TOPIC_AUTHORIZATION_FAILED


def keys(key_id: str, secret: str | None = None) -> Credentials:
    return Credentials(key_id, secret or KEYS[key_id][0])


def signed(key_id: str = "AKIAOPERATOR", secret: str | None = None, **changes: Any) -> MskIam:
    lifetime_s = changes.pop("lifetime_s", 900)

    def make() -> str:
        document = json.loads(payload(keys(key_id, secret), REGION, "127.0.0.1", lifetime_s=lifetime_s))
        return json.dumps({n: v for n, v in {**document, **changes}.items() if v is not None})

    return MskIam(make)


def connect(cluster: BrokerCluster, sasl: Sasl) -> BrokerConnection:
    host, port = cluster.bootstrap()["iam"].split(":")
    context = ssl.create_default_context(cadata=cluster.ca_pem())
    return BrokerConnection(host, int(port), context, sasl, timeout_s=10)


def refusal(cluster: BrokerCluster, sasl: Sasl) -> str:
    with pytest.raises(SaslRefusedError) as caught:
        connect(cluster, sasl).close()
    return str(caught.value)


BEARER = OAuthBearer(lambda: iam_token("AKIAOPERATOR")[0])


@pytest.mark.parametrize("sasl", [BEARER, signed()], ids=lambda sasl: sasl.mechanism)
def test_both_mechanisms_make_the_same_principal_for_a_limited_time(
    cluster: BrokerCluster, authority: Authority, sasl: Sasl
) -> None:
    with connect(cluster, sasl) as connection:
        requests.metadata(connection, [sasl.mechanism])
        assert 0 < connection.session_lifetime_ms <= 900_000
    asked = [about for about in authority.authorizations if about["resource_name"] == sasl.mechanism]
    assert {about["principal"] for about in asked} == {OPERATOR}


def test_a_refused_payload_hears_no_more_than_on_msk_and_the_log_names_the_reason(cluster: BrokerCluster) -> None:
    log = cluster.log_path(1)
    before = log.stat().st_size
    said = refusal(cluster, signed(secret="wrong-secret"))
    assert said.endswith("]: Access denied")
    with log.open() as lines:
        lines.seek(before)
        text = lines.read()
    assert "IAM authentication refused: signature does not match" in text
    assert said.split("[")[1].split("]")[0] in text, "the id that the client saw leads to the reason"
    assert "x-amz-signature" not in text.lower()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": "2019_01_01"}, "version is not 2020_10_22"),
        ({"action": "kafka-cluster:Other"}, "not for kafka-cluster:Connect"),
        ({"x-amz-credential": "K/20260101/eu-west-1/kafka-cluster/aws4_request"}, "malformed"),
        ({"x-amz-expires": "901"}, "not between 1 and 900"),
        ({"x-amz-signedheaders": "host;x"}, "exactly the host header"),
        ({"x-amz-date": None}, "no X-Amz-Date"),
    ],
)
def test_each_claim_of_a_payload_is_checked_before_anybody_is_asked(
    cluster: BrokerCluster, changes: dict[str, str | None], reason: str
) -> None:
    log = cluster.log_path(1)
    before = log.stat().st_size
    assert "Access denied" in refusal(cluster, signed(**changes))
    with log.open() as lines:
        lines.seek(before)
        assert any("IAM authentication refused" in line and reason in line for line in lines)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"x"', "[" * 3000, '{"version":"2020_10_22"}', "\x00\xff" * 40]
)
def test_what_is_no_payload_is_refused_and_breaks_nothing(cluster: BrokerCluster, text: str) -> None:
    with pytest.raises(WireError):
        connect(cluster, MskIam(lambda: text)).close()
    connect(cluster, signed()).close()


def test_the_scram_listener_does_not_speak_it(cluster: BrokerCluster) -> None:
    host, port = cluster.bootstrap()["scram"].split(":")
    context = ssl.create_default_context(cadata=cluster.ca_pem())
    with pytest.raises(SaslRefusedError, match="offered: SCRAM-SHA-512"):
        BrokerConnection(host, int(port), context, signed(), timeout_s=10)


@pytest.mark.parametrize("again", [lambda: signed(), lambda: BEARER], ids=["AWS_MSK_IAM", "OAUTHBEARER"])
def test_a_session_is_renewed_by_the_same_principal(cluster: BrokerCluster, again: Callable[[], Sasl]) -> None:
    with connect(cluster, again()) as connection:
        connection.authenticate(again())
        assert requests.metadata(connection, []).brokers


def test_a_session_is_not_renewed_by_another_principal(cluster: BrokerCluster) -> None:
    connection = connect(cluster, signed())
    with pytest.raises(SaslRefusedError, match="Cannot change principals during re-authentication"):
        connection.authenticate(signed("AKIASTRANGER"))
    with pytest.raises(WireError):
        requests.metadata(connection, [])


def test_a_session_ends_with_its_signature_unless_it_is_renewed(cluster: BrokerCluster) -> None:
    with connect(cluster, signed(lifetime_s=2)) as left, connect(cluster, signed(lifetime_s=2)) as renewed:
        assert left.session_lifetime_ms <= 2000
        renewed.authenticate(signed())

        def ended() -> bool:
            try:
                requests.metadata(left, [])
            except WireError:
                return True
            return False

        assert wait_until(ended, deadline_s=60)
        assert requests.metadata(renewed, []).brokers


def test_nobody_gets_in_and_nothing_is_allowed_while_the_authority_is_gone(
    cluster: BrokerCluster, authority: Authority
) -> None:
    with connect(cluster, signed()) as connection:

        def written() -> int:
            return requests.produce_corrupt(connection, "anything")

        assert written() != TOPIC_REFUSED
        with authority.away():
            assert "Access denied" in refusal(cluster, signed())
            assert "temporarily_unavailable" in refusal(cluster, BEARER)
            # What was allowed before is forgotten within a second.
            assert wait_until(lambda: written() == TOPIC_REFUSED, deadline_s=60)
        assert wait_until(lambda: written() != TOPIC_REFUSED, deadline_s=60)
