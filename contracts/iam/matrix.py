"""Principal x action x resource: who can do what, and how each cell was established.

IAM identities and Kafka's own stand beside each other. Three views of one permission: `evaluated` from the text of
policies or ACLs, `simulated` as the provider says of itself (SimulatePrincipalPolicy; for ACLs the operations that a
broker reports, KIP-430), and `probed` with the principal's own credentials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts import acl_evaluation, authorization, grants
from contracts.access import Access
from contracts.iam.attempts import Answer
from contracts.iam.evaluation import View, evaluate
from contracts.iam.forbidden import PROHIBITIONS
from contracts.iam.permitted import PERMISSIONS
from contracts.iam.roles import roles_of
from contracts.iam.scene import Check, Scene
from contracts.iam.simulation import simulate
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.wire import acl_requests, error_name, requests
from orchestrator.environment import Principal

_UNTRIED = View(None, "not tried: it could do harm, or is no request of its own")
_UNKNOWN_TOPIC = 3
_VERDICTS = {"allowed": True, "refused": False, "unclear": None}
#: Kind of request -> (IAM action, resource kind, ACL operation).
_DATA_PLANE = {
    "produce": ("kafka-cluster:WriteData", "topic", "WRITE"),
    "consume": ("kafka-cluster:ReadData", "topic", "READ"),
    "group": ("kafka-cluster:AlterGroup", "group", "READ"),
}


@dataclass(frozen=True)
class Cell:
    """One permission of one principal, seen in up to three ways.

    Attributes:
        principal: the role's label or the principal's name.
        via: `IAM` or `ACL`: what decides about it.
        action: an IAM action, or an ACL's operation.
        resource: an ARN, or `topic NAME` and the like.
    """

    principal: str
    via: str
    action: str
    resource: str
    evaluated: View
    simulated: View
    probed: View

    @property
    def views(self) -> dict[str, View]:
        """The three views by name."""
        return {"evaluated": self.evaluated, "simulated": self.simulated, "probed": self.probed}

    @property
    def agrees(self) -> bool:
        """Whether all views that tell anything say the same."""
        return len({view.allowed for view in self.views.values() if view.allowed is not None}) <= 1

    @property
    def allowed(self) -> bool | None:
        """The answer, by the view that comes nearest to the truth; None when none tells."""
        for view in (self.probed, self.simulated, self.evaluated):
            if view.allowed is not None:
                return view.allowed
        return None

    @property
    def established(self) -> tuple[str, ...]:
        """How it was established: the views that tell."""
        return tuple(name for name, view in self.views.items() if view.allowed is not None)

    def as_dict(self) -> dict[str, Any]:
        """Return the cell as plain data."""
        return {
            "principal": self.principal,
            "via": self.via,
            "action": self.action,
            "resource": self.resource,
            "allowed": self.allowed,
            "established": list(self.established),
            "agrees": self.agrees,
            "views": {name: {"allowed": view.allowed, "said": view.said} for name, view in self.views.items()},
        }


def build(access: Access, watch: Watch) -> list[Cell]:
    """Establish every cell, once in a run: what roles must and must not do, and everybody's topics and groups."""
    return access.once("matrix", lambda: [*_iam_cells(access, watch), *_acl_cells(access, watch)], watch)


def _iam_cells(access: Access, watch: Watch) -> list[Cell]:
    cells: list[Cell] = []
    for role in roles_of(access.environment):
        scene = Scene(access, role, watch)
        checks: dict[Check, View] = {}
        for group in (*PERMISSIONS, *PROHIBITIONS):
            if group.applies_to(role.purpose):
                checks |= {check: _answered(scene.answer(check)) for check in group.checks(scene)}
        if role.principal is not None:
            checks |= {
                Check(_DATA_PLANE[kind][0], scene.kafka_arn(_DATA_PLANE[kind][1], name)): seen
                for (kind, name), seen in _asked(access, role.principal, watch).items()
            }
        simulated = simulate(scene, list(checks))
        cells += [
            Cell(role.label, "IAM", check.action, check.resource, evaluate(scene, check), simulated[check], probed)
            for check, probed in checks.items()
        ]
    return cells


