# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of listings, in the form of /v1 and in the older form of /2010-04-01."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

from simulator.errors import invalid
from simulator.resources import Json


@dataclass
class _Slice:
    rows: list[Json]
    start: int
    size: int
    page: int
    more: bool
    filters: dict[str, str]

    def links(self, url: str, *, space: Callable[..., str]) -> tuple[str, str | None, str | None, str]:
        """The links to the first, the previous, the next and this page. They keep the filters of the request."""
        kept = f"&{urlencode(self.filters, quote_via=space)}" if self.filters else ""

        def link(number: int, token: str = "") -> str:
            return f"{url}?PageSize={self.size}&Page={number}{token}{kept}"

        following = link(self.page + 1, token_after(self.rows[-1])) if self.more else None
        return link(0), link(self.page - 1) if self.page else None, following, link(self.page)


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
    filters = {name: value for name, value in query.items() if name not in ("PageSize", "Page", "PageToken")}
    return _Slice(rows[start : start + size], start, size, page, start + size < len(rows), filters)


def page(url: str, key: str, resources: Iterable[Json], query: Mapping[str, str], most: int = 1000) -> Json:
    """One page of a listing under /v1. Its links are absolute."""
    part = _slice(resources, query, most)
    first, previous, following, own = part.links(url, space=quote_plus)
    return {
        "meta": {
            "page": part.page,
            "page_size": part.size,
            "first_page_url": first,
            "previous_page_url": previous,
            "next_page_url": following,
            "key": key,
            "url": own,
        },
        key: part.rows,
    }


def account_page(path: str, key: str, resources: Iterable[Json], query: Mapping[str, str], most: int = 1000) -> Json:
    """One page of a listing under /2010-04-01. Its links are relative."""
    part = _slice(resources, query, most)
    first, previous, following, own = part.links(path, space=quote)
    return {
        "first_page_uri": first,
        "previous_page_uri": previous,
        "next_page_uri": following,
        "uri": own,
        "page": part.page,
        "page_size": part.size,
        "start": part.start,
        "end": part.start + len(part.rows) - 1,
        key: part.rows,
    }


def token_after(row: Mapping[str, Any]) -> str:
    return f"&PageToken=PA{row['sid']}"
