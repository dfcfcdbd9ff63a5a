# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and answers as they were sent, for a check against Twilio's OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True)
class Exchange:
    """One request and its answer.

    :ivar scheme: of the credentials. The credentials themselves are not recorded.
    :ivar status: of the answer, None if the connection was closed without one.
    :ivar fault: the kind of the fault that fired, as in the journal.
    """

    method: str
    path: str
    query: str
    scheme: str
    content_type: str
    body: str
    status: int | None = None
    answer_type: str = ""
    answer: str = ""
    fault: str | None = None


async def exchange(request: web.BaseRequest, response: web.Response | None, fault: str | None) -> Exchange:
    """What was sent. The body of the request was read before."""
    sent = (
        request.method,
        request.rel_url.raw_path,
        request.rel_url.raw_query_string,
        request.headers.get("Authorization", "").partition(" ")[0],
        request.content_type,
        await request.text(),
    )
    if response is None:
        return Exchange(*sent, fault=fault)
    return Exchange(*sent, response.status, response.content_type, response.text or "", fault)
