# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of entries, as people and spreadsheets write them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.messaging.twilio.plugins.module_utils._cells import neutralize, restore
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_all_desired
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired
from ansible_collections.messaging.twilio.plugins.plugin_utils import _entries_file
from ansible_collections.messaging.twilio.plugins.plugin_utils._entries_file import EntriesFile, read_entries
from hypothesis import given
from hypothesis import strategies as st

from support.account import ACCOUNT_SID, mg

A, B, C = mg(0xA1), mg(0xB2), mg(0xC3)
#: What each of the files of WRITTEN_BY_SPREADSHEETS says.
EXPECTED = [
    {"service_sid": A, "alpha_sender": "ACME"},
    {"service_sid": B, "alpha_sender": "+ACME 24"},
    {"service_sid": C, "state": "absent"},
]
BOM = b"\xef\xbb\xbf"
PLAIN = f"service_sid,alpha_sender,state\n{A},ACME,\n{B},+ACME 24,\n{C},,absent\n"

#: The same three lines, as programs and people save them.
WRITTEN_BY_SPREADSHEETS: dict[str, bytes] = {
    "plain": PLAIN.encode(),
    "Excel, CSV UTF-8": BOM + PLAIN.replace("\n", "\r\n").encode(),
    "Excel with a German locale": BOM + PLAIN.replace("\n", "\r\n").replace(",", ";").encode(),
    "Excel with a line for the separator": b"sep=;\r\n" + PLAIN.replace("\n", "\r\n").replace(",", ";").encode(),
    "Excel, Unicode text": PLAIN.replace("\n", "\r\n").replace(",", "\t").encode("utf-16"),
    "Excel for Mac, old": PLAIN.replace("\n", "\r").encode(),
    "LibreOffice, all text cells quoted": (
        f'"service_sid","alpha_sender","state"\n"{A}","ACME",\n"{B}","+ACME 24",\n"{C}",,"absent"\n'
    ).encode(),
    "Google Sheets, no newline at the end": PLAIN.replace("\n", "\r\n").rstrip().encode(),
    "Numbers, with empty rows and columns": (
        f"service_sid;alpha_sender;state;;\r\n;;;;\r\n{A};ACME;;;\r\n{B};+ACME 24;;;\r\n;;;;\r\n{C};;absent;;\r\n"
    ).encode(),
    "columns in another order and with other names": (
        f"State\tOwner\tAlpha Sender\tSERVICE-SID\n\tMarketing, EU\tACME\t{A}\n\t\t+ACME 24\t{B}\nABSENT\t\t\t{C}\n"
    ).encode(),
    "quoted cells with quotes, separators and line breaks": (
        f'Notes,service_sid,alpha_sender,state\r\n"say ""hi"", then\r\nbye",{A},ACME,\r\n"a;b",{B},"+ACME 24",\r\n'
        f'"🎉",{C},,absent\r\n'
    ).encode(),
    "blanks around cells, SIDs in capitals, short lines": (
        f"service_sid , alpha_sender,state\n {A.upper()},ACME \n{B.upper()}\t, +ACME 24\n{C},, absent \n"
    ).encode(),
    "neutralized by this collection": PLAIN.replace("+ACME", "'+ACME").encode(),
}


def read(folder: Path, content: bytes | str, name: str = "senders.csv") -> EntriesFile:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_entries(str(path))


def without_label(entries: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in entry.items() if key != "label"} for entry in entries]


def desired_of(entries: EntriesFile, **common: object) -> tuple[Desired, ...]:
    return make_all_desired(entries.entries, common, locate=lambda one: one)


def refused(folder: Path, content: bytes | str, name: str = "senders.csv") -> str:
    with pytest.raises(InputError) as raised:
        desired_of(read(folder, content, name))
    return str(raised.value).replace(f"{folder}/", "")


@pytest.mark.parametrize("content", WRITTEN_BY_SPREADSHEETS.values(), ids=WRITTEN_BY_SPREADSHEETS)
def test_reads_what_spreadsheets_write(tmp_path: Path, content: bytes) -> None:
    found = read(tmp_path, content)
    assert without_label(found.entries) == EXPECTED
    assert [(one.slot.service_sid, one.value, one.state) for one in desired_of(found)] == [
        (A, "ACME", "present"),
        (B, "+ACME 24", "present"),
        (C, None, "absent"),
    ]


