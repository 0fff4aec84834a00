"""MSK over real brokers, without a gateway: requests go straight to the service.

State lives in a directory of the test run; the Kafka runtime comes from the machine's cache.
"""

from __future__ import annotations

import json
import os

import pytest
from confluent_kafka.admin import AdminClient

from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway.moto_state import MotoState
from orchestrator.embedded.gateway.service import AwsError, Caller
from orchestrator.embedded.msk import KafkaBackend
from orchestrator.embedded.runtime import ensure_kafka_runtime
from orchestrator.embedded.scenario import Scenario
from orchestrator.processes import wait_until
from orchestrator.progress import ConsoleProgress

ACCOUNT, REGION, LOG_GROUP = "200000000000", "us-east-1", "/msk/real"
CALLER = Caller(kind="administrator", arn=f"arn:aws:iam::{ACCOUNT}:root", account_id=ACCOUNT)


class RealMsk:
    """The service in an account with a VPC, a key, a log group and a private CA."""

    def __init__(self, directory):
        self.moto = MotoState(ACCOUNT, REGION)
        self.directory = directory
        runtime = ensure_kafka_runtime(ConsoleProgress())
        self.backend = KafkaBackend(
            CloudContext(
                region=REGION,
                account_id=ACCOUNT,
                directory=directory,
                authority_url="http://127.0.0.1:9/_ephk/authority",
                authority_token="token",
                scenario=Scenario(),
                moto=self.moto,
                runtime=lambda: runtime,
            )
        )
        ec2 = self.moto.backend("ec2")
        self.vpc = ec2.create_vpc("10.0.0.0/16").id
        self.subnets = [
            ec2.create_subnet(self.vpc, f"10.0.{i}.0/24", availability_zone=f"{REGION}{zone}").id
            for i, zone in enumerate("abc")
        ]
        self.group = ec2.create_security_group("brokers", "brokers", vpc_id=self.vpc).id
        self.key = self.moto.backend("kms").create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None).arn
        self.moto.backend("logs").create_log_group(LOG_GROUP, {})

    def call(self, operation, **params):
        return self.backend.invoke(operation, params, CALLER)

    def create(self, name, brokers, **changes):
        """Return the ARN of a cluster in CREATING, in as many zones as it has brokers."""
        request = {
            "ClusterName": name,
            "KafkaVersion": "4.0.x.kraft",
            "NumberOfBrokerNodes": brokers,
            "BrokerNodeGroupInfo": {
                "ClientSubnets": self.subnets[:brokers],
                "InstanceType": "kafka.m7g.large",
                "SecurityGroups": [self.group],
            },
            "ClientAuthentication": {"Sasl": {"Scram": {"Enabled": True}, "Iam": {"Enabled": True}}},
            "LoggingInfo": {"BrokerLogs": {"CloudWatchLogs": {"Enabled": True, "LogGroup": LOG_GROUP}}},
        }
        return self.call("CreateCluster", **(request | changes))["ClusterArn"]

    def info(self, arn):
        return self.call("DescribeCluster", ClusterArn=arn)["ClusterInfo"]

    def wait(self, arn, *states, deadline_s=90):
        assert wait_until(lambda: self.info(arn)["State"] in states, deadline_s=deadline_s, poll_s=0.1)
        return self.info(arn)

    def finished(self, answer, deadline_s=90):
        arn = answer["ClusterOperationArn"]

        def state():
            return self.call("DescribeClusterOperation", ClusterOperationArn=arn)["ClusterOperationInfo"]

        assert wait_until(
            lambda: state()["OperationState"].endswith(("COMPLETE", "FAILED")), deadline_s=deadline_s, poll_s=0.1
        )
        return state()

    def delete(self, arn):
        self.call("DeleteCluster", ClusterArn=arn)

        def gone():
            try:
                self.info(arn)
            except AwsError as error:
                return error.status == 404
            return False

        assert wait_until(gone, deadline_s=60)

    def secret(self, username, password):
        made = self.moto.backend("secretsmanager").create_secret(
            name=f"AmazonMSK_{username}",
            secret_string=json.dumps({"username": username, "password": password}),
            secret_binary=None,
            description="",
            tags=[],
            kms_key_id=self.key,
            client_request_token=None,
            replica_regions=[],
            force_overwrite=False,
        )
        return json.loads(made)["ARN"]

    def nodes(self, arn):
        """Return the broker processes of a cluster."""
        return self.backend._plane.clusters[arn].runner.nodes()

    def scram_client(self, arn, username, password, errors=None):
        servers = self.call("GetBootstrapBrokers", ClusterArn=arn)["BootstrapBrokerStringSaslScram"]
        return AdminClient(
            {
                "bootstrap.servers": servers,
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": username,
                "sasl.password": password,
                "ssl.ca.pem": self.backend.ca_pem(arn.rsplit("/", 1)[1]),
                "error_cb": (errors if errors is not None else []).append,
            },
            logger=None,
        )


@pytest.fixture(scope="module")
def msk(tmp_path_factory):
    directory = tmp_path_factory.mktemp("cloud")
    previous = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(directory / "state")
    made = RealMsk(directory)
    yield made
    made.backend.close()
    if previous is None:
        del os.environ["XDG_STATE_HOME"]
    else:
        os.environ["XDG_STATE_HOME"] = previous
