"""The target switch: where environments are provisioned. The only module that imports `orchestrator.embedded`."""

from __future__ import annotations

import os
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import java_client_versions
from orchestrator.aws import AwsSession, Credentials
from orchestrator.aws_target import AwsTarget, ProviderName
from orchestrator.connect_validation import ConnectorToValidate, Judgement
from orchestrator.embedded import cloud as embedded_cloud
from orchestrator.embedded.cloud import CloudInfo
from orchestrator.environment import CloudEndpoint, ConnectRestEndpoint, SchemaRegistry
from orchestrator.errors import EphkError, UsageError
from orchestrator.java_client_versions import JavaClient
from orchestrator.lease import Lease
from orchestrator.paths import cache_home
from orchestrator.progress import Progress
from orchestrator.spec_registry import SchemaRegistrySpec
from orchestrator.target_interface import CloudGoneError, Target, TargetName

if TYPE_CHECKING:
    from orchestrator.engine.backend import StateBackend

#: The embedded cloud's only region.
EMBEDDED_REGION = "us-east-1"
#: The embedded account; the gateway says the same.
EMBEDDED_ACCOUNT = "123456789012"

#: Names a role of the embedded account to act as, so that its policy is enforced for everything that a command does.
ACT_AS_VARIABLE = "EPHK_ACT_AS_ROLE"
#: Where a lease's schema registry lives, below the lease; the embedded cloud sweeps the same.
_REGISTRY = "registry"


class _PluginArchives:
    """Plugins are fetched and built on this machine, wherever they are uploaded to."""

    def prepare_plugins(self, progress: Progress) -> None:
        """Build what goes with plugins: the canary, the configuration provider, the program that judges; all cached."""
        from orchestrator.embedded.runtime.canary import ensure_canary_plugin
        from orchestrator.embedded.runtime.config_provider import ensure_config_provider
        from orchestrator.embedded.runtime.validation import ensure_validator

        ensure_canary_plugin(progress)
        ensure_config_provider(progress)
        ensure_validator(progress)

    def plugin_archive(self, coordinate: str | None, progress: Progress) -> Path:
        """Fetch a jar of an exact version, or build the canary; quick when it is cached."""
        if coordinate is None:
            from orchestrator.embedded.runtime.canary import ensure_canary_plugin

            return ensure_canary_plugin(progress)
        from orchestrator.embedded.runtime.artifacts import MIRROR

        if coordinate == MIRROR:
            from orchestrator.embedded.runtime.mirror import ensure_mirror_plugin

            return ensure_mirror_plugin(progress)
        from orchestrator.embedded.runtime.jars import ensure_artifact

        return ensure_artifact(coordinate, cache_home() / "plugins", progress)

    def with_config_provider(self, archive: Path, progress: Progress) -> Path:
        """Pack the provider beside the plugin's jars; quick when it is cached."""
        from orchestrator.embedded.runtime.config_provider import with_config_provider

        return with_config_provider(archive, progress)

    def validate_connectors(self, wanted: Sequence[ConnectorToValidate], progress: Progress) -> dict[str, Judgement]:
        """Load the plugins in a JVM of their own; quick when the same was judged before."""
        from orchestrator.embedded.runtime.validation import validate_connectors

        return validate_connectors(wanted, progress)