def test_labels_are_the_lines_in_which_entries_start(tmp_path: Path) -> None:
    found = read(tmp_path, f'sep=,\nnote,service_sid,alpha_sender\n"1\n2",{A},ACME\n\n"",{B},ACME\n')
    assert [entry["label"].rpartition(", ")[2] for entry in found.entries] == ["line 3", "line 6"]


def test_notes_say_what_was_ignored_and_corrected_once(tmp_path: Path) -> None:
    lines = "".join(f"{mg(number)}, ACME,x,y,z\n" for number in range(1, 9))
    found = read(tmp_path, f"service_sid,alpha_sender,Owner,cost center,msg\n{lines}")
    assert [note.replace(f"{tmp_path}/", "") for note in found.notes] == [
        "senders.csv: ignored the columns 'Owner', 'cost center'",
        "senders.csv: removed blanks around cells in 8 lines: 2, 3, 4, 5, 6, ...",
    ]
    assert read(tmp_path, PLAIN).notes == []


def test_all_columns_have_their_meaning(tmp_path: Path) -> None:
    header = "service_sid,service_name,account_sid,iso_country_code,alpha_sender,state,only_if,replace\n"
    lines = (
        f"{A},Shop,{ACCOUNT_SID},fr,ACME,present,OLD,yes\n"
        f",Shop UK,,,ACME,,(none),no\n"
        f"{B},,,DE,,absent,ACME,\n"
        f"{C},,,,ACME,,,FALSE\n"
    )
    found = read(tmp_path, header + lines)
    assert without_label(found.entries) == [
        {
            "service_sid": A,
            "service_name": "Shop",
            "account_sid": ACCOUNT_SID,
            "iso_country_code": "fr",
            "alpha_sender": "ACME",
            "state": "present",
            "only_if": "OLD",
            "replace": True,
        },
        {"service_name": "Shop UK", "alpha_sender": "ACME", "only_if": None, "replace": False},
        {"service_sid": B, "iso_country_code": "DE", "state": "absent", "only_if": "ACME"},
        {"service_sid": C, "alpha_sender": "ACME", "replace": False},
    ]
    one = desired_of(found)
    assert (one[0].slot.country, one[0].only_if, one[1].only_if, one[3].only_if) == ("FR", ("OLD",), (None,), None)


def test_file_without_a_sender_column_takes_that_of_the_task(tmp_path: Path) -> None:
    found = read(tmp_path, f"service_sid\n{A}\n{B}\n")
    assert [one.value for one in desired_of(found, alpha_sender="ACME")] == ["ACME", "ACME"]
    with pytest.raises(InputError, match=r"senders.csv, line 2, alpha_sender is missing"):
        desired_of(found)


def test_all_bad_lines_are_reported_at_once_by_number_and_value(tmp_path: Path) -> None:
    message = refused(
        tmp_path,
        f"service_sid,alpha_sender,state,replace\n{A},ACME,,\n{B},,,\n{C},ACME,absent,\nMG12,ACME,,\n{C},A.B,,maybe\n",
    )
    assert message.split("; ") == [
        f"senders.csv, line 3 must have an alpha_sender for '{B}', got an empty cell. To remove the sender, write "
        "absent into the column state",
        "senders.csv, line 4 must have an alpha_sender or the state absent, got both: 'ACME'. To set the sender, clear "
        "the state. To remove only this sender, move it to the column only_if",
        "senders.csv, line 5, service_sid must be a Messaging Service SID ('MG' and 32 hexadecimal digits), got 'MG12'",
        "senders.csv, line 6, replace must be true or false, got 'maybe'",
    ]


