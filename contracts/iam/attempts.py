"""Trying one permission live, and what the answer says about it.

Only a refusal that names the action is a refusal: a time-out, another action's denial or a mistake in the request are
none. A request that could do harm is made so that the cloud, once it has authorized it, must turn it down for another
reason; that answer then proves that the permission is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError
from confluent_kafka import KafkaError

from contracts.wire import error_name
from contracts.wire.errors import SaslRefusedError

Verdict = Literal["allowed", "refused", "unclear"]

#: "Common errors" of the API references; Amazon EC2 has a code of its own.
_REFUSALS = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
#: AWS's sentence: "Troubleshoot access denied error messages", IAM User Guide.
_NAMED = re.compile(r"is not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)")
_SASL_REFUSED: int = KafkaError.SASL_AUTHENTICATION_FAILED
_KAFKA_REFUSALS = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)


class KafkaAnswerError(Exception):
    """A broker answered a request with an error code."""

    def __init__(self, code: int) -> None:
        super().__init__(error_name(code))
        self.code = code


@dataclass(frozen=True)
class Answer:
    """What came of a live attempt.

    Attributes:
        verdict: whether the permission is there; `unclear` when the answer does not tell.
        said: the answer in a few words, such as `AccessDenied` or `succeeded`.
    """

    verdict: Verdict
    said: str


@dataclass(frozen=True)
class Attempt:
    """How one permission is tried.

    Attributes:
        call: makes the request; returns when it succeeded, raises otherwise.
        harmless: error codes with which a request is turned down after it was authorized.
        undo: takes back what a request that succeeded has made; None when there is nothing to take back.
    """

    call: Callable[[], Any]
    harmless: frozenset[str] = frozenset()
    undo: Callable[[], Any] | None = None

    def run(self, action: str) -> Answer:
        """Make the request and say what the answer means for `action`.

        Raises:
            Exception: the request could not be made, or what it made could not be taken back.
        """
        try:
            self.call()
        except ClientError as error:
            return answer_of(action, error.response["Error"]["Code"], error.response["Error"]["Message"], self.harmless)
        except SaslRefusedError as error:
            return Answer("refused" if error.code == _SASL_REFUSED else "unclear", error_name(error.code))
        except KafkaAnswerError as error:
            return Answer("refused" if error.code in _KAFKA_REFUSALS else "unclear", str(error))
        if self.undo is not None:
            self.undo()
        return Answer("allowed", "succeeded")


def answer_of(action: str, code: str, message: str, harmless: frozenset[str]) -> Answer:
    """Judge an error of an AWS API."""
    if code not in _REFUSALS:
        return Answer("allowed", f"authorized, then {code}") if code in harmless else Answer("unclear", code)
    named = _NAMED.search(message)
    if named is None:
        return Answer("unclear", f"{code} that names no action")
    if named[1].lower() != action.lower():
        return Answer("unclear", f"{code} for {named[1]}")
    return Answer("refused", code)
