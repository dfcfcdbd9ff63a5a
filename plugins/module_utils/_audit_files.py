# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an audit. `alpha_senders` takes each of them, and changes nothing until somebody edits it.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import csv
import json
import os
import typing as t

from ansible_collections.messaging.twilio.plugins.module_utils._audit import AuditRow, columns
from ansible_collections.messaging.twilio.plugins.module_utils._cells import neutralize
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, printable
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER


def write_files(paths: t.Mapping[str, str | None], result: t.Mapping[str, t.Any]) -> list[str]:
    """Write the files of the options ``csv_path``, ``json_path`` and ``export_path``. Returns a line for each.

    :raises OSError: if a file cannot be written.
    """
    lines = []
    for option, (label, write) in _WRITERS.items():
        path = paths.get(option)
        if path is not None:
            write(path, result)
            lines.append(f"{label}: {os.path.abspath(path)}")
    return lines


def _write_json(path: str, result: t.Mapping[str, t.Any]) -> None:
    """The counts and all rows as one JSON object."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump({key: result[key] for key in ("summary", "senders", "rows")}, file, indent=2, ensure_ascii=False)
        file.write("\n")


def _write_csv(path: str, result: t.Mapping[str, t.Any]) -> None:
    """All rows, after a line with the names of the columns. A spreadsheet takes no cell for a formula."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns(ALPHA_SENDER))
        writer.writeheader()
        writer.writerows({name: neutralize(value) for name, value in row.items()} for row in result["rows"])


def _write_export(path: str, result: t.Mapping[str, t.Any]) -> None:
    """All rows as the variable of the role, for version control. Rows that cannot be desired are comments."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"---\n# To apply it: ansible-playbook messaging.twilio.apply -e @{os.path.basename(path)}\n")
        file.write(
            "alpha_sender_services:\n" if any(map(_is_exported, result["rows"])) else "alpha_sender_services: []\n"
        )
        file.writelines(map(_export_lines, result["rows"]))


def _is_exported(row: AuditRow) -> bool:
    try:
        return row["state"] == "absent" or bool(ALPHA_SENDER.check(row["alpha_sender"], "alpha_sender"))
    except InputError:
        return False


def _export_lines(row: AuditRow) -> str:
    name = printable(row["service_name"] or "")
    if not _is_exported(row):
        reason = row["msg"] or f"has {row['alpha_sender']}"
        return f"  # {row['service_sid']} {name}: {printable(reason)}\n"
    lines = [f"  - service_sid: {row['service_sid']}" + (f" # {name}" if name else "")]
    lines += [f"    {key}: {row[key]}" for key in ("account_sid",) if row[key] is not None]
    if row["iso_country_code"] is not None:
        lines.append(f"    iso_country_code: {json.dumps(row['iso_country_code'])}")
    has = row["state"] == "present"
    lines.append(f"    alpha_sender: {json.dumps(row['alpha_sender'])}" if has else "    state: absent")
    return "\n".join(lines) + "\n"


_WRITERS: dict[str, tuple[str, t.Callable[[str, t.Mapping[str, t.Any]], None]]] = {
    "csv_path": ("CSV", _write_csv),
    "json_path": ("JSON", _write_json),
    "export_path": ("Export", _write_export),
}
#: The options that name a file of an audit.
PATH_OPTIONS = tuple(_WRITERS)
