"""The gateway in this process: requests are signed by botocore and handed over without a server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway.app import Gateway
from orchestrator.embedded.gateway.credentials import CredentialStore
from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse, lower_headers
from orchestrator.embedded.gateway.moto_state import MotoState
from orchestrator.embedded.gateway.service import Caller, TaggedResource

ACCOUNT = "123456789012"
PORT = 4566


class FakeKafka:
    """A backend that remembers its calls."""

    service = "kafka"

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], Caller]] = []
        self.tagged: list[TaggedResource] = []
        self.policies: dict[str, str] = {}

    def invoke(self, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        self.calls.append((operation, params, caller))
        if operation != "ListClusters":
            raise NotImplementedError(operation)
        return {"ClusterInfoList": [{"ClusterName": "orders"}]}

    def tagged_resources(self) -> list[TaggedResource]:
        return self.tagged

    def cluster_policy(self, arn: str) -> str | None:
        return self.policies.get(arn)

    def ca_pem(self, uuid: str) -> str:
        return {"known": "PEM"}[uuid]

    def close(self) -> None:
        self.calls.clear()


@dataclass
class Desk:
    """Makes signed requests."""

    gateway: Gateway
    store: CredentialStore
    context: CloudContext
    kafka: FakeKafka

    @property
    def administrator(self) -> Credentials:
        credential = self.store.administrator
        return Credentials(credential.access_key_id, credential.secret)

    def send(
        self,
        service: str,
        method: str = "GET",
        path: str = "/",
        *,
        body: bytes | dict[str, Any] = b"",
        headers: dict[str, str] | None = None,
        credentials: Credentials | None = None,
        secure: bool = True,
        sign: bool = True,
        trailer: bool = False,
        sent_path: str = "",
    ) -> HttpResponse:
        url = f"{'https' if secure else 'http'}://127.0.0.1:{PORT}{path}"
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        request = AWSRequest(method=method, url=url, data=data, headers=headers or {})
        if trailer:
            request.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
        if sign:
            signer = S3SigV4Auth if service == "s3" else SigV4Auth
            signer(credentials or self.administrator, service, "us-east-1").add_auth(request)
        sent = lower_headers((n, str(v)) for n, v in request.headers.items())
        sent.setdefault("host", f"127.0.0.1:{PORT}")
        raw_path, _, query = (sent_path or path).partition("?")
        return self.gateway(HttpRequest(method, raw_path, query, sent, data, secure))

    def form(self, service: str, credentials: Credentials | None = None, **fields: str) -> HttpResponse:
        from urllib.parse import urlencode

        kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        return self.send(service, "POST", body=urlencode(fields).encode(), headers=kind, credentials=credentials)

    def target(
        self, service: str, target: str, body: dict[str, Any], credentials: Credentials | None = None
    ) -> HttpResponse:
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
        return self.send(service, "POST", body=body, headers=headers, credentials=credentials)

    def role(
        self, name: str, policy: dict[str, Any], *, trust: dict[str, Any] | None = None, boundary: str = ""
    ) -> str:
        document = trust or allow("sts:AssumeRole", None, Principal={"AWS": ACCOUNT})
        more = {"PermissionsBoundary": boundary} if boundary else {}
        made = self.form(
            "iam", Action="CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(document), **more
        )
        assert made.status == 200, made.body
        put = self.form("iam", Action="PutRolePolicy", RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        assert put.status == 200, put.body
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"

    def assume(self, arn: str, **more: str) -> Credentials:
        answer = self.form("sts", Action="AssumeRole", RoleArn=arn, RoleSessionName="me", **more)
        assert answer.status == 200, answer.body
        import xmltodict

        found = xmltodict.parse(answer.body)["AssumeRoleResponse"]["AssumeRoleResult"]["Credentials"]
        return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])

    def bucket(self) -> str:
        name = f"bucket-{uuid4().hex[:12]}"
        assert self.send("s3", "PUT", f"/{name}").status == 200
        assert self.send("s3", "PUT", f"/{name}/key", body=b"value").status == 200
        return name


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    """Return a policy of one statement."""
    statement = {"Effect": "Allow", "Action": action, **({"Resource": resource} if resource else {}), **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    moto = MotoState(ACCOUNT, "us-east-1")
    store = CredentialStore(moto)
    directory: Path = tmp_path_factory.mktemp("cloud")
    context = CloudContext("us-east-1", ACCOUNT, directory, "http://127.0.0.1:1/x", "authority-token", moto=moto)
    kafka = FakeKafka()
    gateway = Gateway(context, store, backends={"kafka": kafka})
    gateway.listen_on(PORT)
    yield Desk(gateway, store, context, kafka)
    gateway.backends.close()


@pytest.fixture
def unique() -> Callable[[str], str]:
    return lambda prefix: f"{prefix}-{uuid4().hex[:10]}"
