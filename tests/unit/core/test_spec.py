from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode, UsageError
from orchestrator.spec import EnvironmentSpec, format_duration, parse_duration, parse_ttl
from orchestrator.spec_loading import load_spec


def refused(tmp_path: Path, text: str, **overrides: str) -> UsageError:
    file = tmp_path / "spec.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_spec(file, overrides=overrides)
    assert caught.value.exit_code == ExitCode.USAGE
    return caught.value


def test_defaults_are_a_working_environment() -> None:
    spec = EnvironmentSpec()
    assert spec.problems() == []
    assert spec.brokers.count == 3
    assert {"scram", "iam"} <= set(spec.auth)
    assert len(spec.topics) == 1
    assert len(spec.principals) == 2


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("# nothing yet\n")
    assert load_spec(file) == EnvironmentSpec()


def test_the_default_file_is_used_when_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_spec(None).name == "default"
    (tmp_path / "ephk.yaml").write_text("name: from-file\n")
    assert load_spec(None).name == "from-file"


def test_the_command_line_overrides_the_file(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("name: orders\nttl: 1h\n")
    spec = load_spec(file, overrides={"name": "pr-42", "ttl": "2h"})
    assert (spec.name, spec.ttl) == ("pr-42", timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "line", "field", "says"),
    [
        ("a: [1, 2\nb: 3\n", 2, "", "not YAML"),
        ("- a\n- b\n", 1, "", "must be a mapping of fields"),
        ("name: orders\ncolour: red\n", 2, "colour", "there is no such field"),
        ("brokers:\n  count: 3\n  sise: 3\n", 3, "brokers.sise", "storage_gb"),
        ("flavour: msc\n", 1, "flavour", "must be one of 'msk'"),
        ("flavour: automq-ec2\n", 1, "flavour", "cannot be provisioned by this version"),
        ("ttl: 0\n", 1, "ttl", "must be a duration"),
        ("ttl: 0h\n", 1, "ttl", "between 5m and 7d"),
        ("ttl: 365d\n", 1, "ttl", "between 5m and 7d"),
        ("ttl: a year\n", 1, "ttl", "must be a duration"),
        ("\nbrokers:\n  count: 4\n", 3, "brokers.count", "multiple of the 3 subnets"),
        ("brokers:\n  count: many\n", 2, "brokers.count", "integer"),
        ("name: Orders_1\n", 1, "name", "lower-case letters"),
        ("name: -orders\n", 1, "name", "beginning with a letter"),
        ("name: bfrz2299\n", 1, "name", "the form of a lease's id"),
        ("name: orders\nttl: 1h\nname: other\n", 3, "name", "there twice"),
        ("topics:\n- name: 'a b'\n", 2, "topics[0].name", "Kafka's rule"),
        ("topics:\n- name: ..\n", 2, "topics[0].name", "Kafka's rule"),
        ("topics:\n- name: a.b\n- name: a_b\n", 3, "topics[1].name", "collides with 'a.b'"),
        ("topics:\n- name: a\n- name: a\n", 3, "topics[1].name", "there twice"),
        (
            "topics:\n- name: a\n  replication_factor: 9\nprincipals: []\n",
            3,
            "topics[0].replication_factor",
            "exceed the 3",
        ),
        ("auth: [scram]\n", 1, "auth", "must include 'iam'"),
        (
            "topics: [{name: a}]\nprincipals:\n- name: p\n  grants:\n  - topic: b\n    allow: [produce]\n",
            5,
            "principals[0].grants[0].topic",
            "no topic 'b' is declared; topics: a",
        ),
        ("principals:\n- name: p\n  grants: []\n", 3, "principals[0].grants", "at least 1"),
        (
            "principals:\n- name: p\n  grants:\n  - allow: [produce]\n",
            4,
            "principals[0].grants[0].topic",
            "is required",
        ),
        (
            "principals:\n- name: p\n  grants:\n  - topic: events\n    allow: [consume]\n",
            4,
            "principals[0].grants[0]",
            "needs 'group'",
        ),
        (
            "auth: [iam]\nprincipals:\n- name: p\n  auth: scram\n  grants:\n  - {topic: events, allow: [produce]}\n",
            4,
            "principals[0].auth",
            "not among the environment's mechanisms",
        ),
    ],
)
def test_an_error_names_file_line_field_and_what_would_be_right(
    tmp_path: Path, text: str, line: int, field: str, says: str
) -> None:
    message = refused(tmp_path, text).message
    assert message.startswith(f"{tmp_path / 'spec.yaml'}:{line}: {field}")
    assert says in message


def test_every_error_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    error = refused(tmp_path, "flavour: x\nttl: 0\nname: X\n")
    assert [detail.split(":")[1] for detail in error.details] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "text",
    [
        "topics: &all [*all]\n",
        "brokers: &b {count: *b}\n",
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in pairwise("abcdefghi")),
    ],
)
def test_aliases_of_themselves_and_of_more_than_memory_holds_are_refused(tmp_path: Path, text: str) -> None:
    assert "with its aliases written out" in refused(tmp_path, text).message


def test_an_alias_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("topics:\n- {name: a, config: &c {retention.ms: 1}}\n- {name: b, config: *c}\n")
    assert [topic.config for topic in load_spec(file).topics] == [{"retention.ms": "1"}] * 2


def test_an_error_of_an_option_names_the_option(tmp_path: Path) -> None:
    assert refused(tmp_path, "name: orders\n", name="Not Good").message.startswith("--name: must be 1 to 32")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_spec(tmp_path / "absent.yaml")


def test_a_list_item_that_is_wrong_is_not_told_as_a_missing_item_too(tmp_path: Path) -> None:
    error = refused(tmp_path, "principals:\n- name: p\n  grants:\n  - {topic: 'a b', allow: [produce]}\n")
    assert error.details == ()


def test_without_principals_two_may_use_every_declared_topic(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("auth: [iam, mtls]\ntopics: [{name: a}, {name: b}]\n")
    producer, consumer = load_spec(file).principals
    assert [grant.topic for grant in producer.grants] == ["a", "b"]
    assert {grant.allow for grant in consumer.grants} == {("consume",)}
    assert producer.auth == "iam"


def test_kafka_configuration_values_are_text() -> None:
    spec = EnvironmentSpec.model_validate(
        {"brokers": {"config": {"auto.create.topics.enable": False, "num.partitions": 3}}}
    )
    assert spec.brokers.config == {"auto.create.topics.enable": "false", "num.partitions": "3"}


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5400), ("1d12h", 129600), ("300s", 300), ("1h30m", 5400)])
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert parse_duration(format_duration(parse_duration(text))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "4", "h", "4 h", "-1h", "1y", "1h1d", None, 4])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match=r"duration|between"):
        parse_ttl(text)
