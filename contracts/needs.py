"""Parts of an environment that a contract needs before there is anything to probe."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.environment import Environment

_PRESENT: dict[str, tuple[Callable[[Environment], bool], str]] = {
    "listener.scram": (lambda e: "scram" in e.cluster.bootstrap, "the cluster has no SCRAM listener"),
    "listener.sasl": (
        lambda e: not e.cluster.bootstrap.keys().isdisjoint(("scram", "iam")),
        "the cluster has no SASL listener",
    ),
    "listener.iam": (lambda e: "iam" in e.cluster.bootstrap, "the cluster has no IAM listener"),
    "listener.mtls": (lambda e: "mtls" in e.cluster.bootstrap, "the cluster has no mTLS listener"),
    "listeners": (lambda e: bool(e.cluster.bootstrap), "the cluster has no listener"),
    "principals": (lambda e: bool(e.principals), "the environment declares no principal"),
    "principal.scram": (
        lambda e: any(p.auth == "scram" for p in e.principals),
        "the environment has no principal that authenticates with SCRAM",
    ),
    "authority": (
        lambda e: e.cluster.certificate_authority_arn is not None,
        "the environment names no private certificate authority, so no client certificate can be issued",
    ),
    "operator": (lambda e: "operator" in e.roles, "the environment names no operator role"),
    "bucket": (lambda e: e.bucket is not None, "the environment has no bucket"),
    "log-group": (lambda e: e.log_group is not None, "the environment names no log group"),
    "network": (lambda e: e.network is not None, "the environment names no network"),
    "schema-registry": (lambda e: e.schema_registry is not None, "the environment has no schema registry"),
    "tags": (lambda e: bool(e.tags), "the environment declares no tags"),
}


def known() -> frozenset[str]:
    """Return the names that a contract may need."""
    return frozenset(_PRESENT)


def unmet(environment: Environment, needs: tuple[str, ...]) -> str | None:
    """Return why a contract with these needs cannot be covered here, or None when nothing is missing."""
    for need in needs:
        present, reason = _PRESENT[need]
        if not present(environment):
            return reason
    return None