def test_two_lines_that_differ_are_refused_and_equal_ones_count_once(tmp_path: Path) -> None:
    same = f"service_sid,alpha_sender\n{A},ACME\n{A.upper()},ACME\n"
    assert len(desired_of(read(tmp_path, same))) == 1
    assert refused(tmp_path, same + f"{A},OTHER\n") == (
        f"senders.csv, line 4: {A} must have one desired state, got present 'OTHER', but present 'ACME' in line 2"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "senders.csv, line 1 must name the columns, with service_sid or service_name, got []. Known are service"),
        (f"{A},ACME\n", "line 1 must name the columns"),
        (f"service_sid,Service SID,alpha_sender\n{A},{A},ACME\n", "must have each column once, got service_sid twice"),
        (f"service_sid,alpha_sender\n{A},ACME,x\n", "line 2 must have 2 cells as the header, got 3"),
        (f'service_sid,alpha_sender\n{A},"ACME\n{B},ACME\n', "line 2 must be CSV: unexpected end of data. Is a quote"),
        ("service_name,alpha_sender\nB\xfccher,ACME\n".encode("latin-1"), "senders.csv', line 2. In a spreadsheet"),
    ],
)
def test_refuses_what_is_no_list(tmp_path: Path, content: bytes | str, message: str) -> None:
    assert message in refused(tmp_path, content).replace('"', "'")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("senders.txt", "", "file must end in .csv, .json or .yml, got"),
        ("senders.json", "{", "file must be valid, got"),
        ("senders.yml", "a: [", "file must be valid, got"),
        ("senders.yml", "ACME", "file must have a list of entries, got 'senders.yml' with str"),
        ("senders.json", '{"a": 1}', "file must have a list of entries, got 'senders.json' with dict"),
        (
            "senders.yml",
            "alpha_sender_name: ACME\nalpha_sender_services: []",
            "file must have alpha_sender_services only, got 'senders.yml' with alpha_sender_name. Use -e @senders.yml",
        ),
        ("senders.yml", f"- service_sid: {A}\n  sender: X", "senders.yml, entry 1 of 1"),
        ("senders.yml", f"- service_sid: {A}\n  alpha_sender:", "senders.yml, entry 1 of 1, alpha_sender is missing"),
        ("senders.yml", f"- service_sid: {A}\n  alpha_sender: ' X'", "it begins or ends with a blank"),
        ("senders.yml", "- 5", "must be a Service SID or a mapping"),
    ],
)
def test_refuses_other_files_with_the_reason(tmp_path: Path, name: str, content: str, message: str) -> None:
    assert message in refused(tmp_path, content, name)


@pytest.mark.parametrize("path", [None, 5, "senders.csv\0", "/no/such/senders.csv", "/tmp"])
def test_refuses_a_path_that_cannot_be_read(path: object) -> None:
    with pytest.raises(InputError, match=r"^file must"):
        read_entries(path)


def test_lists_of_json_and_yaml_are_entries(tmp_path: Path) -> None:
    entries = [A, {"service_sid": B, "country_senders": {"FR": None}}, {"service_name": "Shop", "state": "absent"}]
    expected = [{"service_sid": A}, *entries[1:]]
    for name, text in (
        ("senders.json", "\ufeff" + json.dumps(entries)),
        ("senders.yml", yaml.safe_dump(entries)),
        ("senders.YAML", yaml.safe_dump({"alpha_sender_services": entries})),
    ):
        assert without_label(read(tmp_path, text, name).entries) == expected


@given(st.text())
def test_neutralized_cell_is_no_formula_and_is_restored(value: str) -> None:
    cell = neutralize(value)
    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert restore(cell) == value


@given(st.text(alphabet="'=+-@\t\r a", max_size=6))
def test_neutralizing_is_reversible_for_all_beginnings(value: str) -> None:
    assert restore(str(neutralize(value))) == value
    assert restore(str(neutralize(str(neutralize(value))))) == neutralize(value)


@given(st.lists(st.text(), min_size=1, max_size=3), st.sampled_from([",", ";", "\t"]))
def test_any_names_in_other_columns_change_nothing(names: list[str], delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["service_sid", "service_name", "alpha_sender", "desired"])
    for number, name in enumerate(names, 1):
        writer.writerow([mg(number), neutralize(name), "ACME", neutralize(name)])
    # The csv module of Python reads no NUL before 3.11, and no field breaks at a lone surrogate.
    content = text.getvalue().replace("\0", "")
    found = _entries_file._read_csv(content, "senders.csv").entries
    assert [(one["service_sid"], one["alpha_sender"]) for one in found] == [
        (mg(number), "ACME") for number in range(1, len(names) + 1)
    ]


def test_message_has_no_content_of_other_columns(tmp_path: Path) -> None:
    message = refused(tmp_path, f"service_sid,alpha_sender,phone\n{A},A.B,+15550001\n")
    assert "+1555" not in message
    assert re.match(r"senders\.csv, line 2, alpha_sender must have 1 to 11", message)
