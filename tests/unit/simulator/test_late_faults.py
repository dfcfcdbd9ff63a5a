# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the simulator: listings that lag, and writes that come late."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from simulator import Simulator
from support.account import ACCOUNT_SID, AUTH_TOKEN, mg, seed
from support.ansible_run import until
from support.raw_request import COUNTRIES, SENDERS, SERVICES, ask, current, only_sid


def replace(simulator: Simulator) -> None:
    """Replace OLD with NEW, without a read."""
    assert ask(simulator, "DELETE", f"{SENDERS}/{only_sid(simulator)}")[0] == 204
    assert ask(simulator, "POST", SENDERS, {"AlphaSender": "NEW"})[0] == 201


def test_a_listing_lags_by_writes(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "lag", "count": 2}, {"kind": "lag", "behind": 2}])
    assert current(simulator) == ["OLD"]
    assert simulator.fired == {}
    replace(simulator)
    assert [current(simulator) for _time in range(4)] == [[], [], ["OLD"], ["NEW"]]
    assert simulator.fired == {"lag": 3}
    assert [fault.fired for fault in simulator.faults] == [2, 1]


def test_a_listing_lags_by_requests_to_its_service(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"], []), [{"kind": "lag", "requests": 2, "count": 99}])
    replace(simulator)
    ask(simulator, "GET", f"{SERVICES}/{mg(2)}/AlphaSenders")
    # The DELETE is two requests older than this listing, the POST one.
    assert current(simulator) == ["OLD"]
    assert [current(simulator) for _time in range(2)] == [[], ["NEW"]]


def test_a_listing_lags_by_seconds(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "lag", "seconds": 60, "count": 999}])
    replace(simulator)
    assert current(simulator) == ["OLD"]
    simulator.faults[0].seconds = 0.01
    until(lambda: current(simulator) == ["NEW"])


def test_the_lag_of_one_service_does_not_concern_others(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"], []), [{"kind": "lag", "service": mg(1), "behind": 9, "count": 99}])
    assert ask(simulator, "POST", f"{SERVICES}/{mg(2)}/AlphaSenders", {"AlphaSender": "NEW"})[0] == 201
    replace(simulator)
    assert current(simulator) == ["OLD"]
    assert current(simulator, f"{SERVICES}/{mg(2)}/AlphaSenders") == ["NEW"]


def test_a_lagging_read_of_a_sender_finds_a_deleted_sender(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "lag", "method": "GET"}])
    sid = only_sid(simulator)
    assert ask(simulator, "DELETE", f"{SENDERS}/{sid}")[0] == 204
    assert [ask(simulator, "GET", f"{SENDERS}/{sid}")[0] for _time in range(2)] == [200, 404]


def test_the_listing_of_services_lags(simulator: Simulator) -> None:
    simulator.reset(seed([], []), [{"kind": "lag", "behind": 3, "count": 2}])
    assert ask(simulator, "POST", f"{SERVICES}/{mg(1)}", {"FriendlyName": "Shop"})[0] == 200
    assert ask(simulator, "DELETE", f"{SERVICES}/{mg(2)}")[0] == 204
    status, created = ask(simulator, "POST", SERVICES, {"FriendlyName": "Bank"})
    assert status == 201
    _status, body = ask(simulator, "GET", SERVICES)
    assert {row["friendly_name"] for row in body["services"]} == {"Service 0001", "Service 0002"}
    assert [ask(simulator, "GET", f"{SERVICES}/{created['sid']}")[0] for _time in range(2)] == [404, 200]
    _status, body = ask(simulator, "GET", SERVICES)
    assert {row["friendly_name"] for row in body["services"]} == {"Shop", "Bank"}


