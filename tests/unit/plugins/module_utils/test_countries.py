# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Senders by country: their codes, their desired states, and what is requested for them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pycountry
import pytest
import yaml
from ansible_collections.messaging.twilio.plugins.module_utils._audit import audit, audit_result
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._countries import COUNTRIES, check_country
from ansible_collections.messaging.twilio.plugins.module_utils._desired import (
    make_all_desired,
    make_compared,
    make_desired,
)
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message, recovery_command
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import ALL_COUNTRIES, Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._reconcile import reconcile
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER, COUNTRY_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._results import bulk_result, single_result
from ansible_collections.messaging.twilio.plugins.module_utils._services import list_services, services_with_senders

from simulator import Simulator
from support.account import mg, seed
from support.client import make_client
from support.desired import desired, reconcile_one

SID = mg(1)


def in_country(country: str, value: str | None, state: str = "present", replace: bool = True) -> Desired:
    return Desired(Slot(COUNTRY_SENDER, SID, country), value, state, replace)


def make_all(*services: object, **common: object) -> tuple[Desired, ...]:
    return make_all_desired(services, common, locate=lambda one: one)


def calls(simulator: Simulator) -> list[str]:
    """Method, collection and form of each request."""
    found = []
    for entry in simulator.journal:
        collection = entry["path"].split("/")[4]
        found.append(" ".join(filter(None, [entry["method"], collection, urlencode(entry["form"])])))
    return found


GET, DELETE, POST = (f"{method} DestinationAlphaSenders" for method in ("GET", "DELETE", "POST"))


def post(value: str, country: str) -> str:
    return f"{POST} AlphaSender={value.replace(' ', '+')}&IsoCountryCode={country}"


class TestCodes:
    def test_are_those_of_iso_3166(self) -> None:
        assert {country.alpha_2 for country in pycountry.countries} == COUNTRIES

    @pytest.mark.parametrize("value", ["FR", "fr", "Fr", "fR"])
    def test_are_taken_in_any_case_and_become_capitals(self, value: str) -> None:
        assert check_country(value, "country") == "FR"

    @pytest.mark.parametrize("value", ["UK", "EU", "FRA", "", "F", " FR", "FR\n", "ß", "*"])
    def test_that_do_not_exist_are_refused(self, value: str) -> None:
        with pytest.raises(InputError) as caught:
            check_country(value, "country")
        assert str(caught.value) == f"country must be an ISO 3166 alpha-2 country code such as FR, got {value!r}"

    @pytest.mark.parametrize("value", [False, 7, None, ["FR"]])
    def test_that_are_no_strings_are_refused_with_a_hint(self, value: object) -> None:
        with pytest.raises(InputError) as caught:
            check_country(value, "country")
        assert str(caught.value).endswith(f"such as FR, got {value!r}. Put it in quotes")


