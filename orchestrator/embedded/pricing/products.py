"""The sample: the package's sourced prices as documents of the Price List Query API.

The form is AWS's ("Finding services and products using the AWS Price List Query API", AWS Billing User Guide). What a
document says beyond price, unit, usage type and region is what AWS says of the product in general.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any

from orchestrator.cost.prices import PACKAGED, TableFile
from orchestrator.cost.skus import without_region

#: AWS's codes of an on-demand term and of its rate without tiers.
_ON_DEMAND, _PER_UNIT = "JRTCKXETXF", "6YS6EN2CT7"
_LOCATIONS = {"us-east-1": "US East (N. Virginia)", "ap-southeast-1": "Asia Pacific (Singapore)"}
_NAMES = {
    "AmazonMSK": ("Amazon Managed Streaming for Apache Kafka", "Managed Streaming for Apache Kafka (MSK)"),
    "AWSDataTransfer": ("AWS Data Transfer", "Data Transfer"),
    "AmazonEC2": ("Amazon Elastic Compute Cloud", "NAT Gateway"),
    "AmazonVPC": ("Amazon Virtual Private Cloud", "VpcEndpoint"),
    "awskms": ("AWS Key Management Service", "Encryption Key"),
    "AWSSecretsManager": ("AWS Secrets Manager", "Secret"),
    "AWSCertificateManager": ("AWS Certificate Manager", "AWS Certificate Manager"),
    "AmazonCloudWatch": ("AmazonCloudWatch", "Data Payload"),
    "AmazonS3": ("Amazon Simple Storage Service", "Storage"),
}
_UNITS = {
    "hour": "Hrs",
    "month": "Months",
    "GB-month": "GB-Mo",
    "GB": "GB",
    "request": "Requests",
    "certificate": "Certificates",
}


@lru_cache(maxsize=1)
def sample() -> tuple[dict[str, Any], ...]:
    """Return every product of the sample, ordered by service and SKU."""
    file = TableFile.model_validate_json(PACKAGED.read_bytes())
    products = [
        _product(row.region, row.service, row.usage_type, row.unit, row.usd, file.version) for row in file.prices
    ]
    return tuple(sorted(products, key=lambda product: (product["serviceCode"], product["product"]["sku"])))


def attributes_of(product: dict[str, Any]) -> dict[str, str]:
    """Return what a product can be filtered by: its attributes, its family and its service."""
    return {
        **product["product"]["attributes"],
        "productFamily": product["product"]["productFamily"],
        "serviceCode": product["serviceCode"],
    }


def as_text(product: dict[str, Any]) -> str:
    """Write a product as one element of `PriceList`: a JSON text."""
    return json.dumps(product, separators=(",", ":"))


def _product(region: str, service: str, usage_type: str, unit: str, usd: float, version: str) -> dict[str, Any]:
    sku = _code(f"{region}/{service}/{usage_type}")
    term = f"{sku}.{_ON_DEMAND}"
    service_name, family = _NAMES[service]
    in_region = {"location": _LOCATIONS[region], "locationType": "AWS Region", "regionCode": region}
    if service == "AWSDataTransfer":
        in_region = {
            "transferType": "IntraRegion",
            "fromLocation": _LOCATIONS[region],
            "fromLocationType": "AWS Region",
            "fromRegionCode": region,
            "toLocation": _LOCATIONS[region],
            "toLocationType": "AWS Region",
            "toRegionCode": region,
        }
    broker = without_region(usage_type).removeprefix("Kafka.")
    more = {}
    if service == "AmazonMSK" and unit == "hour" and broker.startswith(("t3.", "m5.", "m7g.")):
        more = {"operation": "RunBroker", "group": "Broker", "computeFamily": broker}
    return {
        "product": {
            "productFamily": family,
            "attributes": {
                "servicecode": service,
                "servicename": service_name,
                "usagetype": usage_type,
                "operation": "",
                **in_region,
                **more,
            },
            "sku": sku,
        },
        "serviceCode": service,
        "terms": {
            "OnDemand": {
                term: {
                    "offerTermCode": _ON_DEMAND,
                    "sku": sku,
                    "effectiveDate": f"{version}T00:00:00Z",
                    "priceDimensions": {
                        f"{term}.{_PER_UNIT}": {
                            "rateCode": f"{term}.{_PER_UNIT}",
                            "description": f"${usd:g} per {_UNITS[unit]} of {usage_type}",
                            "beginRange": "0",
                            "endRange": "Inf",
                            "unit": _UNITS[unit],
                            "pricePerUnit": {"USD": f"{usd:.10f}"},
                            "appliesTo": [],
                        }
                    },
                    "termAttributes": {},
                }
            }
        },
        "version": version.replace("-", "") + "000000",
        "publicationDate": f"{version}T00:00:00Z",
    }


def _code(text: str) -> str:
    """Return sixteen capital letters and digits, as SKUs are, always the same for the same product."""
    return hashlib.sha256(text.encode()).hexdigest()[:16].upper()
