"""What exists in the embedded cloud, read from its own memory: neither through its API nor through the product.

For the chaos suite: a leak check that asked through the code under test would overlook what that code overlooks. Every
object of every service is counted, of whatever type, so that a type that nobody thought of counts, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.embedded.gateway.moto_state import MotoState, moto_lock

if TYPE_CHECKING:
    from orchestrator.embedded.gateway.backends import Backends

#: moto's services that an environment can leave something in, global ones included.
_SERVICES = (
    *("acm-pca", "cloudwatch", "codebuild", "dynamodb", "ec2", "ecs", "elbv2", "events", "firehose", "iam", "kms"),
    *("lambda", "logs", "rds", "route53", "s3", "scheduler", "secretsmanager", "sns", "sqs", "ssm", "stepfunctions"),
)
#: Deeper than any of moto's collections (availability zone, then id).
_DEPTH = 3
#: What a cloud keeps by its own rules after it was deleted: KMS keys and private CAs wait for a week or more, an
#: endpoint stays visible for a while.
_WAITING = {"PendingDeletion", "DELETED", "deleted"}


def snapshot(moto: MotoState, backends: Backends) -> list[str]:
    """Return every object as `service/collection/key`, sorted; what waits for its final deletion is left out.

    A cloud has objects of its own from the beginning (a default VPC, AWS's managed policies): compare two snapshots.
    """
    from moto.backends import get_backend

    found: set[str] = set()
    with moto_lock:
        for service in _SERVICES:
            accounts: Mapping[str, Any] = get_backend(service)
            _own(accounts[moto.account_id], moto.region)  # what a service has from the beginning is there from now on
            for regions in list(accounts.values()):
                for backend in list(regions.values()):
                    found.update(f"{service}/{path}" for path in _objects_of(backend))
    for own in backends.existing():
        held = getattr(own, "held", None)
        if held is not None:
            found.update(f"{own.service}/{path}" for path in held())
    return sorted(found)


def _own(regions: Any, region: str) -> Any:
    """Return a service's backend in a region; those of global services are called "aws"."""
    try:
        return regions[region]
    except KeyError:
        return regions["aws"]


def _objects_of(backend: Any) -> Iterator[str]:
    for name, value in list(vars(backend).items()):
        yield from _walk(name, value, _DEPTH)


def _walk(path: str, value: Any, depth: int) -> Iterator[str]:
    from moto.core.common_models import BaseModel

    if isinstance(value, BaseModel):
        if not _WAITING & {str(getattr(value, name, "")) for name in ("key_state", "status", "state")}:
            yield path
    elif isinstance(value, Mapping) and depth:
        for key, inner in list(value.items()):
            yield from _walk(f"{path}/{key}", inner, depth - 1)
    elif isinstance(value, list | set | tuple) and depth:
        for index, inner in enumerate(list(value)):
            yield from _walk(f"{path}/{getattr(inner, 'id', index)}", inner, depth - 1)
