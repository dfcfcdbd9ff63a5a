# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and entries as desired states, and what the messages about bad ones say."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._desired import (
    make_all_desired,
    make_compared,
    make_desired,
)
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired

from support.account import mg
from support.desired import desired, desired_in

KEYS = (
    "service_sid, service_name, account_sid, alpha_sender, country_senders, iso_country_code, state, replace, only_if, "
    "label"
)
SHOPS = {"Shop UK": mg(1), "Shop FR": mg(2), "Same": mg(1)}


def locate_nothing(one: Desired) -> Desired:
    assert one.service_name is None, f"{one.service_name} was looked up"
    return one


def locate(one: Desired) -> Desired:
    if one.service_name is None or one.slot.service_sid:
        return one
    if one.service_name not in SHOPS:
        raise InputError(f"service_name must be known, got {one.service_name!r}")
    return replace(one, slot=replace(one.slot, service_sid=SHOPS[one.service_name]))


def make_all(
    services: Sequence[object], *, by: Callable[[Desired], Desired] = locate_nothing, **common: object
) -> tuple[Desired, ...]:
    return make_all_desired(services, common, locate=by)


def test_entry_overrides_common_options() -> None:
    services = [
        mg(1),
        {"service_sid": mg(2), "alpha_sender": "UK", "replace": False},
        {"service_sid": mg(3), "state": "absent"},
    ]
    assert make_all(services, alpha_sender="ACME") == (
        desired(mg(1), "ACME"),
        desired(mg(2), "UK", "present", False),
        desired(mg(3), None, "absent"),
    )


# Common sender and state, the entry's own keys, and the sender and state that are desired then.
INHERITANCE: list[tuple[dict[str, Any], dict[str, Any], tuple[str | None, str]]] = [
    ({"alpha_sender": "ACME"}, {}, ("ACME", "present")),
    ({"alpha_sender": "ACME"}, {"alpha_sender": "UK"}, ("UK", "present")),
    ({"alpha_sender": "ACME"}, {"state": "present"}, ("ACME", "present")),
    ({"alpha_sender": "ACME"}, {"state": "absent"}, (None, "absent")),
    ({"alpha_sender": "ACME"}, {"state": "absent", "alpha_sender": None}, (None, "absent")),
    ({"alpha_sender": "ACME"}, {"state": "absent", "alpha_sender": "UK"}, ("UK", "absent")),
    ({"alpha_sender": "ACME", "state": "absent"}, {}, ("ACME", "absent")),
    ({"alpha_sender": "ACME", "state": "absent"}, {"state": "absent"}, (None, "absent")),
    ({"alpha_sender": "ACME", "state": "absent"}, {"alpha_sender": "UK"}, ("UK", "absent")),
    ({"alpha_sender": "ACME", "state": "absent"}, {"alpha_sender": None}, (None, "absent")),
    ({"alpha_sender": "ACME", "state": "absent"}, {"state": "present"}, ("ACME", "present")),
    ({"state": "absent"}, {}, (None, "absent")),
    ({"state": "absent"}, {"alpha_sender": "UK"}, ("UK", "absent")),
    ({"state": "absent"}, {"state": "present", "alpha_sender": "UK"}, ("UK", "present")),
    ({}, {"alpha_sender": "UK"}, ("UK", "present")),
    ({}, {"state": "absent"}, (None, "absent")),
]


@pytest.mark.parametrize(("common", "own", "expected"), INHERITANCE)
@pytest.mark.parametrize("replacing", [None, True, False])
def test_entry_inherits_as_the_table_says(
    common: dict[str, Any], own: dict[str, Any], expected: tuple[str | None, str], replacing: bool | None
) -> None:
    common = common if replacing is None else {**common, "replace": replacing}
    [one] = make_all([{"service_sid": mg(1), **own}], **common)
    assert one == desired(mg(1), *expected, replace=replacing is not False)


def test_common_absent_without_a_sender_removes_any() -> None:
    assert make_all([mg(1)], state="absent") == (desired(mg(1), None, "absent"),)


