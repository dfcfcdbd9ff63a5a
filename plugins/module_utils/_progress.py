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

#: How many desired values the first line names before it counts the others.
MAX_DESIRED = 5


def write_progress(
    path: str | None, desired: t.Collection[Desired], interval: float, *, check_mode: bool = False
) -> t.Callable[[int, t.Mapping[str, int]], None]:
    """A ``progress`` for `reconcile_all` that appends lines to the file ``path``. The first line says what is desired.

    A line is due ``interval`` seconds after the last line, and for the last slot.
    """
    total, slots = len(desired), count_slots(desired)
    mode = CHECK_MODE if check_mode else ""
    begin = last = time.monotonic()

    def write(line: str) -> None:
        # A full disk is no reason to stop.
        with contextlib.suppress(OSError), open(str(path), "a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def progress(done: int, counts: t.Mapping[str, int]) -> None:
        nonlocal last
        now = time.monotonic()
        if path is None or (done != total and now - last < interval):
            return
        last = now
        pace = f"{total - done} left, {estimate(done, total, now - begin)}" if done != total else "0 left"
        write(f"{done} of {slots} done: {count_actions(make_summary(counts))}. {pace}{mode}")

    if path is not None and total:
        write(f"Desired: {describe_desired(desired)}")
    return progress


def describe_desired(desired: t.Iterable[Desired]) -> str:
    """``ACME for 750 Services, ACME US for 250 Services``, the most frequent first."""
    counts: dict[str, list[Desired]] = {}
    for one in desired:
        what = one.value or one.slot.resource.label
        counts.setdefault(what if one.state == "present" else f"no {what}", []).append(one)
    more = len(counts) - MAX_DESIRED
    most = sorted(counts.items(), key=lambda item: -len(item[1]))[:MAX_DESIRED]
    named = [f"{what} for {count_slots(slots)}" for what, slots in most]
    return ", ".join([*named, *([f"and {more} more"] if more > 0 else [])])


def estimate(done: int, total: int, seconds: float) -> str:
    """The rate, and the time left if it stays the same: ``12.5 a second, about 40 s to go``."""
    rate = done / seconds if seconds > 0 and done else 0.0
    return f"{rate:.1f} a second, about {(total - done) / rate:.0f} s to go" if rate else "no rate yet"


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
