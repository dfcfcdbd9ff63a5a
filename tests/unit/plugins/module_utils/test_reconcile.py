# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Service against the simulator: every current and desired state, check mode, rollback, races, lost answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._gate import Gate
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message, recovery_command, warning
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired
from ansible_collections.messaging.twilio.plugins.module_utils._results import outcome_fields, single_result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator import Simulator
from support.account import mg, seed
from support.client import make_client
from support.desired import desired, reconcile_one

pytestmark = pytest.mark.usefixtures("country_rows")

SID = mg(1)
Fault = dict[str, Any]


def run(
    simulator: Simulator, want: Desired, *, check_mode: bool = False, journal: Journal | None = None, **changed: Any
) -> Outcome:
    client = make_client(simulator, **changed)
    return reconcile_one(client, want, check_mode=check_mode, journal=journal)


@pytest.mark.parametrize(
    ("current", "want", "action", "requests", "remaining"),
    [
        ([], desired(SID, "ACME"), "created", ["GET", "POST"], ["ACME"]),
        (["ACME"], desired(SID, "ACME"), "unchanged", ["GET"], ["ACME"]),
        (["Acme"], desired(SID, "ACME"), "replaced", ["GET", "DELETE", "POST"], ["ACME"]),
        (["OLD"], desired(SID, "ACME", replace=False), "failed", ["GET"], ["OLD"]),
        (["ACME"], desired(SID, None, "absent"), "deleted", ["GET", "DELETE"], []),
        (["ACME"], desired(SID, "ACME", "absent"), "deleted", ["GET", "DELETE"], []),
        (["OTHER"], desired(SID, "ACME", "absent"), "unchanged", ["GET"], ["OTHER"]),
        ([], desired(SID, "ACME", "absent"), "unchanged", ["GET"], []),
        ([], desired(SID, None, "absent"), "unchanged", ["GET"], []),
        (["OLD", "ACME"], desired(SID, "ACME"), "unchanged", ["GET"], ["OLD", "ACME"]),
        (["OLD", "OTHER"], desired(SID, "ACME"), "failed", ["GET"], ["OLD", "OTHER"]),
        (["OLD", "OTHER"], desired(SID, None, "absent"), "failed", ["GET"], ["OLD", "OTHER"]),
        (["OLD", "ACME"], desired(SID, "ACME", "absent"), "deleted", ["GET", "DELETE"], ["OLD"]),
    ],
)
def test_sends_the_requests_of_each_row_of_the_table_and_no_more(
    simulator: Simulator, current: list[str], want: Desired, action: str, requests: list[str], remaining: list[str]
) -> None:
    simulator.reset(seed(current))
    outcome = run(simulator, want)
    assert (outcome.action, simulator.requests(), simulator.senders(SID)) == (action, requests, remaining)
    assert outcome.after == (", ".join(remaining) or None)
    assert outcome.before == (", ".join(current) or None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    current=st.lists(st.sampled_from(("ACME", "Acme", "OLD")), max_size=3),
    value=st.sampled_from(("ACME", "OLD", "NEW", None)),
    state=st.sampled_from(("present", "absent")),
    replace=st.booleans(),
)
def test_predicts_the_real_run_in_check_mode(
    simulator: Simulator, current: list[str], value: str | None, state: str, replace: bool
) -> None:
    if state == "present" and value is None:
        return
    want = desired(SID, value, state, replace)
    simulator.reset(seed(current))
    planned = run(simulator, want, check_mode=True)
    assert simulator.requests() == ["GET"]
    assert simulator.senders(SID) == current
    done = run(simulator, want)
    for name in ("action", "changed", "before", "after", "cause"):
        assert getattr(planned, name) == getattr(done, name), name
    assert message(planned) == message(done)
    assert warning(planned) == warning(done)
    assert outcome_fields(planned) == outcome_fields(done)
    assert single_result(planned)["diff"] == single_result(done)["diff"]
    again = run(simulator, want)
    assert again.action == ("failed" if done.action == "failed" else "unchanged")
    assert not again.changed


