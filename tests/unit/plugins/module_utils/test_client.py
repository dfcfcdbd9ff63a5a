# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against the simulator: credentials, paging, errors and retries."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from ansible_collections.messaging.twilio.plugins.module_utils import _client, _errors
from ansible_collections.messaging.twilio.plugins.module_utils._answer import Answer, api_error
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._connection import make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError

from simulator import Simulator
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN, mg, seed
from support.client import make_client

ROOT = Path(__file__).resolve().parents[4]
TOKEN = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}
KEY = {"api_key": API_KEY, "api_secret": API_SECRET}
PATH = f"/v1/Services/{mg(1)}/AlphaSenders"
FORM = {"AlphaSender": "ACME"}


def client(simulator: Simulator, **changed: Any) -> tuple[Client, list[float]]:
    """A client, and the seconds that it would have waited."""
    waits: list[float] = []
    return make_client(simulator, wait=waits.append, **changed), waits


def rows(api: Client, path: str = PATH) -> list[dict[str, Any]]:
    return api.list(path, "alpha_senders")


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"sid": f"AI{number:032x}", **more}


class Pages:
    """Replaces the exchanges of a client with pages, and records the queries."""

    def __init__(self, api: Client, *pages: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self.queries: list[str] = []
        self.paths: set[str] = set()
        self._pages = iter(pages)
        monkeypatch.setattr(api, "_call", self._call)

    def _call(self, method: str, path: str, query: str) -> dict[str, Any]:
        assert method == "GET"
        self.queries.append(query)
        self.paths.add(path)
        return dict(next(self._pages))


def page(link: object, *page_rows: Mapping[str, Any]) -> dict[str, Any]:
    return {"alpha_senders": list(page_rows), "meta": {"next_page_url": link}}


def test_version_is_that_of_the_collection() -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    assert galaxy["version"] == _client.VERSION


@pytest.mark.parametrize("login", [TOKEN, {**KEY, "account_sid": None, "auth_token": None}])
def test_creates_lists_gets_and_deletes(simulator: Simulator, login: dict[str, Any]) -> None:
    simulator.reset(seed([]))
    api, waits = client(simulator, **login)
    assert api.account_sid == login.get("account_sid")
    created = api.create(PATH, {"AlphaSender": "A+B & C_-"})
    assert created["alpha_sender"] == "A+B & C_-"
    assert rows(api) == [created]
    member = f"{PATH}/{created['sid']}"
    assert api.get(member) == created
    assert api.delete(member) is True
    assert rows(api) == []
    assert api.delete(member) is False
    assert simulator.requests() == ["POST", "GET", "GET", "DELETE", "GET", "DELETE"]
    assert api.requests_sent == 6
    assert len({entry["connection"] for entry in simulator.journal}) == 1
    assert waits == []


def test_requests_name_collection_and_ask_for_full_pages(simulator: Simulator) -> None:
    simulator.reset(seed([]), [{"kind": "echo", "status": 400}])
    api, _waits = client(simulator)
    with pytest.raises(ApiError):
        rows(api)
    assert simulator.journal[0]["query"] == "PageSize=1000"
    assert simulator.journal[0]["user_agent"] == f"messaging.twilio/{_client.VERSION} (Ansible collection)"


class TestPaging:
    def test_reads_all_pages(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_client, "PAGE_SIZE", 2)
        simulator.reset(seed(["A1", "A2", "A3", "A4", "A5"]))
        api, _waits = client(simulator)
        assert [found["alpha_sender"] for found in rows(api)] == ["A1", "A2", "A3", "A4", "A5"]
        assert simulator.requests() == ["GET"] * 3

    @pytest.mark.parametrize(
        "link",
        [
            "https://messaging.twilio.com/v1/Services?PageSize=1000&Page=1&PageToken=PAx",
            "http://user:password@127.0.0.1:1/elsewhere?PageSize=1000&Page=1&PageToken=PAx",
            "/v1/Services?PageSize=1000&Page=1&PageToken=PAx",
            "?PageToken=PAx&Page=1",
            "https://127.0.0.1/v1/x?Page=1&ServiceSid=MG1&PageToken=PAx&PageSize=1000&__x=%0d%0a#more",
            "//host.example:99999/?Page=1&PageToken=PAx",
        ],
    )
    def test_takes_only_page_parameters_of_link(
        self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, link: str
    ) -> None:
        api, _waits = client(simulator)
        pages = Pages(api, page(link, row(1)), page(None, row(2)), monkeypatch=monkeypatch)
        assert rows(api) == [row(1), row(2)]
        assert pages.queries == ["PageSize=1000", "PageSize=1000&Page=1&PageToken=PAx"]
        assert pages.paths == {PATH}

    def test_escapes_page_parameters(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        api, _waits = client(simulator)
        link = "?PageToken=a%26b%20%0d%0a%23&PageSize=50"
        pages = Pages(api, page(link), page(None), monkeypatch=monkeypatch)
        assert rows(api) == []
        assert pages.queries[1] == "PageSize=50&PageToken=a%26b+%0D%0A%23"

    @pytest.mark.parametrize("place", ["http://127.0.0.2:9/elsewhere", "/v1/Services", "http://127.0.0.1/v1/Services"])
    def test_never_leaves_base_url_and_path(self, simulator: Simulator, place: str) -> None:
        fault = {"kind": "page_elsewhere", "location": f"{place}?Page=1"}
        simulator.reset(seed(["OLD"]), [fault])
        assert [found["alpha_sender"] for found in rows(client(simulator)[0])] == ["OLD"]
        assert {entry["path"] for entry in simulator.journal} == {PATH}
        assert [entry["query"] for entry in simulator.journal] == ["PageSize=1000", "PageSize=1000&Page=1"]

    def test_keeps_prefix_of_base_url(self, simulator: Simulator) -> None:
        simulator.reset(seed([]))
        with pytest.raises(ApiError, match="HTTP 404"):
            rows(client(simulator, api_url=f"{simulator.url}/prefix")[0])
        assert {entry["path"] for entry in simulator.journal} == {f"/prefix{PATH}"}

    @pytest.mark.parametrize(
        "link",
        [
            "http://127.0.0.2:9/elsewhere",
            "https://messaging.twilio.com/v1/Services?PageSize=1000",
            "?Page=&PageToken=",
            "http://[::1?Page=1",
            "next",
            7,
            ["?Page=1"],
            {"Page": 1},
            True,
        ],
    )
    def test_unusable_link_is_an_error(
        self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, link: object
    ) -> None:
        api, _waits = client(simulator)
        pages = Pages(api, page(link, row(1)), monkeypatch=monkeypatch)
        with pytest.raises(ApiError) as caught:
            rows(api)
        assert str(caught.value) == f"GET {PATH} failed: {link!r} is not a link to the next page. Check api_url"
        assert len(pages.queries) == 1

    def test_link_in_message_is_short_printable_and_without_secrets(
        self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api, _waits = client(simulator)
        Pages(api, page(f"{AUTH_TOKEN}\x1b[2J{'x' * 9999}"), monkeypatch=monkeypatch)
        with pytest.raises(ApiError) as caught:
            rows(api)
        assert AUTH_TOKEN not in str(caught.value)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 600

    @pytest.mark.parametrize("first", ["?Page=1&PageToken=PAx", "?PageToken=PAx&Page=1&More=1"])
    def test_page_that_was_read_before_is_an_error(
        self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, first: str
    ) -> None:
        api, _waits = client(simulator)
        again = "https://other.example/?Page=1&PageToken=PAx"
        pages = Pages(api, page(first, row(1)), page("?Page=2", row(2)), page(again, row(3)), monkeypatch=monkeypatch)
        with pytest.raises(ApiError, match="the listing does not end, 3 pages were read"):
            rows(api)
        assert len(pages.queries) == 3

    def test_endless_listing_is_an_error(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_client, "MAX_PAGES", 7)
        api, _waits = client(simulator)
        pages = Pages(api, *(page(f"?Page={number}") for number in range(9)), monkeypatch=monkeypatch)
        with pytest.raises(ApiError, match="the listing does not end, 7 pages were read"):
            rows(api)
        assert len(pages.queries) == 7

    def test_row_that_moves_to_next_page_counts_once(
        self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api, _waits = client(simulator)
        nameless, odd = {"sid": None, "n": 1}, {"sid": [1]}
        Pages(
            api,
            page("?Page=1", row(1), row(2, page=1), nameless, odd, {}),
            page(None, row(2, page=2), row(3), nameless, odd),
            monkeypatch=monkeypatch,
        )
        assert rows(api) == [row(1), row(2, page=1), nameless, odd, {}, row(3), nameless, odd]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "page_elsewhere"}, "'http://127.0.0.2:9/elsewhere' is not a link to the next page"),
        ({"kind": "page_elsewhere", "location": 7}, "7 is not a link to the next page"),
        ({"kind": "page_elsewhere", "location": "http://[::1"}, "'http://[::1' is not a link to the next page"),
        ({"kind": "no_key"}, "the answer has no list of objects as 'alpha_senders'"),
        ({"kind": "no_object"}, "the answer is not a JSON object"),
        ({"kind": "redirect"}, "a redirect to http://127.0.0.2, which is not followed"),
        ({"kind": "redirect", "location": "http://[::1"}, "a redirect to an invalid URL, which is not followed"),
        ({"kind": "status", "status": 200, "body": {"alpha_senders": [None]}}, "has no list of objects"),
    ],
)
def test_listing_that_cannot_be_trusted_is_an_error_without_retry(
    simulator: Simulator, fault: dict[str, Any], message: str
) -> None:
    simulator.reset(seed(["OLD"]), [fault])
    api, waits = client(simulator)
    with pytest.raises(ApiError) as caught:
        rows(api)
    assert message in str(caught.value)
    assert (simulator.requests(), waits) == (["GET"], [])


