# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bounds a request in time: the deadline of its whole answer, and a run that is cancelled.

A timeout bounds connecting and each single read. An answer of which a byte comes every second
passes it for ever, so a watchdog closes connections whose time is over.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import threading
import time
import typing as t

try:
    from requests.adapters import HTTPAdapter
    from requests.exceptions import RequestException
    from requests.models import Response
    from requests.structures import CaseInsensitiveDict
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.exceptions import HTTPError
except ImportError:
    # _client reports it. The classes below are made all the same, and never used.
    HTTPAdapter = HTTPConnection = HTTPSConnection = object  # type: ignore[misc, assignment]  # stand-ins
    HTTPConnectionPool = HTTPSConnectionPool = object  # type: ignore[misc, assignment]  # stand-ins
    Response = CaseInsensitiveDict = object  # type: ignore[misc, assignment]  # stand-ins
    RequestException = HTTPError = Exception  # type: ignore[misc, assignment]  # stand-ins

# pylint: disable=no-member  # of the stand-ins

#: Seconds that a cancelled run has for bringing the Services it began to their end.
GRACE = 20.0
#: Seconds between two looks of the watchdog.
INTERVAL = 0.2


class Cancellation:
    """Whether the run was told to end, and how long it may still take."""

    def __init__(self, grace: float = GRACE) -> None:
        self._grace = grace
        self._event = threading.Event()
        #: When the time is over, on the monotonic clock.
        self.end = math.inf

    def cancel(self) -> None:
        """End the run. May be called by a signal handler, and more than once."""
        if not self._event.is_set():
            self.end = time.monotonic() + self._grace
            self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    def over(self) -> bool:
        """Whether the time to finish is over, too."""
        return time.monotonic() >= self.end

    def wait(self, seconds: float) -> None:
        """Wait, but after a cancellation never longer than a second."""
        if not self._event.wait(seconds):
            return
        time.sleep(min(seconds, 1.0))


class _Exchange:
    """One request and its answer: the connection they take, and when they have to be done."""

    def __init__(self, end: float, cancellation: Cancellation) -> None:
        self.connection: t.Any = None
        self.closed = False
        #: Whether a byte of the request may have left.
        self.sent = False
        self._end = end
        self._cancellation = cancellation

    def close_if_over(self, now: float) -> None:
        if now < min(self._end, self._cancellation.end):
            return
        self.closed = True
        sock = getattr(self.connection, "sock", None)
        if sock is not None:
            # Of the socket itself, also below TLS: who reads from it gets its end at once.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Watchdog:
    """One thread for all clients of the process, which lives while there is something to watch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exchanges: set[_Exchange] = set()
        self._thread: threading.Thread | None = None

    # A lock for each request would be one that all threads queue at: a set takes and loses a member,
    # and is copied, in one step.

    def add(self, exchange: _Exchange) -> None:
        self._exchanges.add(exchange)
        _current.exchange = exchange
        if self._thread is None:
            with self._lock:
                if self._thread is None:  # pragma: no branch  # but where two threads come here at once
                    self._thread = threading.Thread(target=self._run, daemon=True)
                    self._thread.start()

    def discard(self, exchange: _Exchange) -> None:
        self._exchanges.discard(exchange)

    def _run(self) -> None:
        while True:
            time.sleep(INTERVAL)
            for exchange in self._exchanges.copy():
                exchange.close_if_over(time.monotonic())
            if self._exchanges:
                continue
            self._thread = None
            # Who was added before that line saw a thread, so it is looked once more. Who comes
            # after it starts one.
            if not self._exchanges:
                return
            with self._lock:  # pragma: no cover  # only where a request begins between those two lines
                if self._thread is not None:
                    return
                self._thread = threading.current_thread()


_current = threading.local()
_watchdog = _Watchdog()


class _WatchedHTTPConnection(HTTPConnection):
    """A connection that tells the exchange of its thread that it is the one."""

    sock: t.Any

    def connect(self) -> None:
        _current.exchange.connection = self
        try:
            super().connect()
        finally:
            # What was sent up to here was for a proxy, to get a tunnel.
            _current.exchange.sent = False

    def send(self, data: t.Any) -> None:
        _current.exchange.connection = self
        if self.sock is None:
            self.connect()
        _current.exchange.sent = True
        super().send(data)


class _WatchedHTTPSConnection(_WatchedHTTPConnection, HTTPSConnection):
    pass


class _WatchedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTPConnection


class _WatchedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPSConnection


_POOLS = {"http": _WatchedHTTPPool, "https": _WatchedHTTPSPool}


class BrokenExchange(Exception):
    """No whole answer came.

    :ivar cause: the exception of requests, urllib3 or the system.
    :ivar sent: whether a byte of the request may have left. If none did, nothing was carried out.
    """

    def __init__(self, cause: Exception, *, sent: bool) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.sent = sent


class DeadlineAdapter(HTTPAdapter):
    """requests' transport adapter, whose exchanges end in time.

    :arg connections: how many are kept open at most.
    :arg tls: has the CA certificates, for all connections with TLS, that with a proxy as well. requests
        would read them for each connection anew, which takes 20 ms of processor time and 0.7 MB.
    """

    _pool: t.Any = None

    def __init__(self, *, connections: int, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def get_connection_with_tls_context(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        # All requests of a client go to one origin, so one pool serves all. To look it up each time
        # costs as much as a tenth of a request.
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*args, **kwargs)
        return self._pool

    def build_response(self, req: t.Any, resp: t.Any) -> t.Any:
        # Without the cookies, which nobody asks for here.
        response = Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.reason = resp.reason
        response.raw = resp
        response.request = req
        return response

    # pylint: disable-next=unused-argument  # as requests calls it
    def cert_verify(self, conn: t.Any, url: str, verify: bool | str, cert: t.Any) -> None:
        # The authorities are in the context. Named here they would be read once more for each connection,
        # and those that are there by default would be trusted beside those of ca_path.
        conn.cert_reqs = "CERT_REQUIRED" if verify else "CERT_NONE"

    def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: t.Any) -> t.Any:
        if proxy.lower().startswith("https:"):
            kwargs["proxy_ssl_context"] = self._tls
        manager = super().proxy_manager_for(proxy, ssl_context=self._tls, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def exchange(
        self, request: t.Any, *, seconds: float, cancellation: Cancellation, **kwargs: t.Any
    ) -> tuple[t.Any, bytes]:
        """The response and its whole body, as `send` gets them with ``kwargs``.

        :arg seconds: what all of it may take.
        :raises BrokenExchange: if no whole answer came, in time and before the run's time is over.
        """
        exchange = _Exchange(time.monotonic() + seconds, cancellation)
        _watchdog.add(exchange)
        try:
            response = self.send(request, **kwargs)
            try:
                body = response.raw.read(decode_content=True)
            finally:
                response.close()
            if exchange.closed:
                raise OSError("closed")  # what looks whole may be cut
            return response, body
        except (RequestException, HTTPError, OSError, ValueError) as error:
            cause: Exception = error
            if exchange.closed:
                cause = TimeoutError(
                    "cancelled" if cancellation.is_set() else f"it took more than {seconds:g} s in all"
                )
            raise BrokenExchange(cause, sent=exchange.sent) from None
        finally:
            _watchdog.discard(exchange)
