# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against the simulator: options, log-in, paging, errors, and what is repeated."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.messaging.twilio.plugins.module_utils import _client, _errors
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client, Connection, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError

from simulator import Simulator
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN, mg, options, seed

ROOT = Path(__file__).resolve().parents[4]
TOKEN = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}
KEY = {"api_key": API_KEY, "api_secret": API_SECRET}


def connection(**changed: Any) -> Connection:
    defaults = {"api_url": "https://messaging.twilio.com", "timeout": 30.0, "max_retries": 5, "validate_certs": True}
    return make_connection({**defaults, **changed})


def client(simulator: Simulator, **changed: Any) -> tuple[Client, list[float]]:
    """A client, and the seconds it would have waited."""
    waits: list[float] = []
    return Client(make_connection(options(simulator, **changed)), wait=waits.append), waits


class TestOptions:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            (TOKEN, (ACCOUNT_SID, AUTH_TOKEN)),
            (KEY, (API_KEY, API_SECRET)),
            ({**TOKEN, **KEY}, (API_KEY, API_SECRET)),
            ({"account_sid": ACCOUNT_SID, **KEY}, (API_KEY, API_SECRET)),
        ],
    )
    def test_an_api_key_is_used_where_one_is_given(self, given: Mapping[str, str], expected: tuple[str, str]) -> None:
        made = connection(**given)
        assert (made.username, made.password) == expected

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({}, "no credentials: give api_key and api_secret"),
            ({"account_sid": ACCOUNT_SID}, "auth_token (or TWILIO_AUTH_TOKEN) is missing: account_sid was given"),
            ({"auth_token": AUTH_TOKEN}, "account_sid (or TWILIO_ACCOUNT_SID) is missing: auth_token was given"),
            ({"api_key": API_KEY}, "api_secret (or TWILIO_API_SECRET) is missing: api_key was given"),
            ({"api_secret": API_SECRET}, "api_key (or TWILIO_API_KEY) is missing: api_secret was given"),
            ({**TOKEN, "api_key": API_KEY}, "api_secret (or TWILIO_API_SECRET) is missing"),
            ({**TOKEN, "auth_token": ""}, "auth_token is an empty string"),
            ({**KEY, "account_sid": ""}, "account_sid is an empty string"),
            ({**TOKEN, "auth_token": AUTH_TOKEN + "\n"}, "auth_token has a character that no credential has"),
            ({**TOKEN, "auth_token": "tökenö"}, "auth_token has a character that no credential has"),
            (
                {**TOKEN, "account_sid": API_KEY},
                "account_sid is not 'AC' and 32 hexadecimal digits",
            ),
            ({**KEY, "api_key": ACCOUNT_SID}, "api_key is not 'SK' and 32 hexadecimal digits"),
            ({**TOKEN, "region": "ie1"}, "region: 'ie1' without an edge would be routed to us1"),
            ({**TOKEN, "edge": "a.b"}, "edge: 'a.b' is not a name of one"),
            ({**TOKEN, "api_url": "ftp://x"}, "api_url: 'ftp://x' is not the URL of an API"),
            ({**TOKEN, "api_url": "nothing"}, "api_url: 'nothing' is not the URL of an API"),
            ({**TOKEN, "api_url": ""}, "api_url: '' is not the URL of an API"),
            ({**TOKEN, "api_url": "https://[::1"}, "api_url: 'https://[::1' is not a URL"),
            ({**TOKEN, "api_url": "https://x:port"}, "api_url: 'https://x:port' is not a URL"),
            ({**TOKEN, "api_url": "https://x/?a=b"}, "api_url: 'https://x/?a=b' is not the URL of an API"),
            (
                {**TOKEN, "api_url": "http://10.0.0.1"},
                "api_url: 'http://10.0.0.1' would send the credentials unencrypted",
            ),
            ({**TOKEN, "api_url": "http://localhost.example"}, "would send the credentials unencrypted"),
            ({**TOKEN, "api_url": "https://x/v1/"}, "ends in /v1, which is added by itself"),
            ({**TOKEN, "timeout": 0}, "timeout: 0 is not allowed"),
            ({**TOKEN, "max_retries": -1}, "max_retries: -1 is not allowed"),
            ({**TOKEN, "ca_path": "/no/such.pem"}, "ca_path: '/no/such.pem' does not exist"),
        ],
    )
    def test_bad_options_are_refused_with_value_and_reason(self, given: Mapping[str, Any], message: str) -> None:
        with pytest.raises(InputError) as caught:
            connection(**given)
        assert message in str(caught.value)

    def test_a_refused_secret_is_not_repeated(self) -> None:
        for given in (
            {"auth_token": "hush hush"},
            {"account_sid": "hush"},
            {"auth_token": "hush", "api_url": "https://user:hush@x"},
        ):
            with pytest.raises(InputError) as caught:
                connection(**{**TOKEN, **given})
            assert "hush" not in str(caught.value)
        assert AUTH_TOKEN not in repr(connection(**TOKEN))

    @pytest.mark.parametrize(
        ("given", "url"),
        [
            ({}, "https://messaging.twilio.com"),
            ({"edge": "ashburn"}, "https://messaging.ashburn.us1.twilio.com"),
            ({"edge": "dublin", "region": "ie1"}, "https://messaging.dublin.ie1.twilio.com"),
            ({"api_url": "https://messaging.twilio.com/", "edge": "dublin"}, "https://messaging.dublin.us1.twilio.com"),
            ({"api_url": "http://127.0.0.1:8080/"}, "http://127.0.0.1:8080"),
            ({"api_url": "http://[::1]:8080"}, "http://[::1]:8080"),
            ({"api_url": "http://localhost"}, "http://localhost"),
            ({"api_url": "https://proxy.example/twilio", "edge": "dublin"}, "https://proxy.example/twilio"),
        ],
    )
    def test_the_host_follows_edge_region_and_api_url(self, given: Mapping[str, str], url: str) -> None:
        assert connection(**TOKEN, **given).base_url == url

    def test_ca_bundles_come_from_the_option_then_from_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
        assert connection(**TOKEN).verify == str(tmp_path)
        assert connection(**TOKEN, ca_path=__file__).verify == __file__
        assert connection(**{**TOKEN, "validate_certs": False}).verify is False
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
        with pytest.raises(InputError, match=r"REQUESTS_CA_BUNDLE: '/no/such\.pem' does not exist"):
            connection(**TOKEN)


