# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two files of a report: the page and the JSON.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from dataclasses import dataclass

from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, quoted
from ansible_collections.messaging.twilio.plugins.plugin_utils._report import Report, as_json
from ansible_collections.messaging.twilio.plugins.plugin_utils._report_page import make_page


@dataclass(frozen=True)
class Files:
    """The paths of both files, and their mode. ``None`` keeps the mode of a replaced file, or follows the umask."""

    page: str
    data: str
    mode: int | None


def check_files(path: object, mode: object = None) -> Files:
    """The files of a report at ``path``.

    :raises InputError: if ``path`` does not end in .html or cannot be written, or if ``mode`` is not valid.
    """
    if not isinstance(path, str) or not path.lower().endswith(".html"):
        raise InputError(f"report_path must end in .html, got {quoted(path)}")
    try:
        # If the path is a link, its target is replaced.
        page = os.path.realpath(os.path.expanduser(path))
    except ValueError as error:
        raise InputError(f"report_path must be a path, got {quoted(path)} ({error})") from None
    files = Files(page, page[: -len(".html")] + ".json", _checked_mode(mode))
    folders = [file for file in (files.page, files.data) if os.path.isdir(file)]
    try:
        if folders:
            raise IsADirectoryError(f"{folders[0]} is a directory")
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(page)):
            pass
    except OSError as error:
        raise InputError(f"report_path must be a path that can be written, got {quoted(page)} ({error})") from None
    return files


def _checked_mode(mode: object) -> int | None:
    if mode is None:
        return None
    # YAML reads 0640 without quotes as the number 416, so a number is never what the user wrote.
    if not isinstance(mode, str) or not re.fullmatch("0[0-7]{3}", mode):
        raise InputError(
            f"report_mode must be a zero and three octal digits in quotes, such as '0640', got {quoted(mode)}"
        )
    return int(mode, 8)


def write_report(files: Files, report: Report) -> None:
    """Write both files. Each is replaced in one step, or stays as it was.

    :raises OSError: if a file cannot be written.
    """
    data = as_json(report)
    page = make_page(report, data, os.path.basename(files.data))
    _replace(files.data, data + "\n", files.mode)
    _replace(files.page, page, files.mode)


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
