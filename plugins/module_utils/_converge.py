# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one Service to its wish: read, plan, apply, and restore where that fails.

This is the one place that knows check mode: a dry run returns what the plan says, a real run
carries out that very plan.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from functools import partial

from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, error_fields, shown
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._sender import (
    Plan,
    Resource,
    Wish,
    make_plan,
    names,
    recovery_command,
)

#: How often a Service is planned anew because somebody else wrote to it meanwhile.
MOST_RACES = 1
#: How many Services a diff shows; the rest is counted.
MOST_IN_DIFF = 50


@dataclass(frozen=True)
class Outcome:
    """What became of one Service.

    :ivar action: ``created``, ``replaced``, ``deleted``, ``none``, ``failed`` or ``not_attempted``.
    :ivar before: the sender before, ``None`` where there was none or it is not known.
    :ivar after: the sender afterwards, ``None`` where there is none or it is not known.
    :ivar resource: the sender's resource afterwards; for a dry run what is known of it.
    :ivar msg: why it failed, and what to do next.
    :ivar error: the ``error`` of a result, where it failed.
    :ivar restored: the new sender was refused and the old one brought back.
    :ivar lost: the sender that was deleted and may not be there any more.
    :ivar unknown: what the Service has now could not be read.
    :ivar wrote: at least one write was, or may have been, carried out before it failed.
    :ivar account_wide: every other Service would fail the same way.
    """

    service_sid: str
    action: str
    before: str | None = None
    after: str | None = None
    resource: Resource | None = None
    msg: str | None = None
    error: t.Mapping[str, t.Any] | None = None
    warning: str | None = None
    restored: bool = False
    lost: str | None = None
    unknown: bool = False
    wrote: bool = False
    account_wide: bool = False

    @property
    def changed(self) -> bool:
        """Whether the Service differs from what it was, as far as that is known."""
        if self.action == "failed":
            return self.wrote and (self.unknown or self.lost is not None or self.after != self.before)
        return self.action in ("created", "replaced", "deleted")

    def as_fields(self) -> dict[str, t.Any]:
        """The entry of this Service in the result of a bulk run."""
        fields: dict[str, t.Any] = {
            "service_sid": self.service_sid,
            "action": self.action,
            "before": self.before,
            "after": self.after,
        }
        if self.action == "failed":
            fields["msg"] = self.msg
            fields.update(self.failure_fields())
        return fields

    def failure_fields(self) -> dict[str, t.Any]:
        """What a playbook can act on after a failure, beside the message."""
        return {
            "error": self.error,
            "restored": self.restored,
            "lost": self.lost,
            "unknown": self.unknown,
        }


def converge(
    client: Client,
    wish: Wish,
    *,
    dry_run: bool,
    stopped: t.Callable[[], bool] | None = None,
    journal: Journal | None = None,
) -> Outcome:
    """Bring one Service to ``wish``, or say what would be done.

    Never raises `ApiError`: what the network or Twilio did is in the outcome.

    :arg stopped: asked before the first write. Once it says so, nothing is begun, but a Service
        that was begun is brought to its end. Without it, a cancelled run is what stops.
    :arg journal: where a sender is written down before it is deleted for another, and what an
        earlier run wrote down and did not bring to its end.
    """
    journal = journal or Journal(None)
    outcome = _converge(client, wish, dry_run, stopped or client.cancellation.is_set, journal)
    if outcome.after is not None or outcome.action in ("deleted", "none"):
        journal.settled(wish.service_sid)
    return outcome


def _converge(client: Client, wish: Wish, dry_run: bool, stopped: t.Callable[[], bool], journal: Journal) -> Outcome:
    sid = wish.service_sid
    try:
        listed = client.alpha_senders(sid)
    except ApiError as error:
        return _failed(wish, f"{sid}: its alpha sender could not be read, nothing was changed: {error}", error)
    plan = make_plan(wish, listed)
    if plan.refusal is not None:
        return Outcome(sid, "failed", plan.before, plan.after, msg=plan.refusal, error=error_fields(plan.refusal))
    if plan.action == "none" or dry_run:
        created = {"service_sid": sid, "alpha_sender": plan.create} if plan.create is not None else None
        return _as_planned(wish, plan, created)
    if stopped():
        return Outcome(sid, "not_attempted", plan.before, plan.before)
    trail = _Trail(deleting=partial(journal.deleting, sid))
    if not listed:
        trail.inherited = journal.lost(sid)
        trail.deleted.extend(filter(None, [trail.inherited]))
    try:
        _carry_out(client, wish, plan, trail)
        return _outcome(client, wish, plan, trail)
    except Exception as error:  # pylint: disable=broad-exception-caught
        # A mistake in this program must not hide what it did to this Service, or to the others.
        crash = ApiError(f"unexpected {type(error).__name__}: {shown(str(error))}")
        trail.error, trail.listed, trail.unread = crash, None, crash
        return _outcome(client, wish, plan, trail)


