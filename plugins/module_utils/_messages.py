# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every sentence about an outcome, and the command that restores a lost value.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import json
import re
import shlex
import typing as t
from collections import Counter

from ansible_collections.messaging.twilio.plugins.module_utils import _outcome as cause
from ansible_collections.messaging.twilio.plugins.module_utils import _plan as problem
from ansible_collections.messaging.twilio.plugins.module_utils import _service_plan as service
from ansible_collections.messaging.twilio.plugins.module_utils._errors import join_first, plural, printable
from ansible_collections.messaging.twilio.plugins.module_utils._journal_file import Entry
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Facts, Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot, join_values

#: How many kinds of changes a message names before it counts the others.
MAX_KINDS = 10
_PLAIN_IN_YAML = re.compile(r"[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9 +_&-]*[A-Za-z0-9+_&-]")

#: Causes that are known before anything is written.
_BEFORE_WRITING = {
    cause.NOT_READ: "{slot}: the {label} cannot be read, nothing was changed: {read_error}",
    cause.STOPPED: "{slot} was not changed, because the run was stopped",
    cause.TOO_MANY_CHANGES: "{slot} was not changed, because the plan has more changes than max_changes",
    cause.CANARY_FAILED: "{slot} was not changed, because the canary failed",
    problem.ONLY_IF: "{slot} was not changed, because it has {current} and only_if is {only_if}",
    problem.REPLACE_IS_FALSE: "{slot} has the {label} {before!r} and replace is false. Set replace to true to set "
    "{value!r}",
    problem.NOT_RESTORABLE: "{slot} has the {label} {before!r}, which could not be restored if Twilio refused "
    "{value!r}. Remove it first with state: absent",
    problem.NO_SID: "{slot} has the {label} {before!r} without a valid SID, so it cannot be deleted. Delete it in the "
    "Twilio Console",
}
_SEVERAL = {
    "present": "{slot} has several {label}s ({before}), none of them {value!r}. Delete all but one first",
    "absent": "{slot} has several {label}s ({before}). Set {name} to the {label} that you want to delete",
}
#: Causes that are a guard's.
_HELD_BACK = (cause.TOO_MANY_CHANGES, cause.CANARY_FAILED)
#: What follows the error of a write.
_AFTER_WRITING = {
    cause.EMPTY: "It has no {label}, as before",
    cause.REMOVED_BY_OTHER: "It has no {label} now, somebody else deleted {before!r}. To restore it, run: {command}",
    cause.RESTORED: "The old {label} {after!r} was restored",
    cause.OVERTAKEN: "The old {label} {lost!r} was not restored, because somebody else set {after!r} meanwhile",
    cause.LOST: "The old {label} {lost!r} is LOST, restoring it failed too: {rollback_error}. To restore it, run: "
    "{command}",
}
_DONE = {
    "created": "{slot}: created {after!r}",
    "replaced": "{slot}: replaced {before!r} by {after!r}",
    "deleted": "{slot}: deleted {before!r}",
}


def recovery_command(slot: Slot, value: str) -> str:
    """One line for a shell that creates a lost value again. Credentials come from the environment."""
    # Plain if YAML allows it: Ansible prints results as JSON, which escapes each double quote, and a command that is
    # copied from there would not work.
    name = value if _PLAIN_IN_YAML.fullmatch(value) else json.dumps(value)
    service = slot.service_sid
    if slot.account_sid is not None:
        service = f"{{service_sid: {service}, account_sid: {slot.account_sid}}}"
    variables = slot.resource.recovery.format(value=name, service=service, country=slot.country)
    return f"ansible-playbook messaging.twilio.apply -e {shlex.quote(variables)}"


def name_slot(slot: Slot, service_name: str | None = None) -> str:
    """What messages call a slot: ``Shop (MG…, FR)``, or ``MG… (FR)`` if the name of the Service is not known."""
    details = [slot.country] if slot.country else []
    if service_name:
        return f"{printable(service_name)} ({', '.join([slot.service_sid, *details])})"
    return slot.service_sid + "".join(f" ({country})" for country in details)


def name_desired(desired: Desired) -> str:
    """What messages call the slot of a desired state."""
    return name_slot(desired.slot, desired.service_name)


