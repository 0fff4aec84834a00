"""The real workers of a connector, made from what the control plane knows about it."""

from __future__ import annotations

from pathlib import Path

from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.kafkaconnect.model import Connector, Workers


def real_workers(
    context: CloudContext, connector: Connector, plugin_path: Path, properties: dict[str, str], service_load: bool
) -> Workers:
    """Return workers that are not started yet.

    Args:
        context: the embedded cloud.
        connector: the connector.
        plugin_path: the directory with its unpacked plugin.
        properties: the worker configuration.
        service_load: whether the plugin declares its connectors for `java.util.ServiceLoader`.

    Raises:
        EphkError: the Kafka runtime cannot be made ready.
    """
    from orchestrator.embedded.connect_workers import ConnectWorkers, WorkersConfig
    from orchestrator.embedded.connect_workers.config import RoleAccess

    spec = connector.spec
    inside = f"{context.authority_url.removesuffix('/authority')}/connectors/{connector.uuid}"
    config = WorkersConfig(
        name=spec.name,
        uuid=connector.uuid,
        region=context.region,
        directory=connector.directory,
        bootstrap_servers=spec.bootstrap_servers,
        iam=spec.iam,
        tls=spec.tls,
        broker_ca_pem=context.peer("kafka").ca_of(spec.bootstrap_servers),
        trusted_pems=context.peer("kafka").authorities(),
        plugin_path=plugin_path,
        service_load=service_load,
        properties=properties,
        workers=spec.workers,
        access=RoleAccess(f"{inside}/token", f"{inside}/credentials", context.endpoint, context.ca_bundle),
        authorization=connector.authorization,
        rest_password=connector.rest_password,
    )
    return ConnectWorkers(config, context.connect_runtime())