def test_plain_sid_needs_a_common_sender() -> None:
    entry = {"service_sid": mg(1), "alpha_sender": "UK"}
    assert make_all([entry]) == (desired(mg(1), "UK"),)
    with pytest.raises(InputError, match=r"^alpha_sender is missing\. .*alpha_sender_name"):
        make_all([entry, mg(2)])


def test_replace_is_true_by_default() -> None:
    assert make_desired(mg(1), alpha_sender="ACME").replace is True
    assert make_desired(mg(1), alpha_sender="ACME", replace=False).replace is False


@pytest.mark.parametrize("names", [("AA", "BB"), ("BB", "AA")])
def test_refuses_two_desired_states_in_either_order(names: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="must have one desired state"):
        make_all([{"service_sid": mg(1), "alpha_sender": name} for name in names])


def test_accepts_no_services() -> None:
    assert make_all([], alpha_sender="ACME") == ()


def test_same_desired_state_twice_counts_once_in_its_first_place() -> None:
    services = [mg(2), "MG" + "a" * 32, {"service_sid": mg(2)}, "MG" + "A" * 32]
    assert [one.slot.service_sid for one in make_all(services, alpha_sender="ACME")] == [mg(2), "MG" + "a" * 32]


def test_refuses_two_desired_states_of_one_service_in_two_spellings() -> None:
    services = ["MG" + "a" * 32, {"service_sid": "MG" + "A" * 32, "alpha_sender": "OTHER"}]
    with pytest.raises(InputError) as caught:
        make_all(services, alpha_sender="ACME")
    assert str(caught.value) == (
        f"services, entry 2 of 2: MG{'A' * 32} must have one desired state, got present 'OTHER', but present 'ACME' "
        "in entry 1 of 2"
    )


#: Each changes a good entry, and the message about it.
MUTATIONS: list[tuple[object, str]] = [
    ("MG12", "entry 2 of 3 must be a Messaging Service SID ('MG' and 32 hexadecimal digits), got 'MG12'"),
    (mg(9).lower(), f"entry 2 of 3 must be a Messaging Service SID .*, got '{mg(9).lower()}'"),
    (f" {mg(9)}", f"got ' {mg(9)}'"),
    ("", "entry 2 of 3 must be a Messaging Service SID .*, got ''"),
    (None, f"entry 2 of 3 must be a Service SID or a mapping with the keys {KEYS}, got None"),
    (5, f"entry 2 of 3 must be a Service SID or a mapping with the keys {KEYS}, got 5"),
    ([mg(9)], f"entry 2 of 3 must be a Service SID or a mapping with the keys {KEYS}, got ['{mg(9)}']"),
    (
        {"service_sid": mg(9), "alpha_sendr": "X"},
        f"entry 2 of 3 ('{mg(9)}') has the unknown key 'alpha_sendr'. Allowed are {KEYS}",
    ),
    ({"service_sid": mg(9), "a": 1, "b": 2}, f"entry 2 of 3 ('{mg(9)}') has the unknown key 'a', 'b'. Allowed are"),
    ({"service_sid": mg(9), 5: 1}, "has the unknown key 5. Allowed are"),
    ({"service_name": "Shop", "c\x1b": 1}, "entry 2 of 3 ('Shop') has the unknown key 'c\\x1b'. Allowed are"),
    ({"sid": mg(9)}, "entry 2 of 3 has the unknown key 'sid'. Allowed are"),
    ({}, "entry 2 of 3 must have service_sid or service_name, got {}. Set service_sid or service_name"),
    ({"alpha_sender": "X"}, "entry 2 of 3 must have service_sid or service_name, got {'alpha_sender': 'X'}"),
    ({"service_sid": None}, "entry 2 of 3, service_sid is missing. Set service_sid or service_name"),
    ({"service_sid": 5}, "entry 2 of 3, service_sid must be a Messaging Service SID .*, got 5"),
    ({"service_sid": mg(9).lower()}, f"entry 2 of 3, service_sid must be .*, got '{mg(9).lower()}'"),
    ({"service_sid": mg(9), "service_name": 5}, "entry 2 of 3, service_sid and service_name exclude each other"),
    ({"service_name": ""}, "entry 2 of 3, service_name must be the friendly name of a Service as a string, got ''"),
    ({"service_name": True}, "service_name must be the friendly name of a Service as a string, got True"),
    ({"service_sid": mg(9), "state": "gone"}, "entry 2 of 3, state must be present or absent, got 'gone'"),
    ({"service_sid": mg(9), "state": None}, "entry 2 of 3, state must be present or absent, got None"),
    ({"service_sid": mg(9), "state": ["absent"]}, "state must be present or absent, got ['absent']"),
    ({"service_sid": mg(9), "replace": "yes"}, "entry 2 of 3, replace must be true or false, got 'yes'"),
    ({"service_sid": mg(9), "replace": 1}, "entry 2 of 3, replace must be true or false, got 1"),
    ({"service_sid": mg(9), "alpha_sender": "A.B"}, "entry 2 of 3, alpha_sender must have 1 to 11 of .*'.'"),
    ({"service_sid": mg(9), "alpha_sender": "ACME "}, "got 'ACME ': it begins or ends with a blank"),
    ({"service_sid": mg(9), "alpha_sender": " ACME"}, "got ' ACME': it begins or ends with a blank"),
    ({"service_sid": mg(9), "alpha_sender": ""}, "got '': it is empty"),
    ({"service_sid": mg(9), "alpha_sender": False}, "alpha_sender must be a string, got False. Put it in quotes"),
    ({"service_sid": mg(9), "alpha_sender": 123}, "alpha_sender must be a string, got 123. Put it in quotes"),
    ({"service_sid": mg(9), "alpha_sender": "X", "state": "gone"}, "state must be present or absent, got 'gone'"),
    ({"service_sid": mg(9), "alpha_sender": "A.B", "state": "absent"}, "it has the character '.'"),
    ({"service_sid": mg(9), "alpha_sender": None}, "entry 2 of 3, alpha_sender is missing. Set it"),
]


