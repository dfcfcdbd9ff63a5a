# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a report: the page, the JSON, and the record that is written while the run goes.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import typing as t
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, quoted
from ansible_collections.messaging.twilio.plugins.plugin_utils._records import LINES_SCHEMA, SUFFIX, has_changes
from ansible_collections.messaging.twilio.plugins.plugin_utils._report import Report, as_json
from ansible_collections.messaging.twilio.plugins.plugin_utils._report_page import make_page

LATEST = "latest.html"


@dataclass(frozen=True)
class Files:
    """The paths of a report without their suffix, and the mode of the files.

    :ivar in_directory: the user gave a directory, so that each run has its own names.
    :ivar mode: ``None`` keeps the mode of a replaced file, or follows the umask.
    :ivar note: why the report has another name than the user gave.
    :ivar has_lines: the record that is written while the run goes was created.
    """

    stem: str
    mode: int | None
    in_directory: bool = False
    note: str | None = None
    has_lines: bool = False

    @property
    def page(self) -> str:
        """The page."""
        return f"{self.stem}.html"

    @property
    def data(self) -> str:
        """The JSON."""
        return f"{self.stem}.json"

    @property
    def lines(self) -> str:
        """The record that is written while the run goes."""
        return f"{self.stem}{SUFFIX}"


def check_files(path: object, mode: object = None, *, name: str = "rollout") -> Files:
    """The files of a report at ``path``, a file or a directory.

    :arg name: of the run, for files in a directory.
    :raises InputError: if ``path`` has another suffix or cannot be written, or if ``mode`` is not valid.
    """
    checked_mode = _checked_mode(mode)
    if not isinstance(path, str) or not path:
        raise InputError(f"report_path must end in .html, or be a directory, got {quoted(path)}")
    is_file = path.lower().endswith(".html")
    try:
        # If the path is a link, its target is replaced.
        full = os.path.realpath(os.path.expanduser(path))
        in_directory = not is_file and (os.path.isdir(full) or path.endswith("/") or "." not in os.path.basename(full))
    except ValueError as error:
        raise InputError(f"report_path must be a path, got {quoted(path)} ({error})") from None
    if not is_file and not in_directory:
        raise InputError(f"report_path must end in .html, or be a directory, got {quoted(path)}")
    stem = os.path.join(full, f"{_now():%Y%m%dT%H%M%SZ}-{name}") if in_directory else full[: -len(".html")]
    files = Files(stem, checked_mode, in_directory)
    folders = [file for file in (files.page, files.data) if os.path.isdir(file)]
    try:
        if folders:
            raise IsADirectoryError(f"{folders[0]} is a directory")
        with contextlib.suppress(FileExistsError):
            os.mkdir(os.path.dirname(stem))
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(stem)):
            pass
    except OSError as error:
        raise InputError(f"report_path must be a path that can be written, got {quoted(full)} ({error})") from None
    return files if in_directory else _keep_changes(files)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _keep_changes(files: Files) -> Files:
    """The same files, or others next to them if these have the record of changes."""
    if not (os.path.exists(files.lines) or has_changes(files.data)):
        return files
    note = f"{files.stem} has the record of an earlier run, so this run has other names"
    return replace(files, stem=_unused(f"{files.stem}-{_now():%Y%m%dT%H%M%SZ}"), note=note)


def _unused(stem: str, suffixes: t.Collection[str] = (".html", ".json", SUFFIX)) -> str:
    """``stem``, or the first of ``stem-2``, ``stem-3``, … of which there is no file."""
    number, name = 1, stem
    while any(os.path.lexists(name + suffix) for suffix in suffixes):
        number += 1
        name = f"{stem}-{number}"
    return name


def start_record(files: Files, **header: t.Any) -> Files:
    """Create the record that the module appends to while it runs.

    :raises OSError: if it cannot be created.
    """
    line = {"schema": LINES_SCHEMA, "version": 1, "started_at": f"{_now():%Y-%m-%dT%H:%M:%SZ}", **header}
    while True:
        if files.in_directory:
            files = replace(files, stem=_unused(files.stem))
        try:
            handle = os.open(files.lines, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            if files.in_directory:
                continue  # Another run took the name at the same time.
            raise
        break
    with open(handle, "w", encoding="utf-8") as file:
        if files.mode is not None:
            os.fchmod(handle, files.mode)
        file.write(json.dumps(line) + "\n")
    return replace(files, has_lines=True)


def end_record(files: Files) -> str | None:
    """Remove the record of a run that changed nothing. Returns the path of any other."""
    if files.has_lines and has_changes(files.lines):
        return files.lines
    with contextlib.suppress(FileNotFoundError):
        os.unlink(files.lines)
    return None


def _checked_mode(mode: object) -> int | None:
    if mode is None:
        return None
    # YAML reads 0640 without quotes as the number 416, so a number is never what the user wrote.
    if not isinstance(mode, str) or not re.fullmatch("0[0-7]{3}", mode):
        raise InputError(
            f"report_mode must be a zero and three octal digits in quotes, such as '0640', got {quoted(mode)}"
        )
    return int(mode, 8)


def write_report(files: Files, report: Report) -> Files:
    """Write both files, and remove the record that they replace. Returns their paths.

    Each file is replaced in one step, or stays as it was.

    :raises OSError: if a file cannot be written.
    """
    written = replace(files, stem=_reserve(files.stem + _account_of(report))) if files.in_directory else files
    data = as_json(report)
    page = make_page(report, data, os.path.basename(written.data))
    try:
        _replace(written.data, data + "\n", files.mode)
        _replace(written.page, page, files.mode)
    except OSError:
        if files.in_directory:
            os.unlink(written.page)
        raise
    if files.in_directory:
        _link(written.page)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(files.lines)
    return written


def _account_of(report: Report) -> str:
    """The account of a report as a part of a name."""
    accounts = {entry["account_sid"] for entry in report["entries"]} - {None}
    if len(accounts) > 1:
        return f"-{len(accounts)}-accounts"
    return "".join(f"-{re.sub('[^A-Za-z0-9]', '', account)}" for account in accounts)


def _reserve(stem: str) -> str:
    """A name that no other run can take."""
    while True:
        name = _unused(stem, (".html", ".json"))
        with contextlib.suppress(FileExistsError), open(f"{name}.html", "x", encoding="utf-8"):
            return name


def _link(page: str) -> None:
    """Let ``latest.html`` in the same directory point to ``page``."""
    link = os.path.join(os.path.dirname(page), LATEST)
    temporary = f"{page}.latest"
    try:
        os.symlink(os.path.basename(page), temporary)
        os.replace(temporary, link)
    except OSError:
        # Not every file system has links.
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _replace(path: str, text: str, mode: int | None) -> None:
    if mode is None:
        try:
            mode = os.stat(path).st_mode & 0o777
        except OSError:
            umask = os.umask(0)
            os.umask(umask)
            mode = 0o666 & ~umask
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}.")
    try:
        with open(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
