# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan, compared with a table that was written independently of the code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as changed
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._plan import (
    NO_SID,
    NOT_RESTORABLE,
    REPLACE_IS_FALSE,
    SEVERAL,
    Desired,
    Slot,
    join_values,
    make_plan,
    rows_of,
)
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER
from hypothesis import given
from hypothesis import strategies as st

from support.account import mg
from support.desired import desired

NAMES = ("ACME", "Acme", "OLD", "OTHER")

# The first row whose condition holds says what is planned: the action, how many rows are deleted and created.
# `n` are the current names, `w` is the desired one, `r` is replace.
TABLE: list[tuple[str, Callable[[list[str], str | None, bool], bool], str, int | str, int]] = [
    ("present", lambda n, w, r: w in n, "unchanged", 0, 0),
    ("present", lambda n, w, r: not n, "created", 0, 1),
    ("present", lambda n, w, r: len(n) > 1, "failed", 0, 0),
    ("present", lambda n, w, r: not r, "failed", 0, 0),
    ("present", lambda n, w, r: True, "replaced", 1, 1),
    ("absent", lambda n, w, r: not n, "unchanged", 0, 0),
    ("absent", lambda n, w, r: w is None and len(n) > 1, "failed", 0, 0),
    ("absent", lambda n, w, r: w is not None and w not in n, "unchanged", 0, 0),
    ("absent", lambda n, w, r: w is None, "deleted", 1, 0),
    ("absent", lambda n, w, r: True, "deleted", "named", 0),
]


def row(number: int, name: object, **more: object) -> dict[str, object]:
    return {"sid": f"AI{number:032x}", "alpha_sender": name, **more}


@given(
    st.lists(st.sampled_from(NAMES), max_size=3),
    st.sampled_from((*NAMES, None)),
    st.sampled_from(("present", "absent")),
    st.booleans(),
)
def test_plan_is_what_the_table_says(listed: list[str], value: str | None, state: str, replace: bool) -> None:
    if state == "present" and value is None:
        return
    rows = [row(number, name) for number, name in enumerate(listed)]
    plan = make_plan(desired(mg(1), value, state, replace), rows)
    _state, _matches, action, deletes, creates = next(
        line for line in TABLE if line[0] == state and line[1](listed, value, replace)
    )
    deletes = listed.count(str(value)) if deletes == "named" else deletes
    assert (plan.action, len(plan.delete), plan.create) == (action, deletes, value if creates else None)
    assert plan.before == (", ".join(listed) or None)
    left = [one["alpha_sender"] for one in rows if one not in plan.delete]
    assert plan.after == (", ".join(map(str, left + ([plan.create] if plan.create else []))) or None)
    assert (plan.problem is not None) == (plan.action == "failed")
    assert all(value is None or one["alpha_sender"] == value or len(listed) == 1 for one in plan.delete)
    others = list(listed)
    if state == "present" and value in others:
        others.remove(str(value))
        assert plan.extra == (", ".join(others) or None)
        assert plan.remaining is not None
        assert plan.remaining["alpha_sender"] == value
    else:
        assert plan.extra is None


@pytest.mark.parametrize(
    ("listed", "value", "state", "replace", "problem"),
    [
        (["OLD", "NEW"], "ACME", "present", True, SEVERAL),
        (["OLD", "NEW"], None, "absent", True, SEVERAL),
        (["OLD"], "ACME", "present", False, REPLACE_IS_FALSE),
        ([None], "ACME", "present", True, NOT_RESTORABLE),
        (["A.B"], "ACME", "present", True, NOT_RESTORABLE),
        (["OLD "], "ACME", "present", True, NOT_RESTORABLE),
    ],
)
def test_plan_says_why_nothing_may_be_done(
    listed: list[str | None], value: str | None, state: str, replace: bool, problem: str
) -> None:
    plan = make_plan(desired(mg(1), value, state, replace), [row(number, name) for number, name in enumerate(listed)])
    assert (plan.action, plan.problem, plan.delete, plan.create) == ("failed", problem, (), None)
    assert plan.before == plan.after


@pytest.mark.parametrize(
    "current", [{"sid": None, "alpha_sender": "OLD"}, {"alpha_sender": "OLD"}, {"sid": "../x", "alpha_sender": "OLD"}]
)
@pytest.mark.parametrize("wanted", [desired(mg(1), "ACME"), desired(mg(1), None, "absent")])
def test_row_without_a_valid_sid_is_not_deleted(current: dict[str, object], wanted: Desired) -> None:
    plan = make_plan(wanted, [current])
    assert (plan.action, plan.delete, plan.create, plan.problem) == ("failed", (), None, NO_SID)


def test_value_that_could_not_be_restored_is_not_replaced() -> None:
    unnamed = row(1, None)
    plan = make_plan(desired(mg(1), "ACME"), [unnamed])
    assert (plan.action, plan.before) == ("failed", "(unnamed)")
    assert make_plan(desired(mg(1), None, "absent"), [unnamed]).action == "deleted"


def test_row_that_stays_is_known() -> None:
    rows = [row(1, "OLD"), row(2, "ACME"), row(3, "ACME")]
    assert make_plan(desired(mg(1), "ACME"), rows).remaining == rows[1]
    assert make_plan(desired(mg(1), "ACME", "absent"), rows).remaining == rows[0]
    assert make_plan(desired(mg(1), "ELSE", "absent"), rows).remaining == rows[0]
    assert make_plan(desired(mg(1), "OLD", "absent"), rows[:1]).remaining is None


def test_slot_has_only_the_rows_of_its_country() -> None:
    rows: list[dict[str, Any]] = [
        row(1, "ACME"),
        row(2, "ACME UK", iso_country_code="GB"),
        row(3, "ACME FR", iso_country_code="fr"),
        row(4, "OLD", iso_country_code=None),
        row(5, "NONE", iso_country_code=""),
    ]
    service = Slot(ALPHA_SENDER, mg(1))
    assert [one["alpha_sender"] for one in rows_of(service, rows, {})] == ["ACME", "OLD", "NONE"]
    for country, name in (("GB", "ACME UK"), ("FR", "ACME FR")):
        assert [one["alpha_sender"] for one in rows_of(changed(service, country=country), rows, {})] == [name]
    assert rows_of(changed(service, country="DE"), rows, {}) == []
    # A listing that does not show countries: another one does.
    assert [one["alpha_sender"] for one in rows_of(service, rows, {rows[0]["sid"]: "DE"})] == ["OLD", "NONE"]
    assert [one["alpha_sender"] for one in rows_of(changed(service, country="*"), rows, {})] == ["ACME UK", "ACME FR"]


def test_slots_differ_by_service_and_country_but_not_by_spelling() -> None:
    slot = Slot(ALPHA_SENDER, "MG" + "a" * 32)
    assert slot.key == Slot(ALPHA_SENDER, "MG" + "A" * 32, account_sid="AC" + "0" * 32).key
    assert (
        len({slot.key, changed(slot, country="GB").key, changed(slot, country="FR").key, Slot(ALPHA_SENDER, mg(1)).key})
        == 4
    )


def test_values_are_joined_in_the_order_of_the_listing() -> None:
    assert join_values(ALPHA_SENDER, [row(1, "B"), row(2, None), row(3, "A")]) == "B, (unnamed), A"
    assert join_values(ALPHA_SENDER, []) is None
