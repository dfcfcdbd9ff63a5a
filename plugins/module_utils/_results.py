# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outcomes as the results of modules: fields, summary and diff.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.messaging.twilio.plugins.module_utils._accounts import AnyClient
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, error_fields, plural
from ansible_collections.messaging.twilio.plugins.module_utils._journal_file import Entry
from ansible_collections.messaging.twilio.plugins.module_utils._messages import (
    MAX_KINDS,
    canary_lines,
    change,
    change_lines,
    guard_lines,
    message,
    name_desired,
    only_if_lines,
    recovery_command,
    sides_of,
    unrecovered_message,
    warning,
)
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome, errors_of
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired
from ansible_collections.messaging.twilio.plugins.module_utils._resources import sid_key

#: Ends the summary line in check mode.
CHECK_MODE = " (check mode, nothing is changed)"
ACTIONS = ("created", "replaced", "deleted", "unchanged", "failed", "skipped")
#: How many reasons a message names before it counts the others.
MAX_REASONS = 3
#: How many warnings a result has before it counts the others.
MAX_WARNINGS = 10
#: How many slots of one kind of change a diff shows before it counts the others.
MAX_IN_GROUP = 10


def outcome_fields(outcome: Outcome, account_sid: str | None = None) -> dict[str, t.Any]:
    """An outcome as modules return it.

    :arg account_sid: the account of the slot, if the slot does not know it.
    """
    slot, service_name = outcome.desired.slot, outcome.desired.service_name
    fields: dict[str, t.Any] = {
        "service_sid": slot.service_sid,
        **({"service_name": service_name} if service_name else {}),
        "account_sid": slot.account_sid or account_sid,
        "iso_country_code": slot.country,
        "action": outcome.action,
        "before": outcome.before,
        "after": outcome.after,
    }
    if outcome.action in ("failed", "skipped"):
        fields["msg"] = message(outcome)
    if outcome.action == "failed":
        lost = outcome.lost
        fields.update(
            error=_error_fields(outcome),
            desired=outcome.desired.value if outcome.desired.state == "present" else None,
            restored=outcome.restored,
            lost_sender=lost,
            state_unknown=outcome.unknown,
            recovery_command=recovery_command(slot, lost) if lost is not None else None,
        )
    return fields


def _error_fields(outcome: Outcome) -> dict[str, t.Any]:
    """The ``error`` of a failure. A problem of the plan has a message alone."""
    for error in errors_of(outcome.facts) if outcome.facts is not None else ():
        return error.as_fields() if isinstance(error, ApiError) else error_fields(str(error))
    return error_fields(message(outcome))


def account_of(client: AnyClient, outcomes: t.Iterable[Outcome]) -> str | None:
    """The account that the client works on: as the rows say, or else the options."""
    for outcome in outcomes:
        account_sid = (outcome.row or {}).get("account_sid")
        if isinstance(account_sid, str):
            return account_sid
    return client.account_sid


def single_result(outcome: Outcome, *, account_sid: str | None = None, check_mode: bool = False) -> dict[str, t.Any]:
    """The result of a module for one slot. If the run ended before it, that is a failure: it is not as desired."""
    resource = outcome.desired.slot.resource
    failed = outcome.action == "failed" or outcome.not_started
    row = outcome.row
    if row is None and outcome.after is not None and outcome.action in ("created", "replaced"):
        slot = outcome.desired.slot
        row = {"service_sid": slot.service_sid, resource.field: outcome.after}
        row.update({"iso_country_code": slot.country} if slot.country is not None else {})
    note = warning(outcome)
    return {
        **outcome_fields(outcome, account_sid),
        "changed": outcome.changed,
        "msg": message(outcome) + (CHECK_MODE if check_mode and not failed else ""),
        "diff": single_diff(outcome),
        "warnings": [note] if note else [],
        **({"failed": True} if failed else {resource.field: dict(row or {})}),
    }


def bulk_result(
    outcomes: t.Sequence[Outcome], *, account_sid: str | None = None, check_mode: bool = False, canary: int = 0
) -> dict[str, t.Any]:
    """The result of a module for many slots.

    :arg canary: how many Services change first, for check mode.
    """
    summary = make_summary(Counter(outcome.action for outcome in outcomes))
    failures, held_back = failure_lines(outcomes), guard_lines(outcomes)
    desired = [outcome.desired for outcome in outcomes]
    lines = [summary_line(summary, count_slots(desired)) + (CHECK_MODE if check_mode else "")]
    lines += [*failures, *change_lines(outcomes, check_mode=check_mode), *held_back]
    result: dict[str, t.Any] = {
        "changed": any(outcome.changed for outcome in outcomes),
        "msg": "\n".join([*lines, *only_if_lines(outcomes), *(canary_lines(outcomes, canary) if check_mode else ())]),
        "outcomes": [outcome_fields(outcome, account_sid) for outcome in outcomes],
        "summary": summary,
        "desired": count_desired(desired),
        "diff": grouped_diff(outcomes),
        "warnings": _first_warnings(outcomes),
    }
    result["stopped"] = any(outcome.not_started for outcome in outcomes)
    return {**result, "failed": True} if failures or result["stopped"] else result


