"""What a team demands of its plans and has agreed to in them: the section `terraform` of the policy file.

terraform:
  tags: [team, cost-center]
  accept:
    - contract: terraform.msk.monitoring
      address: module.sandbox.*
      reason: nobody operates the sandbox
      expires: 2027-06-30
"""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.iam_review.globs import contains


class PlanAcceptance(BaseModel):
    """One entry of the list: what is wrong there is agreed to. It stays visible, and makes nothing verified.

    Attributes:
        contract: the contract's id, wildcards are fine.
        address: the resource's address, likewise; `[` and `]` are themselves.
        reason: why, for the next reader.
        expires: the last day on which it counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    contract: str = Field(min_length=1)
    address: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    expires: date | None = None

    def covers(self, contract: str, address: str, today: date) -> bool:
        """Tell whether the entry is about what a contract found wrong at an address, and still counts."""
        return not self.expired(today) and contains(self.contract, contract) and contains(self.address, address)

    def expired(self, today: date) -> bool:
        """Tell whether the last day is over."""
        return self.expires is not None and self.expires < today


class TerraformPolicy(BaseModel):
    """The section.

    Attributes:
        tags: names of tags that every planned resource must carry.
        accept: what is agreed to.
        strict: fail when something is not covered, as `--strict` does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tags: tuple[str, ...] = ()
    accept: tuple[PlanAcceptance, ...] = ()
    strict: bool = False
