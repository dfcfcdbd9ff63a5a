# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured and shown while a module runs: lines of progress, and the duration.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import contextlib
import time
import typing as t
from datetime import datetime, timezone

from ansible_collections.messaging.twilio.plugins.module_utils._accounts import AnyClient
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired
from ansible_collections.messaging.twilio.plugins.module_utils._results import (
    CHECK_MODE,
    count_actions,
    count_slots,
    make_summary,
)


def write_progress(
    path: str | None, desired: t.Collection[Desired], interval: float, *, check_mode: bool = False
) -> t.Callable[[int, t.Mapping[str, int]], None]:
    """A ``progress`` for `reconcile_all` that appends a line to the file ``path``.

    A line is due ``interval`` seconds after the last line, and for the last slot.
    """
    total, slots = len(desired), count_slots(desired)
    last = time.monotonic()

    def progress(done: int, counts: t.Mapping[str, int]) -> None:
        nonlocal last
        if path is None or (done != total and time.monotonic() - last < interval):
            return
        last = time.monotonic()
        line = f"{done} of {slots} done: {count_actions(make_summary(counts))}. {total - done} left"
        # A full disk is no reason to stop.
        with contextlib.suppress(OSError), open(path, "a", encoding="utf-8") as file:
            file.write(line + (CHECK_MODE if check_mode else "") + "\n")

    return progress


class Stopwatch:
    """When a run began, and how long it took."""

    def __init__(self) -> None:
        self._started_at = datetime.now(timezone.utc)
        self._begin = time.monotonic()

    def fields(self, client: AnyClient) -> dict[str, t.Any]:
        """``started_at`` (UTC, ISO 8601), ``seconds`` since then, and the ``requests`` of ``client``."""
        return {
            "started_at": self._started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "seconds": round(time.monotonic() - self._begin, 3),
            "requests": client.requests_sent,
        }