def make_summary(counts: t.Mapping[str, int]) -> dict[str, int]:
    """The ``summary`` of a result: a count of each action, and ``total``."""
    summary = {action: counts.get(action, 0) for action in ACTIONS}
    return {**summary, "total": sum(summary.values())}


def summary_line(summary: t.Mapping[str, int], slots: str) -> str:
    """The summary as one line.

    :arg slots: what is counted, as `count_slots` says it.
    """
    if not summary["total"]:
        return f"{slots}: nothing to do"
    return f"{slots}: {count_actions(summary)}" + (f", {summary['skipped']} skipped" if summary["skipped"] else "")


def count_slots(desired: t.Collection[Desired]) -> str:
    """``300 Services``, or ``900 senders of 300 Services`` if countries are involved."""
    if all(one.slot.country is None for one in desired):
        return plural(len(desired), "Service")
    services = len({sid_key(one.slot.service_sid) for one in desired})
    return f"{plural(len(desired), 'sender')} of {plural(services, 'Service')}"


def count_actions(summary: t.Mapping[str, int]) -> str:
    return ", ".join(f"{summary[action]} {action}" for action in ACTIONS if action != "skipped")


def failure_lines(outcomes: t.Sequence[Outcome]) -> list[str]:
    """A line that counts the failures, and one for each of the first reasons. Empty if nothing failed."""
    failed = [outcome for outcome in outcomes if outcome.action == "failed"]
    if not failed:
        return []
    # A lost value needs a person, so each is named.
    failed.sort(key=lambda outcome: outcome.lost is None)
    lost = [f"{name_desired(one.desired)} {one.lost!r}" for one in failed if one.lost is not None]
    skipped = sum(outcome.not_started for outcome in outcomes)
    line = f"{len(failed)} of {count_slots([outcome.desired for outcome in outcomes])} failed"
    line += f", {skipped} skipped" if skipped else ""
    line += f". Lost senders: {', '.join(lost)}" if lost else ""
    more = len(failed) - MAX_REASONS
    return [line, *map(message, failed[:MAX_REASONS]), *([f"and {more} more, see outcomes"] if more > 0 else [])]


def _first_warnings(outcomes: t.Iterable[Outcome]) -> list[str]:
    warnings = [text for text in map(warning, outcomes) if text]
    more = len(warnings) - MAX_WARNINGS
    return warnings[:MAX_WARNINGS] + ([f"and {plural(more, 'similar warning')}"] if more > 0 else [])


def count_desired(desired: t.Iterable[Desired]) -> list[dict[str, t.Any]]:
    """The desired states that differ, and how many ``services`` have each. The most frequent is first."""
    counts = Counter((d.slot.resource.field, d.value, d.slot.country, d.state, d.replace) for d in desired)
    return [
        {field: value, "iso_country_code": country, "state": state, "replace": replace, "services": count}
        for (field, value, country, state, replace), count in counts.most_common()
    ]


def single_diff(outcome: Outcome) -> dict[str, str]:
    """What ``--diff`` shows of one slot: its value before and after a change."""
    name = name_desired(outcome.desired)
    sides = sides_of(outcome)
    before, after = (f"{name}:\n" + (f"  {side}\n" if side else "") if sides else "" for side in sides or ("", ""))
    return {"before": before, "after": after}


def grouped_diff(outcomes: t.Iterable[Outcome]) -> dict[str, str]:
    """What ``--diff`` shows of many slots: each kind of change with the slots that it is made of.

    Ansible prints ``prepared`` as it is. It compares ``before`` and ``after`` line by line, which separates the old
    value of a slot from the new one.
    """
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        sides = sides_of(outcome)
        if sides is not None:
            groups.setdefault(change(*sides), []).append(outcome)
    lines: list[str] = []
    kinds = sorted(groups.items(), key=lambda item: -len(item[1]))
    for kind, members in kinds[:MAX_KINDS]:
        names = [name_desired(outcome.desired) for outcome in members]
        more = len(names) - MAX_IN_GROUP
        lines += [f"{kind}: {len(names)}", *(f"  {name}" for name in names[:MAX_IN_GROUP])]
        lines += [f"  ... and {more} more"] if more > 0 else []
    more = len(kinds) - MAX_KINDS
    lines += [f"... and {plural(more, 'more kind')} of changes"] if more > 0 else []
    return {"prepared": "".join(f"{line}\n" for line in lines)}


def unrecovered_result(unrecovered: t.Iterable[tuple[Entry, bool]]) -> dict[str, t.Any]:
    """``unrecovered`` and ``warnings`` for what killed runs left: the values of `find_unrecovered`."""
    entries, warnings = [], []
    for entry, unknown in unrecovered:
        entries.append(
            {
                "service_sid": entry.slot.service_sid,
                "account_sid": entry.slot.account_sid,
                "iso_country_code": entry.slot.country,
                "lost_sender": entry.value,
                "state_unknown": unknown,
                "recovery_command": recovery_command(entry.slot, entry.value),
            }
        )
        warnings.append(unrecovered_message(entry, unknown=unknown))
    return {"unrecovered": entries, "warnings": warnings}