def test_the_version_is_the_collections() -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    assert galaxy["version"] == _client.VERSION


@pytest.mark.parametrize("login", [TOKEN, {**KEY, "account_sid": None, "auth_token": None}])
def test_a_sender_is_created_listed_and_deleted(simulator: Simulator, login: dict[str, Any]) -> None:
    simulator.reset(seed([]))
    api, _waits = client(simulator, **login)
    created = api.create_alpha_sender(mg(1), "A+B & C_-")
    assert created["alpha_sender"] == "A+B & C_-"
    assert api.alpha_senders(mg(1)) == [created]
    api.delete_alpha_sender(mg(1), created["sid"])
    assert api.alpha_senders(mg(1)) == []
    api.delete_alpha_sender(mg(1), created["sid"])
    assert simulator.requests() == ["POST", "GET", "DELETE", "GET", "DELETE"]
    assert len({entry["connection"] for entry in simulator.journal}) == 1


def test_requests_name_the_collection_and_ask_for_full_pages(simulator: Simulator) -> None:
    simulator.reset(seed([]), [{"kind": "echo", "status": 400}])
    api, _waits = client(simulator)
    with pytest.raises(ApiError):
        api.alpha_senders(mg(1))
    assert simulator.journal[0]["query"] == "PageSize=1000"
    assert simulator.journal[0]["user_agent"] == f"messaging.twilio/{_client.VERSION} (Ansible collection)"


