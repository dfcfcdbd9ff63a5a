# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a run, written while it goes: what is about to change, and what became of it.

A run that is killed leaves it, and it can be rolled back from there. Each line is a JSON object that is written in one
step, so that at most the last one is incomplete.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.messaging.twilio.plugins.module_utils._bulk import Recorder
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Plan, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._results import outcome_fields

STARTED, FINISHED = "started", "finished"


class Record(Recorder):
    """Appends to the file ``path``. Without a path it does nothing.

    :arg account_sid: the account of slots that do not know theirs.
    :ivar warnings: why lines are missing.
    """

    def __init__(self, path: str | None, account_sid: str | None = None) -> None:
        self.warnings: list[str] = []
        self._path = path
        self._account_sid = account_sid
        self._started: set[tuple[str, str, str]] = set()
        self._incomplete = False
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def started(self, slot: Slot, plan: Plan) -> None:
        if self._file is None:
            return
        self._started.add(slot.key)
        account_sid = next((row.get("account_sid") for row in plan.delete), None)
        self._write(
            {
                "event": STARTED,
                "service_sid": slot.service_sid,
                "account_sid": slot.account_sid or account_sid or self._account_sid,
                "iso_country_code": slot.country,
                "before": plan.before,
                "after": plan.after,
            }
        )

    def finished(self, outcome: Outcome) -> None:
        """A slot that nothing happened to is not recorded."""
        if self._file is None:
            return
        if outcome.action not in ("unchanged", "skipped") or outcome.desired.slot.key in self._started:
            self._write({"event": FINISHED, **outcome_fields(outcome, self._account_sid)})

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, line: t.Mapping[str, t.Any]) -> None:
        if self._incomplete:
            return
        data = (json.dumps(line, separators=(",", ":")) + "\n").encode()
        try:
            if os.write(t.cast(int, self._file), data) != len(data):
                raise OSError("a line was written in part")
        except OSError as error:
            # A full disk is no reason to stop. The report at the end has all outcomes. No line follows half a line.
            self.warnings.append(f"The record {self._path} is incomplete: {error}")
            self._incomplete = True
