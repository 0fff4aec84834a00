"""Whether a planned cluster can lose a zone, be watched, and not run out of disk."""

from __future__ import annotations

from contracts.terraform.model import Verdict, is_known, plan_contract
from contracts.terraform.msk_security import CLUSTER
from orchestrator.terraform.plan import Link, Plan
from orchestrator.terraform.resource import PlannedResource

SUBNETS = "broker_node_group_info.client_subnets"
_LOGS = "logging_info.broker_logs"
_FINE_METRICS = ("PER_BROKER", "PER_TOPIC_PER_BROKER", "PER_TOPIC_PER_PARTITION")
_OPEN = "open_monitoring.prometheus"
#: "You can specify two or three subnets" (BrokerNodeGroupInfo).
_FEWEST_SUBNETS = 2
_STORAGE_DIMENSION = "kafka:broker-storage:VolumeSize"


@plan_contract(
    "terraform.msk.zones",
    title="The planned brokers stand in several zones",
    risk="One zone's failure takes a planned cluster down",
    statement="The subnets of every MSK cluster of the plan are in different zones",
    remediation="Give one subnet in each of two or three zones",
    documentation="Amazon MSK API Reference, BrokerNodeGroupInfo",
    types=(CLUSTER,),
)
def zones(plan: Plan, verdict: Verdict) -> None:
    """Read the zones of the subnets that the plan has, and of all that may be meant where that is not certain.

    MSK takes no fewer than two subnets, so different zones for all that may be meant are two zones at least.
    """
    for cluster in plan.of(CLUSTER):
        link = plan.link(cluster, SUBNETS, "aws_subnet")
        if link.outside:
            verdict.not_known(cluster, f"the zones of {', '.join(link.outside)} stand in no resource of the plan")
        elif link.unresolved or not is_known(cluster.get("broker_node_group_info")):
            verdict.not_known(cluster, "which subnets it has is known only after apply")
        elif link.count is not None and link.count < 2:
            verdict.fails(cluster, "the brokers have one subnet at most, so one zone")
        _judge_zones(cluster, link, verdict)


def _judge_zones(cluster: PlannedResource, link: Link, verdict: Verdict) -> None:
    places: dict[str, list[str]] = {}
    for subnet in link.found:
        zone = subnet.get("availability_zone") or subnet.get("availability_zone_id")
        if isinstance(zone, str):
            places.setdefault(zone, []).append(subnet.address)
        else:
            verdict.not_known(cluster, f"the zone of {subnet.address} is known only after apply")
    for zone, subnets in places.items():
        certain = link.exact or (len(subnets) == len(link.found) and not link.unresolved and not link.outside)
        if len(subnets) > 1 and certain:
            verdict.fails(cluster, f"{' and '.join(subnets)} are all in {zone}")
        elif len(subnets) > 1:
            verdict.not_known(cluster, f"whether it has more than one of {' and '.join(subnets)}, all in {zone}")
    verdict.holds(cluster, f"zones {', '.join(sorted(places))}")


@plan_contract(
    "terraform.msk.broker-count",
    title="MSK takes the planned number of brokers",
    risk="MSK refuses a planned cluster, in the middle of an apply",
    statement="The brokers of every MSK cluster of the plan are a multiple of its subnets",
    remediation="Choose number_of_broker_nodes as a multiple of the subnets",
    documentation="Amazon MSK API Reference, Clusters: numberOfBrokerNodes",
    types=(CLUSTER,),
)
def broker_count(plan: Plan, verdict: Verdict) -> None:
    """Divide; where it is not known how many subnets there are, by every number that there may be."""
    for cluster in plan.of(CLUSTER):
        link = plan.link(cluster, SUBNETS, "aws_subnet")
        brokers = verdict.known(cluster, "number_of_broker_nodes")
        if not isinstance(brokers, int):
            continue
        if link.count:
            told = f"{brokers} brokers in {link.count} subnets"
            if brokers % link.count:
                verdict.fails(cluster, f"{brokers} brokers are no multiple of {link.count} subnets")
            else:
                verdict.holds(cluster, told)
            continue
        most = 0 if link.unresolved or link.outside else len(link.found)
        if most >= _FEWEST_SUBNETS and not any(brokers % count for count in range(_FEWEST_SUBNETS, most + 1)):
            verdict.holds(cluster, f"{brokers} brokers in {_FEWEST_SUBNETS} to {most} subnets")
        else:
            verdict.not_known(cluster, "how many subnets it has is known only after apply")


