"""Tags: said explicitly for each resource, so that the program reads the same with every provider."""

from __future__ import annotations

from stacks.inputs import StackInputs


def tagged(inputs: StackInputs, name: str) -> dict[str, str]:
    """Return all tags of the environment, and `Name`, which consoles show."""
    return {**inputs.tags, "Name": name}
