"""Topics and ACLs, made by the operator while the rest of the environment is still being made.

Connecting as the operator costs a second or more (role, token, TLS). It needs the cluster and the operator's policy
alone, and topics and ACLs need nothing more.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

from contracts.access import Access
from orchestrator import describe
from orchestrator.aws import AwsSession
from orchestrator.engine.events import Done
from orchestrator.environment import Environment
from orchestrator.kafka_admin import KafkaAdmin
from orchestrator.lease import Lease
from orchestrator.spec import EnvironmentSpec
from orchestrator.target_interface import Target

_CLUSTER = "aws:msk/cluster:Cluster"
_POLICY = ("aws:iam/rolePolicy:RolePolicy", "operator")
_ROLE = ("aws:iam/role:Role", "operator")


class OperatorAdmin:
    """Begins as soon as what it needs exists; use it as a context manager.

    Args:
        lease: whose environment.
        spec: as asked for.
        session: the administrator's session.
        target: where the environment is made.
    """

    def __init__(self, lease: Lease, spec: EnvironmentSpec, session: AwsSession, target: Target) -> None:
        self._lease, self._spec, self._session, self._target = lease, spec, session, target
        self._done: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="operator")
        self._early: Future[None] | None = None

    def notice(self, done: Done) -> None:
        """Take note of a resource that exists now; begins when the last one needed is there."""
        with self._lock:
            key = (done.type, "" if done.type == _CLUSTER else done.name)
            self._done[key] = done.id
            needed = ((_CLUSTER, ""), _ROLE, _POLICY)
            if self._early is None and all(self._done.get(resource) for resource in needed):
                self._early = self._pool.submit(self._create_early)

    def _create_early(self) -> None:
        role_arn = f"arn:aws:iam::{self._session.cloud.account_id}:role/{self._done[_ROLE]}"
        cluster = describe.describe_cluster(self._done[(_CLUSTER, "")], self._spec, self._session, self._target)
        known = describe.bare_environment(self._lease, self._spec, self._session, cluster, role_arn)
        # An IAM principal's role may not exist yet, and needs no ACL.
        principals = describe.principals(self._spec, secret_arns={}, principal_role_arns={})
        self._create(known.model_copy(update={"topics": describe.topics(self._spec), "principals": principals}))

    def _create(self, environment: Environment) -> None:
        with Access(environment, self._session) as access:
            KafkaAdmin(access).create(environment.topics, environment.principals)

    def finish(self, environment: Environment) -> None:
        """Wait until topics and ACLs are there; makes them now when that could not be done early.

        Raises:
            EphkError: a broker refused one.
        """
        if self._early is None or self._early.exception() is not None:
            self._create(environment)

    def __enter__(self) -> OperatorAdmin:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
