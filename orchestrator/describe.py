"""From a stack's outputs and the cloud's own answers to the environment object that contracts see."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from orchestrator.aws import AwsSession
from orchestrator.connect_secrets import provider_properties, with_full_names
from orchestrator.environment import (
    AlarmRouting,
    Bucket,
    Cluster,
    Environment,
    Link,
    Listener,
    Network,
    Principal,
    Topic,
)
from orchestrator.lease import Lease
from orchestrator.spec import EnvironmentSpec
from orchestrator.target_interface import Target
from stacks.broker_settings import server_properties
from stacks.inputs import (
    BrokerInputs,
    ConnectInputs,
    ConnectorInputs,
    ConnectSecretInputs,
    EgressInputs,
    LinkInputs,
    ObservabilityInputs,
    PluginInputs,
    PrincipalInputs,
    RegistryInputs,
    StackInputs,
)

#: Bytes of randomness in a SCRAM password, and in the schema registry's.
_PASSWORD_BYTES = 24

#: Members of GetBootstrapBrokers' answer ("GetBootstrapBrokers", Amazon MSK API Reference).
_BOOTSTRAP_MEMBERS: dict[Listener, str] = {
    "scram": "BootstrapBrokerStringSaslScram",
    "iam": "BootstrapBrokerStringSaslIam",
    "mtls": "BootstrapBrokerStringTls",
}

_CONNECTOR_FIELDS = {"name", "plugin", "tasks", "workers", "consumes", "produces", "bucket_prefix"}


def describe_environment(
    lease: Lease,
    spec: EnvironmentSpec,
    outputs: Mapping[str, Any],
    session: AwsSession,
    target: Target,
    *,
    links: Mapping[str, Link] | None = None,
) -> Environment:
    """Build the environment object of a lease that has just been provisioned.

    Args:
        lease: whose environment.
        spec: with its links filled in.
        outputs: of the stack.
        session: the administrator's.
        target: where it is.
        links: the environments that connectors read from, by connector.

    Raises:
        KeyError: the stack did not export what the object needs.
        botocore.exceptions.ClientError: the cluster does not tell its bootstrap servers.
    """
    cluster = describe_cluster(str(outputs["cluster_arn"]), spec, session, target)
    roles = {str(purpose): str(arn) for purpose, arn in outputs["role_arns"].items()}
    known = bare_environment(lease, spec, session, cluster, roles["operator"])
    return known.model_copy(
        update={
            "cluster": cluster.model_copy(
                update={"certificate_authority_arn": outputs.get("certificate_authority_arn")}
            ),
            "network": Network(
                vpc_id=outputs["vpc_id"],
                subnet_ids=tuple(outputs["subnet_ids"]),
                route_table_ids=tuple(outputs["route_table_ids"]),
                s3_endpoint_id=outputs["s3_endpoint_id"],
                broker_security_group_id=outputs["broker_security_group_id"],
                client_security_group_id=outputs["client_security_group_id"],
            ),
            "bucket": Bucket(name=outputs["bucket_name"], kms_key_arn=outputs["kms_key_arn"]),
            "principals": principals(
                spec, secret_arns=outputs["secret_arns"], principal_role_arns=outputs["principal_role_arns"]
            ),
            "topics": topics(spec),
            "roles": roles,
            "boundary_arn": outputs.get("boundary_arn"),
            "log_group": outputs.get("log_group"),
            "alarms": AlarmRouting(**outputs["alarms"]) if outputs.get("alarms") else None,
            "flow_log_id": outputs.get("flow_log_id"),
            **_connect(lease, spec, outputs, session, target, links or {}),
        }
    )


def _connect(
    lease: Lease,
    spec: EnvironmentSpec,
    outputs: Mapping[str, Any],
    session: AwsSession,
    target: Target,
    links: Mapping[str, Link],
) -> dict[str, Any]:
    if spec.connect is None or not outputs.get("connect"):
        return {}
    from orchestrator import connect_readback

    prefix = f"ephk-{lease.id}"
    described = connect_readback.describe(spec.connect, prefix, outputs["connect"], session, target, links)
    urls = [url for connector in described.connectors if connector.rest for url in connector.rest.urls]
    return {"connect": described, "connect_url": urls[0] if urls else None}


def describe_cluster(arn: str, spec: EnvironmentSpec, session: AwsSession, target: Target) -> Cluster:
    """Return an active cluster with its bootstrap servers; raises botocore's ClientError while it has none."""
    answer = session.client("kafka").get_bootstrap_brokers(ClusterArn=arn)
    return Cluster(
        arn=arn,
        name=arn.split("/")[-2],
        kafka_version=spec.brokers.kafka_version,
        brokers=spec.brokers.count,
        bootstrap={listener: answer[member] for listener, member in _BOOTSTRAP_MEMBERS.items() if answer.get(member)},
        ca_pem=target.broker_ca(session, arn),
        settings=server_properties(broker_inputs(spec)),
    )


