"""One role in one run: its session, its names, and what its permissions are tried on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.access import Access
from contracts.iam.attempts import Answer, Attempt
from contracts.iam.roles import Role, roles_of
from contracts.model import Watch
from orchestrator.aws import AwsSession
from orchestrator.environment import Bucket, Environment

#: Both are enabled in every account; the one that is not the environment's own is "another region".
_OTHER_REGIONS = ("us-west-2", "us-east-1")


@dataclass(frozen=True)
class Check:
    """One permission of one role.

    Attributes:
        action: the IAM action.
        resource: the ARN that the request acts on.
        attempt: how it is tried live; None when that could do harm, or is no request of its own.
        context: condition keys of the request, beside those that every request has.
    """

    action: str
    resource: str
    attempt: Attempt | None = field(default=None, compare=False, repr=False)
    context: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Scene:
    """A role at work in a run.

    Args:
        access: the run's access.
        role: whose permissions are tried.
        watch: the probe's clock.
    """

    access: Access
    role: Role
    watch: Watch

    @property
    def environment(self) -> Environment:
        """The environment."""
        return self.access.environment

    @property
    def session(self) -> AwsSession:
        """A session of the role (AssumeRole), made once in a run."""
        return self.access.credentials.role(self.role.arn, self.watch)

    def client(self, service: str) -> Any:
        """Return a boto3 client with the role's credentials."""
        return self.session.client(service)

    def client_elsewhere(self, service: str) -> tuple[Any, str]:
        """Return a client with the role's credentials in another region, and that region."""
        cloud = self.environment.cloud
        region = next(name for name in _OTHER_REGIONS if name != cloud.region)

        def make() -> Any:
            elsewhere = AwsSession(cloud.model_copy(update={"region": region}), self.session.credentials)
            return elsewhere.client(service)

        return self.access.once(("elsewhere", self.role.arn, service), make, self.watch), region

    def admin(self, service: str) -> Any:
        """Return a client of the verifying session, which takes back what a role should not have been able to make."""
        return self.access.client(service)

    @property
    def bucket(self) -> Bucket | None:
        """The environment's bucket."""
        return self.environment.bucket

    @property
    def probe_name(self) -> str:
        """The name of whatever a role should not be able to make."""
        return f"ephk-probe-{self.environment.lease_id}-{self.role.label}"[:64]

    def iam_arn(self, kind: str, name: str) -> str:
        """Return the ARN of a user, role or instance profile of the account."""
        return f"arn:aws:iam::{self.environment.cloud.account_id}:{kind}/{name}"

    def other_roles(self) -> tuple[Role, ...]:
        """Return the environment's other roles."""
        return tuple(role for role in roles_of(self.environment) if role.arn != self.role.arn)

    def kafka_arn(self, kind: str, name: str) -> str:
        """Return the ARN of a topic, group or transactional id of the cluster ("IAM access control", MSK guide)."""
        return self.environment.cluster.arn.replace(":cluster/", f":{kind}/", 1) + f"/{name}"

    def answer(self, check: Check) -> Answer | None:
        """Try a check live, once in a run; None when it has no attempt."""
        attempt = check.attempt
        if attempt is None:
            return None
        self.watch.waiting(f"{self.role.label} to be answered {check.action} on {check.resource}")
        key = ("attempt", self.role.arn, check.action, check.resource)
        return self.access.once(key, lambda: attempt.run(check.action), self.watch)
