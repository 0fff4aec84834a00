"""What the program is told: everything that differs between two environments, and nothing about where they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.environment import Grant, Mechanism


@dataclass(frozen=True)
class BrokerInputs:
    """The cluster's brokers.

    Attributes:
        count: how many; a multiple of the number of zones.
        instance_type: an MSK broker type.
        storage_gb: EBS volume of each broker, GiB.
        kafka_version: a version that MSK offers.
        server_properties: Kafka server properties, on top of `stacks.broker_settings.default_properties`.
    """

    count: int
    instance_type: str
    storage_gb: int
    kafka_version: str
    server_properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PrincipalInputs:
    """One client identity.

    Attributes:
        name: as the spec calls it; also the SCRAM user's name.
        auth: how it authenticates.
        password: of a SCRAM principal; None for the others. It reaches the state encrypted and no log at all.
        grants: what it may do; an IAM principal gets them as a policy, the others as ACLs after provisioning.
    """

    name: str
    auth: Mechanism
    password: str | None = field(default=None, repr=False)
    grants: tuple[Grant, ...] = ()

    def __post_init__(self) -> None:
        if (self.auth == "scram") is (self.password is None):
            raise ValueError(f"principal {self.name}: a SCRAM principal needs a password, and only it")


@dataclass(frozen=True)
class PluginInputs:
    """A plugin for Kafka Connect, as an archive of this machine or of a bucket.

    Attributes:
        name: what connectors call it.
        content_type: `ZIP` or `JAR`.
        archive: the file that is uploaded; None for one that is in a bucket already.
        sha256: the file's digest, part of the object's name.
        bucket: the bucket that has it already.
        key: its key there.
    """

    name: str
    content_type: str
    archive: Path | None = None
    sha256: str = ""
    bucket: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class ConnectSecretInputs:
    """A secret that connectors refer to.

    Attributes:
        name: as the spec calls it.
        full_name: its name in the account.
        values: the fields of one that is made; None for one that is there already. They reach the state encrypted.
        kms_key_arn: the customer-managed key of one that is there already, where it has one.
    """

    name: str
    full_name: str
    values: Mapping[str, str] | None = field(default=None, repr=False)
    kms_key_arn: str | None = None


@dataclass(frozen=True)
class EgressInputs:
    """A host that connectors must reach.

    Attributes:
        name: tells the rule of one host from another's.
        port: the TCP port.
        cidr: the range that the host is in; None means the VPC's.
        service: the AWS service whose interface endpoint leads there (`com.amazonaws.REGION.NAME`), instead of a range.
    """

    name: str
    port: int
    cidr: str | None = None
    service: str | None = None


@dataclass(frozen=True)
class LinkInputs:
    """What a MirrorMaker connector needs to be allowed.

    Attributes:
        cluster_arn: the cluster that it reads from.
        alias: how MirrorMaker calls that cluster.
        topics: the topics that it reads there.
        groups: the consumer groups whose offsets it reads there, and moves here.
    """

    cluster_arn: str
    alias: str
    topics: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConnectorInputs:
    """One connector; see `orchestrator.connect_spec.ConnectorSpec`.

    Attributes:
        secrets: names (the spec's) of the secrets that its role may read.
        resolves: its plugin has our configuration provider, which its workers are to use.
    """

    name: str
    plugin: str
    config: Mapping[str, str]
    tasks: int = 1
    workers: int = 1
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    bucket_prefix: str | None = None
    secrets: tuple[str, ...] = ()
    resolves: bool = False
    link: LinkInputs | None = None


@dataclass(frozen=True)
class ConnectInputs:
    """Kafka Connect of the environment.

    Attributes:
        plugins: every plugin that a connector names.
        connectors: the connectors.
        worker_properties: on top of the worker configuration's defaults.
        secrets: what connectors refer to.
        provider_properties: on top of those, for workers that resolve references with our provider.
        egress: what else the workers must reach.
    """

    plugins: tuple[PluginInputs, ...]
    connectors: tuple[ConnectorInputs, ...]
    worker_properties: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[ConnectSecretInputs, ...] = ()
    provider_properties: Mapping[str, str] = field(default_factory=dict)
    egress: tuple[EgressInputs, ...] = ()


@dataclass(frozen=True)
class RegistryInputs:
    """The user of the schema registry that the target runs beside the cluster."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class ObservabilityInputs:
    """What watches the environment.

    Attributes:
        alarms: whether there are alarms with a topic and a queue.
        notify: SNS topics of the team's own that alarms tell, too.
        flow_logs: whether the VPC has a flow log.
    """

    alarms: bool = False
    notify: tuple[str, ...] = ()
    flow_logs: bool = False


@dataclass(frozen=True)
class StackInputs:
    """One environment.

    Attributes:
        lease_id: the lease's short id; part of every name.
        name: what people call the environment.
        region: an AWS region.
        account_id: twelve digits.
        zones: one private subnet is made in each of these availability zones.
        cidr: the VPC's IPv4 range, /16 to /24.
        brokers: the brokers.
        principals: the client identities.
        bucket_expire_days: age at which the bucket's objects expire, days.
        tags: carried by everything that can carry a tag.
        scram: whether the cluster has the SASL/SCRAM listener.
        iam: whether it has the IAM listener; it always has, since MSK has no super user who could create the first ACL.
        mtls: whether it has the mTLS listener, for certificates of an authority of the environment's own.
        registry: the schema registry's user, whose secret the stack keeps; None without a registry of our own.
        boundary_arn: the account's permissions boundary for every role; None makes one of the environment's own.
        connect: Kafka Connect, None without it.
        observability: what watches the environment; nothing by default.
    """

    lease_id: str
    name: str
    region: str
    account_id: str
    zones: tuple[str, ...]
    cidr: str
    brokers: BrokerInputs
    principals: tuple[PrincipalInputs, ...]
    bucket_expire_days: int
    tags: Mapping[str, str]
    scram: bool = True
    iam: bool = True
    mtls: bool = True
    registry: RegistryInputs | None = None
    boundary_arn: str | None = None
    connect: ConnectInputs | None = None
    observability: ObservabilityInputs = ObservabilityInputs()

    def __post_init__(self) -> None:
        if not self.iam:
            raise ValueError("the IAM listener cannot be left out: only an IAM role can create the first ACL")
        if not self.zones or self.brokers.count % len(self.zones):
            raise ValueError(f"{self.brokers.count} brokers cannot be spread evenly over {len(self.zones)} zones")
        if not self.scram and self.with_auth("scram"):
            raise ValueError("there are SCRAM principals, and the SCRAM listener is left out")

    @property
    def prefix(self) -> str:
        """The beginning of every name."""
        return f"ephk-{self.lease_id}"

    def with_auth(self, auth: Mechanism) -> tuple[PrincipalInputs, ...]:
        """Return the principals that authenticate in this way."""
        return tuple(principal for principal in self.principals if principal.auth == auth)
