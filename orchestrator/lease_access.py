"""From a lease to what it owns: its cloud's session, its Pulumi stack. Nothing else is needed to reach either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import paths
from orchestrator.aws import AwsSession
from orchestrator.errors import EphkError
from orchestrator.lease import Lease
from orchestrator.target import target_of
from orchestrator.target_interface import CloudGoneError

if TYPE_CHECKING:  # Pulumi's SDK is loaded where it is used: most commands need it not
    from orchestrator.engine.stack import EnvironmentStack


def stack_of(lease: Lease) -> EnvironmentStack:
    """Return the Pulumi stack of a lease; nothing runs yet."""
    from orchestrator.engine.stack import EnvironmentStack

    backend = target_of(lease).state_backend(lease.id)
    return EnvironmentStack(paths.lease_dir(lease.id), lease.id, provider=lease.provider, backend=backend)


def session_of(lease: Lease) -> AwsSession:
    """Return the administrator's session of the cloud that a lease lives in.

    Raises:
        CloudGoneError: it does not run, or another one runs in its place; on AWS that is never so.
        EphkError: the lease on AWS is at another endpoint, or there are no credentials.
    """
    session = target_of(lease).session()
    environment = lease.environment
    if environment is not None and environment.cloud.endpoint_url != session.cloud.endpoint_url:
        if lease.target == "aws":  # never taken for gone: the account is there, and so are its resources
            raise EphkError(
                f"{lease.name} is at {environment.cloud.endpoint_url or 'AWS'}, and this command asks "
                f"{session.cloud.endpoint_url or 'AWS'}",
                next_step="Set AWS_ENDPOINT_URL as it was when the environment was made, or unset it for AWS.",
            )
        raise CloudGoneError(
            f"the embedded cloud that {lease.name} lived in is gone; another one runs in its place",
            next_step=f"Clean up with: ephk down {lease.name}",
        )
    return session
