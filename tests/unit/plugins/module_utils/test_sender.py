# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the string and the SIDs, the reading of wishes, and the plan against the table."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._sender import (
    Wish,
    check_sender,
    check_sid,
    make_plan,
    make_wish,
    with_sid,
)
from ansible_collections.messaging.twilio.plugins.module_utils._sender import make_wishes as make_wishes_and_find
from hypothesis import given
from hypothesis import strategies as st

from support.account import mg

ALLOWED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 -+_&"
NAMES = ("ACME", "Acme", "OLD", "OTHER")


def nobody(name: str) -> str:
    raise AssertionError(f"{name} was looked up")


def make_wishes(*args: Any, find: Callable[[str], str] = nobody) -> tuple[Wish, ...]:
    return make_wishes_and_find(*args, find=find)


@given(st.text(ALLOWED, min_size=1, max_size=11).filter(lambda text: not re.fullmatch("[0-9]+", text)))
def test_every_string_within_the_rule_is_taken_as_it_is(text: str) -> None:
    assert check_sender(text, "alpha_sender") == text


@given(
    st.one_of(
        st.text(ALLOWED, min_size=12, max_size=40),
        st.text("0123456789", max_size=11),
        st.tuples(
            st.text(ALLOWED, max_size=5), st.characters(exclude_characters=ALLOWED), st.text(ALLOWED, max_size=5)
        ).map("".join),
    )
)
def test_every_string_beyond_the_rule_is_refused_with_value_and_rule(text: str) -> None:
    with pytest.raises(InputError) as caught:
        check_sender(text, "alpha_sender")
    assert str(caught.value).startswith(f"alpha_sender: {text!r} ")
    assert "1 to 11 of the characters" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "is empty"),
        ("A" * 12, "has 12 characters"),
        ("12345", "has only digits"),
        ("A.B", "has the character '.'"),
        ("A\nB", "has the character '\\n'"),
        ("ACME\n", "has the character '\\n'"),
        ("ACMÉ", "has the character 'É'"),
        ("ACME🚀", "has the character '🚀'"),
        ("\u0661\u0662", "has the character '\u0661'"),
        (True, "is not a string"),
        (12345, "is not a string"),
    ],
)
def test_the_reason_names_what_is_wrong(value: object, reason: str) -> None:
    with pytest.raises(InputError, match=re.escape(reason)):
        check_sender(value, "alpha_sender")


@pytest.mark.parametrize("kind", ["AC", "AI", "MG", "SK"])
@pytest.mark.parametrize("tail", ["", "0" * 31, "0" * 33, "g" * 32, "0" * 32 + "\n", "\u0660" * 32, " " + "0" * 31])
def test_a_sid_of_wrong_length_or_alphabet_is_refused(kind: str, tail: str) -> None:
    with pytest.raises(InputError, match="32 hexadecimal digits"):
        check_sid(kind, kind + tail, "sid")


def test_a_sid_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match=r"service_sid: 'AC0{32}' is not a Messaging Service's SID"):
        check_sid("MG", "AC" + "0" * 32, "service_sid")
    assert check_sid("AC", "AC" + "aF" * 16, "account_sid") == "AC" + "aF" * 16


