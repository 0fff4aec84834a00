"""Comparing what was declared with what the API says; the API is given here."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrator.engine.events import Done
from orchestrator.errors import EphkError
from orchestrator.readback import policy, read_back

CLUSTER_INPUTS: dict[str, Any] = {
    "numberOfBrokerNodes": 3,
    "configurationInfo": {"arn": "arn:configuration", "revision": 2},
    "clientAuthentication": {"sasl": {"iam": True, "scram": True}, "tls": {"certificateAuthorityArns": ["arn:ca"]}},
    "encryptionInfo": {
        "encryptionAtRestKmsKeyArn": "arn:key",
        "encryptionInTransit": {"clientBroker": "TLS", "inCluster": True},
    },
}
CLUSTER = Done("create", "aws:msk/cluster:Cluster", "cluster", "arn:cluster", CLUSTER_INPUTS)


def described() -> dict[str, Any]:
    return {
        "State": "ACTIVE",
        "NumberOfBrokerNodes": 3,
        "CurrentBrokerSoftwareInfo": {"ConfigurationArn": "arn:configuration", "ConfigurationRevision": 2},
        "ClientAuthentication": {
            "Sasl": {"Iam": {"Enabled": True}, "Scram": {"Enabled": True}},
            "Tls": {"CertificateAuthorityArnList": ["arn:ca"]},
        },
        "EncryptionInfo": {
            "EncryptionAtRest": {"DataVolumeKMSKeyId": "arn:key"},
            "EncryptionInTransit": {"ClientBroker": "TLS", "InCluster": True},
        },
    }


class Api:
    """A session and its only client; answers are functions of the operation's arguments."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.asked = 0

    def client(self, _service: str) -> Api:
        return self

    def __getattr__(self, operation: str) -> Any:
        def call(**_: Any) -> Any:
            self.asked += 1
            answer = self._answers[operation]
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def test_a_cluster_as_declared_is_fine() -> None:
    read_back(Api(describe_cluster={"ClusterInfo": described()}), [CLUSTER], within_s=0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"State": "FAILED"}, "its state was declared as 'ACTIVE', the API says 'FAILED'"),
        (
            {"CurrentBrokerSoftwareInfo": {"ConfigurationArn": "arn:configuration", "ConfigurationRevision": 1}},
            "its configuration's revision was declared as 2, the API says 1",
        ),
        ({"ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}}}, "SASL/SCRAM was declared as True"),
        (
            {"EncryptionInfo": {"EncryptionInTransit": {"ClientBroker": "TLS_PLAINTEXT", "InCluster": True}}},
            "encryption in transit was declared as 'TLS', the API says 'TLS_PLAINTEXT'",
        ),
    ],
)
def test_a_difference_is_an_error_that_names_it(change: dict[str, Any], says: str) -> None:
    api = Api(describe_cluster={"ClusterInfo": described() | change})
    with pytest.raises(EphkError) as caught:
        read_back(api, [CLUSTER], within_s=0.0)  # type: ignore[arg-type]
    assert "cluster (Cluster)" in caught.value.message
    assert any(says in line for line in (caught.value.message, *caught.value.details))


def test_an_answer_that_lags_behind_is_asked_for_again() -> None:
    late = {"ClusterInfo": described() | {"State": "UPDATING"}}
    api = Api(describe_cluster=[late, late, {"ClusterInfo": described()}])
    read_back(api, [CLUSTER], within_s=30.0)  # type: ignore[arg-type]
    assert api.asked == 3


def test_what_cannot_be_asked_is_not_taken_for_fine() -> None:
    refusal = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeCluster")
    with pytest.raises(EphkError, match="AccessDeniedException"):
        read_back(Api(describe_cluster=refusal), [CLUSTER], within_s=0.0)  # type: ignore[arg-type]


def test_types_without_a_reader_cost_nothing() -> None:
    api = Api()
    read_back(api, [Done("create", "aws:ec2/vpc:Vpc", "vpc", "vpc-1", {})], within_s=0.0)  # type: ignore[arg-type]
    assert api.asked == 0


def test_policies_are_compared_by_meaning() -> None:
    one = '{"Statement": [{"Action": ["s3:Get*"], "Resource": ["b", "a"]}]}'
    other = {"Statement": {"Resource": ["a", "b"], "Action": "s3:Get*"}}
    assert policy(one) == policy(other)
    assert policy(one) != policy({"Statement": {"Resource": ["a", "b"], "Action": "s3:*"}})
