"""What a connector's role must not do: write elsewhere, read or write another topic."""

from __future__ import annotations

import contextlib
import time
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError
from confluent_kafka import KafkaError

from contracts import probe_topic
from contracts.access import Access
from contracts.authorization import ask, judge_refused
from contracts.connect_access import SINK_CLASS, connectors, of_class, rest, undisturbed
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from orchestrator.connect_rest import ConnectRest, ConnectRestError, first_cause
from orchestrator.environment import Connector, Principal

_POLL_S = 0.1
_AUTHORIZATION = "TopicAuthorizationException"


def judge_elsewhere(answers: Mapping[str, str]) -> Outcome:
    """Judge the error codes that writing elsewhere got, by place; an empty one means that it was written."""
    evidence = {"answers": dict(answers)}
    for place, code in answers.items():
        if not code:
            return Failed(f"{place} took the object", evidence)
        if code != "AccessDenied":
            raise ProbeError(f"{place} answered {code}, which does not refuse the identity", evidence)
    return Verified(evidence)


@contract(
    "connect.bucket.denied-elsewhere",
    title="A connector writes to its own place only",
    risk="A connector that is taken over, or only misconfigured, overwrites other teams' data",
    statement="No connector's role can put an object outside of its prefix, or into another bucket of the account",
    remediation="Name bucket and prefix in the role's policy instead of *",
    documentation="Amazon MSK Developer Guide, Understand service execution role",
    needs=("connect", "bucket"),
)
def elsewhere(access: Access, watch: Watch) -> Outcome:
    """Try, as each connector's role, outside of its prefix and in a bucket that exists for the moment."""
    bucket = access.environment.bucket
    if bucket is None:
        raise ProbeError("the environment has no bucket")
    key = f"ephk-probe-{uuid.uuid4().hex}"
    answers: dict[str, str] = {}
    with access.topic_lock("resources of probes"), _another_bucket(access, watch) as other:
        for connector in connectors(access.environment):
            s3 = access.credentials.role(connector.role_arn, watch).client("s3")
            for place, name in ((f"{bucket.name}/", bucket.name), (f"{other}/", other)):
                watch.waiting(f"{place} to refuse {connector.name}")
                try:
                    s3.put_object(Bucket=name, Key=key, Body=b"ephk-probe")
                    code = ""
                    access.client("s3").delete_object(Bucket=name, Key=key)
                except ClientError as error:
                    code = error.response["Error"]["Code"]
                answers[f"{place} to {connector.name}"] = code
    return judge_elsewhere(answers)


@contextlib.contextmanager
def _another_bucket(access: Access, watch: Watch) -> Iterator[str]:
    """Make a bucket of the lease's own, and remove it: one that does not exist would be no proof."""
    environment, s3 = access.environment, access.client("s3")
    name = f"ephk-{environment.lease_id}-probe-{uuid.uuid4().hex[:8]}"
    region = environment.cloud.region
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    watch.waiting(f"bucket {name}")
    s3.create_bucket(Bucket=name, **where)
    try:
        yield name
    finally:
        s3.delete_bucket(Bucket=name)


def as_principal(connector: Connector) -> Principal:
    """Return a connector's role as a principal of the IAM listener."""
    return Principal(
        name=f"connector {connector.name}",
        auth="iam",
        kafka_principal=f"User:{connector.role_arn}",
        role_arn=connector.role_arn,
    )


@contract(
    "connect.acl.deny",
    title="A connector reads and writes its own topics only",
    risk="A sink ships another team's records away, a source writes over them",
    statement="Brokers refuse each connector's role what it was not granted; a connector on such a topic fails for it",
    remediation="Name the topics in the role's policy instead of *",
    documentation="Amazon MSK Developer Guide, Understand service execution role; IAM access control",
    needs=("connect", "operator", "listener.iam"),
)
def topics_denied(access: Access, watch: Watch) -> Outcome:
    """Ask every broker as each role, then let a real connector try where that can be done by REST."""
    secret = probe_topic.ensure(access, watch)
    declared = [topic.name for topic in access.environment.topics]
    codes: dict[tuple[str, str, str], int] = {}
    for connector in connectors(access.environment):
        for action, granted in (("consume", connector.consumes), ("produce", connector.produces)):
            refused = [name for name in (*declared, secret) if name not in granted]
            found = ask(access, as_principal(connector), action, refused, watch)
            codes |= {(f"{who} to {connector.name}", kind, name): code for (who, kind, name), code in found.items()}
    outcome = judge_refused(codes)
    if not isinstance(outcome, Verified):
        return outcome
    evidence: dict[str, Any] = {"refusals": len(codes), "error": KafkaError(29).name()}
    sinks = [connector for connector in of_class(access.environment, SINK_CLASS) if connector.rest is not None]
    if not sinks:
        return Verified({**evidence, "connector": "not tried: there is no REST interface with a canary sink"})
    with undisturbed(access, watch):
        trace = _trace_of_a_denied_sink(access, sinks[0], secret, watch)
    return judge_failed_connector(trace, evidence)


def judge_failed_connector(trace: str, evidence: Mapping[str, Any]) -> Outcome:
    """Judge how a connector on a topic that it was not granted failed; an empty trace means that it runs."""
    cause = first_cause(trace)
    seen = {**evidence, "connector": cause}
    if not trace:
        return Failed("a connector runs on a topic that its role was not granted", seen)
    if _AUTHORIZATION not in cause:
        raise ProbeError(f"the connector failed for another reason: {cause}", seen)
    return Verified(seen)


def _trace_of_a_denied_sink(access: Access, sink: Connector, topic: str, watch: Watch) -> str:
    """Run a second sink beside a canary sink for a moment; returns its task's trace."""
    name = f"{sink.full_name}-denied-{uuid.uuid4().hex[:6]}"
    path = f"/connectors/{urllib.parse.quote(name, safe='')}"
    client = rest(access, sink, watch)
    configuration = {**sink.config, "topics": topic, "tasks.max": "1", "name": name}
    watch.waiting(f"a connector on {topic} to fail")
    _patiently(client, watch, "PUT", f"{path}/config", configuration)
    try:
        while watch.remaining() > 2.0:
            status, answer = client.request("GET", f"{path}/status")
            for task in answer["tasks"] if status == 200 else ():
                if task["state"] == "FAILED":
                    return str(task.get("trace") or "no trace")
            time.sleep(_POLL_S)
        return ""
    finally:
        _patiently(client, Watch(10), "DELETE", path)


def _patiently(client: ConnectRest, watch: Watch, method: str, path: str, document: Any = None) -> None:
    """Send a request again while the workers share out their tasks."""
    while True:
        try:
            client.call(method, path, document)
        except ConnectRestError as error:
            if error.status != 409 or watch.remaining() <= _POLL_S * 5:
                raise
            time.sleep(_POLL_S)
        else:
            return
