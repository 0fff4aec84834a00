"""What happens in each run, decided by the seed alone: the command, who is killed when, and what the cloud does."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Literal

Command = Literal["up", "verify", "down"]
Victim = Literal["cli", "pulumi", "plugin", "reaper"]

#: Seconds over which the moments of the kill are spread: a little more than the command takes on an idle machine.
SPAN_S: dict[Command, float] = {"up": 9.0, "verify": 6.0, "down": 4.0}
#: Seconds that the reaper takes from the death of a command to an empty cloud, likewise.
_REAPER_S = 5.0
#: Of ten runs: `up` has the most to leave behind.
_COMMANDS: tuple[Command, ...] = ("up", "up", "up", "up", "up", "up", "down", "down", "down", "verify")
_VICTIMS: dict[Command, tuple[Victim, ...]] = {
    "up": ("cli", "pulumi", "plugin", "reaper"),
    "down": ("cli", "pulumi", "plugin", "reaper"),
    "verify": ("cli", "reaper"),
}

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
    {"service": "ec2", "operation": "Create*", "drop": True},
    {"service": "iam", "operation": "Create*", "drop": True},
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
        moment_s: seconds after the command's beginning (of `up`: after its lease is written); when the reaper is the
            victim, the command is killed then, so that there is something to reap.
        reaper_after_s: seconds after that until the reaper is killed in the middle of its work.
        rules: the scenario's rules while it runs.
        msk: how the cluster behaves.
    """

    number: int
    seed: int
    command: Command
    victim: Victim
    moment_s: float
    reaper_after_s: float
    rules: tuple[dict[str, Any], ...]
    msk: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """Say what happens, in one line."""
        faults = ", ".join(_name(rule) for rule in self.rules) or "no faults"
        slow = f", {self.msk}" if self.msk else ""
        also = f", cli before it by {self.reaper_after_s:.1f} s" if self.victim == "reaper" else ""
        after_s = self.moment_s + (self.reaper_after_s if also else 0.0)
        return f"{self.command}: {self.victim} killed after {after_s:.1f} s{also}; {faults}{slow}"

    def scenario(self) -> dict[str, Any]:
        """Return the scenario file's document."""
        return {"seed": self.seed, "rules": list(self.rules), "msk": self.msk}


def _name(rule: dict[str, Any]) -> str:
    what = rule["error"]["code"] if "error" in rule else "drop" if "drop" in rule else f"{rule['latency_s']} s"
    return f"{rule['service']}:{rule.get('operation', '*')} {what}"


def plan(seed: int, number: int) -> Run:
    """Decide one run of a seed; every command and victim comes in turn, everything else is drawn."""
    own = seed * 1_000_003 + number
    draw = random.Random(own)
    command = _COMMANDS[number * 7 % len(_COMMANDS)]
    victims = _VICTIMS[command]
    victim = victims[(number + number // len(victims)) % len(victims)]
    rules = []
    for rule in draw.sample(_FAULTS, k=draw.choice((0, 1, 1, 2, 3))):
        rules.append({**rule, "after": draw.randrange(12), "times": draw.choice((1, 1, 2, 3))})
    msk = draw.choice(({}, {}, {}, {"create_s": 6.0}, {"delete_s": 1.5}, {"eni_lingers_s": 2.0}))
    moment_s, reaper_after_s = draw.uniform(0.2, SPAN_S[command]), draw.uniform(0.2, _REAPER_S)
    return Run(number, own, command, victim, moment_s, reaper_after_s, tuple(rules), dict(msk))
