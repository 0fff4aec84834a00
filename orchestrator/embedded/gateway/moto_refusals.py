"""Refusals of deletion that AWS gives and moto does not: without them a teardown that leaks would look clean here.

Each names the page that it comes from. They are applied by `moto_fixes`, when the service is first used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def refuse_in_ec2() -> None:
    """DeleteSubnet, DeleteSecurityGroup, DeleteVpc and DeleteNetworkInterface, Amazon EC2 API Reference."""
    from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
    from moto.ec2.models import EC2Backend

    def subnet(backend: Any, subnet_id: str) -> None:
        if any(getattr(one.subnet, "id", "") == subnet_id for one in backend.enis.values()):
            raise DependencyViolationError(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")

    def group(backend: Any, name: str | None = None, group_id: str | None = None) -> None:
        found = backend.get_security_group_by_name_or_id(group_id or name)
        if found is None:
            return
        used = any(found.id in {one.id for one in eni.group_set} for eni in backend.enis.values())
        # A rule names a group of another VPC over a peering connection alone, and nothing here makes one.
        neighbours = backend.groups.get(found.vpc_id, {}).values()
        if used or any(found.id in _named_by(other) for other in neighbours if other.id != found.id):
            raise DependencyViolationError(f"resource {found.id} has a dependent object")

    def vpc(backend: Any, vpc_id: str) -> None:
        groups = [one for one in backend.groups.get(vpc_id, {}).values() if one.name != "default"]
        endpoints = [one for one in backend.vpc_end_points.values() if one.vpc_id == vpc_id and one.state != "deleted"]
        gateways = [one for one in backend.internet_gateways.values() if one.vpc is not None and one.vpc.id == vpc_id]
        if groups or endpoints or gateways:
            raise DependencyViolationError(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")

    def interface(backend: Any, eni_id: str) -> None:
        eni = backend.enis.get(eni_id)
        if eni is not None and eni.requester_managed:
            raise EC2ClientError("OperationNotPermitted", f"{eni_id} is managed by another service.")

    _before(EC2Backend, "delete_subnet", subnet)
    _before(EC2Backend, "delete_security_group", group)
    _before(EC2Backend, "delete_vpc", vpc)
    _before(EC2Backend, "delete_network_interface", interface)


def refuse_in_iam() -> None:
    """DeletePolicy, IAM API Reference: detach it from everybody and delete its other versions first."""
    from moto.iam.exceptions import DeleteConflictException
    from moto.iam.models import IAMBackend

    def policy(backend: Any, policy_arn: str) -> None:
        held = backend.managed_policies.get(policy_arn)
        if held is None:
            return
        holders = [*backend.roles.values(), *backend.users.values(), *backend.groups.values()]
        if any(policy_arn in holder.managed_policies for holder in holders):
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        if len(held.versions) > 1:
            raise DeleteConflictException(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's "
                "versions. The default version is deleted with the policy."
            )

    _before(IAMBackend, "delete_policy", policy)


def _before(owner: Any, name: str, check: Callable[..., None]) -> None:
    """Run a check, with the same arguments, before a method of moto's does its work."""
    original = getattr(owner, name)

    def checked(backend: Any, *arguments: Any, **options: Any) -> Any:
        check(backend, *arguments, **options)
        return original(backend, *arguments, **options)

    setattr(owner, name, checked)


def _named_by(group: Any) -> set[str]:
    """Return the ids of the groups that a group's rules name."""
    rules = (*group.ingress_rules, *group.egress_rules)
    return {str(rule.source_group["GroupId"]) for rule in rules if (rule.source_group or {}).get("GroupId")}
