# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of values and SIDs, and the paths of resources."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._resources import (
    ALPHA_SENDER,
    RESOURCES,
    check_sender,
    check_sid,
    is_sid,
    sid_key,
)
from hypothesis import given
from hypothesis import strategies as st

from support.account import mg

ALLOWED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 -+_&"


@given(
    st.text(ALLOWED, min_size=1, max_size=11).filter(
        lambda text: not re.fullmatch("[0-9]+", text) and not text.startswith(" ") and not text.endswith(" ")
    )
)
def test_accepts_every_sender_within_the_rule_unchanged(text: str) -> None:
    assert check_sender(text, "alpha_sender") == text


@given(
    st.one_of(
        st.text(ALLOWED, min_size=12, max_size=40),
        st.text("0123456789", max_size=11),
        st.tuples(
            st.text(ALLOWED, max_size=5), st.characters(exclude_characters=ALLOWED), st.text(ALLOWED, max_size=5)
        ).map("".join),
        st.tuples(st.text(" ", max_size=2), st.just(" "), st.text(ALLOWED, max_size=5)).map("".join),
        st.tuples(st.text(ALLOWED, max_size=5), st.just(" "), st.text(" ", max_size=2)).map("".join),
    )
)
def test_refuses_every_sender_outside_the_rule_with_value_and_rule(text: str) -> None:
    with pytest.raises(InputError) as caught:
        check_sender(text, "alpha_sender")
    assert str(caught.value).startswith("alpha_sender must have 1 to 11 of the characters")
    assert f"got {text!r}: it " in str(caught.value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "got '': it is empty"),
        (" ", "got ' ': it begins or ends with a blank"),
        (" ACME", "got ' ACME': it begins or ends with a blank"),
        ("ACME ", "got 'ACME ': it begins or ends with a blank"),
        ("ACME\n", "got 'ACME\\n': it begins or ends with a blank"),
        ("A" * 12, "it has 12 characters"),
        ("12345", "it has only digits"),
        ("A.B", "it has the character '.'"),
        ("A\nB", "it has the character '\\n'"),
        ("A\x1b[2JB", "it has the character '\\x1b'"),
        ("ACMÉ", "it has the character 'É'"),
        ("ACME🚀", "it has the character '🚀'"),
        ("\u0661\u0662", "it has the character '\u0661'"),
        (True, "must be a string, got True. Put it in quotes"),
        (12345, "must be a string, got 12345. Put it in quotes"),
        (None, "must be a string, got None. Put it in quotes"),
    ],
)
def test_message_names_what_is_wrong_with_a_sender(value: object, reason: str) -> None:
    with pytest.raises(InputError, match=re.escape(reason)):
        check_sender(value, "alpha_sender")


@pytest.mark.parametrize("value", ["UK SHOP", "A", "A-B+C_D&E", "1A", "ACMEACMEACM"])
def test_accepts_sender(value: str) -> None:
    assert check_sender(value, "alpha_sender") == value


def test_message_escapes_and_cuts_a_bad_value() -> None:
    with pytest.raises(InputError) as caught:
        check_sender("\x1b" + "A" * 5000, "alpha_sender")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("kind", ["AC", "AI", "MG"])
@pytest.mark.parametrize("tail", ["", "0" * 31, "0" * 33, "g" * 32, "0" * 32 + "\n", "\u0660" * 32, " " + "0" * 31])
def test_refuses_sid_of_wrong_length_or_alphabet(kind: str, tail: str) -> None:
    with pytest.raises(InputError, match="32 hexadecimal digits") as caught:
        check_sid(kind, kind + tail, "sid")
    assert str(caught.value).endswith(f"got {kind + tail!r}")
    assert not is_sid(kind, kind + tail)


def test_refuses_sid_of_another_kind() -> None:
    with pytest.raises(InputError, match=r"^service_sid must be a Messaging Service SID .*got 'AC0{32}'$"):
        check_sid("MG", "AC" + "0" * 32, "service_sid")
    assert check_sid("AC", "AC" + "aF" * 16, "account_sid") == "AC" + "aF" * 16


@pytest.mark.parametrize("value", ["mg" + "0" * 32, "Mg" + "0" * 32, "mG" + "a" * 32])
def test_refuses_sid_with_lower_case_letters_with_the_value_in_quotes(value: str) -> None:
    with pytest.raises(InputError) as caught:
        check_sid("MG", value, "service_sid")
    assert str(caught.value) == (
        f"service_sid must be a Messaging Service SID ('MG' and 32 hexadecimal digits), got {value!r}"
    )


@pytest.mark.parametrize("value", [None, 5, b"MG" + b"0" * 32, ["MG" + "0" * 32]])
def test_refuses_sid_that_is_not_a_string(value: object) -> None:
    assert not is_sid("MG", value)
    with pytest.raises(InputError):
        check_sid("MG", value, "service_sid")


def test_two_spellings_of_a_sid_have_the_same_key() -> None:
    assert sid_key("MG" + "aB" * 16) == sid_key("MG" + "Ab" * 16) == "MG" + "ab" * 16


def test_resource_makes_the_paths_of_twilio() -> None:
    sid = f"AI{7:032x}"
    assert ALPHA_SENDER.collection(mg(1)) == f"/v1/Services/{mg(1)}/AlphaSenders"
    assert ALPHA_SENDER.member(mg(1), sid) == f"/v1/Services/{mg(1)}/AlphaSenders/{sid}"


def test_resources_are_data_that_nobody_can_change() -> None:
    assert {name: resource.name for name, resource in RESOURCES.items()} == {name: name for name in RESOURCES}
    with pytest.raises(FrozenInstanceError):
        ALPHA_SENDER.path = "Else"  # type: ignore[misc]  # what is tested
