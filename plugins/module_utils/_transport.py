# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP exchange: proxies, TLS, the deadline of a whole answer, and the end of a cancelled run.

requests makes the pool of connections, and each request goes directly to that pool. A ``Session`` would
follow redirects, read ``.netrc`` and keep cookies. The pool does none of these, so the credentials go to
one origin only.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import base64
import copy
import math
import os
import re
import socket
import ssl
import threading
import time
import traceback
import typing as t
from urllib.parse import unquote, urlencode, urlsplit

from ansible_collections.messaging.twilio.plugins.module_utils._answer import Answer
from ansible_collections.messaging.twilio.plugins.module_utils._connection import Connection, is_loopback
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, Redactor, quoted

REQUESTS_IMPORT_ERROR: str | None
try:
    import urllib3
    from requests.adapters import HTTPAdapter
    from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy
    from urllib3.exceptions import ConnectTimeoutError, HTTPError, InsecureRequestWarning, NewConnectionError
    from urllib3.util.ssl_ import create_urllib3_context
except ImportError:
    REQUESTS_IMPORT_ERROR = traceback.format_exc()
else:
    REQUESTS_IMPORT_ERROR = None

#: Seconds that a cancelled run has to finish the requests that it started.
GRACE = 20.0
#: A whole answer may take this many timeouts. A timeout alone bounds only each single read.
TIMEOUTS_PER_ANSWER = 4
#: Number of bytes of a body that are read at a time.
_PART, _SMALL_PART = 65536, 512
# The value is not shown: it may contain a password.
_PROXY_RULE = "HTTPS_PROXY (or ALL_PROXY) of the environment must be a URL such as http://proxy.example:3128"


class Cancellation:
    """Whether the run is cancelled, and how long it may still take."""

    def __init__(self, grace: float = GRACE) -> None:
        self._grace = grace
        self._event = threading.Event()
        #: End of the grace period on the monotonic clock.
        self.deadline = math.inf

    def cancel(self) -> None:
        """Cancel the run. A signal handler may call it, more than once."""
        if not self._event.is_set():
            self.deadline = time.monotonic() + self._grace
            self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    def expired(self) -> bool:
        """Whether the grace period is over."""
        return time.monotonic() >= self.deadline

    def wait(self, seconds: float) -> None:
        """Wait ``seconds``, but never longer than one second after a cancellation."""
        if self._event.wait(seconds):
            time.sleep(min(seconds, 1.0))


class ExchangeError(Exception):
    """No whole answer came. The text is the reason, for a message.

    :ivar sent: whether a byte of the request may have been sent. If not, nothing was carried out.
    :ivar tls: whether TLS failed, so that the same request would fail again.
    """

    def __init__(self, reason: str, *, sent: bool, tls: bool = False) -> None:
        super().__init__(reason)
        self.sent = sent
        self.tls = tls


class Transport:
    """Exchanges with one origin. May be used by many threads at once.

    :arg concurrency: maximum number of connections that are kept open.
    :raises InputError: if the environment's proxy or the CA certificates cannot be used.
    """

    def __init__(
        self, connection: Connection, *, user_agent: str, concurrency: int, cancellation: Cancellation
    ) -> None:
        self._cancellation = cancellation
        self._max_seconds = connection.timeout * TIMEOUTS_PER_ANSWER
        self._timeout = urllib3.Timeout(connect=connection.timeout, read=connection.timeout)
        self._prefix = urlsplit(connection.base_url).path
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": user_agent,
        }
        proxy = _proxy(connection.base_url)
        password = urlsplit(proxy).password or ""
        self.redactor = Redactor([password, unquote(password)])
        self._pool = _pool(connection, proxy, concurrency)
        self._set_credentials(connection)

    def with_credentials(self, connection: Connection) -> Transport:
        """The same connections with the credentials of another account."""
        other = copy.copy(self)
        other._set_credentials(connection)
        return other

    def _set_credentials(self, connection: Connection) -> None:
        basic = base64.b64encode(f"{connection.username}:{connection.password}".encode("ascii")).decode("ascii")
        self._headers = {**self._headers, "Authorization": f"Basic {basic}"}
        self.redactor = self.redactor.extended([connection.password, basic])

    def exchange(self, method: str, path: str, query: str = "", form: t.Mapping[str, str] | None = None) -> Answer:
        """Send one request and read its whole answer.

        :raises ExchangeError: if no whole answer came before the deadline.
        """
        if self._cancellation.expired():
            raise ExchangeError("the run was cancelled", sent=False)
        headers, body = self._headers, None
        if form is not None:
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
            body = urlencode(form).encode("ascii")
        deadline = _current.deadline = time.monotonic() + self._max_seconds
        response = None
        try:
            response = self._pool.request(
                method,
                self._prefix + path + (f"?{query}" if query else ""),
                body=body,
                headers=headers,
                timeout=self._timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            content = self._read(response, deadline)
            response.release_conn()
            return Answer(response.status, response.reason or "", response.headers, content)
        except (HTTPError, OSError, ValueError) as error:
            if response is not None:
                response.close()
            raise self._exchange_error(error, deadline) from None

    def _read(self, response: t.Any, deadline: float) -> bytes:
        """The body, read in parts: the deadline also holds for a server that sends one byte per second."""
        if hasattr(response, "read1"):
            parts = iter(lambda: response.read1(_PART, decode_content=True), b"")
        else:  # urllib3 1.26 waits until a part is complete
            parts = response.stream(_SMALL_PART, decode_content=True)
        content = []
        for part in parts:
            content.append(part)
            if time.monotonic() >= min(deadline, self._cancellation.deadline):
                raise TimeoutError
        return b"".join(content)

    def _exchange_error(self, error: Exception, deadline: float) -> ExchangeError:
        causes = list(_causes(error))
        if time.monotonic() >= deadline:
            reason = f"it took more than {self._max_seconds:g} s in all"
        elif self._cancellation.expired():
            reason = "the run was cancelled"
        else:
            reason = self.redactor.text(_reason(causes[-1]))
        return ExchangeError(reason, sent=not any(map(_before_sending, causes)), tls=any(map(_is_tls_failure, causes)))


def _proxy(base_url: str) -> str:
    """The URL of the environment's proxy for ``base_url``, empty if there is none."""
    if is_loopback(urlsplit(base_url).hostname or ""):
        return ""
    proxy = select_proxy(base_url, get_environ_proxies(base_url))
    if not proxy:
        return ""
    try:
        url = proxy if "://" in proxy else f"http://{proxy}"
        if urlsplit(url).hostname:
            return url
    except ValueError:
        pass
    raise InputError(_PROXY_RULE)


def _pool(connection: Connection, proxy: str, concurrency: int) -> t.Any:
    tls: dict[str, t.Any] = {}
    if connection.base_url.startswith("https:"):
        tls["ssl_context"] = _tls_context(connection.verify)
        if not connection.verify:
            # The module warns once. urllib3 would for each connection.
            urllib3.disable_warnings(InsecureRequestWarning)
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=concurrency)
    if not proxy:
        adapter.init_poolmanager(1, concurrency, **tls)
        return adapter.poolmanager.connection_from_url(connection.base_url)
    if proxy.lower().startswith("https:"):
        tls["proxy_ssl_context"] = tls["ssl_context"]
    try:
        return adapter.proxy_manager_for(proxy, **tls).connection_from_url(connection.base_url)
    except ValueError as error:
        raise InputError(f"{_PROXY_RULE} ({type(error).__name__})") from None


