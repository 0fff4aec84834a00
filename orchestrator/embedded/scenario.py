"""Scenario files: latencies and faults, so that every failure that people meet on AWS can be rehearsed in seconds.

A scenario is YAML or JSON. It is read again whenever the file changes, while the cloud runs:

    seed: 7
    rules:
      - {service: kafka, operation: Describe*, latency_s: 0.3}
      - {service: s3, operation: PutObject, error: {code: SlowDown, status: 503}, times: 2}
      - {service: "*", error: {code: ExpiredToken, status: 403}, after: 40, times: 1}
      - {service: sts, operation: AssumeRole, drop: true, probability: 0.5}
      - {service: ec2, operation: CreateVpc, lose: true, times: 1}
      - {service: ec2, operation: DeleteSubnet, pretend: true, times: 1}
    msk: {create_s: 2, delete_s: 1, eni_lingers_s: 5}
    iam: {enforced: false}
"""

from __future__ import annotations

import fnmatch
import logging
import random
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestrator.errors import UsageError

_log = logging.getLogger(__name__)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fault(_Strict):
    """The error that a rule answers with.

    Attributes:
        code: as the service names it (`ThrottlingException`, `ExpiredToken`, `SlowDown`).
        message: the text for people.
        status: the HTTP status.
    """

    code: str = Field(min_length=1)
    message: str = "Injected by the scenario file."
    status: int = Field(default=400, ge=400, le=599)


class Rule(_Strict):
    """What happens to some of the requests.

    Attributes:
        service: the service's signing name (`kafka`, `s3`, `ec2`); `*` and `?` match as in file names.
        operation: the operation's name (`CreateClusterV2`), same wildcards.
        latency_s: seconds to wait before anything else.
        error: answer with this instead of doing the work.
        drop: do the waiting, then close the connection without an answer; the work is not done.
        lose: do the work, then close the connection without an answer: what a time-out leaves behind.
        pretend: answer as if the work had been done, without doing it; for deletions, whose answers are empty.
        after: let this many matching requests through first.
        times: apply to this many requests, then never again; None is always.
        probability: chance that a matching request is affected, decided by the scenario's seed.
    """

    service: str = "*"
    operation: str = "*"
    latency_s: float = Field(default=0.0, ge=0, le=3600)
    error: Fault | None = None
    drop: bool = False
    lose: bool = False
    pretend: bool = False
    after: int = Field(default=0, ge=0)
    times: int | None = Field(default=None, ge=1)
    probability: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _does_something(self) -> Rule:
        does = sum((self.error is not None, self.drop, self.lose, self.pretend))
        if not self.latency_s and not does:
            raise ValueError("a rule needs latency_s, error, drop, lose or pretend")
        if does > 1:
            raise ValueError("a rule has one of error, drop, lose and pretend")
        if self.pretend and not self.operation.startswith("Delete"):
            raise ValueError("only deletions can be pretended: operation has to begin with Delete")
        return self


class MskScenario(_Strict):
    """How MSK behaves beyond single requests.

    Attributes:
        create_s: seconds that a cluster stays in CREATING at least.
        update_s: seconds that a cluster stays in UPDATING or REBOOTING_BROKER at least.
        delete_s: seconds that a cluster stays in DELETING at least.
        scram_s: seconds until an associated secret's user can log in.
        busy_s: seconds that a new cluster spends in `busy_state` after CREATING, in which MSK refuses to delete it.
        busy_state: what MSK is busy with then.
        create_error: the cluster ends in FAILED with this as its StateInfo.
        update_error: an update's operation ends in UPDATE_FAILED with this as its ErrorInfo.
        eni_lingers_s: seconds that the cluster's network interfaces outlive it, as they do on AWS.
    """

    create_s: float = Field(default=0.0, ge=0, le=3600)
    update_s: float = Field(default=0.0, ge=0, le=3600)
    delete_s: float = Field(default=0.0, ge=0, le=3600)
    scram_s: float = Field(default=0.0, ge=0, le=3600)
    busy_s: float = Field(default=0.0, ge=0, le=3600)
    busy_state: Literal["MAINTENANCE", "HEALING"] = "MAINTENANCE"
    create_error: Fault | None = None
    update_error: Fault | None = None
    eni_lingers_s: float = Field(default=0.0, ge=0, le=3600)


class IamScenario(_Strict):
    """Whether policies count.

    Attributes:
        enforced: False lets everybody with a valid signature do everything, which shows that checks of refusals can
            fail. Signatures and tokens are checked all the same, and Kafka's ACLs hold.
    """

    enforced: bool = True


