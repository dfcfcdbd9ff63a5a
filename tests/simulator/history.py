# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a listing showed before the last writes, for listings that lag."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

Rows = dict[str, Any]


@dataclass
class Lag:
    """How far a listing lags. It does not show a write to which any of the three applies.

    :ivar behind: the last ``behind`` writes.
    :ivar requests: writes to which at most ``requests`` requests came after.
    :ivar seconds: writes that are younger.
    """

    behind: int = 0
    requests: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Change:
    """One write: the row of this SID before it (None: there was no such row), and when it was."""

    sid: str
    before: Any
    request: int
    time: float


@dataclass
class History:
    """The writes to one collection, and the number of requests that it had."""

    requests: int = 0
    changes: list[Change] = field(default_factory=list)

    def note(self, sid: str, before: Any) -> None:
        self.changes.append(Change(sid, before, self.requests, time.monotonic()))

    def hidden(self, lag: Lag) -> int:
        """The number of writes, newest first, that a listing with this lag does not show yet."""
        now = time.monotonic()
        for count, change in enumerate(reversed(self.changes)):
            late = count < lag.behind or self.requests - change.request <= lag.requests
            if not late and now - change.time >= lag.seconds:
                return count
        return len(self.changes)

    def undo(self, rows: Rows, lag: Lag) -> Rows:
        """The rows that a listing with this lag shows."""
        rows = dict(rows)
        for change in list(reversed(self.changes))[: self.hidden(lag)]:
            if change.before is None:
                rows.pop(change.sid, None)
            else:
                rows[change.sid] = change.before
        return rows
