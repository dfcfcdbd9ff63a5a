# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Senders by country against the simulator: every row of the table, requests, restore, races, journal, messages."""

from __future__ import annotations

import csv
import multiprocessing
import os
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.messaging.twilio.plugins.module_utils._audit import audit, audit_result
from ansible_collections.messaging.twilio.plugins.module_utils._audit_files import write_files
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import find_unrecovered, reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._current import read_all, read_slots
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_all_desired, make_compared
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message, recovery_command, warning
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import ALL_COUNTRIES, Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._progress import write_progress
from ansible_collections.messaging.twilio.plugins.module_utils._reconcile import reconcile
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER, COUNTRY_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._results import (
    bulk_result,
    outcome_fields,
    single_result,
    unrecovered_result,
)
from ansible_collections.messaging.twilio.plugins.module_utils._services import list_services, services_with_senders

from simulator import Simulator
from support.account import ACCOUNT_SID, mg, seed
from support.client import make_client
from support.desired import desired, desired_in
from support.faults import COUNTS, FAULTS, STAGES
from support.progress import without_times

SID = mg(1)
DEFAULT, BY_COUNTRY = "AlphaSenders", "DestinationAlphaSenders"
LISTED, HIDDEN = "alpha_senders_lists_countries", "alpha_senders_hides_countries"


@pytest.fixture(params=["", LISTED, HIDDEN], autouse=True)
def listing(request: pytest.FixtureRequest, simulator: Simulator) -> str:
    """Whether AlphaSenders lists countries, and whether it names them: nobody knows what Twilio does."""
    for switch in {"": (), LISTED: (LISTED,), HIDDEN: (LISTED, HIDDEN)}[request.param]:
        setattr(simulator, switch, True)
    return str(request.param)


def run(simulator: Simulator, *wanted: Desired, check_mode: bool = False, **more: Any) -> list[Outcome]:
    """The outcomes of the slots of one Service."""
    journal = more.pop("journal", None)
    return reconcile(make_client(simulator, **more), wanted, check_mode=check_mode, journal=journal)


def requests(simulator: Simulator, resource: str = BY_COUNTRY) -> list[str]:
    return [entry["method"] for entry in simulator.journal if f"/{resource}" in entry["path"]]


TABLE = [
    ({}, desired_in(SID, "FR", "ACME"), "created", ["GET", "POST"], {"FR": "ACME"}),
    ({"FR": "ACME"}, desired_in(SID, "FR", "ACME"), "unchanged", ["GET"], {"FR": "ACME"}),
    ({"FR": "Acme"}, desired_in(SID, "FR", "ACME"), "replaced", ["GET", "DELETE", "POST"], {"FR": "ACME"}),
    ({"FR": "OLD"}, desired_in(SID, "FR", "ACME", replace=False), "failed", ["GET"], {"FR": "OLD"}),
    ({"FR": "ACME"}, desired_in(SID, "FR", None, "absent"), "deleted", ["GET", "DELETE"], {}),
    ({"FR": "ACME"}, desired_in(SID, "FR", "ACME", "absent"), "deleted", ["GET", "DELETE"], {}),
    ({"FR": "OTHER"}, desired_in(SID, "FR", "ACME", "absent"), "unchanged", ["GET"], {"FR": "OTHER"}),
    ({}, desired_in(SID, "FR", "ACME", "absent"), "unchanged", ["GET"], {}),
    ({}, desired_in(SID, "FR", None, "absent"), "unchanged", ["GET"], {}),
]


@pytest.mark.parametrize("others", [{}, {"": "OLD", "GB": "ACME", "DE": "OLD DE"}])
@pytest.mark.parametrize(("current", "want", "action", "methods", "now"), TABLE)
def test_sends_the_requests_of_each_row_of_the_table_and_no_more(
    simulator: Simulator,
    current: dict[str, str],
    want: Desired,
    action: str,
    methods: list[str],
    now: dict[str, str],
    others: dict[str, str],
) -> None:
    simulator.reset(seed({**current, **others}))
    [planned] = run(simulator, want, check_mode=True)
    assert simulator.requests() == ["GET"]
    simulator.journal.clear()
    [outcome] = run(simulator, want)
    assert (outcome.action, requests(simulator)) == (action, methods)
    assert requests(simulator, DEFAULT) == []
    assert simulator.country_senders(SID) == {**now, **{key: name for key, name in others.items() if key}}
    assert simulator.senders(SID) == ([others[""]] if others else [])
    assert (outcome.before, outcome.after) == (current.get("FR"), now.get("FR"))
    for name in ("action", "changed", "before", "after", "cause"):
        assert getattr(planned, name) == getattr(outcome, name), name
    assert message(planned) == message(outcome)
    assert message(outcome).startswith(f"{SID} (FR)")
    assert single_result(planned)["diff"] == single_result(outcome)["diff"]
    assert outcome_fields(outcome)["iso_country_code"] == "FR"
    forms = [entry["form"] for entry in simulator.journal if entry["method"] == "POST"]
    assert forms == [{"AlphaSender": "ACME", "IsoCountryCode": "FR"}] * methods.count("POST")
    assert run(simulator, want)[0].action == ("failed" if action == "failed" else "unchanged")


