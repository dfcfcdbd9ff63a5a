# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services by their friendly names, and their senders read many at once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._audit import audit, audit_result
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.messaging.twilio.plugins.module_utils._fleet import services_with_senders
from ansible_collections.messaging.twilio.plugins.module_utils._services import (
    ServiceNames,
    check_filter,
    read_services,
)

from simulator import Simulator
from support.account import mg, named_seed, options, seed

ODD = ["Shop UK", 'He said "hi"', "{{ lookup('pipe', 'id') }}", "a/b\\c", "Grüße 🎉", "x" * 64, "", "Shop UK", "all"]


def client(simulator: Simulator, **more: Any) -> Client:
    return Client(make_connection(options(simulator)), wait=lambda seconds: None, **more)


@pytest.mark.parametrize("name", [name for name in ODD if name and name != "Shop UK"])
def test_a_service_is_found_by_whatever_name_it_has(simulator: Simulator, name: str) -> None:
    simulator.reset(named_seed(*ODD))
    assert ServiceNames(client(simulator).services).sid(name) == mg(ODD.index(name) + 1)


def test_all_services_are_read_once_a_thousand_a_page(simulator: Simulator) -> None:
    simulator.reset(named_seed(*(f"Shop {number}" for number in range(1, 2501))))
    names = ServiceNames(client(simulator).services)
    assert simulator.requests() == []
    assert [names.sid(f"Shop {number}") for number in (1, 1500, 2500)] == [mg(1), mg(1500), mg(2500)]
    assert [entry["path"] for entry in simulator.journal] == ["/v1/Services"] * 3


def test_a_name_of_several_services_lists_their_sids(simulator: Simulator) -> None:
    simulator.reset(named_seed(*ODD))
    with pytest.raises(InputError) as caught:
        ServiceNames(client(simulator).services).sid("Shop UK")
    assert str(caught.value) == (
        f"service_name: 'Shop UK' is the friendly name of 2 Services ({mg(1)}, {mg(8)}); "
        "give the service_sid of the one that is meant"
    )


def test_an_unknown_name_tells_the_closest_ones(simulator: Simulator) -> None:
    simulator.reset(named_seed("Shop UK", "Shop UKR", "Alerts"))
    names = ServiceNames(client(simulator).services)
    with pytest.raises(InputError) as caught:
        names.sid("Shpo UK")
    assert str(caught.value) == (
        "service_name: 'Shpo UK' is the friendly name of no Service; close to it are 'Shop UK', 'Shop UKR'"
    )
    with pytest.raises(
        InputError, match=r"is the friendly name of no Service; messaging.twilio.service_info lists them$"
    ):
        names.sid("zzz")


def test_of_many_unknown_names_only_the_first_are_compared_with_all_others(simulator: Simulator) -> None:
    simulator.reset(named_seed("Shop UK"))
    names = ServiceNames(client(simulator).services)
    told = []
    for name in ("Shop U1", "Shop U2", "Shop U3", "Shop U4", "Shop U5", "Shop U6"):
        with pytest.raises(InputError) as caught:
            names.sid(name)
        told.append(str(caught.value).partition("no Service")[2])
    assert told == ["; close to it are 'Shop UK'"] * 5 + [""]


def test_services_are_chosen_by_sid_name_or_pattern(simulator: Simulator) -> None:
    simulator.reset(named_seed("Shop UK", "Shop FR", "shop de", "Shop UK"))
    api = client(simulator)

    def sids(**chosen: str) -> list[str]:
        return [service["sid"] for service in read_services(api, **chosen)]

    assert sids() == [mg(1), mg(2), mg(3), mg(4)]
    assert sids(service_name="Shop UK") == [mg(1), mg(4)]
    assert sids(name_glob="Shop *") == [mg(1), mg(2), mg(4)]
    assert sids(name_glob="nothing*") == []
    simulator.journal.clear()
    assert sids(service_sid=mg(3)) == [mg(3)]
    assert sids(service_sid=mg(99)) == []
    assert [entry["path"] for entry in simulator.journal] == [f"/v1/Services/{mg(3)}", f"/v1/Services/{mg(99)}"]


