# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twilio's own helper library manages senders in the simulator."""

from __future__ import annotations

import pytest

from simulator import Simulator
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN, mg, seed
from support.sdk import library, refusal


@pytest.mark.parametrize(("user", "password"), [(ACCOUNT_SID, AUTH_TOKEN), (API_KEY, API_SECRET)])
def test_creates_fetches_lists_and_deletes_a_sender(simulator: Simulator, user: str, password: str) -> None:
    simulator.reset(seed([]))
    senders = library(simulator, user, password).messaging.v1.services(mg(1)).alpha_senders
    created = senders.create(alpha_sender="My company")
    assert (created.alpha_sender, created.service_sid, created.account_sid) == ("My company", mg(1), ACCOUNT_SID)
    assert created.capabilities == ["SMS"]
    assert created.date_created is not None
    service = library(simulator).messaging.v1.services(mg(1))
    assert service.alpha_senders(created.sid).fetch().alpha_sender == "My company"
    assert [sender.sid for sender in senders.list()] == [created.sid]
    assert service.alpha_senders(created.sid).delete() is True
    assert senders.list() == []


def test_fetches_a_service_and_lists_services_over_pages(simulator: Simulator) -> None:
    simulator.reset(seed(*[[]] * 7))
    services = library(simulator).messaging.v1.services
    assert services(mg(3)).fetch().friendly_name == "Service 0003"
    assert [service.sid for service in services.list(page_size=3)] == [mg(number) for number in range(1, 8)]
    assert simulator.requests() == ["GET"] * 4
    page = services.page(page_size=3)
    second = page.next_page()
    assert second is not None
    assert [service.sid for service in second] == [mg(4), mg(5), mg(6)]
    first = second.previous_page()
    assert first is not None
    assert [service.sid for service in first] == [mg(1), mg(2), mg(3)]


@pytest.mark.parametrize(
    ("current", "name", "status", "code"),
    [
        (["ACME"], "ACME", 409, 21710),
        (["OLD"], "ACME", 412, 21714),
        ([], "12345", 400, 21709),
        ([], "twelve chars", 400, 21709),
        ([], "A.B", 400, 21709),
    ],
)
def test_refuses_a_create_with_twilios_code(
    simulator: Simulator, current: list[str], name: str, status: int, code: int
) -> None:
    simulator.reset(seed(current))
    senders = library(simulator).messaging.v1.services(mg(1)).alpha_senders
    assert refusal(lambda: senders.create(alpha_sender=name)) == (status, code)
    assert simulator.senders(mg(1)) == current


