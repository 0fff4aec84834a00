"""MSK configurations: named, versioned `server.properties` that clusters refer to by ARN and revision."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.msk import properties
from orchestrator.embedded.msk.arns import Names
from orchestrator.embedded.msk.catalog import KAFKA_VERSIONS
from orchestrator.embedded.msk.pagination import page

#: "Configuration names are strings that match the regex" (CreateConfiguration, API reference).
_NAME = re.compile(r"^[0-9A-Za-z][0-9A-Za-z-]*$")


@dataclass(frozen=True)
class Revision:
    """One revision of a configuration.

    Attributes:
        number: from 1 upwards.
        created: when it was made.
        description: for people; may be empty.
        text: the properties as they were sent.
        values: the properties, read.
    """

    number: int
    created: datetime
    description: str
    text: bytes
    values: dict[str, str]

    def summary(self) -> dict[str, Any]:
        """Return the model's `ConfigurationRevision`."""
        return {"CreationTime": self.created, "Description": self.description, "Revision": self.number}


@dataclass
class Configuration:
    """A configuration with all its revisions."""

    arn: str
    name: str
    kafka_versions: list[str]
    created: datetime
    revisions: list[Revision] = field(default_factory=list)

    @property
    def latest(self) -> Revision:
        """The revision that was made last."""
        return self.revisions[-1]

    def revision(self, number: int) -> Revision:
        """Return one revision.

        Raises:
            AwsError: there is no such revision.
        """
        for revision in self.revisions:
            if revision.number == number:
                return revision
        raise AwsError(
            "BadRequestException", f"Configuration revision {number} does not exist.", InvalidParameter="revision"
        )

    def add(self, text: bytes, description: str) -> Revision:
        """Validate the properties and append them as the next revision.

        Raises:
            AwsError: they are not text, or hold what MSK does not allow.
        """
        try:
            values = properties.parse(text.decode())
        except UnicodeDecodeError as error:
            raise AwsError(
                "BadRequestException",
                "The server properties aren't valid UTF-8 text.",
                InvalidParameter="serverProperties",
            ) from error
        properties.require_allowed(values)
        number = self.latest.number + 1 if self.revisions else 1
        revision = Revision(number, datetime.now(UTC), description, text, values)
        self.revisions.append(revision)
        return revision

    def describe(self) -> dict[str, Any]:
        """Return the model's `Configuration`."""
        return {
            "Arn": self.arn,
            "CreationTime": self.created,
            "Description": self.latest.description,
            "KafkaVersions": list(self.kafka_versions),
            "LatestRevision": self.latest.summary(),
            "Name": self.name,
            "State": "ACTIVE",
        }


class ConfigurationStore:
    """The account's configurations; its user holds the control plane's lock.

    Args:
        names: makes ARNs.
        users: names the clusters that use a configuration (by its ARN), which then cannot be deleted.
    """

    def __init__(self, names: Names, users: Callable[[str], list[str]]) -> None:
        self._names = names
        self._users = users
        self._by_arn: dict[str, Configuration] = {}

    def arns(self) -> list[str]:
        """Return the ARNs of all configurations."""
        return list(self._by_arn)

    def get(self, arn: str) -> Configuration:
        """Return a configuration.

        Raises:
            AwsError: it does not exist. MSK answers 400, not 404, and tools look for these very words.
        """
        try:
            return self._by_arn[arn]
        except KeyError:
            raise AwsError("BadRequestException", "Configuration ARN does not exist.", InvalidParameter="arn") from None

    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        """CreateConfiguration."""
        name = params["Name"]
        if not _NAME.match(name):
            raise AwsError(
                "BadRequestException",
                "The parameter value contains one or more characters that are not valid.",
                InvalidParameter="name",
            )
        if any(existing.name == name for existing in self._by_arn.values()):
            raise AwsError(
                "ConflictException", "A resource with this name already exists.", 409, InvalidParameter="name"
            )
        versions = list(params.get("KafkaVersions") or [])
        known = {version.name for version in KAFKA_VERSIONS}
        if unknown := [version for version in versions if version not in known]:
            raise AwsError(
                "BadRequestException", f"Unsupported KafkaVersion {unknown}.", InvalidParameter="kafkaVersions"
            )
        made = Configuration(self._names.configuration(name), name, versions, datetime.now(UTC))
        made.add(_bytes(params["ServerProperties"]), params.get("Description") or "")
        self._by_arn[made.arn] = made
        return {key: made.describe()[key] for key in ("Arn", "CreationTime", "LatestRevision", "Name", "State")}

    def describe(self, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeConfiguration."""
        return self.get(params["Arn"]).describe()

    def describe_revision(self, params: dict[str, Any]) -> dict[str, Any]:
        """DescribeConfigurationRevision."""
        configuration = self.get(params["Arn"])
        revision = configuration.revision(int(params["Revision"]))
        return {"Arn": configuration.arn, **revision.summary(), "ServerProperties": revision.text}

    def list_all(self, params: dict[str, Any]) -> dict[str, Any]:
        """ListConfigurations."""
        chosen, more = page(list(self._by_arn.values()), params, key=lambda item: item.arn)
        return {"Configurations": [item.describe() for item in chosen], **more}

    def list_revisions(self, params: dict[str, Any]) -> dict[str, Any]:
        """ListConfigurationRevisions."""
        revisions = self.get(params["Arn"]).revisions
        chosen, more = page(revisions, params, key=lambda item: str(item.number))
        return {"Revisions": [item.summary() for item in chosen], **more}

    def update(self, params: dict[str, Any]) -> dict[str, Any]:
        """UpdateConfiguration: a new revision. Clusters keep theirs until they are updated, too."""
        configuration = self.get(params["Arn"])
        revision = configuration.add(_bytes(params["ServerProperties"]), params.get("Description") or "")
        return {"Arn": configuration.arn, "LatestRevision": revision.summary()}

    def delete(self, params: dict[str, Any]) -> dict[str, Any]:
        """DeleteConfiguration; refused while a cluster uses it."""
        configuration = self.get(params["Arn"])
        if users := self._users(configuration.arn):
            raise AwsError(
                "BadRequestException",
                "Configuration is in use by one or more clusters. Dissociate the configuration from the clusters. "
                f"[{', '.join(users)}]",
                InvalidParameter="arn",
            )
        del self._by_arn[configuration.arn]
        return {"Arn": configuration.arn, "State": "DELETING"}


def _bytes(blob: bytes | str) -> bytes:
    return blob.encode() if isinstance(blob, str) else bytes(blob)
