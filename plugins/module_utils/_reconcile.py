# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconcile the slots of one Service: read, plan, apply, verify, and roll back if that fails.

Only this file knows check mode, which ends after the plan. A run without check mode applies the same plan.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t

from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._current import read_slots
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, quoted
from ansible_collections.messaging.twilio.plugins.module_utils._gate import Gate
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal, JournalError
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Facts, Outcome, derive
from ansible_collections.messaging.twilio.plugins.module_utils._plan import (
    Desired,
    Plan,
    Slot,
    make_plan,
    sid_of,
    value_of,
)
from ansible_collections.messaging.twilio.plugins.module_utils._pool import Stopped
from ansible_collections.messaging.twilio.plugins.module_utils._resources import Row

#: Called with a slot and its plan before the first write.
Started = t.Callable[[Slot, Plan], None]
#: How often a slot is planned again because somebody else wrote to it meanwhile.
MAX_RACES = 1


def reconcile(
    client: Client,
    desired: t.Sequence[Desired],
    *,
    check_mode: bool,
    stopped: Stopped | None = None,
    journal: Journal | None = None,
    gate: Gate | None = None,
    facts: t.Sequence[Facts] | None = None,
) -> list[Outcome]:
    """Bring the slots of one Service to their desired states, or say what would be done.

    Never raises: what the network, Twilio or a bug did is in the outcomes.

    :arg stopped: asked before the first write. If it returns true, nothing is written. A slot whose writing began is
        brought to its end. By default a cancelled run stops.
    :arg journal: where a value is recorded before it is deleted for another.
    :arg gate: shared by all slots of a run.
    :arg facts: collect what happens. Somebody else may look at them if this never returns.
    """
    facts = facts if facts is not None else [Facts(one) for one in desired]
    plan_slots(client, facts)
    return apply_plans(client, facts, check_mode=check_mode, stopped=stopped, journal=journal, gate=gate)


def plan_slots(client: Client, facts: t.Sequence[Facts]) -> None:
    """Read the slots of one Service and make their plans. Never raises: an error is noted in the facts."""
    slots = [one.desired.slot for one in facts]
    with_country = next((slot for slot in slots if slot.country is not None), None)
    try:
        countries: dict[str, str] = {}
        for one, current in zip(facts, read_slots(client, slots, countries)):
            one.current, one.countries = current, countries
            one.read_with = with_country if one.desired.slot.country is None else None
            one.plan = make_plan(one.desired, current)
    except Exception as error:  # pylint: disable=broad-exception-caught  # a bug is the failure of one Service
        for one in facts:
            one.read_error = error if isinstance(error, ApiError) else _bug(error)


def apply_plans(
    client: Client,
    facts: t.Sequence[Facts],
    *,
    check_mode: bool,
    stopped: Stopped | None = None,
    journal: Journal | None = None,
    gate: Gate | None = None,
    started: Started = lambda slot, plan: None,
) -> list[Outcome]:
    """Apply the plans of the slots of one Service. Arguments and result are those of `reconcile`."""
    journal, gate = journal or Journal(None), gate or Gate()
    outcomes: list[Outcome] = []
    for one in facts:
        try:
            # A fatal outcome holds for the other slots of the Service, too.
            one.stopped = one.changes and any(outcome.fatal for outcome in outcomes)
            if one.changes and not one.stopped and not check_mode:
                _apply_plan(client, one, stopped or client.cancellation.is_set, journal, gate, started)
        except Exception as error:  # pylint: disable=broad-exception-caught  # a bug must not hide the writes before it
            _note_bug(one, error)
        outcome = derive(one)
        _settle(journal, one, outcome)
        outcomes.append(outcome)
    return outcomes


def _apply_plan(client: Client, facts: Facts, stopped: Stopped, journal: Journal, gate: Gate, started: Started) -> None:
    desired, plan = facts.desired, t.cast(Plan, facts.plan)
    if not gate.enter(replaces=bool(plan.delete) and plan.create is not None, stopped=stopped):
        facts.stopped = True
        return
    try:
        started(desired.slot, plan)
        facts.applied = True
        entry = journal.entry(desired.slot)
        facts.claimed = entry.sid if entry is not None else None
        if entry is not None and not facts.current:
            facts.inherited = entry.value
            facts.deleted.append(entry.value)
        _apply(client, plan, facts, journal)
        old = facts.lost()
        failed_empty = facts.error is not None and facts.current is not None and not facts.current
        if failed_empty and facts.open_delete is None and old is not None and plan.create is not None:
            _roll_back(client, facts, old, journal)
    except Exception as error:  # pylint: disable=broad-exception-caught  # as above, and the gate has to know
        _note_bug(facts, error)
    finally:
        gate.leave(created=facts.created, lost=derive(facts).ends_run)


def _bug(error: Exception) -> Exception:
    return RuntimeError(f"unexpected {type(error).__name__}: {quoted(str(error))}")


def _note_bug(facts: Facts, error: Exception) -> None:
    facts.error = facts.read_error = _bug(error)
    facts.current = None


def _apply(client: Client, plan: Plan, facts: Facts, journal: Journal) -> None:
    """Write what ``plan`` says. If a write fails, the listing decides how to go on.

    A write whose fate is unknown is never sent again on a guess: the slot is read and planned again first.
    """
    races = retries = 0
    while True:
        facts.error = None
        try:
            _write(client, plan, facts, journal)
        except (ApiError, JournalError) as failure:
            facts.error = failure
        if facts.error is None and not facts.missing:
            return
        again = _plan_again(client, facts)
        error = facts.error
        if again is None or not isinstance(error, ApiError):
            return
        plan = again
        # A conflict although nothing else is listed, or only what is already deleted: the listing lags.
        lags = error.conflict and len(facts.contradictory()) == len(facts.current or ())
        races += error.conflict and not lags
        retries += error.indeterminate or lags
        refused = not (error.conflict or error.indeterminate)
        if refused or races > MAX_RACES or retries > client.max_retries:
            return
        if plan.problem is not None:
            facts.problem = plan.problem
            return
        if retries:
            # Listings lag by seconds, which a random wait may fall short of.
            client.wait(retries - 1, jitter=not lags)


