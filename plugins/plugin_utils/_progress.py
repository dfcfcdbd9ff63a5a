# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens on the controller while a module runs: show its progress, and end it if Ansible is gone.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import os
import signal
import threading
import types
import typing as t

from ansible.utils.display import Display

#: Seconds between two looks at the file and at Ansible's main process.
INTERVAL = 0.2


class Watch:
    """Context in which a module runs.

    Shows each line of ``file`` as it comes. A job system that cancels a job kills Ansible's main process alone, and
    nobody would stop the module. Since ansible-core 2.19 this process leads a new process group, with the module
    in it. If the main process is gone, the group gets SIGTERM, so that the module finishes what it has started.
    Before ansible-core 2.19 the signal of the job system reaches the module as well.

    :ivar ansible_is_gone: whether Ansible's main process ended before the module.
    """

    def __init__(self, file: t.Iterable[str] | None) -> None:
        self.ansible_is_gone = False
        self._file = file
        self._ansible = os.getppid()
        self._leads_group = os.getpgrp() == os.getpid()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._handler: t.Any = None

    def __enter__(self) -> Watch:
        if self._leads_group:
            self._handler = signal.signal(signal.SIGTERM, self._on_sigterm)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._leads_group:
            signal.signal(signal.SIGTERM, self._handler)

    def _on_sigterm(self, number: int, _frame: types.FrameType | None) -> None:
        if self.ansible_is_gone:
            return  # This process sent the signal, and has to live on to write the report.
        signal.signal(number, self._handler)
        signal.raise_signal(number)

    def _watch(self) -> None:
        # Signals have to interrupt the main thread, which waits for the output of the module.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        last = False
        while not last and not self.ansible_is_gone:
            last = self._ended.wait(INTERVAL)
            for line in self._file or ():
                Display().display(f"  {line.rstrip()}")
            self._check_ansible()

    def _check_ansible(self) -> None:
        if self._leads_group and os.getppid() != self._ansible:
            self.ansible_is_gone = True
            os.killpg(os.getpid(), signal.SIGTERM)
