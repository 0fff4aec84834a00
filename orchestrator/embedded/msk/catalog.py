"""What MSK offers: Kafka versions and broker sizes.

The brokers of the embedded target are the same real ones whatever version and size a cluster asks for: the names are
checked and answered, so that a program that AWS would refuse is refused here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.embedded.gateway.service import AwsError

Status = Literal["ACTIVE", "DEPRECATED"]


@dataclass(frozen=True)
class KafkaVersion:
    """One version as `ListKafkaVersions` has it.

    Attributes:
        name: such as `3.9.x.kraft`; the `.kraft` ones have no ZooKeeper.
        status: DEPRECATED ones still run, and no new cluster may ask for them.
    """

    name: str
    status: Status = "ACTIVE"

    @property
    def kraft(self) -> bool:
        """Tell whether metadata is kept by KRaft controllers."""
        return self.name.endswith(".kraft")

    @property
    def order(self) -> tuple[int, ...]:
        """Sort key: the numbers of the version."""
        return tuple(int(part) for part in self.name.split(".") if part.isdigit())


#: "Supported Apache Kafka versions", Amazon MSK Developer Guide; oldest first.
KAFKA_VERSIONS: tuple[KafkaVersion, ...] = (
    *(
        KafkaVersion(name, "DEPRECATED")
        for name in ("1.1.1", "2.1.0", "2.2.1", "2.3.1", "2.4.1", "2.4.1.1", "2.5.1", "2.6.0", "2.6.1", "2.6.2")
    ),
    *(
        KafkaVersion(name, "DEPRECATED")
        for name in ("2.6.3", "2.7.0", "2.7.1", "2.7.2", "2.8.0", "2.8.1", "2.8.2.tiered", "3.1.1", "3.2.0")
    ),
    *(KafkaVersion(name, "DEPRECATED") for name in ("3.3.1", "3.3.2", "3.4.0", "3.5.1")),
    *(KafkaVersion(name) for name in ("3.6.0", "3.7.x", "3.7.x.kraft", "3.8.x", "3.8.x.kraft", "3.9.x", "3.9.x.kraft")),
    *(KafkaVersion(name) for name in ("4.0.x.kraft", "4.1.x.kraft")),
)

#: "Broker types" and "Express brokers", Amazon MSK Developer Guide.
_SIZES = {
    "m5": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge"),
    "m7g": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"),
}
INSTANCE_TYPES: frozenset[str] = frozenset(
    {"kafka.t3.small", *(f"kafka.{family}.{size}" for family, sizes in _SIZES.items() for size in sizes)}
)


def require_version(name: str) -> KafkaVersion:
    """Return the version that a new cluster asks for.

    Raises:
        AwsError: MSK does not have it, or makes no new clusters of it.
    """
    for version in KAFKA_VERSIONS:
        if version.name == name and version.status == "ACTIVE":
            return version
    valid = ", ".join(version.name for version in KAFKA_VERSIONS if version.status == "ACTIVE")
    raise AwsError(
        "BadRequestException",
        f"Unsupported KafkaVersion [{name}]. Valid values: [{valid}]",
        InvalidParameter="kafkaVersion",
    )


def require_instance_type(name: str) -> str:
    """Return a broker size that exists.

    Raises:
        AwsError: there is no such size, or it is an Express one, which the embedded target does not have.
    """
    if name.startswith("express."):
        raise AwsError(
            "BadRequestException",
            f"Express brokers ({name}) don't exist on the embedded target: it runs standard brokers, such as "
            "kafka.m7g.large.",
            InvalidParameter="instanceType",
        )
    if name not in INSTANCE_TYPES:
        raise AwsError(
            "BadRequestException",
            f"Unsupported InstanceType [{name}]. Valid values: [{', '.join(sorted(INSTANCE_TYPES))}]",
            InvalidParameter="instanceType",
        )
    return name


def upgrade_targets(name: str) -> list[str]:
    """Return the versions that a cluster of version `name` can be updated to.

    A cluster never changes between ZooKeeper and KRaft ("Metadata management", Amazon MSK Developer Guide).
    """
    source = next((version for version in KAFKA_VERSIONS if version.name == name), None)
    if source is None:
        return []
    return [
        version.name
        for version in KAFKA_VERSIONS
        if version.status == "ACTIVE" and version.kraft == source.kraft and version.order > source.order
    ]