def test_returns_the_resource_of_the_answer(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    result = single_result(run(simulator, desired(SID, "ACME")))
    created = [*simulator.account.services[SID].senders.values()][-1]
    if simulator.alpha_senders_lists_countries:
        created = {**created, "iso_country_code": ""}
    assert result["alpha_sender"] == created
    assert single_result(run(simulator, desired(SID, "ACME")))["alpha_sender"] == result["alpha_sender"]
    assert single_result(run(simulator, desired(SID, None, "absent")))["alpha_sender"] == {}


def test_returns_what_is_known_of_a_new_sender_in_check_mode(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    result = single_result(run(simulator, desired(SID, "ACME"), check_mode=True))
    assert result["alpha_sender"] == {"service_sid": SID, "alpha_sender": "ACME"}


class TestRollback:
    def test_restores_old_sender_when_create_is_refused(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"], refused=["ACME"]))
        outcome = run(simulator, desired(SID, "ACME"))
        assert simulator.requests() == ["GET", "DELETE", "POST", "GET", "POST"]
        assert simulator.senders(SID) == ["OLD"]
        assert (outcome.action, outcome.restored, outcome.lost, outcome.changed) == ("failed", True, None, False)
        assert outcome.after == "OLD"
        for part in (SID, "'ACME'", "'OLD'", "restored", "21709"):
            assert part in message(outcome)

    def test_names_the_lost_sender_and_the_command_when_restoring_fails(self, simulator: Simulator) -> None:
        simulator.reset(seed(["O & M"], refused=["ACME", "O & M"]))
        outcome = run(simulator, desired(SID, "ACME"))
        assert simulator.senders(SID) == []
        assert (outcome.restored, outcome.lost, outcome.after, outcome.changed) == (False, "O & M", None, True)
        assert not outcome.unknown
        assert outcome.fatal
        assert "LOST" in message(outcome)
        assert message(outcome).endswith(f"To restore it, run: {recovery_command(desired(SID, None).slot, 'O & M')}")

    def test_is_unknown_when_nothing_can_be_read_after_a_failed_rollback(self, simulator: Simulator) -> None:
        unread = {"kind": "status", "method": "GET", "status": 400, "skip": 2, "count": 9}
        simulator.reset(seed(["OLD"], refused=["ACME", "OLD"]), [unread])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.lost, outcome.unknown) == ("OLD", True)

    def test_restores_although_the_answer_is_lost(self, simulator: Simulator) -> None:
        simulator.reset(
            seed(["OLD"], refused=["ACME"]), [{"kind": "reset", "method": "POST", "skip": 1, "after": True}]
        )
        outcome = run(simulator, desired(SID, "ACME"))
        assert simulator.senders(SID) == ["OLD"]
        assert outcome.restored
        assert simulator.requests() == ["GET", "DELETE", "POST", "GET", "POST", "GET"]

    def test_keeps_the_sender_of_another_writer(self, simulator: Simulator) -> None:
        other = {"kind": "other_writer", "method": "POST", "skip": 1, "sender": "OTHER"}
        simulator.reset(seed(["OLD"], refused=["ACME"]), [other])
        outcome = run(simulator, desired(SID, "ACME"))
        assert simulator.senders(SID) == ["OTHER"]
        assert (outcome.restored, outcome.lost, outcome.after) == (False, "OLD", "OTHER")
        assert "'OTHER'" in message(outcome)

    def test_succeeds_when_a_refused_create_is_carried_out_late(self, simulator: Simulator) -> None:
        refused = {"kind": "status", "status": 400, "method": "POST"}
        late = {"kind": "other_writer", "method": "POST", "sender": "ACME"}
        simulator.reset(seed(["OLD"]), [refused, late])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, outcome.before, outcome.after) == ("replaced", "OLD", "ACME")
        assert simulator.senders(SID) == ["ACME"]

    def test_restores_nothing_on_a_service_without_a_sender(self, simulator: Simulator) -> None:
        simulator.reset(seed([], refused=["ACME"]))
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.restored, outcome.lost, outcome.after) == (False, None, None)
        assert "as before" in message(outcome)


LOST_ANSWERS: list[Fault] = [
    {"kind": "reset"},
    {"kind": "cut"},
    {"kind": "garbage"},
    {"kind": "hang"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 502, "body": "<html>"},
]


def timeout_for(fault: Fault) -> float:
    """A timeout that only an answer that never comes exceeds, however slow the machine is."""
    return 1 if fault["kind"] == "hang" else 30


def unread_after(requests: int) -> Fault:
    """No GET is answered after the first ``requests``."""
    return {"kind": "status", "method": "GET", "status": 500, "skip": requests, "count": 99}


