# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twilio's own helper library manages Services in the simulator."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from simulator import Simulator
from support.account import ACCOUNT_SID, mg, seed
from support.sdk import library, refusal


def test_creates_updates_and_deletes_a_service(simulator: Simulator) -> None:
    simulator.reset(seed())
    services = library(simulator).messaging.v1.services
    created = services.create(friendly_name="Shop", inbound_request_url="https://example.com/in", sticky_sender=False)
    assert (created.friendly_name, created.account_sid, created.sid[:2]) == ("Shop", ACCOUNT_SID, "MG")
    assert (created.inbound_request_url, created.sticky_sender) == ("https://example.com/in", False)
    defaults = {
        "inbound_method": "POST",
        "fallback_url": None,
        "fallback_method": "POST",
        "status_callback": None,
        "mms_converter": True,
        "smart_encoding": True,
        "scan_message_content": "inherit",
        "fallback_to_long_code": True,
        "area_code_geomatch": True,
        "synchronous_validation": False,
        "validity_period": 36000,
        "usecase": "undeclared",
        "us_app_to_person_registered": False,
        "use_inbound_webhook_on_number": False,
    }
    assert {name: getattr(created, name) for name in defaults} == defaults
    assert {"alpha_senders", "destination_alpha_senders", "phone_numbers", "short_codes"} <= set(created.links)
    updated = created.update(validity_period=600, usecase="marketing", inbound_request_url="")
    assert (updated.validity_period, updated.usecase, updated.inbound_request_url) == (600, "marketing", None)
    assert (updated.friendly_name, updated.sticky_sender) == ("Shop", False)
    assert services(created.sid).fetch().usecase == "marketing"
    assert created.alpha_senders.create(alpha_sender="ACME").service_sid == created.sid
    assert created.delete() is True
    assert services.list() == []
    for call in (services(created.sid).fetch, services(created.sid).delete, services(created.sid).alpha_senders.list):
        assert refusal(call) == (404, 20404)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"friendly_name": ""}, 20001),
        ({"friendly_name": "x" * 65}, 20001),
        ({"inbound_method": "PUT"}, 20001),
        ({"fallback_url": "example.com"}, 20001),
        ({"validity_period": 0}, 90007),
        ({"validity_period": 36001}, 90007),
        ({"usecase": "Marketing"}, 21713),
    ],
)
def test_refuses_wrong_values_of_a_service(simulator: Simulator, values: dict[str, Any], code: int) -> None:
    simulator.reset(seed([]))
    services = library(simulator).messaging.v1.services
    for call, given in ((services.create, {"friendly_name": "Shop", **values}), (services(mg(1)).update, values)):
        assert refusal(functools.partial(call, **given)) == (400, code)
    assert [service.friendly_name for service in services.list()] == ["Service 0001"]


def test_an_update_needs_a_name_if_the_switch_is_on(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    service = library(simulator).messaging.v1.services(mg(1))
    assert service.update(sticky_sender=False).friendly_name == "Service 0001"
    simulator.update_requires_friendly_name = True
    assert refusal(lambda: service.update(sticky_sender=True)) == (400, 20001)
    assert service.update(sticky_sender=True, friendly_name="Service 0001").sticky_sender is True


def test_urls_come_back_with_a_slash_if_the_switch_is_on(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    service = library(simulator).messaging.v1.services(mg(1))
    assert service.update(status_callback="https://www.example.com").status_callback == "https://www.example.com"
    simulator.adds_slash_to_urls = True
    assert service.update(status_callback="https://www.example.com").status_callback == "https://www.example.com/"
    assert service.update(fallback_url="https://example.com/a").fallback_url == "https://example.com/a"


def test_lists_phone_numbers_and_short_codes_of_the_seed(simulator: Simulator) -> None:
    known = seed([], [])
    known["accounts"][0]["services"][0].update(phone_numbers=["+15005550006", "+15005550007"], short_codes=["12345"])
    simulator.reset(known)
    first, second = (library(simulator).messaging.v1.services(mg(number)) for number in (1, 2))
    numbers = first.phone_numbers.list(page_size=1)
    assert [number.phone_number for number in numbers] == ["+15005550006", "+15005550007"]
    assert first.phone_numbers(numbers[1].sid).fetch().service_sid == mg(1)
    assert [code.short_code for code in first.short_codes.list()] == ["12345"]
    assert (second.phone_numbers.list(), second.short_codes.list()) == ([], [])


def test_lists_channel_senders_and_campaigns_of_the_seed(simulator: Simulator) -> None:
    known = seed([], [])
    known["accounts"][0]["services"][0].update(
        channel_senders=["whatsapp:+15005550006", "messenger:1"], campaigns=["VERIFIED", "PENDING"]
    )
    simulator.reset(known)
    first, second = (library(simulator).messaging.v1.services(mg(number)) for number in (1, 2))
    senders = first.channel_senders.list(page_size=1)
    assert [sender.sender for sender in senders] == ["whatsapp:+15005550006", "messenger:1"]
    assert first.channel_senders(senders[0].sid).fetch().sender_type == "whatsapp"
    campaigns = first.us_app_to_person.list(page_size=1)
    assert [campaign.campaign_status for campaign in campaigns] == ["VERIFIED", "PENDING"]
    assert first.us_app_to_person(campaigns[1].sid).fetch().messaging_service_sid == mg(1)
    assert (second.channel_senders.list(), second.us_app_to_person.list()) == ([], [])


def test_a_seed_sets_fields_of_a_service(simulator: Simulator) -> None:
    known = seed([])
    known["accounts"][0]["services"][0].update(usecase="poll", us_app_to_person_registered=True, friendly_name=None)
    simulator.reset(known)
    service = library(simulator).messaging.v1.services(mg(1)).fetch()
    assert (service.usecase, service.us_app_to_person_registered, service.friendly_name) == ("poll", True, None)
