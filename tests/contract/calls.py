# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of the collection and of Twilio's helper library to a simulator, on every resource."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._accounts import make_accounts
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._connection import make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER, COUNTRY_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._service_apply import reconcile_service
from ansible_collections.messaging.twilio.plugins.module_utils._services import read_services, services_with_senders
from twilio.rest import Client as Library

from simulator import Simulator
from simulator.recorder import Exchange
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, mg, options, seed
from support.client import make_client
from support.desired import desired
from support.sdk import library, refusal
from support.service import desired_service, services_seed

#: The requests and answers of each call, by its name.
Recorded = dict[str, list[Exchange]]


def _api_error(status: int, code: int, call: Callable[..., object], *args: Any) -> None:
    with pytest.raises(ApiError) as caught:
        call(*args)
    assert (caught.value.status, caught.value.code) == (status, code)


def read(simulator: Simulator) -> None:
    simulator.reset(seed(["ACME"], [], {"": "OLD", "FR": "OLD FR"}))
    simulator.max_page_size = 2
    client = make_client(simulator)
    services = read_services(client)
    assert [service["sid"] for service in services] == [mg(1), mg(2), mg(3)]
    found = services_with_senders(client, services, country_senders=True, concurrency=1)
    assert found["services"][2]["country_senders"][0]["iso_country_code"] == "FR"
    assert read_services(client, mg(1))[0]["friendly_name"] == "Service 0001"
    [row] = client.list(ALPHA_SENDER.collection(mg(1)), ALPHA_SENDER.list_key)
    assert client.get(ALPHA_SENDER.member(mg(1), row["sid"])) == row
    with_key = make_client(simulator, auth_token=None, api_key=API_KEY, api_secret=API_SECRET)
    assert with_key.find_account() == ACCOUNT_SID


def write(simulator: Simulator) -> None:
    simulator.reset(seed([], ["OLD"], ["ACME"], ["OLD"], ["OLD"], refused=["REFUSED"]))
    all_desired = [
        *(desired(mg(number), "A+B & C_D-1") for number in (1, 2)),
        desired(mg(3), "ACME"),
        desired(mg(4), None, "absent"),
        desired(mg(5), "REFUSED"),
    ]
    outcomes = reconcile_all(make_client(simulator), all_desired, concurrency=1, check_mode=False)
    assert [outcome.action for outcome in outcomes] == ["created", "replaced", "unchanged", "deleted", "failed"]
    assert [simulator.senders(mg(number)) for number in (1, 5)] == [["A+B & C_D-1"], ["OLD"]]


def fail(simulator: Simulator) -> None:
    simulator.reset(seed(["ACME"], []))
    client = make_client(simulator, max_retries=1)
    collection = ALPHA_SENDER.collection(mg(1))
    _api_error(404, 20404, client.get, f"/v1/Services/{mg(9)}")
    assert client.delete(ALPHA_SENDER.member(mg(1), f"AI{9:032x}")) is False
    _api_error(409, 21710, client.create, collection, {"AlphaSender": "ACME"})
    _api_error(412, 21714, client.create, collection, {"AlphaSender": "OTHER"})
    _api_error(400, 21709, client.create, ALPHA_SENDER.collection(mg(2)), {"AlphaSender": "12345"})
    _api_error(401, 20003, make_client(simulator, auth_token="f" * 32).get, "/v1/Services")
    simulator.limit = 0
    _api_error(429, 20429, client.get, "/v1/Services")


def write_by_country(simulator: Simulator) -> None:
    simulator.reset(seed({"": "ACME", "FR": "OLD FR", "GB": "ACME GB"}))
    senders = {"FR": "ACME FR", "DE": "ACME DE", "GB": None}
    all_desired = [
        Desired(Slot(COUNTRY_SENDER, mg(1), country), name, "present" if name else "absent")
        for country, name in senders.items()
    ]
    outcomes = reconcile_all(make_client(simulator), all_desired, concurrency=1, check_mode=False)
    assert [outcome.action for outcome in outcomes] == ["replaced", "created", "deleted"]
    service = library(simulator).messaging.v1.services(mg(1))
    assert len(service.destination_alpha_senders.list(page_size=1)) == 3
    [german] = service.destination_alpha_senders.list(iso_country_code="DE")
    assert service.destination_alpha_senders(german.sid).fetch().iso_country_code == "DE"
    refused = partial(service.destination_alpha_senders.create, alpha_sender="OTHER", iso_country_code="FR")
    assert refusal(refused) == (412, 21714)
    assert refusal(service.destination_alpha_senders(f"AI{99:032x}").fetch) == (404, 20404)