class TestLostAnswers:
    @pytest.mark.parametrize("fault", LOST_ANSWERS)
    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    def test_does_not_repeat_a_write_that_was_carried_out(
        self, simulator: Simulator, fault: Fault, method: str
    ) -> None:
        simulator.reset(seed(["OLD"]), [{**fault, "method": method, "after": True}])
        outcome = run(simulator, desired(SID, "ACME"), timeout=timeout_for(fault))
        assert (outcome.action, outcome.before, outcome.after) == ("replaced", "OLD", "ACME")
        assert simulator.senders(SID) == ["ACME"]
        assert simulator.requests().count("POST") == simulator.requests().count("DELETE") == 1

    @pytest.mark.parametrize("fault", [fault for fault in LOST_ANSWERS if fault["kind"] not in ("cut", "garbage")])
    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    def test_repeats_a_write_that_was_not_carried_out_after_reading(
        self, simulator: Simulator, fault: Fault, method: str
    ) -> None:
        simulator.reset(seed(["OLD"]), [{**fault, "method": method}])
        outcome = run(simulator, desired(SID, "ACME"), timeout=timeout_for(fault))
        assert (outcome.action, simulator.senders(SID)) == ("replaced", ["ACME"])
        assert [entry["method"] for entry in simulator.journal if entry.get("took")] == ["DELETE", "POST"]
        failed = simulator.requests().index(method)
        assert simulator.requests()[failed + 1] == "GET"

    def test_waits_longer_before_each_write(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Client, "backoff", staticmethod(float))
        simulator.reset(seed([]), [{"kind": "status", "status": 500, "method": "POST", "count": 4}])
        waits: list[float] = []
        client = make_client(simulator, wait=waits.append)
        assert reconcile_one(client, desired(SID, "ACME"), check_mode=False).action == "created"
        assert waits == [0, 1, 2, 3]

    def test_restores_old_sender_when_all_retries_fail(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "status", "status": 500, "method": "POST", "count": 4}])
        outcome = run(simulator, desired(SID, "ACME"), max_retries=2)
        assert (outcome.action, outcome.restored) == ("failed", True)
        assert simulator.senders(SID) == ["OLD"]

    @pytest.mark.parametrize("after", [True, False])
    def test_names_both_possible_states_when_nothing_can_be_read(self, simulator: Simulator, after: bool) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "reset", "method": "POST", "after": after}, unread_after(1)])
        outcome = run(simulator, desired(SID, "ACME"), max_retries=1)
        assert (outcome.action, outcome.unknown, outcome.lost, outcome.after) == ("failed", True, "OLD", None)
        assert "'ACME' or no alpha sender, which of the two is unknown" in message(outcome)
        assert "unexpected" not in message(outcome)
        assert outcome.changed
        assert "restore 'OLD' with" in message(outcome)
        assert recovery_command(desired(SID, None).slot, "OLD") in message(outcome)
        assert simulator.requests().count("POST") == 1

    def test_names_the_sender_or_none_when_a_deletion_cannot_be_read(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "reset", "method": "DELETE", "after": True}, unread_after(1)])
        outcome = run(simulator, desired(SID, "ACME"), max_retries=1)
        assert (outcome.unknown, outcome.lost) == (True, "OLD")
        assert "'OLD' or no alpha sender" in message(outcome)
        assert "POST" not in simulator.requests()


