# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messages on the page of errors are those that users get. ``make fault-table`` writes them anew."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils import _fleet, _sender, _services
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._converge import converge
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._sender import Wish

from simulator import Simulator
from support.account import API_KEY, mg, options, seed
from support.ansible_run import ROOT

PAGE = ROOT / "docs/docsite/rst/errors.rst"
HEAD = "   message\n"
SID = mg(1)
SOURCES = ("_client", "_fleet", "_sender", "_services")
LISTED: list[dict[str, Any]] = [{"sid": mg(number), "friendly_name": name} for number, name in enumerate("AAB", 1)]


def connect(**changed: Any) -> Callable[[], object]:
    given: dict[str, Any] = {
        "account_sid": None,
        "auth_token": None,
        "api_key": None,
        "api_secret": None,
        "api_url": None,
    }
    given |= {"timeout": 30.0, "max_retries": 5, "validate_certs": True, "region": None, "edge": None, "ca_path": None}
    if not {"account_sid", "api_key", "auth_token", "none"} & set(changed):
        given |= {"account_sid": "AC" + "0" * 32, "auth_token": "secret"}
    changed.pop("none", None)
    return lambda: make_connection({**given, **changed})


def without_certificates() -> object:
    return Client(make_connection({**options_of_nowhere(), "ca_path": os.devnull}))


def behind_no_proxy() -> object:
    connection = make_connection(options_of_nowhere())
    with patch.dict(os.environ, {"HTTPS_PROXY": "http://[::1", "NO_PROXY": "", "no_proxy": ""}):
        return Client(connection)


def options_of_nowhere() -> dict[str, Any]:
    given = {"account_sid": "AC" + "0" * 32, "auth_token": "secret", "timeout": 30.0, "validate_certs": True}
    return {**given, "max_retries": 0, "api_url": "https://messaging.example"}


def wishes(*entries: object, **common: Any) -> Callable[[], object]:
    return lambda: _sender.make_wishes(entries, **common, find=_services.ServiceNames(lambda: LISTED).sid)


#: Bad input, in the order of the options. Each `InputError` that is raised in SOURCES is one of these.
BAD: list[Callable[[], object]] = [
    connect(none=True),
    connect(account_sid="", auth_token="x"),
    connect(auth_token="sec ret"),
    connect(api_key=API_KEY),
    connect(api_key="wrong", api_secret="x"),
    connect(timeout=0.0),
    connect(max_retries=101),
    connect(region="ie1"),
    connect(edge="http://dublin"),
    connect(api_url="http://[::1"),
    connect(api_url="https://user:secret@messaging.example"),
    connect(api_url="no url"),
    connect(api_url="https://messaging.example/v1"),
    connect(api_url="http://messaging.example"),
    connect(ca_path="/no/such.pem"),
    without_certificates,
    behind_no_proxy,
    wishes("MG12", alpha_sender="ACME"),
    wishes(SID),
    wishes(5, alpha_sender="ACME"),
    wishes({"service_sid": SID, "sendr": "X"}, alpha_sender="ACME"),
    wishes({"alpha_sender": "ACME"}),
    wishes(SID, {"service_sid": SID, "alpha_sender": "OTHER"}, alpha_sender="ACME"),
    wishes({"service_name": "A", "alpha_sender": "ACME"}),
    wishes({"service_name": "AB", "alpha_sender": "ACME"}),
    wishes({"service_name": "Else", "alpha_sender": "ACME"}),
    lambda: _sender.make_wish(alpha_sender="ACME"),
    lambda: _sender.make_wish(SID, "ACME", service_name="Shop"),
    lambda: _sender.make_wish(alpha_sender="ACME", service_name=""),
    lambda: _sender.make_wish(SID),
    lambda: _sender.make_wish(SID, False),
    lambda: _sender.make_wish(SID, ""),
    lambda: _sender.make_wish(SID, "twelve chars"),
    lambda: _sender.make_wish(SID, "A.B"),
    lambda: _sender.make_wish(SID, "12345"),
    lambda: _sender.make_wish(SID, "ACME", state="gone"),
    lambda: _sender.make_wish(SID, "ACME", replace="perhaps"),
    lambda: _services.check_filter(SID, None, "Shop*"),
    lambda: _services.check_filter(None, None, ""),
    lambda: _fleet.check_limits(101),
    lambda: _fleet.check_limits(10, -1),
    lambda: _fleet.check_limits(10, None, 0),
    lambda: _fleet.check_path("/no/such/folder/file", "csv_path"),
]
#: What Twilio or the network does to a Service with these senders, that is to have ACME.
STATUS = {"kind": "status", "count": 99}
TROUBLE: list[tuple[list[str], list[dict[str, Any]], Wish]] = [
    (["OLD", "NEW"], [], Wish(SID, "ACME")),
    (["OLD", "NEW"], [], Wish(SID, None, "absent")),
    (["OLD"], [], Wish(SID, "ACME", replace=False)),
    (["OLD"], [{**STATUS, "status": 401, "body": {"code": 20003, "message": "Authenticate"}}], Wish(SID, "ACME")),
    (["OLD"], [{**STATUS, "status": 403, "body": {"code": 70051, "message": "Forbidden"}}], Wish(SID, "ACME")),
    (["OLD"], [{**STATUS, "status": 404, "body": {"code": 20404, "message": "Not found"}}], Wish(SID, "ACME")),
    (["OLD"], [{**STATUS, "status": 429, "body": {"code": 20429, "message": "Too many"}}], Wish(SID, "ACME")),
    (["OLD"], [{"kind": "redirect"}], Wish(SID, "ACME")),
    (["OLD"], [{"kind": "no_key"}], Wish(SID, "ACME")),
    (["OLD"], [{"kind": "page_itself", "count": 9}], Wish(SID, "ACME")),
    (["OLD"], [{"kind": "page_elsewhere", "location": "https://elsewhere.example/"}], Wish(SID, "ACME")),
    (["OLD"], [{"kind": "garbage", "count": 9}], Wish(SID, "ACME")),
    ([], [], Wish(SID, "BANK")),
    (["OLD"], [], Wish(SID, "BANK")),
    (["OLD"], [{**STATUS, "method": "POST", "status": 500}], Wish(SID, "ACME")),
    (["OLD"], [{"kind": "reset", "method": "DELETE"}, {**STATUS, "method": "GET", "skip": 1}], Wish(SID, "ACME")),
]


