"""Lock files: which jars the product uses, by coordinate and SHA-256."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestrator.files import read_json

_HERE = Path(__file__).parent

#: Apache Kafka (broker, tools, Connect) and its runtime closure.
KAFKA_LOCK = _HERE / "kafka-jars.lock.json"
#: The AWS SDK's S3 client, which the canary plugin carries.
CANARY_LOCK = _HERE / "canary-jars.lock.json"
#: MirrorMaker 2, as a plugin for Connect workers.
MIRROR_LOCK = _HERE / "mirror-jars.lock.json"
#: The Eclipse compiler for Java: the packaged JRE has no javac.
COMPILER_LOCK = _HERE / "compiler.lock.json"
#: AWS's library for Java clients of the IAM listener, with the AWS SDK in it (10 MB). Clients load it, brokers do not.
IAM_CLIENT_LOCK = _HERE / "iam-client.lock.json"


#: The coordinate that a spec names; the jars of its lock come with it.
MIRROR = "org.apache.kafka:connect-mirror:4.3.1"


@dataclass(frozen=True)
class Artifact:
    """One jar in the Maven repository.

    Attributes:
        coordinate: `group:artifact:version`, or with a classifier as a fourth part.
        sha256: the digest of the jar, in hexadecimal.
    """

    coordinate: str
    sha256: str

    @cached_property
    def parts(self) -> tuple[str, str, str, str]:
        """Group, artifact, version and classifier (empty: none); raises ValueError when there are more parts."""
        if self.coordinate.count(":") not in {2, 3}:
            raise ValueError(f"{self.coordinate!r} is no coordinate of an artifact")
        group, artifact, version, classifier = [*self.coordinate.split(":"), ""][:4]
        return group, artifact, version, classifier

    @property
    def filename(self) -> str:
        """The jar's name in the cache."""
        return "-".join(part for part in self.parts[1:] if part) + ".jar"


def read_lock(path: Path) -> tuple[Artifact, ...]:
    """Read a lock file.

    Raises:
        ValueError: two artifacts would have the same file name.
    """
    artifacts = tuple(Artifact(entry["coordinate"], entry["sha256"]) for entry in read_json(path)["artifacts"])
    if len({artifact.filename for artifact in artifacts}) != len(artifacts):
        raise ValueError(f"{path.name}: two artifacts have one file name")
    return artifacts
