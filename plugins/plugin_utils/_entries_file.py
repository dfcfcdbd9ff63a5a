# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries that are kept in a file: CSV of any spreadsheet, JSON or YAML, and what the collection writes itself.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import csv
import io
import json
import os
import typing as t
from dataclasses import dataclass, field

from ansible.module_utils.common.yaml import yaml_load
from ansible_collections.messaging.twilio.plugins.module_utils._cells import restore
from ansible_collections.messaging.twilio.plugins.module_utils._desired import find_problems
from ansible_collections.messaging.twilio.plugins.module_utils._errors import (
    InputError,
    join_first,
    plural,
    quoted,
    raise_problems,
)
from ansible_collections.messaging.twilio.plugins.module_utils._resources import sid_key

SUFFIXES = (".csv", ".json", ".yml", ".yaml")
COLUMNS = (
    "service_sid",
    "service_name",
    "account_sid",
    "iso_country_code",
    "alpha_sender",
    "state",
    "only_if",
    "replace",
)
#: Further columns of the audit. Nobody has to be reminded of them.
AUDIT_COLUMNS = ("desired", "matches", "msg")
DELIMITERS = (",", ";", "\t")
#: In a cell of only_if: no sender. Parentheses are not allowed in a sender.
NO_SENDER = "(none)"
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
#: The key of a list of entries in each kind of mapping.
VARIABLE = "alpha_sender_services"

Entry = dict[str, t.Any]


@dataclass
class EntriesFile:
    """What a file has.

    :ivar entries: with a ``label`` each, which names the place in the file.
    :ivar notes: messages about ignored columns and removed blanks.
    """

    entries: list[t.Any]
    notes: list[str] = field(default_factory=list)


def read_entries(path: object) -> EntriesFile:
    """The entries of the file ``path``, by its suffix.

    :raises InputError: if it cannot be read, or for all bad lines of a CSV file at once.
    """
    if not isinstance(path, str) or os.path.splitext(path)[1].lower() not in SUFFIXES:
        raise InputError(f"file must end in .csv, .json or .yml, got {quoted(path)}")
    try:
        with open(os.path.expanduser(path), "rb") as file:
            content = file.read()
    except (OSError, ValueError) as error:
        raise InputError(f"file must be a file that can be read, got {quoted(path)}: {error}") from None
    text = _decoded(content, path)
    if path.lower().endswith(".csv"):
        return _read_csv(text, path)
    try:
        data = json.loads(text) if path.lower().endswith(".json") else yaml_load(text)
    except Exception as error:  # pylint: disable=broad-exception-caught  # PyYAML is not imported here
        raise InputError(f"file must be valid, got {quoted(path)}: {' '.join(str(error).split())}") from None
    rows = _rows_of(data, path)
    labels = [f"{path}, entry {number} of {len(rows)}" for number in range(1, len(rows) + 1)]
    return EntriesFile([_with_label(row, label) for row, label in zip(rows, labels)])


def _decoded(content: bytes, path: str) -> str:
    # Excel saves "Unicode text" as UTF-16, with a byte-order mark.
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"file must be in UTF-8, got {quoted(path)}, line {line}. In a spreadsheet, save it as CSV UTF-8"
        ) from None


def _rows_of(data: t.Any, path: str) -> list[t.Any]:
    """The entries of a file, of an export, of an audit or of a record."""
    if isinstance(data, list):
        return data
    if isinstance(data, dict):
        if isinstance(data.get("rows"), list):
            return [_row_of_audit(row) for row in data["rows"]]
        if list(data) == [VARIABLE] and isinstance(data[VARIABLE], list):
            return list(data[VARIABLE])
        if VARIABLE in data:
            others = join_first([str(key) for key in data if key != VARIABLE])
            raise InputError(f"file must have {VARIABLE} only, got {quoted(path)} with {others}. Use -e @{path}")
    raise InputError(f"file must have a list of entries, got {quoted(path)} with {type(data).__name__}")


def _row_of_audit(row: t.Any) -> t.Any:
    if not isinstance(row, dict):
        return row
    entry = {name: row[name] for name in COLUMNS if name in row}
    if entry.get("state") is None:
        entry.pop("state", None)
    return entry


def _is_name(column: str, entry: Entry) -> bool:
    """Whether the cell is the name of a Service whose SID is known. It is for messages."""
    return column == "service_name" and "service_sid" in entry


def _with_label(row: t.Any, label: str) -> t.Any:
    if isinstance(row, str):
        return {"service_sid": row, "label": label}
    return {**row, "label": label} if isinstance(row, dict) else row


