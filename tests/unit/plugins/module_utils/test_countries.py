# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Senders by country: the codes, the options, and each row of the table with the fewest requests."""

from __future__ import annotations

import shlex
from typing import Any

import pycountry
import pytest
import yaml
from ansible_collections.messaging.twilio.plugins.module_utils._audit import audit, audit_result
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._countries import COUNTRIES, check_country
from ansible_collections.messaging.twilio.plugins.module_utils._current import read_slots
from ansible_collections.messaging.twilio.plugins.module_utils._desired import (
    make_all_desired,
    make_compared,
    make_desired,
)
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message, recovery_command
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot, country_of
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER, COUNTRY_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._results import bulk_result
from ansible_collections.messaging.twilio.plugins.module_utils._services import (
    list_services,
    sender_slots,
    services_with_senders,
)

from simulator import Simulator
from support.account import mg, seed
from support.client import make_client
from support.desired import reconcile_one


@pytest.fixture(params=[False, True], ids=["default only", "all listed"])
def api(request: pytest.FixtureRequest, simulator: Simulator) -> Simulator:
    """A simulator whose AlphaSenders list the default sender only, or the senders of countries too."""
    simulator.alpha_senders_lists_countries = request.param
    return simulator


def test_knows_every_country_of_the_standard() -> None:
    assert {country.alpha_2 for country in pycountry.countries} == COUNTRIES
    for code in COUNTRIES:
        assert check_country(code.lower(), "country") == code


@pytest.mark.parametrize("value", ["", "F", "FRA", "XX", "ÄÖ", "ß", "ﬁ", "FR\n", "*", "UK", None, 5, True])
def test_refuses_other_countries(value: object) -> None:
    with pytest.raises(InputError, match="country must be an ISO 3166 alpha-2 country code such as FR, got"):
        check_country(value, "country")


def test_explains_a_country_that_yaml_reads_as_a_boolean() -> None:
    entry = yaml.safe_load("{service_sid: MG00000000000000000000000000000001, country_senders: {NO: ACME}}")
    with pytest.raises(InputError, match=r"country_senders, False: iso_country_code .*got False\. Put it in quotes"):
        desire(entry)


def desire(*entries: object, **common: object) -> tuple[Desired, ...]:
    return make_all_desired(entries, common, locate=lambda one: one)


def test_entry_has_a_slot_for_each_country() -> None:
    entry = {"service_sid": mg(1), "alpha_sender": "ACME", "country_senders": {"fr": "ACME FR", "DE": None}}
    default, france, germany = desire(entry, replace=False)
    assert (default.slot, default.value) == (Slot(ALPHA_SENDER, mg(1)), "ACME")
    assert (france.slot, france.value, france.state) == (Slot(COUNTRY_SENDER, mg(1), "FR"), "ACME FR", "present")
    assert (germany.slot.country, germany.value, germany.state) == ("DE", None, "absent")
    assert not france.replace


def test_country_senders_alone_leave_the_default_sender_alone() -> None:
    [france] = desire(mg(1), country_senders={"FR": "ACME"})
    assert france.slot.country == "FR"
    default, france = desire({"service_sid": mg(1), "state": "absent"}, country_senders={"FR": "ACME"})
    assert (default.state, default.value, france.state) == ("absent", None, "present")


@pytest.mark.parametrize(
    ("country_senders", "text"),
    [
        (["FR"], "country_senders must map countries to senders, got"),
        ({"XX": "ACME"}, "country_senders, XX: iso_country_code must be an ISO 3166"),
        ({"FR": "A.B"}, "country_senders, FR: alpha_sender must have 1 to 11"),
        ({"FR": "ACME", "fr": "OTHER"}, "must have one desired state"),
    ],
)
def test_refuses_bad_country_senders(country_senders: object, text: str) -> None:
    with pytest.raises(InputError) as caught:
        desire(mg(2), {"service_sid": mg(1), "country_senders": country_senders}, alpha_sender="ACME")
    assert "services, entry 2 of 2" in str(caught.value)
    assert text in str(caught.value)


def france(value: str | None, state: str = "present", *, replace: bool = True) -> Desired:
    return Desired(Slot(COUNTRY_SENDER, mg(1), "FR"), value, state, replace)


@pytest.mark.parametrize(
    ("current", "one", "action", "requests", "after"),
    [
        ({}, france("ACME"), "created", ["GET", "POST"], {"FR": "ACME"}),
        ({"FR": "ACME"}, france("ACME"), "unchanged", ["GET"], {"FR": "ACME"}),
        ({"FR": "Acme"}, france("ACME"), "replaced", ["GET", "DELETE", "POST"], {"FR": "ACME"}),
        ({"FR": "OLD"}, france("ACME", replace=False), "failed", ["GET"], {"FR": "OLD"}),
        ({"FR": "ACME"}, france(None, "absent"), "deleted", ["GET", "DELETE"], {}),
        ({"FR": "OTHER"}, france("ACME", "absent"), "unchanged", ["GET"], {"FR": "OTHER"}),
        ({}, france(None, "absent"), "unchanged", ["GET"], {}),
        ({"": "OLD", "DE": "OLD"}, france("ACME"), "created", ["GET", "POST"], {"FR": "ACME", "DE": "OLD"}),
    ],
)
def test_each_row_of_the_table_takes_the_fewest_requests(
    api: Simulator, current: dict[str, str], one: Desired, action: str, requests: list[str], after: dict[str, str]
) -> None:
    api.reset(seed(current))
    outcome = reconcile_one(make_client(api), one, check_mode=False)
    assert (outcome.action, api.requests(), api.country_senders(mg(1))) == (action, requests, after)
    assert {entry["path"].split("/")[4] for entry in api.journal} == {"DestinationAlphaSenders"}
    assert api.senders(mg(1)) == ([current[""]] if "" in current else [])
    planned = reconcile_one(make_client(api), one, check_mode=True)
    assert planned.action == ("failed" if action == "failed" else "unchanged")