def test_all_pages_are_read(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client, "PAGE_SIZE", 2)
    simulator.reset(seed(["A1", "A2", "A3", "A4", "A5"]))
    api, _waits = client(simulator)
    assert [sender["alpha_sender"] for sender in api.alpha_senders(mg(1))] == ["A1", "A2", "A3", "A4", "A5"]
    assert simulator.requests() == ["GET"] * 3


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "page_itself"}, "the listing does not end"),
        (
            {"kind": "page_elsewhere"},
            "names 'http://127.0.0.2:9/elsewhere' as its next page, which is not a page of http://127.0.0.1",
        ),
        ({"kind": "page_elsewhere", "location": 7}, "names 7 as its next page, which is not a page of"),
        ({"kind": "page_elsewhere", "location": "http://[::1"}, "names 'http://[::1' as its next page, which is not a"),
        ({"kind": "no_key"}, "the answer has no list of objects as 'alpha_senders'"),
        ({"kind": "no_object"}, "the answer is no JSON object"),
        ({"kind": "redirect"}, "a redirect to http://127.0.0.2, which is not followed"),
        (
            {"kind": "redirect", "location": "http://[::1"},
            "a redirect to an address that is none, which is not followed",
        ),
        ({"kind": "status", "status": 200, "body": {"alpha_senders": [None]}}, "has no list of objects"),
    ],
)
def test_a_listing_that_cannot_be_trusted_is_an_error_at_once(
    simulator: Simulator, fault: dict[str, Any], message: str
) -> None:
    simulator.reset(seed(["OLD"]), [fault])
    api, waits = client(simulator)
    with pytest.raises(ApiError) as caught:
        api.alpha_senders(mg(1))
    assert message in str(caught.value)
    assert (simulator.requests(), waits) == (["GET"], [])


@pytest.mark.parametrize("elsewhere", ["/v1/Services", "/v2/Services", "/v1/Services/{sid}/AlphaSenders/more"])
def test_a_page_of_another_listing_is_not_read(simulator: Simulator, elsewhere: str) -> None:
    location = simulator.url + elsewhere.format(sid=mg(1)) + "?Page=1"
    simulator.reset(seed(["OLD"]), [{"kind": "page_elsewhere", "location": location}])
    with pytest.raises(ApiError, match="which is not a page of"):
        client(simulator)[0].alpha_senders(mg(1))
    assert simulator.requests() == ["GET"]


def test_an_error_carries_all_that_twilio_says(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    api, _waits = client(simulator)
    with pytest.raises(ApiError) as caught:
        api.alpha_senders(mg(7))
    error = caught.value
    assert error.as_fields() == {
        "code": 20404,
        "message": f"The requested resource /Services/{mg(7)} was not found",
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
        "request_id": f"RQ{1:032x}",
    }
    for part in ("20404", "HTTP 404", "was not found", "errors/20404", f"RQ{1:032x}"):
        assert part in str(error)


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"type": "https://x.example/1", "title": "Bad", "detail": "Too bad", "status": 400, "code": 7}, "Too bad", 7),
        ("<html>no gateway</html>", "Bad Request", None),
        (None, "Bad Request", None),
        ({"code": "soon", "message": None}, "Bad Request", None),
        ({"code": True, "message": "no"}, "no", None),
        ({"code": "7", "message": "no"}, "no", 7),
        ({"message": "x" * 9999}, "x" * 300, None),
        ("[" * 9999, "Bad Request", None),
    ],
)
def test_errors_in_other_shapes_are_read_too(simulator: Simulator, body: Any, message: str, code: int | None) -> None:
    simulator.reset(seed([]), [{"kind": "status", "status": 400, "body": body}])
    with pytest.raises(ApiError) as caught:
        client(simulator)[0].alpha_senders(mg(1))
    assert (caught.value.message, caught.value.code, caught.value.status) == (message, code, 400)


def test_an_answer_that_is_not_twilios_names_no_request() -> None:
    # It knows no method at all, and answers with 501 and a page.
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        answering = threading.Thread(target=other.handle_request)
        answering.start()
        url = f"http://127.0.0.1:{other.server_port}"
        with pytest.raises(ApiError, match=r"HTTP 501: Unsupported method \('GET'\); run it again later$") as caught:
            Client(connection(**TOKEN, api_url=url, max_retries=0)).services()
        answering.join()
    assert caught.value.request_id is None


SAFE = [
    {"kind": "status", "status": 429, "body": {"code": 20429}},
    {"kind": "status", "status": 503, "body": {"code": 21730}},
    {"kind": "status", "status": 400, "body": {"code": 21730}},
]
READS = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 502, "body": "<html>"},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 408},
    {"kind": "reset"},
    {"kind": "cut"},
    {"kind": "garbage"},
]
ODD_ANSWERS = [
    {"kind": "status", "status": 200, "body": {"error": "log in first"}},
    {"kind": "status", "status": 200, "body": {}},
    {"kind": "status", "status": 200, "body": [1]},
    {"kind": "status", "status": 404, "body": "<html>"},
]


