"""server.properties of one node."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.embedded.brokers.config import INTERNAL_PRINCIPAL, BrokerClusterConfig
from orchestrator.embedded.brokers.layout import ClusterLayout
from orchestrator.embedded.brokers.ports import LOOPBACK
from orchestrator.environment import Listener

#: The broker's name for each client listener.
LISTENER_NAMES: dict[Listener, str] = {"scram": "SCRAM", "iam": "IAM", "mtls": "MTLS"}
INTERNAL, CONTROLLER = "INTERNAL", "CONTROLLER"
_PROTOCOLS = {INTERNAL: "SSL", CONTROLLER: "SSL", "SCRAM": "SASL_SSL", "IAM": "SASL_SSL", "MTLS": "SSL"}

#: A certificate's common name is its bearer's principal; without one in front the whole subject is.
MTLS_PRINCIPAL_RULES = r"RULE:^CN=([^,]+)(,.*)?$/$1/,DEFAULT"

#: How long an IAM session lives at most; it ends with its signature, which lives for 15 minutes.
_IAM_SESSION_MS = 3_600_000

#: The mechanisms of the IAM listener ("IAM access control", Amazon MSK Developer Guide) and what makes each known.
_IAM_LOGIN_MODULES = {
    "OAUTHBEARER": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule",
    "AWS_MSK_IAM": "io.ephk.kafka.MskIamLoginModule",
}

#: Small machines run many clusters. Each of these saves threads, memory or files and changes no behaviour that a
#: client could see; a cluster's own configuration overrides them.
_FRUGAL = {
    "num.network.threads": "1",
    "num.io.threads": "4",
    "background.threads": "2",
    "num.recovery.threads.per.data.dir": "1",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "log.cleaner.io.buffer.size": "65536",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "metadata.log.segment.bytes": "16777216",
    "metric.reporters": "",  # the only one there is by default is JMX's, which nothing here reads
}

#: A node answers within milliseconds here; the defaults are made for networks and cost seconds at the start.
_QUICK = {
    "broker.heartbeat.interval.ms": "500",
    # A member of a group learns of the others' changes with its next heartbeat (KIP-848).
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.heartbeat.interval.ms": "1000",
}


def msk_defaults(brokers: int) -> dict[str, str]:
    """Return the broker settings of a cluster whose configuration says nothing.

    ("Default Amazon MSK configuration", Amazon MSK Developer Guide.) Replication cannot exceed the number of
    brokers, and an ACL-less cluster is closed here: `allow.everyone.if.no.acl.found` is false.
    """
    replication = str(min(3, brokers))
    in_sync = "2" if brokers >= 3 else "1"
    return {
        "allow.everyone.if.no.acl.found": "false",
        "auto.create.topics.enable": "false",
        "default.replication.factor": replication,
        "min.insync.replicas": in_sync,
        "num.partitions": "1",
        "offsets.topic.replication.factor": replication,
        "transaction.state.log.replication.factor": replication,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replication,
        "share.coordinator.state.topic.min.isr": in_sync,
    }


def server_properties(
    config: BrokerClusterConfig,
    layout: ClusterLayout,
    *,
    broker_id: int,
    controllers: Mapping[int, int],
    ports: Mapping[str, int],
    first_brokers: int,
) -> dict[str, str]:
    """Return the settings of one node.

    Every listener speaks TLS and is bound to loopback. What the product needs in order to be safe comes last, so
    that no configuration can override it.

    Args:
        config: the cluster.
        layout: its files.
        broker_id: which node.
        controllers: the controller port of each node that is a controller.
        ports: the node's ports by the broker's listener names.
        first_brokers: how many brokers the cluster was created with, which its replication defaults follow.
    """
    is_controller = broker_id in controllers
    clients = [LISTENER_NAMES[name] for name in config.listeners]
    names = [INTERNAL, *([CONTROLLER] if is_controller else []), *clients]
    settings = {**msk_defaults(first_brokers), **_FRUGAL, **_QUICK, **config.server_properties}
    settings |= {
        "process.roles": "broker,controller" if is_controller else "broker",
        "node.id": str(broker_id),
        "broker.rack": config.zone_of(broker_id),
        "log.dirs": str(layout.data(broker_id)),
        "controller.quorum.voters": ",".join(f"{node}@{LOOPBACK}:{port}" for node, port in sorted(controllers.items())),
        "controller.listener.names": CONTROLLER,
        "inter.broker.listener.name": INTERNAL,
        "listeners": ",".join(f"{name}://{LOOPBACK}:{ports[name]}" for name in names),
        "advertised.listeners": ",".join(f"{name}://{LOOPBACK}:{ports[name]}" for name in names),
        "listener.security.protocol.map": ",".join(
            f"{name}:{_PROTOCOLS[name]}" for name in dict.fromkeys([*names, CONTROLLER])
        ),
        "authorizer.class.name": "io.ephk.kafka.IamAuthorizer",
        "principal.builder.class": "io.ephk.kafka.ListenerPrincipalBuilder",
        "super.users": f"User:{INTERNAL_PRINCIPAL}",
        "ephk.internal.principal": INTERNAL_PRINCIPAL,
        "ephk.authority.url": config.authority_url,
        "ephk.authority.token.file": str(layout.authority_token),
        "ephk.cluster.arn": config.cluster_arn,
        "ephk.region": config.region,
    }
    return settings | _tls(layout, broker_id) | _mechanisms(config, layout)


def _tls(layout: ClusterLayout, broker_id: int) -> dict[str, str]:
    settings = {
        "ssl.enabled.protocols": "TLSv1.2,TLSv1.3",
        "ssl.protocol": "TLSv1.3",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(layout.keystore(broker_id)),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(layout.ca),
        "ssl.client.auth": "none",
        "ssl.principal.mapping.rules": MTLS_PRINCIPAL_RULES,
    }
    for name in (INTERNAL, CONTROLLER):
        prefix = f"listener.name.{name.lower()}."
        settings |= {
            f"{prefix}ssl.keystore.type": "PEM",
            f"{prefix}ssl.keystore.location": str(layout.internal_keystore),
            f"{prefix}ssl.truststore.type": "PEM",
            f"{prefix}ssl.truststore.location": str(layout.ca),
            f"{prefix}ssl.client.auth": "required",
        }
    return settings


def _mechanisms(config: BrokerClusterConfig, layout: ClusterLayout) -> dict[str, str]:
    settings: dict[str, str] = {}
    if config.scram:
        login = "org.apache.kafka.common.security.scram.ScramLoginModule"
        settings |= {
            "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.scram.scram-sha-512.sasl.jaas.config": f"{login} required;",
        }
    if config.iam:
        settings["listener.name.iam.sasl.enabled.mechanisms"] = ",".join(_IAM_LOGIN_MODULES)
        for mechanism, login in _IAM_LOGIN_MODULES.items():
            prefix = f"listener.name.iam.{mechanism.lower()}."
            settings |= {
                f"{prefix}sasl.jaas.config": f"{login} required;",
                f"{prefix}sasl.server.callback.handler.class": "io.ephk.kafka.IamServerCallbackHandler",
                f"{prefix}connections.max.reauth.ms": str(_IAM_SESSION_MS),
            }
    if config.client_ca_pem is not None:
        settings |= {
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.mtls.ssl.truststore.type": "PEM",
            "listener.name.mtls.ssl.truststore.location": str(layout.client_ca),
        }
    return settings


def render(settings: Mapping[str, str]) -> str:
    """Write settings in the format of java.util.Properties."""
    return "".join(f"{_escape(key, key=True)}={_escape(value)}\n" for key, value in sorted(settings.items()))


def _escape(text: str, *, key: bool = False) -> str:
    special = "\\=:#! " if key else "\\"
    escaped = "".join(f"\\{character}" if character in special else character for character in text)
    escaped = escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    escaped = "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in escaped)  # the file is read as Latin-1
    return f"\\{escaped}" if not key and escaped.startswith(" ") else escaped