@pytest.mark.parametrize(("entry", "message"), MUTATIONS)
def test_bad_entry_is_named_by_its_place_and_value(entry: object, message: str) -> None:
    pattern = re.escape(message).replace(r"\.\*", ".*")
    with pytest.raises(InputError, match=f"services, .*{pattern}"):
        make_all([mg(1), entry, mg(2)], alpha_sender="ACME")


# An audit only reads a Service whose entry has no sender, so the last mutation is not one of its.
@pytest.mark.parametrize(("entry", "message"), MUTATIONS[:-1])
def test_bad_entry_of_an_audit_is_named_by_its_place_and_value(entry: object, message: str) -> None:
    pattern = re.escape(message).replace(r"\.\*", ".*")
    with pytest.raises(InputError, match=f"services, .*{pattern}"):
        make_compared([mg(1), entry, mg(2)], {"alpha_sender": "ACME"}, locate=locate_nothing)


def test_all_bad_entries_are_reported_at_once_and_the_first_in_full() -> None:
    with pytest.raises(InputError) as caught:
        make_all(["bad"] * 8, alpha_sender="ACME")
    assert str(caught.value).count("got 'bad'") == 5
    assert str(caught.value).endswith("; and 3 more")


def test_bad_common_sender_is_reported_by_its_option() -> None:
    with pytest.raises(InputError, match=r"^alpha_sender must have .*got 'ACME ': it begins or ends with a blank"):
        make_all([mg(1)], alpha_sender="ACME ")


def test_present_without_a_sender_is_refused() -> None:
    with pytest.raises(InputError, match=r"^alpha_sender is missing"):
        make_desired(mg(1))


def test_services_can_be_given_by_name() -> None:
    services = [mg(3), {"service_name": "Shop UK"}, {"service_name": "Shop FR", "state": "absent"}]
    found = make_all(services, alpha_sender="ACME", by=locate)
    assert [(one.slot.service_sid, one.service_name, one.state) for one in found] == [
        (mg(3), None, "present"), (mg(1), "Shop UK", "present"), (mg(2), "Shop FR", "absent"),
    ]  # fmt: skip


def test_name_of_an_entry_with_a_sid_is_not_looked_up() -> None:
    [found] = make_all([{"service_sid": mg(1), "service_name": "Renamed"}], alpha_sender="ACME", by=locate)
    assert (found.slot.service_sid, found.service_name) == (mg(1), "Renamed")


