# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of listings, in the form of /v1 and in the older form of /2010-04-01."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from simulator.errors import invalid
from simulator.resources import Json


@dataclass
class _Slice:
    rows: list[Json]
    start: int
    size: int
    page: int
    more: bool


def _slice(resources: Iterable[Json], query: Mapping[str, str], most: int) -> _Slice:
    """The rows after the row that the ``PageToken`` names, or the first ones: ``PageSize`` or ``most`` of them."""
    rows = list(resources)
    try:
        size, page = int(query.get("PageSize", 50)), int(query.get("Page", 0))
    except ValueError:
        size = page = 0
    if not 1 <= size <= 1000 or page < 0:
        raise invalid("PageSize must be between 1 and 1000")
    size = min(size, most)
    last = query.get("PageToken", "")[2:]
    start = next((place for place, row in enumerate(rows, 1) if row["sid"] == last), 0) if last else 0
    return _Slice(rows[start : start + size], start, size, page, start + size < len(rows))


def page(url: str, key: str, resources: Iterable[Json], query: Mapping[str, str], most: int = 1000) -> Json:
    """One page of a listing under /v1. Its links are absolute and keep the filters of the request."""
    part = _slice(resources, query, most)
    filters = {name: value for name, value in query.items() if name not in ("PageSize", "Page", "PageToken")}
    kept = f"&{urlencode(filters)}" if filters else ""

    def link(number: int, token: str = "") -> str:
        return f"{url}?PageSize={part.size}&Page={number}{token}{kept}"

    return {
        "meta": {
            "page": part.page,
            "page_size": part.size,
            "first_page_url": link(0),
            "previous_page_url": link(part.page - 1) if part.page else None,
            "next_page_url": link(part.page + 1, token_after(part.rows[-1])) if part.more else None,
            "key": key,
            "url": link(part.page),
        },
        key: part.rows,
    }


def account_page(path: str, key: str, resources: Iterable[Json], query: Mapping[str, str], most: int = 1000) -> Json:
    """One page of a listing under /2010-04-01. Its links are relative."""
    part = _slice(resources, query, most)
    filters = {name: value for name, value in query.items() if name not in ("PageSize", "Page", "PageToken")}
    kept = f"&{urlencode(filters, quote_via=quote)}" if filters else ""

    def link(number: int, token: str = "") -> str:
        return f"{path}?PageSize={part.size}&Page={number}{token}{kept}"

    return {
        "first_page_uri": link(0),
        "previous_page_uri": link(part.page - 1) if part.page else None,
        "next_page_uri": link(part.page + 1, token_after(part.rows[-1])) if part.more else None,
        "uri": link(part.page),
        "page": part.page,
        "page_size": part.size,
        "start": part.start,
        "end": part.start + len(part.rows) - 1,
        key: part.rows,
    }


def token_after(row: Mapping[str, Any]) -> str:
    return f"&PageToken=PA{row['sid']}"