def test_page_that_links_to_itself_is_an_error(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "page_itself", "count": 9}])
    api, waits = client(simulator)
    with pytest.raises(ApiError) as caught:
        rows(api)
    assert "PageSize=1000' is not a link to the next page" in str(caught.value)
    assert (simulator.requests(), waits) == (["GET"], [])


class TestErrors:
    def test_has_all_fields_of_answer(self, simulator: Simulator) -> None:
        simulator.reset(seed([]))
        api, _waits = client(simulator)
        with pytest.raises(ApiError) as caught:
            rows(api, f"/v1/Services/{mg(7)}/AlphaSenders")
        error = caught.value
        assert error.not_found
        assert error.as_fields() == {
            "code": 20404,
            "message": f"The requested resource /Services/{mg(7)} was not found",
            "more_info": "https://www.twilio.com/docs/errors/20404",
            "status": 404,
            "request_id": f"RQ{2:032x}",
        }
        for part in ("20404", "HTTP 404", "was not found", "errors/20404", f"RQ{2:032x}"):
            assert part in str(error)

    @pytest.mark.parametrize(
        ("body", "message", "code"),
        [
            (
                {"type": "https://x.example/1", "title": "Bad", "detail": "Too bad", "status": 400, "code": 7},
                "Too bad",
                7,
            ),
            ("<html>no gateway</html>", "Bad Request", None),
            (None, "Bad Request", None),
            ({"code": "soon", "message": None}, "Bad Request", None),
            ({"code": True, "message": "no"}, "no", None),
            ({"code": "7", "message": "no"}, "no", 7),
            ({"code": [7], "message": {"no": 1}}, "{'no': 1}", None),
            ({"message": "x" * 9999}, "x" * 300, None),
            ({"message": "red \x1b[31m \x9b \u202e half \ud800\n"}, "red \\x1b[31m \\x9b \\u202e half ?\\n", None),
            ("[" * 9999, "Bad Request", None),
        ],
    )
    def test_reads_errors_of_other_shapes(
        self, simulator: Simulator, body: Any, message: str, code: int | None
    ) -> None:
        simulator.reset(seed([]), [{"kind": "status", "status": 400, "body": body}])
        with pytest.raises(ApiError) as caught:
            rows(client(simulator)[0])
        assert (caught.value.message, caught.value.code, caught.value.status) == (message, code, 400)

    @pytest.mark.parametrize("name", ["message", "more_info", "Twilio-Request-Id", "reason", "Location"])
    def test_control_characters_of_server_do_not_reach_message(self, name: str) -> None:
        hostile = "\x1b[2J\x9b31m\x00\r\n\u202e"
        answer = Answer(302 if name == "Location" else 400, hostile, {name: f"http://{hostile}"}, b"")
        data = {} if name == "reason" else {name: hostile}
        error = api_error(answer, data, "GET", PATH, _errors.Redactor([AUTH_TOKEN]))
        assert str(error).isprintable()
        assert all(str(value).isprintable() for value in error.as_fields().values())

    def test_answer_of_another_server_has_no_request_id(self) -> None:
        # It knows no method at all, and answers with 501 and a page.
        with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
            answering = threading.Thread(target=other.handle_request)
            answering.start()
            given = {**TOKEN, "api_url": f"http://127.0.0.1:{other.server_port}"}
            api = Client(make_connection({**given, "timeout": 35.0, "max_retries": 0, "validate_certs": True}))
            with pytest.raises(
                ApiError, match=r"HTTP 501: Unsupported method \('GET'\)\. Run the task again later$"
            ) as caught:
                api.list("/v1/Services", "services")
            answering.join()
        assert caught.value.request_id is None

    @pytest.mark.parametrize(
        ("fault", "indeterminate", "sentence"),
        [
            ({"status": 422, "body": {}}, False, "HTTP 422: "),
            ({"status": 404, "body": {}}, True, "HTTP 404: "),
            (
                {"status": 404, "body": {"code": 20404, "message": "no"}},
                True,
                "Twilio error 20404 (HTTP 404): no. Check",
            ),
            ({"status": 500, "body": {"code": 20500, "message": "no"}}, True, "Twilio error 20500 (HTTP 500): no"),
            (
                {"status": 503, "body": {"code": 21730, "message": "later"}},
                False,
                "Twilio error 21730 (HTTP 503): later",
            ),
            ({"status": 300, "body": FORM}, False, "HTTP 300: the answer is a redirect to another path, which is not"),
            (
                {"status": 401, "body": {"code": 20003, "message": "no"}},
                False,
                "Twilio error 20003 (HTTP 401): no. Check",
            ),
        ],
    )
    def test_only_write_that_may_have_happened_is_indeterminate(
        self, simulator: Simulator, fault: dict[str, Any], indeterminate: bool, sentence: str
    ) -> None:
        simulator.reset(seed([]), [{"kind": "status", "count": 9, **fault}])
        api, _waits = client(simulator, max_retries=0)
        with pytest.raises(ApiError) as caught:
            api.create(PATH, FORM)
        assert str(caught.value).startswith(f"POST {PATH} failed: {sentence}")
        assert caught.value.indeterminate is indeterminate

    def test_leaves_out_page_about_error_when_it_is_too_long(self, simulator: Simulator) -> None:
        for length, known in ((_errors.MAX_QUOTED, True), (_errors.MAX_QUOTED + 1, False)):
            link = "https://example.com/".ljust(length, "x")
            body = {"code": 20001, "message": "no", "more_info": link}
            simulator.reset(seed([]), [{"kind": "status", "status": 400, "body": body}])
            with pytest.raises(ApiError) as caught:
                rows(client(simulator)[0])
            assert caught.value.more_info == (link if known else None)

    @pytest.mark.parametrize("after", [False, True])
    def test_redacts_credentials_that_answer_echoes(self, simulator: Simulator, after: bool) -> None:
        simulator.reset(seed([]), [{"kind": "echo", "status": 400, "after": after}])
        with pytest.raises(ApiError) as caught:
            rows(client(simulator)[0])
        text = f"{caught.value} {caught.value.as_fields()} {caught.value!r}"
        assert "********" in text
        assert AUTH_TOKEN not in text
        assert simulator.journal[0]["authorization"].split()[1] not in text

    def test_reason_of_network_error_is_the_innermost(self, simulator: Simulator) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
            api, _waits = client(simulator, api_url=url, max_retries=0)
            with pytest.raises(ApiError) as caught:
                api.list("/v1/Services", "services")
        assert str(caught.value).startswith(f"GET /v1/Services failed: {url} was not reached: ")
        reason, _separator, then = str(caught.value).partition("was not reached: ")[2].rpartition(". ")
        assert (reason, then) == (caught.value.message, "Check api_url, the network and the proxy")
        assert re.fullmatch(r"(Failed to establish a new connection: )?\[Errno \d+\] Connection refused", reason)


