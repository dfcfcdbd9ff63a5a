# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""only_if: a slot is changed only if it has the given value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_all_desired, make_desired
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._plan import ONLY_IF, Desired, make_plan
from ansible_collections.messaging.twilio.plugins.module_utils._results import bulk_result, single_result
from hypothesis import given
from hypothesis import strategies as st

from simulator import Simulator
from support.account import mg, seed
from support.client import make_client
from support.desired import desired, reconcile_one

NAMES = ("ACME", "OLD", "OTHER")


def conditional(value: str | None, *only_if: str | None, state: str = "present", number: int = 1) -> Desired:
    return replace(desired(mg(number), value, state), only_if=only_if)


def rows(names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"sid": f"AI{number:032x}", "alpha_sender": name} for number, name in enumerate(names)]


def entries(*services: object, **common: object) -> tuple[Desired, ...]:
    return make_all_desired(services, common, locate=lambda one: one)


@given(
    st.lists(st.sampled_from(NAMES), max_size=3),
    st.sampled_from((*NAMES, None)),
    st.sampled_from(("present", "absent")),
    st.booleans(),
    st.lists(st.sampled_from((*NAMES, None)), min_size=1, max_size=2),
)
def test_plan_is_skipped_if_a_change_is_due_and_the_condition_does_not_hold(
    listed: list[str], value: str | None, state: str, may_replace: bool, only_if: list[str | None]
) -> None:
    if state == "present" and value is None:
        return
    wanted = desired(mg(1), value, state, may_replace)
    without = make_plan(wanted, rows(listed))
    plan = make_plan(replace(wanted, only_if=tuple(only_if)), rows(listed))
    holds = (listed[0] in only_if) if len(listed) == 1 else (not listed and None in only_if)
    if holds or without.action == "unchanged":
        assert plan == without
    else:
        assert (plan.action, plan.problem, plan.delete, plan.create) == ("skipped", ONLY_IF, (), None)
        assert plan.before == plan.after == (", ".join(listed) or None)


@pytest.mark.parametrize(
    ("senders", "wanted", "action", "requests"),
    [
        (["OTHER"], conditional("ACME", "OLD"), "skipped", ["GET"]),
        (["OLD"], conditional("ACME", "OLD"), "replaced", ["GET", "DELETE", "POST"]),
        (["ACME"], conditional("ACME", "OLD"), "unchanged", ["GET"]),
        ([], conditional("ACME", "OLD"), "skipped", ["GET"]),
        ([], conditional("ACME", None), "created", ["GET", "POST"]),
        (["OLD"], conditional("ACME", None), "skipped", ["GET"]),
        (["OLD"], conditional("ACME", None, "OLD"), "replaced", ["GET", "DELETE", "POST"]),
        (["OLD"], conditional(None, "OLD", state="absent"), "deleted", ["GET", "DELETE"]),
        (["OTHER"], conditional(None, "OLD", state="absent"), "skipped", ["GET"]),
        ([], conditional(None, "OLD", state="absent"), "unchanged", ["GET"]),
        (["OLD", "OTHER"], conditional("ACME", "OLD"), "skipped", ["GET"]),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_sends_no_request_more_than_the_table_says(
    simulator: Simulator, senders: list[str], wanted: Desired, action: str, requests: list[str], check_mode: bool
) -> None:
    simulator.reset(seed(senders))
    outcome = reconcile_one(make_client(simulator), wanted, check_mode=check_mode)
    assert outcome.action == action
    assert simulator.requests() == (["GET"] if check_mode else requests)


def test_single_result_says_what_was_found_and_does_not_fail(simulator: Simulator) -> None:
    simulator.reset(seed(["OTHER"]))
    result = single_result(reconcile_one(make_client(simulator), conditional("ACME", "OLD"), check_mode=False))
    assert result["msg"] == f"{mg(1)} was not changed, because it has the alpha sender 'OTHER' and only_if is 'OLD'"
    assert (result["action"], result["changed"], "failed" in result) == ("skipped", False, False)
    assert (result["before"], result["after"], result["alpha_sender"]["alpha_sender"]) == ("OTHER", "OTHER", "OTHER")


def test_bulk_result_lists_what_was_excluded_and_does_not_fail(simulator: Simulator) -> None:
    simulator.reset(seed(["OTHER"], ["OLD"], *([[]] * 11)))
    wanted = [conditional("ACME", "OLD", number=number) for number in range(1, 14)]
    progress: list[int] = []
    outcomes = reconcile_all(
        make_client(simulator),
        wanted,
        concurrency=1,
        check_mode=False,
        progress=lambda done, _counts: progress.append(done),
    )
    result = bulk_result(outcomes)
    lines = result["msg"].splitlines()
    assert lines[0] == "13 Services: 0 created, 1 replaced, 0 deleted, 0 unchanged, 0 failed, 12 skipped"
    assert lines.pop(1) == "Changed: OLD → ACME (1)"
    assert lines[1] == f"{mg(1)} was not changed, because it has the alpha sender 'OTHER' and only_if is 'OLD'"
    assert lines[2] == f"{mg(3)} was not changed, because it has no alpha sender and only_if is 'OLD'"
    assert lines[-1] == "and 2 more that only_if excludes"
    assert (result["changed"], result["stopped"], "failed" in result) == (True, False, False)
    assert progress == list(range(1, 14))


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_value_that_others_set_meanwhile_is_not_deleted(simulator: Simulator, method: str) -> None:
    fault = {"kind": "other_writer", "method": method, "sender": "OTHER", "count": 9}
    simulator.reset(seed(["OLD"]), [fault])
    outcome = reconcile_one(make_client(simulator), conditional("ACME", "OLD"), check_mode=False)
    assert (outcome.action, outcome.after) == ("failed", "OTHER")
    assert simulator.senders(mg(1)) == ["OTHER"]
    assert "It now has 'OTHER', and only_if is 'OLD'" in single_result(outcome)["msg"]


def test_value_that_was_deleted_is_created_although_it_is_not_there_any_more(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "reset", "method": "DELETE"}, {"kind": "reset", "method": "POST"}])
    outcome = reconcile_one(make_client(simulator), conditional("ACME", "OLD"), check_mode=False)
    assert (outcome.action, simulator.senders(mg(1))) == ("replaced", ["ACME"])


