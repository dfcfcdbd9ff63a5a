# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator is the API as Twilio's own helper library speaks it."""

from __future__ import annotations

import pytest
from sdk_rollout import Loopback
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from simulator import Simulator
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN, mg, seed


def library(simulator: Simulator, user: str = ACCOUNT_SID, password: str = AUTH_TOKEN) -> Client:
    return Client(user, password, ACCOUNT_SID, http_client=Loopback(simulator.url))


@pytest.mark.parametrize(("user", "password"), [(ACCOUNT_SID, AUTH_TOKEN), (API_KEY, API_SECRET)])
def test_a_sender_is_created_fetched_listed_and_removed(simulator: Simulator, user: str, password: str) -> None:
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


def test_services_are_fetched_and_listed_over_pages(simulator: Simulator) -> None:
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
    ("listed", "name", "status", "code"),
    [
        (["ACME"], "ACME", 409, 21710),
        (["OLD"], "ACME", 412, 21714),
        ([], "12345", 400, 21709),
        ([], "twelve chars", 400, 21709),
        ([], "A.B", 400, 21709),
    ],
)
def test_creating_is_refused_as_twilio_does(
    simulator: Simulator, listed: list[str], name: str, status: int, code: int
) -> None:
    simulator.reset(seed(listed))
    with pytest.raises(TwilioRestException) as caught:
        library(simulator).messaging.v1.services(mg(1)).alpha_senders.create(alpha_sender=name)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert simulator.senders(mg(1)) == listed


def test_what_is_not_there_is_404_and_a_wrong_login_401(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    calls = [
        library(simulator).messaging.v1.services(mg(9)).fetch,
        library(simulator).messaging.v1.services(mg(9)).alpha_senders("AI" + "0" * 32).fetch,
        library(simulator).messaging.v1.services(mg(1)).alpha_senders("AI" + "0" * 32).fetch,
        library(simulator).messaging.v1.services(mg(1)).alpha_senders("AI" + "0" * 32).delete,
    ]
    for call in calls:
        with pytest.raises(TwilioRestException) as caught:
            call()
        assert (caught.value.status, caught.value.code) == (404, 20404)
    with pytest.raises(TwilioRestException) as caught:
        library(simulator, password="wrong").messaging.v1.services(mg(1)).fetch()
    assert caught.value.status == 401


def test_answers_carry_twilios_headers_and_a_limit(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    client = library(simulator)
    client.messaging.v1.services(mg(1)).fetch()
    headers = client.http_client.headers
    assert headers["Twilio-Request-Id"] == f"RQ{1:032x}"
    assert headers["Twilio-Concurrent-Requests"] == "1"
    simulator.limit = 0
    with pytest.raises(TwilioRestException) as caught:
        client.messaging.v1.services(mg(1)).fetch()
    assert (caught.value.status, caught.value.code) == (429, 20429)
