"""boto3 against a running cloud, over HTTPS and plain HTTP."""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.exceptions import ConnectionError as BotocoreConnectionError

from orchestrator.embedded.cloud import CloudInfo
from tests.embedded.gateway.conftest import Client

ROOM = "over-the-wire"


@pytest.fixture(scope="module")
def bucket(client: Client) -> str:
    client("s3").create_bucket(Bucket=ROOM)
    return ROOM


@pytest.mark.parametrize("http", [False, True])
@pytest.mark.parametrize("key", ["plain", "a b/ü+c&d=e.txt", "folder/", "a//b", "%41"])
def test_objects_come_back_as_they_went(client: Client, bucket: str, key: str, http: bool) -> None:
    s3 = client("s3", http=http)
    s3.put_object(Bucket=bucket, Key=key, Body=b"\x00body", Metadata={"a_b": "c d"}, ContentType="x/y")
    found = s3.get_object(Bucket=bucket, Key=key)
    assert (found["Body"].read(), found["Metadata"], found["ContentType"]) == (b"\x00body", {"a_b": "c d"}, "x/y")
    assert s3.get_object(Bucket=bucket, Key=key, Range="bytes=1-2")["Body"].read() == b"bo"
    s3.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket=bucket, Key=key)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.parametrize("http", [False, True])
def test_a_big_object_in_parts(client: Client, bucket: str, http: bool) -> None:
    s3 = client("s3", http=http)
    content = os.urandom(17 * 1024 * 1024)
    s3.upload_fileobj(io.BytesIO(content), bucket, "big")
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == content
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-3"')


@pytest.mark.parametrize("version", [None, "s3v4"])
def test_presigned_urls(client: Client, bucket: str, running: CloudInfo, version: str | None) -> None:
    s3 = client("s3", signature_version=version)  # without a version, boto3 signs URLs (only) with version 2
    s3.put_object(Bucket=bucket, Key="pre signed", Body=b"there")
    context = ssl.create_default_context(cafile=running.ca_bundle)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "pre signed"})
    with urllib.request.urlopen(url, context=context) as answer:
        assert answer.read() == b"there"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url.replace("pre%20signed", "another"), context=context)
    assert caught.value.code == 403
    caught.value.close()


def test_expect_100_continue(client: Client, bucket: str, running: CloudInfo) -> None:
    address = urlsplit(running.http_endpoint)
    plain = client("s3", http=True, signature_version="s3v4")
    url = urlsplit(plain.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "expected"}))
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10) as line:
        head = (
            f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 4\r\n"
            "Expect: 100-continue\r\n\r\n"
        )
        line.sendall(head.encode())
        assert line.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b"body")
        assert line.recv(1000).startswith(b"HTTP/1.1 200")
    assert plain.get_object(Bucket=bucket, Key="expected")["Body"].read() == b"body"


def test_a_tls_only_bucket_refuses_plain_http(client: Client) -> None:
    s3, plain = client("s3"), client("s3", http=True)
    s3.create_bucket(Bucket="tls-only")
    resources = ["arn:aws:s3:::tls-only", "arn:aws:s3:::tls-only/*"]
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": resources}
    statement["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
    s3.put_bucket_policy(Bucket="tls-only", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    s3.put_object(Bucket="tls-only", Key="k", Body=b"x")
    for attempt in (
        lambda: plain.put_object(Bucket="tls-only", Key="k", Body=b"x"),
        lambda: plain.get_object(Bucket="tls-only", Key="k"),
        lambda: plain.list_objects_v2(Bucket="tls-only"),
    ):
        with pytest.raises(ClientError) as caught:
            attempt()
        assert caught.value.response["Error"]["Code"] == "AccessDenied"


def test_a_role_works_through_the_wire(client: Client, running: CloudInfo, bucket: str) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": running.account_id}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}
    iam = client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="lister", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    iam.put_role_policy(RoleName="lister", PolicyName="p", PolicyDocument=document)
    keys = client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    given = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    identity = client("sts", credentials=given).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{running.account_id}:assumed-role/lister/me"
    client("s3", credentials=given).list_objects_v2(Bucket=bucket)
    for refused, code in (
        (lambda: client("s3", credentials=given).get_object(Bucket=bucket, Key="x"), "AccessDenied"),
        (lambda: client("ec2", credentials=given).describe_vpcs(), "UnauthorizedOperation"),
        (lambda: client("kms", credentials=given).list_keys(), "AccessDeniedException"),
        (lambda: client("logs", credentials=given).describe_log_groups(), "AccessDeniedException"),
        (lambda: client("iam", credentials=given).list_roles(), "AccessDenied"),
        (lambda: client("secretsmanager", credentials=given).list_secrets(), "AccessDeniedException"),
    ):
        with pytest.raises(ClientError) as caught:
            refused()
        assert caught.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
        ("ec2", "describe_vpcs", "SignatureDoesNotMatch"),
        ("kms", "list_keys", "InvalidSignatureException"),
        ("iam", "list_roles", "SignatureDoesNotMatch"),
        ("cloudwatch", "list_metrics", "InvalidSignatureException"),
    ],
)
def test_a_wrong_secret_is_refused_in_each_protocol(
    client: Client, running: CloudInfo, service: str, call: str, code: str
) -> None:
    wrong = {"aws_access_key_id": running.access_key_id, "aws_secret_access_key": "wrong"}
    with pytest.raises(ClientError) as caught:
        getattr(client(service, credentials=wrong), call)()
    assert caught.value.response["Error"]["Code"] == code