def test_answers_404_for_unknown_sids_and_401_for_wrong_credentials(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    calls = [
        library(simulator).messaging.v1.services(mg(9)).fetch,
        library(simulator).messaging.v1.services(mg(9)).alpha_senders("AI" + "0" * 32).fetch,
        library(simulator).messaging.v1.services(mg(1)).alpha_senders("AI" + "0" * 32).fetch,
        library(simulator).messaging.v1.services(mg(1)).alpha_senders("AI" + "0" * 32).delete,
    ]
    for call in calls:
        assert refusal(call) == (404, 20404)
    assert refusal(library(simulator, password="wrong").messaging.v1.services(mg(1)).fetch) == (401, 20003)


def test_sends_twilios_headers_and_limits_concurrency(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    client = library(simulator)
    client.messaging.v1.services(mg(1)).fetch()
    headers = client.http_client.headers
    assert headers["Twilio-Request-Id"] == f"RQ{1:032x}"
    assert headers["Twilio-Concurrent-Requests"] == "1"
    simulator.limit = 0
    assert refusal(client.messaging.v1.services(mg(1)).fetch) == (429, 20429)


def test_creates_fetches_lists_and_deletes_a_sender_of_a_country(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    senders = library(simulator).messaging.v1.services(mg(1)).destination_alpha_senders
    french = senders.create(alpha_sender="ACME FR", iso_country_code="FR")
    default = senders.create(alpha_sender="ACME")
    assert (french.alpha_sender, french.iso_country_code, french.service_sid) == ("ACME FR", "FR", mg(1))
    assert french.url == f"{simulator.url}/v1/Services/{mg(1)}/DestinationAlphaSenders/{french.sid}"
    assert (french.sid[:2], french.account_sid, french.capabilities) == ("AI", ACCOUNT_SID, ["SMS"])
    assert default.iso_country_code == ""
    assert (simulator.senders(mg(1)), simulator.country_senders(mg(1))) == (["ACME"], {"FR": "ACME FR"})
    assert [sender.sid for sender in senders.list()] == [french.sid, default.sid]
    assert [sender.sid for sender in senders.list(iso_country_code="fr")] == [french.sid]
    service = library(simulator).messaging.v1.services(mg(1))
    assert service.destination_alpha_senders(french.sid).fetch().iso_country_code == "FR"
    assert service.destination_alpha_senders(french.sid).delete() is True
    assert [sender.sid for sender in senders.list()] == [default.sid]


def test_filters_senders_by_country_over_pages(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    for name in ("A", "B", "C"):
        simulator.state.put_sender(simulator.service(mg(1)), name, "DE")
        simulator.state.put_sender(simulator.service(mg(1)), name, "FR")
    senders = library(simulator).messaging.v1.services(mg(1)).destination_alpha_senders
    found = senders.list(iso_country_code="FR", page_size=1)
    assert [(sender.alpha_sender, sender.iso_country_code) for sender in found] == [(name, "FR") for name in "ABC"]
    assert len(simulator.requests()) == 3


@pytest.mark.parametrize(
    ("name", "country", "status", "code"),
    [
        ("OTHER", "FR", 412, 21714),
        ("OTHER", "fr", 412, 21714),
        ("ACME FR", "FR", 409, 21710),
        ("OTHER", None, 412, 21714),
        ("ACME", None, 409, 21710),
        ("12345", "DE", 400, 21709),
        ("OTHER", "FRA", 400, 20001),
    ],
)
def test_refuses_a_create_for_a_country_with_twilios_code(
    simulator: Simulator, name: str, country: str | None, status: int, code: int
) -> None:
    simulator.reset(seed({"": "ACME", "FR": "ACME FR"}))
    senders = library(simulator).messaging.v1.services(mg(1)).destination_alpha_senders
    given = {} if country is None else {"iso_country_code": country}
    assert refusal(lambda: senders.create(alpha_sender=name, **given)) == (status, code)
    assert senders.create(alpha_sender="ACME FR", iso_country_code="DE").iso_country_code == "DE"


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("hidden", [False, True])
def test_alpha_senders_shows_senders_of_countries_if_the_switch_is_on(
    simulator: Simulator, listed: bool, hidden: bool
) -> None:
    simulator.reset(seed({"": "ACME", "FR": "ACME FR"}))
    simulator.alpha_senders_lists_countries, simulator.alpha_senders_hides_countries = listed, hidden
    service = library(simulator).messaging.v1.services(mg(1))
    rows = {sender.alpha_sender: sender for sender in service.alpha_senders.list()}
    assert set(rows) == ({"ACME", "ACME FR"} if listed else {"ACME"})
    page = service.alpha_senders.page()
    countries = {row["alpha_sender"]: row.get("iso_country_code") for row in page._payload["alpha_senders"]}
    shown = {"ACME": "", "ACME FR": "FR"} if listed and not hidden else dict.fromkeys(rows)
    assert countries == shown
    [french] = service.destination_alpha_senders.list(iso_country_code="FR")
    if listed:
        assert service.alpha_senders(french.sid).delete() is True
    else:
        assert refusal(service.alpha_senders(french.sid).delete) == (404, 20404)
    assert simulator.country_senders(mg(1)) == ({} if listed else {"FR": "ACME FR"})


def test_a_default_sender_can_be_created_by_either_resource(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    service = library(simulator).messaging.v1.services(mg(1))
    service.destination_alpha_senders.create(alpha_sender="ACME FR", iso_country_code="FR")
    created = service.alpha_senders.create(alpha_sender="ACME")
    assert service.destination_alpha_senders(created.sid).fetch().iso_country_code == ""
    assert service.destination_alpha_senders(created.sid).delete() is True
    assert service.alpha_senders.list() == []