def test_default_sender_is_never_taken_from_a_country(api: Simulator) -> None:
    api.reset(seed({"FR": "OLD", "DE": "ACME"}))
    [default] = desire(mg(1), alpha_sender="ACME")
    assert reconcile_one(make_client(api), default, check_mode=False).action == "created"
    assert (api.senders(mg(1)), api.country_senders(mg(1))) == (["ACME"], {"FR": "OLD", "DE": "ACME"})
    [absent] = desire(mg(1), state="absent")
    assert reconcile_one(make_client(api), absent, check_mode=False).action == "deleted"
    assert api.country_senders(mg(1)) == {"FR": "OLD", "DE": "ACME"}


def test_other_listing_tells_countries_apart(simulator: Simulator) -> None:
    simulator.alpha_senders_lists_countries = simulator.alpha_senders_hides_countries = True
    simulator.reset(seed({"FR": "OLD"}))
    wanted = desire(mg(1), alpha_sender="ACME", country_senders={"FR": "OLD"})
    outcomes = reconcile_all(make_client(simulator), wanted, concurrency=1, check_mode=False)
    assert [outcome.action for outcome in outcomes] == ["created", "unchanged"]
    assert simulator.country_senders(mg(1)) == {"FR": "OLD"}


def test_services_take_one_listing_for_each_resource(api: Simulator) -> None:
    api.reset(seed(*[{"": "OLD", "FR": "OLD", "DE": "ACME"}] * 20))
    wanted = desire(
        *(mg(number) for number in range(1, 21)),
        alpha_sender="ACME",
        country_senders={"FR": "ACME", "DE": "ACME", "GB": "ACME"},
    )
    outcomes = reconcile_all(make_client(api, concurrency=5), wanted, concurrency=5, check_mode=False)
    result = bulk_result(outcomes)
    line = "80 senders of 20 Services: 20 created, 40 replaced, 0 deleted, 20 unchanged, 0 failed"
    assert result["msg"].splitlines() == [line, "Changed: OLD → ACME (40), none → ACME (20)"]
    assert len(api.requests()) == 20 * (2 + 2 * 2 + 1)
    assert result["outcomes"][1]["iso_country_code"] == "FR"
    assert f"  {mg(1)} (FR)\n" in result["diff"]["prepared"]
    assert {entry["iso_country_code"]: entry["services"] for entry in result["desired"]} == {
        None: 20, "FR": 20, "DE": 20, "GB": 20,
    }  # fmt: skip


def test_restores_the_sender_of_a_country(api: Simulator) -> None:
    api.reset(seed({"": "MAIN", "FR": "OLD"}, refused=["ACME"]))
    outcome = reconcile_one(make_client(api), france("ACME"), check_mode=False)
    assert (outcome.restored, api.country_senders(mg(1)), api.senders(mg(1))) == (True, {"FR": "OLD"}, ["MAIN"])
    assert f"{mg(1)} (FR): 'ACME' could not be created" in message(outcome)


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_refusal_for_the_account_ends_the_other_slots_of_the_service(simulator: Simulator, method: str) -> None:
    refused = {"kind": "status", "status": 403, "method": method, "count": 1}
    simulator.reset(seed({"": "OLD", "FR": "OLD", "DE": "OLD"}), [refused])
    wanted = desire(mg(1), alpha_sender="ACME", country_senders={"FR": "ACME", "DE": "ACME"})
    outcomes = reconcile_all(make_client(simulator), wanted, concurrency=1, check_mode=False)
    assert [outcome.action for outcome in outcomes] == ["failed", "skipped", "skipped"]
    assert (simulator.senders(mg(1)), simulator.country_senders(mg(1))) == (["OLD"], {"FR": "OLD", "DE": "OLD"})
    touched = [entry["path"].split("/")[4] for entry in simulator.journal if entry["method"] != "GET"]
    assert set(touched) == {"AlphaSenders"}