def broker_inputs(spec: EnvironmentSpec) -> BrokerInputs:
    """Return what the program is told of the brokers."""
    return BrokerInputs(
        count=spec.brokers.count,
        instance_type=spec.brokers.instance_type,
        storage_gb=spec.brokers.storage_gb,
        kafka_version=spec.brokers.kafka_version,
        server_properties=spec.brokers.config,
    )


def bare_environment(
    lease: Lease, spec: EnvironmentSpec, session: AwsSession, cluster: Cluster, operator_arn: str
) -> Environment:
    """Return an environment of which only the cluster and the operator role are known yet."""
    return Environment(
        lease_id=lease.id,
        name=lease.name,
        flavour=spec.flavour,
        target=lease.target,
        created_at=lease.created_at,
        expires_at=lease.expires_at,
        cloud=session.cloud,
        cluster=cluster,
        roles={"operator": operator_arn},
        tags=lease.tags,
    )


def topics(spec: EnvironmentSpec) -> tuple[Topic, ...]:
    """Return the spec's topics as declared, with the replication factor that follows from the brokers."""
    return tuple(
        Topic(
            name=topic.name,
            partitions=topic.partitions,
            replication_factor=spec.replication_factor(topic),
            config=dict(topic.config),
        )
        for topic in spec.topics
    )


def principals(
    spec: EnvironmentSpec, *, secret_arns: Mapping[str, str], principal_role_arns: Mapping[str, str]
) -> tuple[Principal, ...]:
    """Return the spec's principals with where their secrets are kept.

    A SCRAM user and a certificate's common name are the principal's name; an IAM principal is its role's ARN.
    """
    return tuple(
        Principal(
            name=principal.name,
            auth=principal.auth,
            kafka_principal=f"User:{principal_role_arns.get(principal.name, principal.name)}",
            secret_arn=secret_arns.get(principal.name),
            role_arn=principal_role_arns.get(principal.name),
            grants=tuple(grant.as_grant() for grant in principal.grants),
        )
        for principal in spec.principals
    )


def stack_inputs(
    lease: Lease,
    spec: EnvironmentSpec,
    session: AwsSession,
    zones: tuple[str, ...],
    plugins: tuple[PluginInputs, ...] = (),
    *,
    links: Mapping[str, LinkInputs] | None = None,
    boundary_arn: str | None = None,
) -> StackInputs:
    """Return what the Pulumi program is told, with a fresh random password for each SCRAM principal.

    Args:
        lease: whose environment.
        spec: as asked for.
        session: names region and account.
        zones: availability zones.
        plugins: what `connect_preflight.prepare` returned for the spec.
        links: what connectors may do in the environments that they read from, by connector.
        boundary_arn: the account's permissions boundary; None makes one of the environment's own.
    """
    return StackInputs(
        lease_id=lease.id,
        name=lease.name,
        region=session.cloud.region,
        account_id=session.cloud.account_id,
        zones=zones,
        cidr=spec.network.cidr,
        brokers=broker_inputs(spec),
        principals=tuple(
            PrincipalInputs(
                name=principal.name,
                auth=principal.auth,
                password=secrets.token_urlsafe(_PASSWORD_BYTES) if principal.auth == "scram" else None,
                grants=tuple(grant.as_grant() for grant in principal.grants),
            )
            for principal in spec.principals
        ),
        bucket_expire_days=spec.bucket.expire_days,
        tags=lease.tags,
        scram="scram" in spec.auth,
        mtls="mtls" in spec.auth,
        registry=(
            RegistryInputs("registry", secrets.token_urlsafe(_PASSWORD_BYTES))
            if spec.schema_registry is not None and spec.schema_registry.kind is not None
            else None
        ),
        boundary_arn=boundary_arn,
        connect=_connect_inputs(spec, plugins, f"ephk-{lease.id}", links or {}),
        observability=(
            ObservabilityInputs(**spec.observability.model_dump()) if spec.observability else ObservabilityInputs()
        ),
    )


def _connect_inputs(
    spec: EnvironmentSpec, plugins: tuple[PluginInputs, ...], prefix: str, links: Mapping[str, LinkInputs]
) -> ConnectInputs | None:
    connect = spec.connect
    if connect is None:
        return None
    names = connect.secret_names(prefix)
    return ConnectInputs(
        plugins=plugins,
        connectors=tuple(
            ConnectorInputs(
                **connector.model_dump(include=_CONNECTOR_FIELDS),
                config={key: with_full_names(text, names) for key, text in connector.config.items()},
                secrets=tuple(secret.name for secret in connect.secrets_of(connector)),
                resolves=connect.needs_provider(connector),
                link=links.get(connector.name),
            )
            for connector in connect.connectors
        ),
        worker_properties=connect.worker_config,
        secrets=tuple(
            ConnectSecretInputs(
                secret.name,
                secret.full_name(prefix),
                values=None if secret.existing else secret.values(),
                kms_key_arn=secret.kms_key_arn,
            )
            for secret in connect.secrets
        ),
        provider_properties=provider_properties(connect.worker_config, spec.region),
        egress=tuple(
            EgressInputs(
                host.label,
                host.port,
                cidr=host.cidr,
                service=host.endpoint and f"com.amazonaws.{spec.region}.{host.endpoint}",
            )
            for host in connect.egress
        ),
    )
