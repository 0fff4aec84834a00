"""A real AWS account as the place where environments are provisioned.

Nothing here is particular to the embedded cloud. With `AWS_ENDPOINT_URL` the same code runs against any endpoint that
speaks AWS's protocols, which is how it is rehearsed on one machine.
"""

from __future__ import annotations

import os
import ssl
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from orchestrator.aws import AwsSession
from orchestrator.environment import SchemaRegistry
from orchestrator.errors import EphkError, UsageError
from orchestrator.progress import Progress, SilentProgress
from orchestrator.spec_registry import SchemaRegistrySpec

if TYPE_CHECKING:
    from orchestrator.engine.backend import StateBackend

ProviderName = Literal["embedded", "official"]

#: Says that the machine that runs `up` is routed into a VPC that was made a moment ago.
REACHABLE = "EPHK_BROKERS_REACHABLE"


class AwsTarget:
    """The account and region of the caller's own credentials.

    Args:
        region: where the environment is; None takes the caller's own.
        provider: which provider plugin is going to run.
    """

    name: Literal["embedded", "aws"] = "aws"

    def __init__(self, region: str | None = None, provider: ProviderName = "official") -> None:
        self._region = region
        self._provider = provider

    def prepare(self, progress: Progress, region: str) -> None:  # noqa: ARG002 - the protocol's names
        """Check all that must be there before anything is made.

        Raises:
            EphkError: there are no credentials or they end too soon, the account was not set up, the provider does not
                fit the endpoint, or the brokers could not be reached.
        """
        from orchestrator.credential_life import check_caller
        from orchestrator.state_bucket import open_bucket

        self._region = region
        check_caller(self._provider)
        session = open_bucket().session
        self.check_provider(session)
        if session.cloud.endpoint_url is None and os.environ.get(REACHABLE) != "yes":
            raise EphkError(
                "this machine cannot reach the brokers: the environment's VPC is a new one without any way in, and "
                "topics and ACLs are made over the brokers' IAM listener; an MSK cluster would be paid for in vain",
                next_step=f"Where new VPCs are attached to this machine's network by themselves, set {REACHABLE}=yes. "
                "See docs/aws.md, 'What is not covered'.",
            )

    def check_provider(self, session: AwsSession) -> None:
        """Refuse a provider plugin that does not fit the endpoint.

        Raises:
            EphkError: the embedded plugin was asked for, and the endpoint is AWS's own.
        """
        if self._provider == "embedded" and session.cloud.endpoint_url is None:
            raise EphkError(
                "the embedded provider plugin cannot make an environment on AWS: it implements what the embedded "
                "cloud needs, and nobody has proved it against AWS",
                next_step="Leave --provider out: on AWS it is AWS's own plugin.",
            )

    def start(self, progress: Progress) -> AwsSession:  # noqa: ARG002 - the protocol's name
        """Return the caller's session; the account is always there."""
        return self.session()

    def session(self) -> AwsSession:
        """Return the caller's session in the environment's region; raises EphkError without credentials."""
        from orchestrator.state_bucket import caller_session

        return caller_session(self._region)

    def plugin_environment(self, session: AwsSession) -> dict[str, str]:
        """Return the region alone: the provider finds credentials and endpoint as every AWS tool does."""
        variables = {"AWS_REGION": session.cloud.region, "AWS_DEFAULT_REGION": session.cloud.region}
        if session.cloud.endpoint_url:
            variables["AWS_S3_USE_PATH_STYLE"] = "true"
        return variables

    def state_backend(self, lease_id: str) -> StateBackend | None:
        """Return the state bucket as the backend of the lease's stack; raises EphkError when it cannot be reached."""
        from orchestrator.engine.backend import S3Backend
        from orchestrator.state_bucket import open_bucket

        return S3Backend(open_bucket(), lease_id)

    def zones(self, session: AwsSession, count: int) -> tuple[str, ...]:
        """Return the first zones of the region that are open to the account.

        Raises:
            EphkError: the region has fewer.
        """
        # Local and Wavelength zones are zones too, and MSK is not in them.
        wanted = [
            {"Name": "state", "Values": ["available"]},
            {"Name": "zone-type", "Values": ["availability-zone"]},
            {"Name": "opt-in-status", "Values": ["opt-in-not-required"]},
        ]
        answer = session.client("ec2").describe_availability_zones(Filters=wanted)
        names = sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"])
        if len(names) < count:
            raise EphkError(
                f"region {session.cloud.region} offers {len(names)} availability zones, the spec asks for {count}",
                next_step="Lower network.zones or choose another region.",
            )
        return tuple(names[:count])

    def boundary_arn(self) -> str | None:
        """Return the boundary that `ephk bootstrap` made."""
        from orchestrator.state_bucket import open_bucket

        return open_bucket().record.boundary_arn

    def broker_ca(self, session: AwsSession, cluster_arn: str) -> str | None:
        """Return None on AWS: MSK's certificates chain to Amazon's public roots.

        Another endpoint's brokers have certificates of its own, and it says whose.
        """
        endpoint = session.cloud.endpoint_url
        if endpoint is None:
            return None
        url = f"{endpoint.rstrip('/')}/_ephk/clusters/{cluster_arn.rsplit('/', 1)[-1]}/ca.pem"
        context = ssl.create_default_context(cafile=session.cloud.ca_bundle)
        try:
            with urllib.request.urlopen(url, timeout=10, context=context) as answer:  # noqa: S310 - the SDKs' endpoint
                return str(answer.read().decode())
        except urllib.error.HTTPError:
            return None  # it is not the embedded cloud
        except (OSError, ValueError) as error:
            raise EphkError(f"cannot read the brokers' CA from {url}: {error}") from None

    def end_leftovers(self, lease_directory: Path) -> int:  # noqa: ARG002 - the protocol's name
        """Return 0: nothing of an environment on AWS runs here."""
        return 0

    def prepare_registry(self, progress: Progress, wanted: SchemaRegistrySpec) -> None:  # noqa: ARG002 - the protocol's name
        """Refuse to run one; an existing one needs nothing.

        Raises:
            UsageError: the spec wants a registry to be run.
        """
        if wanted.kind is not None:
            raise UsageError(
                "a schema registry is not provisioned on aws in this version: it would need a service (ECS or EC2), a "
                "database and a load balancer of its own",
                next_step="Name an existing one instead: 'schema_registry: {url: ..., secret: ...}'.",
            )

    def start_registry(
        self,
        lease_directory: Path,  # noqa: ARG002 - the protocol's names
        user: tuple[str, str],  # noqa: ARG002
        compatibility: str,
        stopping: threading.Event,  # noqa: ARG002
    ) -> SchemaRegistry:
        """Refuse like `prepare_registry`."""
        wanted = SchemaRegistrySpec.model_validate({"kind": "apicurio", "compatibility": compatibility})
        self.prepare_registry(SilentProgress(), wanted)
        raise AssertionError("prepare_registry has refused")

    def end_registry(self, lease_directory: Path) -> bool:  # noqa: ARG002 - the protocol's name
        """Return False: nothing of an environment on AWS runs here."""
        return False

    def release(self) -> None:
        """Do nothing: the account stays."""
