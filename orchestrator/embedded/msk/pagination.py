"""Pages of a list: `MaxResults` in, `NextToken` out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from orchestrator.embedded.gateway.service import AwsError

Item = TypeVar("Item")

#: "There are more results available": the largest page that MSK gives, and its default (API reference).
MAX_RESULTS = 100


def page(
    items: Sequence[Item], params: dict[str, Any], *, key: Callable[[Item], str]
) -> tuple[list[Item], dict[str, str]]:
    """Cut one page out of a list.

    A token names the last element that was given, so that elements that come or go between two pages neither repeat
    nor hide others.

    Args:
        items: everything, in a stable order.
        params: the request (`MaxResults`, `NextToken`).
        key: an element's unique name.

    Returns:
        The page, and `{"NextToken": ...}` when there is more.

    Raises:
        AwsError: `MaxResults` is not from 1 to 100, or the token is not one that was given out.
    """
    size = params.get("MaxResults")
    size = MAX_RESULTS if size is None else int(size)
    if not 1 <= size <= MAX_RESULTS:
        raise AwsError(
            "BadRequestException", "The maxResults value must be between 1 and 100.", InvalidParameter="maxResults"
        )
    start = 0
    token = params.get("NextToken")
    if token:
        position, last = _decode(token)
        names = [key(item) for item in items]
        start = names.index(last) + 1 if last in names else min(position, len(items))
    end = start + size
    chosen = list(items[start:end])
    if end >= len(items) or not chosen:
        return chosen, {}
    return chosen, {"NextToken": base64.urlsafe_b64encode(f"{end}\n{key(chosen[-1])}".encode()).decode()}


def _decode(token: str) -> tuple[int, str]:
    try:
        position, last = base64.urlsafe_b64decode(token.encode()).decode().split("\n", 1)
        return int(position), last
    except (binascii.Error, ValueError) as error:
        raise AwsError(
            "BadRequestException", "The nextToken value is invalid.", InvalidParameter="nextToken"
        ) from error
