"""The spec's `scorecard` section: what blocks a release, when a result is stale, and what was waived by whom.

A risk is named by its own words or by a pattern of the contracts that speak for it (`listener.tls.*`).
"""

from __future__ import annotations

from datetime import date, timedelta

from pydantic import Field

from orchestrator.spec_types import LayerName, Span, Strict


class BlockingRisk(Strict):
    """A risk without whose verification in a layer nothing is released.

    Attributes:
        risk: the risk's words, or a pattern of contract ids.
        layer: where it must be verified.
        accept_rehearsal: in the production layer, whether a rehearsal on this machine is enough.
    """

    risk: str = Field(min_length=1)
    layer: LayerName
    accept_rehearsal: bool = False


class Waiver(Strict):
    """Somebody's decision to live with a risk for a while. It stays visible, and improves nothing.

    Attributes:
        risk: the risk's words, or a pattern of contract ids.
        layer: the layer in which it is waived.
        owner: who answers for it.
        reason: why.
        until: the last day on which it holds.
    """

    risk: str = Field(min_length=1)
    layer: LayerName
    owner: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    until: date


class ScorecardSpec(Strict):
    """The rules of the scorecard.

    Attributes:
        stale_after: a verified result older than this is stale.
        blocking: risks that must be verified.
        waivers: risks that somebody accepted.
        owners: who owns a risk, by its words or by a pattern of contract ids; the first that fits counts.
    """

    stale_after: Span = timedelta(days=7)
    blocking: tuple[BlockingRisk, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    owners: dict[str, str] = Field(default_factory=dict)
