"""The catalogue's part of `make bench`: checks of a ready environment by ephk, and one by one by Apache's own tools.

Only what those tools can find out is compared. They start a JVM for each question, with the options of
`kafka-run-class.sh`, and speak to the broker that leads a partition, where a contract asks every broker. A console
producer leaves its record behind; a contract takes its own away.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contracts import grants
from contracts.access import Access
from contracts.clients.java import client_properties, role_properties
from contracts.model import Watch
from orchestrator.embedded.brokers.properties import render
from orchestrator.embedded.runtime import ensure_kafka_runtime
from orchestrator.embedded.runtime.artifacts import IAM_CLIENT_LOCK, read_lock
from orchestrator.embedded.runtime.jars import ensure_jars
from orchestrator.environment import Environment, Principal
from orchestrator.paths import cache_home
from orchestrator.progress import ConsoleProgress
from tests.embedded.conftest import REPOSITORY, World, end_world, new_world

#: Options of Kafka's own `kafka-run-class.sh`.
JVM = (
    "-Xmx256M", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent", "-XX:MaxInlineLevel=15", "-Djava.awt.headless=true",
)  # fmt: skip
#: What the catalogue on a ready three-broker environment may take on two cores, seconds.
AIM_S = 60.0
_TOOL_S = 120.0
#: Where the AWS SDK for Java looks for what `role_properties` says, out of sight of a process list.
_VARIABLES = {
    "aws.region": "AWS_REGION",
    "aws.accessKeyId": "AWS_ACCESS_KEY_ID",
    "aws.secretAccessKey": "AWS_SECRET_ACCESS_KEY",
    "aws.sessionToken": "AWS_SESSION_TOKEN",
}
_DENIED = "AuthorizationException"


@dataclass(frozen=True)
class Question:
    """One run of one tool.

    Attributes:
        tool: the program's class.
        arguments: its arguments, beside the server and the client's configuration.
        who: as whom.
        says: what its output must contain; empty: anything without an error.
        given: its standard input.
        password: another password than the principal's.
    """

    tool: str
    arguments: tuple[str, ...]
    who: Principal
    says: str = ""
    given: str = ""
    password: str = ""


@dataclass(frozen=True)
class Row:
    """One kind of check, by tools and by contracts."""

    what: str
    questions: tuple[Question, ...]
    contracts: tuple[str, ...]


class Tools:
    """Apache's command-line tools with the identities of an environment."""

    def __init__(self, world: World, environment: Environment) -> None:
        self.environment = environment
        self.access = Access(environment, world.administrator())
        runtime = ensure_kafka_runtime(ConsoleProgress())
        iam = ensure_jars(read_lock(IAM_CLIENT_LOCK), cache_home() / "jars", ConsoleProgress())
        self._java = [str(runtime.java), *JVM, "-cp", ":".join([runtime.classpath, *map(str, iam)])]
        self._directory = world.home

    def _config(self, who: Principal, password: str) -> Path:
        properties = client_properties(self.access, who, Watch(60))
        if password:
            own = self.access.credentials.scram(who, Watch(60)).password
            properties["sasl.jaas.config"] = properties["sasl.jaas.config"].replace(own, password)
        file = self._directory / f"{who.name}{'-wrong' if password else ''}.properties"
        file.touch(mode=0o600)
        file.write_text(render(properties))
        return file

    def prepare(self, question: Question) -> Callable[[], None]:
        """Write the client's configuration; return what asks the question and looks at the answer."""
        config = self._config(question.who, question.password)
        variables = dict(os.environ)
        if question.who.auth == "iam":
            role = role_properties(self.access, question.who, Watch(60))
            variables |= {_VARIABLES[name]: value for name, value in role.items()}
        servers = self.environment.cluster.bootstrap[question.who.auth]
        command = [
            *self._java, question.tool, "--bootstrap-server", servers,
            "--command-config", str(config), *question.arguments,
        ]  # fmt: skip

        def ask() -> None:
            done = subprocess.run(
                command,
                input=question.given,
                env=variables,
                capture_output=True,
                text=True,
                timeout=_TOOL_S,
                check=False,
            )
            said = done.stdout + done.stderr
            if question.says not in said or (not question.says and ("ERROR" in said or done.returncode)):
                raise AssertionError(f"{question.tool} {question.arguments}: {done.returncode}\n{said[-2000:]}")

        return ask


