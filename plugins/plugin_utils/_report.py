# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of a report, made from the result of a module. The guide of the report documents its keys.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import json
import typing as t
from collections import Counter

SCHEMA = "messaging.twilio.report"
#: Changes if a key is removed or changes its meaning. New keys do not change it.
VERSION = 2
#: The actions of a rollout and the statuses of an audit, in the order in which the page counts them.
ACTIONS = ("created", "replaced", "deleted", "unchanged", "failed", "skipped")
STATUSES = ("matching", "drifted", "only_read", "unread")

Report = dict[str, t.Any]
Entry = t.Mapping[str, t.Any]


def make_report(
    kind: str,
    result: t.Mapping[str, t.Any],
    *,
    check_mode: bool,
    region: str | None = None,
    playbook: str | None = None,
    hosts: t.Mapping[str, tuple[str, str | None]] | None = None,
) -> Report:
    """The report of a run, ready for JSON.

    :arg kind: ``rollout`` or ``audit``.
    :arg result: what ``alpha_senders`` or ``alpha_sender_audit`` returned. If the run failed before the first Service,
        it has a ``msg`` and no ``summary``.
    :arg region: of the Services, if it is not us1.
    :arg playbook: its name.
    :arg hosts: the host and the friendly name of Services, by SID in lower case.
    """
    is_rollout = kind == "rollout"
    rows = result.get("outcomes" if is_rollout else "rows", ())
    entries = [_rollout_entry(row) if is_rollout else _audit_entry(row) for row in rows]
    for entry in entries:
        host, service_name = (hosts or {}).get(entry["service_sid"].lower(), (None, None))
        entry["host"] = host
        if entry["service_name"] is None:
            entry["service_name"] = service_name
    counts = Counter(entry["action" if is_rollout else "status"] for entry in entries)
    current = [(entry, entry["after" if is_rollout else "alpha_sender"]) for entry in entries]
    senders = Counter(sender for _entry, sender in current if sender is not None)
    unknown = sum(sender is None and _may_have_a_sender(entry) for entry, sender in current)
    seconds, requests, message = result.get("seconds"), result.get("requests"), result.get("msg")
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "kind": kind,
        "check_mode": check_mode,
        "playbook": playbook,
        "started_at": result.get("started_at"),
        "seconds": seconds,
        "requests": requests,
        "requests_per_second": round(requests / seconds, 1) if seconds and requests is not None else None,
        "region": region,
        "message": message,
        "summary_line": str(message).partition("\n")[0] if "summary" in result else None,
        "summary": {**{key: counts[key] for key in (ACTIONS if is_rollout else STATUSES)}, "total": len(entries)},
        "desired": list(result.get("desired", ())) if is_rollout else _desired_of_rows(rows),
        "senders": dict(senders.most_common()),
        "without_sender": len(entries) - sum(senders.values()) - unknown,
        "unknown": unknown,
        "entries": entries,
    }


def _rollout_entry(outcome: Entry) -> dict[str, t.Any]:
    return {
        **_common_keys(outcome),
        "action": outcome["action"],
        "before": outcome["before"],
        "after": outcome["after"],
        "msg": outcome.get("msg"),
        "error": outcome.get("error"),
        "desired": outcome.get("desired"),
        "restored": bool(outcome.get("restored")),
        "lost_sender": outcome.get("lost_sender"),
        "state_unknown": bool(outcome.get("state_unknown")),
        "recovery_command": outcome.get("recovery_command"),
    }


def _audit_entry(row: Entry) -> dict[str, t.Any]:
    status = {True: "matching", False: "drifted", None: "unread" if row["msg"] is not None else "only_read"}
    return {
        **_common_keys(row),
        "alpha_sender": row["alpha_sender"],
        "desired": row["desired"],
        "status": status[row["matches"]],
        "msg": row["msg"],
    }


def _common_keys(row: Entry) -> dict[str, t.Any]:
    return {
        "service_sid": row["service_sid"],
        **{key: row.get(key) for key in ("service_name", "account_sid", "iso_country_code")},
    }


def _may_have_a_sender(entry: Entry) -> bool:
    """Whether a Service without a known sender may still have one."""
    if entry.get("lost_sender") is not None:
        return bool(entry["state_unknown"])
    return entry.get("action") in ("failed", "skipped") or entry.get("status") == "unread"


def _desired_of_rows(rows: t.Iterable[Entry]) -> list[dict[str, t.Any]]:
    """What an audit compares with, in the form that a rollout has it."""
    counts = Counter((row["desired"], row.get("iso_country_code")) for row in rows if row["matches"] is not None)
    return [
        {
            "alpha_sender": sender,
            "iso_country_code": country,
            "state": "absent" if sender is None else "present",
            "services": count,
        }
        for (sender, country), count in counts.most_common()
    ]


def as_json(value: t.Any) -> str:
    """JSON in ASCII that can stand between the tags of a page."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
