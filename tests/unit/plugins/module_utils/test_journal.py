# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that is killed leaves behind, and what the next one makes of it."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._converge import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._fleet import converge_all, left_behind
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._sender import Wish, recovery_command

from simulator import Simulator
from support.account import mg, options, seed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    path.mkdir()
    return path


def killed(folder: Path, *entries: tuple[str, str], tail: str = "") -> None:
    """A run that wrote these entries and was killed."""

    def run() -> None:
        journal = Journal(str(folder))
        for sid, name in entries:
            journal.deleting(sid, name)
        os.write(journal._file or 0, tail.encode())
        os._exit(9)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    assert process.exitcode == 9


def rollout(simulator: Simulator, folder: Path | None, *wishes: Wish, dry_run: bool = False) -> dict[str, Any]:
    """The outcomes of these wishes, and what was left behind."""
    client = Client(make_connection(options(simulator, max_retries=0)), concurrency=5, wait=lambda seconds: None)
    with Journal(str(folder) if folder else None, dry_run=dry_run) as journal:
        journal.take_over(wish.service_sid for wish in wishes)
        outcomes = converge_all(client, wishes, concurrency=5, dry_run=dry_run, journal=journal)
        return {"outcomes": outcomes, **left_behind(client, journal, outcomes, concurrency=5)}


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_run_that_ends_well_leaves_no_file(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed(["OLD"], [], ["ACME"]))
    result = rollout(simulator, folder, *(Wish(mg(number), "ACME") for number in (1, 2, 3)))
    assert [outcome.action for outcome in result["outcomes"]] == ["replaced", "created", "none"]
    assert "left_behind" not in result
    assert files(folder) == []


def test_the_sender_is_written_down_before_it_is_deleted(simulator: Simulator, folder: Path) -> None:
    found: list[tuple[str, int]] = []

    class Watching(Client):
        def delete_alpha_sender(self, service_sid: str, sid: str) -> bool:
            [path] = folder.iterdir()
            found.append((path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777))
            return super().delete_alpha_sender(service_sid, sid)

    simulator.reset(seed(["OLD"]))
    client = Watching(make_connection(options(simulator)), wait=lambda seconds: None)
    with Journal(str(folder)) as journal:
        converge_all(client, [Wish(mg(1), "ACME")], concurrency=1, dry_run=False, journal=journal)
    assert [(json.loads(text), mode) for text, mode in found] == [({"service_sid": mg(1), "deleting": "OLD"}, 0o600)]
    assert simulator.senders(mg(1)) == ["ACME"]


def test_what_a_killed_run_deleted_is_brought_back_when_the_wanted_sender_is_refused(
    simulator: Simulator, folder: Path
) -> None:
    simulator.reset(seed([], refused=["BANK"]))
    killed(folder, (mg(1), "OLD"))
    [outcome] = rollout(simulator, folder, Wish(mg(1), "BANK"))["outcomes"]
    assert (outcome.action, outcome.restored, outcome.after, outcome.lost) == ("failed", True, "OLD", None)
    assert "The old sender 'OLD' was restored" in str(outcome.msg)
    assert simulator.senders(mg(1)) == ["OLD"]
    assert files(folder) == []


def test_a_wish_that_takes_settles_what_was_left(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed([]))
    killed(folder, (mg(1).upper(), "OLD"))
    [outcome] = rollout(simulator, folder, Wish(mg(1), "ACME"))["outcomes"]
    assert (outcome.action, outcome.before, outcome.after) == ("created", None, "ACME")
    assert outcome.warning == f"{mg(1)}: an earlier run had deleted 'OLD' and was ended then"
    assert files(folder) == []


def test_a_service_that_has_a_sender_again_is_nothing_to_tell_of(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed(["OLD"], []))
    killed(folder, (mg(1), "OLD"))
    result = rollout(simulator, folder, Wish(mg(2), "ACME"))
    assert "left_behind" not in result
    assert files(folder) == []


