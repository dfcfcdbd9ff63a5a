# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which senders are deleted at this moment and not yet replaced, in a file that outlives the run.

Nothing can be caught when a process is killed (SIGKILL, a container that is out of memory, a host
that is gone). So before a sender is deleted its name is written down, and the next run reads it.

Each run has a file of its own in a folder that all runs may share, and holds a lock on it as long
as it lives. A file that nobody has locked is of a run that is over. A line is a JSON object:
``{"service_sid": SID, "deleting": NAME}``, or ``{"service_sid": SID, "settled": true}`` once the
Service has a sender again.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import typing as t
import uuid

from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError, shown

_PREFIX = "alpha_sender-"
_SUFFIX = ".jsonl"


class Journal:
    """The journal of one run, and what the runs before it left open.

    :arg folder: where the files are. Without it, nothing is written down and nothing is known.
    :arg dry_run: only read.
    :raises InputError: if the folder is not there, or no file can be written and locked in it.
    """

    def __init__(self, folder: str | None, *, dry_run: bool = False) -> None:
        self._folder = folder
        self._dry_run = dry_run
        self._file: int | None = None
        self._path: str | None = None
        #: Of the Services that this run is answerable for.
        self._deleting: dict[str, str] = {}
        if folder is None:
            return
        try:
            self._left = self._left_by_others()
            if not dry_run:
                self._file, self._path = _own_file(folder)
        except (OSError, ValueError) as error:
            raise InputError(
                f"journal_path: {shown(folder)} is no folder in which files can be read, written and locked ({error})"
            ) from None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove what has nothing open any more. What has stays, for the next run."""
        if self._file is None or self._path is None:
            return
        with contextlib.suppress(OSError):
            if not self._deleting:
                os.unlink(self._path)
            os.close(self._file)
            for path in self._paths():
                with _locked(path, fcntl.LOCK_EX) as over:
                    if over and not _open_entries(path):
                        os.unlink(path)

    def take_over(self, service_sids: t.Iterable[str]) -> None:
        """Be answerable for these Services in place of the runs that are over.

        Meant for all Services of the run, before the first of them is begun.

        :raises InputError: if it cannot be written down.
        """
        if self._folder is None:
            return
        wanted = {_key(sid) for sid in service_sids}
        mine = [
            (path, *entry) for path, entries in self._left.items() for entry in entries.items() if entry[0] in wanted
        ]
        try:
            for path, sid, name in mine:
                self._deleting[sid] = name
                if not self._dry_run:
                    self._write({"service_sid": sid, "deleting": name}, sync=True)
                    _settle_in(path, sid)
        except OSError as error:
            raise InputError(f"journal_path: {shown(self._folder)} could not be written ({error})") from None

    def lost(self, service_sid: str) -> str | None:
        """The sender that an earlier run deleted, if nothing tells that the Service has one since."""
        return self._deleting.get(_key(service_sid))

    def deleting(self, service_sid: str, alpha_sender: str) -> None:
        """Write down that the sender is deleted next.

        :raises ApiError: if it cannot be written. Then nothing is to be deleted.
        """
        if self._file is None:
            return
        try:
            self._write({"service_sid": service_sid, "deleting": alpha_sender}, sync=True)
        except OSError as error:
            raise ApiError(f"the journal in {shown(self._folder)} could not be written ({error})") from None
        self._deleting[_key(service_sid)] = alpha_sender

    def settled(self, service_sid: str) -> None:
        """Write down that the Service is not without a sender, or is as wanted without one."""
        if self._dry_run or self._deleting.pop(_key(service_sid), None) is None:
            return
        # What is not written leaves an entry too many, which the next run finds to be settled.
        with contextlib.suppress(OSError):
            self._write({"service_sid": service_sid, "settled": True})

    def open_entries(self) -> dict[str, str]:
        """The deleted sender by Service, of this run and of all that are over."""
        if self._folder is None:
            return {}
        with contextlib.suppress(OSError):
            self._left = self._left_by_others()
        theirs = {sid: name for entries in self._left.values() for sid, name in entries.items()}
        return {**theirs, **self._deleting}

    def found_settled(self, service_sid: str) -> None:
        """Write down of an entry of `open_entries` that the Service has a sender."""
        self.settled(service_sid)
        if self._file is not None:
            for path, entries in self._left.items():
                if _key(service_sid) in entries:
                    with contextlib.suppress(OSError):
                        _settle_in(path, service_sid)

    def _write(self, entry: t.Mapping[str, t.Any], *, sync: bool = False) -> None:
        file = t.cast(int, self._file)
        os.write(file, f"{json.dumps(entry)}\n".encode())
        if sync:
            os.fsync(file)

    def _paths(self) -> list[str]:
        pattern = os.path.join(glob.escape(t.cast(str, self._folder)), f"{_PREFIX}*{_SUFFIX}")
        return sorted(path for path in glob.glob(pattern) if path != self._path)

    def _left_by_others(self) -> dict[str, dict[str, str]]:
        """The open entries of each file whose run is over."""
        os.listdir(t.cast(str, self._folder))  # says why it cannot be, which glob does not
        found = {}
        for path in self._paths():
            with _locked(path, fcntl.LOCK_SH) as over:
                if over:
                    found[path] = _open_entries(path)
        return found


def _key(service_sid: str) -> str:
    """The SID as Twilio writes it. Users may write it in capitals."""
    return f"MG{service_sid[2:].lower()}"


def _own_file(folder: str) -> tuple[int, str]:
    """A new file of this run, locked before any other run can see it by its name."""
    name = f"{_PREFIX}{uuid.uuid4().hex}"
    hidden, path = os.path.join(folder, f".{name}"), os.path.join(folder, name + _SUFFIX)
    file = os.open(hidden, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(hidden, path)
    except OSError:
        os.close(file)
        os.unlink(hidden)
        raise
    return file, path


@contextlib.contextmanager
def _locked(path: str, kind: int) -> t.Iterator[bool]:
    """Whether nobody holds the file, which is locked for as long as it is looked at."""
    try:
        # Locks of NFS want a file that is open for what they are to keep away.
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(file)


def _open_entries(path: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
                sid, name = _key(entry["service_sid"]), entry.get("deleting")
            except (ValueError, KeyError, TypeError, AttributeError):
                # A line that was cut: it was not yet written when its run ended, so nothing was deleted.
                continue
            if isinstance(name, str):
                entries[sid] = name
            else:
                entries.pop(sid, None)
    return entries


def _settle_in(path: str, service_sid: str) -> None:
    """Say in another run's file that the entry is settled, or somebody else's to settle."""
    # The last line of it may have been cut, so this one begins with the end of a line.
    file = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, f"\n{json.dumps({'service_sid': service_sid, 'settled': True})}\n".encode())
    finally:
        os.close(file)
