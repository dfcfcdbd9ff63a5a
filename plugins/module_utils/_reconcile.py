# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconcile the slots of one Service: read, plan, apply, verify, and roll back if that fails.

This is the one place that knows check mode: there, nothing follows the plan. A real run applies that very plan.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, quoted
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal, JournalError
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Facts, Outcome, derive
from ansible_collections.messaging.twilio.plugins.module_utils._plan import (
    Desired,
    Plan,
    Slot,
    country_of,
    make_plan,
    rows_of,
    value_of,
)
from ansible_collections.messaging.twilio.plugins.module_utils._resources import Row

#: How often a slot is planned again because somebody else wrote to it meanwhile.
MAX_RACES = 1
#: Seconds between two looks whether the run was stopped.
INTERVAL = 0.2

Stopped = t.Callable[[], bool]


class Gate:
    """Lets one replacement through at a time until a create has succeeded.

    A refusal is rarely about one Service. If every create is refused, this costs one value instead of one for each
    worker. A slot that only creates risks nothing: it never waits, and its success proves the permission.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._active = 0
        self._proven = False
        self._closed = False

    def enter(self, *, replaces: bool, stopped: Stopped) -> bool:
        """Wait for the turn of a slot. Returns ``False`` if the run was stopped meanwhile."""
        with self._changed:
            while replaces and self._active and not self._proven:
                if self._closed or stopped():
                    break
                self._changed.wait(INTERVAL)
            if self._closed or stopped():
                return False
            self._active += 1
            return True

    def leave(self, *, created: bool, lost: bool) -> None:
        """End the turn. If the value was lost, nobody else gets through."""
        with self._changed:
            self._active -= 1
            self._proven = self._proven or created
            self._closed = self._closed or lost
            self._changed.notify_all()


def read_slots(client: Client, slots: t.Sequence[Slot]) -> tuple[list[list[Row]], dict[object, str]]:
    """The rows of slots of one Service, with one listing for each resource, and the countries of rows by SID.

    :raises ApiError: if a listing cannot be read.
    """
    listings: dict[str, list[dict[str, t.Any]]] = {}
    for slot in slots:
        resource = slot.resource
        if resource.name not in listings:
            listings[resource.name] = client.list(resource.collection(slot.service_sid), resource.list_key)
    rows = [row for listing in listings.values() for row in listing]
    countries = {row.get("sid"): country for row in rows if (country := country_of(row)) is not None}
    return [rows_of(slot, listings[slot.resource.name], countries) for slot in slots], countries


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
    journal, gate = journal or Journal(None), gate or Gate()
    _read(client, facts)
    outcomes = []
    for one in facts:
        try:
            _reconcile(client, check_mode, stopped or client.cancellation.is_set, journal, gate, one)
        except Exception as error:  # pylint: disable=broad-exception-caught  # a bug must not hide what was written
            _note_bug(one, error)
        outcome = derive(one)
        _settle(journal, one, outcome)
        outcomes.append(outcome)
    return outcomes


def _read(client: Client, facts: t.Sequence[Facts]) -> None:
    try:
        rows, countries = read_slots(client, [one.desired.slot for one in facts])
    except Exception as error:  # pylint: disable=broad-exception-caught  # as above
        for one in facts:
            one.read_error = error if isinstance(error, ApiError) else _bug(error)
        return
    for one, current in zip(facts, rows):
        one.current, one.countries = current, countries


def _reconcile(client: Client, check_mode: bool, stopped: Stopped, journal: Journal, gate: Gate, facts: Facts) -> None:
    desired = facts.desired
    if facts.current is None:
        return
    plan = facts.plan = make_plan(desired, facts.current)
    if plan.problem is not None or plan.action == "unchanged" or check_mode:
        return
    if not gate.enter(replaces=bool(plan.delete) and plan.create is not None, stopped=stopped):
        facts.stopped = True
        return
    try:
        facts.applied = True
        entry = journal.entry(desired.slot)
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
    desired = facts.desired
    races = retries = 0
    while True:
        try:
            _write(client, plan, facts, journal)
        except (ApiError, JournalError) as error:
            facts.error = error
        else:
            facts.error = None
            if not facts.missing:
                return
        try:
            listing = _read_again(client, facts)
        except ApiError as error:
            facts.current, facts.read_error = None, error
            facts.error = facts.error or error
            return
        _note_listing(facts, listing)
        current = t.cast("t.Sequence[Row]", facts.current)
        plan = make_plan(desired, current)
        if facts.shown_though_missing():
            facts.error = facts.error or _contradiction(facts)
        if plan.action == "unchanged":
            facts.row = plan.remaining
            facts.open_create = False
            if not facts.shown_though_missing():
                facts.error = None
                return
            plan = Plan("deleted", plan.before, None, delete=_rows_with(current, facts.missing))
        error = facts.error
        if not isinstance(error, ApiError):
            return
        # A conflict although nothing else is listed, or only what is already deleted: the listing lags.
        lags = error.conflict and all(row.get("sid") in facts.missing for row in current)
        races += error.conflict and not lags
        retries += error.indeterminate or lags
        refused = not (error.conflict or error.indeterminate)
        if refused or races > MAX_RACES or retries > client.max_retries:
            return
        if plan.problem is not None:
            facts.problem = plan.problem
            return
        if retries:
            client.wait(retries - 1)


def _read_again(client: Client, facts: Facts) -> list[Row]:
    slot = facts.desired.slot
    listing = client.list(slot.resource.collection(slot.service_sid), slot.resource.list_key)
    return rows_of(slot, listing, facts.countries)


def _note_listing(facts: Facts, listing: t.Iterable[Row]) -> None:
    facts.current = [row for row in listing if row.get("sid") not in facts.gone]
    shown = {row.get("sid") for row in facts.current}
    facts.gone |= facts.missing - shown
    facts.missing &= shown
    if facts.open_delete is not None and facts.open_delete.get("sid") not in shown:
        facts.gone.add(facts.open_delete["sid"])
        facts.open_delete = None


def _rows_with(rows: t.Iterable[Row], sids: set[str]) -> tuple[Row, ...]:
    return tuple(row for row in rows if row.get("sid") in sids)


def _contradiction(facts: Facts) -> ApiError:
    """Twilio answers that a row does not exist, and lists it: the listing lags, or the answer was wrong."""
    sids = ", ".join(sorted(facts.missing))
    return ApiError(f"Twilio answered HTTP 404 to the deletion of {sids}, and still lists it", indeterminate=True)


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
    sid = row["sid"]
    facts.doubtful = value
    try:
        deleted = client.delete(slot.resource.member(slot.service_sid, sid))
    except ApiError as error:
        if error.indeterminate:
            facts.open_delete, facts.wrote = row, True
            facts.deleted.append(value)
        raise
    facts.open_delete = None
    facts.deleted.append(value)
    if deleted:
        facts.wrote = True
        facts.gone.add(sid)
        facts.missing.discard(sid)
    else:
        facts.missing.add(sid)


def _create(client: Client, slot: Slot, value: str, facts: Facts) -> None:
    resource = slot.resource
    path = resource.collection(slot.service_sid)
    facts.doubtful, facts.open_create = value, True
    try:
        row = client.create(path, resource.form(value, slot.country))
    except ApiError as error:
        facts.open_create = error.indeterminate
        facts.wrote = facts.wrote or error.indeterminate
        raise
    facts.wrote = True
    if row.get(resource.field) != value:
        raise ApiError(
            f"POST {path}: the answer does not confirm that {value!r} was created", indeterminate=True, conflict=True
        )
    facts.row, facts.open_create, facts.created = row, False, True


def _roll_back(client: Client, facts: Facts, old: str, journal: Journal) -> None:
    """Create the value again that was deleted for one that was then refused."""
    desired = Desired(facts.desired.slot, old, "present", replace=False)
    plan = make_plan(desired, ())
    facts.rollback = Facts(desired, plan, applied=True, gone=facts.gone, missing=facts.missing)
    facts.rollback.countries = facts.countries
    _apply(client, plan, facts.rollback, journal)


def _settle(journal: Journal, facts: Facts, outcome: Outcome) -> None:
    """Clear the journal's entry if the slot has a value again, or is meant to have none."""
    slot = facts.desired.slot
    entry = journal.entry(slot)
    if entry is None or outcome.unknown:
        return
    absent = facts.desired.state == "absent" and outcome.action in ("deleted", "unchanged")
    rows = [outcome.row] if outcome.row else (facts.rollback or facts).current or ()
    if absent or entry.is_settled_by(rows):
        journal.clear(slot)
