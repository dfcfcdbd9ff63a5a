# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One file of the journal: how it is made, locked and read, and the form of a line.

A line is a JSON object: an entry is recorded by its keys (`Entry`) and cleared by the same keys with
``"cleared": true``. Files are untrusted input: every part of a line is checked.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import json
import math
import os
import re
import stat
import time
import typing as t
import uuid
from dataclasses import dataclass

from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import RESOURCES, Row, is_sid

_PREFIX = "journal-"
_SUFFIX = ".jsonl"
#: How each line begins.
_BEGIN = '{"service_sid": '
#: Characters of a line. An entry has some 250.
MAX_LINE = 4096
#: Bytes of a file. A run over 100,000 Services writes some 50 MB.
MAX_FILE = 1 << 28
#: Seconds after which a listing is believed that still shows the deleted row: Twilio's listings lag by seconds.
MAX_LAG = 600.0

Key = tuple[str, str, str]


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


def paths_in(folder: str) -> list[str]:
    """The paths of the journal files of a folder."""
    return sorted(glob.glob(os.path.join(glob.escape(folder), f"{_PREFIX}*{_SUFFIX}")))


def create(folder: str) -> tuple[int, str]:
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
def open_ended(path: str) -> t.Iterator[int | None]:
    """The opened file of a run that ended, ``None`` if the run lives or the file is gone."""
    try:
        # A pipe must not block.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        # Only a living run has the exclusive lock. Several others may look at the file at the same moment.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        yield None
    else:
        yield file
    finally:
        os.close(file)


def read_entries(file: int) -> tuple[dict[Key, Entry], bool]:
    """The open entries of a file, and whether all of it has the form of a journal."""
    information = os.fstat(file)
    if not stat.S_ISREG(information.st_mode) or information.st_size > MAX_FILE:
        return {}, False
    entries: dict[Key, Entry] = {}
    readable = True
    with open(os.dup(file), encoding="utf-8", errors="replace") as lines:
        while line := lines.readline(MAX_LINE):
            if not line.strip() or _is_cut_off(line):
                continue
            try:
                entry, cleared = _parse(line)
            except (InputError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
                readable = False
                continue
            if cleared:
                entries.pop(entry.slot.key, None)
            else:
                entries[entry.slot.key] = entry
    return entries, readable


def _is_cut_off(line: str) -> bool:
    """Whether a full disk cut the line off. It was never complete, so its value was not deleted."""
    text = line.strip()
    return (text.startswith(_BEGIN) and not text.endswith("}")) or _BEGIN.startswith(text)


def _parse(line: str) -> tuple[Entry, bool]:
    """The entry of a line, and whether it is cleared. Every part is checked, since requests are made from it."""
    data = json.loads(line)
    resource = RESOURCES[data["resource"]]
    slot = Slot(resource, data["service_sid"], data["iso_country_code"], data["account_sid"])
    entry = Entry(slot, resource.check(data["value"], "value"), data["sid"], float(data["at"]))
    valid = is_sid("MG", slot.service_sid) and is_sid(resource.sid_kind, entry.sid)
    valid = valid and (slot.account_sid is None or is_sid("AC", slot.account_sid))
    country = "" if resource.country_form_field is None else "[A-Z]{2}"
    valid = valid and re.fullmatch(country, slot.country or "") is not None
    if not valid or not math.isfinite(entry.at):
        raise ValueError("not an entry")
    return entry, data.get("cleared") is True


def append(file: int, entry: Entry, *, cleared: bool = False) -> None:
    """Write the line of an entry.

    :raises OSError: if it cannot be written as a whole.
    """
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


def clear_in(path: str, entry: Entry) -> None:
    """Clear an entry in the file of a run that ended."""
    # Another run may have removed the file since it was read.
    with contextlib.suppress(FileNotFoundError):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
        try:
            append(file, entry, cleared=True)
        finally:
            os.close(file)
