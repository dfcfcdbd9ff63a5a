# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of one slot: an outcome, derived from the facts that were collected while it was reconciled.

Pure: no HTTP, no Ansible, no clock, and no sentence for a person.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError
from ansible_collections.messaging.twilio.plugins.module_utils._plan import (
    ONLY_IF,
    Desired,
    Plan,
    Slot,
    join_values,
    make_plan,
    sid_of,
    value_of,
)
from ansible_collections.messaging.twilio.plugins.module_utils._resources import Row

#: Why an outcome is not a success. The other causes are the problems of a plan.
NOT_READ = "not_read"
UNKNOWN = "unknown"
OCCUPIED = "occupied"
EMPTY = "empty"
REMOVED_BY_OTHER = "removed_by_other"
RESTORED = "restored"
OVERTAKEN = "overtaken"
LOST = "lost"
STOPPED = "stopped"
TOO_MANY_CHANGES = "too_many_changes"
CANARY_FAILED = "canary_failed"


@dataclass
class Facts:
    """What is known of one slot while it is reconciled.

    :ivar plan: the plan made from the first listing. ``None`` if that could not be read.
    :ivar applied: writing began.
    :ivar stopped: the run was stopped before writing began.
    :ivar held_back: why a guard did not let the plan be applied.
    :ivar abandoned: the run ended before this slot was done.
    :ivar current: the rows of the slot as read last. ``None`` if they are not known.
    :ivar read_with: the slot that is read together with this one, because its listing shows the countries of rows.
    :ivar countries: the countries of rows that were seen, by SID. The slots of a Service share them.
    :ivar read_error: why they are not known.
    :ivar error: the error of the last write. ``None`` once the slot is as desired.
    :ivar row: the row of the desired value, once it exists.
    :ivar deleted: the values that were deleted. The last one is last.
    :ivar gone: the SIDs that were deleted for sure. A listing that still shows one lags.
    :ivar missing: the SIDs for which a DELETE was answered with 404.
    :ivar open_delete: the row of a DELETE that may have been, or may still be, carried out.
    :ivar open_create: there is such a POST.
    :ivar doubtful: the value of the last write: it is there or not if nothing can be read.
    :ivar wrote: at least one write was, or may have been, carried out.
    :ivar created: at least one POST succeeded.
    :ivar problem: why the plan made after somebody else's write cannot be applied.
    :ivar claimed: the SID in the journal's entry of an earlier run that was killed.
    :ivar inherited: the value that this run deleted.
    :ivar rollback: the facts of creating the old value again.
    """

    desired: Desired
    plan: Plan | None = None
    applied: bool = False
    stopped: bool = False
    held_back: str | None = None
    abandoned: bool = False
    current: t.Sequence[Row] | None = None
    read_with: Slot | None = None
    countries: dict[str, str] = field(default_factory=dict)
    read_error: Exception | None = None
    error: Exception | None = None
    row: Row | None = None
    deleted: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    open_delete: Row | None = None
    open_create: bool = False
    doubtful: str | None = None
    wrote: bool = False
    created: bool = False
    problem: str | None = None
    claimed: str | None = None
    inherited: str | None = None
    rollback: Facts | None = None

    @property
    def changes(self) -> bool:
        """Whether the plan changes something."""
        return self.plan is not None and self.plan.action in ("created", "replaced", "deleted")

    def lost(self, rows: t.Iterable[Row] = ()) -> str | None:
        """The last value that was, or may have been, deleted and is not among ``rows``."""
        resource = self.desired.slot.resource
        there = {value_of(resource, row) for row in rows}
        deleted = [*self.deleted, *(value_of(resource, row) for row in (self.open_delete,) if row is not None)]
        return next((value for value in reversed(deleted) if value not in there), None)

    def deleted_of_others(self) -> list[str]:
        """The deleted values that were not there when the slot was planned first."""
        resource = self.desired.slot.resource
        planned = {value_of(resource, row) for row in self.plan.delete} if self.plan is not None else set()
        return [value for value in self.deleted if value not in planned and value != self.inherited]

    def contradictory(self) -> list[Row]:
        """The rows that are listed although a DELETE was answered with 404."""
        return [row for row in self.current or () if sid_of(row) in self.missing]


@dataclass(frozen=True)
class Outcome:
    """What became of one slot.

    :ivar action: ``created``, ``replaced``, ``deleted``, ``unchanged``, ``failed`` or ``skipped``.
    :ivar before: the value before. ``None`` if there was none, or it is not known.
    :ivar after: the value afterwards, in check mode the planned value. ``None`` if there is none, or it is not known.
    :ivar cause: why it failed or was skipped, one of the constants above or a problem of a plan.
    :ivar row: the row afterwards. In check mode, a row that would be created is not known.
    :ivar restored: the desired value was refused and the old one created again.
    :ivar lost: the value that was deleted and may not be there any more.
    :ivar unknown: what the slot has now could not be read.
    :ivar wrote: at least one write was, or may have been, carried out.
    :ivar fatal: every other slot of the account would fail in the same way, or lose its value too.
    :ivar facts: what the sentences about a failure or a warning are made of.
    """

    desired: Desired
    action: str
    before: str | None = None
    after: str | None = None
    cause: str | None = None
    row: Row | None = None
    restored: bool = False
    lost: str | None = None
    unknown: bool = False
    wrote: bool = False
    fatal: bool = False
    facts: Facts | None = None

    @property
    def ends_run(self) -> bool:
        """Whether no other slot of any account may be started: what cost one its value may cost the others theirs."""
        return self.lost is not None and self.after is None

    @property
    def not_started(self) -> bool:
        """Whether the run ended, or a guard stopped it, before this slot. ``only_if`` is the user's decision."""
        return self.action == "skipped" and self.cause != ONLY_IF

    @property
    def changed(self) -> bool:
        """Whether the slot differs from what it was, as far as that is known."""
        if self.action == "failed":
            return self.wrote and (self.unknown or self.lost is not None or self.after != self.before)
        return self.action in ("created", "replaced", "deleted")