class ScenarioDocument(_Strict):
    """A whole scenario file.

    Attributes:
        seed: makes `probability` repeatable.
        rules: every rule is looked at for every request, in order; latencies add up, the first of the others wins.
        msk: MSK's behaviour.
        iam: whether policies count.
    """

    seed: int = 0
    rules: tuple[Rule, ...] = ()
    msk: MskScenario = MskScenario()
    iam: IamScenario = IamScenario()


@dataclass(frozen=True)
class Outcome:
    """What the scenario wants to happen to one request; the members are a rule's."""

    latency_s: float = 0.0
    error: Fault | None = None
    drop: bool = False
    lose: bool = False
    pretend: bool = False


NOTHING = Outcome()


def parse_scenario(text: str, *, source: str = "scenario") -> ScenarioDocument:
    """Read a scenario from YAML or JSON text.

    Raises:
        UsageError: it is not YAML, or a field is unknown or out of range; every fault is listed with its place.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{source} is not YAML: {error}") from error
    try:
        return ScenarioDocument.model_validate(document if document is not None else {})
    except ValidationError as error:
        faults = tuple(f"{'.'.join(str(part) for part in e['loc']) or '(file)'}: {e['msg']}" for e in error.errors())
        raise UsageError(
            f"{source} is not a valid scenario: {faults[0]}",
            details=faults,
            next_step="Correct the fields that are named, or remove the file.",
        ) from error


class Scenario:
    """A scenario file that may change, or appear, while the cloud runs. Safe to use from many threads.

    Args:
        path: the file; None or a missing file means that nothing is injected.

    Raises:
        UsageError: the file exists and is not valid. A later invalid edit is logged, and the last valid one stays.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._injected = 0
        self._stamp: tuple[int, int] | None = None
        self._use(ScenarioDocument())
        self._refresh(first=True)

    def _use(self, document: ScenarioDocument) -> None:
        self._document = document
        self._seen = [0] * len(document.rules)
        self._applied = [0] * len(document.rules)
        self._random = random.Random(document.seed)  # noqa: S311 - repeatable faults, not secrets

    def _refresh(self, *, first: bool = False) -> None:
        if self._path is None:
            return
        try:
            status = self._path.stat()
            stamp: tuple[int, int] | None = (status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = None
        if stamp == self._stamp:
            return
        self._stamp = stamp
        if stamp is None:
            self._use(ScenarioDocument())
            return
        try:
            self._use(parse_scenario(self._path.read_text(), source=str(self._path)))
            _log.info("scenario read from %s", self._path)
            if not self._document.iam.enforced:
                _log.warning("IAM policies are not enforced: %s says so", self._path)
        except (UsageError, OSError) as error:
            if first:
                raise
            _log.error("the scenario stays as it was: %s", error)

    @property
    def document(self) -> ScenarioDocument:
        """The scenario as the file has it now."""
        with self._lock:
            self._refresh()
            return self._document

    @property
    def msk(self) -> MskScenario:
        """MSK's behaviour as the file has it now."""
        return self.document.msk

    @property
    def injected(self) -> int:
        """How many requests were delayed, refused, dropped or answered falsely since the cloud started."""
        return self._injected

    def enforces_iam(self) -> bool:
        """Tell whether IAM policies count, as the file has it now."""
        return self.document.iam.enforced

    def outcome(self, service: str, operation: str) -> Outcome:
        """Decide what happens to one request, and count it."""
        with self._lock:
            self._refresh()
            if not self._document.rules:
                return NOTHING
            latency, first = 0.0, None
            for index, rule in enumerate(self._document.rules):
                matches = fnmatch.fnmatchcase(service, rule.service) and fnmatch.fnmatchcase(operation, rule.operation)
                if not matches or not self._due(index, rule):
                    continue
                latency += rule.latency_s
                if first is None and (rule.error is not None or rule.drop or rule.lose or rule.pretend):
                    first = rule
            self._injected += first is not None or latency > 0
            if first is None:
                return Outcome(latency)
            return Outcome(latency, first.error, first.drop, first.lose, first.pretend)

    def _due(self, index: int, rule: Rule) -> bool:
        self._seen[index] += 1
        if self._seen[index] <= rule.after:
            return False
        if rule.times is not None and self._applied[index] >= rule.times:
            return False
        if rule.probability < 1 and self._random.random() >= rule.probability:
            return False
        self._applied[index] += 1
        return True