def test_all_unknown_names_are_reported_at_once_by_their_places() -> None:
    with pytest.raises(InputError) as caught:
        make_all(
            [{"service_name": "A"}, mg(3), {"service_name": "Shop UK"}, {"service_name": "B"}],
            alpha_sender="ACME",
            by=locate,
        )
    assert str(caught.value) == (
        "services, entry 1 of 4, service_name must be known, got 'A'; "
        "services, entry 4 of 4, service_name must be known, got 'B'"
    )


def test_names_are_not_looked_up_if_anything_else_is_wrong() -> None:
    with pytest.raises(InputError, match=r"entry 2 of 2 must be a Messaging Service SID .* got 'bad'"):
        make_all([{"service_name": "Shop UK"}, "bad"], alpha_sender="ACME")


def test_one_service_by_two_names_and_its_sid_has_one_desired_state() -> None:
    same = [{"service_name": "Shop UK"}, {"service_name": "Same"}, mg(1)]
    assert [one.slot.service_sid for one in make_all(same, alpha_sender="ACME", by=locate)] == [mg(1)]
    other = {"service_name": "Shop UK", "state": "absent", "alpha_sender": None}
    message = r"entry 3 of 3: MG0+1 must have one desired state, got present 'ACME', but absent any in entry 1"
    with pytest.raises(InputError, match=message):
        make_all([other, {"service_name": "Shop FR"}, mg(1)], alpha_sender="ACME", by=locate)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "service_sid is missing. Set service_sid or service_name"),
        (
            {"service_sid": mg(1), "service_name": "Shop"},
            f"service_sid and service_name exclude each other, got '{mg(1)}' and 'Shop'. Set",
        ),
        ({"service_name": ""}, "service_name must be the friendly name of a Service as a string, got ''"),
        ({"service_name": 5}, "service_name must be the friendly name of a Service as a string, got 5"),
    ],
)
def test_service_is_given_in_exactly_one_way(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make_desired(alpha_sender="ACME", **given)
    assert str(caught.value).startswith(message)


def test_audit_only_reads_services_without_a_desired_state() -> None:
    services = [
        mg(1),
        {"service_sid": mg(2), "alpha_sender": "ACME"},
        {"service_sid": mg(3), "state": "absent"},
        mg(2),
        {"service_sid": mg(4), "replace": False},
        {"service_sid": mg(5), "alpha_sender": None},
    ]
    compared, others = make_compared(services, {"alpha_sender": None, "state": "present"}, locate=locate_nothing)
    assert compared == (desired(mg(2), "ACME"), desired(mg(3), None, "absent"))
    assert [slot.service_sid for slot in others] == [mg(1), mg(4), mg(5)]


def test_audit_compares_all_services_if_there_is_a_common_desired_state() -> None:
    for common in ({"alpha_sender": "ACME"}, {"state": "absent"}, {"alpha_sender": "ACME", "state": "absent"}):
        compared, others = make_compared([mg(1), {"service_sid": mg(2)}], common, locate=locate_nothing)
        assert ([one.slot.service_sid for one in compared], others) == ([mg(1), mg(2)], [])


def test_audit_reports_all_bad_entries_at_once() -> None:
    services = ["bad", {"service_sid": mg(1), "alpha_sender": "A.B"}, {"service_name": ""}]
    with pytest.raises(InputError) as caught:
        make_compared(services, {}, locate=locate_nothing)
    assert [f"entry {number} of 3" in str(caught.value) for number in (1, 2, 3)] == [True] * 3


def test_audit_reports_all_unknown_names_at_once() -> None:
    services = [{"service_name": "A"}, {"service_name": "B", "alpha_sender": "ACME"}]
    with pytest.raises(InputError) as caught:
        make_compared(services, {}, locate=locate)
    assert ["got 'A'" in str(caught.value), "got 'B'" in str(caught.value)] == [True, True]


class TestCountries:
    def test_each_country_is_a_slot_after_the_default_sender(self) -> None:
        entry = {"service_sid": mg(1), "country_senders": {"fr": "ACME FR", "GB": None}, "replace": False}
        assert make_all([entry], alpha_sender="ACME") == (
            desired(mg(1), "ACME", replace=False),
            desired_in(mg(1), "FR", "ACME FR", replace=False),
            desired_in(mg(1), "GB", None, "absent", False),
        )

    def test_default_sender_is_left_alone_without_a_desired_one(self) -> None:
        assert make_all([mg(1)], country_senders={"FR": "ACME FR"}) == (desired_in(mg(1), "FR", "ACME FR"),)
        entry = {"service_sid": mg(1), "country_senders": {"FR": "ACME FR"}, "alpha_sender": None}
        assert make_all([entry], alpha_sender="ACME") == (desired_in(mg(1), "FR", "ACME FR"),)

    # The common mapping, that of the entry, and the one that counts.
    @pytest.mark.parametrize(
        ("common", "own", "expected"),
        [
            ({"FR": "ACME FR"}, {}, {"FR": "ACME FR"}),
            ({"FR": "ACME FR"}, {"country_senders": {"GB": "ACME GB"}}, {"GB": "ACME GB"}),
            ({"FR": "ACME FR"}, {"country_senders": None}, {}),
            ({"FR": "ACME FR"}, {"country_senders": {}}, {}),
            ({"FR": None}, {}, {"FR": None}),
            (None, {"country_senders": {"FR": "ACME FR"}}, {"FR": "ACME FR"}),
            (None, {}, {}),
            ({}, {}, {}),
        ],
    )
    def test_mapping_of_an_entry_replaces_the_common_one(
        self, common: dict[str, Any] | None, own: dict[str, Any], expected: dict[str, str | None]
    ) -> None:
        found = make_all([{"service_sid": mg(1), **own}], alpha_sender="ACME", country_senders=common)
        assert found[0] == desired(mg(1), "ACME")
        assert {one.slot.country: one.value for one in found[1:]} == expected
        assert [one.state for one in found[1:]] == ["present" if name else "absent" for name in expected.values()]

    def test_absent_state_removes_the_default_sender_alone(self) -> None:
        entry = {"service_sid": mg(1), "state": "absent", "country_senders": {"FR": "ACME FR"}}
        assert make_all([entry], alpha_sender="ACME") == (
            desired(mg(1), None, "absent"),
            desired_in(mg(1), "FR", "ACME FR"),
        )

    def test_sender_of_one_country_is_an_option_of_its_own(self) -> None:
        assert make_desired(mg(1), alpha_sender="ACME", iso_country_code="fr") == desired_in(mg(1), "FR", "ACME")
        assert make_desired(mg(1), state="absent", iso_country_code="FR") == desired_in(mg(1), "FR", None, "absent")

    def test_account_is_a_part_of_the_slot(self) -> None:
        account_sid = "AC" + "0" * 32
        assert make_desired(mg(1), alpha_sender="ACME", account_sid=account_sid).slot.account_sid == account_sid
        entry = {"service_sid": mg(1), "account_sid": account_sid, "country_senders": {"FR": "ACME"}}
        assert [one.slot.account_sid for one in make_all([entry], alpha_sender="ACME")] == [account_sid] * 2
        with pytest.raises(InputError, match=r"^account_sid must be an account SID .*, got 'AC1'"):
            make_desired(mg(1), alpha_sender="ACME", account_sid="AC1")

    @pytest.mark.parametrize("code", [False, "", "UK", 5, "FRA"])
    def test_bad_country_is_refused(self, code: object) -> None:
        with pytest.raises(InputError, match=r"^iso_country_code must be an ISO 3166 alpha-2 country code"):
            make_desired(mg(1), alpha_sender="ACME", iso_country_code=code)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("GB", "country_senders must map countries to senders, got 'GB'"),
            (["GB"], "country_senders must map countries to senders, got ['GB']"),
            (True, "country_senders must map countries to senders, got True"),
            ({"UK": "ACME"}, "country_senders, UK: iso_country_code must be an ISO 3166 alpha-2 country code"),
            ({False: "ACME"}, "country_senders, False: iso_country_code must be .*, got False. Put it in quotes"),
            ({"\x1b[2J": "ACME"}, "country_senders, \\x1b[2J: iso_country_code must be .*, got '\\x1b[2J'"),
            ({"GB": "A.B"}, "country_senders, GB: alpha_sender must have 1 to 11 of .*, got 'A.B'"),
            ({"GB": ""}, "country_senders, GB: alpha_sender must have 1 to 11 of .*, got '': it is empty"),
            ({"GB": False}, "country_senders, GB: alpha_sender must be a string, got False. Put it in quotes"),
            ({"GB": 1234}, "country_senders, GB: alpha_sender must be a string, got 1234"),
        ],
    )
    def test_bad_mapping_is_named_by_its_place_and_value(self, given: object, message: str) -> None:
        pattern = re.escape(message).replace(r"\.\*", ".*")
        for services, common in (
            ([{"service_sid": mg(1), "country_senders": given}], {}),
            ([mg(1)], {"country_senders": given}),
        ):
            for make in (make_all_desired, make_compared):
                with pytest.raises(InputError, match=f"services, entry 1 of 1, {pattern}") as caught:
                    make(services, {"alpha_sender": "ACME", **common}, locate=locate_nothing)
                assert str(caught.value).isprintable()

    def test_two_desired_states_of_one_slot_are_refused_with_the_country(self) -> None:
        services = [
            {"service_sid": mg(1), "country_senders": {"FR": "A"}},
            {"service_sid": mg(1), "country_senders": {"GB": "A", "fr": "B"}},
        ]
        with pytest.raises(InputError) as caught:
            make_all(services)
        assert str(caught.value) == (
            f"services, entry 2 of 2: {mg(1)} (FR) must have one desired state, got present 'B', but present 'A' in "
            "entry 1 of 2"
        )

    def test_one_country_in_two_spellings_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"^services, entry 1 of 1: 'Shop UK' \(FR\) must have one desired state"):
            make_all([{"service_name": "Shop UK", "country_senders": {"FR": "A", "fr": "B"}}], by=locate)
        assert len(make_all([{"service_sid": mg(1), "country_senders": {"FR": "A", "fr": "A"}}])) == 1

    def test_same_desired_state_of_a_slot_twice_counts_once(self) -> None:
        entry = {"service_name": "Same", "country_senders": {"FR": "A"}}
        assert make_all([entry, {**entry, "service_name": "Shop UK"}], by=locate)[0].slot.country == "FR"
        assert len(make_all([entry, {**entry, "service_name": "Shop UK"}], by=locate)) == 1

    def test_each_service_is_checked_once(self) -> None:
        checked: list[Desired] = []
        entries = [
            {"service_sid": mg(1), "country_senders": {"FR": "A", "GB": "B"}},
            {"service_name": "Shop UK", "country_senders": {"FR": "A", "GB": "B"}},
        ]
        make_all_desired(entries, {"alpha_sender": "ACME"}, locate=locate_nothing_or_known, check=checked.extend)
        assert [(one.slot.service_sid, one.service_name) for one in checked] == [(mg(1), None), ("", "Shop UK")]


