"""Names that MSK gives out: ARNs, cluster versions, node ids."""

from __future__ import annotations

import re
import secrets
import string
import uuid
from dataclasses import dataclass

_VERSION_ALPHABET = string.ascii_uppercase + string.digits
_CLUSTER_ARN = re.compile(r"^arn:aws[a-z-]*:kafka:([a-z0-9-]+):(\d{12}):cluster/([^/]+)/([0-9a-f-]+-\d+)$")


@dataclass(frozen=True)
class Names:
    """Makes ARNs for one account and region ("Resource types defined by Amazon MSK", Service Authorization Reference).

    Attributes:
        region: an AWS region.
        account_id: twelve digits.
    """

    region: str
    account_id: str

    def _arn(self, resource: str) -> str:
        return f"arn:aws:kafka:{self.region}:{self.account_id}:{resource}"

    def cluster(self, name: str, cluster_uuid: str) -> str:
        """Return a cluster's ARN; `cluster_uuid` is what `new_uuid` made."""
        return self._arn(f"cluster/{name}/{cluster_uuid}")

    def configuration(self, name: str) -> str:
        """Return a new configuration's ARN."""
        return self._arn(f"configuration/{name}/{new_uuid()}")

    def operation(self, name: str, cluster_uuid: str) -> str:
        """Return a new cluster operation's ARN."""
        return self._arn(f"cluster-operation/{name}/{cluster_uuid}/{uuid.uuid4()}")

    def broker(self, name: str, cluster_uuid: str, broker_id: int) -> str:
        """Return a broker node's ARN, always the same for the same broker."""
        node = uuid.uuid5(uuid.NAMESPACE_URL, f"{cluster_uuid}/{broker_id}")
        return self._arn(f"broker/{name}/{cluster_uuid}/{broker_id}-{node}")

    def managed_key(self) -> str:
        """Return the ARN of the key behind `alias/aws/kafka`, which AWS makes and manages for an account."""
        key = uuid.uuid5(uuid.NAMESPACE_URL, f"{self.account_id}/{self.region}/alias/aws/kafka")
        return f"arn:aws:kms:{self.region}:{self.account_id}:key/{key}"


def new_uuid() -> str:
    """Return the last part of a cluster's or configuration's ARN: a UUID, a dash and a digit."""
    return f"{uuid.uuid4()}-{secrets.randbelow(20) + 1}"


def new_version() -> str:
    """Return a cluster version such as `K3AEGXETSR30VB`: it changes with every update, and says nothing else."""
    return "K" + "".join(secrets.choice(_VERSION_ALPHABET) for _ in range(13))


def is_cluster_arn(text: str) -> bool:
    """Tell whether `text` has the form of a provisioned cluster's ARN."""
    return _CLUSTER_ARN.match(text) is not None
