# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services by SID, name and pattern, and their senders read many at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_desired
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.messaging.twilio.plugins.module_utils._resources import Row
from ansible_collections.messaging.twilio.plugins.module_utils._services import (
    Directory,
    check_filter,
    check_service,
    list_services,
    read_services,
    services_with_senders,
    split_valid,
)

from simulator import Simulator
from support.account import mg, named_seed
from support.client import make_client
from support.desired import desired

ODD = ["Shop UK", 'He said "hi"', "{{ lookup('pipe', 'id') }}", "a/b\\c", "Grüße 🎉", "x" * 64, "", "Shop UK", "all"]


def names_of(simulator: Simulator) -> Directory:
    client = make_client(simulator)
    return Directory(lambda: list_services(client))


@pytest.mark.parametrize("name", [name for name in ODD if name and name != "Shop UK"])
def test_finds_service_by_any_name(simulator: Simulator, name: str) -> None:
    simulator.reset(named_seed(*ODD))
    assert names_of(simulator).find(name)["sid"] == mg(ODD.index(name) + 1)


def test_reads_all_services_once_with_a_thousand_in_a_page(simulator: Simulator) -> None:
    simulator.reset(named_seed(*(f"Shop {number}" for number in range(1, 2501))))
    names = names_of(simulator)
    assert simulator.requests() == []
    assert names.name(mg(7)) is None
    assert [names.find(f"Shop {number}")["sid"] for number in (1, 1500, 2500)] == [mg(1), mg(1500), mg(2500)]
    assert [entry["path"] for entry in simulator.journal] == ["/v1/Services"] * 3
    assert [names.name(mg(number)) for number in (7, 2500, 2501)] == ["Shop 7", "Shop 2500", None]


def test_name_of_several_services_lists_their_sids(simulator: Simulator) -> None:
    simulator.reset(named_seed(*ODD))
    with pytest.raises(InputError) as caught:
        names_of(simulator).find("Shop UK")
    assert str(caught.value) == (
        f"service_name must be the name of one Service, got 'Shop UK', which 2 Services have ({mg(1)}, {mg(8)}). "
        "Use service_sid instead"
    )


def test_unknown_name_lists_the_closest_names(simulator: Simulator) -> None:
    simulator.reset(named_seed("Shop UK", "Shop UKR", "Alerts"))
    names = names_of(simulator)
    with pytest.raises(InputError) as caught:
        names.find("Shpo UK")
    assert str(caught.value) == (
        "service_name must be the friendly name of a Service, got 'Shpo UK'. Did you mean 'Shop UK' or 'Shop UKR'?"
    )
    with pytest.raises(InputError, match=r"got 'zzz'\. The module messaging\.twilio\.service_info lists the Services$"):
        names.find("zzz")


@pytest.mark.parametrize(
    ("got", "name", "shown", "suggested"),
    [
        ("Caf\u00e9", "Cafe\u0301", r"'Caf\xe9'", r"'Cafe\u0301'"),
        ("\u00e9", "e\u0301", r"'\xe9'", r"'e\u0301'"),
        ("\uff21CME", "ACME", r"'\uff21CME'", "'ACME'"),
        ("Caf\u00e8", "Caf\u00e9", "'Caf\u00e8'", "'Caf\u00e9'"),
        ("Shop\u00a0UK", "Shop UK", r"'Shop\xa0UK'", "'Shop UK'"),
        ("Shop UK ", "Shop UK", "'Shop UK '", "'Shop UK'"),
    ],
)
def test_names_that_look_alike_are_escaped(
    simulator: Simulator, got: str, name: str, shown: str, suggested: str
) -> None:
    simulator.reset(named_seed(name, "Alerts"))
    with pytest.raises(InputError) as caught:
        names_of(simulator).find(got)
    assert str(caught.value) == (
        f"service_name must be the friendly name of a Service, got {shown}. Did you mean {suggested}?"
    )


def test_suggestions_that_look_alike_are_escaped(simulator: Simulator) -> None:
    simulator.reset(named_seed("Caf\u00e9", "Cafe\u0301"))
    with pytest.raises(InputError, match=r"Did you mean '(Caf.xe9|Cafe.u0301)' or '(Caf.xe9|Cafe.u0301)'\?"):
        names_of(simulator).find("Cafe")


