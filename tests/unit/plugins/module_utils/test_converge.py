# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Service against the simulator: every listing and wish, dry runs, restoring, races, lost answers."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
import yaml
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._converge import (
    Outcome,
    converge,
    make_diff,
    single_result,
)
from ansible_collections.messaging.twilio.plugins.module_utils._sender import Wish, recovery_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator import Simulator
from support.account import mg, options, seed

SID = mg(1)


def run(simulator: Simulator, wish: Wish, *, dry_run: bool = False, **changed: Any) -> Outcome:
    client = Client(make_connection(options(simulator, **changed)), wait=lambda seconds: None)
    return converge(client, wish, dry_run=dry_run)


@pytest.mark.parametrize(
    ("listed", "wish", "action", "requests", "left"),
    [
        ([], Wish(SID, "ACME"), "created", ["GET", "POST"], ["ACME"]),
        (["ACME"], Wish(SID, "ACME"), "none", ["GET"], ["ACME"]),
        (["Acme"], Wish(SID, "ACME"), "replaced", ["GET", "DELETE", "POST"], ["ACME"]),
        (["OLD"], Wish(SID, "ACME", replace=False), "failed", ["GET"], ["OLD"]),
        (["ACME"], Wish(SID, None, "absent"), "deleted", ["GET", "DELETE"], []),
        (["ACME"], Wish(SID, "ACME", "absent"), "deleted", ["GET", "DELETE"], []),
        (["OTHER"], Wish(SID, "ACME", "absent"), "none", ["GET"], ["OTHER"]),
        ([], Wish(SID, "ACME", "absent"), "none", ["GET"], []),
        ([], Wish(SID, None, "absent"), "none", ["GET"], []),
        (["OLD", "ACME"], Wish(SID, "ACME"), "none", ["GET"], ["OLD", "ACME"]),
        (["OLD", "OTHER"], Wish(SID, "ACME"), "failed", ["GET"], ["OLD", "OTHER"]),
        (["OLD", "OTHER"], Wish(SID, None, "absent"), "failed", ["GET"], ["OLD", "OTHER"]),
        (["OLD", "ACME"], Wish(SID, "ACME", "absent"), "deleted", ["GET", "DELETE"], ["OLD"]),
    ],
)
def test_each_row_of_the_table_takes_its_requests_and_no_more(
    simulator: Simulator, listed: list[str], wish: Wish, action: str, requests: list[str], left: list[str]
) -> None:
    simulator.reset(seed(listed))
    outcome = run(simulator, wish)
    assert (outcome.action, simulator.requests(), simulator.senders(SID)) == (action, requests, left)
    assert outcome.after == (", ".join(left) or None)
    assert outcome.before == (", ".join(listed) or None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    listed=st.lists(st.sampled_from(("ACME", "Acme", "OLD")), max_size=3),
    wanted=st.sampled_from(("ACME", "OLD", "NEW", None)),
    state=st.sampled_from(("present", "absent")),
    replace=st.booleans(),
)
def test_a_dry_run_tells_what_the_real_run_does(
    simulator: Simulator, listed: list[str], wanted: str | None, state: str, replace: bool
) -> None:
    if state == "present" and wanted is None:
        return
    wish = Wish(SID, wanted, state, replace)
    simulator.reset(seed(listed))
    planned = run(simulator, wish, dry_run=True)
    assert simulator.requests() == ["GET"]
    assert simulator.senders(SID) == listed
    done = run(simulator, wish)
    for name in ("action", "changed", "before", "after", "msg", "error", "warning"):
        assert getattr(planned, name) == getattr(done, name), name
    assert single_result(planned)["diff"] == single_result(done)["diff"]
    again = run(simulator, wish)
    assert again.action == ("failed" if done.action == "failed" else "none")
    assert not again.changed


