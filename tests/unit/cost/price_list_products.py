"""Products as the Price List Query API writes them, for tests."""

from __future__ import annotations

import json
from typing import Any


def product(
    usage_type: str, *tiers: tuple[str, str], service: str = "AmazonMSK", unit: str = "hours", **attributes: str
) -> dict[str, Any]:
    """Return a product with tiers of (begin of the range, USD)."""
    term = "ABCDEFGH01234567.JRTCKXETXF"
    ends = [begin for begin, _ in tiers[1:]] + ["Inf"]
    return {
        "product": {
            "productFamily": "Managed Streaming for Apache Kafka (MSK)",
            "attributes": {
                "servicecode": service,
                "regionCode": "us-east-1",
                "usagetype": usage_type,
                "operation": "",
                **attributes,
            },
            "sku": "ABCDEFGH01234567",
        },
        "serviceCode": service,
        "terms": {
            "OnDemand": {
                term: {
                    "offerTermCode": "JRTCKXETXF",
                    "sku": "ABCDEFGH01234567",
                    "effectiveDate": "2026-10-01T00:00:00Z",
                    "priceDimensions": {
                        f"{term}.{number}": {
                            "rateCode": f"{term}.{number}",
                            "beginRange": begin,
                            "endRange": end,
                            "unit": unit,
                            "pricePerUnit": {"USD": usd},
                            "appliesTo": [],
                        }
                        for number, ((begin, usd), end) in enumerate(zip(tiers, ends, strict=True))
                    },
                    "termAttributes": {},
                }
            }
        },
        "version": "20261010101010",
        "publicationDate": "2026-10-10T10:10:10Z",
    }


def text(*arguments: Any, **options: Any) -> str:
    """Return a product as an element of `PriceList`."""
    return json.dumps(product(*arguments, **options))
