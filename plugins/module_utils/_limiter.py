# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A limit of the requests in flight that adapts to the account's limit (AIMD).

Twilio answers too many concurrent requests with 429 and does not publish its limit. So the limiter
finds it: each answer raises the limit by one, a 429 halves it. It grows back quickly to a fifth below
the number that was refused, and slowly beyond that. Other jobs share the account's limit. A job with
more requests in flight gets more refusals and gives up more each time, but all of them grow by one at
a time, so that their shares become equal.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import threading

#: The limit at the start of a run.
START = 25
#: Answers for each request in flight before the ceiling is raised by one.
PROBE_AFTER = 4
#: A refusal lowers the ceiling by the refused number divided by this.
BACKOFF = 5


class ConcurrencyLimiter:
    """Slots for requests. May be used by many threads at once.

    :arg max_limit: the limit never exceeds it.
    :ivar requests: number of slots taken so far, one for each request.
    """

    def __init__(self, max_limit: int) -> None:
        self.requests = 0
        self._max_limit = max_limit
        self._limit = min(max_limit, START)
        #: Up to here the limit grows with each answer.
        self._ceiling = max_limit
        self._in_flight = 0
        self._answers = 0
        #: Number of times the limit was halved. A 429 to a request of an earlier epoch is no news.
        self._epoch = 0
        self._free = threading.Condition()

    def acquire(self) -> int:
        """Wait for a slot. Returns the epoch, for `release`."""
        with self._free:
            while self._in_flight >= self._limit:
                self._free.wait()
            self._in_flight += 1
            self.requests += 1
            return self._epoch

    def release(self, epoch: int, *, throttled: bool) -> None:
        """Free a slot.

        :arg throttled: whether the answer was 429.
        """
        with self._free:
            if throttled:
                self._shrink(epoch)
            else:
                self._grow()
            self._in_flight -= 1
            self._free.notify(max(1, self._limit - self._in_flight))

    def _shrink(self, epoch: int) -> None:
        self._answers = 0
        if epoch == self._epoch:
            self._epoch += 1
            self._ceiling = max(1, self._in_flight - max(1, self._in_flight // BACKOFF))
            self._limit = max(1, self._in_flight // 2)
        elif epoch == self._epoch - 1:
            # Another request of those that caused the halving: the account allows one fewer.
            self._ceiling = max(1, self._ceiling - 1)
            self._limit = min(self._limit, self._ceiling)

    def _grow(self) -> None:
        if self._limit < self._ceiling:
            self._limit += 1
            return
        self._answers += 1
        if self._answers >= PROBE_AFTER * self._limit and self._ceiling < self._max_limit:
            self._answers = 0
            self._ceiling += 1
