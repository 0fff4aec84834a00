"""The catalogue: every module of contracts loaded, and what of it an environment means."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from contracts.model import Contract
from contracts.registry import REGISTRY, Entry, Registry
from contracts.selection import Selection
from orchestrator.environment import Environment
from orchestrator.errors import EphkError

#: In the order of the catalogue; importing a module registers its contracts.
MODULES = (
    "contracts.certificates",
    "contracts.listeners",
    "contracts.ciphers",
    "contracts.authentication",
    "contracts.iam_authentication",
    "contracts.authorization",
    "contracts.drift",
    "contracts.clients.delivery",
    "contracts.clients.transactions",
    "contracts.clients.groups",
    "contracts.clients.quotas",
    "contracts.clients.matrix",
    "contracts.streams.exactly_once",
    "contracts.schemas.endpoint",
    "contracts.schemas.evolution",
    "contracts.schemas.serialization",
    "contracts.iam.allow_deny",
    "contracts.iam.boundary",
    "contracts.iam.trust",
    "contracts.iam.lint",
    "contracts.iam.state",
    "contracts.iam.views",
    "contracts.bucket",
    "contracts.bucket_encryption",
    "contracts.bucket_settings",
    "contracts.resource_policies",
    "contracts.network",
    "contracts.network_paths",
    "contracts.network_endpoint",
    "contracts.flow_logs",
    "contracts.observability",
    "contracts.alarms",
    "contracts.alarm_delivery",
    "contracts.audit",
    "contracts.resilience.brokers",
    "contracts.resilience.moves",
    "contracts.resilience.offsets",
    "contracts.resilience.configuration",
    "contracts.resilience.scaling",
    "contracts.tags",
    "contracts.connect_rest",
    "contracts.connect",
    "contracts.connect_secrets",
    "contracts.connect_egress",
    "contracts.connect_denials",
    "contracts.connect_canary",
    "contracts.mirror.offsets",
    "contracts.mirror.cutover",
    "contracts.terraform.msk_security",
    "contracts.terraform.msk_configuration",
    "contracts.terraform.msk_operations",
    "contracts.terraform.scram",
    "contracts.terraform.network",
    "contracts.terraform.endpoints",
    "contracts.terraform.bucket",
    "contracts.terraform.iam",
    "contracts.terraform.connect",
    "contracts.terraform.tags",
    "contracts.terraform.change",
)


#: The entry-point group by which an installed package brings contracts of its own.
GROUP = "ephemeral_kafka.contracts"


@functools.cache
def load() -> Registry:
    """Import every module of contracts, then those of installed packages, and return the filled register.

    Raises:
        EphkError: an installed package's contracts cannot be loaded.
    """
    for module in MODULES:
        importlib.import_module(module)
    REGISTRY.arrange(MODULES)
    for point in sorted(entry_points(group=GROUP), key=lambda found: found.name):
        add_installed(point, REGISTRY)
    return REGISTRY


def add_installed(point: EntryPoint, registry: Registry) -> None:
    """Load the contracts that an entry point names: a module that declares them, or a function that takes the register.

    Raises:
        EphkError: it cannot be loaded; contracts that are silently missing would look like a sound environment.
    """
    try:
        found = point.load()
        if callable(found):
            found(registry)
    except Exception as error:
        package = point.dist.name if point.dist else "an unknown package"
        raise EphkError(
            f"the contracts '{point.name}' of {package} ({point.value}) cannot be loaded: "
            f"{type(error).__name__}: {error}",
            next_step=f"Correct or uninstall {package}.",
        ) from error


def catalogue(selection: Selection | None = None) -> list[dict[str, Any]]:
    """Return contracts and families as plain data: id, title, risk, layers, statement and the rest.

    Raises:
        UsageError: a pattern of ids or risks selects nothing.
    """
    asked, entries = selection or Selection(), load().entries()
    named = asked.ids or asked.risks
    return [entry.as_dict() for entry in (asked.choose(entries) if named else asked.meant(entries))]


def contracts_for(
    environment: Environment, select: Sequence[str] | Selection = (), registry: Registry | None = None
) -> list[Contract]:
    """Return the contracts of an environment, in the order of the catalogue, without those that mean nothing there.

    Args:
        environment: what the families expand from.
        select: what is asked for, or patterns of ids; empty means all.
        registry: another register than the product's own.

    Raises:
        UsageError: a pattern selects nothing.
    """
    applicable: list[Entry] = []
    others: list[Entry] = []
    for entry in (registry or load()).entries():
        (others if entry.inapplicable(environment) else applicable).append(entry)
    members = [member for entry in applicable for member in entry.expand(environment)]
    selection = select if isinstance(select, Selection) else Selection(tuple(select))
    return selection.choose(members, others)


def not_applicable(
    environment: Environment, select: Sequence[str] | Selection = (), registry: Registry | None = None
) -> list[tuple[Entry, str]]:
    """Return what was selected and means nothing for an environment, with the reason."""
    selection = select if isinstance(select, Selection) else Selection(tuple(select))
    found = []
    for entry in selection.meant((registry or load()).entries()):
        if reason := entry.inapplicable(environment):
            found.append((entry, reason))
    return found
