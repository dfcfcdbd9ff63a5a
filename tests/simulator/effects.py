# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault does to one request and its answer."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from aiohttp import web

from simulator.backend import Backend
from simulator.errors import not_found
from simulator.faults import CARRIED_OUT, PAGE_KINDS, Fault
from simulator.pages import token_after
from simulator.resources import Json
from simulator.routes import Call

LINKS = ("first_page_url", "previous_page_url", "next_page_url", "url")


class Reset(Exception):
    """Close the connection without an answer."""


async def answer(
    backend: Backend, fault: Fault, request: web.BaseRequest, call: Call, headers: dict[str, str]
) -> tuple[int, Any]:
    """The answer to a request for which a fault fires."""
    entry, kind = call.entry, fault.kind
    entry["fault"] = "refused" if fault.status == 429 else kind
    headers.update(fault.headers)
    if kind == "other_writer":
        _write_otherwise(backend, call, fault)
        return backend.carry_out(call)
    if kind == "late":
        return await _late(backend, fault, request, call)
    if kind == "lag":
        call.lag = fault.lag
    if kind in CARRIED_OUT or fault.after:
        status, body = backend.carry_out(call)
    else:
        status, body = fault.status, fault.body
    if kind in PAGE_KINDS:
        return status, _page(backend, fault, call, request, body)
    if kind == "status":
        return fault.status, fault.body
    if kind == "not_found":
        raise not_found(call.path)
    if kind == "reset":
        raise Reset
    if kind == "hang":
        await _until_gone(request)
        raise Reset
    if kind == "slow":
        await asyncio.sleep(fault.pause)
    if kind in ("trickle", "cut"):
        await _write_badly(request, status, body, fault)
        raise Reset
    if kind == "garbage":
        return status if status != 204 else 200, "<html>Bad Gateway</html>"
    if kind == "redirect":
        headers["Location"] = fault.location
        return 307, None
    if kind == "echo":
        sent = entry["authorization"] = request.headers["Authorization"]
        plain = base64.b64decode(sent.split()[1]).decode()
        headers["Twilio-Request-Id"] = plain
        return fault.status, {
            "code": 20500,
            "message": f"{sent} {plain}",
            "more_info": sent,
            "status": fault.status,
        }
    return status, body


def _write_otherwise(backend: Backend, call: Call, fault: Fault) -> None:
    """Write the sender of a slot as another client would."""
    service = backend.state.service(call.account, call.service_sid or "")
    for sid in list(service.slot(fault.country)):
        service.remove_sender(sid)
    if fault.sender is not None:
        backend.state.put_sender(service, fault.sender, fault.country)


async def _late(backend: Backend, fault: Fault, request: web.BaseRequest, call: Call) -> tuple[int, Any]:
    """Answer, and carry out later."""
    if fault.answer == "success":
        backend.state.service(call.account, call.service_sid or "")
    write = backend.postpone(call, fault.requests)
    if fault.seconds:
        asyncio.get_running_loop().call_later(fault.seconds, backend.commit, write)
    if fault.answer == "hang":
        await _until_gone(request)
    if fault.answer == "status":
        return fault.status, fault.body
    if fault.answer == "success":
        return 204, None
    raise Reset


def _page(backend: Backend, fault: Fault, call: Call, request: web.BaseRequest, body: Json) -> Any:
    """A listing with other links, or without what makes it a listing."""
    if fault.kind == "no_object":
        return [body]
    meta = body["meta"]
    if fault.kind == "no_key":
        return {"meta": meta}
    rows = body[meta["key"]]
    if fault.kind == "page_links":
        links = {name: _rewritten(meta[name], fault.rewrite) for name in LINKS if meta[name]}
        return {**body, "meta": {**meta, **links}}
    if fault.kind == "page_itself":
        following = f"{backend.state.base}{request.path_qs}"
    elif fault.kind == "page_elsewhere":
        following = fault.location
    elif not meta["next_page_url"]:
        fault.take_back(call)
        return body
    else:
        # The following page begins with a row of this page: its first, or its last.
        if fault.kind == "page_shifts" and len(rows) > 1:
            token = token_after(rows[-2])
        else:
            sent = request.query.get("PageToken")
            token = f"&PageToken={sent}" if sent else ""
        following = meta["next_page_url"].replace(token_after(rows[-1]), token)
    return {**body, "meta": {**meta, "next_page_url": following}}


def _rewritten(link: str, rewrite: str) -> str:
    url = urlsplit(link)
    if rewrite == "relative":
        return urlunsplit(("", "", *url[2:]))
    if rewrite == "scheme":
        return urlunsplit(url._replace(scheme="https" if url.scheme == "http" else "http"))
    if rewrite == "host":
        return urlunsplit(url._replace(scheme="https", netloc="messaging.twilio.com"))
    if rewrite == "port":
        return urlunsplit(url._replace(netloc=str(url.hostname)))
    return urlunsplit(url._replace(query=f"ServiceSid=MG{0:032x}&{url.query}&x-target-region=us1"))


async def _until_gone(request: web.BaseRequest) -> None:
    while request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(0.01)


async def _write_badly(request: web.BaseRequest, status: int, content: Any, fault: Fault) -> None:
    """Send half of the answer at once (cut), or all of it byte by byte (trickle)."""
    transport = request.transport
    assert isinstance(transport, asyncio.Transport)
    body = b"" if content is None else json.dumps(content).encode()
    head = f"HTTP/1.1 {status} Simulated\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    whole = head.encode() + body
    if fault.kind == "cut":
        transport.write(whole[: -len(body) // 2 if body else len("HTTP/1.1")])
        await asyncio.sleep(0.01)
        return
    for byte in whole:
        if transport.is_closing():
            return
        transport.write(bytes([byte]))
        await asyncio.sleep(fault.pause)