def locate_nothing_or_known(one: Desired) -> Desired:
    return one if one.service_name is None else replace(one, slot=replace(one.slot, service_sid=mg(2)))


class TestCountriesOfAnAudit:
    def test_reads_all_countries_of_each_service_once(self) -> None:
        other = "MG" + "A" * 32
        services: list[object] = [
            {"service_sid": mg(1), "alpha_sender": "ACME"},
            mg(2),
            other,
            {"service_sid": "MG" + "a" * 32, "country_senders": {"FR": "A"}},
        ]
        compared, read = make_compared(services, {}, locate=locate_nothing, all_countries=True)
        assert [one.slot.key for one in compared] == [
            desired(mg(1), "").slot.key,
            desired_in(other, "FR", "").slot.key,
        ]
        assert [slot.key for slot in read] == [
            *(desired(sid, "").slot.key for sid in (mg(2), other)),
            *(desired_in(sid, "*", "").slot.key for sid in (mg(1), other, mg(2))),
        ]

    def test_compares_countries_that_have_a_desired_sender(self) -> None:
        common = {"country_senders": {"FR": "A", "GB": None}}
        compared, read = make_compared([mg(1)], common, locate=locate_nothing)
        assert compared == (desired_in(mg(1), "FR", "A"), desired_in(mg(1), "GB", None, "absent"))
        assert read == []
