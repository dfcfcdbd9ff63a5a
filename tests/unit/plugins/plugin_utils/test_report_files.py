# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the report: path, mode, replacement, and the keys that the guide documents."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.plugin_utils import _report_files
from ansible_collections.messaging.twilio.plugins.plugin_utils._report import make_report
from ansible_collections.messaging.twilio.plugins.plugin_utils._report_files import (
    check_files,
    start_record,
    write_report,
)

from support.account import mg
from support.ansible_run import ROOT

REPORT = make_report("rollout", {"summary": {}, "msg": "0 Services: nothing to do"}, check_mode=False)


@pytest.mark.parametrize(("given", "mode"), [("0640", 0o640), ("0604", 0o604), ("0600", 0o600)])
def test_files_have_the_given_mode(tmp_path: Path, given: object, mode: int) -> None:
    write_report(check_files(str(tmp_path / "rollout.html"), given), REPORT)
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("rollout.html", "rollout.json")} == {mode}


def test_files_have_the_mode_of_the_replaced_file_or_of_the_umask(tmp_path: Path) -> None:
    (tmp_path / "rollout.html").touch()
    (tmp_path / "rollout.html").chmod(0o604)
    before = os.umask(0o027)
    try:
        write_report(check_files(str(tmp_path / "rollout.html")), REPORT)
    finally:
        os.umask(before)
    assert (tmp_path / "rollout.html").stat().st_mode & 0o777 == 0o604
    assert (tmp_path / "rollout.json").stat().st_mode & 0o777 == 0o640


def test_old_report_stays_when_the_new_one_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = check_files(str(tmp_path / "rollout.html"))
    write_report(files, REPORT)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    # The disk becomes full while the mode is set.
    monkeypatch.setattr("os.fchmod", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(files, {**REPORT, "message": "new"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_runs_of_the_same_second_have_names_of_their_kind_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = check_files(str(tmp_path), name="apply")
    first, second = start_record(files, playbook="apply"), start_record(files, playbook="apply")
    assert second.stem == f"{first.stem}-2"
    # Another run takes the free name in the moment between the look and the creation.
    names = iter([first.stem, f"{first.stem}-3"])
    monkeypatch.setattr(_report_files, "_unused", lambda *_args: next(names))
    assert start_record(files, playbook="apply").stem == f"{first.stem}-3"
    assert len(list(tmp_path.glob("*.jsonl"))) == 3


def test_record_of_a_file_that_exists_is_refused(tmp_path: Path) -> None:
    files = check_files(str(tmp_path / "rollout.html"))
    start_record(files)
    with pytest.raises(FileExistsError):
        start_record(files)


def test_failed_report_leaves_no_page_in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fchmod", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(check_files(str(tmp_path)), REPORT)
    assert list(tmp_path.iterdir()) == []


def test_directory_without_links_has_no_latest_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.symlink", refuse)
    written = write_report(check_files(str(tmp_path)), REPORT)
    assert {str(path) for path in tmp_path.iterdir()} == {written.page, written.data}


def test_target_of_a_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "rollout.html").symlink_to(tmp_path / "there/page.html")
    write_report(check_files(str(tmp_path / "rollout.html")), REPORT)
    assert (tmp_path / "rollout.html").is_symlink()
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["page.html", "page.json"]


@pytest.mark.parametrize("path", ["", None, 7, "page.txt", "page\0.html", "page\0", "there.html"])
def test_path_that_is_not_a_page_is_refused(tmp_path: Path, path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.html").mkdir()
    with pytest.raises(InputError, match="report_path must "):
        check_files(path)


@pytest.mark.parametrize("mode", [True, -1, 644, "644", "0888", "1777", "u=rw", 6.4])
def test_invalid_mode_is_refused(tmp_path: Path, mode: object) -> None:
    with pytest.raises(InputError, match="report_mode must "):
        check_files(str(tmp_path / "rollout.html"), mode)


@pytest.mark.parametrize(
    ("path", "mode", "message"),
    [
        ("no/such/folder/rollout.html", None, "report_path must be a path that can be written"),
        ("/proc/rollout.html", None, "report_path must be a path that can be written"),
        ("rollout.json", None, "report_path must end in .html, or be a directory, got 'rollout.json'"),
        ("rollout.html", "rw", "report_mode must be a zero and three octal digits in quotes, such as '0640', got 'rw'"),
        ("rollout.html", 644, "such as '0640', got 644"),
    ],
)
def test_message_has_the_path_or_mode_that_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, mode: object, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        check_files(path, mode)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_guide_documents_every_key() -> None:
    page = (ROOT / "docs/docsite/rst/guide_report.rst").read_text(encoding="utf-8")
    row_of_table = re.compile(r"^   \* - ``(\w+)``\n     - (.*)$", re.MULTILINE)
    whole, entries = (row_of_table.findall(part) for part in page.split("An object of"))
    assert {name for name, _type in whole} == set(REPORT)
    row = {
        "service_sid": mg(1),
        "service_name": None,
        "account_sid": None,
        "iso_country_code": None,
        "alpha_sender": None,
        "desired": None,
        "matches": None,
        "msg": None,
    }
    outcome = {"service_sid": mg(1), "action": "unchanged", "before": None, "after": None}
    for kind, key, entry in (("audit", "rows", row), ("rollout", "outcomes", outcome)):
        made = make_report(kind, {key: [entry]}, check_mode=False)["entries"][0]
        assert {name for name, kinds in entries if kinds in ("both", kind)} == set(made)
