# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Service sends as what, and whether that is what is wanted of it. Reads, and never writes to Twilio.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import csv
import json
import typing as t
from collections import Counter
from functools import cache

from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._converge import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError
from ansible_collections.messaging.twilio.plugins.module_utils._fleet import converge_all, job_artifacts
from ansible_collections.messaging.twilio.plugins.module_utils._sender import Wish, make_wishes, places_of
from ansible_collections.messaging.twilio.plugins.module_utils._services import ServiceNames

#: How many senders are counted by name in the artifacts and the lines; the rest is counted together.
MOST_SENDERS = 20
COLUMNS = ("service_sid", "friendly_name", "alpha_sender", "wanted", "matches", "msg")

_NOT_READ = "it was not read, because the run was to stop"

Row = dict[str, t.Any]


def audit(
    client: Client,
    services: t.Sequence[object] | None,
    alpha_sender: str | None,
    state: str,
    replace: bool,
    *,
    concurrency: int,
) -> list[Row]:
    """A row a Service, with the keys of ``COLUMNS``.

    ``matches`` is ``None`` where nothing is wanted of the Service, or it could not be read. ``msg``
    says why it could not be read, or not be brought to what is wanted.

    :arg services: as for `make_wishes`, with or without a wish. ``None`` is all of the account.
    :raises ApiError: if the Services could not be listed, or for what every Service would get.
    """
    listed = cache(client.services)
    find = ServiceNames(listed).sid
    if services is None:
        services = [str(service.get("sid")) for service in listed()]
    placed = list(zip(places_of(services), services))
    wished = {place: entry for place, entry in placed if _has_wish(entry, alpha_sender, state)}
    plain = {place: _only_read(entry) for place, entry in placed if place not in wished}
    wishes = make_wishes(list(wished.values()), alpha_sender, state, replace, find=find, places=list(wished))
    # What would take away whichever is there reads what is there, in a dry run.
    reads = make_wishes(list(plain.values()), None, "absent", find=find, places=list(plain))
    known = {wish.service_sid.lower() for wish in wishes}
    reads = tuple(wish for wish in reads if wish.service_sid.lower() not in known)
    outcomes = converge_all(client, [*wishes, *reads], concurrency=concurrency, dry_run=True)
    for outcome in outcomes:
        if outcome.account_wide and outcome.error is not None:
            raise ApiError(str(outcome.msg), **outcome.error)
    named = {str(service.get("sid")).lower(): service.get("friendly_name") for service in listed()}
    return [
        _row(wish, outcome, named.get(wish.service_sid.lower()), is_wish=place < len(wishes))
        for place, (wish, outcome) in enumerate(zip([*wishes, *reads], outcomes))
    ]


def _has_wish(entry: object, alpha_sender: object, state: object) -> bool:
    if isinstance(entry, t.Mapping):
        alpha_sender, state = entry.get("alpha_sender", alpha_sender), entry.get("state", state)
    return alpha_sender is not None or state != "present"


def _only_read(entry: object) -> object:
    if not isinstance(entry, t.Mapping):
        return entry
    return {key: value for key, value in entry.items() if key not in ("alpha_sender", "state")}


def _row(wish: Wish, outcome: Outcome, name: object, *, is_wish: bool) -> Row:
    read = outcome.before is not None or outcome.action not in ("failed", "not_attempted")
    return {
        "service_sid": wish.service_sid,
        "friendly_name": name,
        "alpha_sender": outcome.before,
        "wanted": wish.alpha_sender if is_wish and wish.state == "present" else None,
        "matches": outcome.action == "none" if read and is_wish else None,
        "msg": outcome.msg if read and is_wish else None if read else outcome.msg or _NOT_READ,
    }


def audit_result(rows: t.Sequence[Row], *, table_rows: int) -> dict[str, t.Any]:
    """The result of the audit module, and its job artifacts.

    :arg table_rows: how many rows the table has; differing Services come first.
    """
    is_wish = any(row["matches"] is not None for row in rows)
    drifted = [row for row in rows if row["matches"] is False]
    unread = [row for row in rows if row["matches"] is None and row["msg"] is not None]
    senders = Counter(row["alpha_sender"] for row in rows if row["alpha_sender"] is not None)
    without = len(rows) - sum(senders.values()) - len(unread)
    counted = dict(senders.most_common(MOST_SENDERS))
    others = sum(senders.values()) - sum(counted.values())
    summary = {
        "services": len(rows),
        "with_sender": sum(senders.values()),
        "without_sender": without,
        "matching": sum(row["matches"] is True for row in rows),
        "drifted": len(drifted),
        "unread": len(unread),
    }
    line = f"{len(rows)} Services: {summary['with_sender']} have an alpha sender, {without} have none"
    line += f", {summary['matching']} are as wanted, {len(drifted)} are not" if is_wish else ""
    line += f", {len(unread)} could not be read"
    data = {
        "alpha_sender_audit_summary": summary,
        "alpha_sender_audit_summary_line": line,
        "alpha_sender_audit_senders": {**counted, **({"(others)": others} if others else {})},
    }
    differing = [row["service_sid"] for row in drifted]
    first = sorted(rows, key=lambda row: (row["matches"] is not False, row["msg"] is None))
    return {
        "changed": False,
        "services": list(rows),
        "senders": dict(senders),
        "summary": summary,
        "summary_line": line,
        "summary_block": [line],
        "table": _table(first, is_wish, table_rows),
        "ansible_stats": job_artifacts(data, alpha_sender_audit_drifted=differing),
    }


def _table(rows: t.Sequence[Row], is_wish: bool, most: int) -> list[str]:
    """The first rows as lines of equal columns, and a count of the rest."""
    columns = COLUMNS[:5] if is_wish else COLUMNS[:3]
    cells = [list(columns), *([_cell(row[column]) for column in columns] for row in rows[:most])]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
    return lines + ([f"and {len(rows) - most} more"] if len(rows) > most else [])


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return {True: "yes", False: "NO"}[value] if isinstance(value, bool) else str(value)


def write_json(path: str, result: t.Mapping[str, t.Any]) -> None:
    """The counts and all rows as one JSON object."""
    told = {key: result[key] for key in ("summary", "senders", "services")}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(told, file, indent=2, ensure_ascii=False)
        file.write("\n")


def write_csv(path: str, rows: t.Iterable[Row]) -> None:
    """All rows, with a line of the names of their columns."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