def test_several_senders_of_one_country_are_left_alone(simulator: Simulator) -> None:
    """Twilio allows one. If its listing has two, nothing that is not named is deleted."""
    simulator.reset(seed({"FR": "OLD"}))
    service = simulator.service(SID)
    simulator.state.put_sender(service, "OTHER", "FR")
    assert [one.cause for one in run(simulator, desired_in(SID, "FR", "ACME"))] == ["several"]
    assert [one.cause for one in run(simulator, desired_in(SID, "FR", None, "absent"))] == ["several"]
    [outcome] = run(simulator, desired_in(SID, "FR", "OTHER"))
    assert (outcome.action, warning(outcome)) == (
        "unchanged",
        f"{SID} (FR) has 'OTHER' as desired, and in addition: OLD",
    )
    assert set(simulator.requests()) == {"GET"}


def test_country_in_small_letters_is_the_same_slot(simulator: Simulator) -> None:
    simulator.reset(seed({"fr": "OLD"}))
    [outcome] = run(simulator, desired_in(SID, "FR", "ACME"))
    assert (outcome.action, simulator.country_senders(SID)) == ("replaced", {"FR": "ACME"})


def test_returns_the_resource_of_the_answer_and_what_is_known_of_it_in_check_mode(simulator: Simulator) -> None:
    simulator.reset(seed({}))
    want = desired_in(SID, "FR", "ACME")
    planned = single_result(run(simulator, want, check_mode=True)[0])["alpha_sender"]
    assert planned == {"service_sid": SID, "alpha_sender": "ACME", "iso_country_code": "FR"}
    row = single_result(run(simulator, want)[0])["alpha_sender"]
    assert planned.items() <= row.items()
    assert single_result(run(simulator, want)[0])["alpha_sender"] == row


class TestRequests:
    def test_one_listing_for_each_resource_however_many_countries(self, simulator: Simulator) -> None:
        countries = {code: f"OLD {code}" for code in ("FR", "GB", "DE", "IT", "ES")}
        simulator.reset(seed({"": "OLD", **countries}))
        wanted = [desired(SID, "OLD"), *(desired_in(SID, code, name) for code, name in countries.items())]
        assert {one.action for one in run(simulator, *wanted)} == {"unchanged"}
        assert (requests(simulator, DEFAULT), requests(simulator)) == (["GET"], ["GET"])

    def test_no_request_to_a_resource_of_which_nothing_is_desired(self, simulator: Simulator, listing: str) -> None:
        if listing == HIDDEN:
            pytest.skip("only the other listing shows which rows have a country")
        simulator.reset(seed({"": "OLD", "FR": "OLD FR"}))
        run(simulator, desired(SID, "ACME"))
        assert requests(simulator) == []
        simulator.journal.clear()
        run(simulator, desired_in(SID, "FR", "ACME"))
        assert requests(simulator, DEFAULT) == []

    def test_a_rollout_sends_the_fewest_requests(self, simulator: Simulator) -> None:
        simulator.reset(seed(*[{"FR": "OLD", "GB": "ACME GB", "DE": "OLD"}, {}] * 50))
        countries = {"FR": "ACME FR", "GB": "ACME GB", "DE": None}
        wanted = make_all_desired(
            [mg(number) for number in range(1, 101)], {"country_senders": countries}, locate=lambda one: one
        )
        client = make_client(simulator, concurrency=20)
        outcomes = reconcile_all(client, wanted, concurrency=20, check_mode=False)
        assert Counter(one.action for one in outcomes) == {
            "replaced": 50, "unchanged": 100, "deleted": 50, "created": 100,
        }  # fmt: skip
        # A GET for each Service, two requests for each replacement, and one for each other change.
        assert len(simulator.requests()) == client.requests_sent == 100 + 2 * 50 + 50 + 100
        assert requests(simulator, DEFAULT) == []
        assert all(
            simulator.country_senders(mg(number)) == {"FR": "ACME FR", "GB": "ACME GB"} for number in range(1, 101)
        )


