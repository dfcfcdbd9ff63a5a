# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many slots at once: the order of the work, and when to stop.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass

from ansible_collections.messaging.twilio.plugins.module_utils._accounts import AnyClient
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._current import by_service, read_all
from ansible_collections.messaging.twilio.plugins.module_utils._gate import Gate
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._journal_file import Entry, Key
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import (
    CANARY_FAILED,
    STOPPED,
    TOO_MANY_CHANGES,
    Facts,
    Outcome,
    derive,
)
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Plan, Slot, make_plan
from ansible_collections.messaging.twilio.plugins.module_utils._pool import Stopped, run_all
from ansible_collections.messaging.twilio.plugins.module_utils._reconcile import apply_plans, plan_slots

#: Called with how many slots are done and the count of each action among them.
Progress = t.Callable[[int, t.Mapping[str, int]], None]


class Recorder:
    """Learns what happens while a run goes. This class does nothing with it."""

    def started(self, slot: Slot, plan: Plan) -> None:
        """Called before the first write to a slot."""

    def finished(self, outcome: Outcome) -> None:
        """Called for each outcome, by one thread at a time."""


@dataclass(frozen=True)
class Guards:
    """What protects users from their own mistakes. With a guard, all slots are planned before the first write.

    :ivar max_changes: a larger plan is refused as a whole. ``None`` allows any.
    :ivar canary: how many Services are changed first. The others follow only if these are as desired.
    """

    max_changes: int | None = None
    canary: int = 0


def reconcile_all(
    client: AnyClient,
    desired: t.Sequence[Desired],
    *,
    concurrency: int,
    check_mode: bool,
    max_failures: int | None = None,
    guards: Guards | None = None,
    progress: Progress = lambda done, counts: None,
    journal: Journal | None = None,
    record: Recorder | None = None,
) -> list[Outcome]:
    """The outcome of each slot, in the order of ``desired``.

    A slot that fails does not stop the others. A fatal outcome ends its account. A lost value, more than
    ``max_failures`` failures and a cancellation end the run. Slots that are not started then are ``skipped``.

    :arg client: a client, or the `Accounts` of a run.
    :arg concurrency: how many Services are reconciled at once, each by one thread.
    :arg progress: called after each Service, by one thread at a time.
    :arg journal: as for `reconcile`.
    :arg record: what happens is written there while the run goes.
    """
    run = _Run(client, concurrency, check_mode, max_failures, progress, journal or Journal(None), record)
    services = by_service(desired, lambda one: one.slot)
    if guards is None:
        run.each(services, run.plan_and_apply)
    else:
        run.each(services, run.plan)
        run.guard(services, guards)
    return run.outcomes(desired)


