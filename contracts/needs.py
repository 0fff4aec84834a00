"""Parts of an environment that a contract needs before there is anything to probe."""

from __future__ import annotations

from collections.abc import Callable
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


_PRESENT: dict[str, tuple[Callable[[Environment], bool], str]] = {
    "listener.scram": (lambda e: "scram" in e.cluster.bootstrap, "the cluster has no SCRAM listener"),
    "listener.sasl": (
        lambda e: not e.cluster.bootstrap.keys().isdisjoint(("scram", "iam")),
        "the cluster has no SASL listener",
    ),
    "listener.iam": (lambda e: "iam" in e.cluster.bootstrap, "the cluster has no IAM listener"),
    "listener.mtls": (lambda e: "mtls" in e.cluster.bootstrap, "the cluster has no mTLS listener"),
    "listeners": (lambda e: bool(e.cluster.bootstrap), "the cluster has no listener"),
    "principals": (lambda e: bool(e.principals), "the environment declares no principal"),
    "principal.scram": (
        lambda e: any(p.auth == "scram" for p in e.principals),
        "the environment has no principal that authenticates with SCRAM",
    ),
    "authority": (
        lambda e: e.cluster.certificate_authority_arn is not None,
        "the environment names no private certificate authority, so no client certificate can be issued",
    ),
    "operator": (lambda e: "operator" in e.roles, "the environment names no operator role"),
    "roles": (
        lambda e: bool(e.roles) or any(p.role_arn for p in e.principals),
        "the environment names no IAM role",
    ),
    "boundary": (lambda e: e.boundary_arn is not None, "the environment names no permissions boundary"),
    "state": (
        lambda e: e.state_bucket is not None,
        "the environment's state is in files of the machine that made it, which no cloud identity reaches",
    ),
    "bucket": (lambda e: e.bucket is not None, "the environment has no bucket"),
    "log-group": (lambda e: e.log_group is not None, "the environment names no log group"),
    "network": (lambda e: e.network is not None, "the environment names no network"),
    "schema-registry": (lambda e: e.schema_registry is not None, "the environment has no schema registry"),
    "writes": (
        lambda e: not e.read_only,
        "the environment is somebody else's, and nothing is written to it (`ephk adopt --allow-writes` permits it)",
    ),
    "connect": (_has_connectors, "the environment has no Kafka Connect"),
    "connect.rest": (
        lambda e: _has_connectors(e, lambda c: c.rest is not None),
        "no connector has workers with a REST interface (MSK Connect's have none on AWS)",
    ),
    "connect.logs": (
        lambda e: _has_connectors(e) and e.connect is not None and e.connect.log_group is not None,
        "no connector delivers its workers' logs to a log group",
    ),
    "connect.canary.sink": (
        lambda e: _has_connectors(e, lambda c: c.connector_class.endswith(".CanarySinkConnector")),
        "the environment has no canary sink (connect.canary)",
    ),
    "connect.canary.source": (
        lambda e: _has_connectors(e, lambda c: c.connector_class.endswith(".CanarySourceConnector")),
        "the environment has no canary source (connect.canary)",
    ),
    "connect.mirror": (
        lambda e: all(_has_connectors(e, partial(_mirrors, kind)) for kind in MIRROR_CLASSES),
        "the environment has no pair of MirrorMaker connectors that mirror the canary of a linked environment",
    ),
    "tags": (lambda e: bool(e.tags), "the environment declares no tags"),
}


def known() -> frozenset[str]:
    """Return the names that a contract may need."""
    return frozenset(_PRESENT)


def unmet(environment: Environment, needs: tuple[str, ...]) -> str | None:
    """Return why a contract with these needs cannot be covered here, or None when nothing is missing."""
    for need in needs:
        present, reason = _PRESENT[need]
        if not present(environment):
            return reason
    return None
