# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP exchange: TLS, proxies, deadlines, and the end of a cancelled run."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import urllib3
from ansible_collections.messaging.twilio.plugins.module_utils import _transport
from ansible_collections.messaging.twilio.plugins.module_utils._client import USER_AGENT, Client
from ansible_collections.messaging.twilio.plugins.module_utils._connection import make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.messaging.twilio.plugins.module_utils._transport import (
    Cancellation,
    ExchangeError,
    Transport,
)

from simulator import Simulator
from support.account import mg, options, seed
from support.client import make_client

PATH = f"/v1/Services/{mg(1)}/AlphaSenders"
#: A host name that is not this machine, in the certificate of the test server.
REMOTE = "messaging.example"


def transport(simulator: Simulator, cancellation: Cancellation | None = None, **changed: Any) -> Transport:
    return Transport(
        make_connection(options(simulator, **changed)),
        user_agent=USER_AGENT,
        concurrency=1,
        cancellation=cancellation or Cancellation(),
    )


def rows(api: Client) -> list[dict[str, Any]]:
    return api.list(PATH, "alpha_senders")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, str]:
    """A certificate authority, and the path of its certificate."""
    made = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(str(path))
    return made, str(path)


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", REMOTE).configure_cert(context)
    return context


@pytest.fixture(scope="module")
def secure(authority: tuple[trustme.CA, str]) -> Iterator[Simulator]:
    with Simulator(seed(["ACME"]), tls=server_context(authority[0])) as simulator:
        yield simulator