@pytest.mark.parametrize(
    ("answer", "status"), [({}, 0), ({"answer": "status", "status": 503}, 503), ({"answer": "success"}, 204)]
)
def test_a_delete_comes_late_by_requests(simulator: Simulator, answer: dict[str, Any], status: int) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "late", "method": "DELETE", "requests": 2, **answer}])
    assert ask(simulator, "DELETE", f"{SENDERS}/{only_sid(simulator)}")[0] == status
    entry = simulator.journal[0]
    assert (entry["fault"], entry["late"], entry.get("took")) == ("late", "waiting", None)
    assert [current(simulator) for _time in range(3)] == [["OLD"], ["OLD"], []]
    assert (entry["late"], entry["took"], entry["write"]) == ("carried out", True, 1)


def test_a_late_delete_is_dropped_if_its_sid_is_gone(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "late"}])
    sid = only_sid(simulator)
    assert ask(simulator, "DELETE", f"{SENDERS}/{sid}") == (0, None)
    assert ask(simulator, "DELETE", f"{SENDERS}/{sid}")[0] == 204
    assert ask(simulator, "POST", SENDERS, {"AlphaSender": "NEW"})[0] == 201
    simulator.commit_late()
    assert simulator.senders(mg(1)) == ["NEW"]
    assert (simulator.journal[0]["late"], "took" in simulator.journal[0]) == ("dropped", False)


@pytest.mark.parametrize(("other", "late"), [(None, "carried out"), ("OTHER", "dropped")])
def test_a_late_create_is_dropped_if_the_service_has_a_sender(
    simulator: Simulator, other: str | None, late: str
) -> None:
    simulator.reset(seed([]), [{"kind": "late", "method": "POST"}])
    assert ask(simulator, "POST", SENDERS, {"AlphaSender": "NEW"}) == (0, None)
    if other:
        assert ask(simulator, "POST", SENDERS, {"AlphaSender": other})[0] == 201
    assert current(simulator) == ([other] if other else [])
    simulator.commit_late()
    assert current(simulator) == [other or "NEW"]
    assert simulator.journal[0]["late"] == late


def test_a_late_create_for_one_country_does_not_concern_another(simulator: Simulator) -> None:
    simulator.reset(seed([]), [{"kind": "late", "resource": "DestinationAlphaSenders", "requests": 1}])
    form = {"AlphaSender": "FRENCH", "IsoCountryCode": "FR"}
    assert ask(simulator, "POST", COUNTRIES, form) == (0, None)
    assert ask(simulator, "POST", SENDERS, {"AlphaSender": "NEW"})[0] == 201
    assert simulator.country_senders(mg(1)) == {"FR": "FRENCH"}
    assert simulator.senders(mg(1)) == ["NEW"]


def test_a_write_comes_late_by_seconds(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "late", "method": "DELETE", "seconds": 0.1}])
    assert ask(simulator, "DELETE", f"{SENDERS}/{only_sid(simulator)}") == (0, None)
    until(lambda: simulator.senders(mg(1)) == [])
    assert (simulator.journal[0]["late"], simulator.journal[0]["status"]) == ("carried out", None)


def test_a_late_write_hangs_until_the_client_gives_up(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "late", "method": "DELETE", "answer": "hang"}])
    with pytest.raises(requests.ReadTimeout):
        requests.delete(f"{simulator.url}{SENDERS}/{only_sid(simulator)}", auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=0.1)
    assert current(simulator) == ["OLD"]
    simulator.commit_late()
    assert current(simulator) == []


def test_a_late_create_of_a_service_waits_for_requests_of_its_account(simulator: Simulator) -> None:
    simulator.reset(seed([]), [{"kind": "late", "requests": 1}])
    assert ask(simulator, "POST", SERVICES, {"FriendlyName": "Shop"}) == (0, None)
    assert len(simulator.account.services) == 1
    current(simulator)
    assert len(simulator.account.services) == 2


def test_a_late_write_stays_in_the_state_before_a_reset(simulator: Simulator) -> None:
    simulator.reset(seed([]), [{"kind": "late", "method": "POST"}])
    assert ask(simulator, "POST", SENDERS, {"AlphaSender": "NEW"}) == (0, None)
    simulator.reset(seed([]))
    simulator.commit_late()
    assert simulator.senders(mg(1)) == []
