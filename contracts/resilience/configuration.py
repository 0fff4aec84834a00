"""A configuration is changed and taken back while applications write: the checkpoint is the revision from before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from contracts.access import ANSWER_S, Access
from contracts.model import Failed, NotCovered, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.resilience.brokers import ONE_REPLICA, durable_bench, wait_active, wait_in_sync
from contracts.resilience.load import Load, judge_ride

#: A property that changes nothing for a load without consumers, and that brokers take up at their restart alone.
_PROPERTY = "group.initial.rebalance.delay.ms"
_CHANGED = "2999"


def judge_rollback(
    ride: Outcome, before: Mapping[int, str], changed: Mapping[int, str], after: Mapping[int, str], checkpoint: str
) -> Outcome:
    """Judge a change that was taken back under load.

    Args:
        ride: what the load saw.
        before: the property's value at each broker, before the change.
        changed: after it.
        after: after it was taken back.
        checkpoint: the configuration's revision from before.
    """
    own = {"checkpoint": checkpoint, "before": before, "changed": changed, "after": after}
    evidence: dict[str, Any] = {**own, **(ride.evidence if isinstance(ride, Verified | Failed) else {})}
    if wrong := [broker for broker, value in changed.items() if value != _CHANGED]:
        return Failed(f"broker {wrong[0]} did not take the change up: {_PROPERTY} is {changed[wrong[0]]}", evidence)
    if dict(after) != dict(before):
        return Failed(f"the brokers did not return to the checkpoint {checkpoint}", evidence)
    return replace(ride, evidence=evidence) if isinstance(ride, Verified | Failed) else ride


@contract(
    "production.configuration.rollback",
    title="A configuration can be changed and taken back under load",
    risk="A change of the brokers' configuration cannot be undone without an outage, so nobody dares to undo it",
    statement="While brokers take up another configuration and return to the one before, nothing is lost or doubled",
    remediation="Keep every revision, note which one was live, and roll one broker after the other",
    documentation="Amazon MSK Developer Guide, Update the configuration of a cluster",
    needs=("operator", "writes"),
    layers=("production",),
    disruptive=True,
    deadline_s=600,
)
def rollback(access: Access, watch: Watch) -> Outcome:
    """Roll the brokers to a configuration with one property changed, and back to the revision from before."""
    if access.environment.flavour != "msk":
        return NotCovered("only MSK's control plane has revisions of a configuration")
    if access.environment.cluster.brokers < 3:
        return NotCovered(ONE_REPLICA)
    wait_active(access, watch)
    live = _live(access)
    if not live:
        return NotCovered("the cluster has MSK's default configuration, so there is no revision to return to")
    bench = durable_bench(access, watch, "rollback")
    before = _values(access, watch)
    with _changed_configuration(access, live, watch) as other:
        with Load(bench) as load:
            acknowledged = load.acknowledged
            try:
                _apply(access, other, watch)
                changed = _values(access, watch)
                wait_in_sync(access, bench, watch)
            finally:
                _apply(access, live, watch)
            ride = load.finish()
        wait_in_sync(access, bench, watch)
    seen = judge_ride(ride, acknowledged, "brokers took up another configuration and the one before")
    checkpoint = f"{live['Arn'].split('/')[1]} revision {live['Revision']}"
    return judge_rollback(seen, before, changed, _values(access, watch), checkpoint)


def _cluster(access: Access) -> dict[str, Any]:
    arn = access.environment.cluster.arn
    return dict(access.client("kafka").describe_cluster_v2(ClusterArn=arn)["ClusterInfo"])


def _live(access: Access) -> dict[str, Any]:
    """Return the configuration's ARN and revision that the brokers run with; empty when it is MSK's default."""
    software = _cluster(access)["Provisioned"]["CurrentBrokerSoftwareInfo"]
    arn, revision = software.get("ConfigurationArn"), software.get("ConfigurationRevision")
    return {"Arn": arn, "Revision": revision} if arn else {}


@contextlib.contextmanager
def _changed_configuration(access: Access, live: Mapping[str, Any], watch: Watch) -> Iterator[dict[str, Any]]:
    """Make a configuration like the live one but for one property; it is deleted afterwards, also by a teardown."""
    kafka = access.client("kafka")
    watch.waiting("another configuration")
    text = kafka.describe_configuration_revision(Arn=live["Arn"], Revision=live["Revision"])["ServerProperties"]
    lines = [line for line in text.decode().splitlines() if line.strip() and not line.startswith(f"{_PROPERTY}=")]
    made = kafka.create_configuration(
        Name=f"ephk-{access.environment.lease_id}-rollback",
        Description="A probe's own: one property differs",
        ServerProperties="\n".join([*lines, f"{_PROPERTY}={_CHANGED}"]).encode(),
    )
    try:
        yield {"Arn": made["Arn"], "Revision": made["LatestRevision"]["Revision"]}
    finally:
        # The cluster may still run with it when the probe was cut off; the teardown's inventory finds it then.
        with contextlib.suppress(ClientError):
            kafka.delete_configuration(Arn=made["Arn"])


def _apply(access: Access, configuration: Mapping[str, Any], watch: Watch) -> None:
    if _live(access) == configuration:
        return
    version = _cluster(access)["CurrentVersion"]
    try:
        access.client("kafka").update_cluster_configuration(
            ClusterArn=access.environment.cluster.arn, ConfigurationInfo=dict(configuration), CurrentVersion=version
        )
    except ClientError as error:
        raise ProbeError(f"the configuration cannot be changed: {error.response['Error']['Message']}") from error
    wait_active(access, watch)
    access.forget_brokers()


def _values(access: Access, watch: Watch) -> dict[int, str]:
    """Ask every broker for the property's value."""
    watch.waiting(f"{_PROPERTY} of every broker")
    asked = [ConfigResource(ResourceType.BROKER, str(broker)) for broker in access.brokers(access.operator, watch)]
    with AdminClient(access.librdkafka(access.operator, watch)) as admin:
        answers = {
            int(resource.name): future.result(watch.remaining(ANSWER_S))[_PROPERTY].value
            for resource in asked
            for future in admin.describe_configs([resource]).values()
        }
    return dict(sorted(answers.items()))
