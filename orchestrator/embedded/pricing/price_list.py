"""The Price List Query API: services, attribute values, and products by filter, all of them paged."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway.service import AwsError, Caller, TaggedResource
from orchestrator.embedded.pricing.products import as_text, attributes_of, sample

_FORMAT = "aws_v1"
#: How a filter of each type compares an attribute with its value; lists are separated by commas
#: ("Filter", AWS Price List API Reference).
_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "TERM_MATCH": lambda found, wanted: found == wanted,
    "EQUALS": lambda found, wanted: found == wanted,
    "CONTAINS": lambda found, wanted: wanted in found,
    "ANY_OF": lambda found, wanted: found in wanted.split(","),
    "NONE_OF": lambda found, wanted: found not in wanted.split(","),
}


class PriceListBackend:
    """AWS Price List Query API over the package's sourced prices.

    Args:
        context: the cloud; prices are the same in every one.
    """

    service = "pricing"

    def __init__(self, context: CloudContext) -> None:
        self._context = context

    def invoke(self, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:  # noqa: ARG002
        """Carry out one operation; see `ServiceBackend.invoke`."""
        handlers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "DescribeServices": self._describe_services,
            "GetAttributeValues": self._get_attribute_values,
            "GetProducts": self._get_products,
        }
        if operation not in handlers:
            raise NotImplementedError(operation)
        if params.get("FormatVersion", _FORMAT) != _FORMAT:
            raise AwsError("InvalidParameterException", f"Unknown format version {params['FormatVersion']}.")
        return handlers[operation](params)

    def tagged_resources(self) -> list[TaggedResource]:
        """Prices carry no tags."""
        return []

    def close(self) -> None:
        """Nothing runs."""

    def _describe_services(self, params: dict[str, Any]) -> dict[str, Any]:
        names: dict[str, set[str]] = {}
        for product in sample():
            names.setdefault(product["serviceCode"], {"termType"}).update(attributes_of(product))
        wanted = params.get("ServiceCode")
        if wanted is not None:
            names = {wanted: names[self._known(wanted)]}
        services = [{"ServiceCode": code, "AttributeNames": sorted(names[code])} for code in sorted(names)]
        page, token = _page(services, params)
        return {"Services": page, "FormatVersion": _FORMAT, "NextToken": token}

    def _get_attribute_values(self, params: dict[str, Any]) -> dict[str, Any]:
        service, name = self._known(params["ServiceCode"]), params["AttributeName"]
        values = {attributes_of(p).get(name) for p in sample() if p["serviceCode"] == service} - {None}
        if not values:
            raise AwsError("NotFoundException", f"The service {service} has no attribute {name}.")
        page, token = _page([{"Value": value} for value in sorted(str(value) for value in values)], params)
        return {"AttributeValues": page, "NextToken": token}

    def _get_products(self, params: dict[str, Any]) -> dict[str, Any]:
        service = self._known(params["ServiceCode"])
        filters = params.get("Filters", [])
        for item in filters:
            if item["Type"] not in _COMPARE:
                raise AwsError("InvalidParameterException", f"Unknown filter type {item['Type']}.")
        found = [p for p in sample() if p["serviceCode"] == service and _passes(attributes_of(p), filters)]
        page, token = _page([as_text(product) for product in found], params)
        return {"FormatVersion": _FORMAT, "PriceList": page, "NextToken": token}

    def _known(self, service: str) -> str:
        if all(product["serviceCode"] != service for product in sample()):
            raise AwsError("NotFoundException", f"There is no service {service} in this price list.")
        return service


def _passes(attributes: dict[str, str], filters: list[dict[str, str]]) -> bool:
    return all(
        item["Field"] in attributes and _COMPARE[item["Type"]](attributes[item["Field"]], item["Value"])
        for item in filters
    )


def _page(items: list[Any], params: dict[str, Any]) -> tuple[list[Any], str | None]:
    """Return one page and the token of the next; the token is the position, in base64."""
    size = int(params.get("MaxResults", 100))
    begin = 0
    if params.get("NextToken"):
        try:
            begin = int(base64.urlsafe_b64decode(params["NextToken"].encode()))
        except (binascii.Error, ValueError):
            raise AwsError("InvalidNextTokenException", "The pagination token is not valid.") from None
    end = begin + size
    token = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(items) else None
    return items[begin:end], token