class TestDefaultSender:
    """A row that has a country is never the default sender, whichever listing shows it."""

    OTHERS = (desired_in(SID, "FR", "KEEP FR"), desired_in(SID, "GB", "ACME"))

    @pytest.mark.parametrize(
        ("default", "want", "action", "now"),
        [
            (None, desired(SID, "ACME"), "created", ["ACME"]),
            (None, desired(SID, None, "absent"), "unchanged", []),
            (None, desired(SID, "ACME", "absent"), "unchanged", []),
            ("ACME", desired(SID, "ACME"), "unchanged", ["ACME"]),
            ("OLD", desired(SID, "ACME"), "replaced", ["ACME"]),
            ("OLD", desired(SID, "ACME", replace=False), "failed", ["OLD"]),
            ("OLD", desired(SID, None, "absent"), "deleted", []),
            ("OLD", desired(SID, "KEEP FR", "absent"), "unchanged", ["OLD"]),
        ],
    )
    @pytest.mark.parametrize("order", ["default first", "countries first", "alone"])
    def test_is_planned_without_the_rows_of_countries(
        self,
        simulator: Simulator,
        listing: str,
        default: str | None,
        want: Desired,
        action: str,
        now: list[str],
        order: str,
    ) -> None:
        if order == "alone" and listing == HIDDEN:
            pytest.skip("only the other listing shows which rows have a country")
        by_country = {"FR": "KEEP FR", "GB": "ACME"}
        simulator.reset(seed({**by_country, **({"": default} if default else {})}))
        others = () if order == "alone" else self.OTHERS
        wanted = [*others, want] if order == "countries first" else [want, *others]
        outcome = next(one for one in run(simulator, *wanted) if one.desired is want)
        assert (outcome.action, outcome.before, simulator.senders(SID)) == (action, default, now)
        assert outcome.cause != "several"
        assert warning(outcome) is None
        assert simulator.country_senders(SID) == by_country

    @pytest.mark.parametrize("kind", ["reset", "not_found", "garbage"])
    @pytest.mark.parametrize("method", ["DELETE", "POST"])
    @pytest.mark.parametrize("order", [1, -1])
    def test_is_not_confused_with_a_country_that_was_changed_before(
        self, simulator: Simulator, kind: str, method: str, order: int
    ) -> None:
        fault = {"kind": kind, "method": method, "resource": DEFAULT, "count": 2}
        simulator.reset(seed({"": "OLD", "FR": "OLD FR"}), [fault])
        wanted = [desired(SID, "ACME"), desired_in(SID, "FR", "ACME FR")][::order]
        assert [one.action for one in run(simulator, *wanted)] == ["replaced", "replaced"]
        assert (simulator.senders(SID), simulator.country_senders(SID)) == (["ACME"], {"FR": "ACME FR"})

    def test_is_not_confused_with_the_country_of_another_writer(self, simulator: Simulator) -> None:
        lost = {"kind": "reset", "method": "POST", "resource": DEFAULT}
        other = {"kind": "other_writer", "method": "DELETE", "resource": DEFAULT, "country": "DE", "sender": "OTHER"}
        simulator.reset(seed({"": "OLD", "FR": "ACME FR"}), [other, lost])
        wanted = [desired(SID, "ACME"), desired_in(SID, "FR", "ACME FR")]
        assert [one.action for one in run(simulator, *wanted)] == ["replaced", "unchanged"]
        assert simulator.senders(SID) == ["ACME"]
        assert simulator.country_senders(SID) == {"FR": "ACME FR", "DE": "OTHER"}

    @pytest.mark.parametrize("late", range(1, 9))
    def test_is_not_confused_with_a_country_that_is_deleted_meanwhile(self, simulator: Simulator, late: int) -> None:
        # AlphaSenders still shows the row, and the listing of countries does not any more.
        deleted = {"kind": "late", "method": "DELETE", "resource": BY_COUNTRY, "answer": "success", "requests": late}
        simulator.reset(seed({"": "OLD", "FR": "OTHER"}, refused=["ACME"]), [deleted])
        [_country, default] = run(simulator, desired_in(SID, "FR", None, "absent"), desired(SID, "ACME"))
        simulator.commit_late()
        assert (default.before, default.after, default.restored, default.lost) == ("OLD", "OLD", True, None)
        assert simulator.senders(SID) == ["OLD"]

    def test_is_restored_when_the_desired_one_is_refused(self, simulator: Simulator) -> None:
        simulator.reset(seed({"": "OLD", "FR": "KEEP FR"}, refused=["ACME"]))
        [outcome, country] = run(simulator, desired(SID, "ACME"), desired_in(SID, "FR", "KEEP FR"))
        assert (outcome.restored, outcome.lost, country.action) == (True, None, "unchanged")
        assert (simulator.senders(SID), simulator.country_senders(SID)) == (["OLD"], {"FR": "KEEP FR"})


