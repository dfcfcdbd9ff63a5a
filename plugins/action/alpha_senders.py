# Copyright: messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of this name as any other, and shows its progress as it comes.

The module takes the whole list in one run, since each further run costs a start, new connections
and a wait for the last Services. What it does meanwhile it writes to a file, which is read here.
"""

from __future__ import annotations

import tempfile
import threading
import typing as t

from ansible import constants as C
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display

#: Seconds between two looks at the file.
INTERVAL = 0.2


class ActionModule(NormalAction):  # type: ignore[misc]  # ansible has no types
    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        if not self._can_follow():
            return self._run_module(tmp, task_vars)
        with tempfile.NamedTemporaryFile("r", dir=C.DEFAULT_LOCAL_TMP, encoding="utf-8") as file:
            given = self._task.args
            self._task.args = {**given, "progress_path": file.name}
            ended = threading.Event()
            follower = threading.Thread(target=_follow, args=(file, ended), daemon=True)
            follower.start()
            try:
                return self._run_module(tmp, task_vars)
            finally:
                self._task.args = given  # for the next try, where the task has retries
                ended.set()
                follower.join()

    def _run_module(self, tmp: str | None, task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        return result

    def _can_follow(self) -> bool:
        """The module must be able to write a file of this process, which must be there to read it."""
        return (
            self._connection.transport == "local"
            and not self._connection.become
            and not self._task.async_val
            and self._task.args.get("progress_path") is None
        )


def _follow(file: t.TextIO, ended: threading.Event) -> None:
    display = Display()
    while True:
        last = ended.wait(INTERVAL)
        for line in file:
            display.display(f"  {line.rstrip()}")
        if last:
            return