def _as_planned(wish: Wish, plan: Plan, created: Resource | None) -> Outcome:
    resource = plan.kept if plan.create is None else created
    return Outcome(wish.service_sid, plan.action, plan.before, plan.after, resource=resource, warning=plan.warning)


@dataclass
class _Trail:
    """What happened while a plan was carried out.

    :ivar resource: the wanted sender's resource, once it is there.
    :ivar listed: what was there when read last, ``None`` if that could not be read.
    :ivar deleted: the senders that were, or may have been, deleted; the last one last.
    :ivar gone: the AI SIDs that certainly were. A listing that still shows one lags behind.
    :ivar doubtful: the sender of the last write: whether it is there is in doubt if that failed.
    :ivar wrote: at least one write was, or may have been, carried out.
    :ivar error: of the last write. ``None`` once the wish holds.
    :ivar refusal: why the plan that was made anew may not be carried out.
    :ivar unread: why ``listed`` is not known.
    :ivar inherited: the sender that an earlier run deleted, and then it was ended.
    :ivar deleting: is told a sender before it is deleted for another.
    """

    deleting: t.Callable[[str], None]
    resource: Resource | None = None
    listed: t.Sequence[Resource] | None = None
    deleted: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    doubtful: str | None = None
    wrote: bool = False
    error: ApiError | None = None
    refusal: str | None = None
    unread: ApiError | None = None
    inherited: str | None = None

    def lost(self, after: str | None) -> str | None:
        """The sender that we deleted and that is not there now."""
        return next((name for name in reversed(self.deleted) if name != after), None)


def _carry_out(client: Client, wish: Wish, plan: Plan, trail: _Trail) -> None:
    """Write what ``plan`` says. After a write that failed, what is there decides how to go on.

    A write whose fate is unknown is never repeated on a guess: the listing is read first, and the
    plan is made anew from it.
    """
    races = unsettled = 0
    while True:
        try:
            _write(client, wish, plan, trail)
        except ApiError as error:
            trail.error = error
        else:
            trail.error = None
            return
        try:
            listed = client.alpha_senders(wish.service_sid)
        except ApiError as unread:
            trail.listed, trail.unread = None, unread
            return
        trail.listed = [resource for resource in listed if resource.get("sid") not in trail.gone]
        plan = make_plan(wish, trail.listed)
        if plan.action == "none":
            trail.error, trail.resource = None, plan.kept
            return
        # Where a conflict is told of and nothing is there to conflict with, somebody lags behind.
        races += trail.error.conflict and bool(trail.listed)
        unsettled += trail.error.unsettled or (trail.error.conflict and not trail.listed)
        refused = not (trail.error.conflict or trail.error.unsettled)
        if refused or races > MOST_RACES or unsettled > client.max_retries:
            return
        if plan.refusal is not None:
            trail.refusal = plan.refusal
            return
        if unsettled:
            client.wait(unsettled - 1)


def _write(client: Client, wish: Wish, plan: Plan, trail: _Trail) -> None:
    sid = wish.service_sid
    try:
        for ai_sid in plan.delete:
            if plan.create is not None:
                trail.deleting(t.cast(str, plan.before))
            trail.doubtful = plan.before
            if client.delete_alpha_sender(sid, ai_sid):
                trail.wrote = True
                trail.gone.add(ai_sid)
            elif plan.create is None:
                # Nothing follows that would tell whether it is true, so it is read.
                raise ApiError(f"{ai_sid} was gone already", conflict=True)
            trail.deleted.append(t.cast(str, plan.before))
        if plan.create is not None:
            trail.doubtful = plan.create
            trail.resource = client.create_alpha_sender(sid, plan.create)
            trail.wrote = True
    except ApiError as error:
        if error.unsettled:
            trail.wrote = True
            if trail.doubtful != plan.create:
                trail.deleted.append(t.cast(str, plan.before))
        raise


