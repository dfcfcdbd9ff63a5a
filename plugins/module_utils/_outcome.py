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
    Desired,
    Plan,
    join_values,
    make_plan,
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


@dataclass
class Facts:
    """What is known of one slot while it is reconciled.

    :ivar plan: the plan made from the first listing. ``None`` if that could not be read.
    :ivar applied: writing began.
    :ivar stopped: the run was stopped before writing began.
    :ivar abandoned: the run ended before this slot was done.
    :ivar current: the rows of the slot as read last. ``None`` if they are not known.
    :ivar countries: the countries of rows, by SID, as the listings showed them.
    :ivar read_error: why they are not known.
    :ivar error: the error of the last write. ``None`` once the slot is as desired.
    :ivar row: the row of the desired value, once it exists.
    :ivar deleted: the values that were, or may have been, deleted. The last one is last.
    :ivar gone: the SIDs that were deleted for sure. A listing that still shows one lags.
    :ivar missing: the SIDs for which a DELETE was answered with 404.
    :ivar open_delete: the row of a DELETE of which nobody knows whether it was carried out.
    :ivar open_create: there is such a POST.
    :ivar doubtful: the value of the last write: it is there or not if nothing can be read.
    :ivar wrote: at least one write was, or may have been, carried out.
    :ivar created: at least one POST succeeded.
    :ivar problem: why the plan made after somebody else's write cannot be applied.
    :ivar inherited: the value that an earlier run deleted before it was killed.
    :ivar rollback: the facts of creating the old value again.
    """

    desired: Desired
    plan: Plan | None = None
    applied: bool = False
    stopped: bool = False
    abandoned: bool = False
    current: t.Sequence[Row] | None = None
    countries: t.Mapping[object, str] = field(default_factory=dict)
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
    inherited: str | None = None
    rollback: Facts | None = None

    def lost(self, rows: t.Iterable[Row] = ()) -> str | None:
        """The last value that was deleted and is not among ``rows``."""
        there = {value_of(self.desired.slot.resource, row) for row in rows}
        return next((value for value in reversed(self.deleted) if value not in there), None)

    def shown_though_missing(self) -> bool:
        """Whether the listing shows a row for which a DELETE was answered with 404."""
        return any(row.get("sid") in self.missing for row in self.current or ())


@dataclass(frozen=True)
class Outcome:
    """What became of one slot.

    :ivar action: ``created``, ``replaced``, ``deleted``, ``unchanged``, ``failed`` or ``skipped``.
    :ivar before: the value before. ``None`` if there was none, or it is not known.
    :ivar after: the value afterwards, in check mode the one that would be. ``None`` likewise.
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
    def changed(self) -> bool:
        """Whether the slot differs from what it was, as far as that is known."""
        if self.action == "failed":
            return self.wrote and (self.unknown or self.lost is not None or self.after != self.before)
        return self.action in ("created", "replaced", "deleted")


def derive(facts: Facts) -> Outcome:
    """The outcome that follows from ``facts``."""
    plan = facts.plan
    if plan is None:
        if facts.read_error is None and not facts.abandoned:
            return Outcome(facts.desired, "skipped", cause=STOPPED)
        return _failed(facts, NOT_READ)
    if plan.problem is not None:
        return _failed(facts, plan.problem, after=plan.before)
    if facts.stopped:
        return Outcome(facts.desired, "skipped", plan.before, plan.before, STOPPED)
    if not facts.applied:
        return _as_planned(facts, plan, plan.remaining)
    if facts.error is None and not facts.abandoned:
        if facts.wrote:
            return _as_planned(facts, plan, facts.row or plan.remaining)
        # Somebody else made the change between our reading and our writing.
        return Outcome(facts.desired, "unchanged", plan.after, plan.after, row=facts.row)
    return _derive_failure(facts, plan)


def _as_planned(facts: Facts, plan: Plan, row: Row | None) -> Outcome:
    by_others = facts.inherited is not None or any(value != plan.before for value in facts.deleted)
    noted = facts if plan.extra is not None or by_others else None
    return Outcome(facts.desired, plan.action, plan.before, plan.after, row=row, facts=noted)


def _derive_failure(facts: Facts, plan: Plan) -> Outcome:
    resource = facts.desired.slot.resource
    creating = plan.create is not None
    if facts.current is None or facts.open_delete is not None or facts.abandoned or facts.shown_though_missing():
        # The answer of the create, or a conflict, says that there is a value, so none is lost.
        occupied = facts.current is not None and isinstance(facts.error, ApiError) and facts.error.conflict
        lost = facts.lost() if creating and not occupied and facts.row is None else None
        return _failed(facts, UNKNOWN, lost=lost, unknown=True)
    if facts.current:
        lost = facts.lost(facts.current) if creating else None
        return _failed(facts, OCCUPIED, after=join_values(resource, facts.current), lost=lost)
    if facts.rollback is not None:
        return _derive_rollback(facts, plan, facts.rollback)
    if plan.before is not None:
        return _failed(facts, REMOVED_BY_OTHER, lost=plan.before, wrote=True)
    return _failed(facts, EMPTY, unknown=facts.open_create)


def _derive_rollback(facts: Facts, plan: Plan, rollback: Facts) -> Outcome:
    resource, old = facts.desired.slot.resource, rollback.desired.value
    if rollback.error is None:
        row = rollback.row or {}
        return _failed(facts, RESTORED, after=old, restored=True, lost=facts.lost([row]), row=row, wrote=True)
    if rollback.current:
        if make_plan(facts.desired, rollback.current).action == "unchanged":
            # The create that seemed to be refused was carried out late.
            return Outcome(facts.desired, plan.action, plan.before, plan.after, row=rollback.current[0], wrote=True)
        now = join_values(resource, rollback.current)
        return _failed(facts, OVERTAKEN, after=now, lost=old, wrote=True)
    unknown = rollback.current is None or rollback.open_create
    return _failed(facts, LOST, lost=old, unknown=unknown, wrote=True)


def _failed(facts: Facts, cause: str, *, wrote: bool | None = None, **fields: t.Any) -> Outcome:
    return Outcome(
        facts.desired,
        "failed",
        facts.plan.before if facts.plan is not None else None,
        cause=cause,
        facts=facts,
        wrote=facts.wrote if wrote is None else wrote,
        fatal=any(isinstance(error, ApiError) and error.fatal for error in errors_of(facts))
        # What cost one slot its value would cost the others theirs.
        or (fields.get("lost") is not None and fields.get("after") is None),
        **fields,
    )


def errors_of(facts: Facts) -> list[Exception]:
    """The errors of a slot, the most telling one first."""
    found = [facts.error, facts.read_error]
    if facts.rollback is not None:
        found += [facts.rollback.error, facts.rollback.read_error]
    return [error for error in found if error is not None]
