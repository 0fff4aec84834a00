"""What happens in each run, decided by the seed alone: the command, who is killed when, and what the cloud does."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Literal

Command = Literal["up", "verify", "down"]
Victim = Literal["cli", "pulumi", "plugin", "reaper"]

#: Of each command, who is killed: `verify` starts neither an engine nor a plugin.
_VICTIMS: dict[Command, tuple[Victim, ...]] = {
    "up": ("cli", "pulumi", "plugin", "reaper"),
    "down": ("cli", "pulumi", "plugin", "reaper"),
    "verify": ("cli", "reaper"),
}
#: Of twenty runs: `up` has the most to leave behind.
_COMMANDS: tuple[Command, ...] = (
    *("up", "down", "up", "up", "down", "up", "verify", "up", "down", "up"),
    *("up", "down", "up", "up", "down", "up", "verify", "up", "down", "up"),
)

#: Faults of the kinds that AWS's services have; codes as each protocol spells them.
_FAULTS: tuple[dict[str, Any], ...] = (
    {"service": "ec2", "error": {"code": "RequestLimitExceeded", "status": 503}},
    {"service": "iam", "error": {"code": "Throttling", "status": 400}},
    {"service": "kafka", "error": {"code": "TooManyRequestsException", "status": 429}},
    {"service": "kms", "error": {"code": "ThrottlingException", "status": 400}},
    {"service": "secretsmanager", "error": {"code": "InternalServiceError", "status": 500}},
    {"service": "s3", "error": {"code": "SlowDown", "status": 503}},
    {"service": "ec2", "error": {"code": "InternalError", "status": 500}},
    {"service": "*", "error": {"code": "ServiceUnavailable", "status": 503}},
    {"service": "*", "drop": True},
    # A time-out: nobody knows whether the work was done. It was.
    {"service": "ec2", "operation": "Create*", "lose": True},
    {"service": "iam", "operation": "Create*", "lose": True},
    {"service": "kafka", "operation": "Create*", "lose": True},
    {"service": "kms", "operation": "Create*", "lose": True},
    {"service": "*", "operation": "Delete*", "lose": True},
    {"service": "*", "latency_s": 2.0, "lose": True},
    {"service": "*", "error": {"code": "ExpiredToken", "status": 403}},
    {"service": "kafka", "operation": "Create*", "error": {"code": "ExpiredTokenException", "status": 403}},
    {"service": "ec2", "operation": "Create*", "latency_s": 0.4},
    {"service": "iam", "operation": "CreateRole", "latency_s": 0.8},
    {"service": "kafka", "operation": "DeleteCluster", "latency_s": 0.5},
)


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        number: from 0.
        seed: makes this very run again.
        command: what is interrupted.
        victim: who is killed.
        moment: when, as a part of the time that the command takes undisturbed (of `up`: from its lease on). When the
            reaper is the victim, the command is killed then, so that there is something to reap.
        reaper_moment: when the reaper is killed in the middle of its work, likewise as a part of an undisturbed `down`.
        rules: the scenario's rules while it runs.
        msk: how the cluster behaves.
    """

    number: int
    seed: int
    command: Command
    victim: Victim
    moment: float
    reaper_moment: float
    rules: tuple[dict[str, Any], ...]
    msk: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """Say what happens, in one line."""
        faults = ", ".join(_name(rule) for rule in self.rules) or "no faults"
        slow = f", {self.msk}" if self.msk else ""
        when = f"{self.victim} killed at {self.moment:.0%}"
        if self.victim == "reaper":
            when = f"cli killed at {self.moment:.0%}, reaper killed at {self.reaper_moment:.0%} of its work"
        return f"{self.command}: {when}; {faults}{slow}"

    def scenario(self) -> dict[str, Any]:
        """Return the scenario file's document."""
        return {"seed": self.seed, "rules": list(self.rules), "msk": self.msk}


def _name(rule: dict[str, Any]) -> str:
    what = [rule["error"]["code"]] if "error" in rule else [word for word in ("drop", "lose") if word in rule]
    what += [f"{rule['latency_s']} s"] if "latency_s" in rule else []
    return f"{rule['service']}:{rule.get('operation', '*')} {' '.join(what)}"


def plan(seed: int, number: int) -> Run:
    """Decide one run of a seed; every command and victim comes in turn, everything else is drawn."""
    own = seed * 1_000_003 + number
    draw = random.Random(own)
    command = _COMMANDS[number % len(_COMMANDS)]
    victims = _VICTIMS[command]
    before = number // len(_COMMANDS) * _COMMANDS.count(command) + _COMMANDS[: number % len(_COMMANDS)].count(command)
    victim = victims[before % len(victims)]
    rules = []
    possible = [rule for rule in _FAULTS if command == "up" or not rule.get("operation", "").startswith("Create")]
    for rule in draw.sample(possible, k=draw.choice((0, 1, 1, 2, 3))):
        rules.append({**rule, "after": draw.randrange(12), "times": draw.choice((1, 1, 2, 3))})
    msk = draw.choice(({}, {}, {}, {"create_s": 6.0}, {"delete_s": 1.5}, {"eni_lingers_s": 2.0}))
    return Run(number, own, command, victim, draw.random(), draw.random(), tuple(rules), dict(msk))