@pytest.mark.parametrize("fault", SAFE + READS)
def test_a_read_is_repeated_until_it_is_answered(simulator: Simulator, fault: dict[str, Any]) -> None:
    simulator.reset(seed(["ACME"]), [{**fault, "count": 2}])
    api, waits = client(simulator)
    assert len(api.alpha_senders(mg(1))) == 1
    assert simulator.requests() == ["GET"] * 3
    assert len(waits) == 2


@pytest.mark.parametrize("fault", SAFE)
def test_a_write_that_was_not_processed_is_repeated(simulator: Simulator, fault: dict[str, Any]) -> None:
    simulator.reset(seed([]), [{**fault, "count": 2}])
    api, waits = client(simulator)
    assert api.create_alpha_sender(mg(1), "ACME")["alpha_sender"] == "ACME"
    assert simulator.requests() == ["POST"] * 3
    assert len(waits) == 2


@pytest.mark.parametrize("fault", READS + ODD_ANSWERS)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_write_whose_fate_is_unknown_is_not_repeated(
    simulator: Simulator, fault: dict[str, Any], method: str
) -> None:
    simulator.reset(seed(["OLD"] if method == "DELETE" else []), [{**fault, "method": method, "count": 9}])
    api, waits = client(simulator)
    write: Callable[[], object] = partial(api.create_alpha_sender, mg(1), "ACME")
    if method == "DELETE":
        write = partial(api.delete_alpha_sender, mg(1), api.alpha_senders(mg(1))[0]["sid"])
    with pytest.raises(ApiError) as caught:
        write()
    assert caught.value.unsettled
    assert simulator.requests().count(method) == 1
    assert waits == []


@pytest.mark.parametrize("retries", [1, 2, 3])
def test_repeating_ends(simulator: Simulator, retries: int) -> None:
    simulator.reset(seed([]), [{"kind": "status", "status": 500, "count": 9}])
    api, waits = client(simulator, max_retries=retries)
    with pytest.raises(ApiError, match=f"given up after {retries + 1} attempts"):
        api.alpha_senders(mg(1))
    assert simulator.requests() == ["GET"] * (retries + 1)
    assert len(waits) == retries
    api, waits = client(simulator, max_retries=0)
    with pytest.raises(ApiError, match="HTTP 500"):
        api.alpha_senders(mg(1))
    assert waits == []


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 7),
        (formatdate(4_000_000_000, usegmt=True), None, None),
        ("soon", 0, 0.5),
        ("-5", 0, 0.5),
        (formatdate(1_000_000, usegmt=True), 0, 0.5),
        ("86400", None, None),
        ("9" * 400, None, None),
    ],
)
def test_retry_after_is_honoured_within_the_budget(
    simulator: Simulator, value: str, low: float | None, high: float | None
) -> None:
    simulator.reset(seed([]), [{"kind": "status", "status": 429, "headers": {"Retry-After": value}}])
    api, waits = client(simulator)
    if low is None or high is None:
        with pytest.raises(ApiError, match="would exceed the 300 s"):
            api.alpha_senders(mg(1))
        assert waits == []
    else:
        api.alpha_senders(mg(1))
        assert low <= waits[0] <= high


def test_backoff_grows_to_its_cap_with_full_jitter() -> None:
    for attempt, most in ((0, 0.5), (1, 1), (3, 4), (20, 30)):
        drawn = [Client.backoff(attempt) for _time in range(500)]
        assert 0 <= min(drawn) < most / 10
        assert most * 0.9 < max(drawn) <= most


def test_a_refused_connection_is_repeated_for_every_method() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        waits: list[float] = []
        api = Client(connection(**TOKEN, api_url=url, max_retries=2), wait=waits.append)
        with pytest.raises(ApiError, match=r"was not reached: .*[Rr]efused") as caught:
            api.create_alpha_sender(mg(1), "ACME")
    assert len(waits) == 2
    assert "Pool(" not in str(caught.value)
    assert " object at 0x" not in str(caught.value)
    assert not caught.value.unsettled
    assert caught.value.status is None


