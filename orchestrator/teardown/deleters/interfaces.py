"""EC2's network interfaces: those of services are waited for and named, never touched.

A service's interface outlives the resource that it was made for by minutes, and holds its subnet and its security
groups (DependencyViolation). Only the service can delete it ("Requester-managed network interfaces", Amazon EC2 User
Guide).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import Deleter, RefusedError, Work, found_or_none, short, tag_map
from orchestrator.teardown.found import Found

#: What services make interfaces for.
_MAKERS = ("kafka:cluster", "kafkaconnect:connector", "ec2:vpc-endpoint", "ec2:natgateway")


def _describe(session: AwsSession, item: Found) -> dict[str, Any] | None:
    interface = short(item.identifier)
    ec2 = session.client("ec2")
    answer = found_or_none(lambda: ec2.describe_network_interfaces(NetworkInterfaceIds=[interface]))
    return dict(answer["NetworkInterfaces"][0]) if answer and answer["NetworkInterfaces"] else None


def _tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    return tag_map((_describe(session, item) or {}).get("TagSet"))


def _of_a_service(seen: dict[str, Any] | None) -> bool:
    return seen is not None and bool(seen.get("RequesterManaged"))


def _delete(work: Work, item: Found) -> None:
    seen = _describe(work.session, item)
    stays = sorted(work.kept & set(_MAKERS))
    if _of_a_service(seen):
        if stays:  # nothing tells whether the interface is of what stays; if it is, no patience is long enough
            work.shorten()
        seen = work.wait(lambda: _describe(work.session, item), lambda now: now is None)
    if seen is None:
        return
    if _of_a_service(seen):
        raise RefusedError(
            f"belongs to a service that has not let go of it within {work.patience_s:.0f} s: "
            f"'{seen.get('Description') or 'no description'}', requester {seen.get('RequesterId', 'unknown')}, "
            f"status {seen.get('Status', 'unknown')}"
            + (f"; it may be of what stays: {', '.join(stays)}" if stays else "")
        )
    if not work.owns(item):
        raise RefusedError(f"does not carry the lease's tag ('{seen.get('Description') or 'no description'}')")
    attachment = seen.get("Attachment") or {}
    if attachment.get("AttachmentId") and attachment.get("Status") != "detached":
        raise RefusedError(f"is attached to {attachment.get('InstanceId', 'something')}")
    work.retrying(lambda: work.client("ec2").delete_network_interface(NetworkInterfaceId=short(item.identifier)))


DELETERS = (Deleter("ec2:network-interface", _delete, _tags, _MAKERS, untagged=True),)