class EmbeddedTarget(_PluginArchives):
    """AWS on this machine: the embedded cloud and its real brokers."""

    name: TargetName = "embedded"

    def prepare(self, progress: Progress, region: str) -> None:
        """Fetch the JRE, the Kafka jars and the class-data archive; quick when they are cached.

        Raises:
            UsageError: the region is not the embedded cloud's.
        """
        if region != EMBEDDED_REGION:
            raise UsageError(
                f"the embedded cloud has one region, {EMBEDDED_REGION}; the spec asks for {region}",
                next_step=f"Leave 'region' out, or set it to {EMBEDDED_REGION}.",
            )
        from orchestrator.embedded.runtime import ensure_kafka_runtime

        ensure_kafka_runtime(progress)

    def start(self, progress: Progress) -> AwsSession:
        """Find the running cloud or start one."""
        return _session(embedded_cloud.start(progress))

    def session(self) -> AwsSession:
        """Return a session of the running cloud.

        Raises:
            CloudGoneError: no embedded cloud runs.
        """
        info = embedded_cloud.status()
        if info is None:
            raise CloudGoneError(
                "the embedded cloud is not running: it was stopped or killed while the environment was up",
                next_step="Clean up what it left with 'ephk down', then bring the environment up again.",
            )
        return _session(info)

    def plugin_environment(self, session: AwsSession) -> dict[str, str]:
        """Return the gateway's address and keys as the AWS SDKs read them."""
        if session.credentials is None or session.cloud.endpoint_url is None or session.cloud.ca_bundle is None:
            raise ValueError("not a session of the embedded cloud")
        token = session.credentials.session_token
        return {
            **({"AWS_SESSION_TOKEN": token} if token else {}),
            "AWS_ENDPOINT_URL": session.cloud.endpoint_url,
            "AWS_CA_BUNDLE": session.cloud.ca_bundle,
            "AWS_REGION": session.cloud.region,
            "AWS_DEFAULT_REGION": session.cloud.region,
            "AWS_ACCESS_KEY_ID": session.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.credentials.secret_access_key,
            "AWS_S3_USE_PATH_STYLE": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def zones(self, session: AwsSession, count: int) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's names
        """Return the first zones of the embedded region, whose names are known without asking."""
        return embedded_zones(count)

    def boundary_arn(self) -> str | None:
        """Return None: nobody set this account up."""
        return None

    def broker_ca(self, session: AwsSession, cluster_arn: str) -> str | None:
        """Read the cluster's CA from the gateway: MSK's API has no such call, since MSK's CA is public."""
        uuid = cluster_arn.rsplit("/", 1)[-1]
        url = f"{session.cloud.http_endpoint_url}/_ephk/clusters/{uuid}/ca.pem"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own loopback endpoint
            return str(answer.read().decode())

    def state_backend(self, lease_id: str) -> StateBackend | None:  # noqa: ARG002 - the protocol's name
        """Return None: the state ends with the lease's directory."""
        return None

    def prepare_connect(self, progress: Progress) -> None:
        """Make the workers' class-data archive; quick when it is cached."""
        from orchestrator.embedded.runtime.connect import ensure_connect_runtime

        ensure_connect_runtime(progress)

    def connect_rest(self, session: AwsSession, connector_arn: str) -> ConnectRestEndpoint | None:
        """Ask the gateway: MSK Connect's API has no such call, since its workers have no open interface."""
        from orchestrator.embedded.connector_rest import await_connector_rest

        uuid = connector_arn.rsplit("/", 1)[-1]
        document = await_connector_rest(f"{session.cloud.http_endpoint_url}/_ephk/connectors/{uuid}/rest")
        return ConnectRestEndpoint.model_validate({key: document[key] for key in ConnectRestEndpoint.model_fields})

    def end_leftovers(self, lease_directory: Path) -> int:
        """End brokers that outlived a killed cloud."""
        from orchestrator.embedded.brokers import BrokerCluster

        return int(BrokerCluster.end_leftovers(lease_directory))

    def prepare_registry(self, progress: Progress, wanted: SchemaRegistrySpec) -> None:
        """Fetch the registry when the spec wants one to be run; an existing one needs nothing."""
        if wanted.kind is not None:
            from orchestrator.embedded.registry import ensure_registry

            ensure_registry(progress)

    def start_registry(
        self, lease_directory: Path, user: tuple[str, str], compatibility: str, stopping: threading.Event
    ) -> SchemaRegistry:
        """Start Apicurio Registry on a loopback port."""
        from orchestrator.embedded.registry import RegistrySettings, start_registry

        settings = RegistrySettings(lease_directory / _REGISTRY, *user, compatibility=compatibility)
        running = start_registry(settings, stopping)
        return SchemaRegistry(url=running.url, ca_pem=running.ca_pem)

    def end_registry(self, lease_directory: Path) -> bool:
        """End it by its record."""
        directory = lease_directory / _REGISTRY
        if not directory.is_dir():
            return False
        from orchestrator.embedded.registry import end_registry

        return end_registry(directory)

    def release(self) -> None:
        """Stop the cloud when the last lease is gone, unless a person started it."""
        embedded_cloud.stop_if_idle()


class _AwsAccount(_PluginArchives, AwsTarget):
    """A real AWS account, with plugins that are fetched and built here before they are uploaded."""

    def prepare_connect(self, progress: Progress) -> None:
        """Do nothing: MSK Connect has its own workers."""

    def connect_rest(self, session: AwsSession, connector_arn: str) -> ConnectRestEndpoint | None:  # noqa: ARG002
        """Return None: MSK Connect's workers have no interface that a customer could reach."""
        return None


def embedded_zones(count: int) -> tuple[str, ...]:
    """Return the names of the embedded region's first zones; a test compares them with what its EC2 says."""
    return tuple(f"{EMBEDDED_REGION}{letter}" for letter in "abcdef"[:count])


def target_named(name: str, *, provider: ProviderName = "official") -> Target:
    """Return the target called `name`; `provider` is the plugin that will run there, which AWS checks."""
    return _AwsAccount(provider=provider) if name == "aws" else EmbeddedTarget()


def target_of(lease: Lease) -> Target:
    """Return the target that a lease lives on; on AWS in the region that its spec names."""
    if lease.target == "aws":
        return _AwsAccount(lease.spec.get("region"), lease.provider)
    return EmbeddedTarget()


def _session(info: CloudInfo) -> AwsSession:
    """Return the administrator's session of the embedded cloud, or that of the role to act as."""
    session = AwsSession(info.cloud_endpoint(), Credentials(info.access_key_id, info.secret_access_key))
    role = os.environ.get(ACT_AS_VARIABLE)
    if not role:
        return session
    from botocore.exceptions import ClientError

    try:
        return session.assume_role(role)
    except ClientError as error:
        raise EphkError(
            f"cannot act as {role}: {error.response['Error'].get('Message', error)}",
            next_step=f"Make the role in the embedded cloud first, or unset {ACT_AS_VARIABLE}.",
        ) from None


def cloud_start(
    progress: Progress, *, port: int | None = None, http_port: int | None = None, scenario: Path | None = None
) -> CloudInfo:
    """Start the embedded cloud for a person: it stays until it is stopped; raises EphkError when it cannot."""
    return embedded_cloud.start(progress, port=port, http_port=http_port, scenario=scenario, keep=True)


def cloud_status() -> CloudInfo | None:
    """Return the running embedded cloud, or None."""
    return embedded_cloud.status()


def cloud_stop() -> bool:
    """Stop the embedded cloud; returns whether it was running."""
    return bool(embedded_cloud.stop())


def cloud_sweep() -> None:
    """Remove what an embedded cloud that was killed left on disk and running; does nothing while one runs.

    Raises:
        EphkError: somebody is starting or stopping a cloud.
    """
    embedded_cloud.sweep_dead()


def kafka_runtime_report() -> tuple[bool, str]:
    """Tell whether the Kafka runtime is in the cache, and what is there, without fetching anything."""
    from orchestrator.embedded.runtime.artifacts import KAFKA_LOCK, read_lock

    directory = cache_home() / "jars"
    artifacts = read_lock(KAFKA_LOCK)
    there = sum((directory / artifact.filename).is_file() for artifact in artifacts)
    return there == len(artifacts), f"{there} of {len(artifacts)} jars in {directory}"


def java_clients(
    progress: Progress | None = None, versions: Sequence[str] = java_client_versions.VERSIONS
) -> dict[str, JavaClient]:
    """Return Apache's Java clients by version: those in the cache, or all of them, fetched, when `progress` is given.

    Raises:
        EphkError: a jar could not be fetched or differs from its lock.
    """
    from orchestrator.embedded.java_clients import cached_clients, ensure_clients

    return cached_clients(versions) if progress is None else ensure_clients(progress, versions)


def streams_application(progress: Progress | None = None) -> tuple[str, ...] | None:
    """Return the command of the Kafka Streams application: None when it is not in the cache, fetched given `progress`.

    Raises:
        EphkError: a jar could not be fetched or differs from its lock.
    """
    from orchestrator.embedded.java_streams import cached_streams, ensure_streams

    return cached_streams() if progress is None else ensure_streams(progress)


def preview_session() -> AwsSession:
    """Return a session that names the embedded account and reaches nothing: for previews, which call no cloud."""
    nowhere = "https://127.0.0.1:9"
    cloud = CloudEndpoint(region=EMBEDDED_REGION, account_id=EMBEDDED_ACCOUNT, endpoint_url=nowhere)
    return AwsSession(cloud, Credentials("preview", "preview"))