def test_the_answer_of_the_post_is_the_result(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    result = single_result(run(simulator, Wish(SID, "ACME")))
    assert result["alpha_sender"] == next(iter(simulator.account.services[SID].senders.values()))
    assert single_result(run(simulator, Wish(SID, "ACME")))["alpha_sender"] == result["alpha_sender"]
    assert single_result(run(simulator, Wish(SID, None, "absent")))["alpha_sender"] == {}


def test_a_dry_run_returns_what_is_known_of_a_new_sender(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    result = single_result(run(simulator, Wish(SID, "ACME"), dry_run=True))
    assert result["alpha_sender"] == {"service_sid": SID, "alpha_sender": "ACME"}


@given(st.text("ABo0189 -+_&", min_size=1, max_size=11) | st.sampled_from(("NO", "on", "null", "1e3", "0x1F", "Y")))
def test_the_recovery_command_survives_shell_and_yaml(name: str) -> None:
    words = shlex.split(recovery_command(SID, name))
    assert words[:3] == ["ansible-playbook", "messaging.twilio.apply", "-e"]
    assert yaml.safe_load(words[3]) == {"alpha_sender_name": name, "alpha_sender_services": [SID]}


def test_the_recovery_command_is_the_same_in_json() -> None:
    for name in ("OLD CO", "NO", "3M", "A+B & C_-"):
        assert json.dumps(recovery_command(SID, name)).strip('"') == recovery_command(SID, name)


class TestRestoring:
    def test_a_refused_sender_brings_the_old_one_back(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"], refused=["ACME"]))
        outcome = run(simulator, Wish(SID, "ACME"))
        assert simulator.requests() == ["GET", "DELETE", "POST", "GET", "POST"]
        assert simulator.senders(SID) == ["OLD"]
        assert (outcome.action, outcome.restored, outcome.lost, outcome.changed) == ("failed", True, None, False)
        assert outcome.after == "OLD"
        for part in (SID, "'ACME'", "'OLD'", "restored", "21709"):
            assert part in str(outcome.msg)

    def test_when_restoring_fails_too_the_loss_and_its_remedy_are_named(self, simulator: Simulator) -> None:
        simulator.reset(seed(["O & M"], refused=["ACME", "O & M"]))
        outcome = run(simulator, Wish(SID, "ACME"))
        assert simulator.senders(SID) == []
        assert (outcome.restored, outcome.lost, outcome.after, outcome.changed) == (False, "O & M", None, True)
        assert not outcome.unknown
        assert "LOST" in str(outcome.msg)
        assert str(outcome.msg).endswith(f"This brings it back: {recovery_command(SID, 'O & M')}")

    def test_when_not_even_reading_works_then_it_is_unknown_too(self, simulator: Simulator) -> None:
        unread = {"kind": "status", "method": "GET", "status": 400, "skip": 2, "count": 9}
        simulator.reset(seed(["OLD"], refused=["ACME", "OLD"]), [unread])
        outcome = run(simulator, Wish(SID, "ACME"))
        assert (outcome.lost, outcome.unknown) == ("OLD", True)

    def test_restoring_survives_a_lost_answer(self, simulator: Simulator) -> None:
        simulator.reset(
            seed(["OLD"], refused=["ACME"]), [{"kind": "reset", "method": "POST", "skip": 1, "after": True}]
        )
        outcome = run(simulator, Wish(SID, "ACME"))
        assert simulator.senders(SID) == ["OLD"]
        assert outcome.restored
        assert simulator.requests() == ["GET", "DELETE", "POST", "GET", "POST", "GET"]

    def test_somebody_elses_sender_is_not_deleted_to_restore(self, simulator: Simulator) -> None:
        other = {"kind": "other_writer", "method": "POST", "skip": 1, "sender": "OTHER"}
        simulator.reset(seed(["OLD"], refused=["ACME"]), [other])
        outcome = run(simulator, Wish(SID, "ACME"))
        assert simulator.senders(SID) == ["OTHER"]
        assert (outcome.restored, outcome.lost, outcome.after) == (False, "OLD", "OTHER")
        assert "'OTHER'" in str(outcome.msg)

    def test_a_refused_write_that_shows_up_late_is_success_after_all(self, simulator: Simulator) -> None:
        refused = {"kind": "status", "status": 400, "method": "POST"}
        late = {"kind": "other_writer", "method": "POST", "sender": "ACME"}
        simulator.reset(seed(["OLD"]), [refused, late])
        outcome = run(simulator, Wish(SID, "ACME"))
        assert (outcome.action, outcome.before, outcome.after) == ("replaced", "OLD", "ACME")
        assert simulator.senders(SID) == ["ACME"]

    def test_a_new_service_has_nothing_to_restore(self, simulator: Simulator) -> None:
        simulator.reset(seed([], refused=["ACME"]))
        outcome = run(simulator, Wish(SID, "ACME"))
        assert (outcome.restored, outcome.lost, outcome.after) == (False, None, None)
        assert "as before" in str(outcome.msg)


LOST_ANSWERS: list[dict[str, Any]] = [
    {"kind": "reset"},
    {"kind": "cut"},
    {"kind": "garbage"},
    {"kind": "hang"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 502, "body": "<html>"},
]


def patience(fault: dict[str, Any]) -> float:
    """A timeout that only an answer that never comes will meet, however slow the machine is."""
    return 1 if fault["kind"] == "hang" else 30


class TestLostAnswers:
    @pytest.mark.parametrize("fault", LOST_ANSWERS)
    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    def test_a_write_that_took_is_no_error_and_not_repeated(
        self, simulator: Simulator, fault: dict[str, Any], method: str
    ) -> None:
        simulator.reset(seed(["OLD"]), [{**fault, "method": method, "after": True}])
        outcome = run(simulator, Wish(SID, "ACME"), timeout=patience(fault))
        assert (outcome.action, outcome.before, outcome.after) == ("replaced", "OLD", "ACME")
        assert simulator.senders(SID) == ["ACME"]
        assert simulator.requests().count("POST") == simulator.requests().count("DELETE") == 1

    @pytest.mark.parametrize("fault", [fault for fault in LOST_ANSWERS if fault["kind"] not in ("cut", "garbage")])
    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    def test_a_write_that_did_not_take_is_made_after_reading(
        self, simulator: Simulator, fault: dict[str, Any], method: str
    ) -> None:
        simulator.reset(seed(["OLD"]), [{**fault, "method": method}])
        outcome = run(simulator, Wish(SID, "ACME"), timeout=patience(fault))
        assert (outcome.action, simulator.senders(SID)) == ("replaced", ["ACME"])
        assert [entry["method"] for entry in simulator.journal if entry.get("took")] == ["DELETE", "POST"]
        failed = simulator.requests().index(method)
        assert simulator.requests()[failed + 1] == "GET"

    def test_the_wait_before_another_write_grows(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Client, "backoff", staticmethod(float))
        simulator.reset(seed([]), [{"kind": "status", "status": 500, "method": "POST", "count": 4}])
        waits: list[float] = []
        client = Client(make_connection(options(simulator)), wait=waits.append)
        assert converge(client, Wish(SID, "ACME"), dry_run=False).action == "created"
        assert waits == [0, 1, 2, 3]

    def test_repeating_ends_with_the_old_sender(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "status", "status": 500, "method": "POST", "count": 4}])
        outcome = run(simulator, Wish(SID, "ACME"), max_retries=2)
        assert (outcome.action, outcome.restored) == ("failed", True)
        assert simulator.senders(SID) == ["OLD"]

    @pytest.mark.parametrize("after", [True, False])
    def test_when_the_fate_cannot_be_read_both_are_named(self, simulator: Simulator, after: bool) -> None:
        faults = [
            {"kind": "reset", "method": "POST", "after": after},
            {"kind": "status", "method": "GET", "status": 500, "skip": 1, "count": 9},
        ]
        simulator.reset(seed(["OLD"]), faults)
        outcome = run(simulator, Wish(SID, "ACME"), max_retries=1)
        assert (outcome.action, outcome.unknown, outcome.lost, outcome.after) == ("failed", True, "OLD", None)
        assert "'ACME' or no alpha sender, which of the two is unknown" in str(outcome.msg)
        assert "unexpected" not in str(outcome.msg)
        assert outcome.changed
        assert "brings 'OLD' back" in str(outcome.msg)
        assert simulator.requests().count("POST") == 1

    def test_an_unreadable_deletion_names_the_sender_and_none(self, simulator: Simulator) -> None:
        faults = [
            {"kind": "reset", "method": "DELETE", "after": True},
            {"kind": "status", "method": "GET", "status": 500, "skip": 1, "count": 9},
        ]
        simulator.reset(seed(["OLD"]), faults)
        outcome = run(simulator, Wish(SID, "ACME"), max_retries=1)
        assert (outcome.unknown, outcome.lost) == (True, "OLD")
        assert "'OLD' or no alpha sender" in str(outcome.msg)
        assert "POST" not in simulator.requests()


class TestLagging:
    """Twilio says that a sender is gone, and still acts for a while as if it were there."""

    def test_a_deletion_that_shows_late_is_waited_for(self, simulator: Simulator) -> None:
        old = {"sid": f"AI{1:032x}", "alpha_sender": "OLD"}
        late = {"kind": "status", "status": 412, "body": {"code": 21714}, "method": "POST"}
        stale = {"kind": "status", "status": 200, "body": {"alpha_senders": [old]}, "method": "GET", "skip": 1}
        simulator.reset(seed(["OLD"]), [late, stale])
        outcome = run(simulator, Wish(SID, "ACME"))
        assert (outcome.action, simulator.senders(SID)) == ("replaced", ["ACME"])
        assert simulator.requests() == ["GET", "DELETE", "POST", "GET", "POST"]

    def test_an_answer_that_tells_of_no_creation_is_not_believed(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "status", "status": 200, "body": {}, "method": "POST"}])
        outcome = run(simulator, Wish(SID, "ACME"))
        assert (outcome.action, simulator.senders(SID)) == ("replaced", ["ACME"])
        assert simulator.requests() == ["GET", "DELETE", "POST", "GET", "POST"]

    def test_a_deletion_refused_though_it_took_names_the_loss(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "status", "status": 403, "method": "DELETE", "after": True}])
        outcome = run(simulator, Wish(SID, "ACME"))
        assert (outcome.action, outcome.lost, outcome.after, outcome.changed) == ("failed", "OLD", None, True)
        assert recovery_command(SID, "OLD") in str(outcome.msg)


