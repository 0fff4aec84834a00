"""An environment's schema registry: started by the target while the rest is being made, or an existing one named."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from orchestrator.environment import Environment, SchemaRegistry
from orchestrator.spec_registry import SchemaRegistrySpec
from orchestrator.target_interface import Target
from stacks.inputs import RegistryInputs


class RegistryStart:
    """Begins at once, so that the registry's seconds pass beside the brokers'; use it as a context manager.

    Args:
        wanted: the spec's registry; None has none.
        user: who may use a registry that is run; None with an existing one.
        target: where it runs.
        lease_directory: the lease that it belongs to and ends with.
    """

    def __init__(
        self, wanted: SchemaRegistrySpec | None, user: RegistryInputs | None, target: Target, lease_directory: Path
    ) -> None:
        self._wanted = wanted
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="registry")
        self._started: Future[SchemaRegistry] | None = None
        if wanted is not None and user is not None:
            self._started = self._pool.submit(
                target.start_registry,
                lease_directory,
                (user.username, user.password),
                wanted.compatibility,
                self._stopping,
            )

    def finish(self, environment: Environment, outputs: Mapping[str, Any]) -> Environment:
        """Wait until the registry serves and return the environment with it.

        Raises:
            EphkError: it does not start.
        """
        registry = None
        if self._started is not None:
            started = self._started.result()
            registry = started.model_copy(update={"secret_arn": outputs["registry_secret_arn"]})
        elif self._wanted is not None and self._wanted.url is not None:
            registry = SchemaRegistry(
                url=self._wanted.url.rstrip("/"), ca_pem=self._wanted.ca_pem, secret_arn=self._wanted.secret
            )
        return environment.model_copy(update={"schema_registry": registry})

    def __enter__(self) -> RegistryStart:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()  # of no effect on one that serves
        self._pool.shutdown(wait=True, cancel_futures=True)
