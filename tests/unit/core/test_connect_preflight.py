"""What would fail later is found before anything is created, with its cause; what cannot be known is not covered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator import connect_preflight
from orchestrator.connect_paths import examine
from orchestrator.connect_preflight import Finding
from orchestrator.connect_validation import Judgement, parse
from orchestrator.errors import UsageError
from orchestrator.progress import SilentProgress
from orchestrator.spec import EnvironmentSpec
from tests.unit.core.test_connect_plugins import compiled
from tests.unit.kafkaconnect.conftest import CLASS, archive


def spec_of(connector: dict[str, Any] | None = None, connect: dict[str, Any] | None = None, **more: Any) -> Any:
    made = {"name": "c", "plugin": "p", "config": {"connector.class": CLASS}, **(connector or {})}
    section = {"plugins": [{"name": "p", "file": "p.zip"}], "connectors": [made], **(connect or {})}
    return EnvironmentSpec.model_validate({"connect": section, **more})


def found(spec: EnvironmentSpec, status: str, *, on_aws: bool = False) -> list[str]:
    return [f"{subject}: {message}" for seen, subject, message, _ in examine(spec, on_aws=on_aws) if seen == status]


def test_an_ordinary_spec_is_fine() -> None:
    assert not found(spec_of(), "failed")
    assert not found(spec_of(), "not_covered")
    assert len(found(spec_of(), "ok")) == 2


def test_a_subnet_without_an_address_for_each_worker_is_refused() -> None:
    small = {"network": {"cidr": "10.42.0.0/24", "zones": 1}, "brokers": {"count": 1}}
    (problem,) = found(
        spec_of({"workers": 10}, {"egress": [{"host": "x", "port": 443, "endpoint": "sts"}]}, **small), "failed"
    )
    assert problem.startswith("subnets: 12 addresses in a subnet (10 workers, 1 brokers, 1 endpoints)")
    assert problem.endswith("one of 10.42.0.0/24 has 11")
    assert not found(spec_of({"workers": 9}, **small), "failed")


def test_a_small_broker_is_refused_on_aws_and_told_here() -> None:
    small = {"brokers": {"instance_type": "kafka.t3.small"}}
    (problem,) = found(spec_of(**small), "failed", on_aws=True)
    assert "takes 4 new IAM connections a second" in problem
    (told,) = found(spec_of(**small), "not_covered")
    assert "on AWS this is refused" in told


def test_more_connections_than_a_broker_takes_are_refused() -> None:
    many = [
        {"name": f"c{number}", "plugin": "p", "config": {"connector.class": CLASS}, "tasks": 64, "workers": 10}
        for number in range(15)
    ]
    (problem,) = found(spec_of(connect={"connectors": many}, network={"cidr": "10.42.0.0/16"}), "failed")
    assert "IAM connections to a broker, the most are 3000" in problem


@pytest.mark.parametrize(
    ("host", "status", "words"),
    [
        ({"host": "10.42.7.7", "port": 5432}, "ok", "inside the VPC, and port 5432 is let out"),
        ({"host": "127.0.0.1", "port": 5432}, "ok", "let out"),
        ({"host": "nowhere.invalid", "port": 5432}, "not_covered", "cannot be resolved here"),
        ({"host": "203.0.113.9", "port": 443}, "failed", "security group: lets out to 10.42.0.0/16"),
        ({"host": "203.0.113.9", "port": 443, "cidr": "203.0.113.0/24"}, "failed", "route: 203.0.113.9 is outside"),
        ({"host": "sts.us-east-1.amazonaws.com", "port": 443, "endpoint": "sts"}, "ok", "private DNS"),
        ({"host": "10.42.7.7", "port": 1, "tls": True, "ca_file": "/nowhere/ca.pem"}, "failed", "cannot read /nowhere"),
        ({"host": "10.42.7.7", "port": 1, "tls": True, "ca_file": __file__}, "failed", "holds no certificate"),
    ],
)
def test_a_declared_host_has_a_way_or_not(host: dict[str, Any], status: str, words: str) -> None:
    texts = found(spec_of(connect={"egress": [host]}), status)
    assert [text for text in texts if text.startswith("host ") and words in text], texts


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"connection.url": "jdbc:postgresql://db.example:5433/x"}, "connection.url names db.example:5433"),
        ({"http.url": "https://hook.example/in"}, "http.url names hook.example:443"),
        ({"aws.sts.role.arn": "arn:aws:iam::1:role/x"}, "have no way to AWS STS"),
        ({"consumer.override.sasl.jaas.config": 'x required awsRoleArn="arn:aws:iam::1:role/x";'}, "no way to AWS STS"),
    ],
)
def test_a_host_that_is_not_declared_is_held_back(config: dict[str, str], words: str) -> None:
    connector = {"config": {"connector.class": CLASS, **config}}
    (problem,) = found(spec_of(connector), "failed")
    assert words in problem
    egress = [
        {"host": "db.example", "port": 5433},
        {"host": "hook.example", "port": 443},
        {"host": "sts.us-east-1.amazonaws.com", "port": 443, "endpoint": "sts"},
    ]
    assert not found(spec_of(connector, {"egress": egress}), "failed")


class FakeTarget:
    def __init__(self, judgement: Judgement, name: str = "embedded") -> None:
        self.judgement, self.name = judgement, name

    def prepare_connect(self, _progress: Any) -> None:
        pass

    def validate_connectors(self, wanted: Any, _progress: Any) -> dict[str, Judgement]:
        return {item.name: self.judgement for item in wanted}


def findings(tmp_path: Path, judgement: Judgement, data: bytes | None = None, **plugin: Any) -> tuple[Finding, ...]:
    (tmp_path / "p.zip").write_bytes(data or archive())
    plugins = [{"name": "p", **(plugin or {"file": str(tmp_path / "p.zip")})}]
    target, spec = FakeTarget(judgement), spec_of(connect={"plugins": plugins})
    opened = connect_preflight.connect_plugins.open_all(spec.connect, target, SilentProgress())  # type: ignore[arg-type]
    return connect_preflight.examine(spec, opened, target, SilentProgress())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("judgement", "status", "words"),
    [
        (Judgement(version="7"), "ok", "version 7 accepts its configuration"),
        (Judgement(version="7", fields={"url": "missing"}), "failed", "url: missing"),
        (Judgement(missing="org.x.Y: NoClassDefFoundError"), "failed", "class not found: org.x.Y"),
        (Judgement(unknown="boom"), "not_covered", "boom"),
        (Judgement(missing="UnsupportedClassVersionError: x.Y (70.0)"), "failed", "class version: Unsupported"),
        (Judgement(version="7", type="sink"), "failed", "is a sink, and its role may read no topic"),
        (Judgement(version="7", type="source"), "failed", "is a source, and its role may write no topic"),
    ],
)
def test_the_plugin_judges_its_configuration(tmp_path: Path, judgement: Judgement, status: str, words: str) -> None:
    seen = [(item.status, item.message) for item in findings(tmp_path, judgement) if item.subject == "connector c"]
    assert [message for got, message in seen if got == status and words in message], seen


def test_a_class_that_no_service_file_declares_is_told(tmp_path: Path) -> None:
    seen = findings(tmp_path, Judgement(version="7"), archive(declared=()))
    assert [item for item in seen if "is in no service file" in item.message]


def test_a_source_in_the_place_of_a_sink_is_told_apart(tmp_path: Path) -> None:
    spec = spec_of({"consumes": ["a"]}, topics=[{"name": "a"}])
    (connector,) = spec.connect.connectors
    (problem,) = connect_preflight._granted(connector, Judgement(version="7", type="source"))
    assert problem.message.endswith("its role may write no topic; it has 'consumes', which is for the other kind")
    assert "name the sink class" in problem.next_step
    assert not list(connect_preflight._granted(connector, Judgement(version="7", type="sink")))


@pytest.mark.parametrize(("target", "status"), [("aws", "failed"), ("embedded", "not_covered")])
@pytest.mark.parametrize("release", [17, 21])
def test_a_class_that_is_too_new_for_msk_connect_is_told(
    tmp_path: Path, target: str, status: str, release: int
) -> None:
    (tmp_path / "p.zip").write_bytes(compiled(release))
    spec = spec_of(connect={"plugins": [{"name": "p", "file": str(tmp_path / "p.zip")}]})
    fake: Any = FakeTarget(Judgement(version="7"), target)
    opened = connect_preflight.connect_plugins.open_all(spec.connect, fake, SilentProgress())
    seen = connect_preflight.examine(spec, opened, fake, SilentProgress())
    told = [item.status for item in seen if f"compiled for Java {release}, and MSK Connect has Java 17" in item.message]
    assert told == ([status] if release > 17 else [])


def test_a_plugin_in_another_bucket_is_not_covered(tmp_path: Path) -> None:
    seen = findings(tmp_path, Judgement(version="7"), s3="s3://their-bucket/p.zip")
    assert [item.subject for item in seen if item.status == "not_covered"] == ["plugin p", "connector c"]


def test_everything_that_would_fail_is_said_at_once() -> None:
    seen = [Finding("failed", "a", "one", "do x"), Finding("ok", "b", "two"), Finding("failed", "c", "three", "do y")]
    with pytest.raises(UsageError, match="a: one \\(and 1 more\\)") as caught:
        connect_preflight.refuse(seen, SilentProgress())
    assert caught.value.next_step == "do x"
    assert caught.value.details == ("c: three. do y",)


def test_what_the_program_says_is_read_and_references_are_not_judged() -> None:
    text = "c\tfield\ta\tbad\nc\tfield\tb\tbad\nnoise of a plugin\nc\tversion\tx.Y\t7\n"
    judgement = parse(text, {"a": "${secretsmanager:db:a}", "b": "plain"})
    assert judgement == Judgement(version="7", fields={"b": "bad"})
    assert parse("", {}).unknown == "the plugin could not be tried here"
    assert parse("c\tclass\torg/x/Y\tNoClassDefFoundError: org/x/Y\n", {}).missing.startswith("org.x.Y: ")