def message(outcome: Outcome) -> str:
    """What happened, and what to do next, as one text."""
    words = _words(outcome)
    if outcome.cause is None:
        has = "{after!r}" if outcome.after is not None else "no {label}"
        return _DONE.get(outcome.action, f"{{slot}}: unchanged, has {has}").format(**words)
    if outcome.cause == problem.SEVERAL:
        return _SEVERAL[outcome.desired.state].format(**words)
    if outcome.cause in _BEFORE_WRITING:
        return _BEFORE_WRITING[outcome.cause].format(**words)
    facts = t.cast(Facts, outcome.facts)
    plan = facts.plan
    if facts.created:
        text = f"{words['slot']}: {words['value']!r} was created, but the deletion of {outcome.before!r} is in doubt"
    elif plan is not None and plan.create is not None:
        text = f"{words['slot']}: {plan.create!r} could not be created"
    else:
        text = f"{words['slot']}: {outcome.before!r} could not be deleted"
    text += f": {facts.error}. " if facts.error is not None else ". "
    if outcome.cause == cause.UNKNOWN:
        return text + _unknown(outcome, facts, words)
    if outcome.cause == cause.OCCUPIED:
        return text + f"It now has {outcome.after!r}" + _second_problem(facts, outcome)
    if outcome.cause == cause.EMPTY and outcome.unknown:
        return text + f"Twilio lists no {words['label']} now, but one may appear later"
    return text + _AFTER_WRITING[outcome.cause].format(**words)


def _words(outcome: Outcome) -> dict[str, t.Any]:
    slot, facts = outcome.desired.slot, outcome.facts
    rollback = facts.rollback if facts is not None else None
    return {
        "slot": name_desired(outcome.desired),
        "label": slot.resource.label,
        "name": slot.resource.field,
        "value": outcome.desired.value,
        "current": f"the {slot.resource.label} {outcome.before!r}" if outcome.before else f"no {slot.resource.label}",
        "only_if": _only_if(outcome.desired),
        "before": outcome.before,
        "after": outcome.after,
        "lost": outcome.lost,
        "read_error": facts.read_error if facts is not None else None,
        "rollback_error": rollback.error if rollback is not None else None,
        "command": recovery_command(slot, outcome.lost) if outcome.lost is not None else "",
    }


def _unknown(outcome: Outcome, facts: Facts, words: t.Mapping[str, t.Any]) -> str:
    if facts.abandoned:
        text = "The run was cancelled and ended before this was done"
    elif facts.created and facts.current is None:
        text = f"It may have both: {facts.read_error}"
    elif facts.current is None:
        # A bug can come before the first write.
        value = facts.doubtful or outcome.before or outcome.desired.value
        text = f"It now has {value!r} or no {words['label']}, which of the two is unknown: {facts.read_error}"
    elif facts.open_delete is not None:
        listed = join_values(outcome.desired.slot.resource, facts.current)
        text = f"Twilio still lists {listed!r}, but its deletion may be carried out late"
    else:
        text = f"What it has now is unknown: Twilio lists {join_values(outcome.desired.slot.resource, facts.current)!r}"
    if outcome.lost is not None:
        text += f". If it has no {words['label']}, restore {outcome.lost!r} with: {words['command']}"
    return text


def _second_problem(facts: Facts, outcome: Outcome) -> str:
    """Why the plan that was made after somebody else's write could not be applied."""
    if facts.problem is None:
        return ""
    if facts.problem == problem.SEVERAL:
        return ", more than one"
    if facts.problem == problem.ONLY_IF:
        return f", and only_if is {_only_if(outcome.desired)}"
    return f", and replace is {str(outcome.desired.replace).lower()}"


def _only_if(desired: Desired) -> str:
    return " or ".join("none" if value is None else repr(value) for value in desired.only_if or ())


def change(before: str | None, after: str | None) -> str:
    """A kind of change: ``OLD CO → ACME``."""
    return f"{before or 'none'} → {after or 'none'}"


def count_changes(outcomes: t.Iterable[Outcome]) -> list[tuple[str, int]]:
    """The kinds of changes, planned ones included, with how many slots have each. The most frequent is first."""
    return Counter(change(*sides) for outcome in outcomes if (sides := sides_of(outcome)) is not None).most_common()


def sides_of(outcome: Outcome) -> tuple[str | None, str | None] | None:
    """The value of a slot that changes, before and after. A guard may have held the change back."""
    if outcome.cause in _HELD_BACK and outcome.facts is not None:
        plan = outcome.facts.plan
        return None if plan is None else (plan.before, plan.after)
    return (outcome.before, outcome.after) if outcome.changed else None


def change_lines(outcomes: t.Iterable[Outcome], *, check_mode: bool = False) -> list[str]:
    """One line with the kinds of changes that were made, or that would be made. Empty if nothing changes."""
    kinds = _kinds((outcome for outcome in outcomes if outcome.changed), "{kind} ({count})")
    return [f"{'Would change' if check_mode else 'Changed'}: {', '.join(kinds)}"] if kinds else []


def _kinds(outcomes: t.Iterable[Outcome], form: str) -> list[str]:
    """The most frequent kinds of changes, each in this form, and how many more there are."""
    kinds = count_changes(outcomes)
    more = len(kinds) - MAX_KINDS
    return [
        *(form.format(kind=kind, count=count) for kind, count in kinds[:MAX_KINDS]),
        *([f"and {plural(more, 'more kind')} of changes"] if more > 0 else []),
    ]