@contextmanager
def server(answer: Callable[[socket.socket], object], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server that calls ``answer`` with each connection. Yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            try:
                with connection if tls is None else tls.wrap_socket(connection, server_side=True) as wrapped:
                    answer(wrapped)
            except OSError:
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.usefixtures("simulator")
class TestTls:
    def test_refuses_unknown_authority_without_retry(self, secure: Simulator) -> None:
        before = len(secure.journal)
        with pytest.raises(ApiError, match=r"TLS with https://127\.0\.0\.1:\d+ failed: .*certificate"):
            rows(make_client(secure))
        assert len(secure.journal) == before

    def test_write_to_unknown_authority_is_not_indeterminate(self, secure: Simulator) -> None:
        before = len(secure.journal)
        with pytest.raises(ApiError, match=r"TLS with https://127\.0\.0\.1:\d+ failed: .*certificate") as caught:
            make_client(secure).create(PATH, {"AlphaSender": "ACME"})
        assert not caught.value.indeterminate
        assert len(secure.journal) == before

    def test_refuses_server_without_tls(self, simulator: Simulator) -> None:
        url = simulator.url.replace("http:", "https:")
        with pytest.raises(ApiError, match=r"TLS with https://127\.0\.0\.1:\d+ failed: "):
            rows(make_client(simulator, api_url=url))
        assert simulator.requests() == []

    def test_uses_ca_path(self, secure: Simulator, authority: tuple[trustme.CA, str]) -> None:
        assert len(rows(make_client(secure, ca_path=authority[1]))) == 1

    def test_trusts_no_other_authority_with_ca_path(
        self, secure: Simulator, authority: tuple[trustme.CA, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", authority[1])
        monkeypatch.setattr(_transport, "DEFAULT_CA_BUNDLE_PATH", authority[1])
        other = tmp_path / "other.pem"
        trustme.CA().cert_pem.write_to_path(str(other))
        with pytest.raises(ApiError, match="certificate"):
            rows(make_client(secure, ca_path=str(other)))

    def test_refuses_file_without_certificate(self, secure: Simulator) -> None:
        with pytest.raises(
            InputError, match=r"^ca_path .* must be .*, got '.*test_transport\.py', which has no CA certificate$"
        ):
            make_client(secure, ca_path=__file__)

    def test_refuses_file_that_cannot_be_read(self, secure: Simulator) -> None:
        with pytest.raises(
            InputError, match=r"^ca_path .* must be .*, got '/proc/self/mem', which cannot be read \(.+\)$"
        ):
            make_client(secure, ca_path="/proc/self/mem")

    def test_reads_certificates_once_for_all_connections(
        self, secure: Simulator, authority: tuple[trustme.CA, str], tmp_path: Path
    ) -> None:
        ca_path = tmp_path / "ca.pem"
        ca_path.write_bytes(Path(authority[1]).read_bytes())
        api = make_client(secure, ca_path=str(ca_path))
        ca_path.unlink()
        secure.reset(seed(["ACME"]), [{"kind": "reset", "count": 3}])
        assert len(rows(api)) == 1
        assert len({entry["connection"] for entry in secure.journal}) == 4

    def test_connections_do_not_change_shared_context(
        self, secure: Simulator, authority: tuple[trustme.CA, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The failure itself is a race, which a test cannot show reliably.
        changed: list[list[str]] = []
        monkeypatch.setattr(ssl.SSLContext, "set_alpn_protocols", lambda self, protocols: changed.append(protocols))
        api = make_client(secure, ca_path=authority[1])
        assert changed == [["http/1.1"]]
        assert len(rows(api)) == 1
        assert changed == [["http/1.1"]]

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_retries_when_connection_is_closed_during_handshake(self, secure: Simulator, method: str) -> None:
        accepted: list[bytes] = []
        with server(lambda connection: accepted.append(connection.recv(65536))) as port:
            api = make_client(secure, api_url=f"https://127.0.0.1:{port}", max_retries=2)
            with pytest.raises(ApiError, match=r"was not reached: .*EOF.*\. Gave up after 3 attempts$") as caught:
                api._call(method, PATH)
        assert len(accepted) == 3
        assert not caught.value.indeterminate

    @pytest.mark.parametrize("ragged", [False, True])
    def test_write_is_indeterminate_when_tls_is_closed_after_request(
        self, secure: Simulator, authority: tuple[trustme.CA, str], ragged: bool
    ) -> None:
        def close(connection: socket.socket) -> None:
            connection.recv(65536)
            if ragged:
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            else:
                assert isinstance(connection, ssl.SSLSocket)
                connection.unwrap()

        with server(close, server_context(authority[0])) as port:
            api = make_client(secure, api_url=f"https://127.0.0.1:{port}", ca_path=authority[1])
            with pytest.raises(ApiError, match="no complete answer came, so the request may") as caught:
                api.create(PATH, {"AlphaSender": "ACME"})
        assert caught.value.indeterminate

    def test_does_not_warn_for_each_connection_when_verification_is_off(self, secure: Simulator) -> None:
        secure.reset(seed(["ACME"]), [{"kind": "reset"}])
        # pytest makes each warning an error.
        assert len(rows(make_client(secure, validate_certs=False))) == 1
        assert len({entry["connection"] for entry in secure.journal}) == 2


class Tunnel:
    """A proxy that connects every CONNECT to one port, and records the requests.

    :arg tls: the proxy itself speaks TLS.
    :arg refuse: the proxy answers every CONNECT with 407.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None, *, refuse: bool = False) -> None:
        self.asked: list[str] = []
        self._target = port
        self._refuse = refuse
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Tunnel:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            if self._tls is not None:
                try:
                    near = self._tls.wrap_socket(near, server_side=True)
                except OSError:  # the client refused the certificate
                    continue
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += near.recv(4096)
            self.asked.append(asked.decode().splitlines()[0])
            if self._refuse:
                near.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._target))
            near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with source, target:
            try:
                while data := source.recv(65536):
                    target.sendall(data)
                # The other thread still reads from it, so closing alone would not end the connection.
                target.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class TestProxy:
    @pytest.fixture(autouse=True)
    def environment(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        """No proxy at first, and a host name that is not loopback but leads to this machine."""
        assert simulator.url
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        resolve = socket.getaddrinfo
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *args, **more: resolve("127.0.0.1" if host == REMOTE else host, *args, **more),
        )

    @staticmethod
    def remote(secure: Simulator, ca_path: str | None, **changed: Any) -> Client:
        return make_client(secure, api_url=f"https://{REMOTE}:{port(secure)}", ca_path=ca_path, **changed)

    def test_uses_proxy_and_honors_no_proxy(
        self, secure: Simulator, authority: tuple[trustme.CA, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Tunnel(port(secure)) as tunnel:
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:hush-hush@127.0.0.1:{tunnel.port}")
            assert len(rows(self.remote(secure, authority[1]))) == 1
            assert [line.split()[:2] for line in tunnel.asked] == [["CONNECT", f"{REMOTE}:{port(secure)}"]]
            monkeypatch.setenv("NO_PROXY", REMOTE)
            monkeypatch.delenv("no_proxy")
            assert len(rows(self.remote(secure, authority[1]))) == 1
            assert len(tunnel.asked) == 1

    def test_reuses_connection_through_proxy_without_scheme(
        self, secure: Simulator, authority: tuple[trustme.CA, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Tunnel(port(secure)) as tunnel:
            monkeypatch.setenv("ALL_PROXY", f"127.0.0.1:{tunnel.port}")
            api = self.remote(secure, authority[1])
            assert len(rows(api)) == len(rows(api)) == 1
            assert len(tunnel.asked) == 1

    def test_verifies_proxy_with_same_certificates(
        self, secure: Simulator, authority: tuple[trustme.CA, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Tunnel(port(secure), server_context(authority[0])) as tunnel:
            monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{tunnel.port}")
            assert len(rows(self.remote(secure, authority[1]))) == 1
            with pytest.raises(ApiError, match="certificate"):
                rows(self.remote(secure, None))
            assert [line.split()[0] for line in tunnel.asked] == ["CONNECT"]

    def test_lost_answer_behind_proxy_is_indeterminate(
        self, secure: Simulator, authority: tuple[trustme.CA, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secure.reset(seed([]), [{"kind": "reset", "method": "POST", "after": True}])
        with Tunnel(port(secure)) as tunnel:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{tunnel.port}")
            with pytest.raises(ApiError) as caught:
                self.remote(secure, authority[1]).create(PATH, {"AlphaSender": "ACME"})
        assert caught.value.indeterminate
        assert secure.requests() == ["POST"]

    def test_retries_write_when_proxy_refuses_connect(
        self, secure: Simulator, authority: tuple[trustme.CA, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = len(secure.journal)
        with Tunnel(port(secure), refuse=True) as tunnel:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{tunnel.port}")
            with pytest.raises(ApiError, match=r"was not reached: .*407.*\. Gave up after 2 attempts") as caught:
                self.remote(secure, authority[1], max_retries=1).create(PATH, {"AlphaSender": "ACME"})
            assert len(tunnel.asked) == 2
        assert not caught.value.indeterminate
        assert len(secure.journal) == before

    def test_does_not_show_password_of_unreachable_proxy(
        self, secure: Simulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:hush-hush@127.0.0.1:{unused.getsockname()[1]}")
            with pytest.raises(ApiError, match="was not reached") as caught:
                rows(self.remote(secure, None))
        assert "hush-hush" not in str(caught.value)
        assert caught.value.status is None

    @pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
    @pytest.mark.parametrize(
        "proxy",
        [
            "http://user:hush[@127.0.0.1:1",
            "http://[::1",
            "http://",
            "http://user:hush@",
            "http://user:hush@127.0.0.1:port",
            "ftp://user:hush@127.0.0.1:1",
        ],
    )
    def test_refuses_proxy_that_is_not_usable(
        self, secure: Simulator, monkeypatch: pytest.MonkeyPatch, name: str, proxy: str
    ) -> None:
        before = len(secure.journal)
        monkeypatch.setenv(name, proxy)
        with pytest.raises(
            InputError, match=r"^HTTPS_PROXY \(or ALL_PROXY\) of the environment must be a URL"
        ) as caught:
            self.remote(secure, None)
        assert "hush" not in str(caught.value)
        assert len(secure.journal) == before

    @pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
    @pytest.mark.parametrize("tls", [False, True])
    def test_never_uses_proxy_for_loopback(
        self,
        simulator: Simulator,
        secure: Simulator,
        authority: tuple[trustme.CA, str],
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        tls: bool,
    ) -> None:
        simulator.reset(seed(["ACME"]))
        secure.reset(seed(["ACME"]))
        with socket.create_server(("127.0.0.1", 0)) as proxy:
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
            bounds: dict[str, Any] = {"timeout": 1, "max_retries": 0}
            api = make_client(secure, ca_path=authority[1], **bounds) if tls else make_client(simulator, **bounds)
            assert len(rows(api)) == 1
            proxy.setblocking(False)
            with pytest.raises(BlockingIOError):
                proxy.accept()

    def test_short_password_does_not_change_data(
        self, secure: Simulator, authority: tuple[trustme.CA, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secure.reset(seed(["ACME"]))
        with Tunnel(port(secure)) as tunnel:
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:ACME@127.0.0.1:{tunnel.port}")
            assert rows(self.remote(secure, authority[1]))[0]["alpha_sender"] == "ACME"
            fault = {"kind": "status", "status": 400, "body": {"message": "ACME is bad"}}
            secure.reset(seed(["ACME"]), [fault])
            with pytest.raises(ApiError, match=r"HTTP 400: \*{8} is bad"):
                rows(self.remote(secure, authority[1]))

    def test_masks_password_in_data_only_when_longer_than_a_value(
        self, secure: Simulator, authority: tuple[trustme.CA, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Tunnel(port(secure)) as tunnel:
            for masked, secret in ((True, "twelve-chars"), (False, "eleven-char")):
                monkeypatch.setenv("HTTPS_PROXY", f"http://user:{secret}@127.0.0.1:{tunnel.port}")
                body = {"alpha_senders": [{"text": f"<{secret}>"}]}
                secure.reset(seed([]), [{"kind": "status", "status": 200, "body": body}])
                expected = [{"text": "<********>" if masked else f"<{secret}>"}]
                assert rows(self.remote(secure, authority[1])) == expected


def port(simulator: Simulator) -> int:
    return int(simulator.url.rpartition(":")[2])


class TestDeadline:
    @pytest.fixture
    def _one_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With a timeout of one second, the deadline is one second too."""
        monkeypatch.setattr(_transport, "TIMEOUTS_PER_ANSWER", 1)

    @pytest.mark.usefixtures("_one_second")
    def test_body_that_trickles_ends(self, simulator: Simulator) -> None:
        simulator.reset(seed(["ACME"]), [{"kind": "trickle", "seconds": 0.02}])
        with pytest.raises(ApiError, match=r"it took more than 1 s in all"):
            rows(make_client(simulator, timeout=1, max_retries=0))

    @pytest.mark.usefixtures("_one_second")
    def test_headers_that_trickle_over_tls_end(self, secure: Simulator, authority: tuple[trustme.CA, str]) -> None:
        # Its headers alone take 8 seconds.
        secure.reset(seed(["ACME"]), [{"kind": "trickle", "seconds": 0.1}])
        begin = time.monotonic()
        with pytest.raises(ApiError, match=r"it took more than 1 s in all"):
            rows(make_client(secure, timeout=1, max_retries=0, ca_path=authority[1]))
        assert 1 <= time.monotonic() - begin < 3

    def test_deadline_is_four_timeouts(self, simulator: Simulator) -> None:
        assert transport(simulator, timeout=7.5)._max_seconds == 30.0

    @pytest.mark.usefixtures("_one_second")
    def test_write_whose_answer_trickles_is_indeterminate(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "trickle", "seconds": 0.01, "method": "POST"}])
        api = make_client(simulator, timeout=1)
        with pytest.raises(ApiError, match=r"it took more than 1 s in all") as caught:
            api.create(PATH, {"AlphaSender": "ACME"})
        assert caught.value.indeterminate
        assert [row["alpha_sender"] for row in rows(api)] == ["ACME"]
        assert simulator.requests() == ["POST", "GET"]

    @pytest.mark.parametrize("has_read1", [False, True])
    def test_reads_compressed_and_chunked_answer(
        self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, has_read1: bool
    ) -> None:
        if not has_read1:  # as in urllib3 1.26
            for kind in urllib3.HTTPResponse.__mro__:
                if "read1" in vars(kind) and kind.__module__.startswith("urllib3"):
                    monkeypatch.delattr(kind, "read1")
        body = b'{"sid": "' + bytes(range(97, 123)) * 9999 + b'"}'
        packed = gzip.compress(body)
        received: list[bytes] = []

        def answer(connection: socket.socket) -> None:
            for chunked in (False, True):
                received.append(connection.recv(65536))
                head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                if chunked:
                    pieces = [packed[place : place + 100] for place in range(0, len(packed), 100)]
                    whole = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])
                    connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + whole)
                else:
                    connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(packed) + packed)

        with server(answer) as port:
            api = transport(simulator, api_url=f"http://127.0.0.1:{port}/base")
            assert [api.exchange("GET", "/v1/x", "a=b").body for _time in range(2)] == [body, body]
        # Both came over one connection, which `answer` serves.
        assert [request.partition(b"\r\n")[0] for request in received] == [b"GET /base/v1/x?a=b HTTP/1.1"] * 2


