# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A write-ahead log of deletions: which value is deleted and not yet replaced, in a file that outlives the run.

A process that is killed (SIGKILL, a container out of memory, a host that fails) cannot clean up. So a value is
recorded before it is deleted for another one, and the next run reads the record.

Each run has its own file in a folder that runs may share, and locks it while it lives. A file without a lock belongs
to a run that ended. A line is a JSON object: an entry is recorded by its keys (`Entry`) and cleared by the same keys
with ``"cleared": true``. Files are untrusted input: what does not have this form is kept aside and reported.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import json
import os
import re
import stat
import time
import typing as t
import uuid
from dataclasses import dataclass

from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, quoted
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import RESOURCES, Row, is_sid

_PREFIX = "journal-"
_SUFFIX = ".jsonl"
#: The end of the name of a file that could not be read as a journal.
_ASIDE = ".unreadable"
#: Characters of a line. An entry has some 250.
MAX_LINE = 4096
#: Bytes of a file. A run over 100,000 Services writes some 50 MB.
MAX_FILE = 1 << 28
#: Seconds after which a listing is believed that still shows the deleted row: Twilio's listings lag by seconds.
MAX_LAG = 600.0

Key = tuple[str, str, str]


class JournalError(Exception):
    """The journal could not be written, so nothing may be deleted."""


@dataclass(frozen=True)
class Entry:
    """One value that is deleted and not yet replaced.

    :ivar sid: the SID of the deleted row.
    :ivar at: when it was recorded, in seconds since 1970.
    """

    slot: Slot
    value: str
    sid: str
    at: float

    def is_settled_by(self, rows: t.Iterable[Row]) -> bool:
        """Whether a listing of the slot proves that it has a value again.

        A listing can lag. One that shows the deleted row alone proves nothing until that is long ago.
        """
        sids = {str(row.get("sid")) for row in rows}
        return bool(sids - {self.sid}) or (bool(sids) and time.time() - self.at > MAX_LAG)


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
                self._file, self._path = _create(folder)
        except (OSError, ValueError) as error:
            rule = "must be a folder in which files can be read, written and locked"
            raise InputError(f"journal_path {rule}, got {quoted(folder)}: {error}") from None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove files without open entries. The others stay for the next run."""
        if self._file is None or self._path is None:
            return
        with contextlib.suppress(OSError):
            if not self._open:
                os.unlink(self._path)
            os.close(self._file)
        for path in self._paths():
            with contextlib.suppress(OSError), _locked(path, fcntl.LOCK_EX) as file:
                if file is None:
                    continue
                entries, readable = _read(file)
                if not entries:
                    os.unlink(path) if readable else os.rename(path, path + _ASIDE)

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
                        _clear_in(path, entry)
        except OSError as error:
            raise InputError(f"journal_path: {quoted(self._folder)} cannot be written: {error}") from None

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
                        _clear_in(path, entry)

    def _write(self, entry: Entry, *, cleared: bool = False, sync: bool = False) -> None:
        _append(t.cast(int, self._file), entry, cleared=cleared)
        if sync:
            os.fsync(t.cast(int, self._file))

    def _paths(self) -> list[str]:
        pattern = os.path.join(glob.escape(t.cast(str, self._folder)), f"{_PREFIX}*{_SUFFIX}")
        return sorted(path for path in glob.glob(pattern) if path != self._path)

    def _read_ended(self) -> None:
        """Read the open entries of each file whose run ended."""
        os.listdir(t.cast(str, self._folder))  # raises what is wrong with the folder, which glob does not
        self._ended, self.warnings = {}, []
        for path in self._paths():
            with _locked(path, fcntl.LOCK_SH) as file:
                if file is None:
                    continue
                self._ended[path], readable = _read(file)
            if not readable:
                self.warnings.append(f"{quoted(path)} is not a journal of this collection, or is damaged. Look at it")


def _create(folder: str) -> tuple[int, str]:
    """A new file for this run, locked before another run can see its name."""
    name = f"{_PREFIX}{uuid.uuid4().hex}"
    hidden, path = os.path.join(folder, f".{name}"), os.path.join(folder, name + _SUFFIX)
    file = os.open(hidden, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(hidden, path)
        # The name of the file has to survive a failure of the host, too.
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError:
        os.close(file)
        for created in (hidden, path):
            with contextlib.suppress(OSError):
                os.unlink(created)
        raise
    return file, path


@contextlib.contextmanager
def _locked(path: str, kind: int) -> t.Iterator[int | None]:
    """The opened file of a run that ended, ``None`` if the run lives or the file is gone."""
    try:
        # NFS allows an exclusive lock only on a file that is open for writing. A pipe must not block.
        file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        yield None
    else:
        yield file
    finally:
        os.close(file)


def _read(file: int) -> tuple[dict[Key, Entry], bool]:
    """The open entries of a file, and whether all of it has the form of a journal."""
    information = os.fstat(file)
    if not stat.S_ISREG(information.st_mode) or information.st_size > MAX_FILE:
        return {}, False
    entries: dict[Key, Entry] = {}
    readable = True
    with open(os.dup(file), encoding="utf-8", errors="replace") as lines:
        while line := lines.readline(MAX_LINE):
            try:
                entry, cleared = _parse(line)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                # A line that was cut off was never complete, so its value was not deleted.
                readable = readable and (not line.strip() or line.startswith('{"service_sid": '))
                continue
            if cleared:
                entries.pop(entry.slot.key, None)
            else:
                entries[entry.slot.key] = entry
    return entries, readable


def _parse(line: str) -> tuple[Entry, bool]:
    """The entry of a line, and whether it is cleared. Every part is checked, since requests are made from it."""
    data = json.loads(line)
    resource = RESOURCES[data["resource"]]
    slot = Slot(resource, data["service_sid"], data["iso_country_code"], data["account_sid"])
    entry = Entry(slot, resource.check(data["value"], "value"), data["sid"], float(data["at"]))
    valid = is_sid("MG", slot.service_sid) and is_sid(resource.sid_kind, entry.sid)
    valid = valid and (slot.account_sid is None or is_sid("AC", slot.account_sid))
    valid = valid and (slot.country is None or re.fullmatch("[A-Z]{2}", slot.country) is not None)
    if not valid:
        raise ValueError("not an entry")
    return entry, data.get("cleared") is True


def _append(file: int, entry: Entry, *, cleared: bool = False) -> None:
    slot = entry.slot
    data = {
        "service_sid": slot.service_sid,
        "account_sid": slot.account_sid,
        "resource": slot.resource.name,
        "iso_country_code": slot.country,
        "value": entry.value,
        "sid": entry.sid,
        "at": entry.at,
        **({"cleared": True} if cleared else {}),
    }
    # A line before this one may have been cut off by a full disk, so this one begins with the end of a line.
    line = f"\n{json.dumps(data)}\n".encode()
    if os.write(file, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _clear_in(path: str, entry: Entry) -> None:
    """Clear an entry in the file of a run that ended."""
    # Another run may have removed the file since it was read.
    with contextlib.suppress(FileNotFoundError):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
        try:
            _append(file, entry, cleared=True)
        finally:
            os.close(file)
