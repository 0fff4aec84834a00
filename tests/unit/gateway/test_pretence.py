"""A deletion that is only pretended looks like a success to AWS's own parsers, in every protocol."""

from __future__ import annotations

import pytest
from botocore.parsers import create_parser

from orchestrator.embedded.gateway.models import Protocol, Target, service_model
from orchestrator.embedded.gateway.pretence import empty_answer


@pytest.mark.parametrize(
    ("service", "protocol", "operation"),
    [
        ("ec2", "ec2", "DeleteSubnet"),
        ("ec2", "ec2", "DeleteVpcEndpoints"),
        ("iam", "query", "DeleteRole"),
        ("kafka", "rest-json", "DeleteConfiguration"),
        ("s3", "s3", "DeleteBucket"),
        ("secretsmanager", "json", "DeleteSecret"),
        ("logs", "json", "DeleteLogGroup"),
    ],
)
def test_clients_take_it_for_done(service: str, protocol: Protocol, operation: str) -> None:
    answer = empty_answer(Target(service, service, protocol, operation, {}, operation))
    model = service_model(service)
    response = {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.body}
    parsed = create_parser(model.protocol).parse(response, model.operation_model(operation).output_shape)
    assert "Error" not in parsed
    assert parsed["ResponseMetadata"]["HTTPStatusCode"] in (200, 204)