@plan_contract(
    "terraform.msk.broker-logs",
    title="The planned brokers write logs",
    risk="Nobody can say afterwards why a planned cluster refused, lost or slowed something",
    statement="Every MSK cluster of the plan delivers broker logs, to a destination that the plan has",
    remediation="Turn on logging_info.broker_logs for CloudWatch Logs, Firehose or S3, with an existing destination",
    documentation="Amazon MSK Developer Guide, MSK logging",
    types=(CLUSTER,),
)
def broker_logs(plan: Plan, verdict: Verdict) -> None:
    """Find a destination that is on and named."""
    for cluster in plan.of(CLUSTER):
        delivered(plan, verdict, cluster, _LOGS)


#: Block to the attribute that names the destination, and the type that it is.
_DESTINATIONS = {
    "cloudwatch_logs": ("log_group", "aws_cloudwatch_log_group"),
    "firehose": ("delivery_stream", "aws_kinesis_firehose_delivery_stream"),
    "s3": ("bucket", "aws_s3_bucket"),
}


def delivered(plan: Plan, verdict: Verdict, at: PlannedResource, path: str) -> None:
    """Demand that one of the log deliveries below `path` is on and has a destination that the plan has."""
    before = dict(verdict.held)
    doubts, faults = [], []
    for name, (attribute, kind) in _DESTINATIONS.items():
        enabled = at.get(f"{path}.{name}.enabled", False)
        if not is_known(enabled):
            doubts.append(f"whether {name} is on is known only after apply")
        elif enabled:
            link = plan.link(at, f"{path}.{name}.{attribute}", kind)
            if link.exact and link.found:
                verdict.holds(at, f"logs go to {link.found[0].address}")
            elif link.outside:
                doubts.append(f"{name} goes to a destination that is not in the plan")
            elif link.unresolved or link.found:
                doubts.append(f"where {name} goes is known only after apply")
            else:
                faults.append(f"{name} is on and names no {attribute}")
    if verdict.held != before:
        return
    if doubts:
        verdict.not_known(at, "; ".join(doubts))
    else:
        verdict.fails(at, "; ".join(faults) or "no delivery of logs is on")


@plan_contract(
    "terraform.msk.monitoring",
    title="The planned brokers have metrics of their own",
    risk="A single slow or full broker of a planned cluster hides behind the cluster's average",
    statement="Every MSK cluster of the plan has enhanced monitoring per broker or finer, or open monitoring",
    remediation="Set enhanced_monitoring to PER_BROKER or finer, or open_monitoring.prometheus",
    documentation="Amazon MSK Developer Guide, Amazon MSK metrics for monitoring with CloudWatch",
    types=(CLUSTER,),
)
def monitoring(plan: Plan, verdict: Verdict) -> None:
    """Read the level; MSK's default has no metrics per broker."""
    for cluster in plan.of(CLUSTER):
        level = cluster.get("enhanced_monitoring", "DEFAULT")
        exporters = [
            cluster.get(f"{_OPEN}.{name}.enabled_in_broker", False) for name in ("jmx_exporter", "node_exporter")
        ]
        if level in _FINE_METRICS:
            verdict.holds(cluster, f"enhanced_monitoring {level}")
        elif True in exporters:
            verdict.holds(cluster, "open monitoring is on")
        elif not is_known(level) or not all(is_known(exporter) for exporter in exporters):
            verdict.not_known(cluster, "its monitoring is known only after apply")
        else:
            verdict.fails(cluster, f"enhanced_monitoring is {level}, without metrics of each broker's own")


