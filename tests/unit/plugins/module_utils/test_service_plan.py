# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a Service: its properties, and what has to be done."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._service_plan import (
    HAS_CAMPAIGN,
    HAS_CONTENTS,
    PROPERTIES,
    differences,
    make_service_plan,
    shown,
    url_credentials,
)

from simulator.resources import DEFAULTS, FORM_FIELDS
from support.account import mg
from support.service import desired_service

#: What Twilio calls reserved or obsolete.
NOT_OFFERED = {"scan_message_content", "synchronous_validation", "fallback_to_long_code"}


def service(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"sid": mg(number), **DEFAULTS, "friendly_name": "Shop", "us_app_to_person_registered": False, **fields}


def test_offers_the_properties_that_twilio_documents() -> None:
    assert set(PROPERTIES) == set(DEFAULTS) - NOT_OFFERED


def test_creates_a_service_with_the_given_properties() -> None:
    plan = make_service_plan(desired_service(friendly_name="Shop", sticky_sender=False, validity_period=60), [])
    assert plan.action == "created"
    assert plan.form == {"FriendlyName": "Shop", "StickySender": "false", "ValidityPeriod": "60"}
    assert plan.after == {"friendly_name": "Shop", "sticky_sender": False, "validity_period": 60}


def test_updates_the_given_properties_that_differ_and_sends_the_name() -> None:
    wanted = desired_service(friendly_name="Shop", sticky_sender=True, usecase="poll", fallback_url="")
    current = service(fallback_url="https://a.example/b", status_callback="https://a.example/c")
    plan = make_service_plan(wanted, [current])
    assert plan.action == "updated"
    assert plan.changes == {"usecase": "poll", "fallback_url": ""}
    assert plan.form == {"FriendlyName": "Shop", "Usecase": "poll", "FallbackUrl": ""}
    assert plan.after == {**current, "usecase": "poll", "fallback_url": None}


def test_renames_a_service_that_the_sid_identifies() -> None:
    plan = make_service_plan(desired_service(service_sid=mg(1), friendly_name="Shop NL"), [service()])
    assert (plan.action, plan.form) == ("updated", {"FriendlyName": "Shop NL"})


def test_sends_no_name_if_the_service_has_none() -> None:
    plan = make_service_plan(desired_service(service_sid=mg(1), sticky_sender=False), [service(friendly_name=None)])
    assert plan.form == {"StickySender": "false"}


def test_each_property_has_the_name_that_the_form_of_twilio_has() -> None:
    values: dict[str, Any] = {
        name: "https://a.example/" if "POST" not in str(DEFAULTS[name]) else "GET" for name in PROPERTIES
    }
    values.update(friendly_name="Shop", validity_period=60, usecase="poll", use_inbound_webhook_on_number=True)
    values.update(
        {name: not value for name, value in DEFAULTS.items() if isinstance(value, bool) and name in PROPERTIES}
    )
    plan = make_service_plan(desired_service(**values), [])
    assert {FORM_FIELDS[name] for name in plan.form} == set(PROPERTIES)


@pytest.mark.parametrize(
    ("name", "wanted", "current"),
    [
        ("fallback_url", "https://a.example", "https://a.example/"),
        ("fallback_url", "https://a.example/", "https://a.example"),
        ("fallback_url", "https://A.example/x?y=Z", "HTTPS://a.example/x?y=Z"),
        ("fallback_url", "https://a.example?y", "https://a.example/?y"),
        ("fallback_url", "https://User:Pw@a.example", "https://User:Pw@A.EXAMPLE/"),
        ("fallback_url", "", None),
        ("fallback_url", "", ""),
        ("usecase", "undeclared", None),
        ("sticky_sender", True, True),
    ],
)
def test_finds_no_difference_between_equal_values(name: str, wanted: object, current: object) -> None:
    assert differences(desired_service(service_sid=mg(1), **{name: wanted}), {name: current}) == {}


@pytest.mark.parametrize(
    ("name", "wanted", "current"),
    [
        ("fallback_url", "https://a.example/x", "https://a.example/X"),
        ("fallback_url", "https://a.example/x", "https://a.example/x/"),
        ("fallback_url", "https://a.example/", "http://a.example/"),
        ("fallback_url", "https://User:Pw@a.example", "https://user:Pw@a.example"),
        ("fallback_url", "https://a.example", "a.example"),
        ("fallback_url", "https://a.example", None),
        ("fallback_url", "", "https://a.example"),
        ("usecase", "undeclared", "poll"),
        ("usecase", "poll", None),
        ("sticky_sender", False, None),
        ("friendly_name", "shop", "Shop"),
        ("friendly_name", "Shop ", "Shop"),
        ("validity_period", 36000, 14400),
    ],
)
def test_finds_a_difference(name: str, wanted: object, current: object) -> None:
    assert differences(desired_service(service_sid=mg(1), **{name: wanted}), {name: current}) == {name: wanted}