class TestRestore:
    def test_restores_old_sender_of_the_country_when_create_is_refused(self, simulator: Simulator) -> None:
        simulator.reset(seed({"": "ACME GB", "FR": "OLD"}, refused=["ACME"]))
        [outcome] = run(simulator, desired_in(SID, "FR", "ACME"))
        assert requests(simulator) == ["GET", "DELETE", "POST", "GET", "POST"]
        assert (outcome.restored, outcome.lost, outcome.after, outcome.changed) == (True, None, "OLD", False)
        assert simulator.country_senders(SID) == {"FR": "OLD"}
        assert message(outcome).startswith(f"{SID} (FR): 'ACME' could not be created: ")
        assert "The old alpha sender 'OLD' was restored" in message(outcome)
        forms = [entry["form"] for entry in simulator.journal if entry["method"] == "POST"]
        assert [form["IsoCountryCode"] for form in forms] == ["FR", "FR"]

    def test_names_the_lost_sender_with_its_country_and_the_command(self, simulator: Simulator) -> None:
        simulator.reset(seed({"NO": "OLD", "GB": "OLD GB"}, refused=["ACME", "OLD"]))
        outcomes = run(simulator, desired_in(SID, "NO", "ACME"), desired_in(SID, "GB", "ACME"))
        assert [one.action for one in outcomes] == ["failed", "skipped"]
        assert simulator.country_senders(SID) == {"GB": "OLD GB"}
        [fields, skipped] = [outcome_fields(one) for one in outcomes]
        assert (fields["lost_sender"], fields["iso_country_code"]) == ("OLD", "NO")
        command = recovery_command(outcomes[0].desired.slot, "OLD")
        assert fields["recovery_command"] == command
        assert fields["msg"].endswith(f"To restore it, run: {command}")
        assert skipped["msg"] == f"{SID} (GB) was not changed, because the run was stopped"
        text = bulk_result(outcomes)["msg"]
        assert f"1 of 2 senders of 1 Service failed, 1 skipped. Lost senders: {SID} (NO) 'OLD'" in text

    def test_refused_permission_ends_the_other_slots_of_the_service(self, simulator: Simulator) -> None:
        """A create that is refused for all would cost the next slot its sender."""
        simulator.reset(seed({"FR": "OLD FR", "GB": "OLD GB"}, refuse_creates={"status": 403, "code": 70051}))
        outcomes = run(simulator, desired(SID, "ACME"), desired_in(SID, "FR", "NEW"), desired_in(SID, "GB", "NEW"))
        assert [one.action for one in outcomes] == ["failed", "skipped", "skipped"]
        assert simulator.country_senders(SID) == {"FR": "OLD FR", "GB": "OLD GB"}
        assert "DELETE" not in simulator.requests()

    def test_refused_value_of_one_country_leaves_the_others_to_go_on(self, simulator: Simulator) -> None:
        simulator.reset(seed({"FR": "OLD FR", "GB": "OLD GB"}, refused=["BAD"]))
        outcomes = run(simulator, desired_in(SID, "FR", "BAD"), desired_in(SID, "GB", "NEW"))
        assert [one.action for one in outcomes] == ["failed", "replaced"]
        assert simulator.country_senders(SID) == {"FR": "OLD FR", "GB": "NEW"}


@pytest.mark.parametrize("country", ["NO", "FR", "YE"])
@pytest.mark.parametrize("value", ["ACME", "NO", "O & M", "1e5", "off", "null", "+1"])
@pytest.mark.parametrize("account_sid", [None, ACCOUNT_SID])
def test_recovery_command_creates_the_sender_of_the_country(country: str, value: str, account_sid: str | None) -> None:
    command = recovery_command(Slot(COUNTRY_SENDER, SID, country, account_sid), value)
    program, playbook, flag, variables = shlex.split(command)
    assert [program, playbook, flag] == ["ansible-playbook", "messaging.twilio.apply", "-e"]
    service: object = SID if account_sid is None else {"service_sid": SID, "account_sid": account_sid}
    given = yaml.safe_load(variables)
    assert given == {"alpha_sender_country_senders": {country: value}, "alpha_sender_services": [service]}
    common = {"country_senders": given["alpha_sender_country_senders"]}
    [want] = make_all_desired(given["alpha_sender_services"], common, locate=lambda one: one)
    assert want == Desired(Slot(COUNTRY_SENDER, SID, country, account_sid), value)


class TestRaces:
    def other(self, method: str, sender: str | None, country: str = "FR", **more: Any) -> dict[str, Any]:
        return {"kind": "other_writer", "method": method, "sender": sender, "country": country, **more}

    def test_is_unchanged_when_another_writer_creates_the_same_sender(self, simulator: Simulator) -> None:
        simulator.reset(seed({}), [self.other("POST", "ACME")])
        [outcome] = run(simulator, desired_in(SID, "FR", "ACME"))
        assert (outcome.action, outcome.changed) == ("unchanged", False)

    def test_replaces_the_sender_of_another_writer_once(self, simulator: Simulator) -> None:
        simulator.reset(seed({"GB": "KEEP"}), [self.other("POST", "OTHER")])
        [outcome] = run(simulator, desired_in(SID, "FR", "ACME"))
        assert (outcome.action, simulator.country_senders(SID)) == ("created", {"GB": "KEEP", "FR": "ACME"})
        assert warning(outcome) == f"{SID} (FR): somebody else set 'OTHER' meanwhile, it was replaced"
        assert requests(simulator) == ["GET", "POST", "GET", "DELETE", "POST"]

    def test_writer_of_another_country_is_no_race(self, simulator: Simulator) -> None:
        simulator.reset(seed({"FR": "OLD"}), [self.other("POST", "OTHER", "GB"), self.other("DELETE", "OTHER", "")])
        [outcome] = run(simulator, desired_in(SID, "FR", "ACME"))
        assert (outcome.action, requests(simulator)) == ("replaced", ["GET", "DELETE", "POST"])
        assert simulator.country_senders(SID) == {"FR": "ACME", "GB": "OTHER"}
        assert simulator.senders(SID) == ["OTHER"]

    def test_reads_back_when_another_writer_deletes_first(self, simulator: Simulator) -> None:
        simulator.reset(seed({"FR": "OLD"}), [self.other("DELETE", None)])
        [outcome] = run(simulator, desired_in(SID, "FR", "ACME"))
        assert (outcome.action, requests(simulator)) == ("replaced", ["GET", "DELETE", "POST", "GET"])

    def test_waits_for_a_listing_that_lags(self, simulator: Simulator) -> None:
        simulator.reset(seed({"FR": "OLD"}))
        assert run(simulator, desired_in(SID, "FR", "NEW"))[0].action == "replaced"
        simulator.set_faults([{"kind": "lag", "behind": 2, "count": 3}])
        assert run(simulator, desired_in(SID, "FR", "THIRD"))[0].action == "replaced"
        assert simulator.country_senders(SID) == {"FR": "THIRD"}