def test_a_service_that_the_next_run_does_not_have_is_told_of_until_it_has_a_sender(
    simulator: Simulator, folder: Path
) -> None:
    simulator.reset(seed([], []))
    killed(folder, (mg(1), "OLD"))
    for _run in range(2):
        result = rollout(simulator, folder, Wish(mg(2), "ACME"))
        assert result["left_behind"] == [{"service_sid": mg(1), "lost": "OLD", "unknown": False}]
        [warning] = result["warnings"]
        assert warning.startswith(f"{mg(1)} has no alpha sender: a run was ended after it had deleted 'OLD'.")
        assert warning.endswith(recovery_command(mg(1), "OLD"))
        assert len(files(folder)) == 1
    rollout(simulator, folder, Wish(mg(1), "OLD"))
    assert simulator.senders(mg(1)) == ["OLD"]
    assert files(folder) == []


def test_what_could_not_be_read_may_have_a_sender(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed([], []), [{"kind": "status", "status": 500, "service": mg(1), "count": 9}])
    killed(folder, (mg(1), "OLD"))
    result = rollout(simulator, folder, Wish(mg(2), "ACME"))
    assert result["left_behind"] == [{"service_sid": mg(1), "lost": "OLD", "unknown": True}]
    assert result["warnings"][0].startswith(f"{mg(1)} may have no alpha sender")
    # The Service of the run itself, which it could not read either, stays open too.
    result = rollout(simulator, folder, Wish(mg(1), "ACME"))
    assert result["outcomes"][0].action == "failed"
    assert result["left_behind"] == [{"service_sid": mg(1), "lost": "OLD", "unknown": True}]
    assert len(files(folder)) == 1