class TestLateWrites:
    """A write is carried out after its answer was given up."""

    def test_keeps_a_late_deletion_open_until_its_row_is_gone(self, simulator: Simulator, tmp_path: Path) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "late", "method": "DELETE", "count": 9}])
        with Journal(str(tmp_path)) as journal:
            outcome = run(simulator, desired(SID, "ACME"), journal=journal, max_retries=2)
            assert simulator.senders(SID) == ["OLD"]
            assert (outcome.action, outcome.unknown, outcome.lost, outcome.after) == ("failed", True, "OLD", None)
            assert outcome.fatal
            assert recovery_command(desired(SID, None).slot, "OLD") in message(outcome)
            assert [entry.value for entry in journal.open_entries()] == ["OLD"]
        simulator.commit_late()
        assert simulator.senders(SID) == []
        assert [entry.value for entry in Journal(str(tmp_path), check_mode=True).open_entries()] == ["OLD"]

    def test_is_unknown_when_a_late_deletion_is_then_refused(self, simulator: Simulator) -> None:
        refused = {"kind": "status", "status": 409, "method": "DELETE", "count": 9}
        simulator.reset(seed(["OLD"]), [{"kind": "late", "method": "DELETE"}, refused])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, outcome.unknown, outcome.lost) == ("failed", True, "OLD")

    def test_keeps_a_late_deletion_open_when_the_next_one_is_answered_404(self, simulator: Simulator) -> None:
        wrong = {"kind": "not_found", "method": "DELETE", "count": 99}
        simulator.reset(seed(["OLD"]), [{"kind": "late", "method": "DELETE"}, wrong])
        outcome = run(simulator, desired(SID, "ACME"), max_retries=2)
        simulator.commit_late()
        assert simulator.senders(SID) == []
        assert (outcome.action, outcome.unknown, outcome.lost) == ("failed", True, "OLD")

    @pytest.mark.parametrize("requests", [1, 2, 3])
    def test_replaces_when_a_late_deletion_is_carried_out_in_time(self, simulator: Simulator, requests: int) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "late", "method": "DELETE", "requests": requests}])
        outcome = run(simulator, desired(SID, "ACME"))
        simulator.commit_late()
        assert (outcome.action, outcome.before, outcome.after) == ("replaced", "OLD", "ACME")
        assert simulator.senders(SID) == ["ACME"]

    @pytest.mark.parametrize("requests", [1, 2, 3])
    def test_creates_once_when_a_create_is_carried_out_late(self, simulator: Simulator, requests: int) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "late", "method": "POST", "requests": requests}])
        outcome = run(simulator, desired(SID, "ACME"))
        simulator.commit_late()
        assert (outcome.action, outcome.before, outcome.after) == ("replaced", "OLD", "ACME")
        assert simulator.senders(SID) == ["ACME"]

    def test_is_unknown_when_a_create_may_still_be_carried_out(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "late", "method": "POST", "count": 9}])
        outcome = run(simulator, desired(SID, "ACME"), max_retries=1)
        assert (outcome.action, outcome.unknown, outcome.after) == ("failed", True, None)
        assert "one may appear later" in message(outcome)

    def test_stays_unknown_when_a_late_create_is_refused_the_second_time(self, simulator: Simulator) -> None:
        refused = {"kind": "status", "status": 400, "method": "POST", "count": 9}
        simulator.reset(seed([]), [{"kind": "late", "method": "POST"}, refused])
        outcome = run(simulator, desired(SID, "ACME"))
        simulator.commit_late()
        assert simulator.senders(SID) == ["ACME"]
        assert outcome.unknown

    def test_is_unknown_when_rollback_fails_and_a_create_is_open(self, simulator: Simulator) -> None:
        refused = {"kind": "status", "status": 400, "method": "POST", "count": 9}
        simulator.reset(seed(["OLD"]), [{"kind": "late", "method": "POST"}, refused])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.unknown, outcome.lost) == (True, "OLD")

    def test_waits_for_a_deletion_that_is_carried_out_after_its_success(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "late", "method": "DELETE", "answer": "success", "requests": 4}])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, simulator.senders(SID)) == ("replaced", ["ACME"])
        assert simulator.requests().count("DELETE") == 1

    def test_is_unknown_when_a_deletion_has_success_and_no_effect(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "late", "method": "DELETE", "answer": "success", "count": 9}])
        outcome = run(simulator, desired(SID, "ACME"), max_retries=1)
        assert (outcome.action, outcome.unknown, outcome.lost) == ("failed", True, "OLD")


