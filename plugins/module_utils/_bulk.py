# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many slots at once: the order of the work, and when to stop.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.messaging.twilio.plugins.module_utils._accounts import AnyClient
from ansible_collections.messaging.twilio.plugins.module_utils._current import by_service, read_all
from ansible_collections.messaging.twilio.plugins.module_utils._gate import Gate
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._journal_file import Entry, Key
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import STOPPED, Facts, Outcome, derive
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired
from ansible_collections.messaging.twilio.plugins.module_utils._pool import Stopped, run_all
from ansible_collections.messaging.twilio.plugins.module_utils._reconcile import reconcile

#: Called with how many slots are done and the count of each action among them.
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
    :arg progress: called after each Service, by one thread at a time.
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
        if any(outcome.action != "skipped" for outcome in outcomes):
            progress(sum(counts.values()) - counts["skipped"], counts)
        too_many = max_failures is not None and counts["failed"] > max_failures
        return too_many or any(outcome.ends_run for outcome in outcomes)

    run_all(client.cancellation, by_service(desired, lambda one: one.slot), work, done, concurrency=concurrency)
    # Threads that were given up may still finish a slot: it leaves the one after it is in the other.
    abandoned = dict(started)
    return [finished.get(one.slot.key) or _not_done(one, abandoned.get(one.slot.key)) for one in desired]


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
