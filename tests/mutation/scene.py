"""The environment that is broken: its administrator's hands on the cloud, the brokers' Admin API and their files."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confluent_kafka.admin import AdminClient

from contracts.access import Access
from contracts.catalogue import contracts_for
from contracts.model import Result, Watch
from contracts.runner import run
from orchestrator.environment import Bucket, Environment, Network
from orchestrator.processes import wait_until
from tests.mutation.model import matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.embedded.conftest import World

#: Seconds for brokers and services to show a change: ACLs, cached decisions, a broker's restart.
SETTLE_S = 60.0


class Scene:
    """A ready environment of the embedded target.

    Args:
        world: where it lives.
        environment: what it is.
    """

    def __init__(self, world: World, environment: Environment) -> None:
        self.world = world
        self.environment = environment
        self.session = world.administrator()
        self._access = Access(environment, self.session)
        self._admin: AdminClient | None = None

    def close(self) -> None:
        """Let go of connections."""
        self._end_admin()
        self._access.close()

    def _end_admin(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            with admin:  # ends it, before its brokers do
                pass

    # -- what is changed ---------------------------------------------------------------------------

    @functools.cache  # noqa: B019 - a scene lives as long as the process
    def aws(self, service: str) -> Any:
        """Return the administrator's client of a service."""
        return self.session.client(service)

    @property
    def network(self) -> Network:
        """The environment's network."""
        assert self.environment.network is not None
        return self.environment.network

    @property
    def bucket(self) -> Bucket:
        """The environment's bucket."""
        assert self.environment.bucket is not None
        return self.environment.bucket

    @property
    def bucket_arn(self) -> str:
        """The bucket's ARN."""
        return f"arn:aws:s3:::{self.bucket.name}"

    @property
    def cluster_arn(self) -> str:
        """The cluster's ARN."""
        return self.environment.cluster.arn

    def role(self, purpose: str) -> str:
        """Return a role's name by its purpose (`operator`, `connector`, `client-NAME`)."""
        return f"ephk-{self.environment.lease_id}-{purpose}"

    @property
    def admin(self) -> AdminClient:
        """The Admin API as the operator."""
        if self._admin is None:
            self._admin = AdminClient(self._access.librdkafka(self._access.operator, Watch(60)))
        self._admin.poll(0)  # the token comes through a callback, and a fresh one before a quarter of an hour is over
        return self._admin

    def tag_list(self) -> list[dict[str, str]]:
        """Return the lease's tags as most services take them."""
        return [{"Key": name, "Value": value} for name, value in self.environment.tags.items()]

    # -- a broker's own files ----------------------------------------------------------------------

    def broker_directory(self, broker: int) -> Path:
        """Return where a broker's properties and key store are."""
        return next(self.world.state.glob(f"leases/*/clusters/*/broker-{broker}"))

    def reboot(self, broker: int) -> None:
        """Reboot a broker through MSK's API and wait until the cluster is ACTIVE again."""
        kafka, arn = self.aws("kafka"), self.cluster_arn
        self.wait_active()
        operation = kafka.reboot_broker(ClusterArn=arn, BrokerIds=[str(broker)])["ClusterOperationArn"]
        self.wait_active()
        info = kafka.describe_cluster_operation(ClusterOperationArn=operation)["ClusterOperationInfo"]
        assert info["OperationState"] == "REBOOT_COMPLETE", info

    def wait_active(self) -> None:
        """Wait until the cluster is ACTIVE."""
        kafka = self.aws("kafka")
        active = lambda: kafka.describe_cluster(ClusterArn=self.cluster_arn)["ClusterInfo"]["State"] == "ACTIVE"  # noqa: E731
        assert wait_until(active, deadline_s=2 * SETTLE_S, poll_s=0.1), "the cluster does not become ACTIVE"

    # -- what is looked at -------------------------------------------------------------------------

    def verify(self, leave_out: Sequence[str] = (), only: Sequence[str] = ()) -> list[Result]:
        """Run the catalogue, or what matches `only`, without what matches `leave_out`."""
        chosen = [
            contract.id
            for contract in contracts_for(self.environment)
            if (not only or matches(contract.id, only)) and not matches(contract.id, leave_out)
        ]
        if not chosen:
            return []
        # Contracts may restart brokers, after which an idle Admin client was seen not to connect to one of them within
        # twenty seconds.
        self._end_admin()
        with Access(self.environment, self.session) as access:
            return run(self.environment, access, select=[literal(name) for name in chosen])

    def settled(self, patterns: Iterable[str], status: str) -> bool:
        """Wait until all that matches has a status."""
        only = tuple(patterns)
        return wait_until(
            lambda: all(result.status == status for result in self.verify(only=only)),
            deadline_s=SETTLE_S,
            poll_s=0.1,
        )


def literal(identifier: str) -> str:
    """Return a pattern that means one id and nothing else."""
    return identifier.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")


def changed(
    change: Callable[[Scene], object], back: Callable[[Scene, Any], object]
) -> Callable[[Scene], AbstractContextManager[object]]:
    """Return a mutation of two calls: `change`, and `back`, which is given what `change` returned."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        made = change(scene)
        try:
            yield
        finally:
            back(scene, made)

    return broken


def as_json(document: Any) -> str:
    """Return a policy as the APIs take it."""
    return json.dumps(document)


def allow(action: str | list[str], resource: Any = "*", **more: Any) -> dict[str, Any]:
    """Return a policy of one Allow statement."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def widened(document: dict[str, Any], *statements: dict[str, Any]) -> str:
    """Return a policy with further statements."""
    return json.dumps({**document, "Statement": [*document["Statement"], *statements]})


def without(document: dict[str, Any], *sids: str) -> str:
    """Return a policy without the statements of these names; raises ValueError for a name that it does not have."""
    if missing := set(sids) - {statement.get("Sid") for statement in document["Statement"]}:
        raise ValueError(f"no statement is called {', '.join(sorted(missing))}")
    return json.dumps({**document, "Statement": [s for s in document["Statement"] if s.get("Sid") not in sids]})
