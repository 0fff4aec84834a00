"""The engine's calls, on a type of the test's own."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2, status_pb2

from orchestrator.embedded.provider import catalogue
from orchestrator.embedded.provider.call import Call, ResourceError
from orchestrator.embedded.provider.codec import decode, encode
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values
from orchestrator.embedded.provider.servicer import ProviderServicer, type_of
from tests.unit.provider.provider_fakes import AbortedError, Context, FakeClients

TOKEN = "aws:x/thing:Thing"
URN = f"urn:pulumi:stack::project::ephk:stacks:Parent${TOKEN}::thing"


class Cloud:
    """Keeps one thing."""

    def __init__(self) -> None:
        self.thing: Values | None = None
        self.fail_after_creation = False

    def create(self, call: Call, news: Values) -> str:
        if news["name"] == "taken":
            raise ResourceError("the name is taken")
        self.thing = dict(news)
        call.created("thing-1")
        if self.fail_after_creation:
            raise ResourceError("it exists and does not work")
        return "thing-1"

    def read(self, call: Call, resource_id: str, state: Values) -> Values | None:
        return None if self.thing is None else {**self.thing, "arn": "arn:thing"}

    def update(self, call: Call, resource_id: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
        self.thing = dict(news)
        self.changed = changed

    def delete(self, call: Call, resource_id: str, state: Values) -> None:
        self.thing = None


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def servicer(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> ProviderServicer:
    thing = ResourceType(
        TOKEN,
        (
            Field("name", required=True, replace=True),
            Field("size"),
            Field("password", secret=True),
            Field("window", local=True),
            TAGS,
        ),
        cloud.create,
        cloud.read,
        cloud.delete,
        cloud.update,
    )
    monkeypatch.setattr(catalogue, "find", lambda token: thing if token == TOKEN else None)
    return ProviderServicer("7.0.0", FakeClients())


def create(servicer: ProviderServicer, secrets: frozenset[str] = frozenset(), **values: Any) -> Any:
    return servicer.Create(provider_pb2.CreateRequest(urn=URN, properties=encode(values, secrets)), Context())


def test_the_type_is_the_last_of_the_urn() -> None:
    assert type_of(URN) == TOKEN


def test_check_refuses_an_unknown_type(servicer: ProviderServicer) -> None:
    urn = "urn:pulumi:s::p::aws:sqs/queue:Queue::q"
    answer = servicer.Check(provider_pb2.CheckRequest(urn=urn), Context())
    assert "aws:sqs/queue:Queue" in answer.failures[0].reason


def test_check_refuses_an_unknown_property(servicer: ProviderServicer) -> None:
    request = provider_pb2.CheckRequest(urn=URN, news=encode({"name": "n", "colour": "red"}))
    answer = servicer.Check(request, Context())
    assert [failure.property for failure in answer.failures] == ["colour"]


def test_check_keeps_secrets_secret(servicer: ProviderServicer) -> None:
    news = encode({"name": "n", "password": "p", "size": "s"}, frozenset({"size"}))
    answer = servicer.Check(provider_pb2.CheckRequest(urn=URN, news=news), Context())
    assert not answer.failures
    assert decode(answer.inputs).secrets == {"password", "size"}


def test_provider_settings_that_are_not_implemented_are_refused(servicer: ProviderServicer) -> None:
    request = provider_pb2.CheckRequest(news=encode({"region": "us-east-1", "accessKey": "x"}))
    assert [failure.property for failure in servicer.CheckConfig(request, Context()).failures] == ["accessKey"]


def test_functions_are_refused(servicer: ProviderServicer) -> None:
    with pytest.raises(AbortedError, match="aws:index/getRegion"):
        servicer.Invoke(provider_pb2.InvokeRequest(tok="aws:index/getRegion:getRegion"), Context())


@pytest.mark.parametrize(
    ("news", "replaces", "diffs"),
    [
        ({"name": "n", "size": "s"}, [], []),
        ({"name": "n", "size": "l"}, [], ["size"]),
        ({"name": "m", "size": "s"}, ["name"], ["name"]),
    ],
)
def test_diff_says_update_or_replace(
    servicer: ProviderServicer, news: Values, replaces: list[str], diffs: list[str]
) -> None:
    olds = encode({"name": "n", "size": "s"})
    request = provider_pb2.DiffRequest(urn=URN, id="thing-1", old_inputs=olds, news=encode(news))
    answer = servicer.Diff(request, Context())
    assert list(answer.replaces) == replaces
    assert list(answer.diffs) == diffs
    assert sorted(answer.detailedDiff) == diffs
    expected = provider_pb2.DiffResponse.DIFF_SOME if diffs else provider_pb2.DiffResponse.DIFF_NONE
    assert answer.changes == expected


def test_diff_leaves_out_what_the_program_ignores(servicer: ProviderServicer) -> None:
    request = provider_pb2.DiffRequest(
        urn=URN, old_inputs=encode({"name": "n"}), news=encode({"name": "n", "size": "l"}), ignoreChanges=["size"]
    )
    assert servicer.Diff(request, Context()).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_create_answers_with_inputs_and_outputs(servicer: ProviderServicer) -> None:
    answer = create(servicer, name="n", tags={"k": "v"}, window=7)
    assert answer.id == "thing-1"
    expected = {"name": "n", "tags": {"k": "v"}, "tagsAll": {"k": "v"}, "window": 7, "arn": "arn:thing"}
    assert decode(answer.properties).values == expected


def test_create_keeps_secrets_secret_in_the_state(servicer: ProviderServicer) -> None:
    answer = create(servicer, frozenset({"size"}), name="n", size="s", password="p")
    assert decode(answer.properties).secrets == {"size", "password"}


def test_a_creation_that_made_nothing_fails_plainly(servicer: ProviderServicer) -> None:
    with pytest.raises(AbortedError) as aborted:
        create(servicer, name="taken")
    assert aborted.value.details == "the name is taken"
    assert aborted.value.status is None


def test_a_creation_that_failed_half_way_leaves_the_id_in_the_state(servicer: ProviderServicer, cloud: Cloud) -> None:
    cloud.fail_after_creation = True
    with pytest.raises(AbortedError) as aborted:
        create(servicer, name="n", password="p")
    ((key, serialised),) = aborted.value.status.trailing_metadata
    assert key == "grpc-status-details-bin"
    detail = provider_pb2.ErrorResourceInitFailed()
    status_pb2.Status.FromString(serialised).details[0].Unpack(detail)
    assert detail.id == "thing-1"
    assert list(detail.reasons) == ["it exists and does not work"]
    assert decode(detail.properties).values["name"] == "n"
    assert decode(detail.properties).secrets == {"password"}


def read(servicer: ProviderServicer, inputs: Values, state: Values) -> Any:
    request = provider_pb2.ReadRequest(urn=URN, id="thing-1", inputs=encode(inputs), properties=encode(state))
    return servicer.Read(request, Context())


def test_read_finds_drift(servicer: ProviderServicer, cloud: Cloud) -> None:
    cloud.thing = {"name": "n", "size": "large"}
    answer = read(servicer, {"name": "n", "size": "small", "window": 7}, {"name": "n", "size": "small", "window": 7})
    assert decode(answer.inputs).values == {"name": "n", "size": "large", "window": 7}
    assert decode(answer.properties).values["size"] == "large"


def test_read_says_that_a_resource_is_gone(servicer: ProviderServicer) -> None:
    assert read(servicer, {"name": "n"}, {"name": "n"}).id == ""


def test_update_is_told_what_changed(servicer: ProviderServicer, cloud: Cloud) -> None:
    request = provider_pb2.UpdateRequest(
        urn=URN,
        id="thing-1",
        olds=encode({"name": "n", "size": "s", "arn": "a"}),
        old_inputs=encode({"name": "n", "size": "s"}),
        news=encode({"name": "n", "size": "l", "tags": {"k": "v"}}),
    )
    answer = servicer.Update(request, Context())
    assert cloud.changed == {"size", "tags"}
    assert decode(answer.properties).values["size"] == "l"


def test_delete_removes(servicer: ProviderServicer, cloud: Cloud) -> None:
    create(servicer, name="n")
    servicer.Delete(provider_pb2.DeleteRequest(urn=URN, id="thing-1"), Context())
    assert cloud.thing is None


def test_an_unknown_type_in_the_state_is_refused_by_name(servicer: ProviderServicer) -> None:
    request = provider_pb2.DeleteRequest(urn="urn:pulumi:s::p::aws:sqs/queue:Queue::q", id="q")
    with pytest.raises(AbortedError, match="aws:sqs/queue:Queue"):
        servicer.Delete(request, Context())


def test_the_version_is_the_sdks(servicer: ProviderServicer) -> None:
    assert servicer.GetPluginInfo(None, Context()).version == "7.0.0"