def test_two_countries_have_their_own_journal_entries(api: Simulator, tmp_path: Any) -> None:
    api.reset(seed({"FR": "OLD FR", "DE": "OLD DE"}))
    slots = [Slot(COUNTRY_SENDER, mg(1), country) for country in ("FR", "DE")]
    with Journal(str(tmp_path)) as journal:
        for slot in slots:
            journal.record(slot, f"OLD {slot.country}", "AI" + "0" * 32)
        assert [getattr(journal.entry(slot), "value", None) for slot in slots] == ["OLD FR", "OLD DE"]
    with Journal(str(tmp_path)) as journal:
        assert {(one.slot.country, one.value) for one in journal.open_entries()} == {("FR", "OLD FR"), ("DE", "OLD DE")}


@pytest.mark.parametrize("country", ["FR", "NO"])
def test_recovery_command_names_the_country(country: str) -> None:
    words = shlex.split(recovery_command(Slot(COUNTRY_SENDER, mg(1), country), "NO"))
    assert words[:3] == ["ansible-playbook", "messaging.twilio.apply", "-e"]
    assert yaml.safe_load(words[3]) == {
        "alpha_sender_country_senders": {country: "NO"}, "alpha_sender_services": [mg(1)],
    }  # fmt: skip


def test_audit_reads_and_compares_countries(api: Simulator) -> None:
    api.reset(seed({"": "ACME", "FR": "OLD", "DE": "ACME"}, {"GB": "ACME"}))
    client = make_client(api)
    common = {"alpha_sender": "ACME", "country_senders": {"FR": "ACME"}}
    compared, others = make_compared([mg(1), mg(2)], common, locate=lambda one: one, all_countries=True)
    rows = audit(client, compared, others, list_services(client), concurrency=2)
    found = {(row["service_sid"], row["iso_country_code"]): (row["alpha_sender"], row["matches"]) for row in rows}
    assert found == {
        (mg(1), None): ("ACME", True),
        (mg(1), "FR"): ("OLD", False),
        (mg(1), "DE"): ("ACME", None),
        (mg(2), None): (None, False),
        (mg(2), "FR"): (None, False),
        (mg(2), "GB"): ("ACME", None),
    }
    result = audit_result(ALPHA_SENDER, rows, table_rows=9)
    assert result["msg"].startswith("6 slots of 2 Services: 4 with alpha sender, 2 without")
    assert len(api.requests()) == 1 + 2 * 2


def test_services_are_read_with_their_countries(api: Simulator) -> None:
    api.reset(seed({"": "ACME", "FR": "ACME FR"}, {}))
    client = make_client(api)
    result = services_with_senders(client, list_services(client), country_senders=True, concurrency=2)
    first, second = result["services"]
    assert [row["alpha_sender"] for row in first["alpha_senders"]] == ["ACME"]
    assert [(row["iso_country_code"], row["alpha_sender"]) for row in first["country_senders"]] == [("FR", "ACME FR")]
    assert (second["alpha_senders"], second["country_senders"]) == ([], [])
    found = read_slots(client, [*sender_slots(mg(1), country_senders=True).values()])
    assert [[country_of(row) for row in rows] for rows in found] == [[None], ["FR"]]


def test_module_takes_one_country() -> None:
    one = make_desired(mg(1), None, "ACME", iso_country_code="fr", account_sid="AC" + "0" * 32)
    assert one.slot == Slot(COUNTRY_SENDER, mg(1), "FR", "AC" + "0" * 32)
    with pytest.raises(InputError, match="account_sid must be an account SID"):
        make_desired(mg(1), None, "ACME", account_sid="AC1")


def test_same_country_twice_with_two_senders_is_refused() -> None:
    with pytest.raises(InputError, match="must have one desired state, got present 'B', but present 'A'"):
        desire({"service_sid": mg(1), "country_senders": {"fr": "A", "FR": "B"}})


def test_audit_counts_a_service_that_cannot_be_read_once(simulator: Simulator) -> None:
    simulator.reset(seed({"FR": "ACME FR"}), [{"kind": "status", "status": 500, "service": mg(1), "count": 9}])
    client = make_client(simulator, max_retries=0)
    for entries in ([mg(1)], [{"service_sid": mg(1), "country_senders": {"FR": "ACME"}}]):
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
    simulator.reset(seed({"FR": "ACME FR"}, {}), [{"kind": "status", "status": 500, "service": mg(1), "count": 9}])
    client = make_client(simulator, max_retries=0)
    found = services_with_senders(client, list_services(client), country_senders=True, concurrency=1)
    assert [(one["alpha_senders"], one["country_senders"]) for one in found["services"]] == [(None, None), ([], [])]
    assert [error["service_sid"] for error in found["errors"]] == [mg(1)]


def test_several_senders_of_a_country_are_left(simulator: Simulator) -> None:
    simulator.reset(seed({"FR": "A"}))
    simulator.state.put_sender(simulator.service(mg(1)), "B", "FR")
    for wanted in (
        Desired(Slot(COUNTRY_SENDER, mg(1), "FR"), "C"),
        Desired(Slot(COUNTRY_SENDER, mg(1), "FR"), None, "absent"),
    ):
        outcome = reconcile_one(make_client(simulator), wanted, check_mode=False)
        assert (outcome.action, outcome.before) == ("failed", "A, B")
        assert message(outcome).startswith(f"{mg(1)} (FR) has several alpha senders (A, B)")
    assert simulator.requests() == ["GET", "GET"]
