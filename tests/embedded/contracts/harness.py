"""A small environment for the contracts' own tests: real brokers, and AWS as moto has it, all in this process.

The gateway is not needed here: what only it enforces (a bucket's TLS-only policy) is tested with the whole product.
"""

from __future__ import annotations

import base64
import json
import logging
import secrets
import shutil
import tempfile
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from confluent_kafka.admin import AdminClient
from moto.backends import get_backend
from moto.server import ThreadedMotoServer

from contracts.access import Access
from contracts.model import Watch
from orchestrator.aws import AwsSession, Credentials
from orchestrator.embedded.brokers import BrokerCluster, BrokerClusterConfig
from orchestrator.embedded.runtime import ensure_kafka_runtime
from orchestrator.environment import (
    CloudEndpoint,
    Environment,
)
from orchestrator.kafka_admin import KafkaAdmin
from orchestrator.progress import ConsoleProgress
from tests.embedded.contracts.harness_resources import (
    ACCOUNT,
    BUCKET,
    LEASE,
    REGION,
    build_environment,
    make_authority,
    put_bucket_settings,
)

logging.getLogger("werkzeug").setLevel(logging.ERROR)

#: What the IAM client role may do: (operation, resource type, name).
CLIENT_MAY = {("DESCRIBE", "TOPIC", "orders"), ("WRITE", "TOPIC", "orders")}


def caller_of(token: str) -> str | None:
    """Return the role session behind a token by its access key; the signature is the gateway's business."""
    url = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    key = parse_qs(urlsplit(url).query)["X-Amz-Credential"][0].split("/")[0]
    for role in get_backend("sts")[ACCOUNT]["aws"].assumed_roles:
        if role.access_key_id == key:
            return str(role.arn)
    return None


class _Authority(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = 200, {}
        if self.path.endswith("/authenticate"):
            arn = caller_of(body["token"])
            if arn is None:
                status, answer = 403, {"reason": "unknown access key"}
            else:
                expires = datetime.now(UTC) + timedelta(minutes=15)
                answer = {"principal_arn": arn, "expires_at_ms": int(expires.timestamp() * 1000)}
        else:
            answer = {"allowed": [_may(body["principal_arn"], r) for r in body["requests"]]}
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        pass


def _may(arn: str, request: dict[str, str]) -> bool:
    if "operator" in arn:
        return True
    return (request["operation"], request["resource_type"], request["resource_name"]) in CLIENT_MAY


@dataclass
class Harness:
    """The running things and the environment that they are."""

    environment: Environment
    session: AwsSession
    brokers: BrokerCluster
    admin: AdminClient

    def access(self, environment: Environment | None = None) -> Access:
        return Access(environment or self.environment, self.session)

    def restore_bucket_settings(self) -> None:
        """Put back what a test changed."""
        put_bucket_settings(self.session.client("s3"), BUCKET)


class Machinery:
    """Starts and stops the parts in order."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="ephk-contracts-"))
        self.moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.authority = ThreadingHTTPServer(("127.0.0.1", 0), _Authority)
        self.brokers: BrokerCluster | None = None
        self.access: Access | None = None
        self.harness: Harness | None = None

    def start(self, count: int) -> Harness:
        self.moto.start()
        host, port = self.moto.get_host_and_port()
        threading.Thread(target=self.authority.serve_forever, daemon=True).start()
        url = f"http://{host}:{port}"
        endpoint = CloudEndpoint(region=REGION, account_id=ACCOUNT, endpoint_url=url, http_endpoint_url=url)
        session = AwsSession(endpoint, Credentials("test", "test"))
        authority_arn, client_ca = make_authority(session)
        self.brokers = BrokerCluster(
            BrokerClusterConfig(
                cluster_uuid="00000000-test",
                cluster_arn=f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/{LEASE}/00000000-test-1",
                region=REGION,
                directory=self.directory / "cluster",
                brokers=count,
                zones=("a", "b", "c"),
                scram=True,
                iam=True,
                client_ca_pem=client_ca,
                server_properties={},
                authority_url=f"http://127.0.0.1:{self.authority.server_address[1]}/_ephk/authority",
                authority_token=secrets.token_hex(8),
            ),
            ensure_kafka_runtime(ConsoleProgress()),
        )
        self.brokers.start()
        environment = build_environment(session, self.brokers, authority_arn, endpoint)
        access = self.access = Access(environment, session)
        KafkaAdmin(access).create(environment.topics, environment.principals)
        admin = AdminClient(access.librdkafka(access.operator, Watch(60)))
        admin.poll(0)  # the token comes through a callback
        self.harness = Harness(environment, session, self.brokers, admin)
        return self.harness

    def stop(self) -> None:
        if self.harness is not None:
            with self.harness.admin:  # ends it, before its brokers do
                pass
        if self.access is not None:
            self.access.close()
        if self.brokers is not None:
            self.brokers.stop()
        self.authority.shutdown()
        self.authority.server_close()
        self.moto.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
