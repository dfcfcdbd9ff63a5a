# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the simulator: refusals, pages, and which requests match."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from simulator import Simulator
from simulator.errors import Refused
from simulator.faults import REWRITES, Fault
from support.account import mg, seed
from support.raw_request import COUNTRIES, SENDERS, SERVICES, ask, current, only_sid


def pages(simulator: Simulator, path: str = SERVICES) -> list[list[int]]:
    """The numbers of the Services on each page, along the links."""
    found = []
    following: str | None = path
    while following:
        _status, body = ask(simulator, "GET", following)
        found.append([int(row["sid"].removeprefix("MG"), 16) for row in body["services"]])
        following = body["meta"]["next_page_url"]
    return found


@pytest.mark.parametrize("path", [SENDERS, COUNTRIES, SERVICES])
def test_an_account_refuses_all_creates(simulator: Simulator, path: str) -> None:
    simulator.reset(seed(["OLD"], refuse_creates={"status": 403, "code": 70051}))
    form = {"AlphaSender": "NEW", "FriendlyName": "Shop"}
    status, body = ask(simulator, "POST", path, form)
    assert (status, body["code"]) == (403, 70051)
    assert ask(simulator, "POST", f"{SERVICES}/{mg(1)}", form)[0] == 200
    assert ask(simulator, "DELETE", f"{SENDERS}/{only_sid(simulator)}")[0] == 204
    assert simulator.journal[0]["fault"] == "refuse_creates"
    assert simulator.fired == {"refuse_creates": 1}
    simulator.account.refuse_creates = Refused(400, 21709, "Alpha senders are not enabled")
    assert ask(simulator, "POST", path, form)[0] == 400
    simulator.account.refuse_creates = None
    assert ask(simulator, "POST", path, form)[0] == 201


@pytest.mark.parametrize("after", [False, True])
def test_a_404_passes(simulator: Simulator, after: bool) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "not_found", "count": 2, "after": after}])
    status, body = ask(simulator, "GET", SENDERS)
    assert (status, body["code"]) == (404, 20404)
    assert body["message"] == f"The requested resource /Services/{mg(1)}/AlphaSenders was not found"
    sid = only_sid(simulator)
    assert ask(simulator, "DELETE", f"{SENDERS}/{sid}")[0] == 404
    assert simulator.senders(mg(1)) == ([] if after else ["OLD"])
    assert ask(simulator, "DELETE", f"{SENDERS}/{sid}")[0] == (404 if after else 204)
    assert simulator.fired == {"not_found": 2}


@pytest.mark.parametrize("rewrite", REWRITES)
def test_page_links_are_rewritten(simulator: Simulator, rewrite: str) -> None:
    simulator.reset(seed([], [], []), [{"kind": "page_links", "rewrite": rewrite}])
    simulator.max_page_size = 2
    _status, body = ask(simulator, "GET", f"{SERVICES}?PageSize=1000")
    link = urlsplit(body["meta"]["next_page_url"])
    query = parse_qs(link.query)
    expected = {
        "relative": ("", ""),
        "scheme": ("https", urlsplit(simulator.url).netloc),
        "host": ("https", "messaging.twilio.com"),
        "port": ("http", "127.0.0.1"),
        "parameters": ("http", urlsplit(simulator.url).netloc),
    }
    assert (link.scheme, link.netloc, link.path) == (*expected[rewrite], SERVICES)
    assert (query["Page"], query["PageToken"], query["PageSize"]) == (["1"], [f"PA{mg(2)}"], ["2"])
    assert ("ServiceSid" in query) == (rewrite == "parameters")
    assert body["meta"]["first_page_url"] != f"{simulator.url}{SERVICES}?PageSize=2&Page=0"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("page_repeats", [[1, 2], [1, 2], [3, 4], [5]]),
        ("page_shifts", [[1, 2], [2, 3], [4, 5]]),
    ],
)
def test_a_page_repeats_or_shifts_and_loses_nothing(simulator: Simulator, kind: str, expected: list[list[int]]) -> None:
    simulator.reset(seed(*[[]] * 5), [{"kind": kind}])
    assert pages(simulator, f"{SERVICES}?PageSize=5") == [[1, 2, 3, 4, 5]]
    assert simulator.faults[0].fired == 0
    simulator.max_page_size = 2
    assert pages(simulator) == expected
    assert simulator.faults[0].fired == simulator.fired[kind] == 1


def test_a_later_page_repeats(simulator: Simulator) -> None:
    simulator.reset(seed(*[[]] * 5), [{"kind": "page_repeats", "skip": 1}])
    assert pages(simulator, f"{SERVICES}?PageSize=2") == [[1, 2], [3, 4], [3, 4], [5]]


def test_a_fault_matches_a_resource_and_an_account(simulator: Simulator) -> None:
    known = seed(["OLD"])
    known["accounts"].append({"account_sid": "AC2", "auth_token": "x"})
    fault = {"kind": "status", "status": 403, "count": 9}
    simulator.reset(known, [{**fault, "resource": "DestinationAlphaSenders"}, {**fault, "account": "AC2"}])
    assert [ask(simulator, "GET", path)[0] for path in (SENDERS, COUNTRIES, SERVICES)] == [200, 403, 200]
    assert requests.get(f"{simulator.url}{SERVICES}", auth=("AC2", "x"), timeout=5).status_code == 403


def test_another_writer_writes_the_sender_of_a_country(simulator: Simulator) -> None:
    known = seed({"": "OLD", "FR": "OLD FR", "DE": "OLD DE"})
    simulator.reset(known, [{"kind": "other_writer", "sender": "OTHER", "country": "FR"}, {"kind": "other_writer"}])
    assert sorted(current(simulator, COUNTRIES)) == ["OLD", "OLD DE", "OTHER"]
    assert sorted(current(simulator, COUNTRIES)) == ["OLD DE", "OTHER"]


@pytest.mark.parametrize("kind", ["lag", "late", "page_repeats", "page_links", "not_found", "other_writer"])
def test_faults_fire_at_random(simulator: Simulator, kind: str) -> None:
    simulator.reset(seed(["OLD"], [], []))
    simulator.max_page_size, simulator.fault_rates = 1, {kind: 1.0}
    for _time in range(3):
        for method, path, form in (
            ("POST", f"{SERVICES}/{mg(1)}", {"FriendlyName": "Shop"}),
            ("POST", f"{SERVICES}/{mg(2)}/AlphaSenders", {"AlphaSender": "NEW"}),
            ("GET", SERVICES, None),
            ("GET", f"{SERVICES}/{mg(2)}/AlphaSenders", None),
        ):
            ask(simulator, method, path, form)
    assert set(simulator.fired) == {kind}
    assert None not in (entry["status"] for entry in simulator.journal if kind != "late")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "rain"}, "kind must be one of "),
        ({"kind": "page_links", "rewrite": "all"}, "rewrite must be one of relative, .*, got 'all'"),
        ({"kind": "late", "answer": "none"}, "answer must be one of reset, hang, status, success, got 'none'"),
        ({"kind": "late", "answer": "success", "method": "POST"}, "needs method DELETE"),
    ],
)
def test_refuses_a_wrong_fault(fault: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fault(**fault)


def test_restores_the_defaults(simulator: Simulator) -> None:
    simulator.alpha_senders_lists_countries, simulator.max_page_size, simulator.latency = True, 2, 1.0
    simulator.restore_defaults()
    assert (simulator.alpha_senders_lists_countries, simulator.max_page_size, simulator.latency) == (False, 1000, 0.0)