def rows(environment: Environment, operator: Principal) -> Iterator[Row]:
    """Yield what is compared: what Apache's tools can find out of an environment."""
    tools, producer, consumer = "org.apache.kafka.tools", "ConsoleProducer", "consumer.ConsoleConsumer"
    by_listener = {p.auth: p for p in environment.principals}
    versions = f"{tools}.BrokerApiVersionsCommand"
    yield Row(
        "listeners answer, with valid certificates",
        tuple(Question(versions, (), who) for who in by_listener.values()),
        ("listener.advertised", "listener.tls.chain", "listener.tls.hostname"),
    )
    scram = next(p for p in environment.principals if p.auth == "scram")
    yield Row(
        "a wrong password is refused",
        (Question(versions, (), scram, says="Authentication failed", password="wrong-password-1"),),
        ("auth.scram.wrong-password.refused",),
    )
    acls = Question(f"{tools}.AclCommand", ("--list",), operator, says="ResourcePattern")
    yield Row("ACLs are as declared", (acls,), ("acl.drift",))
    topics = tuple(
        Question(f"{tools}.TopicCommand", ("--describe", "--topic", t.name), operator, says="PartitionCount")
        for t in environment.topics
    )
    yield Row("topics are as declared", topics, ("topic.*.as-declared",))
    settings = tuple(
        Question(
            "kafka.admin.ConfigCommand",
            ("--describe", "--all", "--entity-type", "brokers", "--entity-name", str(broker)),
            operator,
            says="auto.create.topics.enable=false",
        )
        for broker in range(1, environment.cluster.brokers + 1)
    )
    yield Row("brokers' settings are as declared", settings, ("broker.settings.as-declared",))

    def produce(who: Principal, topic: str, says: str = "") -> Question:
        return Question(f"{tools}.{producer}", ("--topic", topic), who, says, given="bench\n")

    def consume(who: Principal, topic: str, group: str, says: str) -> Question:
        more = ("--group", group, "--from-beginning", "--max-messages", "1", "--timeout-ms", "20000")
        return Question(f"{tools}.{consumer}", ("--topic", topic, *more), who, says)

    def of(action: grants.Action, *, granted: bool) -> list[tuple[Principal, str]]:
        return list(grants.matrix(environment, action, granted=granted))

    allowed = [produce(who, topic) for who, topic in of("produce", granted=True)]
    allowed += [
        consume(who, topic, grants.groups(who, topic)[0], "Processed a total of 1 messages")
        for who, topic in of("consume", granted=True)
    ]
    yield Row("what was granted works", tuple(allowed), ("acl.*.allow.*",))
    denied = [produce(who, topic, _DENIED) for who, topic in of("produce", granted=False)]
    denied += [
        consume(who, topic, next(iter(grants.groups(who)), "bench"), _DENIED)
        for who, topic in of("consume", granted=False)
    ]
    yield Row("what was not granted is refused", tuple(denied), ("acl.*.deny.produce.*", "acl.*.deny.consume.*"))
    groups = [consume(who, topic, "somebody-elses", _DENIED) for who, topic in of("consume", granted=True)]
    yield Row("others' groups are refused", tuple(groups), ("acl.*.deny.group",))


def timed(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def measure(world: World, name: str) -> Table:
    """Measure each row, and the whole catalogue."""
    environment = Environment.model_validate(world.must("show", name, "--json").json()["environment"])
    tools = Tools(world, environment)
    table = Table(title="the same checks, one after the other", title_justify="left")
    for column in ("check", "runs of tools", "tools s", "contracts", "ephk s", "tools / ephk"):
        table.add_column(column, justify="left" if column == "check" else "right")
    everything: list[str] = []
    total = [0, 0.0, 0, 0.0]

    def verify(patterns: tuple[str, ...]) -> tuple[float, int]:
        asked = [word for pattern in patterns for word in ("--contract", pattern)]
        begun = time.perf_counter()
        done = world.must("verify", name, *asked, "--json")
        return time.perf_counter() - begun, len(done.json()["results"])

    def add(what: str, runs: int, by_tools: float, count: int, by_ephk: float) -> None:
        ratio = f"{by_tools / by_ephk:.1f}" if runs else ""
        shown = (f"{by_tools:.1f}" if runs else "cannot",)
        table.add_row(what, str(runs or ""), *shown, str(count), f"{by_ephk:.1f}", ratio)

    for row in rows(environment, tools.access.operator):
        prepared = [tools.prepare(question) for question in row.questions]
        by_tools = sum(timed(ask) for ask in prepared)
        by_ephk, count = verify(row.contracts)
        add(row.what, len(prepared), by_tools, count, by_ephk)
        everything += row.contracts
        total = [total[0] + len(prepared), total[1] + by_tools, total[2] + count, total[3] + by_ephk]
    add("all of these, one command for each", int(total[0]), total[1], int(total[2]), total[3])
    together, count = verify(tuple(everything))
    add("all of these, one command", int(total[0]), total[1], count, together)
    whole, count = verify(())
    table.add_section()
    add(f"the whole catalogue (aim: {AIM_S:.0f} s)", 0, 0.0, count, whole)
    tools.access.close()
    return table


def main() -> None:
    """Bring the example environment up and print the table."""
    world = new_world("bench")
    try:
        world.must("up", REPOSITORY / "examples" / "orders.yaml", timeout_s=600)
        Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120).print(measure(world, "orders"))
    finally:
        end_world(world)


if __name__ == "__main__":
    main()
