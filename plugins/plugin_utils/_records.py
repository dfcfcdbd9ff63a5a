# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of runs, and the entries that bring each slot back to what it was before.

A record is the JSON file of a report, or the lines that a killed run left.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import json
import os
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, join_first, plural, quoted
from ansible_collections.messaging.twilio.plugins.module_utils._record import FINISHED, STARTED
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER, sid_key
from ansible_collections.messaging.twilio.plugins.plugin_utils._report import SCHEMA, VERSION

#: The first line of a file of lines.
LINES_SCHEMA = "messaging.twilio.record"
SUFFIX = ".jsonl"
CHANGED = ("created", "replaced", "deleted")

Key = tuple[str, str]
Entry = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Change:
    """What a run did to one slot.

    :ivar left: what the slot had after the run. Two values if the run was killed or failed meanwhile.
    """

    service_sid: str
    account_sid: str | None
    country: str | None
    before: str | None
    left: tuple[str | None, ...]

    @property
    def key(self) -> Key:
        """Identifies the slot."""
        return sid_key(self.service_sid), self.country or ""


@dataclass(frozen=True)
class RunRecord:
    """The changes of one run."""

    path: str
    started_at: str
    playbook: str | None
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        accounts = sorted({change.account_sid for change in self.changes if change.account_sid is not None})
        noun = "account" if len(accounts) == 1 else "accounts"
        return (
            f"{self.path}: {plural(len(self.changes), 'change')} of {self.playbook or 'a run'} at {self.started_at}"
            + (f", {noun} {join_first(accounts)}" if accounts else "")
        )


@dataclass
class Rollback:
    """The entries that take records back, and what they cannot take back."""

    records: list[RunRecord]
    entries: list[dict[str, t.Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def has_changes(path: str) -> bool:
    """Whether the file ``path`` is a record of changes."""
    try:
        record = _read(path)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return record is not None and bool(record.changes)


def read_rollback(given: object) -> Rollback:
    """The entries that take back one record, several (the newest last), or those of a directory.

    :raises InputError: if a file is not a record of changes.
    """
    paths = [given] if isinstance(given, str) else given
    if not isinstance(paths, list) or not paths or not all(isinstance(path, str) and path for path in paths):
        raise InputError(f"rollback_from must be the path of a record, or a list of paths, got {quoted(given)}")
    records: list[RunRecord] = []
    for path in paths:
        full = os.path.realpath(os.path.expanduser(path))
        records += _records_of_directory(full) if os.path.isdir(full) else [_record_of_file(full)]
    return _compose(records)


def _record_of_file(path: str) -> RunRecord:
    if path.endswith(".html"):
        path = path[: -len(".html")] + ".json"
    try:
        record = _read(path)
    except OSError as error:
        raise InputError(f"rollback_from must be a file that can be read, got {quoted(path)}: {error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"rollback_from must be a record of a run, got {quoted(path)}: {type(error).__name__} {error}"
        ) from None
    if record is None:
        raise InputError(
            f"rollback_from must be a record of changes, got {quoted(path)}, a report of an audit or of check mode"
        )
    return record


def _records_of_directory(folder: str) -> list[RunRecord]:
    """The records of changes in a directory, the oldest first. Other files are ignored."""
    found = []
    for name in sorted(os.listdir(folder), key=os.path.splitext):
        path = os.path.join(folder, name)
        if name.endswith((".json", SUFFIX)) and has_changes(path):
            found.append(_record_of_file(path))
    if not found:
        raise InputError(f"rollback_from must have a record of changes, got the directory {quoted(folder)} without one")
    return sorted(found, key=lambda record: record.started_at)


def _read(path: str) -> RunRecord | None:
    """The record in a file. ``None`` if it is a report of check mode or of an audit.

    :raises OSError: if it cannot be read.
    :raises ValueError: if it is not a report of this version. `KeyError` and `TypeError` mean the same.
    """
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(SUFFIX):
        return _read_lines(path, text)
    report = json.loads(text)
    if report["schema"] != SCHEMA or report["version"] != VERSION:
        raise ValueError(f"schema {quoted(report['schema'])}, version {quoted(report['version'])}")
    if report["kind"] != "rollout" or report["check_mode"]:
        return None
    changes = tuple(change for entry in report["entries"] if (change := _change_of(entry)) is not None)
    return RunRecord(path, str(report["started_at"]), report.get("playbook"), changes)


def _read_lines(path: str, text: str) -> RunRecord:
    # A run that was killed while it wrote leaves an incomplete last line.
    first, *events = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")] or [{}]
    if first.get("schema") != LINES_SCHEMA:
        raise ValueError(f"schema {quoted(first.get('schema'))}")
    changes: dict[Key, Change | None] = {}
    for event in events:
        if event["event"] == STARTED:
            change = _make_change(event, (event["after"], None))
            changes[change.key] = change
        elif event["event"] == FINISHED:
            changes[_make_change(event, ()).key] = _change_of(event)
    return RunRecord(path, first["started_at"], first["playbook"], tuple(filter(None, changes.values())))


def _change_of(entry: Entry) -> Change | None:
    """What a run did to the slot of an entry, ``None`` if nothing. A failure may have left the new value, or none."""
    if entry["action"] in CHANGED:
        return _make_change(entry, (entry["after"],))
    differs = entry["after"] != entry["before"] and not entry.get("restored")
    if entry["action"] == "failed" and (entry.get("lost_sender") or entry.get("state_unknown") or differs):
        return _make_change(entry, (entry.get("desired"), None))
    return None


def _make_change(entry: Entry, left: tuple[str | None, ...]) -> Change:
    return Change(
        entry["service_sid"],
        entry.get("account_sid"),
        entry.get("iso_country_code"),
        entry["before"],
        tuple(dict.fromkeys(left)),
    )


def _compose(records: list[RunRecord]) -> Rollback:
    """One step back over all records for each slot, as far as each run went on from what the run before it left."""
    steps: dict[Key, Change] = {}
    ended: set[Key] = set()
    paths: dict[Key, str] = {}
    for record in reversed(records):
        for change in record.changes:
            newer = steps.get(change.key)
            if newer is None:
                steps[change.key], paths[change.key] = change, record.path
            elif change.key not in ended and newer.before in change.left:
                steps[change.key] = replace(newer, before=change.before)
            else:
                ended.add(change.key)
    rollback = Rollback(records)
    for key, step in steps.items():
        if step.left != (step.before,):
            _add_entry(rollback, step, paths[key])
    if ended:
        sids = join_first([steps[key].service_sid for key in sorted(ended)])
        rollback.notes.append(
            f"{plural(len(ended), 'sender')} changed between the runs, so older records do not count for: {sids}"
        )
    return rollback


def _add_entry(rollback: Rollback, step: Change, path: str) -> None:
    entry: dict[str, t.Any] = {"service_sid": step.service_sid, "only_if": list(step.left)}
    if step.before is None:
        entry["state"] = "absent"
    else:
        try:
            entry["alpha_sender"] = ALPHA_SENDER.check(step.before, "alpha_sender")
        except InputError:
            rollback.notes.append(f"{step.service_sid} had {quoted(step.before)}, which cannot be set again")
            return
    more = {"account_sid": step.account_sid, "iso_country_code": step.country}
    entry.update({name: value for name, value in more.items() if value is not None})
    rollback.entries.append({**entry, "label": f"{path}, {step.service_sid}"})
