# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP around the simulated state: routes, log-in, limits, latency, faults and the journal."""

from __future__ import annotations

import asyncio
import base64
import binascii
import itertools
import json
import random
import ssl
import threading
import time
import weakref
from collections.abc import Iterable, Mapping
from typing import IO, Any

from aiohttp import web

from simulator.faults import Fault
from simulator.state import Account, Json, Refused, State, not_found


class _Reset(Exception):
    """Close the connection without an answer."""


class Simulator:
    """The Messaging API on 127.0.0.1. In a test, use it as a context manager.

    :arg seed: what is there at the start, see `State`.
    :arg latency: seconds each request takes.
    :arg limit: how many requests of one account are answered at once; more get 429.
    :arg faults: fire in this order, see `Fault`.
    :arg journal_file: one JSON object a request is written to it.
    :arg tls: serve https with it.
    """

    def __init__(
        self,
        seed: Mapping[str, Any],
        *,
        port: int = 0,
        latency: float = 0.0,
        limit: int | None = None,
        faults: Iterable[Mapping[str, Any]] = (),
        journal_file: IO[str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self.latency = latency
        self.limit = limit
        self.faults = [Fault(**fault) for fault in faults]
        self.journal: list[Json] = []
        #: The share of all requests that are reset, get a 503, or are refused with 429.
        self.fault_rates: dict[str, float] = {}
        self.rng = random.Random(0)
        self.url = ""
        self.state = State(seed)
        self._seed = seed
        self._port = port
        self._journal_file = journal_file
        self._connections: weakref.WeakKeyDictionary[asyncio.BaseTransport, int] = weakref.WeakKeyDictionary()
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._runner: web.ServerRunner | None = None
        self._thread: threading.Thread | None = None

    # How a test uses it.

    def __enter__(self) -> Simulator:
        started = threading.Event()

        def serve() -> None:
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(self.start())
            started.set()
            self._loop.run_forever()

        self._thread = threading.Thread(target=serve, daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert self._thread is not None
        self._thread.join()
        self._loop.close()

    @property
    def account(self) -> Account:
        """The first account."""
        return next(iter(self.state.accounts.values()))

    def senders(self, service_sid: str) -> list[str]:
        """The alpha senders that a Service has now."""
        return next(a.services[service_sid].names for a in self.state.accounts.values() if service_sid in a.services)

    def requests(self, service_sid: str = "") -> list[str]:
        """The methods of all requests so far, or of those to one Service, in order."""
        return [entry["method"] for entry in self.journal if service_sid in entry["path"]]

    def reset(self, seed: Mapping[str, Any], faults: Iterable[Mapping[str, Any]] = ()) -> None:
        """Start anew on the same address."""
        self.state = State(seed, self.url)
        self.faults = [Fault(**fault) for fault in faults]
        self.journal = []

    # How it is served.

    async def start(self) -> None:
        runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        self._runner = runner
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port, ssl_context=self._tls)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # asyncio.Server has them
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        self.state = State(self._seed, self.url)

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        for transport in list(self._connections):
            assert isinstance(transport, asyncio.WriteTransport)
            transport.abort()
        # What was aborted is closed in the loop's next turns, of which there must be some.
        await asyncio.sleep(0.05)

    def _number(self, transport: asyncio.BaseTransport | None) -> int:
        """The number of a connection, in the order in which they came."""
        assert transport is not None
        if transport not in self._connections:
            self._connections[transport] = next(self._numbers)
        return self._connections[transport]

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        # What comes late belongs to the state that it was sent to, not to one that was begun since.
        state = self.state
        entry: Json = {
            "method": request.method,
            "path": request.path,
            "query": request.query_string,
            "connection": self._number(transport),
            "user_agent": request.headers.get("User-Agent"),
            "status": None,
            "begin": time.time(),
        }
        self.journal.append(entry)
        form = await request.post()
        entry["form"] = {key: value for key, value in form.items() if isinstance(value, str)}
        number = len(self.journal)
        account: Account | None = None
        headers = {"Twilio-Request-Id": f"RQ{number:032x}"}
        try:
            account = state.login(*_credentials(request))
            account.in_flight += 1
            headers["Twilio-Concurrent-Requests"] = str(account.in_flight)
            entry["in_flight"] = account.in_flight
            if self.limit is not None and account.in_flight > self.limit:
                raise Refused(429, 20429, "Too Many Requests")
            if self.latency:
                await asyncio.sleep(self.latency)
            status, body = await self._answer(request, entry, state, account, headers)
            entry["status"] = status
        except Refused as refused:
            status, body = refused.status, refused.body
            entry["status"] = status
        except _Reset:
            if transport is not None:
                transport.abort()
            return web.Response()
        finally:
            if account is not None:
                account.in_flight -= 1
            entry["end"] = time.time()
            if self._journal_file is not None:
                self._journal_file.write(json.dumps(entry) + "\n")
                self._journal_file.flush()
        if isinstance(body, (bytes, str)):
            return web.Response(status=status, body=body, headers=headers)
        if body is None:
            return web.Response(status=status, headers=headers)
        return web.json_response(body, status=status, headers=headers)

    async def _answer(
        self, request: web.BaseRequest, entry: Json, state: State, account: Account, headers: dict[str, str]
    ) -> tuple[int, Any]:
        fault = next((fault for fault in self.faults if fault.matches(request.method, request.path)), None)
        if fault is None and self.fault_rates:
            fault = self.random_fault()
        if fault is None:
            return self._carry_out(request, entry, state, account)
        entry["fault"] = "refused" if fault.status == 429 else fault.kind
        if fault.kind == "other_writer":
            self._write_otherwise(request, state, account, fault.sender)
            return self._carry_out(request, entry, state, account)
        if (
            fault.kind in ("slow", "trickle", "cut", "garbage", "page_elsewhere", "page_itself", "no_key", "no_object")
            or fault.after
        ):
            status, body = self._carry_out(request, entry, state, account)
        else:
            status, body = fault.status, fault.body
        headers.update(fault.headers)
        if fault.kind == "status":
            return fault.status, fault.body
        if fault.kind == "reset":
            raise _Reset
        if fault.kind == "hang":
            await self._until_gone(request)
            raise _Reset
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            return status, body
        if fault.kind in ("trickle", "cut"):
            await self._write_badly(request, status, body, fault)
            raise _Reset
        if fault.kind == "garbage":
            return status if status != 204 else 200, "<html>Bad Gateway</html>"
        if fault.kind == "redirect":
            headers["Location"] = fault.location
            return 307, None
        if fault.kind == "echo":
            said = entry["authorization"] = request.headers["Authorization"]
            plain = base64.b64decode(said.split()[1]).decode()
            headers["Twilio-Request-Id"] = plain
            return fault.status, {
                "code": 20500,
                "message": f"{said} {plain}",
                "more_info": said,
                "status": fault.status,
            }
        if fault.kind == "no_object":
            return status, [body]
        if fault.kind == "no_key":
            return status, {"meta": body["meta"]}
        itself = f"{self.url}{request.path_qs}"
        return status, {
            **body,
            "meta": {**body["meta"], "next_page_url": itself if fault.kind == "page_itself" else fault.location},
        }

    def random_fault(self) -> Fault | None:
        drawn = self.rng.random()
        for kind, share in self.fault_rates.items():
            if drawn < share:
                after = self.rng.random() < 0.5
                if kind == "refused":
                    return Fault("status", status=429, body={"code": 20429})
                return Fault(kind, status=503, after=after)
            drawn -= share
        return None

    def _carry_out(self, request: web.BaseRequest, entry: Json, state: State, account: Account) -> tuple[int, Any]:
        method, path = request.method, request.path
        parts = path.strip("/").split("/")
        if parts[:2] != ["v1", "Services"] or len(parts) > 5 or (len(parts) > 3 and parts[3] != "AlphaSenders"):
            raise not_found(path)
        if len(parts) == 2 and method == "GET":
            services = (service.resource for service in account.services.values())
            return 200, state.page(path, "services", services, request.query)
        if len(parts) < 3:
            raise Refused(405, 20004, "Method not allowed")
        service = state.service(account, parts[2])
        if len(parts) == 3 and method == "GET":
            return 200, service.resource
        if len(parts) == 4 and method == "GET":
            return 200, state.page(path, "alpha_senders", service.senders.values(), request.query)
        if len(parts) == 4 and method == "POST":
            created = state.create_sender(account, service, entry["form"].get("AlphaSender"))
            entry["took"] = True
            return 201, created
        if len(parts) == 5 and method == "GET":
            return 200, state.sender(service, parts[4])
        if len(parts) == 5 and method == "DELETE":
            state.sender(service, parts[4])
            del service.senders[parts[4]]
            entry["took"] = True
            return 204, None
        raise Refused(405, 20004, "Method not allowed")

    def _write_otherwise(self, request: web.BaseRequest, state: State, account: Account, sender: str | None) -> None:
        service = state.service(account, request.path.split("/")[3])
        service.senders.clear()
        if sender is not None:
            state.put_sender(account, service, sender)

    @staticmethod
    async def _until_gone(request: web.BaseRequest) -> None:
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.01)

    @staticmethod
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
            await asyncio.sleep(fault.seconds)


def _credentials(request: web.BaseRequest) -> tuple[str, str]:
    scheme, _space, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        user, _colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user = password = ""
    return (user, password) if scheme == "Basic" else ("", "")
