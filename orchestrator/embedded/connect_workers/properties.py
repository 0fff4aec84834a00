"""The properties, the login configuration and the logging of distributed workers."""

from __future__ import annotations

from orchestrator.embedded.brokers.ports import LOOPBACK
from orchestrator.embedded.connect_workers.config import WorkersConfig
from orchestrator.embedded.connect_workers.layout import WorkersLayout
from orchestrator.embedded.connect_workers.stores import TRUST_PASSWORD

#: MSK Connect's ("Default worker configuration", Amazon MSK Developer Guide).
DEFAULT_CONVERTERS = {
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.storage.StringConverter",
}

#: Waits that are made for networks and large clusters and would only cost time here; a user's value comes first.
_QUICK = {
    "offset.flush.interval.ms": "5000",
    "scheduled.rebalance.max.delay.ms": "1000",
    "session.timeout.ms": "10000",
    "heartbeat.interval.ms": "1000",
    "rebalance.timeout.ms": "15000",
    "worker.sync.timeout.ms": "3000",
    # A sink's partitions stay with a worker that was killed until its consumer's session ends: 45 s by default.
    "consumer.session.timeout.ms": "10000",
    "consumer.heartbeat.interval.ms": "1000",
    "offset.storage.partitions": "5",
    "status.storage.partitions": "3",
    "metric.reporters": "",
}

#: Log4j 2 in the properties format. Classes that print whole configurations are silenced: a plugin may have declared
#: a password as plain text.
LOG4J2 = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d{yyyy-MM-dd HH:mm:ss,SSS}] %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.runtime.name = org.apache.kafka.connect.runtime
logger.runtime.level = info
logger.plugins.name = org.apache.kafka.connect.runtime.isolation
logger.plugins.level = warn
logger.config.name = org.apache.kafka.common.config.AbstractConfig
logger.config.level = error
logger.connectorconfig.name = org.apache.kafka.connect.runtime.ConnectorConfig
logger.connectorconfig.level = error
logger.sourceconfig.name = org.apache.kafka.connect.runtime.SourceConnectorConfig
logger.sourceconfig.level = error
logger.sinkconfig.name = org.apache.kafka.connect.runtime.SinkConnectorConfig
logger.sinkconfig.level = error
logger.taskconfig.name = org.apache.kafka.connect.runtime.TaskConfig
logger.taskconfig.level = error
logger.enrichedconfig.name = org.apache.kafka.connect.runtime.ConnectorConfig$EnrichedConnectorConfig
logger.enrichedconfig.level = error
logger.jersey.name = org.glassfish.jersey
logger.jersey.level = error
logger.canary.name = io.ephk.connect
logger.canary.level = info
"""


def worker_properties(config: WorkersConfig, layout: WorkersLayout, port: int, key_password: str) -> dict[str, str]:
    """Return one worker's settings; what keeps the worker safe comes last, so that nothing can override it.

    Args:
        config: the cluster.
        layout: its files.
        port: of this worker's REST interface.
        key_password: of the REST interface's key store; a secret.
    """
    security = _kafka_security(config, layout)
    # Producers, consumers and Admin clients of connectors do not inherit the worker's own settings.
    kinds = ("producer", "consumer", "admin")
    clients = {f"{kind}.{name}": value for kind in kinds for name, value in security.items()}
    return {
        **DEFAULT_CONVERTERS,
        **_QUICK,
        **config.properties,
        "bootstrap.servers": config.bootstrap_servers,
        "group.id": config.group_id,
        "config.storage.topic": config.internal_topic("configs"),
        "offset.storage.topic": config.properties.get("offset.storage.topic", config.internal_topic("offsets")),
        "status.storage.topic": config.internal_topic("status"),
        # -1 takes the brokers' own default.
        "config.storage.replication.factor": "-1",
        "offset.storage.replication.factor": "-1",
        "status.storage.replication.factor": "-1",
        "plugin.path": str(config.plugin_path),
        "plugin.discovery": "service_load" if config.service_load else "hybrid_warn",
        **security,
        **clients,
        **_rest(layout, port, key_password),
    }


def _rest(layout: WorkersLayout, port: int, key_password: str) -> dict[str, str]:
    return {
        "listeners": f"https://{LOOPBACK}:{port}",
        "rest.advertised.listener": "https",
        "rest.advertised.host.name": LOOPBACK,
        "rest.advertised.port": str(port),
        "rest.extension.classes": "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension",
        "listeners.https.ssl.keystore.type": "PKCS12",
        "listeners.https.ssl.keystore.location": str(layout.keystore),
        "listeners.https.ssl.keystore.password": key_password,
        "listeners.https.ssl.key.password": key_password,
        "listeners.https.ssl.truststore.type": "PKCS12",
        "listeners.https.ssl.truststore.location": str(layout.rest_ca),
        "listeners.https.ssl.truststore.password": TRUST_PASSWORD,
        "listeners.https.ssl.enabled.protocols": "TLSv1.2,TLSv1.3",
        "listeners.https.ssl.client.auth": "none",
    }


def _kafka_security(config: WorkersConfig, layout: WorkersLayout) -> dict[str, str]:
    protocol = ("SASL_" if config.iam else "") + ("SSL" if config.tls else "PLAINTEXT")
    security = {"security.protocol": protocol, "enable.metrics.push": "false", **(config.security or {})}
    if config.tls and config.broker_ca_pem is not None:
        security |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(layout.broker_ca)}
    if config.iam and config.access is not None:
        security |= {
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.login.callback.handler.class": "io.ephk.kafka.RoleTokenLoginCallbackHandler",
            "sasl.jaas.config": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
            f'ephk.token.url="{config.access.token_url}" '
            f'ephk.token.authorization.file="{layout.authorization}" '
            f'ephk.region="{config.region}";',
        }
    return security


def jaas(layout: WorkersLayout) -> str:
    """Return the login configuration of the REST interface (KIP-285)."""
    module = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
    return f'KafkaConnect {{\n  {module} required file="{layout.users}";\n}};\n'


def jvm_flags(config: WorkersConfig, layout: WorkersLayout) -> tuple[str, ...]:
    """Return the JVM's options beside those of every process; none of them is secret."""
    flags = [f"-Djava.security.auth.login.config={layout.jaas}"]
    if config.access is not None:
        flags += [
            f"-Djavax.net.ssl.trustStore={layout.trust}",
            "-Djavax.net.ssl.trustStoreType=PKCS12",
            f"-Djavax.net.ssl.trustStorePassword={TRUST_PASSWORD}",
        ]
    return tuple(flags)


def environment(config: WorkersConfig, layout: WorkersLayout) -> dict[str, str]:
    """Return the variables by which AWS SDKs in a plugin find the role's credentials and the endpoint.

    ("Container credential provider", AWS SDKs and Tools Reference Guide.) The owner's own profiles are out of reach.
    """
    nowhere = str(layout.directory / "no-aws-profile")
    values = {
        "AWS_REGION": config.region,
        "AWS_SHARED_CREDENTIALS_FILE": nowhere,
        "AWS_CONFIG_FILE": nowhere,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if config.access is not None:
        values |= {
            "AWS_ENDPOINT_URL": config.access.endpoint_url,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": config.access.credentials_url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(layout.authorization),
        }
    return values
