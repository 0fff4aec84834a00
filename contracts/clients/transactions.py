"""Transactions: aborted records stay unseen, and a zombie that comes back is fenced off."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Producer

from contracts.access import Access
from contracts.clients.workbench import Workbench, a_consumer, a_producer
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract

#: Answers to a producer whose transactional id somebody else has taken over (KIP-98, KIP-360, KIP-447).
_FENCED = ("_FENCED", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED")
_LEVELS = ("read_committed", "read_uncommitted")
_COMMITTED, _ABORTED = b"committed", b"aborted"


def judge_isolation(committed_view: Sequence[bytes], uncommitted_view: Sequence[bytes]) -> Outcome:
    """Judge what readers of both isolation levels saw of one committed and one aborted record."""
    evidence = {
        "read_committed": [value.decode() for value in committed_view],
        "read_uncommitted": [value.decode() for value in uncommitted_view],
    }
    if _ABORTED in committed_view:
        return Failed("a reader of committed records saw the aborted one", evidence)
    if list(committed_view) != [_COMMITTED]:
        return Failed("a reader of committed records did not see the committed one once", evidence)
    if _ABORTED not in uncommitted_view:
        raise ProbeError("the aborted record was never stored, so that it is unseen shows nothing", evidence)
    return Verified(evidence)


def _transaction(bench: Workbench, producer: Producer, value: bytes, *, commit: bool) -> None:
    timeout = bench.watch.remaining()
    producer.begin_transaction()
    bench.send(producer, {0: [value]})
    if commit:
        producer.commit_transaction(timeout)
    else:
        producer.abort_transaction(timeout)


@contract(
    "client.transactions.isolation",
    title="Aborted records are not seen",
    risk="A consumer acts on what a producer has taken back",
    statement="A reader with isolation.level=read_committed sees committed records and no aborted one",
    remediation="Set isolation.level=read_committed on consumers; check the transaction log's replication",
    documentation="KIP-98, Exactly Once Delivery and Transactional Messaging",
    needs=("operator", "writes"),
    layers=("local",),
    slow=True,
)
def isolation(access: Access, watch: Watch) -> Outcome:
    """Commit one record, abort another, and read with both isolation levels."""
    identifier = f"{access.probe_topic_name}-isolation"
    readers = [a_consumer(level, isolation_level=level) for level in _LEVELS]
    clients = [a_producer(transactional_id=identifier), *readers]
    bench = Workbench(access, watch, "isolation", partitions=1, clients=clients)
    bench.leaders()
    producer = bench.producer(transactional_id=identifier)
    watch.waiting("the transaction coordinator")
    producer.init_transactions(watch.remaining())
    _transaction(bench, producer, _COMMITTED, commit=True)
    _transaction(bench, producer, _ABORTED, commit=False)
    views = {}
    for level in _LEVELS:
        with bench.consumer(level, isolation_level=level) as consumer:
            views[level] = [m.value() or b"" for m in bench.read_all(consumer, bench.ends(consumer))]
    return judge_isolation(views["read_committed"], views["read_uncommitted"])


def judge_fencing(zombie: str, successor: str) -> Outcome:
    """Judge a zombie's commit and its successor's, by error name; empty is success."""
    evidence = {"zombie": zombie or "committed", "successor": successor or "committed"}
    if successor:
        return Failed(f"the successor could not commit: {successor}", evidence)
    if not zombie:
        return Failed("a zombie committed although another producer had taken its transactional id over", evidence)
    if zombie not in _FENCED:
        raise ProbeError(f"the zombie was refused with {zombie}, which does not fence it", evidence)
    return Verified(evidence)


@contract(
    "client.transactions.fencing",
    title="A zombie is fenced off",
    risk="An instance that was thought dead comes back and writes what its successor has written already",
    statement="Once another producer has initialized a transactional id, the old one's commit is refused as fenced",
    remediation="Give each instance a transactional id of its own that is the same after a restart",
    documentation="KIP-98, Exactly Once Delivery and Transactional Messaging: Zombie fencing; KIP-360",
    needs=("operator", "writes"),
    layers=("local",),
    slow=True,
)
def fencing(access: Access, watch: Watch) -> Outcome:
    """Let a second producer take over while the first has a transaction open."""
    identifier = f"{access.probe_topic_name}-fencing"
    clients = [a_producer(transactional_id=identifier)] * 2  # the second one takes over when it is told to
    bench = Workbench(access, watch, "fencing", partitions=1, clients=clients)
    bench.leaders()
    zombie = bench.producer(transactional_id=identifier)
    watch.waiting("the transaction coordinator")
    zombie.init_transactions(watch.remaining())
    zombie.begin_transaction()
    bench.send(zombie, {0: [b"zombie"]})
    successor = bench.producer(transactional_id=identifier)
    successor.init_transactions(watch.remaining())
    answers = {"zombie": _commit(zombie, watch)}
    successor.begin_transaction()
    bench.send(successor, {0: [b"successor"]})
    answers["successor"] = _commit(successor, watch)
    return judge_fencing(answers["zombie"], answers["successor"])


def _commit(producer: Producer, watch: Watch) -> str:
    """Commit and return the name of the error that came, or an empty text."""
    try:
        producer.commit_transaction(watch.remaining())
    except KafkaException as error:
        problem: KafkaError = error.args[0]
        return str(problem.name())
    return ""