class TestDesired:
    def test_of_an_entry_has_its_own_sender_first(self) -> None:
        entry = {"service_sid": SID, "country_senders": {"fr": "ACME FR", "DE": None}}
        assert make_all(entry, alpha_sender="ACME") == (
            desired(SID, "ACME"),
            in_country("FR", "ACME FR"),
            in_country("DE", None, "absent"),
        )

    def test_of_countries_alone_leaves_the_sender_without_a_country(self) -> None:
        assert make_all(SID, country_senders={"FR": "ACME FR"}) == (in_country("FR", "ACME FR"),)
        entry = {"service_sid": SID, "country_senders": {"FR": "ACME FR"}, "replace": False}
        assert make_all(entry) == (in_country("FR", "ACME FR", replace=False),)

    def test_removes_the_sender_without_a_country_if_it_is_absent(self) -> None:
        entry = {"service_sid": SID, "state": "absent", "country_senders": {"FR": "ACME FR"}}
        assert make_all(entry, alpha_sender="ACME") == (desired(SID, None, "absent"), in_country("FR", "ACME FR"))

    def test_own_countries_override_the_common_ones(self) -> None:
        entry = {"service_sid": SID, "country_senders": {"DE": "ACME DE"}}
        assert make_all(entry, country_senders={"FR": "ACME FR"}) == (in_country("DE", "ACME DE"),)

    def test_of_one_country_is_an_option(self) -> None:
        assert make_desired(SID, None, "ACME", iso_country_code="fr") == in_country("FR", "ACME")

    def test_same_country_twice_with_two_senders_is_refused(self) -> None:
        with pytest.raises(InputError, match="must have one desired state, got present 'B', but present 'A'"):
            make_all({"service_sid": SID, "country_senders": {"fr": "A", "FR": "B"}})

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ("FR", "country_senders must map countries to senders, got 'FR'"),
            (["FR"], "country_senders must map countries to senders, got ['FR']"),
            (
                {"UK": "ACME"},
                "country_senders, UK: iso_country_code must be an ISO 3166 alpha-2 country code such as FR, got 'UK'",
            ),
            (
                {False: "ACME"},
                "country_senders, False: iso_country_code must be an ISO 3166 alpha-2 country code such as FR, got "
                "False. Put it in quotes",
            ),
            ({"FR": False}, "country_senders, FR: alpha_sender must be a string, got False. Put it in quotes"),
            ({"FR": ""}, "country_senders, FR: alpha_sender must have 1 to 11 of the characters"),
        ],
    )
    def test_that_is_wrong_is_refused(self, given: object, problem: str) -> None:
        with pytest.raises(InputError) as caught:
            make_all({"service_sid": SID, "country_senders": given})
        assert str(caught.value).startswith(f"services, entry 1 of 1, {problem}")

    def test_of_all_countries_is_only_read(self) -> None:
        entries = [{"service_sid": mg(1), "country_senders": {"FR": "ACME"}}, mg(2)]
        compared, others = make_compared(entries, {}, locate=lambda one: one, all_countries=True)
        assert compared == (in_country("FR", "ACME"),)
        assert others == [
            Slot(ALPHA_SENDER, mg(2)),
            Slot(COUNTRY_SENDER, mg(1), ALL_COUNTRIES),
            Slot(COUNTRY_SENDER, mg(2), ALL_COUNTRIES),
        ]


#: Senders, desired state, action, requests, senders afterwards. The sender without a country and that of another
#: country never change.
TABLE: list[tuple[Mapping[str, str], Desired, str, list[str], Mapping[str, str]]] = [
    ({}, in_country("FR", "ACME"), "created", [GET, post("ACME", "FR")], {"FR": "ACME"}),
    ({"FR": "ACME"}, in_country("FR", "ACME"), "unchanged", [GET], {"FR": "ACME"}),
    ({"FR": "OLD"}, in_country("FR", "NEW"), "replaced", [GET, DELETE, post("NEW", "FR")], {"FR": "NEW"}),
    ({"FR": "OLD"}, in_country("FR", "NEW", replace=False), "failed", [GET], {"FR": "OLD"}),
    ({}, in_country("FR", "NEW", replace=False), "created", [GET, post("NEW", "FR")], {"FR": "NEW"}),
    ({"FR": "OLD"}, in_country("FR", None, "absent"), "deleted", [GET, DELETE], {}),
    ({"FR": "OLD"}, in_country("FR", "OLD", "absent"), "deleted", [GET, DELETE], {}),
    ({"FR": "OLD"}, in_country("FR", "OTHER", "absent"), "unchanged", [GET], {"FR": "OLD"}),
    ({}, in_country("FR", None, "absent"), "unchanged", [GET], {}),
    (
        {"FR": "OLD"},
        in_country("FR", "REFUSED"),
        "failed",
        [GET, DELETE, post("REFUSED", "FR"), GET, post("OLD", "FR")],
        {"FR": "OLD"},
    ),
]


