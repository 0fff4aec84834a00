"""What the embedded services read from, and write to, the services that moto keeps in this process.

Everything happens under one lock: moto's backends are plain dictionaries without one. A service of the real
cloud acts in the account by way of a service-linked role; these calls are the same thing without the signature.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Held while moto works, whether for a request of a client or for one of our own services.
moto_lock = threading.RLock()


@dataclass(frozen=True)
class Secret:
    """A Secrets Manager secret.

    Attributes:
        name: its name, without ARN or random suffix.
        arn: its ARN.
        kms_key_id: the key as it was given (id, ARN or alias); None means `aws/secretsmanager`.
        customer_managed_key: the key exists and is the customer's, not AWS's own.
        value: the current version's string, None when there is none.
        policy: the resource policy's JSON text.
    """

    name: str
    arn: str
    kms_key_id: str | None
    customer_managed_key: bool
    value: str | None = field(repr=False)
    policy: str | None = None


@dataclass(frozen=True)
class Subnet:
    """A subnet of a VPC."""

    id: str
    vpc_id: str
    zone: str
    cidr: str


@dataclass(frozen=True)
class NetworkInterface:
    """An elastic network interface."""

    id: str
    subnet_id: str
    private_ip: str


class MotoState:
    """Typed access to moto's backends for one account and region.

    Args:
        account_id: the embedded account.
        region: the region that is looked at.
    """

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region

    def backend(self, service: str, region: str | None = None) -> Any:
        """Return moto's backend of a service; hold `moto_lock`. Global services have the region "aws"."""
        from moto.backends import get_backend

        return get_backend(service)[self.account_id][region or self.region]

    # Secrets Manager and KMS

    def secret(self, arn_or_name: str) -> Secret | None:
        """Return a secret that exists and is not scheduled for deletion, else None."""
        with moto_lock:
            found = self.backend("secretsmanager").secrets.get(arn_or_name)
            if found is None or found.is_deleted():
                return None
            version = found.versions.get(found.default_version_id) if found.default_version_id else None
            key = found.kms_key_id
            return Secret(
                name=found.name,
                arn=found.arn,
                kms_key_id=key,
                customer_managed_key=bool(key) and self.is_customer_managed_key(str(key)),
                value=(version or {}).get("secret_string"),
                policy=found.policy,
            )

    def put_secret_policy(self, arn_or_name: str, policy: str | None) -> None:
        """Set or, with None, remove a secret's resource policy; nothing happens when the secret is gone."""
        with moto_lock:
            found = self.backend("secretsmanager").secrets.get(arn_or_name)
            if found is not None:
                found.policy = policy

    def is_customer_managed_key(self, key_id: str) -> bool:
        """Tell whether a key id, key ARN, alias or alias ARN names an existing customer-managed key."""
        if "alias/aws/" in key_id:
            return False
        with moto_lock:
            arn = self.kms_key_arn(key_id)
            return arn is not None and self.backend("kms").keys[arn.rsplit("/", 1)[1]].key_manager == "CUSTOMER"

    def kms_key_arn(self, key_id: str) -> str | None:
        """Return the ARN of a key named by id, ARN, alias or alias ARN, or None when there is none."""
        with moto_lock:
            backend = self.backend("kms")
            try:
                resolved = backend.any_id_to_key_id(key_id)
            except Exception:  # noqa: BLE001 - moto raises different types for unknown aliases
                return None
            key = backend.keys.get(resolved)
            return None if key is None else str(key.arn)

    def put_service_secret(self, name: str, value: str, tags: Mapping[str, str]) -> str:
        """Make a secret that a service manages for the account, as RDS does with its master passwords.

        Returns:
            Its ARN.
        """
        with moto_lock:
            pairs = [{"Key": key, "Value": text} for key, text in tags.items()]
            backend = self.backend("secretsmanager")
            made = backend.create_secret(
                name=name,
                secret_string=value,
                secret_binary=None,
                description="Managed by a service of the embedded cloud",
                tags=pairs,
                kms_key_id=None,
                client_request_token=None,
                replica_regions=[],
                force_overwrite=False,
            )
            return str(json.loads(made[0] if isinstance(made, tuple) else made)["ARN"])

    def delete_service_secret(self, arn: str) -> None:
        """Remove a secret at once; one that is gone is fine."""
        with moto_lock:
            backend = self.backend("secretsmanager")
            if backend.secrets.get(arn) is not None:
                backend.delete_secret(arn, recovery_window_in_days=None, force_delete_without_recovery=True)

    # IAM

    def iam_arn(self, kind: str, name: str) -> str:
        """Return the ARN, with its path, of a `role`, `user`, `group` or `instance-profile`; empty if it is unknown."""
        with moto_lock:
            iam = self.backend("iam", "aws")
            holders = {
                "role": iam.roles,
                "user": iam.users,
                "group": iam.groups,
                "instance-profile": iam.instance_profiles,
            }
            found = next((one for one in holders[kind].values() if one.name == name), None)
            return "" if found is None else str(found.arn)

    def roles_in_profile(self, name: str) -> tuple[str, ...]:
        """Return the ARNs of the roles in an instance profile, by its name or ARN."""
        with moto_lock:
            profiles = self.backend("iam", "aws").instance_profiles.values()
            return tuple(str(role.arn) for one in profiles if name in (one.name, one.arn) for role in one.roles)

    # Amazon S3

    def s3_object(self, bucket: str, key: str, version: str | None = None) -> bytes | None:
        """Return an object's content, or None when there is no such bucket, object or version."""
        with moto_lock:
            backend = self.backend("s3", "aws")
            if bucket not in backend.buckets:
                return None
            found = backend.get_object(bucket, key, version_id=version)
            return None if found is None else bytes(found.value)

    # Logs

    def log_group_exists(self, name: str) -> bool:
        """Tell whether a CloudWatch log group exists."""
        with moto_lock:
            return name in self.backend("logs").groups

    def put_log_events(self, group: str, stream: str, events: Iterable[tuple[int, str]]) -> bool:
        """Append `(milliseconds since the epoch, line)` events, oldest first, to a log stream, made if need be.

        Returns:
            False when the log group does not exist (any more).
        """
        with moto_lock:
            backend = self.backend("logs")
            if group not in backend.groups:
                return False
            backend.ensure_log_stream(group, stream)
            batch = [{"timestamp": moment, "message": line} for moment, line in sorted(events, key=lambda e: e[0])]
            if batch:
                backend.put_log_events(group, stream, batch)
            return True

    # Private certificate authorities

    def certificate_authority_pem(self, arn: str) -> str | None:
        """Return the certificate of an ACTIVE private CA in PEM form, else None."""
        with moto_lock:
            authority = self.backend("acm-pca").certificate_authorities.get(arn)
            if authority is None or authority.status != "ACTIVE" or not authority.certificate_bytes:
                return None
            certificate = authority.certificate_bytes
            return certificate.decode() if isinstance(certificate, bytes) else str(certificate)

    # EC2

    def subnet(self, subnet_id: str) -> Subnet | None:
        """Return a subnet, or None when it does not exist."""
        with moto_lock:
            for subnets in self.backend("ec2").subnets.values():
                if subnet_id in subnets:
                    found = subnets[subnet_id]
                    return Subnet(found.id, found.vpc_id, found.availability_zone, found.cidr_block)
        return None

    def route_table_of(self, association_id: str) -> str | None:
        """Return the route table of an association, or None when there is none."""
        with moto_lock:
            tables = self.backend("ec2").route_tables.values()
            return next((str(table.id) for table in tables if association_id in table.all_associations_ids), None)

    def security_group_vpc(self, group_id: str) -> str | None:
        """Return the VPC of a security group, or None when the group does not exist."""
        with moto_lock:
            group = self.backend("ec2").get_security_group_from_id(group_id)
            return None if group is None else str(group.vpc_id)

    def create_network_interface(
        self,
        subnet_id: str,
        security_groups: Iterable[str],
        description: str,
        tags: Mapping[str, str] | None = None,
    ) -> NetworkInterface:
        """Make an interface that belongs to a service, as services make theirs in a customer's subnets."""
        with moto_lock:
            made = self.backend("ec2").create_network_interface(
                subnet_id, None, group_ids=list(security_groups), description=description, tags=dict(tags or {})
            )
            made.requester_managed = True
            made.status = "in-use"
            return NetworkInterface(made.id, subnet_id, str(made.private_ip_address))

    def delete_network_interface(self, interface_id: str) -> bool:
        """Remove an interface; False when it is gone already."""
        with moto_lock:
            return self.backend("ec2").enis.pop(interface_id, None) is not None
