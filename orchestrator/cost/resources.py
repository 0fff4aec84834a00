"""What a spec's environment is billed for, and what of it is free: the stack of `stacks/` in AWS's bill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from orchestrator.cost import skus
from orchestrator.cost.skus import Sku
from orchestrator.cost.usage import Span, Usage
from orchestrator.errors import EphkError
from orchestrator.msk_metrics import WATCHED
from orchestrator.spec import EnvironmentSpec


@dataclass(frozen=True)
class Billed:
    """One line of the bill, before its price.

    Attributes:
        resource: what it belongs to.
        what: what is counted, for people.
        sku: what it is billed as.
        quantity: units held at a time (hours, months, GB-months), or used per hour (GB, requests), or in all when
            `once`.
        once: charged when it happens, however long the environment lives.
    """

    resource: str
    what: str
    sku: Sku
    quantity: Span
    once: bool = False


@dataclass(frozen=True)
class Free:
    """A part of the environment that AWS does not charge for, and the document that says so."""

    resource: str
    reason: str


#: Why parts of the environment have no line.
NOT_CHARGED: tuple[Free, ...] = (
    Free("replication between brokers", "not charged by MSK (Amazon MSK pricing)"),
    Free(
        "S3 gateway endpoint",
        "no additional charge (AWS Startup Security Baseline, WKLD.12 Use VPC endpoints to access supported services)",
    ),
    Free("NAT gateways", "there are none, the VPC has no way to the internet"),
)


def billed(spec: EnvironmentSpec, ttl: timedelta, usage: Usage) -> list[Billed]:
    """Return the lines of an environment's bill.

    Args:
        spec: the environment.
        ttl: how long it lives; broker logs add up over it.
        usage: how it is used.

    Raises:
        EphkError: the spec asks for something that this estimate does not cover.
    """
    if spec.brokers.instance_type.startswith("express."):
        raise EphkError(
            f"the estimate does not cover Express brokers ({spec.brokers.instance_type}): they are billed for the data "
            "written and stored, which nobody knows beforehand",
            next_step="Use a standard broker type (kafka.*), or see the Amazon MSK pricing page.",
        )
    return [
        *_brokers(spec, ttl, usage),
        *_connect(spec),
        *_identities(spec, usage),
        *_storage(usage),
        *_watching(spec, usage),
    ]


def _brokers(spec: EnvironmentSpec, ttl: timedelta, usage: Usage) -> list[Billed]:
    brokers = spec.brokers
    storage = brokers.count * brokers.storage_gb
    logs = usage.log_gb.times(brokers.count)
    # What was logged stays until the environment is gone (retention is longer): all of it, for all the time, at most.
    kept = Span(0, logs.high * ttl.total_seconds() / 3600)
    # A client reaches each zone's leaders alike, and both sides pay for a byte that leaves its zone
    # ("Data transfer within the same AWS Region", Amazon EC2 On-Demand Pricing). Clients may also sit in one zone.
    crossing = usage.traffic_gb.times(2 * (spec.network.zones - 1) / spec.network.zones)
    return [
        Billed(
            "brokers",
            f"{brokers.count} x {brokers.instance_type}",
            skus.broker(brokers.instance_type),
            Span(brokers.count, brokers.count),
        ),
        Billed(
            "broker storage",
            f"{brokers.count} x {brokers.storage_gb} GB",
            skus.BROKER_STORAGE,
            Span(storage, storage),
        ),
        Billed("broker logs", "delivery to CloudWatch", skus.LOG_DELIVERY, logs),
        Billed("broker logs", "storage", skus.LOG_STORAGE, kept),
        Billed("cross-zone transfer", "clients to brokers, both directions", skus.ZONE_TRANSFER, crossing),
    ]


def _connect(spec: EnvironmentSpec) -> list[Billed]:
    """One MCU for each worker (`stacks.connect`), endpoints' addresses in each zone, secrets that are made."""
    connect = spec.connect
    if connect is None:
        return []
    units = sum(connector.workers for connector in connect.connectors)
    services = connect.endpoint_services()
    addresses = len(services) * spec.network.zones
    made = sum(secret.existing is None for secret in connect.secrets)
    lines = [
        Billed("connect workers", f"{units} MCU", skus.CONNECT_CAPACITY, Span(units, units)),
        Billed(
            "interface endpoints",
            f"{', '.join(services)} in {spec.network.zones} zones",
            skus.INTERFACE_ENDPOINT,
            Span(addresses, addresses),
        ),
        Billed("connect secrets", f"{made} secrets", skus.SECRET, Span(made, made)),
    ]
    return [line for line in lines if line.quantity.high]


def _identities(spec: EnvironmentSpec, usage: Usage) -> list[Billed]:
    scram = sum(principal.auth == "scram" for principal in spec.principals)
    mtls = sum(principal.auth == "mtls" for principal in spec.principals)
    lines = [
        Billed("KMS key", "1 customer-managed key", skus.KMS_KEY, Span(1, 1)),
        Billed("KMS key", "requests", skus.KMS_REQUEST, usage.kms_requests),
    ]
    if scram:
        lines += [
            Billed("SCRAM secrets", f"{scram} secrets", skus.SECRET, Span(scram, scram)),
            Billed("SCRAM secrets", "API requests", skus.SECRET_REQUEST, usage.secret_reads),
        ]
    if "mtls" in spec.auth:
        clients = usage.certificates.times(mtls)
        issued = Span(1 + clients.low, 1 + clients.high)  # the authority's own certificate is issued too
        lines += [
            Billed("private CA", "1 general-purpose authority", skus.PRIVATE_CA, Span(1, 1)),
            Billed("private CA", "certificates", skus.PRIVATE_CERTIFICATE, issued, once=True),
        ]
    return lines


def _watching(spec: EnvironmentSpec, usage: Usage) -> list[Billed]:
    """Alarms are billed by the metric, also those of a sum; the topic and the queue cost nothing while nothing happens.

    Notifications and queue requests of a probe are within what SNS and SQS give away each month ("Amazon SNS pricing",
    "Amazon SQS pricing": the first million requests).
    """
    if spec.observability is None:
        return []
    lines = []
    if spec.observability.alarms:
        metrics = sum(len(one.metrics) * (spec.brokers.count if one.per_broker else 1) for one in WATCHED)
        lines.append(Billed("alarms", f"{metrics} alarm metrics", skus.ALARM, Span(metrics, metrics)))
    if spec.observability.flow_logs:
        delivered = usage.flow_log_gb.times(spec.brokers.count)
        lines.append(Billed("flow log", "delivery to the bucket", skus.FLOW_LOG_DELIVERY, delivered))
    return lines


def _storage(usage: Usage) -> list[Billed]:
    return [
        Billed("bucket", "S3 Standard storage", skus.BUCKET_STORAGE, usage.bucket_gb),
        Billed("bucket", "PUT, COPY, POST and LIST requests", skus.BUCKET_WRITE, usage.bucket_writes),
        Billed("bucket", "GET and other requests", skus.BUCKET_READ, usage.bucket_reads),
    ]