def killed(folder: Path, *slots: Slot) -> None:
    """A run that recorded the sender OLD of each slot and was killed."""

    def record() -> None:
        journal = Journal(str(folder))
        for number, slot in enumerate(slots):
            journal.record(slot, f"OLD {slot.country or ''}".strip(), f"AI{number + 240:032x}")
        os._exit(9)

    process = multiprocessing.get_context("fork").Process(target=record)
    process.start()
    process.join()
    assert process.exitcode == 9


class TestJournal:
    SLOTS = (desired(SID, None).slot, desired_in(SID, "FR", None).slot, desired_in(SID, "GB", None).slot)

    def rollout(
        self, simulator: Simulator, folder: Path, *wanted: Desired
    ) -> tuple[list[Outcome], list[dict[str, Any]]]:
        client = make_client(simulator, concurrency=2, max_retries=0)
        with Journal(str(folder)) as journal:
            journal.claim(one.slot for one in wanted)
            outcomes = reconcile_all(client, wanted, concurrency=2, check_mode=False, journal=journal)
            left = find_unrecovered(client, journal, outcomes, concurrency=2)
        return outcomes, unrecovered_result(left)["unrecovered"]

    def test_two_countries_in_one_run_keep_their_own_entries(self, simulator: Simulator, tmp_path: Path) -> None:
        unread = {"kind": "status", "status": 500, "method": "GET", "skip": 1, "count": 99}
        lost = {"kind": "reset", "method": "POST", "count": 1}
        simulator.reset(seed({"FR": "OLD FR", "GB": "OLD GB"}), [lost, unread])
        wanted = [desired_in(SID, "FR", "NEW"), desired_in(SID, "GB", "NEW")]
        outcomes, _left = self.rollout(simulator, tmp_path, *wanted)
        # The state of the first is unknown, so the second is not begun.
        assert [(one.action, one.lost) for one in outcomes] == [("failed", "OLD FR"), ("skipped", None)]
        entries = Journal(str(tmp_path), check_mode=True).open_entries()
        assert [(one.slot.country, one.value) for one in entries] == [("FR", "OLD FR")]

    def test_writes_and_clears_an_entry_for_each_country(self, simulator: Simulator, tmp_path: Path) -> None:
        simulator.reset(seed({"": "OLD", "FR": "OLD FR", "GB": "OLD GB"}))
        recorded: list[tuple[str, str | None, str]] = []

        class Watching(Journal):
            def record(self, slot: Slot, value: str, sid: str) -> None:
                super().record(slot, value, sid)
                recorded.append((slot.resource.name, slot.country, value))
                # What was recorded for the slots before is cleared by now.
                assert [entry.value for entry in self.open_entries()] == [value]

        with Watching(str(tmp_path)) as journal:
            wanted = [desired(SID, "NEW"), desired_in(SID, "FR", "NEW"), desired_in(SID, "GB", "NEW")]
            run(simulator, *wanted, journal=journal)
        assert recorded == [
            ("alpha_sender", None, "OLD"),
            ("country_sender", "FR", "OLD FR"),
            ("country_sender", "GB", "OLD GB"),
        ]
        assert [*tmp_path.iterdir()] == []

    def test_restores_what_a_killed_run_deleted_in_each_slot(self, simulator: Simulator, tmp_path: Path) -> None:
        killed(tmp_path, *self.SLOTS)
        simulator.reset(seed({"DE": "KEEP"}, refused=["NEW"]))
        wanted = [desired(SID, "NEW"), desired_in(SID, "FR", "NEW"), desired_in(SID, "GB", "NEW")]
        outcomes, left = self.rollout(simulator, tmp_path, *wanted)
        assert [(one.action, one.restored) for one in outcomes] == [("failed", True)] * 3
        assert simulator.senders(SID) == ["OLD"]
        assert simulator.country_senders(SID) == {"DE": "KEEP", "FR": "OLD FR", "GB": "OLD GB"}
        assert (left, [*tmp_path.iterdir()]) == ([], [])

    def test_reports_the_country_of_an_entry_that_this_run_does_not_bring_to_an_end(
        self, simulator: Simulator, tmp_path: Path
    ) -> None:
        killed(tmp_path, *self.SLOTS[1:])
        simulator.reset(seed({"": "ACME", "GB": "NEW GB"}))
        outcomes, left = self.rollout(simulator, tmp_path, desired(SID, "ACME"))
        assert [one.action for one in outcomes] == ["unchanged"]
        # The default sender, and that of GB, say nothing about that of FR.
        [entry] = left
        assert (entry["service_sid"], entry["iso_country_code"], entry["lost_sender"]) == (SID, "FR", "OLD FR")
        assert entry["state_unknown"] is False
        assert entry["recovery_command"] == recovery_command(self.SLOTS[1], "OLD FR")
        found = Journal(str(tmp_path), check_mode=True).open_entries()
        assert [one.slot.key for one in found] == [self.SLOTS[1].key]

    def test_default_sender_does_not_close_the_entry_of_a_country(self, simulator: Simulator, tmp_path: Path) -> None:
        killed(tmp_path, self.SLOTS[1])
        simulator.reset(seed({"": "OLD FR"}))
        _outcomes, left = self.rollout(simulator, tmp_path, desired_in(SID, "GB", "NEW"))
        assert [entry["iso_country_code"] for entry in left] == ["FR"]


