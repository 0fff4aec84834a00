"""Judgements about what real clients saw: each falls for the reason that it names."""

from __future__ import annotations

import pytest

from contracts.clients import delivery, groups, transactions
from contracts.model import Failed, Outcome, ProbeError, Verified


def reason(outcome: Outcome) -> str:
    assert isinstance(outcome, Failed), outcome
    return outcome.reason


def test_percentiles_are_in_milliseconds() -> None:
    assert delivery.percentiles([0.001] * 99 + [0.5]) == {"p50": 1.0, "p99": 6.0, "max": 500.0}
    assert delivery.percentiles([0.002]) == {"p50": 2.0, "p99": 2.0, "max": 2.0}


def test_delivery_names_the_broker_that_lost_doubled_or_reordered() -> None:
    def judged(*received: bytes) -> Outcome:
        sent = {0: [b"a", b"b"], 1: [b"c"]}
        return delivery.judge_delivery({0: 7, 1: 8}, sent, {0: received, 1: [b"c"]}, {0: [0.1, 0.1], 1: [0.1]})

    assert isinstance(judged(b"a", b"b"), Verified)
    assert reason(judged(b"a")) == "broker 7 lost 1 of 2 acknowledged records"
    assert reason(judged(b"a", b"b", b"b")) == "broker 7 has 1 records twice"
    assert reason(judged(b"b", b"a")) == "broker 7 holds the records in another order"


def test_codecs() -> None:
    stored = {
        (broker, codec): number for broker in ("broker 1", "broker 2") for codec, number in delivery.CODECS.items()
    }
    intact = dict.fromkeys(stored, True)
    assert isinstance(delivery.judge_codecs(stored, intact), Verified)
    assert reason(delivery.judge_codecs(stored | {("broker 2", "zstd"): 1}, intact)) == (
        "broker 2: a batch compressed with zstd is stored as gzip"
    )
    lost = intact | {("broker 1", "lz4"): False}
    assert "compressed with lz4 did not come back" in reason(delivery.judge_codecs(stored, lost))


def test_each_codec_is_tried_on_each_broker() -> None:
    batches = delivery._batches({partition: partition % 2 + 1 for partition in range(10)})
    assert len(set(batches.values())) == len(batches) == 10
    assert all(f"broker {partition % 2 + 1}" == broker for (broker, _), partition in batches.items())
    with pytest.raises(ProbeError, match="broker 1 leads 4 partitions"):
        delivery._batches(dict.fromkeys(range(4), 1))


def test_size() -> None:
    assert isinstance(delivery.judge_size("", "MSG_SIZE_TOO_LARGE", 10), Verified)
    assert "below the limit" in reason(delivery.judge_size("MSG_SIZE_TOO_LARGE", "MSG_SIZE_TOO_LARGE", 10))
    assert "above the limit of 10 bytes was accepted" in reason(delivery.judge_size("", "", 10))
    with pytest.raises(ProbeError, match="not for its size"):
        delivery.judge_size("", "TOPIC_AUTHORIZATION_FAILED", 10)


def test_isolation() -> None:
    assert isinstance(transactions.judge_isolation([b"committed"], [b"committed", b"aborted"]), Verified)
    assert "saw the aborted" in reason(transactions.judge_isolation([b"committed", b"aborted"], [b"aborted"]))
    assert "did not see the committed" in reason(transactions.judge_isolation([], [b"committed", b"aborted"]))
    with pytest.raises(ProbeError, match="shows nothing"):
        transactions.judge_isolation([b"committed"], [b"committed"])


def test_fencing() -> None:
    for name in ("_FENCED", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED"):
        assert isinstance(transactions.judge_fencing(name, ""), Verified)
    assert "a zombie committed" in reason(transactions.judge_fencing("", ""))
    assert "the successor could not commit" in reason(
        transactions.judge_fencing("_FENCED", "COORDINATOR_NOT_AVAILABLE")
    )
    with pytest.raises(ProbeError, match="does not fence"):
        transactions.judge_fencing("_TIMED_OUT", "")


def test_resumption() -> None:
    def judged(before: str, after: str, **committed: int) -> Outcome:
        places = {0: 2, 1: 2} | {int(name[1:]): offset for name, offset in committed.items()}
        return groups.judge_resumption("abcd", before, after, places, 2)

    assert isinstance(judged("ab", "cd"), Verified)
    assert "1 records were read by nobody" in reason(judged("ab", "c"))
    assert "1 records were read again" in reason(judged("ab", "bcd"))
    assert reason(judged("ab", "cd", p1=1)) == "the committed offset of partition 1 is 1, not 2"
