"""Misconfigurations of the cluster's own settings, its logs, and of tags."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tests.mutation.model import Mutation
from tests.mutation.scene import Scene, changed

Broken = Callable[[Scene], AbstractContextManager[object]]


def cluster_policy(principal: Any) -> Broken:
    """Give the cluster a policy that lets somebody in."""

    def put(scene: Scene) -> None:
        arn = scene.cluster_arn
        document = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": principal, "Resource": arn,
                 "Action": ["kafka:CreateVpcConnection", "kafka:GetBootstrapBrokers", "kafka:DescribeClusterV2"]}
            ],
        }  # fmt: skip
        scene.aws("kafka").put_cluster_policy(ClusterArn=arn, Policy=json.dumps(document))

    return changed(put, lambda s, _: s.aws("kafka").delete_cluster_policy(ClusterArn=s.cluster_arn))


@contextmanager
def logs_off(scene: Scene) -> Iterator[None]:
    """Switch the delivery of broker logs off."""

    def update(enabled: bool) -> None:
        kafka, arn = scene.aws("kafka"), scene.cluster_arn
        scene.wait_active()
        where: dict[str, Any] = {"Enabled": enabled}
        if enabled:
            where["LogGroup"] = scene.environment.log_group
        kafka.update_monitoring(
            ClusterArn=arn,
            CurrentVersion=kafka.describe_cluster(ClusterArn=arn)["ClusterInfo"]["CurrentVersion"],
            LoggingInfo={"BrokerLogs": {"CloudWatchLogs": where}},
        )
        scene.wait_active()

    update(False)
    try:
        yield
    finally:
        update(True)


def _group(scene: Scene) -> str:
    return str(scene.environment.log_group)


@contextmanager
def logged_password(scene: Scene) -> Iterator[None]:
    """Write a password into the log group, as a careless log level does."""
    logs, stream = scene.aws("logs"), "careless"
    arn = scene.environment.principal("orders-producer").secret_arn
    secret = scene.aws("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    event = {"timestamp": int(time.time() * 1000), "message": f"request of {secret}"}
    logs.create_log_stream(logGroupName=_group(scene), logStreamName=stream)
    logs.put_log_events(logGroupName=_group(scene), logStreamName=stream, logEvents=[event])
    try:
        yield
    finally:
        logs.delete_log_stream(logGroupName=_group(scene), logStreamName=stream)


_TAG = "ephk:cost-center"

#: By kind: (arguments of the resource, what takes tags off, what puts them on).
Tagger = Callable[[Scene, str | None], object]


def _ec2(resource: Callable[[Scene], str]) -> Tagger:
    def tag(scene: Scene, value: str | None) -> object:
        ec2, found = scene.aws("ec2"), [resource(scene)]
        if value is None:
            return ec2.delete_tags(Resources=found, Tags=[{"Key": _TAG}])
        return ec2.create_tags(Resources=found, Tags=[{"Key": _TAG, "Value": value}])

    return tag


def _rule(scene: Scene) -> str:
    only = [{"Name": "group-id", "Values": [scene.network.broker_security_group_id]}]
    rules = scene.aws("ec2").describe_security_group_rules(Filters=only)["SecurityGroupRules"]
    return next(rule["SecurityGroupRuleId"] for rule in rules if not rule["IsEgress"])


def _role(scene: Scene, value: str | None) -> object:
    iam, name = scene.aws("iam"), scene.role("connector")
    if value is None:
        return iam.untag_role(RoleName=name, TagKeys=[_TAG])
    return iam.tag_role(RoleName=name, Tags=[{"Key": _TAG, "Value": value}])


def _policy(scene: Scene, value: str | None) -> object:
    iam, arn = scene.aws("iam"), scene.environment.boundary_arn
    if value is None:
        return iam.untag_policy(PolicyArn=arn, TagKeys=[_TAG])
    return iam.tag_policy(PolicyArn=arn, Tags=[{"Key": _TAG, "Value": value}])


def _cluster(scene: Scene, value: str | None) -> object:
    kafka, arn = scene.aws("kafka"), scene.cluster_arn
    if value is None:
        return kafka.untag_resource(ResourceArn=arn, TagKeys=[_TAG])
    return kafka.tag_resource(ResourceArn=arn, Tags={_TAG: value})


def _bucket(scene: Scene, value: str | None) -> object:
    s3, name = scene.aws("s3"), scene.bucket.name
    kept = [tag for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"] if tag["Key"] != _TAG]
    more = [] if value is None else [{"Key": _TAG, "Value": value}]
    return s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": kept + more})


def _secret(scene: Scene, value: str | None) -> object:
    manager, arn = scene.aws("secretsmanager"), scene.environment.principal("orders-producer").secret_arn
    if value is None:
        return manager.untag_resource(SecretId=arn, TagKeys=[_TAG])
    return manager.tag_resource(SecretId=arn, Tags=[{"Key": _TAG, "Value": value}])


def _key(scene: Scene, value: str | None) -> object:
    kms, key = scene.aws("kms"), scene.bucket.kms_key_arn
    if value is None:
        return kms.untag_resource(KeyId=key, TagKeys=[_TAG])
    return kms.tag_resource(KeyId=key, Tags=[{"TagKey": _TAG, "TagValue": value}])


def _log_group(scene: Scene, value: str | None) -> object:
    logs = scene.aws("logs")
    cloud = scene.environment.cloud
    arn = f"arn:aws:logs:{cloud.region}:{cloud.account_id}:log-group:{_group(scene)}"
    if value is None:
        return logs.untag_resource(resourceArn=arn, tagKeys=[_TAG])
    return logs.tag_resource(resourceArn=arn, tags={_TAG: value})


def _authority(scene: Scene, value: str | None) -> object:
    pca, arn = scene.aws("acm-pca"), scene.environment.cluster.certificate_authority_arn
    tag = {"Key": _TAG} if value is None else {"Key": _TAG, "Value": value}
    if value is None:
        return pca.untag_certificate_authority(CertificateAuthorityArn=arn, Tags=[tag])
    return pca.tag_certificate_authority(CertificateAuthorityArn=arn, Tags=[tag])


TAGGERS: dict[str, Tagger] = {
    "vpc": _ec2(lambda s: s.network.vpc_id),
    "subnet": _ec2(lambda s: s.network.subnet_ids[0]),
    "route-table": _ec2(lambda s: s.network.route_table_ids[0]),
    "security-group": _ec2(lambda s: s.network.client_security_group_id),
    "security-group-rule": _ec2(_rule),
    "endpoint": _ec2(lambda s: s.network.s3_endpoint_id),
    "role": _role,
    "policy": _policy,
    "cluster": _cluster,
    "bucket": _bucket,
    "secret": _secret,
    "key": _key,
    "log-group": _log_group,
    "authority": _authority,
}


def tag(tagger: Tagger, value: str | None) -> Broken:
    """Take one tag off a resource, or give it another value."""
    return changed(lambda s: tagger(s, value), lambda s, _: tagger(s, s.environment.tags[_TAG]))


def retention(days: int | None) -> Callable[..., object]:
    """Return a change of how long logs stay."""
    if days is None:
        return lambda s, *_: s.aws("logs").delete_retention_policy(logGroupName=_group(s))
    return lambda s, *_: s.aws("logs").put_retention_policy(logGroupName=_group(s), retentionInDays=days)


@contextmanager
def alarm_deleted(scene: Scene) -> Iterator[None]:
    """Delete the alarm that watches for offline partitions."""
    cloudwatch = scene.aws("cloudwatch")
    name = f"ephk-{scene.environment.lease_id}-offline-partitions"
    (found,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    cloudwatch.delete_alarms(AlarmNames=[name])
    try:
        yield
    finally:
        kept = {key: found[key] for key in _ALARM if key in found}
        cloudwatch.put_metric_alarm(**kept, Tags=scene.tag_list())


_ALARM = (
    "AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions",
    "MetricName", "Namespace", "Statistic", "Dimensions", "Period", "EvaluationPeriods", "DatapointsToAlarm",
    "Threshold", "ComparisonOperator", "TreatMissingData", "Metrics",
)  # fmt: skip

MUTATIONS = (
    Mutation("alarm-deleted", "nobody is told of offline partitions", alarm_deleted, ("observability.alarms.present",)),
    Mutation(
        "cluster-policy-world",
        "the cluster's policy lets everybody in",
        cluster_policy("*"),
        ("policy.cluster.own-account", "iam.lint.public-principal"),
    ),
    Mutation(
        "cluster-policy-account",
        "the cluster's policy lets another account in",
        cluster_policy({"AWS": "arn:aws:iam::999999999999:root"}),
        ("policy.cluster.own-account",),
    ),
    Mutation("logs-off", "broker logs are not delivered any more", logs_off, ("logs.brokers.arrive",)),
    Mutation(
        "logs-for-ever",
        "the log group keeps events for ever",
        changed(retention(None), retention(7)),
        ("logs.retention",),
    ),
    Mutation("logs-password", "a password stands in a log", logged_password, ("logs.no-secrets",)),
    Mutation(
        "tag-other-value",
        "a subnet names another cost center",
        tag(TAGGERS["subnet"], "somebody-else"),
        ("tags.complete",),
    ),
    *(
        Mutation(f"tag-{kind}", f"the {kind.replace('-', ' ')} lacks a tag", tag(tagger, None), ("tags.complete",))
        for kind, tagger in TAGGERS.items()
    ),
)