class TestResult:
    def test_summary_counts_senders_and_services(self, simulator: Simulator) -> None:
        simulator.reset(seed(*[{"": "ACME", "FR": "OLD"}] * 30))
        services = [mg(number) for number in range(1, 31)]
        common = {"alpha_sender": "ACME", "country_senders": {"FR": "ACME FR", "GB": "ACME GB"}}
        wanted = make_all_desired(services, common, locate=lambda one: one)
        client = make_client(simulator, concurrency=5)
        result = bulk_result(reconcile_all(client, wanted, concurrency=5, check_mode=False))
        line = "90 senders of 30 Services: 30 created, 30 replaced, 0 deleted, 30 unchanged, 0 failed"
        assert (result["msg"].splitlines()[0], result["summary"]["total"]) == (line, 90)
        assert result["msg"].splitlines()[1:] == ["Changed: OLD → ACME FR (30), none → ACME GB (30)"]
        assert [(one["service_sid"], one["iso_country_code"]) for one in result["outcomes"][:4]] == [
            (mg(1), None),
            (mg(1), "FR"),
            (mg(1), "GB"),
            (mg(2), None),
        ]
        diff = result["diff"]["prepared"]
        assert diff.startswith(f"OLD → ACME FR: 30\n  {mg(1)} (FR)\n  {mg(2)} (FR)\n")
        assert f"none → ACME GB: 30\n  {mg(1)} (GB)\n" in diff
        assert [(one["alpha_sender"], one["iso_country_code"], one["services"]) for one in result["desired"]] == [
            ("ACME", None, 30),
            ("ACME FR", "FR", 30),
            ("ACME GB", "GB", 30),
        ]

    def test_line_says_senders_for_one_country_of_one_service(self, simulator: Simulator) -> None:
        simulator.reset(seed({}))
        result = bulk_result(run(simulator, desired_in(SID, "FR", "ACME"), check_mode=True), check_mode=True)
        assert result["msg"] == (
            "1 sender of 1 Service: 1 created, 0 replaced, 0 deleted, 0 unchanged, 0 failed "
            "(check mode, nothing is changed)\nWould change: none → ACME (1)"
        )

    def test_progress_counts_senders(self, simulator: Simulator, tmp_path: Path) -> None:
        simulator.reset(seed({}, {}))
        wanted = [desired_in(mg(number), country, "ACME") for number in (1, 2) for country in ("FR", "GB")]
        path = tmp_path / "progress"
        progress = write_progress(str(path), wanted, 0)
        client = make_client(simulator)
        reconcile_all(client, wanted, concurrency=1, check_mode=False, progress=progress)
        assert without_times(path) == [
            "Desired: ACME for 4 senders of 2 Services",
            "2 of 4 senders of 2 Services done: 2 created, 0 replaced, 0 deleted, 0 unchanged, 0 failed. 2 left",
            "4 of 4 senders of 2 Services done: 4 created, 0 replaced, 0 deleted, 0 unchanged, 0 failed. 0 left",
        ]

    def test_slots_of_one_service_are_reconciled_together_wherever_they_stand(self, simulator: Simulator) -> None:
        simulator.reset(seed({}, {}))
        wanted = [
            desired_in(mg(1), "FR", "ACME"),
            desired(mg(2), "ACME"),
            desired_in(mg(1), "GB", "ACME"),
            desired(mg(1), "ACME"),
        ]
        outcomes = reconcile_all(make_client(simulator), wanted, concurrency=1, check_mode=False)
        assert [one.desired for one in outcomes] == wanted
        assert [one.action for one in outcomes] == ["created"] * 4
        assert simulator.requests(mg(1)) == ["GET", "GET", "POST", "POST", "POST"]