class TestRaces:
    def test_the_same_sender_made_first_is_success_without_change(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "other_writer", "method": "POST", "sender": "ACME"}])
        outcome = run(simulator, Wish(SID, "ACME"))
        assert (outcome.action, outcome.changed, outcome.after) == ("none", False, "ACME")
        assert simulator.senders(SID) == ["ACME"]

    def test_another_sender_made_first_is_replaced_once_more(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "other_writer", "method": "POST", "sender": "OTHER"}])
        outcome = run(simulator, Wish(SID, "ACME"))
        assert outcome.action == "created"
        assert "somebody else had set 'OTHER' meanwhile" in str(outcome.warning)
        assert simulator.senders(SID) == ["ACME"]
        assert simulator.requests() == ["GET", "POST", "GET", "DELETE", "POST"]

    def test_another_sender_made_first_fails_by_name_without_replace(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "other_writer", "method": "POST", "sender": "OTHER"}])
        outcome = run(simulator, Wish(SID, "ACME", replace=False))
        assert (outcome.action, outcome.after, outcome.lost) == ("failed", "OTHER", None)
        assert f"It now has 'OTHER' ({SID} has the alpha sender 'OTHER', and replace is false" in str(outcome.msg)
        assert not outcome.changed
        assert simulator.senders(SID) == ["OTHER"]

    def test_a_writer_who_always_comes_first_ends_it(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "other_writer", "method": "POST", "sender": "OTHER", "count": 9}])
        outcome = run(simulator, Wish(SID, "ACME"))
        assert (outcome.action, outcome.after) == ("failed", "OTHER")
        assert simulator.requests().count("POST") == 2

    def test_a_sender_that_is_gone_already_is_no_error(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "other_writer", "method": "DELETE", "sender": None}])
        outcome = run(simulator, Wish(SID, "ACME"))
        assert (outcome.action, simulator.senders(SID)) == ("replaced", ["ACME"])
        assert simulator.requests() == ["GET", "DELETE", "POST"]

    def test_taking_away_what_is_gone_already_is_success_without_change(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "other_writer", "method": "DELETE", "sender": None}])
        outcome = run(simulator, Wish(SID, None, "absent"))
        assert (outcome.action, outcome.changed, outcome.after) == ("none", False, None)
        assert simulator.requests() == ["GET", "DELETE", "GET"]

    def test_a_404_that_is_not_true_is_not_believed(self, simulator: Simulator) -> None:
        false = {"kind": "status", "status": 404, "body": {"code": 20404}, "method": "DELETE"}
        simulator.reset(seed(["OLD"]), [false])
        outcome = run(simulator, Wish(SID, None, "absent"))
        assert (outcome.action, simulator.senders(SID)) == ("deleted", [])
        assert simulator.requests() == ["GET", "DELETE", "GET", "DELETE"]

    @pytest.mark.parametrize("status", [409, 412])
    @pytest.mark.parametrize("code", [21710, 21714, 1, None])
    def test_no_decision_hangs_on_the_code(self, simulator: Simulator, status: int, code: int | None) -> None:
        simulator.reset(seed([]), [{"kind": "status", "status": status, "body": {"code": code}, "method": "POST"}])
        outcome = run(simulator, Wish(SID, "ACME"))
        assert (outcome.action, simulator.senders(SID)) == ("created", ["ACME"])
        assert simulator.requests() == ["GET", "POST", "GET", "POST"]