def derive(facts: Facts) -> Outcome:
    """The outcome that follows from ``facts``."""
    plan = facts.plan
    if not facts.applied and facts.read_error is not None:
        return _failed(facts, NOT_READ)
    if plan is None:
        return Outcome(facts.desired, "skipped", cause=STOPPED)
    if plan.problem == ONLY_IF:
        row = facts.current[0] if facts.current else None
        return Outcome(facts.desired, "skipped", plan.before, plan.before, ONLY_IF, row=row, facts=facts)
    if plan.problem is not None:
        return _failed(facts, plan.problem, after=plan.before)
    if facts.held_back is not None:
        return Outcome(facts.desired, "skipped", plan.before, plan.before, facts.held_back, facts=facts)
    if not facts.applied:
        # Nobody begins to write after the end of a run.
        if facts.stopped or (facts.abandoned and plan.action != "unchanged"):
            return Outcome(facts.desired, "skipped", plan.before, plan.before, STOPPED)
        return _as_planned(facts, plan, plan.remaining)
    if facts.error is None and not facts.abandoned:
        if facts.wrote:
            return _as_planned(facts, plan, facts.row or plan.remaining)
        # Somebody else made the change between our reading and our writing.
        return Outcome(facts.desired, "unchanged", plan.after, plan.after, row=facts.row)
    return _derive_failure(facts, plan)


def _as_planned(facts: Facts, plan: Plan, row: Row | None) -> Outcome:
    notable = plan.extra is not None or facts.inherited is not None or facts.deleted_of_others()
    return Outcome(facts.desired, plan.action, plan.before, plan.after, row=row, facts=facts if notable else None)


def _derive_failure(facts: Facts, plan: Plan) -> Outcome:
    resource = facts.desired.slot.resource
    creating = plan.create is not None
    conflict = isinstance(facts.error, ApiError) and facts.error.conflict
    if facts.current is None or facts.open_delete is not None or facts.abandoned:
        return _failed(facts, UNKNOWN, lost=facts.lost() if creating and facts.row is None else None, unknown=True)
    if facts.contradictory():
        # A conflict says that there is a value, so none is lost.
        lost = facts.lost() if creating and facts.row is None and not conflict else None
        return _failed(facts, UNKNOWN, lost=lost, unknown=True)
    if facts.current:
        lost = facts.lost(facts.current) if creating else None
        return _failed(facts, OCCUPIED, after=join_values(resource, facts.current), lost=lost)
    if facts.rollback is not None:
        return _derive_rollback(facts, plan, facts.rollback)
    if plan.before is not None:
        return _failed(facts, REMOVED_BY_OTHER, lost=plan.before, wrote=True)
    # A conflict with nothing means that the listing lags.
    return _failed(facts, EMPTY, unknown=facts.open_create or conflict)


def _derive_rollback(facts: Facts, plan: Plan, rollback: Facts) -> Outcome:
    resource, old = facts.desired.slot.resource, rollback.desired.value
    if rollback.error is None:
        row = rollback.row or {}
        return _failed(facts, RESTORED, after=old, restored=True, lost=facts.lost([row]), row=row, wrote=True)
    if rollback.current:
        late = make_plan(facts.desired, rollback.current)
        if late.action == "unchanged":
            # The create that seemed to be refused was carried out late.
            return Outcome(facts.desired, plan.action, plan.before, plan.after, row=late.remaining, wrote=True)
        now = join_values(resource, rollback.current)
        return _failed(facts, OVERTAKEN, after=now, lost=old, wrote=True)
    conflict = isinstance(rollback.error, ApiError) and rollback.error.conflict
    unknown = rollback.current is None or facts.open_create or rollback.open_create or conflict
    return _failed(facts, LOST, lost=old, unknown=unknown, wrote=True)


def _failed(facts: Facts, cause: str, *, wrote: bool = False, **fields: t.Any) -> Outcome:
    return Outcome(
        facts.desired,
        "failed",
        facts.plan.before if facts.plan is not None else None,
        cause=cause,
        facts=facts,
        wrote=wrote or facts.wrote or facts.open_delete is not None or facts.open_create,
        fatal=any(isinstance(error, ApiError) and error.fatal for error in errors_of(facts))
        # What cost one slot its value would cost the others theirs.
        or (fields.get("lost") is not None and fields.get("after") is None),
        **fields,
    )


def errors_of(facts: Facts) -> list[Exception]:
    """The errors of a slot, the most useful first."""
    found = [facts.error, facts.read_error]
    if facts.rollback is not None:
        found += [facts.rollback.error, facts.rollback.read_error]
    return [error for error in found if error is not None]