def manage_services(simulator: Simulator) -> None:
    known = seed([])
    known["accounts"][0]["services"][0].update(phone_numbers=["+15550100", "+15550101"], short_codes=["12345"])
    simulator.reset(known)
    services = library(simulator).messaging.v1.services
    every_field = {
        "friendly_name": "Shop",
        "inbound_request_url": "https://example.com/in",
        "inbound_method": "POST",
        "fallback_url": "https://example.com/fallback",
        "fallback_method": "GET",
        "status_callback": "https://example.com/status",
        "sticky_sender": False,
        "mms_converter": False,
        "smart_encoding": False,
        "scan_message_content": "disable",
        "fallback_to_long_code": False,
        "area_code_geomatch": False,
        "validity_period": 600,
        "synchronous_validation": True,
        "usecase": "marketing",
        "use_inbound_webhook_on_number": True,
    }
    created = services.create(**every_field)
    updated = services(created.sid).update(friendly_name="Shop UK", sticky_sender=True, validity_period=36000)
    assert updated.friendly_name == "Shop UK"
    assert updated.status_callback == "https://example.com/status"
    service = services(mg(1))
    assert len(service.phone_numbers.list(page_size=1)) == 2
    assert service.phone_numbers(service.phone_numbers.list()[0].sid).fetch().country_code == "US"
    assert service.short_codes(service.short_codes.list()[0].sid).fetch().short_code == "12345"
    assert services(created.sid).delete()
    assert refusal(services(created.sid).fetch) == (404, 20404)


def write_services(simulator: Simulator) -> None:
    simulator.reset(services_seed())
    client = make_client(simulator)
    properties = {
        "inbound_request_url": "https://example.com/in",
        "inbound_method": "GET",
        "fallback_url": "https://example.com/fallback",
        "fallback_method": "GET",
        "status_callback": "https://example.com/status",
        "sticky_sender": False,
        "mms_converter": False,
        "smart_encoding": False,
        "area_code_geomatch": False,
        "validity_period": 600,
        "usecase": "marketing",
        "use_inbound_webhook_on_number": True,
    }
    steps: list[tuple[dict[str, Any], str]] = [
        ({"friendly_name": "Shop", **properties}, "created"),
        ({"friendly_name": "Shop", "sticky_sender": True, "status_callback": ""}, "updated"),
        ({"friendly_name": "Shop", "state": "absent"}, "deleted"),
    ]
    for given, action in steps:
        assert reconcile_service(client, desired_service(**given), check_mode=False).action == action
    has = {"channel_senders": ["whatsapp:+15005550006"], "campaigns": ["VERIFIED"]}
    simulator.reset(services_seed({"friendly_name": "Shop", **has}))
    outcome = reconcile_service(client, desired_service(friendly_name="Shop", state="absent"), check_mode=False)
    assert outcome.action == "failed"
    service = library(simulator).messaging.v1.services(mg(1))
    assert service.channel_senders(service.channel_senders.list()[0].sid).fetch().sender_type == "whatsapp"
    assert service.us_app_to_person(service.us_app_to_person.list()[0].sid).fetch().campaign_status == "VERIFIED"


def read_accounts(simulator: Simulator) -> None:
    known = seed([], main_api_keys={"SKmain": "secret"})
    for number, status in enumerate(("active", "suspended", "closed"), 2):
        known["accounts"].append(
            {"account_sid": f"AC{number:032x}", "auth_token": "x", "owner": ACCOUNT_SID, "status": status}
        )
    simulator.reset(known)
    connection = make_connection(options(simulator))
    assert len(make_accounts(Client(connection), connection, {"subaccounts": True}).account_sids) == 2

    def accounts(*credentials: str) -> Any:
        client: Library = library(simulator, *credentials)
        return client.api.v2010.accounts

    assert len(accounts().list(page_size=1)) == 4
    assert len(accounts().list(status="active", friendly_name="Account 0002")) == 1
    assert accounts()(ACCOUNT_SID).fetch().status == "active"
    assert len(accounts("SKmain", "secret").list()) == 4
    assert refusal(accounts(API_KEY, API_SECRET).list) == (401, 20003)
    assert refusal(accounts()(f"AC{99:032x}").fetch) == (404, 20404)


def record(simulator: Simulator) -> Recorded:
    """Make all calls."""
    recorded: Recorded = {}
    for call in (read, write, fail, write_by_country, manage_services, write_services, read_accounts):
        exchanges = recorded[call.__name__] = []
        simulator.restore_defaults()
        simulator.recorder = exchanges.append
        call(simulator)
    simulator.recorder = None
    return recorded