def test_old_value_is_restored_if_the_desired_one_is_refused(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"], refused=["BANK"]))
    outcome = reconcile_one(make_client(simulator), conditional("BANK", "OLD"), check_mode=False)
    assert (outcome.action, outcome.restored, simulator.senders(mg(1))) == ("failed", True, ["OLD"])


@pytest.mark.parametrize(
    ("given_value", "stored"),
    [("OLD", ("OLD",)), (None, (None,)), ("", (None,)), (["OLD", None], ("OLD", None)), ([], None)],
)
def test_entry_has_one_value_none_or_a_list(given_value: object, stored: tuple[str | None, ...] | None) -> None:
    entry = {"service_sid": mg(1), "alpha_sender": "ACME", "only_if": given_value}
    if stored is None:
        with pytest.raises(InputError, match="entry 1 of 1, only_if must be a string"):
            entries(entry)
    else:
        assert entries(entry)[0].only_if == stored


def test_entry_without_only_if_has_no_condition() -> None:
    assert make_desired(mg(1), None, "ACME").only_if is None
    assert entries(mg(1), alpha_sender="ACME")[0].only_if is None


def test_entry_may_be_about_one_country() -> None:
    [one] = entries(
        {"service_sid": mg(1), "alpha_sender": "ACME FR", "iso_country_code": "fr", "only_if": "OLD"},
        country_senders={"DE": "ACME DE"},
    )
    assert (one.slot.country, one.value, one.only_if) == ("FR", "ACME FR", ("OLD",))
    [removed] = entries({"service_sid": mg(1), "iso_country_code": "FR", "state": "absent"}, alpha_sender="ACME")
    assert (removed.slot.country, removed.value, removed.state) == ("FR", None, "absent")


@pytest.mark.parametrize("only_if", ["A.B", 5, False, ["OLD", "12345"]])
def test_refuses_a_condition_that_no_sender_meets(only_if: object) -> None:
    with pytest.raises(InputError, match=r"services, entry 1 of 1, only_if must"):
        entries({"service_sid": mg(1), "alpha_sender": "ACME", "only_if": only_if})


def test_refuses_two_different_conditions_for_a_slot() -> None:
    entry = {"service_sid": mg(1), "alpha_sender": "ACME"}
    with pytest.raises(InputError, match=r"got present 'ACME' only if \['B'\], but present 'ACME' only if \['A'\]"):
        entries({**entry, "only_if": "A"}, {**entry, "only_if": "B"})