@pytest.mark.parametrize("listed", [False, True])
class TestServices:
    """Whether AlphaSenders lists the senders of countries is unknown: both have to work."""

    @pytest.mark.parametrize(("before", "wanted", "action", "requests", "after"), TABLE)
    def test_country_has_exactly_these_requests(
        self,
        simulator: Simulator,
        listed: bool,
        before: Mapping[str, str],
        wanted: Desired,
        action: str,
        requests: list[str],
        after: Mapping[str, str],
    ) -> None:
        simulator.reset(seed({"": "DEFAULT", "DE": "ACME DE", **before}, refused=["REFUSED"]))
        simulator.alpha_senders_lists_countries = listed
        planned = reconcile_one(make_client(simulator), wanted, check_mode=True)
        assert calls(simulator) == [GET]
        outcome = reconcile_one(make_client(simulator), wanted, check_mode=False)
        assert (outcome.action, calls(simulator)[1:]) == (action, requests)
        if not outcome.restored:
            assert planned.action == action
        assert simulator.senders(SID) == ["DEFAULT"]
        assert simulator.country_senders(SID) == {"DE": "ACME DE", **after}
        assert single_result(outcome)["iso_country_code"] == "FR"

    def test_several_senders_of_a_country_are_left(self, simulator: Simulator, listed: bool) -> None:
        simulator.reset(seed({"FR": "A"}))
        simulator.alpha_senders_lists_countries = listed
        simulator.state.put_sender(simulator.service(SID), "B", "FR")
        for wanted in (in_country("FR", "C"), in_country("FR", None, "absent")):
            outcome = reconcile_one(make_client(simulator), wanted, check_mode=False)
            assert (outcome.action, outcome.before) == ("failed", "A, B")
            assert message(outcome).startswith(f"{SID} (FR) has several alpha senders (A, B)")
        assert simulator.requests() == ["GET", "GET"]

    def test_sender_without_a_country_leaves_those_with_one(self, simulator: Simulator, listed: bool) -> None:
        simulator.reset(seed({"": "OLD", "FR": "ACME FR", "DE": "ACME DE"}))
        simulator.alpha_senders_lists_countries = listed
        outcome = reconcile_one(make_client(simulator), desired(SID, "ACME"), check_mode=False)
        assert outcome.action == "replaced"
        assert [name.split(" ")[1] for name in calls(simulator)] == ["AlphaSenders"] * 3
        assert simulator.country_senders(SID) == {"FR": "ACME FR", "DE": "ACME DE"}

    @pytest.mark.parametrize("hidden", [False, True])
    def test_one_listing_of_each_resource_for_all_slots(self, simulator: Simulator, listed: bool, hidden: bool) -> None:
        simulator.reset(seed({"": "OLD", "FR": "ACME FR", "DE": "ACME DE"}))
        simulator.alpha_senders_lists_countries, simulator.alpha_senders_hides_countries = listed, hidden
        wanted = make_all(
            {"service_sid": SID, "country_senders": {"FR": "NEW FR", "DE": None, "SE": "ACME SE"}}, alpha_sender="ACME"
        )
        outcomes = reconcile(make_client(simulator), wanted, check_mode=False)
        assert [outcome.action for outcome in outcomes] == ["replaced", "replaced", "deleted", "created"]
        assert simulator.requests() == ["GET", "GET", "DELETE", "POST", "DELETE", "POST", "DELETE", "POST"]
        assert simulator.country_senders(SID) == {"FR": "NEW FR", "SE": "ACME SE"}
        again = reconcile(make_client(simulator), wanted, check_mode=False)
        assert {outcome.action for outcome in again} == {"unchanged"}

    def test_audit_of_all_countries_has_a_row_for_each_sender(self, simulator: Simulator, listed: bool) -> None:
        simulator.reset(seed({"": "ACME", "FR": "ACME FR", "DE": "OLD"}, {}))
        simulator.alpha_senders_lists_countries = listed
        client = make_client(simulator)
        entries = [{"service_sid": mg(1), "country_senders": {"DE": "ACME DE", "SE": None}}, mg(2)]
        compared, others = make_compared(entries, {"alpha_sender": "ACME"}, locate=lambda one: one, all_countries=True)
        rows = audit(client, compared, others, list_services(client), concurrency=2)
        keys = ("service_sid", "iso_country_code", "alpha_sender", "matches")
        assert [tuple(row[key] for key in keys) for row in rows] == [
            (mg(1), None, "ACME", True),
            (mg(1), "DE", "OLD", False),
            (mg(1), "SE", None, True),
            (mg(2), None, None, False),
            (mg(1), "FR", "ACME FR", None),
        ]
        assert audit_result(ALPHA_SENDER, rows, table_rows=9)["msg"] == (
            "5 slots of 2 Services: 3 with alpha sender, 2 without, 2 as desired, 2 drifted, 0 unread"
        )

    def test_services_have_their_senders_of_countries(self, simulator: Simulator, listed: bool) -> None:
        simulator.reset(seed({"": "ACME", "FR": "ACME FR"}, {}))
        simulator.alpha_senders_lists_countries = listed
        client = make_client(simulator)
        found = services_with_senders(client, list_services(client), country_senders=True, concurrency=2)
        one, other = found["services"]
        assert [row["alpha_sender"] for row in one["alpha_senders"]] == ["ACME"]
        assert [(row["alpha_sender"], row["iso_country_code"]) for row in one["country_senders"]] == [("ACME FR", "FR")]
        assert (other["alpha_senders"], other["country_senders"], found["errors"]) == ([], [], [])