class TestData:
    def test_leaves_out_what_ansible_cannot_pass_on(self, simulator: Simulator) -> None:
        odd = row(1, alpha_sender="ACME", half="\ud800", inner={"__ansible_type": "os"})
        simulator.reset(seed([]), [{"kind": "status", "status": 200, "body": {"alpha_senders": [odd]}}])
        read = rows(client(simulator)[0])[0]
        assert (read["half"], read["inner"]) == ("?", {})

    @pytest.mark.parametrize("escaped", [False, True])
    def test_redacts_credentials(self, simulator: Simulator, escaped: bool) -> None:
        body = json.dumps({"alpha_senders": [row(1, note=f"<{AUTH_TOKEN}>")]})
        if escaped:
            body = body.replace(AUTH_TOKEN[:2], "".join(f"\\u{ord(character):04x}" for character in AUTH_TOKEN[:2]))
        simulator.reset(seed([]), [{"kind": "status", "status": 200, "body": body}])
        assert rows(client(simulator)[0]) == [row(1, note="<********>")]

    def test_keeps_unknown_fields_nulls_and_other_types(self, simulator: Simulator) -> None:
        odd = row(1, alpha_sender="ACME", capabilities={"sms": True}, date_created=None, new=[1])
        simulator.reset(seed([]), [{"kind": "status", "status": 200, "body": {"alpha_senders": [odd], "meta": None}}])
        assert rows(client(simulator)[0]) == [odd]

    def test_does_not_read_netrc(self, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("default login other password other\n", encoding="utf-8")
        monkeypatch.setenv("NETRC", str(netrc))
        simulator.reset(seed([]))
        assert rows(client(simulator)[0]) == []


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
NOT_FOUND = {"kind": "status", "status": 404, "body": {"code": 20404, "message": "not found"}}


class TestRetries:
    @pytest.mark.parametrize("fault", SAFE + READS)
    def test_retries_read_until_it_is_answered(self, simulator: Simulator, fault: dict[str, Any]) -> None:
        simulator.reset(seed(["ACME"]), [{**fault, "count": 2}])
        api, waits = client(simulator)
        assert len(rows(api)) == 1
        assert simulator.requests() == ["GET"] * 3
        assert len(waits) == 2

    @pytest.mark.parametrize("fault", SAFE)
    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    def test_retries_write_that_was_not_processed(
        self, simulator: Simulator, fault: dict[str, Any], method: str
    ) -> None:
        simulator.reset(seed(["OLD"] if method == "DELETE" else []), [{**fault, "method": method, "count": 2}])
        api, waits = client(simulator)
        if method == "POST":
            assert api.create(PATH, FORM)["alpha_sender"] == "ACME"
        else:
            assert api.delete(f"{PATH}/{rows(api)[0]['sid']}") is True
        assert simulator.requests().count(method) == 3
        assert len(waits) == 2

    @pytest.mark.parametrize("fault", READS + ODD_ANSWERS)
    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    def test_does_not_retry_write_whose_fate_is_unknown(
        self, simulator: Simulator, fault: dict[str, Any], method: str
    ) -> None:
        simulator.reset(seed(["OLD"] if method == "DELETE" else []), [{**fault, "method": method, "count": 9}])
        api, waits = client(simulator)
        write: Callable[[], object] = partial(api.create, PATH, FORM)
        if method == "DELETE":
            write = partial(api.delete, f"{PATH}/{rows(api)[0]['sid']}")
        if method == "POST" and isinstance(fault.get("body"), dict):
            # A JSON object is an answer that the caller checks.
            assert write() == fault["body"]
        else:
            with pytest.raises(ApiError) as caught:
                write()
            assert caught.value.indeterminate
        assert simulator.requests().count(method) == 1
        assert waits == []

    @pytest.mark.parametrize("retries", [1, 2, 3])
    def test_gives_up_after_maximum(self, simulator: Simulator, retries: int) -> None:
        simulator.reset(seed([]), [{"kind": "status", "status": 500, "count": 9}])
        api, waits = client(simulator, max_retries=retries)
        with pytest.raises(ApiError, match=rf"\. Gave up after {retries + 1} attempts$"):
            rows(api)
        assert simulator.requests() == ["GET"] * (retries + 1)
        assert len(waits) == retries
        api, waits = client(simulator, max_retries=0)
        with pytest.raises(ApiError, match="HTTP 500"):
            rows(api)
        assert waits == []

    @pytest.mark.parametrize("max_retries", [0, 5])
    def test_reads_not_found_once_more_before_believing_it(self, simulator: Simulator, max_retries: int) -> None:
        simulator.reset(seed(["ACME"]), [NOT_FOUND])
        api, waits = client(simulator, max_retries=max_retries)
        assert len(rows(api)) == 1
        assert simulator.requests() == ["GET", "GET"]
        assert len(waits) == 1
        simulator.reset(seed(["ACME"]), [{**NOT_FOUND, "count": 9}])
        for read in (partial(rows, api), partial(api.get, PATH)):
            with pytest.raises(ApiError) as caught:
                read()
            assert caught.value.not_found
        assert simulator.requests() == ["GET"] * 4
        assert len(waits) == 3

    def test_not_found_is_indeterminate_for_create_only(self, simulator: Simulator) -> None:
        simulator.reset(seed(["ACME"]), [{**NOT_FOUND, "count": 2}])
        api, waits = client(simulator)
        with pytest.raises(ApiError) as caught:
            api.create(PATH, FORM)
        assert caught.value.indeterminate
        assert not caught.value.not_found
        assert api.delete(f"{PATH}/AI1") is False
        assert (simulator.requests(), waits) == (["POST", "DELETE"], [])

    def test_retries_refused_connection_for_every_method(self, simulator: Simulator) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            api, waits = client(simulator, api_url=url, max_retries=2)
            with pytest.raises(ApiError, match=r"was not reached: .*[Rr]efused") as caught:
                api.create(PATH, FORM)
        assert len(waits) == 2
        assert "Pool(" not in str(caught.value)
        assert " object at 0x" not in str(caught.value)
        assert not caught.value.indeterminate
        assert caught.value.status is None

    def test_retries_connection_that_times_out(self, simulator: Simulator) -> None:
        with socket.socket() as full:
            # A queue for one connection, which is taken: the system ignores all others.
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            with socket.create_connection(full.getsockname()):
                url = f"http://127.0.0.1:{full.getsockname()[1]}"
                api, waits = client(simulator, api_url=url, max_retries=1, timeout=0.1)
                with pytest.raises(ApiError, match=r"was not reached: Connection to 127\.0\.0\.1 timed out") as caught:
                    api.create(PATH, FORM)
        assert len(waits) == 1
        assert not caught.value.indeterminate

    def test_backoff_grows_to_maximum_with_full_jitter(self) -> None:
        for attempt, most in ((0, 0.5), (1, 1), (3, 4), (20, 30)):
            drawn = [Client.backoff(attempt) for _time in range(500)]
            assert 0 <= min(drawn) < most / 10
            assert most * 0.9 < max(drawn) <= most


class TestRetryAfter:
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
    def test_is_honored_within_limit(
        self, simulator: Simulator, value: str, low: float | None, high: float | None
    ) -> None:
        simulator.reset(seed([]), [{"kind": "status", "status": 429, "headers": {"Retry-After": value}}])
        api, waits = client(simulator)
        if low is None or high is None:
            with pytest.raises(ApiError, match="would exceed the 300 s"):
                rows(api)
            assert waits == []
        else:
            rows(api)
            assert low <= waits[0] <= high

    @pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("0", None), ("-5", None), ("soon", None)])
    def test_counts_only_if_it_is_in_the_future(self, simulator: Simulator, value: str, seconds: float | None) -> None:
        fault = {"kind": "status", "status": 429, "headers": {"Retry-After": value}}
        simulator.reset(seed([]), [fault])
        api, waits = client(simulator)
        rows(api)
        assert (waits[0] == seconds) if seconds else (0 <= waits[0] <= _client.BACKOFF_START)

    def test_date_is_relative_to_date_of_answer(self, simulator: Simulator) -> None:
        # The server's clock is years ahead.
        headers = {
            "Retry-After": formatdate(4_000_000_042, usegmt=True),
            "Date": formatdate(4_000_000_000, usegmt=True),
        }
        simulator.reset(seed([]), [{"kind": "status", "status": 429, "headers": headers}])
        api, waits = client(simulator)
        rows(api)
        assert waits[0] == 42

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, None),
            ({"Retry-After": "12"}, 12.0),
            ({"Retry-After": " 12 "}, 12.0),
            ({"Retry-After": "1.5"}, None),
            ({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT", "Date": "Thu, 01 Jan 1970 00:00:50 GMT"}, 10.0),
            ({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT", "Date": "Thu, 01 Jan 1970 00:01:00 GMT"}, None),
            ({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT", "Date": "never"}, None),
            ({"Retry-After": "Thu, 99 Jan 99999999999 00:01:00 GMT"}, None),
        ],
    )
    def test_is_read_as_seconds_or_date(self, headers: dict[str, str], seconds: float | None) -> None:
        assert Answer(429, "", headers, b"").retry_after() == seconds


def test_sends_credentials_to_base_url_only(simulator: Simulator) -> None:
    simulator.reset(seed([]), [{"kind": "redirect", "location": f"{simulator.url}/v1/Services"}])
    api, _waits = client(simulator)
    with pytest.raises(ApiError, match=f"a redirect to http://{urlsplit(simulator.url).hostname}, which is not"):
        rows(api)
    assert [entry["path"] for entry in simulator.journal] == [PATH]