class _Run:
    """One run over many slots."""

    def __init__(
        self,
        client: AnyClient,
        concurrency: int,
        check_mode: bool,
        max_failures: int | None,
        progress: Progress,
        journal: Journal,
        record: Recorder | None,
    ) -> None:
        self._client = client
        self._concurrency = concurrency
        self._check_mode = check_mode
        self._max_failures = max_failures
        self._progress = progress
        self._journal = journal
        self._record = record or Recorder()
        self._gate = Gate()
        self._counts: Counter[str] = Counter()
        self._not_started = 0
        self._started: dict[Key, Facts] = {}
        self._finished: dict[Key, Outcome] = {}
        #: The slots that change, by the key of the first slot of their Service.
        self._changing: dict[Key, list[Facts]] = {}
        #: The clients of accounts that ended.
        self._ended_clients: set[Client] = set()
        self._ended = False

    def each(
        self, services: t.Sequence[list[Desired]], work: t.Callable[[list[Desired], Stopped], list[Outcome]]
    ) -> None:
        """Call ``work`` for each Service, unless its account ended, until the run ends."""

        def work_unless_ended(service: list[Desired], stopped: Stopped) -> list[Outcome]:
            client = self._client_of(service[0])
            if client in self._ended_clients:
                return [_not_done(one, self._started.get(one.slot.key)) for one in service]
            return work(service, lambda: stopped() or client in self._ended_clients)

        run_all(self._client.cancellation, services, work_unless_ended, self._done, concurrency=self._concurrency)

    def plan_and_apply(self, service: list[Desired], stopped: Stopped) -> list[Outcome]:
        """Reconcile the slots of one Service."""
        return self._apply(self._plan(service), stopped)

    def plan(self, service: list[Desired], stopped: Stopped) -> list[Outcome]:
        """Plan the slots of one Service. Returns the outcomes of those that do not change."""
        facts = self._plan(service)
        changing = [one for one in facts if one.changes]
        if changing:
            self._changing[service[0].slot.key] = changing
        return self._apply([one for one in facts if not one.changes], stopped)

    def guard(self, services: t.Sequence[list[Desired]], guards: Guards) -> None:
        """Apply the plans of the Services that change, as far as the guards allow."""
        if self._ended or self._client.cancellation.is_set():
            return
        keys = [service[0].slot.key for service in services if service[0].slot.key in self._changing]
        if guards.max_changes is not None and sum(map(len, self._changing.values())) > guards.max_changes:
            self._hold_back(keys, TOO_MANY_CHANGES)
            return
        usable = [key for key in keys if self._client_of(self._changing[key][0].desired) not in self._ended_clients]
        canary = usable[: guards.canary]
        self._apply_planned(canary)
        if canary and not self._check_mode and not self._are_as_desired(canary, services):
            if not self._client.cancellation.is_set():
                self._hold_back([key for key in keys if key not in canary], CANARY_FAILED)
            return
        self._apply_planned([key for key in keys if key not in canary])

    def outcomes(self, desired: t.Sequence[Desired]) -> list[Outcome]:
        """The outcomes in the order of ``desired``."""
        # A thread that was given up may still finish a slot. It removes it here after it has stored the outcome.
        abandoned = dict(self._started)
        return [self._finished.get(one.slot.key) or _not_done(one, abandoned.get(one.slot.key)) for one in desired]

    def _client_of(self, desired: Desired) -> Client:
        return self._client.for_account(desired.slot.account_sid)

    def _plan(self, service: list[Desired]) -> list[Facts]:
        facts = [Facts(one) for one in service]
        self._started.update((one.desired.slot.key, one) for one in facts)
        plan_slots(self._client_of(service[0]), facts)
        return facts

    def _apply_planned(self, keys: t.Sequence[Key]) -> None:
        """Apply the plans of these Services."""

        def work(service: list[Desired], stopped: Stopped) -> list[Outcome]:
            return self._apply([self._started[one.slot.key] for one in service], stopped)

        self.each([[one.desired for one in self._changing[key]] for key in keys], work)

    def _apply(self, facts: list[Facts], stopped: Stopped) -> list[Outcome]:
        if not facts:
            return []
        return apply_plans(
            self._client_of(facts[0].desired),
            facts,
            check_mode=self._check_mode,
            stopped=stopped,
            journal=self._journal,
            gate=self._gate,
            started=self._record.started,
        )

    def _done(self, outcomes: list[Outcome]) -> bool:
        counts = self._counts
        for outcome in outcomes:
            self._finished[outcome.desired.slot.key] = outcome
            self._started.pop(outcome.desired.slot.key, None)
            counts[outcome.action] += 1
            if outcome.fatal:
                self._ended_clients.add(self._client_of(outcome.desired))
            self._not_started += outcome.not_started
            self._record.finished(outcome)
        if not all(outcome.not_started for outcome in outcomes):
            self._progress(sum(counts.values()) - self._not_started, counts)
        too_many = self._max_failures is not None and counts["failed"] > self._max_failures
        self._ended = self._ended or too_many or any(outcome.ends_run for outcome in outcomes)
        return self._ended

    def _are_as_desired(self, keys: t.Sequence[Key], services: t.Sequence[list[Desired]]) -> bool:
        """Whether the slots of these Services that were changed are as desired, and are read so."""
        changed = {one.desired.slot.key for key in keys for one in self._changing[key]}
        if any(key not in self._finished or self._finished[key].action in ("failed", "skipped") for key in changed):
            return False
        client = self._client.for_account(None)
        pending = [service for service in services if service[0].slot.key in keys]
        for attempt in range(client.max_retries + 1):
            if attempt:
                # Listings lag by seconds.
                client.wait(attempt - 1, jitter=False)
            slots = [one.slot for service in pending for one in service]
            rows = dict(zip(slots, read_all(self._client, slots, concurrency=self._concurrency)))
            pending = [
                service
                for service in pending
                if any(one.slot.key in changed and not _is_as_desired(one, rows[one.slot]) for one in service)
            ]
            if not pending or client.cancellation.is_set():
                break
        return not pending

    def _hold_back(self, keys: t.Iterable[Key], why: str) -> None:
        for key in keys:
            for one in self._changing[key]:
                one.held_back = why
                self._done([derive(one)])


def _is_as_desired(desired: Desired, rows: object) -> bool:
    return isinstance(rows, list) and make_plan(desired, rows).action == "unchanged"


def _not_done(desired: Desired, facts: Facts | None) -> Outcome:
    if facts is None:
        return Outcome(desired, "skipped", cause=STOPPED)
    facts.abandoned = True
    return derive(facts)


def find_unrecovered(
    client: AnyClient, journal: Journal, outcomes: t.Iterable[Outcome], *, concurrency: int
) -> list[tuple[Entry, bool]]:
    """The entries of killed runs that this run did not bring to an end, and whether their slots are unknown.

    Entries of slots that have a value again are cleared.
    """
    reported = {outcome.desired.slot.key for outcome in outcomes if outcome.lost is not None}
    entries = [entry for entry in journal.open_entries() if entry.slot.key not in reported]
    found = read_all(client, [entry.slot for entry in entries], concurrency=concurrency)
    unrecovered = []
    for entry, rows in zip(entries, found):
        if isinstance(rows, list) and entry.is_settled_by(rows):
            journal.close(entry)
        else:
            unrecovered.append((entry, not isinstance(rows, list) or bool(rows)))
    return unrecovered
