from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.embedded.gateway import backends, codec_json, codec_query, errors
from orchestrator.embedded.gateway.codec_json import MalformedInputError
from orchestrator.embedded.gateway.http import HttpRequest
from orchestrator.embedded.gateway.models import identify, service_model
from orchestrator.embedded.gateway.service import AwsError

ARN = "arn:aws:kafka:us-east-1:123456789012:cluster/orders/0b3c-1"
FORM = {"content-type": "application/x-www-form-urlencoded"}
QUOTED = ARN.replace(":", "%3A").replace("/", "%2F")


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation"),
    [
        ("GET", "/", "", {}, "ListBuckets"),
        ("GET", "/b", "", {}, "ListObjects"),
        ("GET", "/b/", "list-type=2", {}, "ListObjectsV2"),
        ("GET", "/b", "policy", {}, "GetBucketPolicy"),
        ("GET", "/b", "versions", {}, "ListObjectVersions"),
        ("PUT", "/b/", "", {}, "CreateBucket"),
        ("PUT", "/b", "publicAccessBlock", {}, "PutPublicAccessBlock"),
        ("PUT", "/b/k/", "", {}, "PutObject"),
        ("PUT", "/b/k", "", {"x-amz-copy-source": "/a/b"}, "CopyObject"),
        ("PUT", "/b/k", "partNumber=1&uploadId=u", {}, "UploadPart"),
        ("POST", "/b/k", "uploads", {}, "CreateMultipartUpload"),
        ("POST", "/b/k", "uploadId=u", {}, "CompleteMultipartUpload"),
        ("POST", "/b", "delete", {}, "DeleteObjects"),
        ("HEAD", "/b/k", "", {}, "HeadObject"),
        ("PATCH", "/b/k", "", {}, None),
    ],
)
def test_s3_operations(method: str, path: str, query: str, headers: dict[str, str], operation: str | None) -> None:
    assert identify(HttpRequest(method, path, query, headers), "s3").operation == operation


@pytest.mark.parametrize(
    ("method", "path", "operation", "labels"),
    [
        ("GET", "/v1/clusters", "ListClusters", {}),
        ("GET", f"/v1/clusters/{QUOTED}", "DescribeCluster", {"ClusterArn": ARN}),
        ("GET", f"/v1/clusters/{ARN}", "DescribeCluster", {"ClusterArn": ARN}),
        ("GET", f"/v1/clusters/{QUOTED}/bootstrap-brokers", "GetBootstrapBrokers", {"ClusterArn": ARN}),
        ("POST", f"/v1/clusters/{QUOTED}/scram-secrets", "BatchAssociateScramSecret", {"ClusterArn": ARN}),
        ("POST", "/api/v2/clusters", "CreateClusterV2", {}),
        ("GET", "/v1/nothing", None, {}),
    ],
)
def test_kafka_operations(method: str, path: str, operation: str | None, labels: dict[str, str]) -> None:
    target = identify(HttpRequest(method, path), "kafka")
    assert (target.operation, target.labels, target.protocol) == (operation, labels, "rest-json")


@pytest.mark.parametrize(
    ("signing_name", "headers", "body", "expected"),
    [
        ("kms", {"x-amz-target": "TrentService.ListKeys"}, b"{}", ("kms", "json", "ListKeys")),
        ("kms", {"x-amz-target": "TrentService.Nope"}, b"{}", ("kms", "json", None)),
        (
            "ec2",
            {"content-type": "application/x-www-form-urlencoded"},
            b"Action=DescribeVpcs",
            ("ec2", "ec2", "DescribeVpcs"),
        ),
        (
            "sts",
            {"content-type": "application/x-www-form-urlencoded"},
            b"Action=AssumeRole",
            ("sts", "query", "AssumeRole"),
        ),
        ("tagging", {"x-amz-target": "R.GetResources"}, b"{}", ("resourcegroupstaggingapi", "json", "GetResources")),
        ("no-such-service", {"x-amz-target": "R.Get"}, b"{}", ("", "json", None)),
    ],
)
def test_rpc_operations(signing_name: str, headers: dict[str, str], body: bytes, expected: tuple[Any, ...]) -> None:
    target = identify(HttpRequest("POST", "/", "", headers, body), signing_name)
    assert (target.service, target.protocol, target.operation) == expected


def test_cbor_operations_and_errors() -> None:
    path = "/service/GraniteServiceVersion20100801/operation/ListMetrics"
    target = identify(HttpRequest("POST", path, "", {"smithy-protocol": "rpc-v2-cbor"}), "monitoring")
    assert (target.service, target.protocol, target.operation) == ("cloudwatch", "cbor", "ListMetrics")
    response = errors.render(AwsError("Throttling", "slow"), "cbor")
    assert response.body == b"\xa2\x66__type\x6aThrottling\x67message\x64slow"


