"""Where a contract means nothing: declared beside it, so that "not applicable" is never a guess of a probe.

Not applicable is neither good nor bad. What could be looked at and was not is `not_covered`, which is another thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.environment import Environment


@dataclass(frozen=True)
class NotOn:
    """Flavours that do not have what a contract is about.

    Attributes:
        flavours: names of flavours.
        because: why, in one clause.
    """

    flavours: tuple[str, ...]
    because: str

    def reason(self, environment: Environment) -> str:
        """Return why the contract means nothing for an environment, or an empty text when it does mean something."""
        return f"{environment.flavour}: {self.because}" if environment.flavour in self.flavours else ""

    def as_dict(self) -> dict[str, Any]:
        """Return the predicate as the catalogue shows it."""
        return {"flavours": list(self.flavours), "because": self.because}


#: "MSK Serverless requires IAM access control for all clusters. Apache Kafka access control lists (ACLs) are not
#: supported" (Amazon MSK Developer Guide, What is MSK Serverless?).
IAM_ONLY = NotOn(("msk-serverless",), "MSK Serverless has IAM access control alone")
