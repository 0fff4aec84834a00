"""What AWS bills an environment for: service codes and usage types, as the Price List API and the bill name them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Unit = Literal["hour", "month", "GB-month", "GB", "request", "certificate"]

#: A month of AWS's price lists in hours ("Key assumptions", AWS Pricing Calculator User Guide).
HOURS_PER_MONTH = 730.0
#: Units that are held for a time and charged by the month, pro rata.
MONTHLY: frozenset[str] = frozenset({"month", "GB-month"})

#: `USE1-`, `EU-`, `APS1-`, and for KMS the region itself; some usage types of us-east-1 have no prefix at all. The
#: parts of the world are listed, since `KMS-` and the like begin usage types too.
_REGION_PREFIX = re.compile(r"(?:(?:US|UG|EU|AP|SA|CA|AF|ME|IL|CN|MX)[A-Z]{0,2}\d?|[a-z]{2}(?:-[a-z]+)+-\d)-(?=.)")


@dataclass(frozen=True)
class Sku:
    """One thing that is billed.

    Attributes:
        service: the service code of the Price List API (`AmazonMSK`).
        usage_type: the usage type without the region's prefix (`Kafka.Storage.GP2`).
        unit: what one of it is.
        region_field: the product attribute that names the region.
        also: other spellings of the usage type that AWS has used.
    """

    service: str
    usage_type: str
    unit: Unit
    region_field: str = "regionCode"
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.service} {self.usage_type}"

    def is_called(self, usage_type: str) -> bool:
        """Tell whether a usage type of a price list, with or without a region's prefix, means this."""
        return without_region(usage_type) in (self.usage_type, *self.also)


def without_region(usage_type: str) -> str:
    """Strip the region's prefix from a usage type."""
    prefix = _REGION_PREFIX.match(usage_type)
    return usage_type[prefix.end() :] if prefix else usage_type


def broker(instance_type: str) -> Sku:
    """Return what an MSK broker of a type (`kafka.m7g.large`) is billed as."""
    family, _, size = instance_type.partition(".")
    return Sku("AmazonMSK", f"{family.capitalize()}.{size}", "hour")


BROKER_STORAGE = Sku("AmazonMSK", "Kafka.Storage.GP2", "GB-month")
CONNECT_CAPACITY = Sku("AmazonMSK", "Kafka.mcu.general", "hour")
SERVERLESS_CLUSTER = Sku("AmazonMSK", "KafkaServerless-ClusterHours", "hour")
SERVERLESS_PARTITION = Sku("AmazonMSK", "KafkaServerless-PartitionHours", "hour")
SERVERLESS_IN = Sku("AmazonMSK", "KafkaServerless-In-Bytes", "GB")
SERVERLESS_OUT = Sku("AmazonMSK", "KafkaServerless-Out-Bytes", "GB")
ZONE_TRANSFER = Sku("AWSDataTransfer", "DataTransfer-Regional-Bytes", "GB", region_field="fromRegionCode")
NAT_GATEWAY = Sku("AmazonEC2", "NatGateway-Hours", "hour")
NAT_DATA = Sku("AmazonEC2", "NatGateway-Bytes", "GB")
INTERFACE_ENDPOINT = Sku("AmazonVPC", "VpcEndpoint-Hours", "hour")
INTERFACE_ENDPOINT_DATA = Sku("AmazonVPC", "VpcEndpoint-Bytes", "GB")
KMS_KEY = Sku("awskms", "KMS-Keys", "month")
KMS_REQUEST = Sku("awskms", "KMS-Requests", "request")
SECRET = Sku("AWSSecretsManager", "AWSSecretsManager-Secrets", "month", also=("AWSSecretsManager-Secret",))
SECRET_REQUEST = Sku("AWSSecretsManager", "AWSSecretsManagerAPIRequest", "request")
PRIVATE_CA = Sku("AWSCertificateManager", "PaidPrivateCA", "month")
PRIVATE_CERTIFICATE = Sku("AWSCertificateManager", "PrivateCertificatesIssued", "certificate")
LOG_DELIVERY = Sku("AmazonCloudWatch", "VendedLog-Bytes", "GB")
FLOW_LOG_DELIVERY = Sku("AmazonCloudWatch", "S3-Egress-Bytes", "GB")
ALARM = Sku("AmazonCloudWatch", "CW:AlarmMonitorUsage", "month")
LOG_STORAGE = Sku("AmazonCloudWatch", "TimedStorage-ByteHrs", "GB-month")
BUCKET_STORAGE = Sku("AmazonS3", "TimedStorage-ByteHrs", "GB-month")
BUCKET_WRITE = Sku("AmazonS3", "Requests-Tier1", "request")
BUCKET_READ = Sku("AmazonS3", "Requests-Tier2", "request")

#: Everything but the brokers themselves, whose types are many.
SKUS: tuple[Sku, ...] = (
    BROKER_STORAGE,
    CONNECT_CAPACITY,
    SERVERLESS_CLUSTER,
    SERVERLESS_PARTITION,
    SERVERLESS_IN,
    SERVERLESS_OUT,
    ZONE_TRANSFER,
    NAT_GATEWAY,
    NAT_DATA,
    INTERFACE_ENDPOINT,
    INTERFACE_ENDPOINT_DATA,
    KMS_KEY,
    KMS_REQUEST,
    SECRET,
    SECRET_REQUEST,
    PRIVATE_CA,
    PRIVATE_CERTIFICATE,
    LOG_DELIVERY,
    FLOW_LOG_DELIVERY,
    ALARM,
    LOG_STORAGE,
    BUCKET_STORAGE,
    BUCKET_WRITE,
    BUCKET_READ,
)
