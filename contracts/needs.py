"""Parts of an environment that a contract needs before there is anything to probe.

A part may be missing for two reasons, which are kept apart. What the spec can declare and did not is nothing to be
sound or unsound: a contract about it does not apply. What may well be there and cannot be reached (no role may ask,
somebody else's environment whose parts nobody named) is not covered, and that is release risk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from orchestrator.connect_spec import MIRROR_CANARY
from orchestrator.environment import Connector, Environment

#: MirrorMaker's connectors for records and for the offsets of consumer groups.
MIRROR_CLASSES = (
    "org.apache.kafka.connect.mirror.MirrorSourceConnector",
    "org.apache.kafka.connect.mirror.MirrorCheckpointConnector",
)


def _has_connectors(environment: Environment, wanted: Callable[[Connector], bool] = lambda _: True) -> bool:
    connect = environment.connect
    return connect is not None and any(wanted(connector) for connector in connect.connectors)


def _mirrors(kind: str, connector: Connector) -> bool:
    link = connector.link
    return connector.connector_class == kind and link is not None and MIRROR_CANARY in link.topics


@dataclass(frozen=True)
class Need:
    """One part of an environment.

    Attributes:
        present: tells whether an environment has it.
        reason: what to say when it has not.
        to_have_it: what would give the environment this part, as an instruction; empty when it may be there unseen.
    """

    present: Callable[[Environment], bool]
    reason: str
    to_have_it: str = ""


_NEEDS: dict[str, Need] = {
    "listener.scram": Need(
        lambda e: "scram" in e.cluster.bootstrap, "the cluster has no SCRAM listener", "declare scram in auth"
    ),
    "listener.sasl": Need(
        lambda e: not e.cluster.bootstrap.keys().isdisjoint(("scram", "iam")),
        "the cluster has no SASL listener",
        "declare scram or iam in auth",
    ),
    "listener.iam": Need(
        lambda e: "iam" in e.cluster.bootstrap, "the cluster has no IAM listener", "declare iam in auth"
    ),
    "listener.mtls": Need(
        lambda e: "mtls" in e.cluster.bootstrap, "the cluster has no mTLS listener", "declare mtls in auth"
    ),
    "listeners": Need(lambda e: bool(e.cluster.bootstrap), "the cluster has no listener"),
    "principals": Need(lambda e: bool(e.principals), "the environment declares no principal"),
    "principal.scram": Need(
        lambda e: any(p.auth == "scram" for p in e.principals),
        "the environment has no principal that authenticates with SCRAM",
        "declare one in principals with auth: scram",
    ),
    "authority": Need(
        lambda e: e.cluster.certificate_authority_arn is not None,
        "the environment names no private certificate authority, so no client certificate can be issued",
    ),
    "operator": Need(lambda e: "operator" in e.roles, "the environment names no operator role"),
    "settings": Need(lambda e: bool(e.cluster.settings), "the environment declares no settings of its brokers"),
    "roles": Need(
        lambda e: bool(e.roles) or any(p.role_arn for p in e.principals),
        "the environment names no IAM role",
    ),
    "boundary": Need(lambda e: e.boundary_arn is not None, "the environment names no permissions boundary"),
    "state": Need(
        lambda e: e.state_bucket is not None,
        "the environment's state is in files of the machine that made it, which no cloud identity reaches",
        "use --target aws",
    ),
    "bucket": Need(lambda e: e.bucket is not None, "the environment has no bucket"),
    "log-group": Need(lambda e: e.log_group is not None, "the environment names no log group"),
    "network": Need(lambda e: e.network is not None, "the environment names no network"),
    "schema-registry": Need(
        lambda e: e.schema_registry is not None, "the environment has no schema registry", "declare schema_registry"
    ),
    "writes": Need(
        lambda e: not e.read_only,
        "the environment is somebody else's, and nothing is written to it (`ephk adopt --allow-writes` permits it)",
    ),
    "connect": Need(_has_connectors, "the environment has no Kafka Connect", "declare connect"),
    "connect.rest": Need(
        lambda e: _has_connectors(e, lambda c: c.rest is not None),
        "no connector has workers with a REST interface (MSK Connect's have none on AWS)",
        "use --target embedded",
    ),
    "connect.logs": Need(
        lambda e: _has_connectors(e) and e.connect is not None and e.connect.log_group is not None,
        "no connector delivers its workers' logs to a log group",
    ),
    "connect.egress": Need(
        lambda e: _has_connectors(e) and e.connect is not None and bool(e.connect.egress),
        "no host is declared that connectors must reach",
        "declare connect.egress",
    ),
    "connect.canary.sink": Need(
        lambda e: _has_connectors(e, lambda c: c.connector_class.endswith(".CanarySinkConnector")),
        "the environment has no canary sink",
        "declare connect.canary",
    ),
    "connect.canary.source": Need(
        lambda e: _has_connectors(e, lambda c: c.connector_class.endswith(".CanarySourceConnector")),
        "the environment has no canary source",
        "declare connect.canary",
    ),
    "account": Need(lambda e: e.cluster.arn.startswith("arn:"), "the environment names nothing of an AWS account"),
    "alarms": Need(
        # Somebody else's alarms are found by the cluster's name, which a cluster of MSK has.
        lambda e: e.alarms is not None or (e.adopted and e.cluster.arn.startswith("arn:")),
        "the environment has no alarms",
        "declare observability.alarms",
    ),
    "alarms.queue": Need(
        lambda e: e.alarms is not None,
        "the environment names no queue in which an alarm could be seen to arrive",
        "declare observability.alarms",
    ),
    "flow-log": Need(
        lambda e: e.flow_log_id is not None or (e.adopted and e.network is not None),
        "the environment has no flow log",
        "declare observability.flow_logs",
    ),
    "connect.mirror": Need(
        lambda e: all(_has_connectors(e, partial(_mirrors, kind)) for kind in MIRROR_CLASSES),
        "the environment has no pair of MirrorMaker connectors that mirror the canary of a linked environment",
        "declare MirrorMaker's connectors with a link",
    ),
    "tags": Need(lambda e: bool(e.tags), "the environment declares no tags"),
}


def known() -> frozenset[str]:
    """Return the names that a contract may need."""
    return frozenset(_NEEDS)


def unmet(environment: Environment, needs: tuple[str, ...]) -> str | None:
    """Return why a contract with these needs cannot be covered here, or None when nothing is missing."""
    for need in needs:
        if not _NEEDS[need].present(environment):
            return _NEEDS[need].reason
    return None


def undeclared(environment: Environment, needs: tuple[str, ...]) -> str:
    """Return why a contract about a part that the spec does not declare does not apply, and what would change that.

    Returns:
        An empty text when every declarable part is there, and always for an adopted environment: what nobody named
        there may exist all the same, so it is not covered.
    """
    if environment.adopted:
        return ""
    for name in needs:
        need = _NEEDS[name]
        if need.to_have_it and not need.present(environment):
            return f"{need.reason}; {need.to_have_it} to have it"
    return ""