class TestWishes:
    def test_entries_override_the_common_wish(self) -> None:
        services = [
            mg(1),
            {"service_sid": mg(2), "alpha_sender": "UK", "replace": False},
            {"service_sid": mg(3), "state": "absent"},
        ]
        assert make_wishes(services, "ACME") == (
            Wish(mg(1), "ACME"),
            Wish(mg(2), "UK", "present", False),
            Wish(mg(3), "ACME", "absent"),
        )

    def test_an_entry_may_take_the_common_sender_away(self) -> None:
        assert make_wishes([{"service_sid": mg(1), "alpha_sender": None, "state": "absent"}], "ACME") == (
            Wish(mg(1), None, "absent"),
        )

    def test_senders_can_be_taken_away_without_a_name(self) -> None:
        assert make_wishes([mg(1)], None, "absent") == (Wish(mg(1), None, "absent"),)

    def test_without_a_common_sender_every_entry_brings_its_own(self) -> None:
        entry = {"service_sid": mg(1), "alpha_sender": "UK"}
        assert make_wishes([entry]) == (Wish(mg(1), "UK"),)
        with pytest.raises(InputError, match=r"^alpha_sender is missing: .*alpha_sender_name"):
            make_wishes([entry, mg(2)])

    def test_replacing_is_allowed_unless_it_is_forbidden(self) -> None:
        assert make_wish(mg(1), "ACME").replace is True
        assert make_wish(mg(1), "ACME", replace=False).replace is False

    @pytest.mark.parametrize("names", [("AA", "BB"), ("BB", "AA")])
    def test_two_wishes_are_refused_in_either_order(self, names: tuple[str, str]) -> None:
        with pytest.raises(InputError, match="one Service can have one wish only"):
            make_wishes([{"service_sid": mg(1), "alpha_sender": name} for name in names])

    def test_no_services_are_no_error(self) -> None:
        assert make_wishes([], "ACME") == ()

    def test_the_same_wish_twice_counts_once_in_its_first_place(self) -> None:
        services = [mg(2), mg(1), {"service_sid": mg(2)}, mg(1).lower().replace("mg", "MG")]
        assert [wish.service_sid for wish in make_wishes(services, "ACME")] == [mg(2), mg(1)]

    def test_two_wishes_for_one_service_are_refused_even_in_other_spelling(self) -> None:
        services = ["MG" + "a" * 32, {"service_sid": "MG" + "A" * 32, "alpha_sender": "OTHER"}]
        with pytest.raises(
            InputError, match=r"entry 2 of 2: MGA{32} is wanted as present 'OTHER', but as present 'ACME' in entry 1"
        ):
            make_wishes(services, "ACME")

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ("MG12", "entry 2 of 3: 'MG12' is not a Messaging Service's SID"),
            (None, "entry 2 of 3: None is neither a Service SID nor an entry"),
            (
                {"service_sid": mg(9), "alpha_sendr": "X"},
                "unknown key 'alpha_sendr'; allowed are service_sid, service_name, alpha_sender, state, replace",
            ),
            ({"service_sid": mg(9), "a": 1, "b": 2}, f"entry 2 of 3 ('{mg(9)}'): unknown key 'a', 'b'; allowed are"),
            ({"sid": mg(9)}, "entry 2 of 3: unknown key 'sid'; allowed are"),
            ({"alpha_sender": "X"}, "entry 2 of 3: {'alpha_sender': 'X'} has no service_sid"),
            (
                {"service_sid": mg(9), "state": "gone"},
                "entry 2 of 3, state: 'gone' is not allowed; present and absent are",
            ),
            (
                {"service_sid": mg(9), "replace": "yes"},
                "entry 2 of 3, replace: 'yes' is not allowed; true and false are",
            ),
            ({"service_sid": mg(9), "alpha_sender": "A.B"}, "entry 2 of 3, alpha_sender: 'A.B' has the character '.'"),
            ({"service_sid": mg(9), "alpha_sender": None}, "entry 2 of 3, alpha_sender is missing"),
            ({"service_sid": 5}, "entry 2 of 3, service_sid: 5 is not a Messaging Service's SID"),
        ],
    )
    def test_a_bad_entry_is_named_by_place_and_value(self, entry: object, message: str) -> None:
        with pytest.raises(InputError, match=re.escape(message)):
            make_wishes([mg(1), entry, mg(2)], "ACME")

    def test_all_bad_entries_are_named_at_once_the_first_few_in_full(self) -> None:
        with pytest.raises(InputError) as caught:
            make_wishes(["bad"] * 8, "ACME")
        assert str(caught.value).count("'bad' is not") == 5
        assert str(caught.value).endswith("; and 3 more")

    def test_present_without_a_sender_is_refused(self) -> None:
        with pytest.raises(InputError, match="alpha_sender is missing: state 'present' needs"):
            make_wish(mg(1))


# What is planned, told as rows that are tried from the top: when it applies, and what it gives.
# Written without a look at the code; `n` are the names listed, `w` the wanted one.
TABLE: list[tuple[str, Callable[[list[str], str | None, bool], bool], str, int | str, int]] = [
    ("present", lambda n, w, r: w in n, "none", 0, 0),
    ("present", lambda n, w, r: not n, "created", 0, 1),
    ("present", lambda n, w, r: len(n) > 1, "failed", 0, 0),
    ("present", lambda n, w, r: not r, "failed", 0, 0),
    ("present", lambda n, w, r: True, "replaced", 1, 1),
    ("absent", lambda n, w, r: not n, "none", 0, 0),
    ("absent", lambda n, w, r: w is None and len(n) > 1, "failed", 0, 0),
    ("absent", lambda n, w, r: w is not None and w not in n, "none", 0, 0),
    ("absent", lambda n, w, r: w is None, "deleted", 1, 0),
    ("absent", lambda n, w, r: True, "deleted", "named", 0),
]


