"""IAM evaluation's part of `make bench`: decisions over many policies, and the review of a change."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from orchestrator.iam import PolicySet, Request
from orchestrator.iam_review.collect import collect
from orchestrator.iam_review.diff import review
from orchestrator.iam_review.model import Snapshot

#: What the project aims at, seconds for `DECISIONS` decisions over `POLICIES` policies.
AIM_S = 1.0
DECISIONS, POLICIES = 10_000, 50
EXAMPLE = Path(__file__).parents[1] / "examples" / "iam"


def _policy(number: int) -> dict[str, Any]:
    topic = f"arn:aws:kafka:us-east-1:111122223333:topic/orders-{number}/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["kafka-cluster:*Topic*", "kafka-cluster:ReadData"], "Resource": topic},
            {"Effect": "Allow", "Action": "s3:Get*", "Resource": f"arn:aws:s3:::orders-{number}/${{aws:username}}/*"},
            {
                "Effect": "Deny",
                "Action": "s3:*",
                "Resource": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }


def measure_decisions() -> float:
    """Return the CPU seconds that the decisions take, each with a request of its own."""
    policies = PolicySet(identity_policies=[_policy(number) for number in range(POLICIES)])
    user = "arn:aws:iam::111122223333:user/alice"
    begun = time.process_time()
    allowed = 0
    for number in range(DECISIONS):
        some = number % (2 * POLICIES)
        if number % 2:
            request = Request(user, "s3:GetObject", f"arn:aws:s3:::orders-{some}/alice/key-{number}")
        else:
            arn = f"arn:aws:kafka:us-east-1:111122223333:topic/orders-{some}/uuid/t{number}"
            request = Request(user, "kafka-cluster:ReadData", arn)
        allowed += policies.decide(request).allowed
    taken = time.process_time() - begun
    if not 0 < allowed < DECISIONS:
        raise AssertionError(f"{allowed} of {DECISIONS} requests were allowed: the bench measures nothing")
    return taken


def measure_review() -> tuple[float, int]:
    """Return the seconds that the example's review takes, and how many decisions it makes."""

    def no_live(name: str) -> Snapshot:
        raise AssertionError(name)

    base, head = (collect(str(EXAMPLE / side), no_live) for side in ("base", "head"))
    begun = time.perf_counter()
    found = review(base, head)
    return time.perf_counter() - begun, found.decisions


def rows() -> list[tuple[str, str, str]]:
    """Return (what, measured, aim) for the table of `make bench`."""
    review_s, decisions = measure_review()
    return [
        (f"{DECISIONS} IAM decisions over {POLICIES} policies", f"{measure_decisions():.2f} s", f"<= {AIM_S} s"),
        (f"review of examples/iam ({decisions} decisions)", f"{review_s:.2f} s", ""),
    ]


if __name__ == "__main__":
    for row in rows():
        print(*row, sep="  ")  # noqa: T201 - a command's output