def _read_csv(text: str, path: str) -> EntriesFile:
    found, problems = EntriesFile([]), []
    lines = iter(_lines(text, path))
    header = next(lines, (1, []))
    columns = _columns(header[1], f"{path}, line {header[0]}")
    ignored = [name for name, column in zip(header[1], columns) if column not in (*COLUMNS, *AUDIT_COLUMNS, "")]
    trimmed = []
    for number, cells in lines:
        label = f"{path}, line {number}"
        if any(cell.strip() for cell in cells[len(columns) :]):
            problems.append(f"{label} must have {plural(len(columns), 'cell')} as the header, got {len(cells)}")
            continue
        known = {column: cell for column, cell in zip(columns, cells) if column in COLUMNS}
        # Excel leaves out empty cells at the end of a line.
        given = {column: restore(known.get(column, "").strip()) for column in columns if column in COLUMNS}
        try:
            entry = _entry_of_line(given, label)
        except InputError as error:
            problems.append(str(error))
            continue
        if any(known[column] != known[column].strip() for column in entry if not _is_name(column, entry)):
            trimmed.append(str(number))
        found.entries.append({**entry, "label": label})
    common = {} if "alpha_sender" in columns else {"state": "absent"}
    problems += find_problems(found.entries, common)
    raise_problems(sorted(problems, key=lambda text: int(text[len(path) :].split()[2].strip(",:"))))
    if ignored:
        found.notes.append(f"{path}: ignored the {_columns_text(ignored)}")
    if trimmed:
        found.notes.append(
            f"{path}: removed blanks around cells in {plural(len(trimmed), 'line')}: {join_first(trimmed)}"
        )
    return found


def _columns_text(names: t.Sequence[str]) -> str:
    return ("column " if len(names) == 1 else "columns ") + join_first([quoted(name) for name in names])


def _lines(text: str, path: str) -> t.Iterator[tuple[int, list[str]]]:
    """Each line that is not blank, with its number and its cells. A cell in quotes may have line breaks."""
    first, _newline, others = text.partition("\n")
    before = 0
    if first.strip().lower() in {f"sep={delimiter}" for delimiter in DELIMITERS} or first.rstrip("\r\n") == "sep=\t":
        # Excel reads and writes this line.
        text, before = others, 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    while True:
        number = before + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"{path}, line {number} must be CSV: {error}. Is a quote missing?") from None
        if any(cell.strip() for cell in cells):
            yield number, cells


def _delimiter(text: str) -> str:
    """The delimiter with which the header has the most known columns."""

    def known(delimiter: str) -> int:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            header = next((cells for cells in lines if any(cell.strip() for cell in cells)), [])
        except csv.Error:
            return 0
        return sum(_column(cell) in COLUMNS for cell in header)

    return max(DELIMITERS, key=known)


def _column(cell: str) -> str:
    """The name of a column, written in any way: ``Service SID`` is ``service_sid``."""
    return "_".join(cell.replace("-", " ").replace("_", " ").lower().split())


def _columns(header: t.Sequence[str], label: str) -> list[str]:
    columns = [_column(cell) for cell in header]
    if not {"service_sid", "service_name"} & set(columns):
        names = ", ".join(COLUMNS)
        raise InputError(
            f"{label} must name the columns, with service_sid or service_name, got {quoted(list(header))}. "
            f"Known are {names}"
        )
    twice = sorted({column for column in columns if column in COLUMNS and columns.count(column) > 1})
    if twice:
        raise InputError(f"{label} must have each column once, got {join_first(twice)} twice")
    return columns


def _entry_of_line(cells: t.Mapping[str, str], label: str) -> Entry:
    """The entry of a line. An empty cell is no value, except that of the sender, which must not be forgotten."""
    entry: Entry = {column: cell for column, cell in cells.items() if cell}
    for column in ("service_sid", "account_sid"):
        if column in entry:
            entry[column] = sid_key(entry[column])
    if "state" in entry:
        entry["state"] = entry["state"].lower()
    if "replace" in entry:
        entry["replace"] = BOOLEANS.get(entry["replace"].lower(), entry["replace"])
    if entry.get("only_if") == NO_SENDER:
        entry["only_if"] = None
    if "alpha_sender" in cells and "alpha_sender" not in entry and entry.get("state") != "absent":
        service = entry.get("service_sid") or entry.get("service_name")
        raise InputError(
            f"{label} must have an alpha_sender for {quoted(service)}, got an empty cell. To remove the sender, write "
            "absent into the column state"
        )
    if "alpha_sender" in entry and entry.get("state") == "absent":
        raise InputError(
            f"{label} must have an alpha_sender or the state absent, got both: {quoted(entry['alpha_sender'])}. To "
            "set the sender, clear the state. To remove only this sender, move it to the column only_if"
        )
    return entry
