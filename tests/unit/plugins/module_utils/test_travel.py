# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How requests travel: TLS, proxies, and answers that never end."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._converge import converge
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.messaging.twilio.plugins.module_utils._sender import Wish
from ansible_collections.messaging.twilio.plugins.module_utils._time import Cancellation

from simulator import Simulator
from support.account import mg, options, seed


def client(simulator: Simulator, **changed: Any) -> Client:
    return Client(make_connection(options(simulator, **changed)), wait=lambda seconds: None)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, str]:
    """An authority of certificates, and the path of its own."""
    made = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(str(path))
    return made, str(path)


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def secure(authority: tuple[trustme.CA, str]) -> Iterator[Simulator]:
    with Simulator(seed(["ACME"]), tls=server_context(authority[0])) as simulator:
        yield simulator


@pytest.mark.usefixtures("simulator")
class TestTls:
    def test_an_unknown_authority_is_refused_at_once(self, secure: Simulator) -> None:
        before = len(secure.journal)
        with pytest.raises(ApiError, match=r"TLS with https://127\.0\.0\.1:\d+ failed: .*certificate"):
            client(secure).alpha_senders(mg(1))
        assert len(secure.journal) == before

    def test_a_ca_path_is_used(self, secure: Simulator, authority: tuple[trustme.CA, str]) -> None:
        assert len(client(secure, ca_path=authority[1]).alpha_senders(mg(1))) == 1

    def test_with_a_ca_path_no_other_authority_is_trusted(
        self, secure: Simulator, authority: tuple[trustme.CA, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", authority[1])
        other = tmp_path / "other.pem"
        trustme.CA().cert_pem.write_to_path(str(other))
        with pytest.raises(ApiError, match="certificate"):
            client(secure, ca_path=str(other)).alpha_senders(mg(1))

    def test_a_file_that_is_no_certificate_is_an_error(self, secure: Simulator) -> None:
        with pytest.raises(InputError, match=r"ca_path .*: '.*test_travel\.py' holds no CA certificate; give a file"):
            client(secure, ca_path=__file__)

    def test_a_file_that_cannot_be_read_is_an_error(self, secure: Simulator) -> None:
        with pytest.raises(InputError, match=r"ca_path .*: '/proc/self/mem' cannot be read \(.+\); give a file"):
            client(secure, ca_path="/proc/self/mem")

    def test_the_certificates_are_read_once_for_all_connections(
        self, secure: Simulator, authority: tuple[trustme.CA, str], tmp_path: Path
    ) -> None:
        ca_path = tmp_path / "ca.pem"
        ca_path.write_bytes(Path(authority[1]).read_bytes())
        api = client(secure, ca_path=str(ca_path))
        ca_path.unlink()
        secure.reset(seed(["ACME"]), [{"kind": "reset", "count": 3}])
        assert len(api.alpha_senders(mg(1))) == 1
        assert len({entry["connection"] for entry in secure.journal}) == 4

    def test_connections_do_not_change_what_all_share(
        self, secure: Simulator, authority: tuple[trustme.CA, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # What goes wrong otherwise is a race, of which no test can be made.
        changed: list[list[str]] = []
        monkeypatch.setattr(ssl.SSLContext, "set_alpn_protocols", lambda self, protocols: changed.append(protocols))
        api = client(secure, ca_path=authority[1])
        assert changed == [["http/1.1"]]
        assert len(api.alpha_senders(mg(1))) == 1
        assert changed == [["http/1.1"]]

    def test_a_connection_that_is_closed_before_tls_is_there_is_tried_again(self, secure: Simulator) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            accepted: list[Any] = []

            def close_all() -> None:
                for _time in range(3):
                    near, address = listener.accept()
                    with near:
                        accepted.append(address)
                        near.recv(65536)

            closing = threading.Thread(target=close_all, daemon=True)
            closing.start()
            url = f"https://127.0.0.1:{listener.getsockname()[1]}"
            with pytest.raises(ApiError, match=r"was not reached: .*EOF.*; given up after 3 attempts"):
                client(secure, api_url=url, max_retries=2).alpha_senders(mg(1))
            closing.join()
        assert len(accepted) == 3

    @pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
    def test_verification_can_be_turned_off(self, secure: Simulator) -> None:
        assert len(client(secure, validate_certs=False).alpha_senders(mg(1))) == 1

    def test_an_https_proxy_is_used_and_no_proxy_honoured(
        self, secure: Simulator, authority: tuple[trustme.CA, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Tunnel() as tunnel:
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:hush-hush@127.0.0.1:{tunnel.port}")
            monkeypatch.setenv("NO_PROXY", "")
            assert len(client(secure, ca_path=authority[1]).alpha_senders(mg(1))) == 1
            assert [line.split()[:2] for line in tunnel.asked] == [["CONNECT", secure.url.removeprefix("https://")]]
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            assert len(client(secure, ca_path=authority[1]).alpha_senders(mg(1))) == 1
            assert len(tunnel.asked) == 1

    def test_a_proxy_with_tls_is_verified_with_the_same_certificates(
        self, secure: Simulator, authority: tuple[trustme.CA, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NO_PROXY", "")
        with Tunnel(server_context(authority[0])) as tunnel:
            monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{tunnel.port}")
            assert len(client(secure, ca_path=authority[1]).alpha_senders(mg(1))) == 1
            with pytest.raises(ApiError, match="certificate"):
                client(secure).alpha_senders(mg(1))
            assert [line.split()[0] for line in tunnel.asked] == ["CONNECT"]


class Tunnel:
    """A proxy that connects whoever asks for it, and remembers what was asked.

    :arg tls: what it speaks to who asks, where it does.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[str] = []
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
                except OSError:  # who asked did not like the certificate
                    continue
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += near.recv(4096)
            self.asked.append(asked.decode().splitlines()[0])
            host, port = self.asked[-1].split()[1].split(":")
            far = socket.create_connection((host, int(port)))
            near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with source, target:
            try:
                while data := source.recv(65536):
                    target.sendall(data)
            except OSError:
                pass


class TestDeadline:
    def test_an_answer_that_trickles_ends(self, simulator: Simulator) -> None:
        simulator.reset(seed(["ACME"]), [{"kind": "trickle", "seconds": 0.1}])
        with pytest.raises(ApiError, match=r"it took more than 2 s in all"):
            client(simulator, timeout=0.5, max_retries=0).alpha_senders(mg(1))

    def test_over_tls_too(self, secure: Simulator, authority: tuple[trustme.CA, str]) -> None:
        secure.reset(seed(["ACME"]), [{"kind": "trickle", "seconds": 0.1}])
        with pytest.raises(ApiError, match=r"it took more than 2 s in all"):
            client(secure, timeout=0.5, max_retries=0, ca_path=authority[1]).alpha_senders(mg(1))

    def test_a_write_whose_answer_trickles_is_settled_by_reading(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "trickle", "seconds": 0.1, "method": "POST"}])
        outcome = converge(client(simulator, timeout=0.5), Wish(mg(1), "ACME"), dry_run=False)
        assert outcome.action == "replaced"
        assert simulator.requests() == ["GET", "DELETE", "POST", "GET"]

    def test_a_cancelled_run_does_not_wait_for_an_answer(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "hang", "method": "POST"}])
        cancellation = Cancellation(grace=0.3)
        api = Client(make_connection(options(simulator, timeout=600)), cancellation=cancellation)
        threading.Timer(0.2, cancellation.cancel).start()
        outcome = converge(api, Wish(mg(1), "ACME"), dry_run=False, stopped=lambda: False)
        assert (outcome.action, outcome.unknown, outcome.lost) == ("failed", True, "OLD")
        assert "the run was cancelled" in str(outcome.msg)

    def test_a_cancelled_run_cuts_its_waits_short(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "status", "status": 429, "headers": {"Retry-After": "250"}}])
        cancellation = Cancellation()
        cancellation.cancel()
        api = Client(make_connection(options(simulator)), cancellation=cancellation)
        assert api.alpha_senders(mg(1)) == []
        assert simulator.requests() == ["GET", "GET"]
