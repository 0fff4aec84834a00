"""PULUMI_HOME: where the engine finds the provider plugin that a stack is to use, and nothing of the user's own."""

from __future__ import annotations

import hashlib
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import orchestrator
from orchestrator.files import private_dir
from orchestrator.paths import cache_home

ProviderName = Literal["embedded", "official"]

_WRAPPER = """#!/bin/sh
PYTHONPATH={root}${{PYTHONPATH:+:$PYTHONPATH}} exec {python} -P -m orchestrator.embedded.provider "$@"
"""


def pulumi_home(provider: ProviderName) -> Path:
    """Return the PULUMI_HOME for a provider, made ready.

    The embedded one holds our own provider in the place of the official one, for the `aws` package alone; a Pulumi of
    the user's never sees it. The official one starts empty, and the engine downloads the plugin into it.
    """
    base = cache_home() / "pulumi"
    if provider == "official":
        return private_dir(base / "home-official")
    wrapper = _WRAPPER.format(
        root=shlex.quote(str(Path(orchestrator.__file__).parent.parent)), python=shlex.quote(sys.executable)
    )
    # Two installations of this product share the cache: each has a home of its own.
    home = private_dir(base / f"home-embedded-{hashlib.sha256(wrapper.encode()).hexdigest()[:8]}")
    package = version("pulumi-aws")
    plugin = home / "plugins" / f"resource-aws-v{package}" / "pulumi-resource-aws"
    if not plugin.is_file() or plugin.read_text() != wrapper:
        plugin.parent.mkdir(parents=True, exist_ok=True)
        fresh = plugin.with_name(f".{plugin.name}.new")
        fresh.write_text(wrapper)
        fresh.chmod(0o755)
        fresh.replace(plugin)
    return home
