from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
from botocore.credentials import CredentialProvider, Credentials

from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse
from tests.unit.gateway.conftest import ACCOUNT, Desk, allow

CLUSTER = f"arn:aws:kafka:us-east-1:{ACCOUNT}:cluster/orders/5f1e-2"
PREFIX = f"arn:aws:kafka:us-east-1:{ACCOUNT}"


class _Given(CredentialProvider):  # type: ignore[misc]
    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


def token_of(credentials: Credentials, region: str = "us-east-1") -> str:
    text, _ = MSKAuthTokenProvider.generate_auth_token_from_credentials_provider(region, _Given(credentials))
    return str(text)


def ask(desk: Desk, endpoint: str, document: Any, *, token: str = "authority-token") -> HttpResponse:  # noqa: S107
    headers = {"host": "127.0.0.1:4566", "x-ephk-authority-token": token}
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return desk.gateway(HttpRequest("POST", f"/_ephk/authority/{endpoint}", "", headers, body, secure=False))


def may(desk: Desk, arn: str, *requests: tuple[str, str, str]) -> list[bool]:
    asked = [
        {"operation": o, "resource_type": t, "resource_name": n, "pattern_type": "LITERAL"} for o, t, n in requests
    ]
    answer = ask(desk, "authorize", {"cluster_arn": CLUSTER, "principal_arn": arn, "requests": asked})
    assert answer.status == 200
    return list(json.loads(answer.body)["allowed"])


def session_of(desk: Desk, name: str, *statements: tuple[list[str], list[str]]) -> tuple[str, Credentials]:
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": a, "Resource": r} for a, r in statements],
    }
    credentials = desk.assume(desk.role(name, policy))
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/me", credentials


def test_a_genuine_token(desk: Desk, unique: Callable[[str], str]) -> None:
    arn, credentials = session_of(desk, unique("client"), (["kafka-cluster:*"], ["*"]))
    answer = ask(desk, "authenticate", {"cluster_arn": CLUSTER, "token": token_of(credentials)})
    found = json.loads(answer.body)
    assert (answer.status, found["principal_arn"]) == (200, arn)
    left = datetime.fromtimestamp(found["expires_at_ms"] / 1000, UTC) - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)


def _swap(token: str, old: str, new: str) -> str:
    url = base64.urlsafe_b64decode(token + "==").decode()
    assert old in url
    return base64.urlsafe_b64encode(url.replace(old, new).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: _swap(t, "X-Amz-Expires=900", "X-Amz-Expires=9000"),
        lambda t: _swap(t, "kafka-cluster%3AConnect", "kafka-cluster%3AOther"),
        lambda t: _swap(t, "kafka.us-east-1.", "kafka.eu-west-1."),
        lambda t: _swap(t, "https://", "http://"),
        lambda t: t[: len(t) // 2],
        lambda t: "!!!",
        lambda t: "",
        lambda t: "A" * 20_000,
    ],
)
def test_a_token_that_was_changed(desk: Desk, unique: Callable[[str], str], spoil: Callable[[str], str]) -> None:
    _, credentials = session_of(desk, unique("changed"), (["kafka-cluster:Connect"], ["*"]))
    token = token_of(credentials)
    assert ask(desk, "authenticate", {"cluster_arn": CLUSTER, "token": token}).status == 200
    assert ask(desk, "authenticate", {"cluster_arn": CLUSTER, "token": spoil(token)}).status == 403


@pytest.mark.parametrize(
    "statement",
    [
        (["kafka-cluster:*Topic*", "kafka:*"], ["*"]),
        (["kafka-cluster:Connect"], [CLUSTER.replace("5f1e-2", "77aa-3")]),
    ],
)
def test_who_may_not_connect_is_refused_before_any_request(
    desk: Desk, unique: Callable[[str], str], statement: tuple[list[str], list[str]]
) -> None:
    _, credentials = session_of(desk, unique("stranger"), statement)
    answer = ask(desk, "authenticate", {"cluster_arn": CLUSTER, "token": token_of(credentials)})
    assert answer.status == 403
    assert "is not authorized to perform: kafka-cluster:Connect" in json.loads(answer.body)["reason"]


def test_the_administrators_key_is_no_way_in(desk: Desk) -> None:
    answer = ask(desk, "authenticate", {"cluster_arn": CLUSTER, "token": token_of(desk.administrator)})
    assert answer.status == 403


def test_a_token_of_another_secret_or_region(desk: Desk) -> None:
    wrong = Credentials(desk.store.administrator.access_key_id, "wrong")
    for token in (
        token_of(wrong),
        token_of(desk.administrator, "eu-west-1"),
        token_of(Credentials("AKIAUNKNOWN", "x")),
    ):
        assert ask(desk, "authenticate", {"cluster_arn": CLUSTER, "token": token}).status == 403


def test_the_caller_must_be_a_broker(desk: Desk) -> None:
    assert ask(desk, "authenticate", {}, token="guess").status == 403
    assert ask(desk, "authorize", {}, token="").status == 403