def test_audit_counts_a_service_that_cannot_be_read_once(simulator: Simulator) -> None:
    simulator.reset(seed({"FR": "ACME FR"}), [{"kind": "status", "status": 500, "service": SID, "count": 9}])
    client = make_client(simulator, max_retries=0)
    for entries in ([SID], [{"service_sid": SID, "country_senders": {"FR": "ACME"}}]):
        compared, others = make_compared(entries, {}, locate=lambda one: one, all_countries=True)
        rows = audit(client, compared, others, [], concurrency=1)
        assert audit_result(ALPHA_SENDER, rows, table_rows=9)["summary"]["unread"] == 1


def test_audit_lists_a_country_once_for_two_spellings(simulator: Simulator) -> None:
    simulator.reset(seed(*({} for _number in range(9)), {"": "ACME", "FR": "ACME FR"}))
    spellings = [{"service_sid": mg(10), "alpha_sender": "ACME"}, "MG" + mg(10)[2:].upper()]
    compared, others = make_compared(spellings, {}, locate=lambda one: one, all_countries=True)
    rows = audit(make_client(simulator), compared, others, [], concurrency=1)
    assert [row["iso_country_code"] for row in rows].count("FR") == 1


def test_services_that_cannot_be_read_have_no_senders(simulator: Simulator) -> None:
    simulator.reset(seed({"FR": "ACME FR"}, {}), [{"kind": "status", "status": 500, "service": SID, "count": 9}])
    client = make_client(simulator, max_retries=0)
    found = services_with_senders(client, list_services(client), country_senders=True, concurrency=1)
    assert [(one["alpha_senders"], one["country_senders"]) for one in found["services"]] == [(None, None), ([], [])]
    assert [error["service_sid"] for error in found["errors"]] == [SID]


def run_all(client: Client) -> list[Outcome]:
    states = make_all(mg(1), mg(2), alpha_sender="ACME", country_senders={"FR": "ACME FR", "DE": "ACME DE"})
    return reconcile_all(client, states, concurrency=2, check_mode=False)


def test_summary_counts_senders_and_services(simulator: Simulator) -> None:
    simulator.reset(seed({"FR": "OLD"}, {}))
    result: dict[str, Any] = bulk_result(run_all(make_client(simulator)))
    assert result["msg"] == "6 senders of 2 Services: 5 created, 1 replaced, 0 deleted, 0 unchanged, 0 failed"
    assert result["desired"][0] == {
        "alpha_sender": "ACME",
        "iso_country_code": None,
        "state": "present",
        "replace": True,
        "services": 2,
    }
    assert f"{mg(1)} (FR):\n  OLD\n" in result["diff"]["before"]


def test_lost_sender_of_a_country_is_named_with_it(simulator: Simulator) -> None:
    simulator.reset(seed({"": "ACME", "NO": "OLD NO"}, refused=["NEW", "OLD NO"]))
    outcome = reconcile_one(make_client(simulator), in_country("NO", "NEW"), check_mode=False)
    assert outcome.lost == "OLD NO"
    result = bulk_result([outcome])
    assert f"Lost senders: {SID} (NO) 'OLD NO'" in result["msg"]
    assert result["outcomes"][0]["recovery_command"] in result["msg"]


@pytest.mark.parametrize(("country", "value"), [("NO", "NO"), ("NO", "OLD NO"), ("FR", "+1"), ("DE", "1e5")])
def test_recovery_command_keeps_country_and_value_as_strings(country: str, value: str) -> None:
    words = shlex.split(recovery_command(Slot(COUNTRY_SENDER, SID, country), value))
    assert words[:3] == ["ansible-playbook", "messaging.twilio.apply", "-e"]
    assert yaml.safe_load(words[3]) == {
        "alpha_sender_country_senders": {country: value},
        "alpha_sender_services": [SID],
    }
