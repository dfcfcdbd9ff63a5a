# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exceptions, and the texts of messages: what is cut, escaped or removed."""

from __future__ import annotations

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._errors import (
    MAX_CHANCE,
    MAX_JOINED,
    MAX_QUOTED,
    ApiError,
    InputError,
    Redactor,
    join_first,
    plural,
    printable,
    quoted,
    raise_problems,
)


@pytest.mark.parametrize(
    ("status", "indeterminate", "fatal", "not_found", "conflict"),
    [
        (400, False, False, False, False),
        (401, False, True, False, False),
        (403, False, True, False, False),
        (404, False, False, True, False),
        (404, True, False, False, False),
        (409, False, False, False, True),
        (412, False, False, False, True),
        (None, True, False, False, False),
    ],
)
def test_derives_kind_of_error_from_status(
    status: int | None, indeterminate: bool, fatal: bool, not_found: bool, conflict: bool
) -> None:
    error = ApiError("GET /v1/x failed", status=status, indeterminate=indeterminate)
    assert (error.fatal, error.not_found, error.conflict) == (fatal, not_found, conflict)


def test_uses_sentence_as_message_when_there_is_no_other() -> None:
    assert ApiError("sentence").as_fields() == {
        "code": None,
        "message": "sentence",
        "more_info": None,
        "status": None,
        "request_id": None,
    }
    assert ApiError("sentence", message="").message == ""


def test_quotes_and_cuts_values() -> None:
    assert quoted("MG1 ") == "'MG1 '"
    assert quoted("\x1b[2J\u202e") == "'\\x1b[2J\\u202e'"
    assert quoted(7) == "7"
    assert quoted("x" * (MAX_QUOTED - 2)) == f"'{'x' * (MAX_QUOTED - 2)}'"
    assert quoted("x" * (MAX_QUOTED - 1)) == f"'{'x' * (MAX_QUOTED - 1)}..."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, Größe, 日本", "plain, Größe, 日本"),
        ("a\nb\x1b[31m\x00", "a\\nb\\x1b[31m\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("left \u202ethgir\u2066", "left \\u202ethgir\\u2066"),
        ("half \ud800", "half \\ud800"),
        ("line\u2028break", "line\\u2028break"),
    ],
)
def test_escapes_what_could_change_display(text: str, expected: str) -> None:
    assert printable(text) == expected
    assert printable(text).isprintable()


def test_names_only_first_entries() -> None:
    names = [str(number) for number in range(MAX_JOINED + 1)]
    assert join_first(names[:-1]) == "0, 1, 2, 3, 4"
    assert join_first(names) == "0, 1, 2, 3, 4, ..."
    raise_problems([])
    with pytest.raises(InputError, match=r"^0; 1; 2; 3; 4$"):
        raise_problems(names[:-1])
    with pytest.raises(InputError, match=r"^0; 1; 2; 3; 4; and 1 more$"):
        raise_problems(names)


def test_forms_plural() -> None:
    assert [plural(count, "Service") for count in (0, 1, 2)] == ["0 Services", "1 Service", "2 Services"]


def test_removes_longest_secret_first() -> None:
    redactor = Redactor(["hush", "hush-and-more-of-it", "", None])
    assert redactor.text("hush-and-more-of-it hush\n") == "******** ********\\n"


def test_keeps_short_secrets_in_data() -> None:
    short, long = "s" * MAX_CHANCE, "t" * (MAX_CHANCE + 1)
    redactor = Redactor([short, long])
    data = {"list": [short, f"<{long}>", None, 7, True], long: {"__ansible_unsafe": 1, "half": "\ud800", "ä": "ä"}}
    assert redactor.data(data) == {
        "list": [short, "<********>", None, 7, True],
        "********": {"half": "?", "ä": "ä"},
    }
    assert redactor.text(f"{short} {long}") == "******** ********"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": ["plain", 1, null]}', True),
        (b'{"a": "hush"}', False),
        (b'{"a": "hu\\u0073h"}', False),
        ('{"a": "ä"}'.encode(), False),
        (b'{"__ansible_unsafe": 1}', False),
    ],
)
def test_recognizes_json_that_needs_no_redaction(body: bytes, expected: bool) -> None:
    assert Redactor(["hush", None]).leaves(body) is expected
