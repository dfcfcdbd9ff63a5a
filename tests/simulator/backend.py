# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API without HTTP: it carries out requests, at once or late."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulator.errors import Refused
from simulator.routes import Call, Switches, carry_out
from simulator.state import State


@dataclass
class LateWrite:
    """A write that waits.

    :ivar left: the number of requests to the same Service after which it is carried out, 0 for no such number.
    """

    call: Call
    left: int


@dataclass
class Backend:
    """The state, and the writes that wait. A late write is judged when it is carried out, not when it was sent."""

    state: State
    switches: Switches
    waiting: list[LateWrite] = field(default_factory=list)

    def carry_out(self, call: Call) -> tuple[int, Any]:
        """The status and the body of the answer."""
        return carry_out(self.state, self.switches, call)

    def postpone(self, call: Call, requests: int) -> LateWrite:
        write = LateWrite(call, requests)
        call.entry["late"] = "waiting"
        self.waiting.append(write)
        return write

    def count(self, call: Call, before: list[LateWrite]) -> None:
        """Count a request, for the writes that waited before it."""
        for write in before:
            # The create of a Service has no SID yet: each request of its account counts.
            same = write.call.service_sid in (None, call.service_sid)
            if same and write.call.account is call.account and write.left > 0:
                write.left -= 1
                if write.left == 0:
                    self.commit(write)

    def commit(self, write: LateWrite) -> None:
        """Carry out a write if Twilio would do so now. Its answer is sent to nobody."""
        if write not in self.waiting:
            return
        self.waiting.remove(write)
        try:
            self.carry_out(write.call)
            write.call.entry["late"] = "carried out"
        except Refused:
            write.call.entry["late"] = "dropped"

    def commit_all(self) -> None:
        for write in list(self.waiting):
            self.commit(write)