def test_a_lost_answer_behind_a_proxy_is_not_taken_for_a_proxy_that_was_not_reached(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", simulator.url)
    monkeypatch.setenv("NO_PROXY", "")
    simulator.reset(seed([]), [{"kind": "reset", "method": "POST", "after": True}])
    with pytest.raises(ApiError) as caught:
        client(simulator)[0].create_alpha_sender(mg(1), "ACME")
    assert caught.value.unsettled
    assert simulator.requests() == ["POST"]


@pytest.mark.parametrize("proxy", ["http://user:hush[@127.0.0.1:1", "http://[::1", "http://", "http://user:hush@"])
def test_a_proxy_that_is_no_url_is_bad_input(simulator: Simulator, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(InputError, match="the proxy of the environment for http is not a URL"):
        client(simulator)


def test_a_proxy_that_cannot_be_used_is_an_error_at_once_and_nothing_is_sent(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "ftp://user:hush-hush@127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    simulator.reset(seed([]))
    api, waits = client(simulator)
    with pytest.raises(ApiError, match=r"AlphaSenders: no request could be made: .*\bURL\b") as caught:
        api.create_alpha_sender(mg(1), "ACME")
    assert "hush-hush" not in str(caught.value)
    assert not caught.value.unsettled
    assert (simulator.requests(), waits) == ([], [])


def test_a_short_secret_does_not_change_what_is_read(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", simulator.url.replace("http://", "http://user:ACME@"))
    monkeypatch.setenv("NO_PROXY", "")
    simulator.reset(seed(["ACME"]))
    assert client(simulator)[0].alpha_senders(mg(1))[0]["alpha_sender"] == "ACME"


def test_what_ansible_could_not_pass_on_is_left_out(simulator: Simulator) -> None:
    odd = {"sid": f"AI{1:032x}", "alpha_sender": "ACME", "half": "\ud800", "in": {"__ansible_type": "os"}}
    simulator.reset(seed([]), [{"kind": "status", "status": 200, "body": {"alpha_senders": [odd]}}])
    read = client(simulator)[0].alpha_senders(mg(1))[0]
    assert (read["half"], read["in"]) == ("?", {})


def test_netrc_is_not_read(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login other password other\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    simulator.reset(seed([]))
    assert client(simulator)[0].alpha_senders(mg(1)) == []


@pytest.mark.parametrize("after", [False, True])
def test_an_answer_that_echoes_the_credentials_is_scrubbed(simulator: Simulator, after: bool) -> None:
    simulator.reset(seed([]), [{"kind": "echo", "status": 400, "after": after}])
    with pytest.raises(ApiError) as caught:
        client(simulator)[0].alpha_senders(mg(1))
    said = f"{caught.value} {caught.value.as_fields()} {caught.value!r}"
    assert "********" in said
    assert AUTH_TOKEN not in said
    assert simulator.journal[0]["authorization"].split()[1] not in said


def test_a_proxy_is_used_and_its_password_not_told(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTP_PROXY", f"http://user:hush-hush@127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(ApiError, match="was not reached") as caught:
            client(simulator)[0].alpha_senders(mg(1))
    assert "hush-hush" not in str(caught.value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("no_proxy")
    simulator.reset(seed([]))
    assert client(simulator)[0].alpha_senders(mg(1)) == []


def test_unknown_fields_nulls_and_other_types_pass(simulator: Simulator) -> None:
    odd = {
        "sid": f"AI{1:032x}",
        "alpha_sender": "ACME",
        "capabilities": {"sms": True},
        "date_created": None,
        "new": [1],
    }
    simulator.reset(seed([]), [{"kind": "status", "status": 200, "body": {"alpha_senders": [odd], "meta": None}}])
    assert client(simulator)[0].alpha_senders(mg(1)) == [odd]


@pytest.mark.parametrize("changed", [{"timeout": 3600}, {"timeout": 0.1}, {"max_retries": 0}, {"max_retries": 100}])
def test_the_ends_of_a_range_are_in_it(changed: dict[str, Any]) -> None:
    made = connection(**TOKEN, **changed)
    assert (made.timeout, made.max_retries) == tuple({"timeout": 30.0, "max_retries": 5, **changed}.values())


@pytest.mark.parametrize("url", ["https://a b.example", "https://example.com/a\nb", "https://example.com/\u00a0x"])
def test_an_address_with_what_cannot_be_printed_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="is not the URL of an API"):
        connection(**TOKEN, api_url=url)


def test_certificates_are_verified_unless_that_is_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    assert Connection("user", "password", "https://example.com").verify is True
    assert connection(**TOKEN).verify is True
    assert connection(**TOKEN, validate_certs=False).verify is False


def test_deleting_says_whether_it_was_this_call(simulator: Simulator) -> None:
    simulator.reset(seed(["ACME"]))
    api, _waits = client(simulator)
    sid = api.alpha_senders(mg(1))[0]["sid"]
    assert api.delete_alpha_sender(mg(1), sid) is True
    assert api.delete_alpha_sender(mg(1), sid) is False


@pytest.mark.parametrize(
    ("fault", "unsettled", "sentence"),
    [
        ({"status": 422, "body": {}}, False, "HTTP 422: "),
        ({"status": 404, "body": {}}, True, "HTTP 404: "),
        ({"status": 500, "body": {"code": 20500, "message": "no"}}, True, "Twilio error 20500 (HTTP 500): no"),
        ({"status": 503, "body": {"code": 21730, "message": "later"}}, False, "Twilio error 21730 (HTTP 503): later"),
        (
            {"status": 300, "body": {"alpha_sender": "ACME"}},
            False,
            "HTTP 300: a redirect to another path, which is not",
        ),
    ],
)
def test_a_sentence_has_what_there_is_and_only_what_may_have_been_done_is_unsettled(
    simulator: Simulator, fault: dict[str, Any], unsettled: bool, sentence: str
) -> None:
    simulator.reset(seed([]), [{"kind": "status", "count": 9, **fault}])
    api, _waits = client(simulator, max_retries=0)
    with pytest.raises(ApiError) as caught:
        api.create_alpha_sender(mg(1), "ACME")
    assert str(caught.value).startswith(f"POST /v1/Services/{mg(1)}/AlphaSenders: {sentence}")
    assert caught.value.unsettled is unsettled


def test_a_page_about_the_error_that_is_too_long_is_left_out(simulator: Simulator) -> None:
    for length, known in ((_errors.MOST_SHOWN, True), (_errors.MOST_SHOWN + 1, False)):
        page = "https://example.com/".ljust(length, "x")
        body = {"code": 20001, "message": "no", "more_info": page}
        simulator.reset(seed([]), [{"kind": "status", "status": 400, "body": body}])
        with pytest.raises(ApiError) as caught:
            client(simulator)[0].alpha_senders(mg(1))
        assert caught.value.more_info == (page if known else None)


def test_a_secret_longer_than_a_sender_is_masked_in_what_is_read(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for masked, secret in ((True, "twelve-chars"), (False, "eleven-char")):
        monkeypatch.setenv("HTTP_PROXY", simulator.url.replace("http://", f"http://user:{secret}@"))
        monkeypatch.setenv("NO_PROXY", "")
        body = {"alpha_senders": [{"told": f"<{secret}>"}]}
        simulator.reset(seed([]), [{"kind": "status", "status": 200, "body": body}])
        assert client(simulator)[0].alpha_senders(mg(1)) == [{"told": "<********>" if masked else f"<{secret}>"}]


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("0", None), ("-5", None), ("soon", None)])
def test_only_a_time_to_come_is_a_retry_after(simulator: Simulator, value: str, seconds: float | None) -> None:
    fault = {"kind": "status", "status": 429, "headers": {"Retry-After": value}}
    simulator.reset(seed([]), [fault])
    api, waits = client(simulator)
    api.alpha_senders(mg(1))
    assert (waits[0] == seconds) if seconds else (0 <= waits[0] <= _client.BACKOFF_BASE)


def test_an_answer_has_four_timeouts(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator.reset(seed([]))
    api, _waits = client(simulator, timeout=7.5)
    given: list[float] = []
    exchange = api._adapter.exchange

    def watched(*args: Any, seconds: float, **more: Any) -> Any:
        given.append(seconds)
        return exchange(*args, seconds=seconds, **more)

    monkeypatch.setattr(api._adapter, "exchange", watched)
    api.alpha_senders(mg(1))
    assert given == [30.0]


def test_the_reason_of_a_broken_connection_is_the_innermost_one() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        api = Client(connection(**TOKEN, api_url=url, max_retries=0), wait=lambda seconds: None)
        with pytest.raises(ApiError) as caught:
            api.services()
    assert str(caught.value).startswith(f"GET /v1/Services: {url} was not reached: ")
    reason, _comma, then = str(caught.value).partition("was not reached: ")[2].partition("; ")
    assert (reason, then) == (caught.value.message, "check api_url, network and proxy")
    assert re.fullmatch(r"(Failed to establish a new connection: )?\[Errno \d+\] Connection refused", reason)