class TestLag:
    """Twilio's listing shows an earlier state."""

    def test_waits_for_a_deletion_that_shows_late(self, simulator: Simulator) -> None:
        old = {"sid": f"AI{1:032x}", "alpha_sender": "OLD"}
        late = {"kind": "status", "status": 412, "body": {"code": 21714}, "method": "POST"}
        stale = {"kind": "status", "status": 200, "body": {"alpha_senders": [old]}, "method": "GET", "skip": 1}
        simulator.reset(seed(["OLD"]), [late, stale])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, simulator.senders(SID)) == ("replaced", ["ACME"])
        assert simulator.requests() == ["GET", "DELETE", "POST", "GET", "POST"]

    def test_does_not_believe_an_answer_without_the_created_sender(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "status", "status": 200, "body": {}, "method": "POST"}])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, simulator.senders(SID)) == ("replaced", ["ACME"])
        assert simulator.requests() == ["GET", "DELETE", "POST", "GET", "POST"]

    def test_names_the_loss_when_a_refused_deletion_was_carried_out(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "status", "status": 403, "method": "DELETE", "after": True}])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, outcome.lost, outcome.after, outcome.changed) == ("failed", "OLD", None, True)
        assert recovery_command(desired(SID, None).slot, "OLD") in message(outcome)

    @pytest.mark.parametrize("value", ["NEW", "THIRD"])
    def test_waits_until_the_listing_shows_the_sender_of_an_earlier_run(self, simulator: Simulator, value: str) -> None:
        simulator.reset(seed(["OLD"]))
        assert run(simulator, desired(SID, "NEW")).action == "replaced"
        simulator.set_faults([{"kind": "lag", "behind": 2, "count": 3}])
        outcome = run(simulator, desired(SID, value))
        assert outcome.action == ("unchanged" if value == "NEW" else "replaced")
        assert simulator.senders(SID) == [value]

    def test_waits_for_the_listing_without_chance(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Client, "backoff", staticmethod(lambda attempt: 0.0))
        simulator.reset(seed(["OLD"]))
        run(simulator, desired(SID, "NEW"))
        simulator.set_faults([{"kind": "lag", "behind": 2, "count": 5}])
        waits: list[float] = []
        client = make_client(simulator, wait=waits.append)
        assert reconcile_one(client, desired(SID, "NEW"), check_mode=False).action == "unchanged"
        # Together more than the 3 s that Twilio's listings are known to lag.
        assert waits == [0.5, 1.0, 2.0, 4.0]

    def test_is_unknown_when_a_conflict_is_never_listed(self, simulator: Simulator) -> None:
        conflict = {"kind": "status", "status": 409, "body": {"code": 21710}, "method": "POST", "count": 99}
        simulator.reset(seed([]), [conflict])
        outcome = run(simulator, desired(SID, "ACME"), max_retries=2)
        assert (outcome.action, outcome.unknown, outcome.lost, outcome.after) == ("failed", True, None, None)
        assert "Twilio lists no alpha sender now, but one may appear later" in message(outcome)

    def test_is_unknown_when_the_listing_never_catches_up(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]))
        run(simulator, desired(SID, "NEW"))
        simulator.set_faults([{"kind": "lag", "behind": 2, "count": 99}])
        outcome = run(simulator, desired(SID, "THIRD"), max_retries=2)
        # Twilio answers that there is a sender, so none is lost.
        assert (outcome.action, outcome.unknown, outcome.lost) == ("failed", True, None)
        assert simulator.senders(SID) == ["NEW"]

    def test_removes_nothing_twice_when_the_listing_lags(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]))
        run(simulator, desired(SID, None, "absent"))
        simulator.set_faults([{"kind": "lag", "behind": 1, "count": 3}])
        outcome = run(simulator, desired(SID, None, "absent"))
        assert (outcome.action, outcome.changed, outcome.after) == ("unchanged", False, None)


class TestRaces:
    def test_is_unchanged_when_another_writer_creates_the_same_sender(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "other_writer", "method": "POST", "sender": "ACME"}])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, outcome.changed, outcome.after) == ("unchanged", False, "ACME")
        assert simulator.senders(SID) == ["ACME"]

    def test_replaces_the_sender_of_another_writer_once(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "other_writer", "method": "POST", "sender": "OTHER"}])
        outcome = run(simulator, desired(SID, "ACME"))
        assert outcome.action == "created"
        assert "somebody else set 'OTHER' meanwhile" in str(warning(outcome))
        assert simulator.senders(SID) == ["ACME"]
        assert simulator.requests() == ["GET", "POST", "GET", "DELETE", "POST"]

    def test_fails_with_the_name_of_another_writers_sender_without_replace(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "other_writer", "method": "POST", "sender": "OTHER"}])
        outcome = run(simulator, desired(SID, "ACME", replace=False))
        assert (outcome.action, outcome.after, outcome.lost) == ("failed", "OTHER", None)
        assert "It now has 'OTHER', and replace is false" in message(outcome)
        assert not outcome.changed
        assert simulator.senders(SID) == ["OTHER"]

    def test_ends_when_another_writer_is_always_first(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "other_writer", "method": "POST", "sender": "OTHER", "count": 9}])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, outcome.after) == ("failed", "OTHER")
        assert simulator.requests().count("POST") == 2

    def test_replaces_when_another_writer_deletes_first(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "other_writer", "method": "DELETE", "sender": None}])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, simulator.senders(SID)) == ("replaced", ["ACME"])
        # The last GET verifies the end, because Twilio answered 404 to the DELETE.
        assert simulator.requests() == ["GET", "DELETE", "POST", "GET"]

    def test_is_unchanged_when_another_writer_deletes_first(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "other_writer", "method": "DELETE", "sender": None}])
        outcome = run(simulator, desired(SID, None, "absent"))
        assert (outcome.action, outcome.changed, outcome.after) == ("unchanged", False, None)
        assert simulator.requests() == ["GET", "DELETE", "GET"]

    def test_does_not_believe_a_wrong_404(self, simulator: Simulator) -> None:
        wrong = {"kind": "status", "status": 404, "body": {"code": 20404}, "method": "DELETE"}
        simulator.reset(seed(["OLD"]), [wrong])
        outcome = run(simulator, desired(SID, None, "absent"))
        assert (outcome.action, simulator.senders(SID)) == ("deleted", [])
        assert simulator.requests() == ["GET", "DELETE", "GET", "DELETE"]

    @pytest.mark.parametrize("status", [409, 412])
    @pytest.mark.parametrize("code", [21710, 21714, 1, None])
    def test_decides_without_the_code(self, simulator: Simulator, status: int, code: int | None) -> None:
        simulator.reset(seed([]), [{"kind": "status", "status": status, "body": {"code": code}, "method": "POST"}])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, simulator.senders(SID)) == ("created", ["ACME"])
        assert simulator.requests() == ["GET", "POST", "GET", "POST"]

    def test_names_the_last_deleted_sender_after_two_races(self, simulator: Simulator) -> None:
        writers = [{"kind": "other_writer", "method": "POST", "sender": sender} for sender in ("ONE", "TWO")]
        simulator.reset(seed(["OLD"]), writers)
        outcome = run(simulator, desired(mg(1), "ACME"))
        assert simulator.senders(mg(1)) == ["TWO"]
        assert (outcome.action, outcome.before, outcome.after) == ("failed", "OLD", "TWO")
        assert (outcome.lost, outcome.changed) == ("ONE", True)


