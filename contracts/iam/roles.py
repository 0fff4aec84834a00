"""Whose permissions are looked at: every IAM role that the environment names."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.environment import Environment, Principal

#: Purposes that administer environments: they delete clusters, which the others must not.
ADMINISTERING = frozenset({"ci"})
#: Purposes that hold what is in the bucket, and have nothing to do at the brokers.
STORING = frozenset({"connector"})
#: Purposes of workers that move data between Kafka and the bucket: both are theirs, each as far as they were granted.
WORKING = frozenset({"worker"})


@dataclass(frozen=True)
class Role:
    """One IAM role of the environment.

    Attributes:
        label: its part of a contract's id: the purpose (`operator`), or `client-<principal>`.
        arn: the role's ARN.
        purpose: `operator`, `connector`, `worker`, `ci`, or `client` for an IAM principal; any other purpose is held
            to all prohibitions.
        principal: the IAM principal that it belongs to, if it does.
    """

    label: str
    arn: str
    purpose: str
    principal: Principal | None = None

    @property
    def name(self) -> str:
        """The role's name without its path."""
        return self.arn.rsplit("/", 1)[1]

    @property
    def identity(self) -> Principal:
        """The role as an identity of the IAM listener."""
        if self.principal is not None:
            return self.principal
        return Principal(name=self.label, auth="iam", kafka_principal=f"User:{self.arn}", role_arn=self.arn)


def roles_of(environment: Environment) -> tuple[Role, ...]:
    """Return the environment's roles: those with a purpose first, then one for each IAM principal."""
    found = [Role(purpose, arn, purpose) for purpose, arn in environment.roles.items()]
    known = {role.arn for role in found}
    for principal in environment.principals:
        if principal.role_arn is not None and principal.role_arn not in known:
            known.add(principal.role_arn)
            found.append(Role(f"client-{principal.name}", principal.role_arn, "client", principal))
    return tuple(found)
