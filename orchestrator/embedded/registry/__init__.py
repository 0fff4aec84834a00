"""A real schema registry (Apicurio) beside an environment's brokers: a process of its own, with TLS and passwords."""

from __future__ import annotations

from orchestrator.embedded.registry.archive import ensure_registry
from orchestrator.embedded.registry.process import RegistryProcess, RegistrySettings, end_registry, start_registry

__all__ = ["RegistryProcess", "RegistrySettings", "end_registry", "ensure_registry", "start_registry"]