@pytest.mark.parametrize(
    ("outcome", "changed"),
    [
        (Outcome(SID, "created"), True),
        (Outcome(SID, "replaced"), True),
        (Outcome(SID, "deleted"), True),
        (Outcome(SID, "none"), False),
        (Outcome(SID, "not_attempted", "OLD"), False),
        (Outcome(SID, "failed", "OLD", "OLD"), False),
        (Outcome(SID, "failed", "OLD", None), False),
        (Outcome(SID, "failed", "OLD", "OLD", wrote=True), False),
        (Outcome(SID, "failed", "OLD", "OTHER", wrote=True), True),
        (Outcome(SID, "failed", None, None, wrote=True, unknown=True), True),
        (Outcome(SID, "failed", None, None, wrote=True, lost="OLD"), True),
    ],
)
def test_changed_is_what_is_known_to_have_changed(outcome: Outcome, changed: bool) -> None:
    assert outcome.changed is changed


def test_the_result_of_one_service_that_was_not_begun_is_a_failure() -> None:
    result = single_result(Outcome(SID, "not_attempted", "OLD", "OLD"))
    told = f"{SID} was not changed, because the run was stopped"
    assert (result["failed"], result["changed"], result["msg"]) == (True, False, told)
    assert (result["restored"], result["lost"], result["unknown"], result["error"]) == (False, None, False, None)


