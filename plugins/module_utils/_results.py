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
    change,
    message,
    name_slot,
    recovery_command,
    unrecovered_message,
    warning,
)
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import (
    CANARY_FAILED,
    TOO_MANY_CHANGES,
    Outcome,
    errors_of,
)
from ansible_collections.messaging.twilio.plugins.module_utils._plan import ONLY_IF, Desired

#: Ends the summary line in check mode.
CHECK_MODE = " (check mode, nothing is changed)"
ACTIONS = ("created", "replaced", "deleted", "unchanged", "failed", "skipped")
#: How many reasons a message names before it counts the others.
MAX_REASONS = 3
#: How many warnings a result has before it counts the others.
MAX_WARNINGS = 10
#: How many kinds of changes a message names before it counts the others.
MAX_KINDS = 10
#: How many slots a diff shows before it counts the others.
MAX_IN_DIFF = 50


def outcome_fields(outcome: Outcome, account_sid: str | None = None) -> dict[str, t.Any]:
    """An outcome as modules return it.

    :arg account_sid: the account of the slot, if the slot does not know it.
    """
    slot = outcome.desired.slot
    fields: dict[str, t.Any] = {
        "service_sid": slot.service_sid,
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
        row = {"service_sid": outcome.desired.slot.service_sid, resource.field: outcome.after}
    note = warning(outcome)
    return {
        **outcome_fields(outcome, account_sid),
        "changed": outcome.changed,
        "msg": message(outcome) + (CHECK_MODE if check_mode and not failed else ""),
        "diff": make_diff([outcome]),
        "warnings": [note] if note else [],
        **({"failed": True} if failed else {resource.field: dict(row or {})}),
    }


def bulk_result(
    outcomes: t.Sequence[Outcome], *, account_sid: str | None = None, check_mode: bool = False
) -> dict[str, t.Any]:
    """The result of a module for many slots."""
    summary = make_summary(Counter(outcome.action for outcome in outcomes))
    failures = [*failure_lines(outcomes), *_guard_lines(outcomes)]
    notes = _only_if_lines(outcomes)
    desired = [outcome.desired for outcome in outcomes]
    result: dict[str, t.Any] = {
        "changed": any(outcome.changed for outcome in outcomes),
        "msg": "\n".join(
            [summary_line(summary, count_slots(desired)) + (CHECK_MODE if check_mode else ""), *failures, *notes]
        ),
        "outcomes": [outcome_fields(outcome, account_sid) for outcome in outcomes],
        "summary": summary,
        "desired": count_desired(desired),
        "diff": make_diff(outcomes),
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
    services = len({one.slot.service_sid for one in desired})
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
    lost = [f"{name_slot(one.desired.slot)} {one.lost!r}" for one in failed if one.lost is not None]
    skipped = sum(outcome.not_started for outcome in outcomes)
    line = f"{len(failed)} of {count_slots([outcome.desired for outcome in outcomes])} failed"
    line += f", {skipped} skipped" if skipped else ""
    line += f". Lost senders: {', '.join(lost)}" if lost else ""
    more = len(failed) - MAX_REASONS
    return [line, *map(message, failed[:MAX_REASONS]), *([f"and {more} more, see outcomes"] if more > 0 else [])]


def count_changes(outcomes: t.Iterable[Outcome]) -> list[tuple[str, int]]:
    """The kinds of changes, planned ones included, with how many slots have each. The most frequent is first."""
    return Counter(change(*sides) for outcome in outcomes if (sides := _sides(outcome)) is not None).most_common()


def _sides(outcome: Outcome) -> tuple[str | None, str | None] | None:
    """The value of a slot that changes, before and after. A guard may have held the change back."""
    if outcome.cause in (TOO_MANY_CHANGES, CANARY_FAILED) and outcome.facts is not None:
        plan = outcome.facts.plan
        return None if plan is None else (plan.before, plan.after)
    return (outcome.before, outcome.after) if outcome.changed else None


def _guard_lines(outcomes: t.Sequence[Outcome]) -> list[str]:
    """Which guard held changes back, and which changes. Empty if none did."""
    held_back = [outcome for outcome in outcomes if outcome.cause in (TOO_MANY_CHANGES, CANARY_FAILED)]
    if not held_back:
        return []
    count = len(held_back)
    if held_back[0].cause == TOO_MANY_CHANGES:
        line = f"The plan has {plural(count, 'change')}, more than max_changes allows, so nothing was changed. "
        line += f"To allow it, set max_changes to {count} or more"
    else:
        line = f"The canary is not as desired, so {plural(count, 'change')} of other Services did not start"
    kinds = count_changes(held_back)
    more = len(kinds) - MAX_KINDS
    return [
        line,
        *(f"{kind}: {number}" for kind, number in kinds[:MAX_KINDS]),
        *([f"and {more} more kinds of changes"] if more > 0 else []),
    ]


def _only_if_lines(outcomes: t.Sequence[Outcome]) -> list[str]:
    """Which slots only_if excluded. Empty if it excluded none."""
    excluded = [outcome for outcome in outcomes if outcome.cause == ONLY_IF]
    more = len(excluded) - MAX_KINDS
    return [*map(message, excluded[:MAX_KINDS]), *([f"and {more} more that only_if excludes"] if more > 0 else [])]


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


def make_diff(outcomes: t.Iterable[Outcome]) -> dict[str, str]:
    """What ``--diff`` shows: the value of each slot that changes, before and after."""
    changed = [(outcome, sides) for outcome in outcomes if (sides := _sides(outcome)) is not None]
    more = len(changed) - MAX_IN_DIFF
    end = f"... and {more} more\n" if more > 0 else ""
    before, after = (
        "".join(_diff_lines(outcome, sides[side]) for outcome, sides in changed[:MAX_IN_DIFF]) + end for side in (0, 1)
    )
    return {"before": before, "after": after}


def _diff_lines(outcome: Outcome, value: str | None) -> str:
    return f"{name_slot(outcome.desired.slot)}:\n" + (f"  {value}\n" if value else "")


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