class TestCancellation:
    def test_grace_period_begins_with_first_signal(self) -> None:
        cancellation = Cancellation(grace=100)
        assert not cancellation.is_set()
        assert not cancellation.expired()
        before = time.monotonic()
        cancellation.cancel()
        deadline = cancellation.deadline
        assert before + 100 <= deadline <= time.monotonic() + 100
        assert cancellation.is_set()
        assert not cancellation.expired()
        cancellation.cancel()
        assert cancellation.deadline == deadline
        ended = Cancellation(grace=0)
        ended.cancel()
        assert ended.expired()

    def test_ends_wait(self) -> None:
        cancellation = Cancellation()
        waiting = threading.Thread(target=cancellation.wait, args=(3600,))
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        cancellation.cancel()
        waiting.join()

    def test_limits_later_waits_to_one_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        slept: list[float] = []
        monkeypatch.setattr(time, "sleep", slept.append)
        cancellation = Cancellation()
        cancellation.wait(0.001)
        assert slept == []
        cancellation.cancel()
        for seconds in (0.25, 300):
            cancellation.wait(seconds)
        assert slept == [0.25, 1.0]

    def test_cuts_waits_of_retries_short(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        slept: list[float] = []
        monkeypatch.setattr(time, "sleep", slept.append)
        simulator.reset(seed([]), [{"kind": "status", "status": 429, "headers": {"Retry-After": "250"}}])
        cancellation = Cancellation()
        cancellation.cancel()
        api = make_client(simulator, cancellation=cancellation, wait=None)
        assert rows(api) == []
        assert simulator.requests() == ["GET", "GET"]
        assert slept == [1.0, 1.0]

    def test_sends_no_request_after_grace_period(self, simulator: Simulator) -> None:
        simulator.reset(seed([]))
        cancellation = Cancellation(grace=0)
        cancellation.cancel()
        api = make_client(simulator, cancellation=cancellation, wait=None)
        for call in (lambda: rows(api), lambda: api.delete(PATH), lambda: api.create(PATH, {})):
            with pytest.raises(ApiError, match="was not sent: the run was cancelled") as caught:
                call()
            assert not caught.value.indeterminate
        with pytest.raises(ExchangeError, match="the run was cancelled") as failed:
            transport(simulator, cancellation).exchange("GET", PATH)
        assert not failed.value.sent
        assert (simulator.requests(), api.requests_sent) == ([], 0)

    def test_begins_no_retry_after_grace_period(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "status", "status": 503, "count": 9}])
        cancellation = Cancellation(grace=0)
        api = make_client(simulator, cancellation=cancellation, wait=lambda seconds: cancellation.cancel())
        with pytest.raises(ApiError, match="was not sent: the run was cancelled"):
            rows(api)
        assert simulator.requests() == ["GET"]

    def test_ends_body_that_trickles_with_grace_period(self, simulator: Simulator) -> None:
        simulator.reset(seed(*[[]] * 50), [{"kind": "trickle", "seconds": 0.01}])
        cancellation = Cancellation(grace=0.1)
        threading.Timer(0.1, cancellation.cancel).start()
        begin = time.monotonic()
        with pytest.raises(ExchangeError, match=r"^the run was cancelled$") as caught:
            transport(simulator, cancellation).exchange("GET", "/v1/Services")
        assert caught.value.sent
        # The whole answer would take more than two minutes.
        assert time.monotonic() - begin < 20