def guard_lines(outcomes: t.Sequence[Outcome]) -> list[str]:
    """Which guard held changes back, and which changes. Empty if none did."""
    held_back = [outcome for outcome in outcomes if outcome.cause in _HELD_BACK]
    if not held_back:
        return []
    count = len(held_back)
    if held_back[0].cause == cause.TOO_MANY_CHANGES:
        line = f"The plan has {plural(count, 'change')}, more than max_changes allows, so nothing was changed. "
        line += f"To allow it, set max_changes to {count} or more"
    else:
        line = f"The canary is not as desired, so {plural(count, 'change')} of other Services did not start"
    return [line, *_kinds(held_back, "{kind}: {count}")]


def only_if_lines(outcomes: t.Iterable[Outcome]) -> list[str]:
    """Which slots only_if excluded. Empty if it excluded none."""
    excluded = [outcome for outcome in outcomes if outcome.cause == problem.ONLY_IF]
    more = len(excluded) - MAX_KINDS
    return [*map(message, excluded[:MAX_KINDS]), *([f"and {more} more that only_if excludes"] if more > 0 else [])]


def canary_lines(outcomes: t.Iterable[Outcome], canary: int) -> list[str]:
    """Which Services of a plan change first, and how many changes wait for them. Empty without a canary."""
    changes = [outcome.desired.slot.service_sid for outcome in outcomes if outcome.changed]
    first = dict.fromkeys([*dict.fromkeys(changes)][:canary])
    waiting = sum(service_sid not in first for service_sid in changes)
    if not first or not waiting:
        return []
    others = f"{plural(waiting, 'change')} of other Services"
    return [f"The canary is {join_first([*first])}. Only if it is as desired, {others} would follow"]


def warning(outcome: Outcome) -> str | None:
    """What the user should look at although the slot is as desired."""
    facts = outcome.facts
    if outcome.action == "failed" or facts is None or facts.plan is None:
        return None
    slot = name_desired(outcome.desired)
    if facts.inherited is not None:
        return f"{slot}: an earlier run deleted {facts.inherited!r} and was killed then. It now has {outcome.after!r}"
    if facts.plan.extra is not None:
        return f"{slot} has {outcome.desired.value!r} as desired, and in addition: {facts.plan.extra}"
    by_others = facts.deleted_of_others()
    return f"{slot}: somebody else set {by_others[-1]!r} meanwhile, it was replaced" if by_others else None


def unrecovered_message(entry: Entry, *, unknown: bool) -> str:
    """What a killed run left, and how to restore it."""
    has = "may have" if unknown else "has"
    return (
        f"{name_slot(entry.slot)} {has} no {entry.slot.resource.label}: a run was killed after it deleted "
        f"{entry.value!r}. To restore it, run: {recovery_command(entry.slot, entry.value)}"
    )


_SERVICE = {
    "created": "{name}: created",
    "updated": "{name}: updated {changes}",
    "deleted": "{name}: deleted",
    "unchanged": "{name}: unchanged",
    "skipped": "{name} was not changed, because the run was stopped",
    service.HAS_CAMPAIGN: "{name} was not deleted, because it has a US campaign. Delete the campaign first",
    service.HAS_CONTENTS: "{name} was not deleted, because it has {contents}. Set force to true to delete it anyway",
}
_UNKNOWN_SERVICE = {
    "created": "Twilio lists no Service with this name now, but one may appear later. Wait some minutes, and run the "
    "task again",
    "updated": "Whether it was updated is unknown. Run the task again",
    "deleted": "Whether it was deleted is unknown. Run the task again",
}


def service_message(outcome: service.ServiceOutcome) -> str:
    """What became of a Service, and what to do next, as one text."""
    plan = outcome.plan
    changes = ", ".join(plan.changes)
    name = name_service(outcome)
    if outcome.error is None:
        if plan.desired.state == "absent" and plan.before is None:
            return f"{name}: unchanged, does not exist"
        contents = service.count_contents(plan.contents)
        return _SERVICE[plan.problem or outcome.action].format(name=name, changes=changes, contents=contents)
    if outcome.wrote:
        return f"{name} was {plan.action}, but is not as desired: {outcome.error}"
    text = f"{name} could not be {plan.action}: {outcome.error}"
    if outcome.read_error is not None:
        return f"{text}. Whether it was {plan.action} is unknown: {outcome.read_error}"
    return f"{text}. {_UNKNOWN_SERVICE[plan.action]}" if outcome.unknown else text


def name_service(outcome: service.ServiceOutcome) -> str:
    """What messages call a Service: its SID, if it is known, and its name."""
    row = outcome.row or outcome.plan.before or {}
    sid = row.get("sid") or outcome.plan.desired.sid
    name = row.get("friendly_name") or outcome.plan.desired.name
    return " ".join(filter(None, [sid and str(sid), name and (f"({name!r})" if sid else repr(name))]))