@pytest.mark.parametrize(
    ("force", "registered", "contents", "action", "problem"),
    [
        (False, False, {}, "deleted", None),
        (True, False, {}, "deleted", None),
        (False, False, {"short code": 1}, "failed", HAS_CONTENTS),
        (True, False, {"short code": 1}, "deleted", None),
        (False, False, {"US campaign": 1}, "failed", HAS_CAMPAIGN),
        (True, False, {"US campaign": 1}, "failed", HAS_CAMPAIGN),
        (False, True, {}, "failed", HAS_CAMPAIGN),
        (True, True, {"short code": 1}, "failed", HAS_CAMPAIGN),
    ],
)
def test_deletes_a_service_unless_it_has_something(
    force: bool, registered: bool, contents: dict[str, int], action: str, problem: str | None
) -> None:
    current = service(us_app_to_person_registered=registered)
    plan = make_service_plan(desired_service(friendly_name="Shop", state="absent", force=force), [current], contents)
    assert (plan.action, plan.problem) == (action, problem)
    assert plan.after == (None if action == "deleted" else current)


def test_leaves_a_service_alone_that_is_absent_already() -> None:
    for given in ({"friendly_name": "Shop"}, {"service_sid": mg(1)}):
        plan = make_service_plan(desired_service(state="absent", **given), [])
        assert (plan.action, plan.after) == ("unchanged", None)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_refuses_a_name_that_several_services_have(state: str) -> None:
    with pytest.raises(InputError, match=f"which 2 Services have \\({mg(1)}, {mg(2)}\\)"):
        make_service_plan(desired_service(friendly_name="Shop", state=state), [service(), service(2)])


def test_refuses_to_create_a_service_with_a_sid() -> None:
    with pytest.raises(InputError, match="service_sid must be the SID of a Service of this account"):
        make_service_plan(desired_service(service_sid=mg(1), friendly_name="Shop"), [])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "service_sid is missing"),
        ({"service_sid": "MG12"}, "service_sid must be a Messaging Service SID"),
        ({"service_sid": mg(1), "friendly_name": "Shop", "state": "absent"}, "exclude each other"),
        ({"friendly_name": ""}, "friendly_name must have 1 to 64 characters, got ''"),
        ({"friendly_name": "x" * 65}, "friendly_name must have 1 to 64 characters"),
        ({"friendly_name": "Shop", "validity_period": 0}, "validity_period must be between 1 and 36000, got 0"),
        ({"friendly_name": "Shop", "validity_period": 36001}, "validity_period must be between 1 and 36000, got 36001"),
        *(
            ({"friendly_name": "Shop", "inbound_request_url": url}, "inbound_request_url must be a URL")
            for url in (
                "a.example",
                "ftp://a.example",
                "https://",
                "https://[::1",
                "https://a.example/ b",
                "//a.example",
            )
        ),
        ({"friendly_name": "Shop", "fallback_url": "https://a.example:port"}, "fallback_url must be a URL"),
    ],
)
def test_refuses_wrong_options(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        desired_service(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"friendly_name": "x"},
        {"friendly_name": "x" * 64},
        {"validity_period": 1},
        {"validity_period": 36000},
        {"fallback_url": "http://127.0.0.1:8080/x"},
    ],
)
def test_accepts_the_extreme_values(given: dict[str, Any]) -> None:
    assert desired_service(service_sid=mg(1), **given).properties == given


def test_error_does_not_show_a_password() -> None:
    with pytest.raises(InputError) as caught:
        desired_service(friendly_name="Shop", status_callback="ftp://user:hunter2@a.example")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "masked", "credentials"),
    [
        ("https://user:pass@a.example/x", "https://********@a.example/x", ["//user:pass@"]),
        ("https://user@a.example/x", "https://********@a.example/x", ["//user@"]),
        ("https://user:p@ss@a.example", "https://********@a.example", ["//user:p@ss@"]),
        ("https://a.example/x@y", "https://a.example/x@y", []),
        ("https://a.example/?x=y@z", "https://a.example/?x=y@z", []),
        (None, None, []),
    ],
)
def test_masks_user_names_and_passwords_in_urls(url: str | None, masked: str | None, credentials: list[str]) -> None:
    row = {"friendly_name": "x://y@z", "sid": mg(1), "fallback_url": url}
    assert shown(row) == {**row, "fallback_url": masked}
    assert url_credentials(row) == credentials


def test_password_alone_is_a_difference() -> None:
    wanted = desired_service(friendly_name="Shop", fallback_url="https://user:new@a.example")
    assert make_service_plan(wanted, [service(fallback_url="https://user:old@a.example")]).action == "updated"
