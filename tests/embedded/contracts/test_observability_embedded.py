"""Alarms, flow logs and trails in an embedded cloud without brokers: wired, then miswired one way after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from contracts.access import Access
from contracts.model import Result
from contracts.runner import run
from orchestrator.aws import AwsSession, Credentials
from orchestrator.environment import AlarmRouting, CloudEndpoint, Environment, Network
from orchestrator.msk_metrics import WATCHED, WatchedMetric
from tests.embedded.conftest import end_world, new_world
from tests.unit.contracts.builders import environment

CLUSTER = "ab12"


class Watched:
    """A cluster's name with all its alarms, a VPC with a flow log, and the account's trail."""

    def __init__(self, session: AwsSession, cloud: CloudEndpoint) -> None:
        self.session = session
        self.cloudwatch, self.sns, self.sqs = (session.client(name) for name in ("cloudwatch", "sns", "sqs"))
        self.ec2, self.s3, self.cloudtrail = (session.client(name) for name in ("ec2", "s3", "cloudtrail"))
        self.topic = self.sns.create_topic(Name="ephk-ab12-alarms")["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName="ephk-ab12-alarms")["QueueUrl"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]
        self.queue_arn = attributes["QueueArn"]
        self.let_in(self.topic)
        self.subscribe()
        for metric in WATCHED:
            for broker in range(1, 4) if metric.per_broker else (0,):
                self.alarm(metric, broker)
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = self.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20")["Subnet"]["SubnetId"]
        self.s3.create_bucket(Bucket="flow-logs")
        self.network = Network(
            vpc_id=vpc,
            subnet_ids=(subnet,),
            route_table_ids=(),
            s3_endpoint_id="vpce-none",
            broker_security_group_id="sg-b",
            client_security_group_id="sg-c",
        )
        self.flow_log = self.make_flow_log("ALL")
        self.environment: Environment = environment(
            cloud=cloud,
            network=self.network,
            alarms=AlarmRouting(topic_arn=self.topic, queue_url=self.queue),
            flow_log_id=self.flow_log,
        )

    def let_in(self, topic: str) -> None:
        statement = {
            "Sid": "s",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": self.queue_arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        document = json.dumps({"Version": "2012-10-17", "Id": "p", "Statement": [statement]})
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": document})

    def subscribe(self) -> None:
        self.subscription = self.sns.subscribe(
            TopicArn=self.topic, Protocol="sqs", Endpoint=self.queue_arn, ReturnSubscriptionArn=True
        )["SubscriptionArn"]

    def alarm(self, metric: WatchedMetric, broker: int, **changes: Any) -> str:
        name = f"ephk-{CLUSTER}-{metric.key}" + (f"-{broker}" if broker else "")
        where = [{"Name": "Cluster Name", "Value": changes.pop("cluster", CLUSTER)}]
        where += [{"Name": "Broker ID", "Value": str(broker)}] if broker else []
        if len(metric.metrics) == 1:
            what: dict[str, Any] = {"Namespace": "AWS/Kafka", "MetricName": metric.metrics[0], "Dimensions": where}
            what |= {"Statistic": metric.statistic, "Period": 60}
        else:
            parts = [
                {
                    "Id": f"m{number}",
                    "MetricStat": {
                        "Metric": {"Namespace": "AWS/Kafka", "MetricName": one, "Dimensions": where},
                        "Period": 60,
                        "Stat": metric.statistic,
                    },
                    "ReturnData": False,
                }
                for number, one in enumerate(metric.metrics, 1)
            ]
            what = {"Metrics": [{"Id": "total", "Expression": "m1 + m2", "ReturnData": True}, *parts]}
        self.cloudwatch.put_metric_alarm(
            **{
                "AlarmName": name,
                "ComparisonOperator": metric.comparison,
                "Threshold": metric.threshold,
                "EvaluationPeriods": metric.minutes,
                "AlarmActions": [self.topic],
                "OKActions": [self.topic],
                **what,
                **changes,
            }
        )
        return name

    def make_flow_log(self, traffic: str) -> str:
        answer = self.ec2.create_flow_logs(
            ResourceType="VPC",
            ResourceIds=[self.network.vpc_id],
            TrafficType=traffic,
            LogDestinationType="s3",
            LogDestination="arn:aws:s3:::flow-logs",
        )
        return str(answer["FlowLogIds"][0])

    def probe(self, select: str) -> Result:
        with Access(self.environment, self.session) as access:
            return run(self.environment, access, select=[select], deadline_s=30)[0]


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    world = new_world("observability")
    try:
        info = world.must("cloud", "start", "--json").json()
        endpoint = CloudEndpoint(
            region=info["region"],
            account_id=info["account_id"],
            endpoint_url=info["endpoint"],
            http_endpoint_url=info["http_endpoint"],
            ca_bundle=info["ca_bundle"],
        )
        yield Watched(AwsSession(endpoint, Credentials(info["access_key_id"], info["secret_access_key"])), endpoint)
    finally:
        end_world(world)


@pytest.mark.parametrize(
    "contract",
    [
        "observability.alarms.present",
        "observability.alarms.actions",
        "observability.alarms.delivered",
        "network.flow-logs",
    ],
)
def test_what_is_wired_is_verified(watched: Watched, contract: str) -> None:
    result = watched.probe(contract)
    assert (result.status, result.reason) == ("verified", "")


def test_a_delivery_leaves_every_state_and_the_queue_as_they_were(watched: Watched) -> None:
    assert watched.probe("observability.alarms.delivered").status == "verified"
    states = {one["StateValue"] for one in watched.cloudwatch.describe_alarms()["MetricAlarms"]}
    assert states == {"OK"}


def test_a_probe_takes_out_of_the_queue_what_those_before_it_left(watched: Watched) -> None:
    for _ in range(4):
        assert watched.probe("observability.alarms.delivered").status == "verified"
    counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    found = watched.sqs.get_queue_attributes(QueueUrl=watched.queue, AttributeNames=list(counts))["Attributes"]
    assert sum(int(found[count]) for count in counts) <= 1, "only that the last one is over"


METRICS = {metric.key: metric for metric in WATCHED}
Break = Callable[[Watched], Any]
#: What somebody did, the contract that names the risk, and what it says.
MISWIRED: dict[str, tuple[Break, str, str]] = {
    "an alarm deleted": (
        lambda w: w.cloudwatch.delete_alarms(AlarmNames=["ephk-ab12-disk-2"]),
        "observability.alarms.present",
        "no alarm watches KafkaDataLogsDiskUsed of broker 2",
    ),
    "an alarm on another cluster": (
        lambda w: w.alarm(METRICS["disk"], 2, cluster="another"),
        "observability.alarms.present",
        "no alarm watches KafkaDataLogsDiskUsed of broker 2",
    ),
    "a threshold that is never reached": (
        lambda w: w.alarm(METRICS["disk"], 2, Threshold=100),
        "observability.alarms.present",
        "stays silent at 95",
    ),
    "an alarm without an action": (
        lambda w: w.alarm(METRICS["disk"], 2, AlarmActions=[]),
        "observability.alarms.actions",
        "the alarm ephk-ab12-disk-2 has no action",
    ),
    "actions switched off": (
        lambda w: w.alarm(METRICS["disk"], 2, ActionsEnabled=False),
        "observability.alarms.actions",
        "the actions of the alarm ephk-ab12-disk-2 are disabled",
    ),
    "a topic that is gone": (
        lambda w: w.alarm(METRICS["disk"], 2, AlarmActions=[f"{w.topic}-gone"]),
        "observability.alarms.actions",
        "which does not exist",
    ),
}


@pytest.mark.parametrize("case", MISWIRED)
def test_what_is_miswired_fails_for_its_reason(watched: Watched, case: str) -> None:
    miswire, contract, says = MISWIRED[case]
    miswire(watched)
    try:
        result = watched.probe(contract)
    finally:
        watched.alarm(METRICS["disk"], 2)
    assert result.status == "failed"
    assert says in result.reason


def test_a_topic_without_a_subscription_reaches_nobody(watched: Watched) -> None:
    watched.sns.unsubscribe(SubscriptionArn=watched.subscription)
    try:
        actions = watched.probe("observability.alarms.actions")
    finally:
        watched.subscribe()
    assert (actions.status, "to which nobody is subscribed" in actions.reason) == ("failed", True)


def test_a_queue_that_does_not_let_the_topic_in_is_not_told(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contracts.alarm_delivery._PATIENCE_S", 2.0)  # nothing comes, however long one waits
    watched.let_in(f"{watched.topic}-another")
    try:
        assert watched.probe("observability.alarms.actions").status == "verified", "the wiring looks right"
        result = watched.probe("observability.alarms.delivered")
    finally:
        watched.let_in(watched.topic)
    assert (result.status, "the queue was not told" in result.reason) == ("failed", True)


def test_the_embedded_msk_has_no_metrics_and_says_so(watched: Watched) -> None:
    result = watched.probe("observability.metrics.arrive")
    assert (result.status, "publishes no metrics" in result.reason) == ("not_covered", True)


def test_a_flow_log_of_accepted_traffic_alone_fails_and_so_does_none(watched: Watched) -> None:
    watched.ec2.delete_flow_logs(FlowLogIds=[watched.flow_log])
    assert watched.probe("network.flow-logs").reason.startswith("no flow log covers")
    half = watched.make_flow_log("ACCEPT")
    try:
        result = watched.probe("network.flow-logs")
    finally:
        watched.ec2.delete_flow_logs(FlowLogIds=[half])
        watched.flow_log = watched.make_flow_log("ALL")
    assert (result.status, "records ACCEPT traffic alone" in result.reason) == ("failed", True)


def test_an_account_without_a_trail_is_not_covered_here_and_one_that_is_off_fails(watched: Watched) -> None:
    assert watched.probe("audit.trail").status == "not_covered"
    watched.s3.create_bucket(Bucket="trail")
    trail = {"Name": "account", "S3BucketName": "trail", "IsMultiRegionTrail": True}
    watched.cloudtrail.create_trail(**trail, EnableLogFileValidation=True)
    try:
        assert "is off" in watched.probe("audit.trail").reason
        watched.cloudtrail.start_logging(Name="account")
        assert watched.probe("audit.trail").status == "verified"
        half = [{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True, "DataResources": []}]
        watched.cloudtrail.put_event_selectors(TrailName="account", EventSelectors=half)
        result = watched.probe("audit.trail")
        assert (result.status, "every management event" in result.reason) == ("failed", True)
    finally:
        watched.cloudtrail.delete_trail(Name="account")