class _DeadlineSocket(ssl.SSLSocket):  # pylint: disable=abstract-method  # ssl itself makes sockets of this class
    """A TLS socket whose reads end at the deadline, so that headers that trickle end as well."""

    def read(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        if time.monotonic() >= _current.deadline:
            # Up to Python 3.9 this is no TimeoutError, and the reader of the socket needs an error with arguments.
            raise socket.timeout("timed out")
        return super().read(*args, **kwargs)


class _Current(threading.local):
    """The exchange of this thread."""

    deadline = math.inf


_current = _Current()


def _tls_context(verify: bool | str) -> ssl.SSLContext:
    """One context for all connections: to read the CA certificates for each takes 20 ms of CPU time and 0.7 MB."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)
    context.sslsocket_class = _DeadlineSocket
    context.set_alpn_protocols(["http/1.1"])
    # urllib3 sets them again for each connection. If other threads connect meanwhile, Python reads freed
    # memory and can crash: https://github.com/python/cpython/issues/141012
    context.set_alpn_protocols = lambda alpn_protocols: None  # type: ignore[method-assign]  # replaced on purpose
    if not verify:
        return context
    path = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
    try:
        context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
    except OSError as error:
        # The text of OpenSSL for a file of another kind differs from release to release.
        why = "has no CA certificate" if isinstance(error, ssl.SSLError) else f"cannot be read ({error.strerror})"
        raise InputError(
            "ca_path (or REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE) must be a file or folder of CA certificates "
            f"in PEM format, got {quoted(path)}, which {why}"
        ) from None
    return context


def _causes(error: BaseException) -> t.Iterator[BaseException]:
    """``error`` and the errors that it wraps, the innermost last."""
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        inner = next((value for value in inner.args if isinstance(value, BaseException)), None)


def _before_sending(error: BaseException) -> bool:
    """Whether this kind of error ends an exchange before a byte of the request is sent.

    A ProxyError says nothing: urllib3 also raises it for an answer that is lost behind a proxy. An early end of
    TLS (SSLEOFError, SSLZeroReturnError) comes from the handshake, Python hides it while an answer is read.
    """
    tls = (ssl.SSLCertVerificationError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
    kinds = (NewConnectionError, ConnectTimeoutError, *tls)
    return isinstance(error, kinds) or "Tunnel connection failed" in str(error)


def _is_tls_failure(error: BaseException) -> bool:
    """Whether one side refused the other in TLS. A connection that was closed is not a refusal."""
    closed = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
    return isinstance(error, ssl.SSLError) and not isinstance(error, closed)


def _reason(error: BaseException) -> str:
    """The text of an error, without the representation of a connection that urllib3 puts before it."""
    text = str(error.args[-1]) if isinstance(error, ConnectTimeoutError) else str(error)
    return re.sub(r"^(<.*?>|\w+\(host=[^)]*\)): ", "", text) or type(error).__name__