def bad_inputs() -> list[InputError]:
    found = []
    for make in BAD:
        with pytest.raises(InputError) as raised:
            make()
        found.append(raised.value)
    return found


def troubles(simulator: Simulator) -> list[str]:
    found = []
    for senders, faults, wish in TROUBLE:
        account = seed(senders, refused=["BANK"])
        simulator.reset(account, faults)
        client = Client(make_connection(options(simulator, max_retries=1)), wait=lambda seconds: None)
        msg = converge(client, wish, dry_run=False).msg
        assert msg is not None
        found.append(msg.replace(simulator.url, "https://messaging.twilio.com"))
    return found


def raised_at(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, int]]:
    """Where each `InputError` of BAD was made, by file and line, also those that were joined to one."""
    places = set()

    def made(_error: InputError, *_args: object) -> None:
        frame = sys._getframe(1)
        places.add((Path(frame.f_code.co_filename).stem, frame.f_lineno))

    monkeypatch.setattr(InputError, "__init__", made, raising=False)
    bad_inputs()
    return places


def test_the_page_has_the_messages(simulator: Simulator) -> None:
    messages = [*map(str, bad_inputs()), *troubles(simulator)]
    page = PAGE.read_text(encoding="utf-8")
    start = page.index(HEAD) + len(HEAD)
    told = "".join("   ``" + " ".join(message.split()) + "``\n" for message in masked(messages))
    if os.environ.get("WRITE_TABLE"):
        PAGE.write_text(page[:start] + told, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8")[start:] == told


def masked(messages: list[str]) -> list[str]:
    """Each message once, without what differs from run to run, and with no cell border in it."""
    plain = [re.sub(r"RQ[0-9a-f]{32}", "RQ...", message).replace("|", "/") for message in messages]
    return list(dict.fromkeys(plain))


def test_each_bad_input_that_is_refused_is_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    there = set()
    for name in SOURCES:
        source = (ROOT / f"plugins/module_utils/{name}.py").read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Raise):
                continue
            call = node.exc
            if isinstance(call, ast.Call) and getattr(call.func, "id", None) == "InputError":
                there.add((name, node.lineno))
    assert len(there) > 30
    assert sorted(there - raised_at(monkeypatch)) == []
