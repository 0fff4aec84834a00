"""What nobody knows before an environment was used, as spans: the low end is an idle one, the high end a busy one.

These are assumptions of ours and no prices. The high end is a test suite that moves a gigabyte an hour; whoever runs
load tests knows better than this table.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """From the least to the most."""

    low: float
    high: float

    def times(self, factor: float) -> Span:
        """Return the span with both ends multiplied."""
        return Span(self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Usage:
    """How an environment is used.

    Attributes:
        traffic_gb: what clients produce and consume, GB/h.
        log_gb: what one broker writes to its log, GB/h.
        flow_log_gb: what one broker's network interface adds to a flow log, GB/h.
        bucket_gb: what lies in the bucket on average, GB.
        bucket_writes: PUT, COPY, POST and LIST requests, per hour.
        bucket_reads: GET and all other requests, per hour.
        kms_requests: per hour; bucket keys and MSK's own data keys keep them few.
        secret_reads: per hour.
        certificates: how many each mTLS principal gets; every `ephk verify` and `ephk env` issues one.
    """

    traffic_gb: Span = Span(0, 1)
    log_gb: Span = Span(0, 0.05)
    flow_log_gb: Span = Span(0, 0.01)
    bucket_gb: Span = Span(0, 1)
    bucket_writes: Span = Span(0, 1000)
    bucket_reads: Span = Span(0, 1000)
    kms_requests: Span = Span(0, 1000)
    secret_reads: Span = Span(0, 100)
    certificates: Span = Span(0, 5)