def test_only_the_first_unknown_names_are_compared_with_all_others(simulator: Simulator) -> None:
    simulator.reset(named_seed("Shop UK"))
    names = names_of(simulator)
    ends = []
    for name in ("Shop U1", "Shop U2", "Shop U3", "Shop U4", "Shop U5", "Shop U6"):
        with pytest.raises(InputError) as caught:
            names.find(name)
        ends.append("Did you mean 'Shop UK'?" in str(caught.value))
    assert ends == [True] * 5 + [False]


def test_looks_up_only_a_name(simulator: Simulator) -> None:
    simulator.reset(named_seed("Shop UK"))
    directory = names_of(simulator)
    assert directory.locate(desired(mg(9), "ACME")) == desired(mg(9), "ACME")
    assert simulator.requests() == []
    named = make_desired(None, "Shop UK", "ACME")
    assert named.slot.service_sid == ""
    assert directory.locate(named) == replace(desired(mg(1), "ACME"), service_name="Shop UK")


INVALID: list[Row] = [
    {"sid": None, "friendly_name": "Shop"},
    {"friendly_name": "Shop"},
    {"sid": "../../Accounts", "friendly_name": "Shop"},
    {"sid": mg(9).lower(), "friendly_name": "Shop"},
    {"sid": 5, "friendly_name": "Shop"},
]


def test_service_without_a_valid_sid_is_reported_and_the_others_are_used() -> None:
    good: Row = {"sid": mg(1), "friendly_name": "Shop"}
    valid, [text] = split_valid([*INVALID, good])
    assert valid == [good]
    assert text == (
        f"Twilio listed 5 Services without a valid SID, ignored: None, None, '../../Accounts', '{mg(9).lower()}', 5"
    )
    assert split_valid([good]) == ([good], [])
    assert split_valid([INVALID[0]])[1] == ["Twilio listed 1 Service without a valid SID, ignored: None"]
    assert Directory(lambda: [*INVALID, good]).find("Shop") == good


@pytest.mark.parametrize("name", [None, 5, ["None"], True])
def test_service_without_a_name_is_found_by_no_name(name: object) -> None:
    services: list[Row] = [
        {"sid": mg(1), "friendly_name": name},
        {"sid": mg(2)},
        {"sid": mg(3), "friendly_name": "Shop"},
    ]
    names = Directory(lambda: services)
    for text in ("None", str(name), ""):
        with pytest.raises(InputError, match="must be the friendly name of a Service"):
            names.find(text)
    assert names.find("Shop")["sid"] == mg(3)


@pytest.mark.parametrize("name", [None, 5])
def test_service_without_a_name_matches_no_pattern_of_its_text(simulator: Simulator, name: object) -> None:
    services: list[Any] = [{"sid": mg(1), "friendly_name": name}, {"sid": mg(2), "friendly_name": "Nobody"}]

    class Listing(Client):
        def list(self, path: str, key: str) -> list[dict[str, Any]]:
            assert (path, key) == ("/v1/Services", "services")
            return services

    client = make_client(simulator, kind=Listing)
    assert [service["sid"] for service in read_services(client, name_glob="N*")] == [mg(2)]
    assert read_services(client, name_glob=str(name)) == []
    assert read_services(client, service_name=str(name)) == []


def test_reads_services_by_sid_name_or_pattern(simulator: Simulator, api: Client) -> None:
    simulator.reset(named_seed("Shop UK", "Shop FR", "shop de", "Shop UK"))

    def sids(**chosen: str) -> list[str]:
        return [service["sid"] for service in read_services(api, **chosen)]

    assert sids() == [mg(1), mg(2), mg(3), mg(4)]
    assert sids(service_name="Shop UK") == [mg(1), mg(4)]
    assert sids(name_glob="Shop *") == [mg(1), mg(2), mg(4)]
    assert sids(name_glob="nothing*") == []
    simulator.journal.clear()
    assert sids(service_sid=mg(3)) == [mg(3)]
    assert sids(service_sid=mg(99)) == []
    # A 404 is read once more before it is believed.
    paths = [f"/v1/Services/{mg(3)}", f"/v1/Services/{mg(99)}", f"/v1/Services/{mg(99)}"]
    assert [entry["path"] for entry in simulator.journal] == paths


