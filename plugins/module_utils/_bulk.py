# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many at once: a pool of threads, the order of the work, and when to stop.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import threading
import traceback
import typing as t
from collections import Counter

from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._journal_file import Entry, Key
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import STOPPED, Facts, Outcome, derive
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._reconcile import (
    INTERVAL,
    Gate,
    Stopped,
    read_slot,
    reconcile,
)
from ansible_collections.messaging.twilio.plugins.module_utils._resources import Row

Item = t.TypeVar("Item")
Result = t.TypeVar("Result")

#: Called after each slot with how many are done and the count of each action among them.
Progress = t.Callable[[int, t.Mapping[str, int]], None]


def reconcile_all(
    client: Client,
    desired: t.Sequence[Desired],
    *,
    concurrency: int,
    check_mode: bool,
    max_failures: int | None = None,
    progress: Progress = lambda done, counts: None,
    journal: Journal | None = None,
) -> list[Outcome]:
    """The outcome of each slot, in the order of ``desired``.

    A slot that fails does not stop the others, unless its outcome is fatal, more than ``max_failures`` failed, or the
    run is cancelled. Then no further slot is started, and those are ``skipped``.

    :arg concurrency: how many slots are reconciled at once, each by one thread.
    :arg progress: called by one thread at a time.
    :arg journal: as for `reconcile`.
    """
    counts: Counter[str] = Counter()
    gate = Gate()
    unfinished: dict[Key, Facts] = {}

    def work(one: Desired, stopped: Stopped) -> Outcome:
        facts = unfinished[one.slot.key] = Facts(one)
        return reconcile(
            client, one, check_mode=check_mode, stopped=stopped, journal=journal, gate=gate, facts=facts
        )

    def done(outcome: Outcome) -> bool:
        unfinished.pop(outcome.desired.slot.key, None)
        counts[outcome.action] += 1
        if outcome.action != "skipped":
            progress(sum(counts.values()) - counts["skipped"], counts)
        return outcome.fatal or (max_failures is not None and counts["failed"] > max_failures)

    outcomes = run_all(client, desired, work, done, concurrency=concurrency)
    # A thread that was given up may still finish a slot. It removes it here after it has stored the outcome.
    abandoned = dict(unfinished)
    return [
        outcome if outcome is not None else _not_done(one, abandoned.get(one.slot.key))
        for one, outcome in zip(desired, outcomes)
    ]


def _not_done(desired: Desired, facts: Facts | None) -> Outcome:
    if facts is None:
        return Outcome(desired, "skipped", cause=STOPPED)
    facts.abandoned = True
    return derive(facts)


def read_all(client: Client, slots: t.Sequence[Slot], *, concurrency: int) -> list[list[Row] | ApiError | None]:
    """The rows of each slot, in order, or why they could not be read.

    An error that every other slot would get too ends the reading, and so does a cancelled run: slots that were not
    read then are ``None``.
    """

    def work(slot: Slot, _stopped: Stopped) -> list[Row] | ApiError:
        try:
            return read_slot(client, slot)
        except ApiError as error:
            return error

    def done(found: list[Row] | ApiError) -> bool:
        return isinstance(found, ApiError) and found.fatal

    return run_all(client, slots, work, done, concurrency=concurrency)


def find_unrecovered(
    client: Client, journal: Journal, outcomes: t.Iterable[Outcome], *, concurrency: int
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


def run_all(
    client: Client,
    items: t.Sequence[Item],
    work: t.Callable[[Item, Stopped], Result],
    done: t.Callable[[Result], bool],
    *,
    concurrency: int,
) -> list[Result | None]:
    """The result of ``work`` for each item, in order, ``None`` for items that were not started or not finished.

    If the grace period of a cancelled run ends first, the list is returned while threads may still complete it.

    :arg work: gets an item, and a function that says whether the run was stopped.
    :arg done: gets each result, by one thread at a time. If it returns true, no further item is started.
    """
    results: list[Result | None] = [None] * len(items)
    places = iter(range(len(items)))
    stop = threading.Event()
    lock = threading.Lock()

    def stopped() -> bool:
        return stop.is_set() or client.cancellation.is_set()

    def worker() -> None:
        try:
            while not stopped():
                with lock:
                    place = next(places, None)
                if place is None:
                    return
                result = work(items[place], stopped)
                with lock:
                    results[place] = result
                    if done(result):
                        stop.set()
        except Exception:  # pylint: disable=broad-exception-caught  # a bug must not discard the other results
            stop.set()
            traceback.print_exc()

    threads = _start(worker, min(concurrency, len(items)))
    if not threads:
        worker()
    for thread in threads:
        # Python handles a signal in this thread, which therefore must wake now and then.
        while thread.is_alive() and not client.cancellation.expired():
            thread.join(INTERVAL)
    return results


def _start(worker: t.Callable[[], None], count: int) -> list[threading.Thread]:
    """Up to ``count`` threads: as many as the system allows."""
    threads: list[threading.Thread] = []
    for _number in range(count):
        # A thread that outlives the grace period of a cancelled run must not keep the process alive.
        thread = threading.Thread(target=worker, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            break
        threads.append(thread)
    return threads
