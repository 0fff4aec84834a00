"""The tags that a team demands of its planned resources; without such a demand there is nothing to check."""

from __future__ import annotations

from contracts.terraform.model import Options, Verdict, is_known, plan_contract
from orchestrator.terraform.plan import Plan
from orchestrator.terraform.resource import PlannedResource


def _none_asked_for(_plan: Plan, options: Options) -> str:
    return "" if options.tags else "no tags are demanded (--require-tag, or terraform.tags in ephk-policy.yaml)"


@plan_contract(
    "terraform.tags.required",
    title="Planned resources carry the team's tags",
    risk="Resources that nobody can attribute: cost without an owner, leaks that no reaper finds",
    statement="Every resource of the plan that can carry tags carries those that the team demands, with a value",
    remediation="Add the tags, best as default_tags of the provider",
    documentation="AWS Whitepaper, Best Practices for Tagging AWS Resources",
    applies=_none_asked_for,
)
def required(plan: Plan, verdict: Verdict) -> None:
    """Read `tags_all`, which has the provider's default tags in it, else the resource's own."""
    for resource in plan.resources:
        if "tags_all" in resource.values or "tags" in resource.values:
            for name in verdict.options.tags:
                _tag(resource, name, verdict)


def _tag(resource: PlannedResource, name: str, verdict: Verdict) -> None:
    everything, own = resource.values.get("tags_all"), resource.values.get("tags")
    tags = everything if isinstance(everything, dict) else own
    value = tags.get(name) if isinstance(tags, dict) else None
    if value is not None and not is_known(value):
        verdict.not_known(resource, f"the value of tag {name} is known only after apply")
    elif value:
        verdict.holds(resource, f"{name}")
    elif value == "":
        verdict.fails(resource, f"tag {name} is empty")
    elif not is_known(everything) or not is_known(own):
        verdict.not_known(resource, f"whether it has tag {name} is known only after apply")
    else:
        verdict.fails(resource, f"tag {name} is missing")