@pytest.mark.parametrize(("status", "body"), [(401, {"code": 20003}), (500, None), (404, "<html>")])
def test_service_that_cannot_be_read_is_an_error(simulator: Simulator, status: int, body: object) -> None:
    fault = {"kind": "status", "status": status, "body": body, "count": 99}
    simulator.reset(named_seed("Shop"), [fault])
    with pytest.raises(ApiError, match=f"HTTP {status}"):
        read_services(make_client(simulator), service_sid=mg(1))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"service_sid": mg(1), "name_glob": "*"}, "service_sid and name_glob exclude each other. Set service_sid"),
        ({"service_name": "A", "name_glob": "*"}, "service_name and name_glob exclude each other. Set service_sid"),
        (
            {"service_sid": mg(1), "service_name": "A", "name_glob": "*"},
            "service_sid and service_name and name_glob exclude each other",
        ),
        ({"service_sid": "MG12"}, "service_sid must be a Messaging Service SID"),
        ({"service_sid": mg(1).lower()}, "service_sid must be a Messaging Service SID"),
        ({"service_name": ""}, "service_name must be the friendly name of a Service as a string, got ''"),
        ({"name_glob": ""}, "name_glob must be a pattern of names, got ''"),
    ],
)
def test_refuses_bad_filter(chosen: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        check_filter(**{"service_sid": None, "service_name": None, "name_glob": None, **chosen})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("chosen", [{}, {"service_sid": mg(1)}, {"service_name": "None"}, {"name_glob": "*"}])
def test_accepts_filter(chosen: dict[str, str]) -> None:
    check_filter(**{"service_sid": None, "service_name": None, "name_glob": None, **chosen})


def test_service_is_its_sid_or_its_name() -> None:
    assert check_service(mg(1), None) == (mg(1), None)
    assert check_service(None, "Shop") == ("", "Shop")


def test_service_that_cannot_be_read_is_reported_with_the_others(simulator: Simulator) -> None:
    simulator.reset(
        named_seed(*"ABCDE", senders={"A": ["ACME"], "C": ["C&A"]}),
        [{"kind": "status", "status": 500, "service": mg(2), "method": "GET", "count": 99}],
    )
    client = make_client(simulator, concurrency=3)
    result = services_with_senders(client, list_services(client), country_senders=False, concurrency=3)
    senders = [service["alpha_senders"] for service in result["services"]]
    assert [found and found[0]["alpha_sender"] for found in senders] == ["ACME", None, "C&A", [], []]
    assert [(error["service_sid"], error["error"]["status"]) for error in result["errors"]] == [(mg(2), 500)]
    [text] = result["warnings"]
    assert text.startswith("The alpha senders of 1 of 5 Services could not be read, see errors. The first: GET")


def test_service_without_a_valid_sid_does_not_fail_the_others(simulator: Simulator, api: Client) -> None:
    simulator.reset(named_seed("A", senders={"A": ["ACME"]}))
    result = services_with_senders(api, [*INVALID, {"sid": mg(1)}], country_senders=False, concurrency=3)
    assert [(one["sid"], one["alpha_senders"][0]["alpha_sender"]) for one in result["services"]] == [(mg(1), "ACME")]
    assert result["errors"] == []
    [text] = result["warnings"]
    assert text.startswith("Twilio listed 5 Services without a valid SID, ignored: ")
    assert simulator.requests() == ["GET"]


def test_wrong_credentials_end_the_reading(simulator: Simulator) -> None:
    simulator.reset(named_seed(*"ABCDE"), [{"kind": "status", "status": 401, "skip": 1, "count": 99}])
    client = make_client(simulator, concurrency=1)
    with pytest.raises(ApiError, match="HTTP 401"):
        services_with_senders(client, list_services(client), country_senders=False, concurrency=1)
    assert len(simulator.requests()) == 2


def test_services_have_no_password_in_their_urls(simulator: Simulator) -> None:
    known = named_seed("Shop", "Other")
    for service in known["accounts"][0]["services"]:
        service["fallback_url"] = "https://me:hunter2@a.example/x"
    simulator.reset(known)
    client = make_client(simulator)
    found = [*read_services(client), *read_services(client, mg(1)), *read_services(client, None, "Shop")]
    found += read_services(client, None, None, "O*")
    assert [service["fallback_url"] for service in found] == ["https://********@a.example/x"] * 5
