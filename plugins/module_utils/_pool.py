# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool of threads: calls a function for many items at once.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import threading
import traceback
import typing as t

from ansible_collections.messaging.twilio.plugins.module_utils._transport import Cancellation

#: Seconds between two looks whether the run was stopped.
INTERVAL = 0.2

Item = t.TypeVar("Item")
Result = t.TypeVar("Result")
Stopped = t.Callable[[], bool]


def run_all(
    cancellation: Cancellation,
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
        return stop.is_set() or cancellation.is_set()

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
        except Exception:  # pylint: disable=broad-exception-caught  # a bug must not discard the other results
            stop.set()
            traceback.print_exc()

    threads = _start(worker, min(concurrency, len(items)))
    if not threads:
        worker()
    for thread in threads:
        # Python handles a signal in this thread, which therefore must wake now and then.
        while thread.is_alive() and not cancellation.expired():
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