def test_rest_json_input() -> None:
    request = HttpRequest(
        "POST", f"/v1/clusters/{QUOTED}/scram-secrets", "", {}, json.dumps({"secretArnList": ["a"], "junk": 1}).encode()
    )
    target = identify(request, "kafka")
    operation = service_model("kafka").operation_model("BatchAssociateScramSecret")
    assert backends.parse(operation, request, target) == {"ClusterArn": ARN, "SecretArnList": ["a"]}


def test_rest_json_query_lists_and_numbers() -> None:
    request = HttpRequest("DELETE", f"/v1/tags/{QUOTED}", "tagKeys=a&tagKeys=b%20c")
    operation = service_model("kafka").operation_model("UntagResource")
    target = identify(request, "kafka")
    assert backends.parse(operation, request, target) == {"ResourceArn": ARN, "TagKeys": ["a", "b c"]}
    request = HttpRequest("GET", "/v1/clusters", "maxResults=3")
    operation = service_model("kafka").operation_model("ListClusters")
    assert backends.parse(operation, request, identify(request, "kafka")) == {"MaxResults": 3}


@pytest.mark.parametrize(
    "document",
    [
        b"{not json",
        b"[]",
        b'{"clusterName": 5}',
        b'{"clusterName": "a", "kafkaVersion": "3.9.x", "numberOfBrokerNodes": "three"}',
        b'{"clusterName": "a"}',
        b'{"clusterName": "a", "kafkaVersion": "3.9.x", "numberOfBrokerNodes": true}',
    ],
)
def test_bad_input_is_a_bad_request(document: bytes) -> None:
    request = HttpRequest("POST", "/v1/clusters", "", {}, document)
    operation = service_model("kafka").operation_model("CreateCluster")
    with pytest.raises(AwsError) as caught:
        backends.parse(operation, request, identify(request, "kafka"))
    assert caught.value.code == "BadRequestException"


def test_rest_json_output() -> None:
    operation = service_model("kafka").operation_model("DescribeCluster")
    moment = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
    response = codec_json.serialize_rest_json(
        operation, {"ClusterInfo": {"ClusterArn": ARN, "CreationTime": moment, "Tags": {"a": "b"}, "State": None}}
    )
    assert json.loads(response.body) == {
        "clusterInfo": {"clusterArn": ARN, "creationTime": "2026-01-02T03:04:05.678Z", "tags": {"a": "b"}}
    }


def test_an_output_member_that_the_model_does_not_have_is_a_fault() -> None:
    operation = service_model("kafka").operation_model("DescribeCluster")
    with pytest.raises(KeyError):
        codec_json.serialize_rest_json(operation, {"ClusterInfo": {"Nonsense": 1}})


def test_query_round_trip() -> None:
    operation = service_model("sts").operation_model("AssumeRole")
    body = (
        b"Action=AssumeRole&RoleArn=arn%3Aaws&RoleSessionName=me&DurationSeconds=900"
        b"&PolicyArns.member.1.arn=p1&PolicyArns.member.2.arn=p2&Tags.member.1.Key=k&Tags.member.1.Value=v+w"
    )
    request = HttpRequest("POST", "/", "", {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}, body)
    assert codec_query.parse_query(operation, request) == {
        "RoleArn": "arn:aws",
        "RoleSessionName": "me",
        "DurationSeconds": 900,
        "PolicyArns": [{"arn": "p1"}, {"arn": "p2"}],
        "Tags": [{"Key": "k", "Value": "v w"}],
    }
    response = codec_query.serialize_query(operation, {"SourceIdentity": "<&>", "PackedPolicySize": 3}, "id")
    assert b"<AssumeRoleResult><SourceIdentity>&lt;&amp;&gt;</SourceIdentity><PackedPolicySize>3<" in response.body
    with pytest.raises(MalformedInputError):
        codec_query.parse_query(
            operation, HttpRequest("POST", "/", "", request.headers, b"Action=AssumeRole&DurationSeconds=soon")
        )


@pytest.mark.parametrize("protocol", ["s3", "query", "ec2", "rest-xml", "json", "rest-json", "cbor"])
def test_every_protocol_names_the_missing_operation(protocol: Any) -> None:
    response = errors.render(errors.not_available("svc", "DoThing", protocol), protocol)
    assert response.status == 501
    assert b"DoThing" in response.body
    assert b"<html" not in response.body.lower()


def test_error_members_are_written_as_the_model_names_them() -> None:
    error = AwsError("BadRequestException", "no", InvalidParameter="brokers")
    response = errors.render(error, "rest-json", service="kafka")
    assert json.loads(response.body) == {"message": "no", "invalidParameter": "brokers"}
    assert response.header("x-amzn-errortype") == "BadRequestException"


def test_a_head_request_gets_no_body() -> None:
    assert errors.render(AwsError("NoSuchKey", "x", 404), "s3", method="HEAD").body == b""
