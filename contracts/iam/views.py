"""Three views of one permission must agree: a policy that reads one way and works another misleads its reviewers."""

from __future__ import annotations

from contracts.access import Access
from contracts.iam import matrix
from contracts.model import NotCovered, Outcome, Watch
from contracts.registry import contract


@contract(
    "iam.views.agree",
    title="What policies say, what the provider says and what happens are the same",
    risk="A review of policies or ACLs approves what works differently in reality",
    statement="For every permission that is looked at, evaluation, the provider's simulation and the live probe agree",
    remediation="Find what the disagreeing view does not see: a resource policy, an SCP, a session policy, another ACL",
    documentation="IAM User Guide, Testing IAM policies with the IAM policy simulator; KIP-430",
    needs=("roles",),
)
def agree(access: Access, watch: Watch) -> Outcome:
    """Establish the matrix and compare the views of each cell."""
    cells = matrix.build(access, watch)
    outcome = matrix.judge(cells)
    if isinstance(outcome, str):
        return NotCovered(
            f"the provider's simulation is not to be had ({outcome}); evaluation and live probes agree on "
            f"{sum(1 for cell in cells if cell.evaluated.allowed is not None and cell.probed.allowed is not None)} "
            "permissions"
        )
    return outcome
