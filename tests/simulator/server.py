# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP around the simulated API: log-in, limits, latency, faults and the journal."""

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
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any

from aiohttp import web

from simulator.backend import Backend
from simulator.effects import Reset, answer
from simulator.errors import Refused
from simulator.faults import Fault
from simulator.recorder import Exchange, exchange
from simulator.resources import Json
from simulator.routes import Call, Switches
from simulator.state import Account, Service, State


class Simulator(Switches):
    """The Messaging API on 127.0.0.1. In a test, use it as a context manager.

    :arg seed: the data at the start, see `State`.
    :arg latency: seconds that each request takes.
    :arg limit: how many requests of one account are answered at once; more get 429.
    :arg faults: fire in this order, see `Fault`.
    :arg journal_file: one JSON object for each request is written to it.
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
        #: The share of all requests for which a kind of fault fires. `refused` is a 429.
        self.fault_rates: dict[str, float] = {}
        #: How often each kind of fault has fired since the last reset, whether listed or random.
        self.fired: Counter[str] = Counter()
        self.rng = random.Random(0)
        #: Called with each request and its answer, if it is set.
        self.recorder: Callable[[Exchange], object] | None = None
        self.url = ""
        self.backend = Backend(State(seed), self)
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
    def state(self) -> State:
        return self.backend.state

    @property
    def account(self) -> Account:
        """The first account."""
        return next(iter(self.state.accounts.values()))

    def service(self, service_sid: str) -> Service:
        """The Service with this SID, in any account."""
        return next(a.services[service_sid] for a in self.state.accounts.values() if service_sid in a.services)

    def senders(self, service_sid: str) -> list[str]:
        """The default sender of a Service now: one name or none, or several if the seed has several."""
        return self.service(service_sid).names

    def country_senders(self, service_sid: str) -> dict[str, str]:
        """The senders of a Service now by country."""
        service = self.service(service_sid)
        return {
            service.countries[sid]: row["alpha_sender"]
            for sid, row in service.senders.items()
            if sid in service.countries
        }

    def requests(self, service_sid: str = "") -> list[str]:
        """The methods of all requests so far, or of those to one Service, in order."""
        return [entry["method"] for entry in self.journal if service_sid in entry["path"]]

    def commit_late(self) -> None:
        """Carry out all writes that wait, see the fault `late`."""

        async def commit() -> None:
            self.backend.commit_all()

        asyncio.run_coroutine_threadsafe(commit(), self._loop).result()

    def abort_connections(self) -> None:
        """Close all connections, so that no answer comes any more."""

        async def abort() -> None:
            for transport in list(self._connections):
                assert isinstance(transport, asyncio.WriteTransport)
                transport.abort()

        asyncio.run_coroutine_threadsafe(abort(), self._loop).result()

    def reset(self, seed: Mapping[str, Any], faults: Iterable[Mapping[str, Any]] = ()) -> None:
        """Start again on the same address."""
        self.backend = Backend(State(seed, self.url), self)
        self.faults = [Fault(**fault) for fault in faults]
        self.journal = []
        self.fired = Counter()

    def set_faults(self, faults: Iterable[Mapping[str, Any]]) -> None:
        """Go on with other faults."""
        self.faults = [Fault(**fault) for fault in faults]

    def restore_defaults(self) -> None:
        """Turn off all switches, limits and random faults."""
        for name, value in vars(Switches).items():
            if not name.startswith("_"):
                setattr(self, name, value)
        self.latency, self.limit, self.fault_rates = 0.0, None, {}

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
        self.backend = Backend(State(self._seed, self.url), self)

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        for transport in list(self._connections):
            assert isinstance(transport, asyncio.WriteTransport)
            transport.abort()
        # An aborted connection is closed in the next turns of the loop.
        await asyncio.sleep(0.05)

    def _number(self, transport: asyncio.BaseTransport | None) -> int:
        """The number of a connection, in the order in which they came."""
        assert transport is not None
        if transport not in self._connections:
            self._connections[transport] = next(self._numbers)
        return self._connections[transport]

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        # A late request belongs to the state that it was sent to, not to the state after a reset.
        backend, fired = self.backend, self.fired
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
            user, password = _credentials(request)
            account = backend.state.login(user, password)
            account.in_flight += 1
            headers["Twilio-Concurrent-Requests"] = str(account.in_flight)
            entry["in_flight"] = account.in_flight
            if self.limit is not None and account.in_flight > self.limit:
                raise Refused(429, 20429, "Too Many Requests")
            if self.latency:
                await asyncio.sleep(self.latency)
            call = Call(request.method, request.path, request.query, account, user, entry)
            status, body = await self._answer(backend, request, call, headers)
            entry["status"] = status
        except Refused as refused:
            status, body = refused.status, refused.body
            entry["status"] = status
        except Reset:
            if self.recorder is not None:
                self.recorder(await exchange(request, None, entry.get("fault")))
            if transport is not None:
                transport.abort()
            return web.Response()
        finally:
            if account is not None:
                account.in_flight -= 1
            if "fault" in entry:
                fired[entry["fault"]] += 1
            entry["end"] = time.time()
            if self._journal_file is not None:
                self._journal_file.write(json.dumps(entry) + "\n")
                self._journal_file.flush()
        response = _response(status, body, headers)
        if self.recorder is not None:
            self.recorder(await exchange(request, response, entry.get("fault")))
        return response

    async def _answer(
        self, backend: Backend, request: web.BaseRequest, call: Call, headers: dict[str, str]
    ) -> tuple[int, Any]:
        call.account.history.requests += 1
        if call.service is not None:
            call.service.history.requests += 1
        waiting = list(backend.waiting)
        try:
            fault = next((fault for fault in self.faults if fault.matches(call)), None)
            if fault is None and self.fault_rates:
                fault = self.random_fault(call)
            if fault is None:
                return backend.carry_out(call)
            return await answer(backend, fault, request, call, headers)
        finally:
            if waiting:
                backend.count(call, waiting)

    def random_fault(self, call: Call) -> Fault | None:
        """Draw a fault by `fault_rates`."""
        drawn = self.rng.random()
        for kind, share in self.fault_rates.items():
            if drawn < share:
                after = self.rng.random() < 0.5
                if kind == "refused":
                    return Fault("status", status=429, body={"code": 20429})
                requests = self.rng.randint(1, 3) if kind in ("lag", "late") else 0
                fault = Fault(kind, status=503, after=after, requests=requests)
                return fault if fault.applies(call) else None
            drawn -= share
        return None


def _response(status: int, body: Any, headers: Mapping[str, str]) -> web.Response:
    if isinstance(body, (bytes, str)):
        return web.Response(status=status, body=body, headers=headers)
    if body is None:
        return web.Response(status=status, headers=headers)
    return web.json_response(body, status=status, headers=headers)


def _credentials(request: web.BaseRequest) -> tuple[str, str]:
    scheme, _space, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        user, _colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user = password = ""
    return (user, password) if scheme == "Basic" else ("", "")