@given(
    st.lists(st.sampled_from(NAMES), max_size=3),
    st.sampled_from((*NAMES, None)),
    st.sampled_from(("present", "absent")),
    st.booleans(),
)
def test_the_plan_is_what_the_table_says(listed: list[str], wanted: str | None, state: str, replace: bool) -> None:
    if state == "present" and wanted is None:
        return
    resources = [{"sid": f"AI{place:032x}", "alpha_sender": name} for place, name in enumerate(listed)]
    plan = make_plan(Wish(mg(1), wanted, state, replace), resources)
    row = next(row for row in TABLE if row[0] == state and row[1](listed, wanted, replace))
    deletes = listed.count(str(wanted)) if row[3] == "named" else row[3]
    assert (plan.action, len(plan.delete), plan.create) == (row[2], deletes, wanted if row[4] else None)
    assert plan.before == (", ".join(listed) or None)
    gone = {resource["sid"] for resource in resources if resource["sid"] in plan.delete}
    left = [resource["alpha_sender"] for resource in resources if resource["sid"] not in gone]
    assert plan.after == (", ".join(left + ([plan.create] if plan.create else [])) or None)
    others = sorted(listed)
    if state == "present" and wanted in others:
        others.remove(str(wanted))
        assert (plan.warning is not None) == bool(others)
        assert all(name in str(plan.warning) for name in others)
    if plan.action == "failed":
        assert plan.refusal is not None
        assert all(name in plan.refusal for name in [*listed, *([wanted] if wanted else [])])


@pytest.mark.parametrize(
    "resource", [{"sid": None, "alpha_sender": "OLD"}, {"alpha_sender": "OLD"}, {"sid": "../x", "alpha_sender": "OLD"}]
)
@pytest.mark.parametrize("wish", [Wish(mg(1), "ACME"), Wish(mg(1), None, "absent")])
def test_a_sender_without_a_usable_sid_is_not_deleted(resource: dict[str, object], wish: Wish) -> None:
    plan = make_plan(wish, [resource])
    assert (plan.action, plan.delete, plan.create) == ("failed", (), None)


def test_a_sender_that_could_not_be_restored_is_not_replaced() -> None:
    unnamed = {"sid": f"AI{1:032x}", "alpha_sender": None}
    assert make_plan(Wish(mg(1), "ACME"), [unnamed]).action == "failed"
    assert make_plan(Wish(mg(1), None, "absent"), [unnamed]).action == "deleted"


SHOPS = {"Shop UK": mg(1), "Shop FR": mg(2), "Same": mg(1)}


def shop(name: str) -> str:
    if name not in SHOPS:
        raise InputError(f"service_name: {name!r} is unknown")
    return SHOPS[name]


def test_services_may_be_named() -> None:
    wishes = make_wishes(
        [mg(3), {"service_name": "Shop UK"}, {"service_name": "Shop FR", "state": "absent"}], "ACME", find=shop
    )
    assert [(wish.service_sid, wish.service_name, wish.state) for wish in wishes] == [
        (mg(3), None, "present"), (mg(1), "Shop UK", "present"), (mg(2), "Shop FR", "absent"),
    ]  # fmt: skip


def test_all_unknown_names_are_told_at_once_by_their_places() -> None:
    with pytest.raises(InputError) as caught:
        make_wishes(
            [{"service_name": "A"}, mg(3), {"service_name": "Shop UK"}, {"service_name": "B"}], "ACME", find=shop
        )
    assert str(caught.value) == (
        "services, entry 1 of 4, service_name: 'A' is unknown; services, entry 4 of 4, service_name: 'B' is unknown"
    )


def test_names_are_not_looked_up_while_anything_else_is_wrong() -> None:
    with pytest.raises(InputError, match="entry 2 of 2: 'bad'"):
        make_wishes([{"service_name": "Shop UK"}, "bad"], "ACME")


def test_one_service_by_two_names_or_by_its_sid_too_has_one_wish() -> None:
    same = [{"service_name": "Shop UK"}, {"service_name": "Same"}, mg(1)]
    assert [wish.service_sid for wish in make_wishes(same, "ACME", find=shop)] == [mg(1)]
    other = {"service_name": "Shop UK", "state": "absent", "alpha_sender": None}
    message = r"entry 3 of 3: MG0+1 is wanted as present 'ACME', but as absent any in entry 1"
    with pytest.raises(InputError, match=message):
        make_wishes([other, {"service_name": "Shop FR"}, mg(1)], "ACME", find=shop)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "the Service is missing; give service_sid or service_name"),
        (
            {"service_sid": mg(1), "service_name": "Shop"},
            f"service_sid: '{mg(1)}' and service_name 'Shop' were both given; give",
        ),
        ({"service_name": ""}, "service_name: '' is empty; the friendly name of a Service is allowed"),
        ({"service_name": 5}, "service_name: 5 is not a string, put it in quotes; the friendly name"),
    ],
)
def test_a_service_is_given_in_exactly_one_way(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make_wish(alpha_sender="ACME", **given)
    assert str(caught.value).startswith(message)


def test_only_a_name_is_looked_up() -> None:
    assert with_sid(make_wish(mg(9), "ACME"), nobody).service_sid == mg(9)
    assert with_sid(make_wish(None, "ACME", service_name="Shop UK"), shop).service_sid == mg(1)
