# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may replace a value: one at a time until a create has succeeded.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import threading

from ansible_collections.messaging.twilio.plugins.module_utils._pool import INTERVAL, Stopped


class Gate:
    """Lets one replacement through at a time until a create has succeeded.

    A refusal is rarely about one Service. If every create is refused, this costs one value instead of one for each
    worker. A slot that only creates risks nothing: it never waits, and its success proves the permission.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._active = 0
        self._proven = False
        self._closed = False

    def enter(self, *, replaces: bool, stopped: Stopped) -> bool:
        """Wait for the turn of a slot. Returns ``False`` if the run was stopped meanwhile."""
        with self._changed:
            while replaces and self._active and not self._proven:
                if self._closed or stopped():
                    break
                self._changed.wait(INTERVAL)
            if self._closed or stopped():
                return False
            self._active += 1
            return True

    def leave(self, *, created: bool, lost: bool) -> None:
        """End the turn. If the value was lost, nobody else gets through."""
        with self._changed:
            self._active -= 1
            self._proven = self._proven or created
            self._closed = self._closed or lost
            self._changed.notify_all()
