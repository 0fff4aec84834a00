"""Price tables: the dated one in the package, and those fetched from AWS; each price names its source.

A price that has no source is in no table, and asking for it is an error: never zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.cost.skus import Sku, Unit, without_region
from orchestrator.errors import EphkError
from orchestrator.paths import cache_home

PACKAGED = Path(__file__).with_name("prices.json")
HOW_TO_REFRESH = "Fetch AWS's own prices: ephk cost --refresh --target aws (needs pricing:GetProducts)."
_VERSION = re.compile(r"[0-9TZ-]+")

Key = tuple[str, str, str]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Record):
    """Where a price was read.

    Attributes:
        title: the document's.
        document: where it is: an address, or repository, path and revision.
        dated: the document's own date, None when it states none.
        read: when it was read.
    """

    title: str = Field(min_length=1)
    document: str = Field(min_length=1)
    dated: date | None = None
    read: date

    @property
    def as_of(self) -> date:
        """The day that the price is known to have been true: the document's own, else when it was read."""
        return self.dated or self.read


class _Row(_Record):
    region: str
    service: str
    usage_type: str
    unit: Unit
    usd: float = Field(ge=0)
    source: str


class TableFile(_Record):
    """A price table as it lies on disk."""

    schema_version: Literal[1] = Field(alias="schema")
    version: str
    currency: Literal["USD"]
    sources: dict[str, Source]
    prices: tuple[_Row, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Price:
    """What one unit costs in a region, USD, and who says so."""

    region: str
    service: str
    usage_type: str
    unit: Unit
    usd: float
    source: Source


class UnknownPriceError(EphkError):
    """Something that an environment is billed for has no price in any table."""


@dataclass(frozen=True)
class PriceTable:
    """Prices by region, service and usage type.

    Attributes:
        version: of the newest table that it was made of.
        prices: by region, service code and usage type (without the region's prefix).
    """

    version: str
    prices: Mapping[Key, Price]

    def find(self, region: str, sku: Sku) -> Price | None:
        """Return a price, or None when there is none."""
        names = (sku.usage_type, *sku.also)
        return next((found for name in names if (found := self.prices.get((region, sku.service, name)))), None)

    def regions(self) -> list[str]:
        """Return the regions that have any price."""
        return sorted({region for region, _, _ in self.prices})

    def over(self, older: PriceTable) -> PriceTable:
        """Return this table with what only an older one has."""
        return PriceTable(self.version, {**older.prices, **self.prices})

    def unknown(self, region: str, missing: Iterable[tuple[str, Sku]]) -> UnknownPriceError:
        """Return the error that names what has no price: pairs of a resource and its SKU."""
        names = tuple(f"{resource}: {sku}" for resource, sku in missing)
        details: tuple[str, ...] = ()
        if region not in self.regions():
            known = ", ".join(self.regions())
            message = f"there are no prices for region {region} (price table {self.version} has {known})"
        elif len(names) == 1:
            message = f"there is no price in {region} for {names[0]} (price table {self.version})"
        else:
            message = f"there are no prices in {region} for {len(names)} things (price table {self.version})"
            details = names
        return UnknownPriceError(message, details=details, next_step=HOW_TO_REFRESH)


@lru_cache(maxsize=1)
def packaged() -> PriceTable:
    """Return the table that the package ships."""
    return read_table(PACKAGED)


def table_for(target: str, region: str) -> PriceTable:
    """Return the prices to reckon with: those last fetched from a target's Price List API over the packaged ones.

    A table fetched from the embedded cloud is a rehearsal, and is never used for `aws`.

    Raises:
        EphkError: the fetched table is damaged.
    """
    fetched = latest_refreshed(target, region)
    return packaged() if fetched is None else read_table(fetched).over(packaged())


def refreshed_directory(target: str) -> Path:
    """Return where fetched tables are kept, one file for each region and fetch; they can be fetched again any time."""
    return cache_home() / "prices" / target


def latest_refreshed(target: str, region: str) -> Path | None:
    """Return the newest table fetched for a region, or None."""
    directory = refreshed_directory(target)
    names = (path for path in directory.glob(f"{region}_*.json") if _VERSION.fullmatch(path.stem.rpartition("_")[2]))
    return max(names, default=None, key=lambda path: path.stem)


def read_table(path: Path) -> PriceTable:
    """Read and check a price table.

    Raises:
        EphkError: it cannot be read or is damaged.
    """
    try:
        file = TableFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise EphkError(f"the price table {path} cannot be read: {error.strerror}", next_step=_remedy(path)) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise EphkError(
            f"the price table {path} is damaged: {where}: {first['msg']}", next_step=_remedy(path)
        ) from None
    return table_of(file, path)


def table_of(file: TableFile, path: Path) -> PriceTable:
    """Return a file's prices by key.

    Raises:
        EphkError: a price names a source that the file does not have, or is there twice.
    """
    prices: dict[Key, Price] = {}
    for row in file.prices:
        key = (row.region, row.service, without_region(row.usage_type))
        if row.source not in file.sources or key in prices:
            fault = "is there twice" if key in prices else f"names no source of the table ({row.source})"
            raise _damaged(path, f"{row.service} {row.usage_type} in {row.region} {fault}")
        prices[key] = Price(row.region, row.service, row.usage_type, row.unit, row.usd, file.sources[row.source])
    return PriceTable(file.version, prices)


def _damaged(path: Path, fault: str) -> EphkError:
    return EphkError(f"the price table {path} is damaged: {fault}", next_step=_remedy(path))


def _remedy(path: Path) -> str:
    return f"Delete {path}, or replace it: ephk cost --refresh"