class TestPassing404s:
    """Twilio answers 404 for a moment, although the resource exists."""

    @pytest.mark.parametrize(
        ("method", "skip", "requests"),
        [
            ("GET", 0, ["GET", "GET", "DELETE", "POST"]),
            ("DELETE", 0, ["GET", "DELETE", "POST", "GET", "DELETE", "POST"]),
            ("POST", 0, ["GET", "DELETE", "POST", "GET", "POST"]),
        ],
    )
    def test_replaces_although_one_request_is_answered_404(
        self, simulator: Simulator, method: str, skip: int, requests: list[str]
    ) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "not_found", "method": method, "skip": skip}])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, outcome.before, outcome.after) == ("replaced", "OLD", "ACME")
        assert simulator.senders(SID) == ["ACME"]
        assert simulator.requests() == requests

    def test_reads_once_more_before_a_404_is_believed(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "not_found", "method": "GET", "count": 2}])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, outcome.after) == ("failed", None)
        assert "20404" in message(outcome)
        assert simulator.requests() == ["GET", "GET"]

    @pytest.mark.parametrize("want", [desired(SID, "ACME"), desired(SID, None, "absent")], ids=["present", "absent"])
    def test_is_unknown_when_a_row_is_listed_that_cannot_be_deleted(self, simulator: Simulator, want: Desired) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "not_found", "method": "DELETE", "count": 99}])
        outcome = run(simulator, want, max_retries=2)
        assert (outcome.action, outcome.unknown, outcome.lost, outcome.after) == ("failed", True, None, None)
        assert simulator.senders(SID) == ["OLD"]

    def test_is_unknown_when_every_create_is_answered_404(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "not_found", "method": "POST", "count": 99}])
        outcome = run(simulator, desired(SID, "ACME"), max_retries=2)
        assert (outcome.action, outcome.unknown, outcome.lost) == ("failed", True, "OLD")
        assert simulator.senders(SID) == []

    def test_says_that_the_sender_was_created_when_the_end_cannot_be_verified(self, simulator: Simulator) -> None:
        other = {"kind": "other_writer", "method": "DELETE", "sender": None}
        simulator.reset(seed(["OLD"]), [other, unread_after(1)])
        outcome = run(simulator, desired(SID, "ACME"), max_retries=1)
        assert (outcome.action, outcome.unknown, outcome.lost) == ("failed", True, None)
        assert "'ACME' was created, but the deletion of 'OLD' is in doubt" in message(outcome)
        assert "It may have both" in message(outcome)

    def test_creates_once_when_the_listing_contradicts_a_404(self, simulator: Simulator) -> None:
        """Another writer deleted, so the 404 is true, and the listing that verifies the end lags."""
        other = {"kind": "other_writer", "method": "DELETE", "sender": None}
        simulator.reset(seed(["OLD"]), [other, {"kind": "lag", "behind": 2, "count": 1}])
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, outcome.after) == ("replaced", "ACME")
        assert simulator.requests().count("POST") == 1


