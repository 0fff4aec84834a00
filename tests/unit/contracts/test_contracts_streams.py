"""Judgements about the word count, and the process that it is."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import pytest

from contracts.model import Failed, NotCovered, ProbeError, Verified, Watch
from contracts.streams import exactly_once
from contracts.streams.application import Application, ApplicationError
from contracts.streams.word_count import Observed
from tests.unit.contracts.builders import environment, fake_access


def observed(**counts: list[int]) -> Observed:
    return Observed({"alpha": 3, "beta": 1}, counts, 2.5)


def test_exact_counts_are_verified() -> None:
    outcome = exactly_once.judge_counts(observed(alpha=[1, 2, 3], beta=[1]), "exactly_once_v2")
    assert isinstance(outcome, Verified)
    assert outcome.evidence["words"] == outcome.evidence["counts"] == 4


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"alpha": [1, 2, 3, 4], "beta": [1]}, "'alpha' was sent 3 times, and the output says 1, 2, 3, 4"),
        ({"alpha": [1, 2, 2, 3], "beta": [1]}, "the output says 1, 2, 2, 3"),
        ({"alpha": [1, 2], "beta": [1]}, "'alpha' was sent 3 times, and the output says 1, 2"),
        ({"alpha": [1, 2, 3]}, "'beta' was sent 1 times, and the output says nothing"),
        ({"alpha": [1, 2, 3], "beta": [1], "gamma": [1]}, "the output counts 'gamma', which nobody sent"),
    ],
)
def test_counts_that_are_not_exact_fail(counts: dict[str, list[int]], words: str) -> None:
    outcome = exactly_once.judge_counts(observed(**counts), "at_least_once")
    assert isinstance(outcome, Failed)
    assert words in outcome.reason


def test_without_the_application_it_is_not_covered_and_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.target.streams_application", lambda: None)
    outcome = exactly_once.exactly_once(fake_access(environment()), Watch(1))
    assert isinstance(outcome, NotCovered)
    assert "'ephk setup --streams' fetches it" in outcome.reason


def test_without_an_identity_that_acls_rule_it_is_not_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.target.streams_application", lambda: ("java",))
    own = environment()
    iam_only = own.cluster.model_copy(update={"bootstrap": {"iam": "localhost:4"}})
    outcome = exactly_once.exactly_once(fake_access(environment(cluster=iam_only)), Watch(1))
    assert outcome == NotCovered("the environment has no SCRAM or mTLS listener, and ACLs rule no other identity")


def program(*lines: str) -> tuple[str, ...]:
    """Return a program that reads its settings and says what the application would."""
    said = "".join(f"print({line!r}, flush=True);" for line in lines)
    return (sys.executable, "-c", f"import sys\nfor line in iter(sys.stdin.readline, '\\n'): pass\n{said}")


def test_an_application_is_listened_to() -> None:
    with Application(program("running", "stopped"), {"a": "b"}) as application:
        application.until("running", Watch(20))
        application.until("stopped", Watch(20))
        with pytest.raises(ProbeError, match="ended with status 0"):
            application.until("running", Watch(20))


@pytest.mark.parametrize(("kind", "refused"), [("GroupAuthorizationException", True), ("TimeoutException", False)])
def test_an_application_s_exception_is_told_apart(kind: str, refused: bool) -> None:
    encoded = {
        "GroupAuthorizationException": "R3JvdXBBdXRob3JpemF0aW9uRXhjZXB0aW9u",
        "TimeoutException": "VGltZW91dEV4Y2VwdGlvbg==",
    }
    with Application(program(f"error\t{encoded[kind]}\tbm8="), {}) as application:
        with pytest.raises(ApplicationError, match=f"{kind}: no") as met:
            application.until("running", Watch(20))
        assert met.value.refused is refused


def test_what_ended_the_application_passes_through_whatever_cleans_up() -> None:
    """Context managers write an exception's traceback, so it must let itself be written."""

    @contextlib.contextmanager
    def cleaning_up() -> Iterator[None]:
        yield

    with pytest.raises(ApplicationError, match=r"^TopicAuthorizationException: denied$") as caught, cleaning_up():
        raise ApplicationError("org.apache.kafka.common.errors.TopicAuthorizationException", "denied")
    assert caught.value.refused