def test_the_other_services_answer(client: Client) -> None:
    assert client("ec2").describe_vpcs()["Vpcs"]
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    text = client("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert client("kms").decrypt(CiphertextBlob=text)["Plaintext"] == b"x"
    client("logs").create_log_group(logGroupName="/g")
    assert [g["logGroupName"] for g in client("logs").describe_log_groups()["logGroups"]] == ["/g"]
    client("secretsmanager").create_secret(Name="s", SecretString="v", Tags=[{"Key": "t", "Value": "1"}])
    found = client("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "t"}])["ResourceTagMappingList"]
    assert [entry["Tags"] for entry in found] == [[{"Key": "t", "Value": "1"}]]
    assert client("cloudwatch").list_metrics()["Metrics"] is not None


def test_a_silent_connection_keeps_nobody_waiting(running: CloudInfo) -> None:
    address = urlsplit(running.endpoint)
    silent = [socket.create_connection((str(address.hostname), int(address.port or 0))) for _ in range(8)]
    try:
        context = ssl.create_default_context(cafile=running.ca_bundle)
        connection = http.client.HTTPSConnection(address.netloc, timeout=5, context=context)
        connection.request("GET", "/_ephk/health")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        for line in silent:
            line.close()


def test_nobody_from_outside_of_this_machine_and_no_rebound_name_gets_in(running: CloudInfo) -> None:
    listening = [c for c in psutil.Process(running.pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}
    assert len(listening) >= 2
    address = urlsplit(running.http_endpoint)
    for host, status in ((address.netloc, 200), ("rebound.example", 421), (f"rebound.example:{address.port}", 421)):
        connection = http.client.HTTPConnection(address.netloc, timeout=5)
        connection.request("GET", "/_ephk/health", headers={"Host": host})
        assert connection.getresponse().status == status
        connection.close()


def test_many_clients_at_once(client: Client, bucket: str) -> None:
    s3 = client("s3", max_pool_connections=16)
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                s3.put_object(Bucket=bucket, Key=f"{number}-{turn}", Body=str(number).encode())
                assert s3.get_object(Bucket=bucket, Key=f"{number}-{turn}")["Body"].read() == str(number).encode()
        except Exception as error:  # noqa: BLE001 - collected for the assertion below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_scenario_is_followed_while_it_runs(client: Client, running: CloudInfo, bucket: str) -> None:
    path = Path(running.ca_bundle).with_name("scenario.yaml")
    rules: list[dict[str, Any]] = [
        {"service": "s3", "operation": "ListBuckets", "error": {"code": "SlowDown", "status": 503}, "times": 1},
        {"service": "kms", "operation": "ListKeys", "latency_s": 0.3},
        {"service": "sts", "operation": "GetCallerIdentity", "drop": True},
    ]
    path.write_text(json.dumps({"rules": rules}))
    try:
        with pytest.raises(ClientError, match="SlowDown"):
            client("s3").list_buckets()
        client("s3").list_buckets()
        kms = client("kms")
        begun = time.monotonic()
        kms.list_keys()
        assert time.monotonic() - begun >= 0.3
        with pytest.raises((ConnectionClosedError, BotocoreConnectionError)):
            client("sts").get_caller_identity()
    finally:
        path.unlink()
    client("sts").get_caller_identity()
