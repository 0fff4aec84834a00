"""A Streams application that is killed counts everything once."""

from __future__ import annotations

from typing import Any

from contracts.access import Access
from contracts.model import Failed, NotCovered, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.streams.application import ApplicationError
from contracts.streams.word_count import Guarantee, Observed, WordCount
from orchestrator.environment import Principal


def judge_counts(observed: Observed, guarantee: str) -> Outcome:
    """Judge the counts: for each word every number from 1 to the times that it was sent, each once and in order."""
    evidence: dict[str, Any] = {
        "processing.guarantee": guarantee,
        "words": sum(observed.expected.values()),
        "counts": sum(map(len, observed.counts.values())),
        "counted_again_s": observed.again_s,
    }
    for word, times in sorted(observed.expected.items()):
        counts = list(observed.counts.get(word, ()))
        if counts != list(range(1, times + 1)):
            seen = ", ".join(map(str, counts)) or "nothing"
            return Failed(f"'{word}' was sent {times} times, and the output says {seen}", evidence)
    if unknown := observed.counts.keys() - observed.expected.keys():
        return Failed(f"the output counts '{min(unknown)}', which nobody sent", evidence)
    return Verified(evidence)


@contract(
    "streams.exactly-once",
    title="A Streams application that is killed counts once",
    risk="After a crash amounts are booked twice, or an application stops because an ACL of its own topics is missing",
    statement="A word count (exactly_once_v2, least ACLs) that is killed with -9 comes back, and its counts are exact",
    remediation="Grant the application id as a prefix: topics, group and transactional ids; use exactly_once_v2",
    documentation="KIP-129, Streams Exactly-Once Semantics; KIP-447; Kafka Streams Developer Guide, Security",
    needs=("operator", "writes"),
    layers=("local",),
    deadline_s=90.0,
)
def exactly_once(access: Access, watch: Watch) -> Outcome:
    """Run the application as an identity that ACLs rule, with grants of its own that end with the run."""
    from orchestrator.target import streams_application

    command = streams_application()
    if command is None:
        return NotCovered("the Streams application is not in the cache; 'ephk setup --streams' fetches it (75 MB)")
    principal = _ruled_by_acls(access)
    if principal is None:
        return NotCovered("the environment has no SCRAM or mTLS listener, and ACLs rule no other identity")
    return judge_run(access, watch, command, principal, "exactly_once_v2")


def judge_run(
    access: Access, watch: Watch, command: tuple[str, ...], principal: Principal, guarantee: Guarantee
) -> Outcome:
    """Run the application once with a guarantee; a refusal by the brokers fails, anything else raises.

    Raises:
        ProbeError: the application ended for another reason.
    """
    try:
        observed = WordCount(access, watch, command, principal, guarantee).kill_in_the_middle()
    except ApplicationError as error:
        if error.refused:
            return Failed(f"the brokers refuse {principal.name} what the application needs: {error}")
        raise ProbeError(f"the Streams application ended with {error}") from None
    return judge_counts(observed, guarantee)


def _ruled_by_acls(access: Access) -> Principal | None:
    for listener in ("scram", "mtls"):
        if listener in access.environment.cluster.bootstrap:
            return access.identity(listener)
    return None