def test_a_dry_run_reads_the_journal_and_writes_none(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed([], []))
    killed(folder, (mg(1), "OLD"), (mg(2), "OLDER"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = rollout(simulator, folder, Wish(mg(1), "ACME"), dry_run=True)
    assert [(entry["service_sid"], entry["lost"]) for entry in result["left_behind"]] == [
        (mg(1), "OLD"),
        (mg(2), "OLDER"),
    ]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert set(simulator.requests()) == {"GET"}


def test_a_dry_run_does_not_settle_what_it_finds_settled(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed(["OLD"], []))
    killed(folder, (mg(1), "OLD"))
    assert "left_behind" not in rollout(simulator, folder, Wish(mg(2), "ACME"), dry_run=True)
    assert Journal(str(folder), dry_run=True).open_entries() == {mg(1): "OLD"}


def test_what_is_found_settled_is_settled_in_the_file_that_has_it(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed(["OLD"], [], []))
    for number in (1, 2):
        killed(folder, (mg(number), "OLD"))
    result = rollout(simulator, folder, Wish(mg(3), "ACME"))
    assert [entry["service_sid"] for entry in result["left_behind"]] == [mg(2)]
    [left] = folder.iterdir()
    assert left.read_text(encoding="utf-8").splitlines() == [json.dumps({"service_sid": mg(2), "deleting": "OLD"})]


def test_a_run_that_goes_on_keeps_its_entries_to_itself(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed([], []))
    with Journal(str(folder)) as going_on:
        going_on.deleting(mg(1), "OLD")
        result = rollout(simulator, folder, Wish(mg(2), "ACME"))
        assert "left_behind" not in result
        assert len(files(folder)) == 1
        going_on.settled(mg(1))
    assert files(folder) == []


def test_runs_at_the_same_time_take_over_what_is_theirs(folder: Path) -> None:
    killed(folder, (mg(1), "OLD 1"), (mg(2), "OLD 2"), (mg(3), "OLD 3"))
    with Journal(str(folder)) as first, Journal(str(folder)) as second:
        first.take_over([mg(1)])
        second.take_over([mg(2)])
        assert (first.lost(mg(1)), first.lost(mg(2)), second.lost(mg(2))) == ("OLD 1", None, "OLD 2")
        assert first.open_entries() == {mg(1): "OLD 1", mg(3): "OLD 3"}
        assert second.open_entries() == {mg(2): "OLD 2", mg(3): "OLD 3"}
    # Nothing was settled: all of it is there for the next one.
    assert Journal(str(folder), dry_run=True).open_entries() == {mg(1): "OLD 1", mg(2): "OLD 2", mg(3): "OLD 3"}


def test_a_line_that_was_cut_or_is_none_is_passed_over(folder: Path) -> None:
    killed(folder, (mg(1), "OLD"), tail=f'[]\n{{}}\n{{"service_sid": "{mg(2)}", "dele')
    (folder / "notes.txt").write_text("of somebody else", encoding="utf-8")
    with Journal(str(folder)) as journal:
        assert journal.open_entries() == {mg(1): "OLD"}
        journal.found_settled(mg(1))
    assert files(folder) == ["notes.txt"]


def test_nothing_is_deleted_where_it_cannot_be_written_down(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed(["OLD"]))
    client = Client(make_connection(options(simulator)), wait=lambda seconds: None)
    with Journal(str(folder)) as journal:
        os.dup2(os.open("/dev/full", os.O_WRONLY), journal._file or 0)
        [outcome] = converge_all(client, [Wish(mg(1), "ACME")], concurrency=1, dry_run=False, journal=journal)
    assert (outcome.action, outcome.after, outcome.changed) == ("failed", "OLD", False)
    assert f"the journal in {str(folder)!r} could not be written" in str(outcome.msg)
    assert "DELETE" not in simulator.requests()


def test_what_cannot_be_taken_over_stays_with_the_run_before(folder: Path) -> None:
    killed(folder, (mg(1), "OLD"))
    with Journal(str(folder)) as journal:
        os.dup2(os.open("/dev/full", os.O_WRONLY), journal._file or 0)
        with pytest.raises(InputError, match=r"^journal_path: .* could not be written \(.*No space left"):
            journal.take_over([mg(1)])
    assert Journal(str(folder), dry_run=True).open_entries() == {mg(1): "OLD"}


def test_a_file_that_another_run_has_just_removed_is_passed_over(folder: Path) -> None:
    # As one that was there when the folder was listed: its name is found, and no file behind it.
    (folder / "alpha_sender-gone.jsonl").symlink_to(folder / "gone")
    with Journal(str(folder)) as journal:
        assert journal.open_entries() == {}


def test_a_file_that_cannot_get_its_name_is_not_left_half_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "rename", refused)
    with pytest.raises(
        InputError, match=r"is no folder in which files can be read, written and locked \(.*Input/output"
    ):
        Journal(str(folder))
    assert files(folder) == []


@pytest.mark.parametrize("path", ["missing", "a-file", "nul\0byte"])
def test_a_folder_that_is_none_is_bad_input(tmp_path: Path, path: str) -> None:
    (tmp_path / "a-file").touch()
    for dry_run in (True, False):
        with pytest.raises(
            InputError, match=r"^journal_path: .* is no folder in which files can be read, written and locked"
        ):
            Journal(str(tmp_path / path), dry_run=dry_run)


def test_a_lost_sender_of_this_run_stays_for_the_next(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "status", "status": 500, "method": "POST", "count": 99}])
    result = rollout(simulator, folder, Wish(mg(1), "ACME"))
    outcome: Outcome = result["outcomes"][0]
    assert outcome.lost == "OLD"
    assert "left_behind" not in result  # the outcome tells it
    simulator.reset(seed([]), [{"kind": "status", "status": 400, "method": "POST", "count": 1}])
    [again] = rollout(simulator, folder, Wish(mg(1), "ACME"))["outcomes"]
    assert (again.restored, simulator.senders(mg(1))) == (True, ["OLD"])
    assert files(folder) == []


def test_without_a_folder_nothing_is_known() -> None:
    with Journal(None) as journal:
        journal.take_over([mg(1)])
        journal.deleting(mg(1), "OLD")
        journal.settled(mg(1))
        assert (journal.lost(mg(1)), journal.open_entries()) == (None, {})
