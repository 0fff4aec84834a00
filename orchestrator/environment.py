"""What a lease owns, as a plain data object: the only thing that contracts see.

Pulumi, Terraform or a person may have made it; the object is the same. It holds no secret: a
principal names where its secret is kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Mechanism = Literal["scram", "iam", "mtls"]
Listener = Literal["scram", "iam", "mtls"]

#: The ports that MSK listens on inside a VPC; security groups speak of these
#: ("Port information", Amazon MSK Developer Guide).
MSK_PORTS: dict[Listener, int] = {"mtls": 9094, "scram": 9096, "iam": 9098}

#: How a request tells the embedded cloud through which VPC endpoint it comes: loopback has no route to show it.
VPC_ENDPOINT_HEADER = "x-ephk-vpc-endpoint"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CloudEndpoint(_Frozen):
    """How the cloud's API is reached.

    Attributes:
        region: an AWS region.
        account_id: twelve digits.
        endpoint_url: the HTTPS gateway of the embedded cloud; None on AWS.
        http_endpoint_url: the same gateway in plain HTTP; None on AWS.
        ca_bundle: a file with the gateway's CA; None on AWS (the system's trust store).
    """

    region: str
    account_id: str
    endpoint_url: str | None = None
    http_endpoint_url: str | None = None
    ca_bundle: str | None = None


class Grant(_Frozen):
    """What one principal may do with one topic.

    Attributes:
        topic: the topic's name (or the prefix of its name).
        pattern: whether `topic` is a whole name or a prefix.
        allow: `produce`, `consume` or both.
        group: the consumer group; needed for `consume`.
    """

    topic: str
    pattern: Literal["literal", "prefixed"] = "literal"
    allow: tuple[Literal["produce", "consume"], ...]
    group: str | None = None


class Principal(_Frozen):
    """A client identity of the environment.

    Attributes:
        name: as the spec calls it.
        auth: how it authenticates.
        kafka_principal: as ACLs name it, for example `User:orders-producer`.
        secret_arn: the Secrets Manager secret with `{"username", "password"}` (SCRAM).
        role_arn: the IAM role to assume (IAM).
        grants: what it may do; everything else must be refused.
    """

    name: str
    auth: Mechanism
    kafka_principal: str
    secret_arn: str | None = None
    role_arn: str | None = None
    grants: tuple[Grant, ...] = ()


class Topic(_Frozen):
    """A topic as declared."""

    name: str
    partitions: int
    replication_factor: int
    config: dict[str, str] = Field(default_factory=dict)


class Cluster(_Frozen):
    """The Kafka cluster.

    Attributes:
        arn: the cluster's ARN.
        name: the cluster's name.
        kafka_version: as the provider states it.
        brokers: how many brokers were asked for.
        bootstrap: bootstrap servers (`host:port,host:port`) by listener; only listeners that exist.
        ca_pem: the CA that signs the brokers' certificates; None means the system's trust store.
        certificate_authority_arn: the private CA whose certificates the mTLS listener accepts.
        settings: the brokers' settings as declared (`server.properties`).
    """

    arn: str
    name: str
    kafka_version: str
    brokers: int
    bootstrap: dict[Listener, str]
    ca_pem: str | None = None
    certificate_authority_arn: str | None = None
    settings: dict[str, str] = Field(default_factory=dict)


class Network(_Frozen):
    """Where the brokers live."""

    vpc_id: str
    subnet_ids: tuple[str, ...]
    route_table_ids: tuple[str, ...]
    s3_endpoint_id: str
    broker_security_group_id: str
    client_security_group_id: str


class Bucket(_Frozen):
    """The environment's object-storage bucket and the key that encrypts it."""

    name: str
    kms_key_arn: str


class ConnectRestEndpoint(_Frozen):
    """The REST interface of a connector's workers; AWS's MSK Connect has none.

    Attributes:
        urls: one for each worker.
        ca_pem: the CA of their certificates; None means the system's trust store.
        secret_arn: the Secrets Manager secret with `{"username", "password"}`.
    """

    urls: tuple[str, ...]
    ca_pem: str | None
    secret_arn: str


class Link(_Frozen):
    """The environment that a MirrorMaker connector reads from, as the connector's own environment knows it.

    Attributes:
        environment: its name.
        lease_id: its lease's short id.
        alias: how MirrorMaker calls its cluster; a mirrored topic's name begins so.
        cluster: its cluster.
        operator_arn: the role that administers it.
        topics: its topics that the connector's role may read.
        groups: its consumer groups whose offsets the connector's role may read.
        mirrored: the name of each of the topics in the environment that has the connector.
    """

    environment: str
    lease_id: str
    alias: str
    cluster: Cluster
    operator_arn: str
    topics: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    mirrored: dict[str, str] = Field(default_factory=dict)