class TestUntrustedRows:
    @pytest.mark.parametrize("sid", [None, "", "AI1", "../../Services/MG1", 7, ["AI"], {"a": 1}])
    def test_fails_alone_when_the_sid_of_a_sender_is_malformed(self, simulator: Simulator, sid: object) -> None:
        simulator.reset(seed(["OLD"]))
        self.set_sid(simulator, sid)
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, outcome.after, outcome.unknown) == ("failed", "OLD", False)
        assert "without a valid SID" in message(outcome)
        assert simulator.requests() == ["GET"]

    @pytest.mark.parametrize("sid", [None, "AI1", ["AI"], {"a": 1}])
    def test_is_unchanged_when_only_the_sid_is_malformed(self, simulator: Simulator, sid: object) -> None:
        simulator.reset(seed(["ACME"]))
        self.set_sid(simulator, sid)
        assert run(simulator, desired(SID, "ACME")).action == "unchanged"

    @pytest.mark.parametrize("sid", [None, ["AI"], {"a": 1}])
    def test_settles_a_conflict_with_a_row_without_a_sid(self, simulator: Simulator, sid: object) -> None:
        row = {"sid": sid, "alpha_sender": "ACME"}
        conflict = {"kind": "status", "status": 409, "method": "POST"}
        shown = {"kind": "status", "status": 200, "body": {"alpha_senders": [row]}, "method": "GET", "skip": 1}
        simulator.reset(seed([]), [conflict, shown])
        assert run(simulator, desired(SID, "ACME")).action == "unchanged"

    @staticmethod
    def set_sid(simulator: Simulator, sid: object) -> None:
        row, *_countries = simulator.service(SID).senders.values()
        row["sid"] = sid


@pytest.mark.parametrize("status", [401, 403])
def test_is_fatal_when_the_credentials_are_refused(simulator: Simulator, status: int) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "status", "status": status}])
    outcome = run(simulator, desired(SID, "ACME"))
    assert (outcome.action, outcome.fatal, simulator.requests()) == ("failed", True, ["GET"])


def test_changes_nothing_when_the_deletion_is_refused(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "status", "status": 403, "method": "DELETE"}])
    outcome = run(simulator, desired(SID, "ACME"))
    assert (outcome.action, outcome.after, outcome.lost, outcome.changed) == ("failed", "OLD", None, False)
    assert simulator.requests() == ["GET", "DELETE", "GET"]


def test_leaves_no_journal_entry_when_the_deletion_is_refused(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "status", "status": 403, "method": "DELETE"}])
    with Journal(str(tmp_path)) as journal:
        run(simulator, desired(SID, "ACME"), journal=journal)
        assert journal.open_entries() == []


def test_leaves_no_journal_entry_when_the_deletion_of_another_writers_sender_is_refused(
    simulator: Simulator, tmp_path: Path
) -> None:
    other = {"kind": "other_writer", "method": "POST", "sender": "OLD"}
    refused = {"kind": "status", "status": 400, "method": "DELETE", "skip": 1}
    simulator.reset(seed(["OLD"]), [other, refused])
    with Journal(str(tmp_path)) as journal:
        outcome = run(simulator, desired(SID, "ACME"), journal=journal)
        assert (outcome.action, outcome.after, outcome.lost) == ("failed", "OLD", None)
        assert journal.open_entries() == []


def test_writes_nothing_when_the_run_is_stopped(simulator: Simulator, api: Client) -> None:
    simulator.reset(seed(["OLD"]))
    outcome = reconcile_one(api, desired(SID, "ACME"), check_mode=False, stopped=lambda: True)
    assert (outcome.action, outcome.before, outcome.after) == ("skipped", "OLD", "OLD")
    assert simulator.requests() == ["GET"]