@pytest.mark.parametrize("document", [b"{", b"[]", b"{}", {"cluster_arn": 1, "principal_arn": 2, "requests": [3]}])
def test_a_malformed_question_is_not_an_allow(desk: Desk, document: Any) -> None:
    answer = ask(desk, "authorize", document)
    assert answer.status == 400 or json.loads(answer.body)["allowed"] == [False]


def test_actions_on_resources(desk: Desk, unique: Callable[[str], str]) -> None:
    arn, _ = session_of(
        desk,
        unique("producer"),
        (["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"], [CLUSTER]),
        (["kafka-cluster:WriteData", "kafka-cluster:DescribeTopic"], [f"{PREFIX}:topic/orders/5f1e-2/orders.*"]),
        (["kafka-cluster:AlterGroup"], [f"{PREFIX}:group/orders/*/billing"]),
    )
    assert (
        may(
            desk,
            arn,
            ("WRITE", "TOPIC", "orders.v1"),
            ("DESCRIBE", "TOPIC", "orders.v1"),
            ("IDEMPOTENT_WRITE", "CLUSTER", "kafka-cluster"),
            ("READ", "GROUP", "billing"),
        )
        == [True] * 4
    )
    assert (
        may(
            desk,
            arn,
            ("READ", "TOPIC", "orders.v1"),
            ("WRITE", "TOPIC", "payments"),
            ("CREATE", "TOPIC", "orders.v2"),
            ("CREATE", "CLUSTER", "kafka-cluster"),
            ("READ", "GROUP", "other"),
            ("DESCRIBE", "GROUP", "billing"),
            ("WRITE", "TRANSACTIONAL_ID", "orders"),
            ("CLUSTER_ACTION", "CLUSTER", "kafka-cluster"),
            ("ALTER", "CLUSTER", "kafka-cluster"),
            ("NONSENSE", "TOPIC", "orders.v1"),
        )
        == [False] * 10
    )


def test_nothing_without_connect(desk: Desk, unique: Callable[[str], str]) -> None:
    arn, _ = session_of(desk, unique("disconnected"), (["kafka-cluster:*Topic*", "kafka-cluster:ReadData"], ["*"]))
    assert may(desk, arn, ("READ", "TOPIC", "orders"), ("DESCRIBE", "TOPIC", "orders")) == [False, False]


def test_the_control_planes_actions_do_not_open_the_data_plane(desk: Desk, unique: Callable[[str], str]) -> None:
    arn, _ = session_of(desk, unique("planner"), (["kafka:*"], ["*"]))
    assert may(desk, arn, ("READ", "TOPIC", "orders")) == [False]


def test_another_cluster_is_another_resource(desk: Desk, unique: Callable[[str], str]) -> None:
    other = CLUSTER.replace("5f1e-2", "77aa-3")
    arn, _ = session_of(desk, unique("elsewhere"), (["kafka-cluster:*"], [other, f"{PREFIX}:topic/orders/77aa-3/*"]))
    assert may(desk, arn, ("READ", "TOPIC", "orders")) == [False]


def test_nobody_special_gets_in(desk: Desk) -> None:
    for arn in (
        desk.store.administrator.caller.arn,
        f"arn:aws:iam::{ACCOUNT}:root",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/none/me",
        "User:admin",
        "",
    ):
        assert may(desk, arn, ("READ", "TOPIC", "orders")) == [False]


def test_a_role_that_is_deleted_loses_access(desk: Desk, unique: Callable[[str], str]) -> None:
    name = unique("gone")
    arn, _ = session_of(desk, name, (["kafka-cluster:*"], ["*"]))
    assert may(desk, arn, ("READ", "TOPIC", "orders")) == [True]
    desk.form("iam", Action="DeleteRolePolicy", RoleName=name, PolicyName="p")
    desk.form("iam", Action="DeleteRole", RoleName=name)
    assert may(desk, arn, ("READ", "TOPIC", "orders")) == [False]


def test_documented_actions_are_allowed_by_allow_all(desk: Desk, unique: Callable[[str], str]) -> None:
    from orchestrator.embedded.gateway.authority import _ACTIONS

    arn, _ = session_of(desk, unique("operator"), (["kafka-cluster:*"], [f"{PREFIX}:*/orders/5f1e-2*"]))
    for kind, operation in _ACTIONS:
        assert may(desk, arn, (operation, kind, "thing")) == [True], (kind, operation)


def test_another_session_of_the_same_name_lends_nothing(desk: Desk, unique: Callable[[str], str]) -> None:
    """Brokers know a session by its ARN, which names of the same role share: the narrowest that lives counts."""
    arn, _ = session_of(desk, name := unique("shared"), (["kafka-cluster:*"], ["*"]))
    asked = (("READ", "TOPIC", "orders"), ("WRITE", "TOPIC", "orders"))
    assert may(desk, arn, *asked) == [True, True]
    role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    narrow = allow(["kafka-cluster:Connect", "kafka-cluster:ReadData"])
    desk.assume(role, Policy=json.dumps(narrow))
    assert may(desk, arn, *asked) == [True, False]
    desk.assume(role)
    assert may(desk, arn, *asked) == [True, False]


