# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many at once: a pool of threads, the order of the work, and when to stop.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import threading
import typing as t
from collections import Counter

from ansible_collections.messaging.twilio.plugins.module_utils._accounts import Accounts
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
    read_slots,
    reconcile,
)
from ansible_collections.messaging.twilio.plugins.module_utils._resources import Row, sid_key

AnyClient = t.Union[Client, Accounts]
Item = t.TypeVar("Item")
Result = t.TypeVar("Result")

#: Called after each slot with how many are done and the count of each action among them.
Progress = t.Callable[[int, t.Mapping[str, int]], None]


def reconcile_all(
    client: AnyClient,
    desired: t.Sequence[Desired],
    *,
    concurrency: int,
    check_mode: bool,
    max_failures: int | None = None,
    progress: Progress = lambda done, counts: None,
    journal: Journal | None = None,
) -> list[Outcome]:
    """The outcome of each slot, in the order of ``desired``.

    A slot that fails does not stop the others. A fatal outcome ends its account. A lost value, more than
    ``max_failures`` failures and a cancellation end the run. Slots that are not started then are ``skipped``.

    :arg client: a client, or the `Accounts` of a run.
    :arg concurrency: how many Services are reconciled at once, each by one thread.
    :arg progress: called by one thread at a time.
    :arg journal: as for `reconcile`.
    """
    counts: Counter[str] = Counter()
    gate = Gate()
    started: dict[Key, Facts] = {}
    finished: dict[Key, Outcome] = {}
    ended: set[str | None] = set()

    def work(service: list[Desired], stopped: Stopped) -> list[Outcome]:
        account_sid = service[0].slot.account_sid
        if account_sid in ended:
            return [Outcome(one, "skipped", cause=STOPPED) for one in service]
        facts = [Facts(one) for one in service]
        started.update((one.desired.slot.key, one) for one in facts)
        return reconcile(
            client.for_account(account_sid),
            service,
            check_mode=check_mode,
            stopped=lambda: stopped() or account_sid in ended,
            journal=journal,
            gate=gate,
            facts=facts,
        )

    def done(outcomes: list[Outcome]) -> bool:
        for outcome in outcomes:
            finished[outcome.desired.slot.key] = outcome
            started.pop(outcome.desired.slot.key, None)
            counts[outcome.action] += 1
            if outcome.fatal:
                ended.add(outcome.desired.slot.account_sid)
            if outcome.action != "skipped":
                progress(sum(counts.values()) - counts["skipped"], counts)
        too_many = max_failures is not None and counts["failed"] > max_failures
        return too_many or any(outcome.ends_run for outcome in outcomes)

    run_all(client, _by_service(desired, lambda one: one.slot), work, done, concurrency=concurrency)
    # Threads that were given up may still finish a slot: it leaves the one after it is in the other.
    abandoned = dict(started)
    return [finished.get(one.slot.key) or _not_done(one, abandoned.get(one.slot.key)) for one in desired]


def _by_service(items: t.Iterable[Item], slot_of: t.Callable[[Item], Slot]) -> list[list[Item]]:
    """The items of each Service together, in the order of their first ones."""
    services: dict[str, list[Item]] = {}
    for item in items:
        services.setdefault(sid_key(slot_of(item).service_sid), []).append(item)
    return [*services.values()]


def _not_done(desired: Desired, facts: Facts | None) -> Outcome:
    if facts is None:
        return Outcome(desired, "skipped", cause=STOPPED)
    facts.abandoned = True
    return derive(facts)


def read_all(client: AnyClient, slots: t.Sequence[Slot], *, concurrency: int) -> list[list[Row] | ApiError | None]:
    """The rows of each slot, in order, or why they could not be read.

    An error that every other slot would get too ends the reading, and so does a cancelled run: slots that were not
    read then are ``None``.
    """
    found: dict[Key, list[Row] | ApiError] = {}

    ended: set[str | None] = set()

    def work(service: list[Slot], _stopped: Stopped) -> None:
        account_sid = service[0].account_sid
        if account_sid in ended:
            return
        try:
            rows, _countries = read_slots(client.for_account(account_sid), service)
        except ApiError as error:
            found.update((slot.key, error) for slot in service)
            if error.fatal:
                ended.add(account_sid)
        else:
            found.update((slot.key, one) for slot, one in zip(service, rows))

    run_all(client, _by_service(slots, lambda slot: slot), work, lambda _done: False, concurrency=concurrency)
    return [found.get(slot.key) for slot in slots]


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


def run_all(
    client: AnyClient,
    items: t.Sequence[Item],
    work: t.Callable[[Item, Stopped], Result],
    done: t.Callable[[Result], bool],
    *,
    concurrency: int,
) -> None:
    """Call ``work`` for each item, in order, many at once.

    If the grace period of a cancelled run ends first, this returns while threads may still work.

    :arg work: gets an item, and a function that says whether the run was stopped.
    :arg done: gets each result, by one thread at a time. If it returns true, no further item is started.
    """
    waiting = iter(items)
    stop = threading.Event()
    lock = threading.Lock()

    def stopped() -> bool:
        return stop.is_set() or client.cancellation.is_set()

    def worker() -> None:
        try:
            while not stopped():
                with lock:
                    item = next(waiting, None)
                if item is None:
                    return
                result = work(item, stopped)
                with lock:
                    if done(result):
                        stop.set()
        except BaseException:
            stop.set()
            raise

    threads = _start(worker, min(concurrency, len(items)))
    if not threads:
        worker()
    for thread in threads:
        # Python handles a signal in this thread, which therefore must wake now and then.
        while thread.is_alive() and not client.cancellation.expired():
            thread.join(INTERVAL)


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
