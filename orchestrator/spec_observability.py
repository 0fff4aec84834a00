"""The spec's `observability` section: what tells a team that something is wrong, and what keeps a trace of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orchestrator.spec_types import Strict

TopicArn = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$")]


class ObservabilitySpec(Strict):
    """Alarms and flow logs; without the section there are none.

    Attributes:
        alarms: CloudWatch alarms on what a team must be told of (`orchestrator.msk_metrics`), with an SNS topic and a
            queue of the environment's own as proof that an alarm arrives.
        notify: SNS topics of the team's own that every alarm tells, too.
        flow_logs: a flow log of the VPC, delivered to the environment's bucket.
    """

    alarms: bool = True
    notify: tuple[TopicArn, ...] = ()
    flow_logs: bool = True