class TestReading:
    def test_reads_all_countries_with_one_listing(self, simulator: Simulator) -> None:
        simulator.reset(seed({"": "ACME", "FR": "ACME FR", "gb": "ACME GB"}))
        slots = [
            Slot(COUNTRY_SENDER, SID, ALL_COUNTRIES),
            Slot(ALPHA_SENDER, SID),
            Slot(COUNTRY_SENDER, SID, "GB"),
            Slot(COUNTRY_SENDER, SID, "DE"),
        ]
        found = [[row["alpha_sender"] for row in rows] for rows in read_slots(make_client(simulator), slots)]
        assert found == [["ACME FR", "ACME GB"], ["ACME"], ["ACME GB"], []]
        assert (requests(simulator, DEFAULT), requests(simulator)) == (["GET"], ["GET"])

    def test_error_of_one_listing_is_that_of_the_service(self, simulator: Simulator) -> None:
        fault = {"kind": "status", "status": 400, "resource": BY_COUNTRY, "service": mg(1), "count": 9}
        simulator.reset(seed({"": "ACME"}, {"": "ACME"}), [fault])
        slots = [
            slot
            for sid in (mg(1), mg(2))
            for slot in (Slot(ALPHA_SENDER, sid), Slot(COUNTRY_SENDER, sid, ALL_COUNTRIES))
        ]
        found = read_all(make_client(simulator, max_retries=0), slots, concurrency=2)
        assert [isinstance(rows, ApiError) for rows in found] == [True, True, False, False]

    def test_services_with_senders_have_those_of_countries_if_asked_for(self, simulator: Simulator) -> None:
        simulator.reset(
            seed({"": "ACME", "FR": "ACME FR"}, {"GB": "ACME GB"}, {"": "C"}),
            [{"kind": "status", "status": 400, "resource": BY_COUNTRY, "service": mg(3), "count": 9}],
        )
        client = make_client(simulator, max_retries=0)
        services = list_services(client)
        simulator.journal.clear()
        result = services_with_senders(client, services, country_senders=True, concurrency=2)
        names = [
            {
                key: one[key] and [row["alpha_sender"] for row in one[key]]
                for key in ("alpha_senders", "country_senders")
            }
            for one in result["services"]
        ]
        assert names == [
            {"alpha_senders": ["ACME"], "country_senders": ["ACME FR"]},
            {"alpha_senders": [], "country_senders": ["ACME GB"]},
            {"alpha_senders": None, "country_senders": None},
        ]
        assert [row["iso_country_code"] for row in result["services"][0]["country_senders"]] == ["FR"]
        assert [error["service_sid"] for error in result["errors"]] == [mg(3)]
        assert "The alpha senders of 1 of 3 Services could not be read" in result["warnings"][0]
        assert len(simulator.requests()) == 6

    def test_services_with_senders_do_not_read_countries_by_default(self, simulator: Simulator, listing: str) -> None:
        simulator.reset(seed({"": "ACME", "FR": "ACME FR"}))
        client = make_client(simulator)
        [service] = services_with_senders(client, list_services(client), country_senders=False, concurrency=1)[
            "services"
        ]
        assert "country_senders" not in service
        assert requests(simulator) == []
        if listing != HIDDEN:
            assert [row["alpha_sender"] for row in service["alpha_senders"]] == ["ACME"]