def test_the_result_of_one_service_that_failed_is_a_failure_with_its_fields(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"], refused=["ACME"]))
    result = single_result(run(simulator, Wish(SID, "ACME")))
    assert (result["failed"], result["changed"], result["restored"], result["lost"]) == (True, False, True, None)
    assert result["error"]["code"] == 21709


def test_the_result_of_one_service_has_its_warning() -> None:
    assert single_result(Outcome(SID, "none", warning="look"))["warnings"] == ["look"]
    assert single_result(Outcome(SID, "none"))["warnings"] == []


def test_a_large_diff_counts_what_it_does_not_show() -> None:
    outcomes = [Outcome(mg(number), "created", None, "ACME") for number in range(1, 161)]
    diff = make_diff(outcomes)
    assert diff["after"].count("ACME") == 50
    assert diff["after"].endswith("... and 110 more Services\n")
    assert "more" not in make_diff(outcomes[:50])["after"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_login_is_account_wide(simulator: Simulator, status: int) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "status", "status": status}])
    outcome = run(simulator, Wish(SID, "ACME"))
    assert (outcome.action, outcome.account_wide, simulator.requests()) == ("failed", True, ["GET"])


def test_a_refused_deletion_changes_nothing(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "status", "status": 403, "method": "DELETE"}])
    outcome = run(simulator, Wish(SID, "ACME"))
    assert (outcome.action, outcome.after, outcome.lost, outcome.changed) == ("failed", "OLD", None, False)
    assert simulator.requests() == ["GET", "DELETE", "GET"]


