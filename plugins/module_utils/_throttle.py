# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests may be in flight at once: as many as the account allows, which nobody tells.

Twilio refuses what is too much with 429, and publishes no limit. So the number is found: it grows
with each answer, is halved by a refusal, grows back quickly to a fifth below what was refused, and
beyond that one by one. Other jobs share the account's limit: who has more is refused more often, and
gives up more each time, while each takes the same step up, so their shares become equal.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import threading

#: With how many requests at once a run begins, whatever its concurrency.
START = 25
#: After how many answers for each request in flight one more is tried beyond what went well.
QUIET = 4
#: Which part of what was refused is given up.
GIVEN_UP = 5


class Throttle:
    """Slots for requests. A thread that waits for one holds nothing else.

    :arg most: the concurrency, which is never exceeded.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = min(most, START)
        #: What is known to go well. Up to there it grows with each answer.
        self._ceiling = most
        self._in_flight = 0
        #: How many slots were taken, one for each request.
        self.requests = 0
        self._quiet = 0
        #: How often it was halved. Requests of before then say nothing new when they are refused.
        self._cuts = 0
        self._free = threading.Condition()

    def acquire(self) -> int:
        """Wait for a slot. Returns what `release` needs to know."""
        with self._free:
            while self._in_flight >= self._limit:
                self._free.wait()
            self._in_flight += 1
            self.requests += 1
            return self._cuts

    def release(self, ticket: int, *, refused: bool) -> None:
        """Give the slot back, and tell whether the request was one too many."""
        with self._free:
            if refused:
                self._refused(ticket)
            else:
                self._answered()
            self._in_flight -= 1
            self._free.notify(max(1, self._limit - self._in_flight))

    def _refused(self, ticket: int) -> None:
        self._quiet = 0
        if ticket == self._cuts:
            self._cuts += 1
            self._ceiling = max(1, self._in_flight - max(1, self._in_flight // GIVEN_UP))
            self._limit = max(1, self._in_flight // 2)
        elif ticket == self._cuts - 1:
            # One more of the same crowd: that many fewer are allowed at once.
            self._ceiling = max(1, self._ceiling - 1)
            self._limit = min(self._limit, self._ceiling)

    def _answered(self) -> None:
        if self._limit < self._ceiling:
            self._limit += 1
            return
        self._quiet += 1
        if self._quiet >= QUIET * self._limit and self._ceiling < self._most:
            self._quiet = 0
            self._ceiling += 1
