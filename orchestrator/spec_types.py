"""Types that the sections of the environment spec share."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

LayerName = Literal["local", "cloud", "production"]

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class Strict(BaseModel):
    """A section of the spec: frozen, and a field that does not exist is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse_duration(text: object) -> timedelta:
    """Read a duration such as `90m`, `4h`, `1d12h` or `300s`.

    Raises:
        ValueError: it is not of that form.
    """
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) and text.strip() else None
    if match is None:
        raise ValueError("must be a duration such as 30m, 4h or 1d12h")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration as `parse_duration` reads it."""
    seconds = int(duration.total_seconds())
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def _span(text: object) -> timedelta:
    span = text if isinstance(text, timedelta) else parse_duration(text)
    if span <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return span


#: A duration longer than nothing, written as people write it, in JSON too.
Span = Annotated[timedelta, BeforeValidator(_span), PlainSerializer(format_duration, when_used="json")]