def test_a_deny_by_tag_holds_at_the_brokers(desk: Desk, unique: Callable[[str], str]) -> None:
    name = unique("tagged")
    arn, _ = session_of(desk, name, (["kafka-cluster:*"], ["*"]))
    deny = allow("kafka-cluster:ReadData", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}})
    deny["Statement"][0]["Effect"] = "Deny"
    desk.form("iam", Action="PutRolePolicy", RoleName=name, PolicyName="q", PolicyDocument=json.dumps(deny))
    assert may(desk, arn, ("READ", "TOPIC", "orders")) == [True]
    desk.form("iam", Action="TagRole", RoleName=name, **{"Tags.member.1.Key": "team", "Tags.member.1.Value": "blue"})
    assert may(desk, arn, ("READ", "TOPIC", "orders")) == [False]


def test_a_deny_by_the_clusters_tag_holds_at_the_brokers(desk: Desk, unique: Callable[[str], str]) -> None:
    arn, _ = session_of(desk, name := unique("client"), (["kafka-cluster:*"], ["*"]))
    tagged = {"StringEquals": {"aws:ResourceTag/stage": "production"}}
    deny = allow(["kafka-cluster:ReadData", "kafka-cluster:AlterGroup"], Condition=tagged)
    deny["Statement"][0]["Effect"] = "Deny"
    desk.form("iam", Action="PutRolePolicy", RoleName=name, PolicyName="q", PolicyDocument=json.dumps(deny))
    assert may(desk, arn, ("READ", "TOPIC", "orders")) == [True]
    desk.send("kafka", "GET", "/v1/clusters")  # the service is there from its first use on
    desk.kafka.tagged.append({"arn": CLUSTER, "tags": {"stage": "production"}})
    try:
        for name in ("orders", "a:b", "a:cluster/c/d/e", "a/b/c/d"):
            assert may(desk, arn, ("READ", "TOPIC", "orders"), ("READ", "GROUP", name)) == [False, False]
    finally:
        desk.kafka.tagged.clear()


@pytest.mark.parametrize("name", ["*", "billing*", "?illing", "${aws:username}", "x*billing"])
def test_a_name_is_no_pattern(desk: Desk, unique: Callable[[str], str], name: str) -> None:
    group = f"{PREFIX}:group/orders/5f1e-2/billing"
    arn, _ = session_of(
        desk, unique("client"), (["kafka-cluster:Connect", "kafka-cluster:AlterGroup"], [CLUSTER, group])
    )
    assert may(desk, arn, ("READ", "GROUP", name), ("READ", "GROUP", "billing")) == [False, True]


@pytest.fixture
def clusters(desk: Desk) -> Iterator[dict[str, str]]:
    desk.send("kafka", "GET", "/v1/clusters")  # the service is there from its first use on
    yield desk.kafka.policies
    desk.kafka.policies.clear()


def test_the_clusters_own_policy_counts(desk: Desk, unique: Callable[[str], str], clusters: dict[str, str]) -> None:
    arn, _ = session_of(desk, name := unique("client"), (["kafka-cluster:Connect", "kafka-cluster:ReadData"], ["*"]))
    asked = (("READ", "TOPIC", "orders"), ("WRITE", "TOPIC", "orders"))
    role = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/{name}"}
    topic = f"{PREFIX}:topic/orders/5f1e-2/orders"
    clusters[CLUSTER] = json.dumps(allow("kafka-cluster:WriteData", topic, Principal=role))
    assert may(desk, arn, *asked) == [True, True]
    deny = allow("kafka-cluster:*", f"{PREFIX}:topic/orders/5f1e-2/*", Principal="*")
    deny["Statement"][0]["Effect"] = "Deny"
    clusters[CLUSTER] = json.dumps(deny)
    assert may(desk, arn, *asked) == [False, False]
    clusters[CLUSTER] = "{}"  # nobody can evaluate it, so nobody gets in
    assert may(desk, arn, *asked) == [False, False]


def test_the_clusters_own_policy_counts_for_its_control_plane(
    desk: Desk, unique: Callable[[str], str], clusters: dict[str, str]
) -> None:
    credentials = desk.assume(desk.role(unique("admin"), allow("kafka:*")))
    path = f"/v1/clusters/{quote(CLUSTER, safe='')}"
    assert desk.send("kafka", "DELETE", path, credentials=credentials).status == 501  # the fake knows it not
    deny = allow("kafka:DeleteCluster", CLUSTER, Principal="*")
    deny["Statement"][0]["Effect"] = "Deny"
    clusters[CLUSTER] = json.dumps(deny)
    refused = desk.send("kafka", "DELETE", path, credentials=credentials)
    assert (refused.status, b"explicit deny in a resource-based policy" in refused.body) == (403, True)