class Connector(_Frozen):
    """A connector as declared, and where it is.

    Attributes:
        name: as the spec calls it.
        arn: the connector's ARN.
        full_name: its name in the account, which is also its name for Kafka Connect.
        connector_class: its class.
        plugin: the plugin that has the class.
        role_arn: the service execution role.
        config: its configuration as declared; a placeholder is filled in.
        tasks: how many tasks at most.
        workers: how many workers.
        consumes: topics that the role may read.
        produces: topics that the role may write.
        bucket_prefix: where in the bucket the role may write; None means nowhere.
        rest: the workers' REST interface, where there is one.
        link: the environment that it reads from, for a MirrorMaker connector.
    """

    name: str
    arn: str
    full_name: str
    connector_class: str
    plugin: str
    role_arn: str
    config: dict[str, str]
    tasks: int
    workers: int
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    bucket_prefix: str | None = None
    rest: ConnectRestEndpoint | None = None
    link: Link | None = None


class Egress(_Frozen):
    """A host that connectors must reach.

    Attributes:
        host: name or IPv4 address.
        port: the TCP port.
        tls: it speaks TLS from the first byte.
        ca_pem: the CA of its certificate; None means the system's trust store.
        endpoint: the AWS service whose interface endpoint leads there; None for any other host.
    """

    host: str
    port: int
    tls: bool = False
    ca_pem: str | None = None
    endpoint: str | None = None


class KafkaConnect(_Frozen):
    """Kafka Connect of the environment.

    Attributes:
        egress: hosts that connectors must reach, as declared.
        secrets: names of the Secrets Manager secrets that connectors refer to; their values are nowhere here.
    """

    connectors: tuple[Connector, ...]
    log_group: str | None = None
    security_group_id: str | None = None
    secrets: tuple[str, ...] = ()
    egress: tuple[Egress, ...] = ()


class SchemaRegistry(_Frozen):
    """A schema registry that speaks Confluent's API.

    Attributes:
        url: its base URL.
        ca_pem: the CA that signs its certificate; None means the system's trust store.
        secret_arn: the Secrets Manager secret with `{"username", "password"}`; None when it asks for none.
    """

    url: str
    ca_pem: str | None = None
    secret_arn: str | None = None


class AlarmRouting(_Frozen):
    """Where the environment's alarms go.

    Attributes:
        topic_arn: the SNS topic that every alarm tells.
        queue_url: the SQS queue of the environment's own that is subscribed to it.
    """

    topic_arn: str
    queue_url: str


class Environment(_Frozen):
    """Everything a contract may look at.

    Attributes:
        lease_id: the lease's short id, part of every name.
        name: what people call it.
        flavour: what provides the Kafka API (`msk`, ...).
        target: `embedded` or `aws`; an embedded result never counts as cloud. `elsewhere` is an adopted environment
            of which neither is known.
        adopted: somebody else made it, so what nobody named may exist all the same.
        read_only: somebody else's: probes write nothing to it, and nothing of it is ever deleted.
        tags: the tags that everything must carry.
        roles: IAM role ARNs by purpose (`operator`, `connector`, `worker`, `ci`); an IAM principal names its own.
        boundary_arn: the permissions boundary that every role must carry.
        state_bucket: the bucket that holds the provisioning state; None when it is in files of this machine.
        connect_url: the REST interface of the first connector's first worker, where there is one.
        connect: Kafka Connect, None without it.
        alarms: where alarms go, None without alarms.
        flow_log_id: the VPC's flow log, None without one.
    """

    lease_id: str
    name: str
    flavour: str
    target: Literal["embedded", "aws", "elsewhere"]
    created_at: datetime
    expires_at: datetime
    cloud: CloudEndpoint
    cluster: Cluster
    network: Network | None = None
    bucket: Bucket | None = None
    principals: tuple[Principal, ...] = ()
    topics: tuple[Topic, ...] = ()
    roles: dict[str, str] = Field(default_factory=dict)
    boundary_arn: str | None = None
    state_bucket: str | None = None
    log_group: str | None = None
    connect_url: str | None = None
    schema_registry: SchemaRegistry | None = None
    adopted: bool = False
    read_only: bool = False
    connect: KafkaConnect | None = None
    alarms: AlarmRouting | None = None
    flow_log_id: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def layer(self) -> Literal["local", "cloud"]:
        """Where results about it count: only AWS's own endpoints are the cloud, whatever target was asked for."""
        return "cloud" if self.target == "aws" and self.cloud.endpoint_url is None else "local"

    def principal(self, name: str) -> Principal:
        """Return the principal called `name`; raises KeyError."""
        for principal in self.principals:
            if principal.name == name:
                return principal
        raise KeyError(name)