def test_nothing_is_written_once_it_was_told_to_stop(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"]))
    client = Client(make_connection(options(simulator)))
    outcome = converge(client, Wish(SID, "ACME"), dry_run=False, stopped=lambda: True)
    assert (outcome.action, outcome.before, outcome.after) == ("not_attempted", "OLD", "OLD")
    assert simulator.requests() == ["GET"]


@pytest.mark.parametrize("action", ["created", "replaced", "deleted", "none", "not_attempted"])
def test_the_fields_of_an_outcome_are_those_of_a_failure_only_if_it_is_one(action: str) -> None:
    fields = {"service_sid": mg(1), "action": action, "before": "OLD", "after": "ACME"}
    assert Outcome(mg(1), action, "OLD", "ACME").as_fields() == fields
    assert Outcome(mg(1), action).account_wide is False
    failed = Outcome(mg(1), "failed", "OLD", "ACME", msg="why", lost="OLD").as_fields()
    more = {"msg": "why", "error": None, "restored": False, "lost": "OLD", "unknown": False}
    assert failed == {**fields, "action": "failed", **more}


def test_a_lost_sender_is_a_change_and_a_restored_one_is_none(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"], refused=["BAD"]))
    restored = run(simulator, Wish(mg(1), "BAD"))
    assert (restored.restored, restored.changed, restored.wrote) == (True, False, True)
    simulator.reset(seed(["OLD"], refused=["BAD"]), [{"kind": "status", "status": 400, "method": "POST", "count": 9}])
    lost = run(simulator, Wish(mg(1), "BAD"))
    assert (lost.lost, lost.changed) == ("OLD", True)


@pytest.mark.parametrize(("after", "changed"), [("AAA", True), ("ZZZ", True), (None, True), ("OLD", False)])
def test_a_failure_is_a_change_where_it_left_something_else(after: str | None, changed: bool) -> None:
    assert Outcome(mg(1), "failed", "OLD", after, wrote=True).changed is changed
    assert Outcome(mg(1), "failed", "OLD", after).changed is False


def test_after_two_races_it_is_told_what_was_deleted_last_and_is_not_there(simulator: Simulator) -> None:
    writers = [{"kind": "other_writer", "method": "POST", "sender": sender} for sender in ("ONE", "TWO")]
    simulator.reset(seed(["OLD"]), writers)
    outcome = run(simulator, Wish(mg(1), "ACME"))
    assert simulator.senders(mg(1)) == ["TWO"]
    assert (outcome.action, outcome.before, outcome.after) == ("failed", "OLD", "TWO")
    assert (outcome.lost, outcome.changed) == ("ONE", True)
