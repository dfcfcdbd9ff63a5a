# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A write-ahead log of deletions: which value is deleted and not yet replaced, in a file that outlives the run.

A process that is killed (SIGKILL, a container out of memory, a host that fails) cannot clean up. So a value is
recorded before it is deleted for another one, and the next run reads the record.

Each run has its own file in a folder that runs may share, and locks it while it lives. A file without a lock belongs
to a run that ended. A file that is not a journal is kept aside and reported.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, quoted
from ansible_collections.messaging.twilio.plugins.module_utils._journal_file import (
    Entry,
    Key,
    append,
    clear_in,
    create,
    open_ended,
    paths_in,
    read_entries,
)
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Slot

#: The end of the name of a file that could not be read as a journal.
_ASIDE = ".unreadable"
_FOLDER_RULE = "journal_path must be a folder in which files can be read, written and locked"


class JournalError(Exception):
    """The journal could not be written, so nothing may be deleted."""


class Journal:
    """The journal of one run, and the open entries of runs that ended.

    :arg folder: where the files are. Without it, nothing is recorded and nothing is known.
    :arg check_mode: only read.
    :ivar warnings: files that could not be read.
    :raises InputError: if the folder is missing, or no file can be written and locked in it.
    """

    def __init__(self, folder: str | None, *, check_mode: bool = False) -> None:
        self.warnings: list[str] = []
        self._folder = folder
        self._check_mode = check_mode
        self._file: int | None = None
        self._path: str | None = None
        self._open: dict[Key, Entry] = {}
        self._ended: dict[str, dict[Key, Entry]] = {}
        if folder is None:
            return
        try:
            self._read_ended()
            if not check_mode:
                self._file, self._path = create(folder)
        except (OSError, ValueError) as error:
            raise InputError(f"{_FOLDER_RULE}, got {quoted(folder)}: {error}") from None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove files without open entries. The others stay for the next run."""
        if self._folder is None or self._file is None or self._path is None:
            return
        with contextlib.suppress(OSError):
            if not self._open:
                os.unlink(self._path)
            os.close(self._file)
        for path in paths_in(self._folder):
            with contextlib.suppress(OSError), open_ended(path) as file:
                if file is None:
                    continue
                entries, readable = read_entries(file)
                if not entries and readable:
                    os.unlink(path)
                elif not entries:
                    os.rename(path, path + _ASIDE)

    def claim(self, slots: t.Iterable[Slot]) -> None:
        """Take over the entries of these slots from the runs that ended. Call it before the first request.

        :raises InputError: if they cannot be recorded.
        """
        keys = {slot.key for slot in slots}
        try:
            for path, entries in self._ended.items():
                for key in keys & entries.keys():
                    entry = self._open[key] = entries[key]
                    if not self._check_mode:
                        self._write(entry, sync=True)
                        clear_in(path, entry)
        except OSError as error:
            raise InputError(f"{_FOLDER_RULE}, got {quoted(self._folder)}: {error}") from None

    def entry(self, slot: Slot) -> Entry | None:
        """The open entry of a slot of this run."""
        return self._open.get(slot.key)

    def record(self, slot: Slot, value: str, sid: str) -> None:
        """Record a value before it is deleted.

        :raises JournalError: if it cannot be recorded. Then nothing may be deleted.
        """
        if self._file is None:
            return
        entry = Entry(slot, value, sid, time.time())
        try:
            self._write(entry, sync=True)
        except OSError as error:
            raise JournalError(f"the journal in {quoted(self._folder)} cannot be written: {error}") from None
        self._open[slot.key] = entry

    def clear(self, slot: Slot) -> None:
        """Clear the entry of a slot that has a value again, or is meant to have none."""
        entry = None if self._check_mode else self._open.pop(slot.key, None)
        if entry is not None:
            # If this is not written, the next run finds an entry that is settled already.
            with contextlib.suppress(OSError):
                self._write(entry, cleared=True)

    def open_entries(self) -> list[Entry]:
        """The open entries of this run and of all runs that ended."""
        if self._folder is None:
            return []
        with contextlib.suppress(OSError):
            self._read_ended()
        found = {key: entry for entries in self._ended.values() for key, entry in entries.items()}
        return list({**found, **self._open}.values())

    def close(self, entry: Entry) -> None:
        """Clear an entry of `open_entries`, wherever it is recorded."""
        self.clear(entry.slot)
        if self._file is not None:
            for path, entries in self._ended.items():
                if entry.slot.key in entries:
                    with contextlib.suppress(OSError):
                        clear_in(path, entry)

    def _write(self, entry: Entry, *, cleared: bool = False, sync: bool = False) -> None:
        append(t.cast(int, self._file), entry, cleared=cleared)
        if sync:
            os.fsync(t.cast(int, self._file))

    def _read_ended(self) -> None:
        """Read the open entries of each file whose run ended."""
        folder = t.cast(str, self._folder)
        os.listdir(folder)  # raises what is wrong with the folder, which glob does not
        self._ended, self.warnings = {}, []
        for path in paths_in(folder):
            if path == self._path:
                continue
            with open_ended(path) as file:
                if file is None:
                    continue
                self._ended[path], readable = read_entries(file)
            if not readable:
                self.warnings.append(f"{quoted(path)} is not a journal of this collection, or is damaged. Look at it")