def _answered(answer: Answer | None) -> View:
    return _UNTRIED if answer is None else View(_VERDICTS[answer.verdict], answer.said)


def _asked(access: Access, principal: Principal, watch: Watch) -> dict[tuple[str, str], View]:
    """Ask every broker about every topic and group as the principal."""
    topics = grants.topics(access.environment)
    groups = (*grants.groups(principal), *grants.foreign_groups(access.environment, principal))
    found: dict[tuple[str, str], View] = {}
    for kind, names in (("produce", topics), ("consume", topics), ("group", groups)):
        for name in names:
            found[kind, name] = _seen(authorization.ask(access, principal, kind, [name], watch))
    return found


def _seen(codes: Mapping[authorization.Asked, int]) -> View:
    """Return what the brokers' answers say together; brokers that disagree say nothing."""
    said = ", ".join(dict.fromkeys(error_name(code) for code in codes.values()))
    for judge, allowed in ((authorization.judge_allowed, True), (authorization.judge_refused, False)):
        try:
            outcome: Outcome = judge(codes)
        except ProbeError:
            continue
        if isinstance(outcome, Verified):
            return View(allowed, said)
    return View(None, said)


def _acl_cells(access: Access, watch: Watch) -> list[Cell]:
    principals = [principal for principal in access.environment.principals if principal.auth != "iam"]
    if not principals:
        return []
    acls = _acls(access, watch)
    cells: list[Cell] = []
    for principal in principals:
        for (kind, name), probed in _asked(access, principal, watch).items():
            _, resource, operation = _DATA_PLANE[kind]
            if acls is None:
                evaluated = View(None, "the operator may not list ACLs")
            else:
                evaluated = View(*acl_evaluation.decide(acls, principal.kafka_principal, operation, resource, name))
            stated = _stated(access, principal, name, operation, watch) if resource == "topic" else _NOT_STATED
            cells.append(Cell(principal.name, "ACL", operation, f"{resource} {name}", evaluated, stated, probed))
    return cells


_NOT_STATED = View(None, "brokers say nothing of groups that have no member")


def _acls(access: Access, watch: Watch) -> list[acl_requests.Acl] | None:
    if "operator" not in access.environment.roles:
        return None
    watch.waiting("the brokers to list their ACLs")
    code, acls = acl_requests.describe_acls(access.any_connection(access.operator, watch))
    return None if code else acls


def _stated(access: Access, principal: Principal, topic: str, operation: str, watch: Watch) -> View:
    seen = requests.metadata(access.any_connection(principal, watch), [topic]).topics[topic]
    if seen.error == _UNKNOWN_TOPIC:
        return View(None, "there is no such topic, of which brokers could say anything")
    said = None if seen.error else seen.operations
    if said is None:  # a topic that may not be described: nothing may be done with it
        return View(False, "the broker does not show the topic")
    return View(operation in said, f"the broker states {', '.join(sorted(said)) or 'nothing'}")


def judge(cells: list[Cell]) -> Outcome | str:
    """Judge whether the views agree; a text says why the provider's simulation could not be had."""
    evidence: dict[str, Any] = {
        "cells": len(cells),
        "established": {
            name: sum(1 for cell in cells if cell.views[name].allowed is not None)
            for name in ("evaluated", "simulated", "probed")
        },
    }
    for cell in cells:
        if not cell.agrees:
            seen = "; ".join(
                f"{name}: {'allow' if view.allowed else 'deny'} ({view.said})"
                for name, view in cell.views.items()
                if view.allowed is not None
            )
            different = [c.as_dict() for c in cells if not c.agrees]
            return Failed(
                f"the views of {cell.action} on {cell.resource} for {cell.principal} disagree: {seen}",
                {**evidence, "disagreements": different},
            )
    iam = [cell for cell in cells if cell.via == "IAM"]
    if iam and all(cell.simulated.allowed is None for cell in iam):
        return iam[0].simulated.said
    return Verified(evidence)
