"""AWS's cost services on this machine: the Price List Query API with a small sourced sample, and Cost Explorer."""

from orchestrator.embedded.pricing.cost_explorer import CostExplorerBackend
from orchestrator.embedded.pricing.price_list import PriceListBackend

__all__ = ["CostExplorerBackend", "PriceListBackend"]