def _read_again(client: Client, facts: Facts) -> list[Row]:
    slots = [facts.desired.slot, facts.read_with]
    return read_slots(client, [slot for slot in slots if slot is not None], facts.countries)[0]


def _plan_again(client: Client, facts: Facts) -> Plan | None:
    """Read the slot after a write that failed or that was answered with 404.

    Returns the plan for what is listed. ``None`` if it is as desired, or cannot be read.
    """
    desired = facts.desired
    try:
        listing = _read_again(client, facts)
    except ApiError as error:
        facts.current, facts.read_error = None, error
        facts.error = facts.error or error
        return None
    current = _note_listing(facts, listing)
    contradictory = facts.contradictory()
    plan = make_plan(desired.once_deleted(), current)
    if plan.action == "unchanged" or facts.created:
        facts.row = facts.row or plan.remaining
        facts.open_create = False
        if not contradictory:
            facts.error = None
            return None
        plan = Plan("deleted", plan.before, None, delete=tuple(contradictory))
    if facts.error is None:
        sids = ", ".join(map(sid_of, contradictory))
        if contradictory:
            sentence = f"Twilio answered HTTP 404 to the deletion of {sids}, and still lists it"
        else:
            sentence = f"somebody else set {plan.before!r} meanwhile"
        facts.error = ApiError(sentence, indeterminate=bool(contradictory), conflict=not contradictory)
    return plan


def _note_listing(facts: Facts, listing: t.Iterable[Row]) -> list[Row]:
    """What a listing says about the rows that were deleted, or may have been. Returns the other rows."""
    current = [row for row in listing if sid_of(row) not in facts.gone]
    shown = set(map(sid_of, current))
    facts.gone |= facts.missing - shown
    facts.missing &= shown
    row = facts.open_delete
    if row is not None and sid_of(row) not in shown:
        facts.gone.add(sid_of(row))
        facts.deleted.append(value_of(facts.desired.slot.resource, row))
        facts.open_delete = None
    facts.current = current
    return current


def _write(client: Client, plan: Plan, facts: Facts, journal: Journal) -> None:
    slot = facts.desired.slot
    for row in plan.delete:
        value = value_of(slot.resource, row)
        if plan.create is not None:
            journal.record(slot, value, row["sid"])
        _delete(client, slot, row, value, facts)
    if plan.create is not None:
        _create(client, slot, plan.create, facts)


def _delete(client: Client, slot: Slot, row: Row, value: str, facts: Facts) -> None:
    earlier = facts.open_delete
    facts.doubtful, facts.open_delete = value, row
    try:
        deleted = client.delete(slot.resource.member(slot.service_sid, row["sid"]))
    except ApiError as error:
        if error.indeterminate:
            facts.wrote = True
        else:
            facts.open_delete = earlier
        raise
    # A 404 may be wrong, so an earlier DELETE stays open until the row is not listed.
    facts.open_delete = None if deleted else earlier
    facts.deleted.append(value)
    if deleted:
        facts.wrote = True
        facts.gone.add(row["sid"])
        facts.missing.discard(row["sid"])
    else:
        facts.missing.add(row["sid"])


def _create(client: Client, slot: Slot, value: str, facts: Facts) -> None:
    resource = slot.resource
    path = resource.collection(slot.service_sid)
    earlier = facts.open_create
    facts.doubtful, facts.open_create = value, True
    try:
        row = client.create(path, resource.form(value, slot.country))
    except ApiError as error:
        facts.open_create = earlier or error.indeterminate
        facts.wrote = facts.wrote or error.indeterminate
        raise
    facts.wrote = True
    if row.get(resource.field) != value:
        raise ApiError(
            f"POST {path}: the answer does not confirm that {value!r} was created", indeterminate=True, conflict=True
        )
    facts.row, facts.open_create, facts.created = row, False, True
    if slot.country is not None:
        facts.countries[sid_of(row)] = slot.country


def _roll_back(client: Client, facts: Facts, old: str, journal: Journal) -> None:
    """Create the value again that was deleted for one that was then refused."""
    desired = Desired(facts.desired.slot, old, "present", replace=False)
    plan = make_plan(desired, ())
    facts.rollback = Facts(desired, plan, applied=True, gone=facts.gone, missing=facts.missing)
    facts.rollback.read_with, facts.rollback.countries = facts.read_with, facts.countries
    _apply(client, plan, facts.rollback, journal)


def _settle(journal: Journal, facts: Facts, outcome: Outcome) -> None:
    """Clear the journal's entry if the slot has a value again, or is meant to have none."""
    slot = facts.desired.slot
    entry = journal.entry(slot)
    if entry is None or outcome.unknown:
        return
    # The absence of one value does not mean that another one may stay lost.
    named = facts.desired.value in (None, entry.value)
    absent = facts.desired.state == "absent" and named and outcome.action in ("deleted", "unchanged")
    may_be_gone = not facts.applied or entry.sid == facts.claimed or entry.sid in facts.gone | facts.missing
    rows = [outcome.row] if outcome.row else (facts.rollback or facts).current or ()
    if absent or not may_be_gone or entry.is_settled_by(rows):
        journal.clear(slot)
