"""What `up` would make: the same program in the engine's preview, in a directory that is thrown away."""

from __future__ import annotations

import tempfile
from pathlib import Path

from orchestrator import connect_links, connect_preflight, describe, provenance
from orchestrator.engine.events import Done
from orchestrator.engine.stack import EnvironmentStack
from orchestrator.errors import UsageError
from orchestrator.lease import new_lease
from orchestrator.ledgers import Ledgers
from orchestrator.lifecycle import ProviderName
from orchestrator.progress import Progress
from orchestrator.spec import EnvironmentSpec
from orchestrator.target import EMBEDDED_REGION, embedded_zones, preview_session, target_named
from orchestrator.target_interface import TargetName


def plan(spec: EnvironmentSpec, target: TargetName, provider: ProviderName, progress: Progress) -> list[Done]:
    """Return the resources that `up` would make, ordered by type and name.

    Raises:
        UsageError: the target cannot be planned for in this version.
        EphkError: the program or the provider refuses the inputs.
    """
    if target != "embedded" or spec.region != EMBEDDED_REGION:
        raise UsageError(
            "only the embedded target can be planned for in this version",
            next_step=f"Leave --target out, and 'region' at {EMBEDDED_REGION}.",
        )
    resolved = connect_links.resolve(spec, target, Ledgers().find)
    spec = resolved.spec
    lease = new_lease(
        name=spec.name,
        target=target,
        ttl=spec.ttl,
        provenance=provenance.detect(cost_center=spec.cost_center),
        spec=spec.model_dump(mode="json"),
        provider=provider,
    )
    session = preview_session()
    plugins = connect_preflight.prepare(spec, target_named(target), progress)
    zones = embedded_zones(spec.network.zones)
    inputs = describe.stack_inputs(lease, spec, session, zones, plugins, links=resolved.inputs())
    with tempfile.TemporaryDirectory(prefix="ephk-plan-") as directory:
        stack = EnvironmentStack(Path(directory), lease.id, provider=provider)
        environment = {"AWS_REGION": session.cloud.region}
        done = stack.preview(inputs, environment, progress)
    return sorted(done, key=lambda item: (item.type, item.name))