class TestAudit:
    def rows(
        self, simulator: Simulator, services: list[object], *, all_countries: bool = False, **common: Any
    ) -> list[dict[str, Any]]:
        client = make_client(simulator, max_retries=0)
        desired_states, others = make_compared(services, common, locate=lambda one: one, all_countries=all_countries)
        return audit(client, desired_states, others, [], concurrency=2)

    def brief(self, rows: list[dict[str, Any]]) -> list[tuple[object, ...]]:
        keys = ("service_sid", "iso_country_code", "alpha_sender", "desired", "matches")
        return [tuple(row[key] for key in keys) for row in rows]

    def test_compares_countries(self, simulator: Simulator, tmp_path: Path) -> None:
        simulator.reset(seed({"": "ACME", "FR": "ACME FR", "GB": "OLD GB"}, {"FR": "ACME FR"}))
        rows = self.rows(
            simulator,
            [mg(1), mg(2)],
            alpha_sender="ACME",
            country_senders={"FR": "ACME FR", "gb": "ACME GB", "DE": None},
        )
        assert self.brief(rows) == [
            (mg(1), None, "ACME", "ACME", True),
            (mg(1), "FR", "ACME FR", "ACME FR", True),
            (mg(1), "GB", "OLD GB", "ACME GB", False),
            (mg(1), "DE", None, None, True),
            (mg(2), None, None, "ACME", False),
            (mg(2), "FR", "ACME FR", "ACME FR", True),
            (mg(2), "GB", None, "ACME GB", False),
            (mg(2), "DE", None, None, True),
        ]
        result = audit_result(ALPHA_SENDER, rows, table_rows=9)
        assert result["msg"] == (
            "8 slots of 2 Services: 4 with alpha sender, 4 without, 5 as desired, 3 drifted, 0 unread"
        )
        assert result["senders"] == {"ACME FR": 2, "ACME": 1, "OLD GB": 1}
        assert set(simulator.requests()) == {"GET"}
        assert len(simulator.requests()) == 4
        write_files({"csv_path": str(tmp_path / "rows.csv")}, result)
        with open(tmp_path / "rows.csv", encoding="utf-8", newline="") as file:
            assert [row["iso_country_code"] for row in csv.DictReader(file)][:4] == ["", "FR", "GB", "DE"]

    def test_reads_all_countries_and_compares_those_with_a_desired_sender(self, simulator: Simulator) -> None:
        simulator.reset(seed({"": "ACME", "GB": "B", "FR": "F", "DE": "D"}, {"": "ACME"}, {"FR": "F"}))
        entry = {"service_sid": mg(1), "alpha_sender": "ACME", "country_senders": {"FR": "X"}}
        rows = self.rows(simulator, [entry, mg(2), mg(3)], all_countries=True)
        assert self.brief(rows) == [
            (mg(1), None, "ACME", "ACME", True),
            (mg(1), "FR", "F", "X", False),
            (mg(2), None, "ACME", None, None),
            (mg(3), None, None, None, None),
            (mg(1), "DE", "D", None, None),
            (mg(1), "GB", "B", None, None),
            (mg(3), "FR", "F", None, None),
        ]
        assert len(simulator.requests()) == 6

    def test_service_that_cannot_be_read_is_unread_once(self, simulator: Simulator) -> None:
        fault = {"kind": "status", "status": 400, "resource": BY_COUNTRY, "service": mg(1), "count": 9}
        simulator.reset(seed({"": "ACME", "FR": "F"}, {"": "ACME", "FR": "F"}), [fault])
        rows = self.rows(simulator, [mg(1), mg(2)], all_countries=True)
        assert self.brief(rows) == [
            (mg(1), None, None, None, None),
            (mg(2), None, "ACME", None, None),
            (mg(2), "FR", "F", None, None),
        ]
        assert "HTTP 400" in rows[0]["msg"]
        assert audit_result(ALPHA_SENDER, rows, table_rows=9)["summary"]["unread"] == 1


#: An answer that never comes is the same as a reset connection, and takes the timeout each time.
QUICK_FAULTS = [name for name, fault in FAULTS.items() if fault["kind"] != "hang"]


@pytest.mark.parametrize("how_often", COUNTS)
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", QUICK_FAULTS)
def test_fault_is_the_same_for_a_country_as_for_the_default_sender(
    simulator: Simulator, listing: str, stage: str, name: str, how_often: str
) -> None:
    """Every fault once and always. Nothing is lost silently, and the other slots of the Service stay as they are."""
    where, before, refused = STAGES[stage]
    results = []
    for want, country in ((desired(SID, "ACME"), ""), (desired_in(SID, "FR", "ACME"), "FR")):
        if listing == HIDDEN and not country:
            continue
        fault = {**FAULTS[name], **where, "count": COUNTS[how_often]}
        fault.update({"country": country} if fault["kind"] == "other_writer" else {})
        others = {other: "KEEP" for other in ("", "FR", "GB") if other != country}
        simulator.reset(seed({country: "OLD", **others}, refused=refused), [*before, fault])
        [outcome] = run(simulator, want, max_retries=2)
        methods = simulator.requests()
        simulator.commit_late()
        there = {**simulator.country_senders(SID)}
        there.update(("", name) for name in simulator.senders(SID))
        now = there.pop(country, None)
        assert there == others
        if now is None and fault["kind"] != "other_writer":
            assert outcome.lost == "OLD"
            assert recovery_command(want.slot, "OLD") in message(outcome)
        if not outcome.unknown and outcome.cause != "not_read":
            assert outcome.after == now
        assert outcome.action != "replaced" or now == "ACME"
        results.append((outcome.action, outcome.restored, outcome.lost, outcome.unknown, outcome.fatal, now, methods))
    assert len({str(result) for result in results}) == 1


def test_client_sends_the_form_of_the_resource(simulator: Simulator) -> None:
    simulator.reset(seed({}))
    client: Client = make_client(simulator)
    path = COUNTRY_SENDER.collection(SID)
    created = client.create(path, COUNTRY_SENDER.form("ACME", "FR"))
    assert (created["iso_country_code"], created["alpha_sender"]) == ("FR", "ACME")
    assert client.delete(COUNTRY_SENDER.member(SID, created["sid"])) is True
    assert ALPHA_SENDER.form("ACME", "FR") == {"AlphaSender": "ACME"}
