"""What each command does in the account: its actions, on which resources, under which conditions.

Everything that is made carries the lease's tag, so creating demands it on the request and changing demands it on the
resource; what has a name of ours is limited by the name; roles can be made only with the environment's boundary.
Sources: Service Authorization Reference (resource types and condition keys of each action); IAM User Guide,
"Permissions boundaries for IAM entities" (delegating the making of roles).
"""

from __future__ import annotations

from orchestrator.needs import environment
from orchestrator.needs.account import SET_UP
from orchestrator.needs.model import Need

#: Command to what it does. Commands that are not here call no cloud.
COMMANDS: dict[str, tuple[Need, ...]] = {
    "up": environment.UP,
    "verify": environment.VERIFY,
    "down": environment.DOWN,
    "run": environment.RUN,
    "reap": environment.DOWN,
    "env": environment.CONNECT,
    "token": environment.CONNECT,
    "bootstrap": SET_UP,
    "cost": environment.COST,
    "check": environment.CHECK,
}
#: Commands that work without an account.
OFFLINE = frozenset(
    {
        "adopt", "cloud", "contracts", "diagnose", "doctor", "extend", "keep", "list", "plan", "scorecard", "setup",
        "show",
    }
)  # fmt: skip

__all__ = ["COMMANDS", "OFFLINE", "Need"]