@plan_contract(
    "terraform.msk.storage",
    title="The planned brokers' disks grow, or somebody is told",
    risk="The brokers of a planned cluster stop when their disks are full, and nobody saw it coming",
    statement=(
        "Every MSK cluster of the plan grows its storage by itself (autoscaling, tiered storage, Express brokers), or "
        "an alarm watches KafkaDataLogsDiskUsed"
    ),
    remediation="Add an aws_appautoscaling_target and _policy for its storage, or an alarm on KafkaDataLogsDiskUsed",
    documentation="Amazon MSK Developer Guide, Automatic scaling for Amazon MSK clusters",
    types=(CLUSTER,),
)
def storage(plan: Plan, verdict: Verdict) -> None:
    """Look for each of the ways, the certain ones first."""
    for cluster in plan.of(CLUSTER):
        kind = cluster.get("broker_node_group_info.instance_type")
        mode = cluster.get("storage_mode")
        scaled, perhaps = plan.pointing(("aws_appautoscaling_policy",), "resource_id", cluster)
        targets, perhaps_targets = plan.pointing(("aws_appautoscaling_target",), "resource_id", cluster)
        targets, perhaps_targets = _of_storage(targets), _of_storage(perhaps_targets)
        alarms, perhaps_alarms = _alarms(plan, cluster)
        if isinstance(kind, str) and kind.startswith("express."):
            verdict.holds(cluster, "Express brokers have no disks of the team's own")
        elif mode == "TIERED":
            verdict.holds(cluster, "storage_mode TIERED")
        elif any(one.get("scalable_dimension") == _STORAGE_DIMENSION for one in targets) and scaled:
            verdict.holds(cluster, f"{targets[0].address} and {scaled[0].address}")
        elif alarms:
            verdict.holds(cluster, alarms[0].address)
        elif (
            not is_known(kind)
            or not is_known(mode)
            or perhaps
            or perhaps_targets
            or perhaps_alarms
            or (targets and scaled)
        ):
            verdict.not_known(cluster, "whether its storage grows is known only after apply")
        elif targets:
            verdict.fails(cluster, f"{targets[0].address} has no policy that scales it")
        else:
            size = cluster.get("broker_node_group_info.storage_info.ebs_storage_info.volume_size")
            limit = f"ends at {size} GiB" if isinstance(size, int) else "has an end"
            verdict.fails(cluster, f"its storage {limit}, nothing extends it and no alarm watches it")


def _of_storage(targets: list[PlannedResource]) -> list[PlannedResource]:
    return [one for one in targets if one.get("scalable_dimension") == _STORAGE_DIMENSION or _unsure(one)]


def _unsure(target: PlannedResource) -> bool:
    return not is_known(target.get("scalable_dimension"))


def _alarms(plan: Plan, cluster: PlannedResource) -> tuple[list[PlannedResource], list[PlannedResource]]:
    """Return the alarms on the cluster's disks, and those that may be."""
    certain, possible = [], []
    for alarm in plan.of("aws_cloudwatch_metric_alarm"):
        metric, dimensions = alarm.get("metric_name"), alarm.get("dimensions")
        if metric != "KafkaDataLogsDiskUsed" and is_known(metric):
            continue
        if not is_known(metric) or not is_known(dimensions):
            possible.append(alarm)
            continue
        named = dimensions.get("Cluster Name") if isinstance(dimensions, dict) else None
        name = cluster.get("cluster_name")
        if isinstance(named, str) and named == name:
            certain.append(alarm)
        elif named is not None and not (isinstance(named, str) and isinstance(name, str)):
            possible.append(alarm)
    return certain, possible
