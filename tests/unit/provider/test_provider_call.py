"""Waiting, retrying and saying what went wrong."""

from __future__ import annotations

import threading
import time

import pytest
from botocore.exceptions import ClientError

from orchestrator.embedded.provider.call import Call, Cancelled, ResourceError, error_code, explain, found, ignoring
from tests.unit.provider.provider_fakes import FakeClients, call


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "because"}}, "DeleteSubnet")


def test_an_aws_error_is_said_with_operation_code_and_message() -> None:
    assert explain(refusal("DependencyViolation")) == "DeleteSubnet: DependencyViolation: because"
    assert explain(ResourceError("it is broken")) == "it is broken"
    assert explain(KeyError("name")) == "KeyError: 'name'"
    assert error_code(ValueError()) == ""


def test_waiting_ends_when_it_is_done() -> None:
    states = iter(["CREATING", "CREATING", "ACTIVE"])
    assert call(FakeClients()).wait(lambda: next(states), lambda state: state == "ACTIVE", "x") == "ACTIVE"


def test_waiting_ends_at_the_deadline() -> None:
    with pytest.raises(ResourceError, match="becoming active did not happen within 0 s"):
        call(FakeClients(), deadline_s=0.0).wait(lambda: "CREATING", lambda state: False, "becoming active")


def test_waiting_ends_when_the_engine_cancels() -> None:
    cancelled = threading.Event()
    cancelled.set()
    begun = time.monotonic()
    with pytest.raises(Cancelled):
        Call(FakeClients(), cancelled, 60.0).wait(lambda: 1, lambda seen: False, "x")
    assert time.monotonic() - begun < 5


def test_a_refusal_that_passes_is_retried() -> None:
    answers: list[ClientError | str] = [refusal("DependencyViolation"), refusal("DependencyViolation"), "deleted"]

    def act() -> str:
        answer = answers.pop(0)
        if isinstance(answer, ClientError):
            raise answer
        return answer

    assert call(FakeClients()).retrying(["DependencyViolation"], act) == "deleted"


def test_another_refusal_is_not_retried() -> None:
    attempts = []

    def act() -> None:
        attempts.append(1)
        raise refusal("UnauthorizedOperation")

    with pytest.raises(ClientError):
        call(FakeClients()).retrying(["DependencyViolation"], act)
    assert len(attempts) == 1


def test_what_is_gone_is_passed_over_and_nothing_else() -> None:
    def refuse(code: str) -> None:
        raise refusal(code)

    with ignoring("NotFound"):
        refuse("NotFound")
    with pytest.raises(ClientError), ignoring("NotFound"):
        refuse("AccessDenied")
    assert found(["NotFound"], lambda: refuse("NotFound")) is None
    with pytest.raises(ClientError):
        found(["NotFound"], lambda: refuse("AccessDenied"))
