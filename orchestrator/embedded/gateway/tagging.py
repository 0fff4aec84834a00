"""The resource groups tagging API over everything that the embedded cloud has.

moto's own does not see VPC endpoints, addresses, IAM policies or private CAs, and nothing of our services. As on AWS,
IAM users and roles never appear here ("Services that support the Resource Groups Tagging API").
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from orchestrator.embedded.gateway.moto_state import MotoState, moto_lock
from orchestrator.embedded.gateway.service import AwsError, Caller, ServiceBackend, TaggedResource
from orchestrator.embedded.gateway.tag_conditions import tag_pairs

_DEFAULT_PAGE = 50
#: Questions whose pages are remembered.
_LISTINGS = 4
#: What EC2's backend does not report itself: attribute, and the resource type of the ARN.
_EC2_MISSING = (
    ("vpc_end_points", "vpc-endpoint"),
    ("network_acls", "network-acl"),
    ("dhcp_options_sets", "dhcp-options"),
)


class TaggingBackend:
    """AWS Resource Groups Tagging API.

    Args:
        moto: the services that moto keeps.
        backends: returns the services of our own that have been used.
    """

    service = "resourcegroupstaggingapi"

    def __init__(self, moto: MotoState, backends: Callable[[], Iterable[ServiceBackend]]) -> None:
        self._moto, self._backends = moto, backends
        self._listings: dict[str, list[TaggedResource]] = {}

    def invoke(self, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Carry out one operation; see `ServiceBackend.invoke`."""
        handlers: dict[str, Callable[[dict[str, Any], Caller], dict[str, Any]]] = {
            "GetResources": self._get_resources,
            "GetTagKeys": self._get_tag_keys,
            "GetTagValues": self._get_tag_values,
            "TagResources": self._tag_resources,
            "UntagResources": self._untag_resources,
        }
        if operation not in handlers:
            raise NotImplementedError(operation)
        return handlers[operation](params, caller)

    def tagged_resources(self) -> list[TaggedResource]:
        """The tagging API has no resources of its own."""
        return []

    def close(self) -> None:
        """Nothing runs."""

    def everything(self) -> list[TaggedResource]:
        """Return every tagged resource of every service, ordered by ARN."""
        found: dict[str, dict[str, str]] = {}
        with moto_lock:
            for resource in (*self._of_moto(), *self._missed_by_moto()):
                if resource["tags"]:
                    found[resource["arn"]] = resource["tags"]
        for backend in self._backends():
            for resource in backend.tagged_resources():
                if resource["tags"]:
                    found[resource["arn"]] = resource["tags"]
        return [{"arn": arn, "tags": found[arn]} for arn in sorted(found)]

    def _of_moto(self) -> Iterator[TaggedResource]:
        from moto.core.resource_tagging import iter_taggable_backends

        ours = {backend.service for backend in self._backends()}
        for backend in iter_taggable_backends(self._moto.account_id, self._moto.region):
            if backend.SERVICE_NAMESPACE in ours:
                continue
            for resource in backend.iter_tagged_resources():
                yield {"arn": _as_aws_writes(resource.arn), "tags": dict(resource.tags)}

    def _missed_by_moto(self) -> Iterator[TaggedResource]:
        region, account = self._moto.region, self._moto.account_id
        ec2 = self._moto.backend("ec2")
        prefix = f"arn:aws:ec2:{region}:{account}"
        for attribute, kind in _EC2_MISSING:
            for resource_id, resource in getattr(ec2, attribute, {}).items():
                if getattr(resource, "state", "") == "deleted":  # moto keeps deleted endpoints for describe calls
                    continue
                yield {"arn": f"{prefix}:{kind}/{resource_id}", "tags": dict(ec2.tags.get(resource_id, {}))}
        for address in getattr(ec2, "addresses", []):
            tags = dict(ec2.tags.get(address.allocation_id, {}))
            yield {"arn": f"{prefix}:elastic-ip/{address.allocation_id}", "tags": tags}
        for groups in ec2.groups.values():
            for group in groups.values():
                for rule in (*group.ingress_rules, *group.egress_rules):
                    yield {"arn": f"{prefix}:security-group-rule/{rule.id}", "tags": dict(ec2.tags.get(rule.id, {}))}
        iam = self._moto.backend("iam", "aws")
        for holder in (iam.managed_policies, iam.instance_profiles, iam.open_id_providers):
            for entry in holder.values():
                yield {"arn": entry.arn, "tags": tag_pairs(getattr(entry, "tags", None))}
        pca = self._moto.backend("acm-pca")
        for arn in pca.certificate_authorities:
            yield {"arn": arn, "tags": tag_pairs(pca.list_tags(arn).get("Tags"))}

    def _get_resources(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        chosen = self._chosen(params)
        page, token = _page(chosen, lambda r: r["arn"], params, int(params.get("ResourcesPerPage", _DEFAULT_PAGE)))
        return {
            "PaginationToken": token,
            "ResourceTagMappingList": [
                {"ResourceARN": r["arn"], "Tags": [{"Key": k, "Value": v} for k, v in r["tags"].items()]} for r in page
            ],
        }

    def _chosen(self, params: dict[str, Any]) -> list[TaggedResource]:
        """Return what a question asks for; all its pages are of one moment, and only the first asks every service."""
        wanted = {name: params.get(name) for name in ("ResourceARNList", "ResourceTypeFilters", "TagFilters")}
        question = json.dumps(wanted, sort_keys=True)
        if params.get("PaginationToken") and question in self._listings:
            return self._listings[question]
        arns = params.get("ResourceARNList")
        chosen = [
            resource
            for resource in self.everything()
            if (not arns or resource["arn"] in arns)
            and _is_of_type(resource["arn"], params.get("ResourceTypeFilters", ()))
            and _carries(resource["tags"], params.get("TagFilters", ()))
        ]
        self._listings.pop(question, None)
        self._listings[question] = chosen
        for oldest in list(self._listings)[:-_LISTINGS]:
            self._listings.pop(oldest, None)
        return chosen

    def _get_tag_keys(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        keys = sorted({key for resource in self.everything() for key in resource["tags"]})
        page, token = _page(keys, str, params, 1000)
        return {"PaginationToken": token, "TagKeys": page}

    def _get_tag_values(self, params: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        values = sorted({r["tags"][params["Key"]] for r in self.everything() if params["Key"] in r["tags"]})
        page, token = _page(values, str, params, 1000)
        return {"PaginationToken": token, "TagValues": page}

    def _tag_resources(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        def tag(arn: str) -> None:
            backend = self._ours(arn)
            if backend is not None:
                backend.invoke("TagResource", {"ResourceArn": arn, "Tags": params["Tags"]}, caller)
            else:
                self._moto_owner(arn).tag_resource(arn, params["Tags"])

        return _each(params["ResourceARNList"], tag)

    def _untag_resources(self, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        def untag(arn: str) -> None:
            backend = self._ours(arn)
            if backend is not None:
                backend.invoke("UntagResource", {"ResourceArn": arn, "TagKeys": params["TagKeys"]}, caller)
            else:
                self._moto_owner(arn).untag_resource(arn, params["TagKeys"])

        return _each(params["ResourceARNList"], untag)

    def _ours(self, arn: str) -> ServiceBackend | None:
        service = arn.split(":")[2] if arn.count(":") >= 5 else ""
        return next((backend for backend in self._backends() if backend.service == service), None)

    def _moto_owner(self, arn: str) -> Any:
        from moto.core.resource_tagging import iter_taggable_backends

        for backend in iter_taggable_backends(self._moto.account_id, self._moto.region):
            if backend.owns_arn(arn):
                return backend
        raise AwsError("InvalidParameterException", f"No resource with this ARN can be tagged here: {arn}")


def _as_aws_writes(arn: str) -> str:
    """Correct the ARNs of flow logs, whose resource type moto calls `flow-logs`."""
    return arn.replace(":flow-logs/", ":vpc-flow-log/") if ":ec2:" in arn else arn


def _is_of_type(arn: str, filters: Iterable[str]) -> bool:
    """Match `service` or `service:type`, as in an ARN; S3's ARNs have no type."""
    wanted = list(filters)
    if not wanted:
        return True
    service, resource = arn.split(":", 5)[2::3]
    kind = "bucket" if service == "s3" else resource.replace(":", "/").partition("/")[0]
    return any(entry in {service, f"{service}:{kind}"} for entry in wanted)


def _carries(tags: dict[str, str], filters: Iterable[dict[str, Any]]) -> bool:
    """All filters must hold; one with values needs one of them."""
    return all(f["Key"] in tags and (not f.get("Values") or tags[f["Key"]] in f["Values"]) for f in filters)


def _page(items: list[Any], key: Callable[[Any], str], params: dict[str, Any], size: int) -> tuple[list[Any], str]:
    """Return one page of sorted items and the token of the next (empty at the end); the token is the last key seen."""
    token = params.get("PaginationToken")
    if token:
        try:
            last = base64.urlsafe_b64decode(token.encode()).decode()
        except (binascii.Error, UnicodeError) as error:
            raise AwsError("PaginationTokenExpiredException", "The pagination token is not valid.") from error
        items = [item for item in items if key(item) > last]
    page = items[:size]
    more = len(items) > size
    return page, base64.urlsafe_b64encode(key(page[-1]).encode()).decode() if more else ""


def _each(arns: list[str], act: Callable[[str], None]) -> dict[str, Any]:
    """Do something for each ARN and collect the failures, as the API does."""
    failed = {}
    for arn in arns:
        try:
            with moto_lock:
                act(arn)
        except AwsError as error:
            failed[arn] = {
                "StatusCode": error.status,
                "ErrorCode": "InvalidParameterException",
                "ErrorMessage": error.message,
            }
        except Exception as error:  # noqa: BLE001 - moto's own exceptions; the caller learns which resource failed
            failed[arn] = {
                "StatusCode": 500,
                "ErrorCode": "InternalServiceException",
                "ErrorMessage": type(error).__name__,
            }
    return {"FailedResourcesMap": failed}