def test_reports_a_lost_sender_as_changed_and_a_restored_one_as_unchanged(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"], refused=["BAD"]))
    restored = run(simulator, desired(mg(1), "BAD"))
    assert (restored.restored, restored.changed, restored.wrote) == (True, False, True)
    simulator.reset(seed(["OLD"], refused=["BAD"]), [{"kind": "status", "status": 400, "method": "POST", "count": 9}])
    lost = run(simulator, desired(mg(1), "BAD"))
    assert (lost.lost, lost.changed) == ("OLD", True)


class TestBugs:
    """A mistake of this collection becomes a failed outcome, and says what was written before it."""

    @pytest.mark.parametrize(
        ("method", "unknown", "lost", "now"),
        [("list", False, None, ["OLD"]), ("delete", True, "OLD", ["OLD"]), ("create", True, "OLD", [])],
    )
    def test_fails_with_what_was_written_before(
        self,
        simulator: Simulator,
        monkeypatch: pytest.MonkeyPatch,
        method: str,
        unknown: bool,
        lost: str | None,
        now: list[str],
    ) -> None:
        monkeypatch.setattr(Client, method, lambda *_args: 1 / 0)
        simulator.reset(seed(["OLD"]))
        outcome = run(simulator, desired(SID, "ACME"))
        assert (outcome.action, outcome.unknown, outcome.lost) == ("failed", unknown, lost)
        assert "unexpected ZeroDivisionError" in message(outcome)
        assert simulator.senders(SID) == now

    def test_fails_when_the_gate_has_a_bug(self, simulator: Simulator) -> None:
        class BrokenGate(Gate):
            def enter(self, **_arguments: object) -> bool:
                raise ZeroDivisionError

        simulator.reset(seed(["OLD"]))
        client = make_client(simulator)
        outcome = reconcile_one(client, desired(SID, "ACME"), check_mode=False, gate=BrokenGate())
        assert outcome.action == "failed"
        assert "unexpected ZeroDivisionError" in message(outcome)

    def test_lets_others_through_after_a_bug_before_the_first_write(self, simulator: Simulator) -> None:
        class BrokenJournal(Journal):
            def record(self, *_arguments: object) -> None:
                raise ZeroDivisionError

        simulator.reset(seed(["OLD"]))
        client, gate = make_client(simulator), Gate()
        outcome = reconcile_one(client, desired(SID, "ACME"), check_mode=False, gate=gate, journal=BrokenJournal(None))
        assert (outcome.action, outcome.lost, simulator.senders(SID)) == ("failed", None, ["OLD"])
        # If it had to wait, it would ask a second time.
        answers = iter([False, True, True])
        assert gate.enter(replaces=True, stopped=lambda: next(answers))


class TestGate:
    def enter_in_thread(self, gate: Gate, *, replaces: bool = True) -> tuple[threading.Thread, list[bool]]:
        entered: list[bool] = []
        thread = threading.Thread(
            target=lambda: entered.append(gate.enter(replaces=replaces, stopped=lambda: False)), daemon=True
        )
        thread.start()
        return thread, entered

    def test_lets_one_replacement_through_until_a_create_succeeded(self) -> None:
        gate = Gate()
        assert gate.enter(replaces=True, stopped=lambda: False)
        thread, entered = self.enter_in_thread(gate)
        thread.join(0.3)
        assert entered == []
        gate.leave(created=True, lost=False)
        thread.join(10)
        assert entered == [True]
        assert gate.enter(replaces=True, stopped=lambda: False)

    def test_never_holds_up_a_create(self) -> None:
        gate = Gate()
        assert gate.enter(replaces=True, stopped=lambda: False)
        assert gate.enter(replaces=False, stopped=lambda: False)

    def test_lets_nobody_through_after_a_loss(self) -> None:
        gate = Gate()
        assert gate.enter(replaces=True, stopped=lambda: False)
        thread, entered = self.enter_in_thread(gate)
        gate.leave(created=False, lost=True)
        thread.join(10)
        assert entered == [False]
        assert not gate.enter(replaces=False, stopped=lambda: False)

    def test_lets_nobody_through_when_the_run_is_stopped(self) -> None:
        gate = Gate()
        stopped: Sequence[bool] = [True]
        assert not gate.enter(replaces=True, stopped=lambda: stopped[0])

    def test_stops_waiting_when_the_run_is_stopped(self) -> None:
        gate = Gate()
        assert gate.enter(replaces=True, stopped=lambda: False)
        begin = time.monotonic()
        assert not gate.enter(replaces=True, stopped=lambda: time.monotonic() > begin + 0.1)


def test_removes_what_somebody_else_set_while_it_removed(simulator: Simulator, api: Client) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "other_writer", "method": "DELETE", "sender": "OTHER"}])
    outcome = reconcile_one(api, desired(SID, None, "absent"), check_mode=False)
    assert (outcome.action, simulator.senders(SID)) == ("deleted", [])
    simulator.reset(seed(["OLD"]), [{"kind": "other_writer", "method": "DELETE", "sender": "OTHER", "count": 9}])
    outcome = reconcile_one(api, desired(SID, None, "absent"), check_mode=False)
    assert outcome.action == "failed"
    assert "somebody else set 'OTHER' meanwhile" in message(outcome)