def _outcome(client: Client, wish: Wish, plan: Plan, trail: _Trail) -> Outcome:
    """The outcome of ``plan``, which was carried out as far as ``trail`` says."""
    error, sid = trail.error, wish.service_sid
    if error is None:
        if trail.wrote:
            outcome = _as_planned(wish, plan, trail.resource)
            if trail.inherited is not None:
                return replace(
                    outcome, warning=f"{sid}: an earlier run had deleted {trail.inherited!r} and was ended then"
                )
            foreign = [name for name in trail.deleted if name != plan.before]
            if foreign:
                return replace(
                    outcome, warning=f"{sid}: somebody else had set {foreign[-1]!r} meanwhile, which was replaced"
                )
            return outcome
        # Somebody else brought it about between our reading and our writing.
        return Outcome(sid, "none", plan.after, plan.after, resource=trail.resource)
    creating = plan.create is not None
    text = f"{sid}: {plan.create!r} could not be set" if creating else f"{sid}: {plan.before!r} could not be deleted"
    text += f": {error}"
    if trail.listed is None:
        text += f". It now has {trail.doubtful!r} or no alpha sender, which of the two is unknown: {trail.unread}"
        lost = trail.lost(None) if creating else None
        if lost is not None:
            text += f". If it has none, this brings {lost!r} back: {recovery_command(sid, lost)}"
        return _failed(wish, text, error, trail.unread, before=plan.before, lost=lost, unknown=True, wrote=trail.wrote)
    after = names(trail.listed)
    if after is not None:
        why = f" ({trail.refusal})" if trail.refusal else ""
        lost = trail.lost(after) if creating else None
        text += f". It now has {after!r}{why}"
        return _failed(wish, text, error, before=plan.before, after=after, lost=lost, wrote=trail.wrote)
    old = trail.lost(None)
    if plan.before is None and old is None:
        return _failed(wish, f"{text}. It has no alpha sender, as before", error)
    if plan.before is not None and old is None:
        text += f". It has no alpha sender now, somebody else took {plan.before!r} away"
        text += f". This brings it back: {recovery_command(sid, plan.before)}"
        return _failed(wish, text, error, before=plan.before, lost=plan.before, wrote=True)
    return _restore(client, wish, plan, trail, text, error, t.cast(str, old))


def _restore(client: Client, wish: Wish, plan: Plan, trail: _Trail, text: str, refused: ApiError, old: str) -> Outcome:
    """Bring back the sender that was deleted for one that was then refused."""
    sid = wish.service_sid
    back = Wish(sid, old, "present", replace=False)
    # Nothing is deleted here, so there is nothing to write down.
    again = _Trail(deleting=trail.deleting, gone=trail.gone)
    _carry_out(client, back, make_plan(back, ()), again)
    if again.error is None:
        text += f". The old sender {old!r} was restored"
        return _failed(
            wish, text, refused, before=plan.before, after=old, restored=True, lost=trail.lost(old), wrote=True
        )
    if again.listed and make_plan(wish, again.listed).action == "none":
        # The write that was taken for refused was carried out late.
        return _as_planned(wish, plan, again.listed[0])
    if again.listed:
        now = names(again.listed)
        text += f". The old sender {old!r} was not restored, because somebody else set {now!r} meanwhile"
        return _failed(wish, text, refused, before=plan.before, after=now, lost=old, wrote=True)
    text += (
        f". The old sender {old!r} is LOST, restoring it failed too: {again.error}. "
        f"This brings it back: {recovery_command(sid, old)}"
    )
    return _failed(
        wish,
        text,
        refused,
        again.error,
        again.unread,
        before=plan.before,
        lost=old,
        unknown=again.listed is None,
        wrote=True,
    )


def single_result(outcome: Outcome) -> dict[str, t.Any]:
    """The result of a module that brings one Service to its wish."""
    result: dict[str, t.Any] = {"changed": outcome.changed, "diff": make_diff([outcome])}
    if outcome.action == "not_attempted":
        why = f"{outcome.service_sid} was not changed, because the run was stopped"
        return {**result, "failed": True, "msg": why, **outcome.failure_fields()}
    if outcome.action == "failed":
        return {**result, "failed": True, "msg": outcome.msg, **outcome.failure_fields()}
    result.update(
        action=outcome.action,
        service_sid=outcome.service_sid,
        alpha_sender=outcome.resource or {},
        warnings=[outcome.warning] if outcome.warning else [],
    )
    return result


def _failed(wish: Wish, msg: str, error: ApiError, *others: ApiError | None, **fields: t.Any) -> Outcome:
    account_wide = any(e.account_wide for e in (error, *others) if e is not None)
    return Outcome(wish.service_sid, "failed", msg=msg, error=error.as_fields(), account_wide=account_wide, **fields)


def make_diff(outcomes: t.Iterable[Outcome]) -> dict[str, str]:
    """What Ansible's ``--diff`` shows: each Service that changes, its sender before and after."""
    changed = [outcome for outcome in outcomes if outcome.changed]
    first = changed[:MOST_IN_DIFF]
    rest = f"... and {len(changed) - len(first)} more Services\n" if len(changed) > len(first) else ""
    return {
        "before": "".join(_diff_lines(outcome.service_sid, outcome.before) for outcome in first) + rest,
        "after": "".join(_diff_lines(outcome.service_sid, outcome.after) for outcome in first) + rest,
    }


def _diff_lines(service_sid: str, sender: str | None) -> str:
    return f"{service_sid}:\n" + (f"  {sender}\n" if sender else "")