@pytest.mark.parametrize(("status", "body"), [(401, {"code": 20003}), (500, None), (404, "<html>")])
def test_a_service_that_cannot_be_read_is_not_taken_for_one_that_is_not_there(
    simulator: Simulator, status: int, body: object
) -> None:
    fault = {"kind": "status", "status": status, "body": body, "count": 99}
    simulator.reset(named_seed("Shop"), [fault])
    with pytest.raises(ApiError, match=f"HTTP {status}"):
        read_services(client(simulator), service_sid=mg(1))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"service_sid": mg(1), "name_glob": "*"}, "service_sid and name_glob were given; one of"),
        ({"service_name": "A", "name_glob": "*"}, "service_name and name_glob were given; one of"),
        ({"service_sid": "MG12"}, "service_sid: 'MG12' is not a Messaging Service's SID"),
        ({"service_name": ""}, "service_name: '' is empty"),
        ({"name_glob": ""}, "name_glob: '' matches no Service"),
    ],
)
def test_a_bad_choice_is_told(chosen: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        check_filter(**{"service_sid": None, "service_name": None, "name_glob": None, **chosen})
    assert str(caught.value).startswith(message)


def test_what_cannot_be_read_is_an_error_beside_the_rest(simulator: Simulator) -> None:
    simulator.reset(
        named_seed(*"ABCDE", senders={"A": ["ACME"], "C": ["C&A"]}),
        [{"kind": "status", "status": 500, "service": mg(2), "method": "GET", "count": 99}],
    )
    api = client(simulator, concurrency=3)
    result = services_with_senders(api, api.services(), concurrency=3)
    senders = [service["alpha_senders"] for service in result["services"]]
    assert [found and found[0]["alpha_sender"] for found in senders] == ["ACME", None, "C&A", [], []]
    assert [(error["service_sid"], error["error"]["status"]) for error in result["errors"]] == [(mg(2), 500)]
    assert "1 of 5 Services could not be read, see errors; the first: GET" in result["warnings"][0]


def test_wrong_credentials_end_the_reading(simulator: Simulator) -> None:
    simulator.reset(named_seed(*"ABCDE"), [{"kind": "status", "status": 401, "skip": 1, "count": 99}])
    api = client(simulator, concurrency=1)
    with pytest.raises(ApiError, match="HTTP 401"):
        services_with_senders(api, api.services(), concurrency=1)
    assert len(simulator.requests()) == 2


def test_wrong_credentials_end_an_audit_of_given_services(simulator: Simulator) -> None:
    fault = {"kind": "status", "status": 401, "body": {"code": 20003, "message": "Authenticate"}, "count": 99}
    simulator.reset(named_seed(*"ABC"), [fault])
    api = client(simulator)
    with pytest.raises(ApiError, match=r"Twilio error 20003 \(HTTP 401\): Authenticate") as caught:
        audit(api, [mg(1), mg(2), mg(3)], "ACME", "present", True, concurrency=1)
    assert (caught.value.status, caught.value.code) == (401, 20003)
    assert simulator.requests() == ["GET"]


def test_what_a_cancelled_audit_did_not_read_is_counted_as_unread(simulator: Simulator) -> None:
    simulator.reset(named_seed(*"ABC", senders={"A": ["ACME"]}))
    api = client(simulator, concurrency=2)
    api.cancellation.cancel()
    rows = audit(api, None, "ACME", "present", True, concurrency=2)
    result = audit_result(rows, table_rows=5)
    assert result["summary_line"] == "3 Services: 0 have an alpha sender, 0 have none, 3 could not be read"
    assert {row["msg"] for row in rows} == {"it was not read, because the run was to stop"}


@pytest.mark.parametrize(
    ("listed", "wish", "matches"),
    [
        (["OLD"], {"alpha_sender": "ACME", "state": "absent"}, True),
        (["ACME"], {"alpha_sender": "ACME", "state": "absent"}, False),
        (["OLD", "NEW"], {"alpha_sender": None, "state": "absent"}, False),
    ],
)
def test_an_audit_says_of_what_is_to_be_absent_that_no_sender_is_wanted(
    simulator: Simulator, listed: list[str], wish: dict[str, str | None], matches: bool
) -> None:
    simulator.reset(seed(listed))
    [row] = audit(
        Client(make_connection(options(simulator))),
        [{"service_sid": mg(1), **wish}],
        None,
        "present",
        True,
        concurrency=1,
    )
    assert (row["wanted"], row["matches"]) == (None, matches)


def test_an_audit_names_a_bad_entry_by_its_place_in_the_whole_list(simulator: Simulator) -> None:
    simulator.reset(seed([], []))
    entries = [mg(1), {"service_sid": mg(2), "alpha_sender": "ACME"}, "bad"]
    with pytest.raises(InputError, match=r"^services, entry 3 of 3: 'bad' is not"):
        audit(Client(make_connection(options(simulator))), entries, None, "present", True, concurrency=1)
    assert simulator.requests() == []
