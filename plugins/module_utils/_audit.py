# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit: the current state of Services, compared with the desired state. It only reads.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import replace

from ansible_collections.messaging.twilio.plugins.module_utils._accounts import Accounts, AnyClient
from ansible_collections.messaging.twilio.plugins.module_utils._current import read_all
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, plural
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Facts, derive
from ansible_collections.messaging.twilio.plugins.module_utils._plan import (
    ALL_COUNTRIES,
    Desired,
    Slot,
    country_of,
    join_values,
    make_plan,
    rows_of,
)
from ansible_collections.messaging.twilio.plugins.module_utils._resources import Resource, Row, sid_key

_NOT_READ = "It was not read, because the run was stopped"

AuditRow = dict[str, t.Any]
Compared = tuple[Slot, t.Optional[Desired]]
Found = t.Union[list[Row], ApiError, None]


def audit(
    client: AnyClient,
    desired: t.Sequence[Desired],
    others: t.Sequence[Slot],
    services: t.Iterable[Row],
    *,
    concurrency: int,
) -> list[AuditRow]:
    """A row for each slot, with the keys of `columns`.

    ``matches`` is ``None`` if the slot has no desired state or could not be read. ``msg`` says why it could not be
    read, or why its plan cannot be applied.

    :arg others: slots that are only read.
    :arg services: the Services of the account, for their names.
    :raises ApiError: for an error that every slot would get. Of several accounts, it ends only one.
    """
    compared: list[Compared] = [(one.slot, one) for one in desired]
    compared += [(slot, None) for slot in others]
    found = read_all(client, [slot for slot, _desired in compared], concurrency=concurrency)
    several = isinstance(client, Accounts) and client.several
    for rows in found:
        if isinstance(rows, ApiError) and rows.fatal and not several:
            raise rows
    known = {sid_key(str(service.get("sid"))): service for service in services}
    return [
        _row(slot, one, rows, known.get(sid_key(slot.service_sid), {}))
        for (slot, one), rows in _split_countries(zip(compared, found))
    ]


def _split_countries(compared: t.Iterable[tuple[Compared, Found]]) -> t.Iterator[tuple[Compared, Found]]:
    """A slot of all countries as a slot for each country that has rows and is not compared itself."""
    done = set()
    for (slot, desired), rows in compared:
        if slot.country != ALL_COUNTRIES:
            done.add(slot.key)
            yield (slot, desired), rows
            continue
        # If it could not be read, another slot of the same Service says so.
        if not isinstance(rows, list):
            continue
        for country in sorted({str(country_of(row)) for row in rows}):
            one = replace(slot, country=country)
            if one.key not in done:
                done.add(one.key)
                yield (one, None), rows_of(one, rows, {})


def columns(resource: Resource) -> tuple[str, ...]:
    """The keys of a row, in the order of a table."""
    names = ("service_sid", "service_name", resource.field, "desired", "matches")
    return (*names, "state", "msg", "account_sid", "iso_country_code")


def _row(slot: Slot, desired: Desired | None, rows: list[Row] | ApiError | None, service: Row) -> AuditRow:
    resource = slot.resource
    row: AuditRow = dict.fromkeys(columns(resource))
    row.update(
        service_sid=slot.service_sid,
        service_name=service.get("friendly_name"),
        account_sid=slot.account_sid or service.get("account_sid"),
        iso_country_code=slot.country,
        desired=desired.value if desired is not None and desired.state == "present" else None,
    )
    if not isinstance(rows, list):
        return {**row, "msg": _NOT_READ if rows is None else str(rows)}
    row[resource.field] = join_values(resource, rows)
    row["state"] = "present" if rows else "absent"
    if desired is not None:
        outcome = derive(Facts(desired, make_plan(desired, rows), current=rows))
        row["matches"] = outcome.action == "unchanged"
        row["msg"] = message(outcome) if outcome.action == "failed" else None
    return row


def audit_result(resource: Resource, rows: t.Sequence[AuditRow], *, table_rows: int) -> dict[str, t.Any]:
    """The result of the audit.

    :arg table_rows: how many rows the table has. Slots that differ come first.
    """
    compared = any(row["matches"] is not None for row in rows)
    senders = Counter(row[resource.field] for row in rows if row[resource.field] is not None)
    drifted = [row for row in rows if row["matches"] is False]
    unread = sum(_is_unread(row) for row in rows)
    summary = {
        "total": len(rows),
        "with_sender": sum(senders.values()),
        "without_sender": len(rows) - sum(senders.values()) - unread,
        "matching": sum(row["matches"] is True for row in rows),
        "drifted": len(drifted),
        "unread": unread,
    }
    services = plural(len({row["service_sid"] for row in rows}), "Service")
    if any(row["iso_country_code"] is not None for row in rows):
        services = f"{plural(len(rows), 'slot')} of {services}"
    line = f"{services}: {summary['with_sender']} with {resource.label}"
    line += f", {summary['without_sender']} without"
    line += f", {summary['matching']} as desired, {len(drifted)} drifted" if compared else ""
    line += f", {unread} unread"
    first = sorted(rows, key=lambda row: (row["matches"] is not False, row["msg"] is None))
    return {
        "changed": False,
        "msg": line,
        "rows": list(rows),
        "senders": dict(senders.most_common()),
        "summary": summary,
        "drifted": [row["service_sid"] for row in drifted],
        "table": _table(first, columns(resource)[: 5 if compared else 3], table_rows),
    }


def _is_unread(row: AuditRow) -> bool:
    return row["matches"] is None and row["msg"] is not None


def _table(rows: t.Sequence[AuditRow], names: t.Sequence[str], limit: int) -> list[str]:
    """The first rows as lines with columns of equal width, and a count of the others."""
    cells = [list(names), *([_cell(row[name]) for name in names] for row in rows[:limit])]
    widths = [max(len(line[place]) for line in cells) for place in range(len(names))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
    return lines + ([f"and {len(rows) - limit} more"] if len(rows) > limit else [])


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return {True: "yes", False: "NO"}[value] if isinstance(value, bool) else str(value)
