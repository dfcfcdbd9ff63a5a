# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a killed run leaves in the journal, and what the next run does with it."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import resource
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils import _journal
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import find_unrecovered, reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._journal_file import MAX_FILE, MAX_LAG, MAX_LINE, Entry
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message, recovery_command, warning
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER, COUNTRY_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._results import unrecovered_result

from simulator import Simulator
from support.account import ACCOUNT_SID, mg, seed
from support.client import make_client
from support.desired import desired

#: The SID of the row that a killed run deleted. No listing of the simulator shows it.
DELETED = "AI" + "f" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    path.mkdir()
    return path


def slot(number: int) -> Slot:
    return Slot(ALPHA_SENDER, mg(number))


def killed(folder: Path, *entries: tuple[str, str], sid: str = DELETED, tail: str = "") -> None:
    """A run that recorded these entries and was killed."""

    def run() -> None:
        journal = Journal(str(folder))
        for service_sid, name in entries:
            journal.record(Slot(ALPHA_SENDER, service_sid), name, sid)
        os.write(journal._file or 0, tail.encode())
        os._exit(9)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    assert process.exitcode == 9


def rollout(simulator: Simulator, folder: Path | None, *wanted: Desired, check_mode: bool = False) -> dict[str, Any]:
    """The outcomes of these desired states, and what is unrecovered."""
    client = make_client(simulator, concurrency=5, max_retries=0)
    with Journal(str(folder) if folder else None, check_mode=check_mode) as journal:
        journal.claim(one.slot for one in wanted)
        outcomes = reconcile_all(client, wanted, concurrency=5, check_mode=check_mode, journal=journal)
        unrecovered = unrecovered_result(find_unrecovered(client, journal, outcomes, concurrency=5))
        return {"outcomes": outcomes, "journal_warnings": journal.warnings, **unrecovered}


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def opened(folder: Path) -> dict[str, str]:
    """The value of each open entry by its Service, as a run in check mode sees them."""
    entries = Journal(str(folder), check_mode=True).open_entries()
    return {entry.slot.service_sid: entry.value for entry in entries}


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def lost(unrecovered: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    return [(entry["service_sid"], entry["lost_sender"], entry["state_unknown"]) for entry in unrecovered]


def test_leaves_no_file_when_a_run_ends_well(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed(["OLD"], [], ["ACME"]))
    result = rollout(simulator, folder, *(desired(mg(number), "ACME") for number in (1, 2, 3)))
    assert [outcome.action for outcome in result["outcomes"]] == ["replaced", "created", "unchanged"]
    assert result["unrecovered"] == []
    assert files(folder) == []


def test_records_sender_before_it_is_deleted(simulator: Simulator, folder: Path) -> None:
    found: list[tuple[list[dict[str, Any]], int, str]] = []

    class Watching(Client):
        def delete(self, path: str) -> bool:
            [file] = folder.iterdir()
            found.append((lines_of(file), file.stat().st_mode & 0o777, path.rpartition("/")[2]))
            return super().delete(path)

    simulator.reset(seed(["OLD"]))
    client = make_client(simulator, kind=Watching)
    with Journal(str(folder)) as journal:
        reconcile_all(client, [desired(mg(1), "ACME")], concurrency=1, check_mode=False, journal=journal)
    [([line], mode, sid)] = found
    at = line.pop("at")
    assert (line, mode) == (
        {
            "service_sid": mg(1),
            "account_sid": None,
            "resource": "alpha_sender",
            "iso_country_code": None,
            "value": "OLD",
            "sid": sid,
        },
        0o600,
    )
    assert abs(time.time() - at) < 3600
    assert simulator.senders(mg(1)) == ["ACME"]


def test_restores_what_a_killed_run_deleted_when_create_is_refused(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed([], refused=["BANK"]))
    killed(folder, (mg(1), "OLD"))
    [outcome] = rollout(simulator, folder, desired(mg(1), "BANK"))["outcomes"]
    assert (outcome.action, outcome.restored, outcome.after, outcome.lost) == ("failed", True, "OLD", None)
    assert "The old alpha sender 'OLD' was restored" in message(outcome)
    assert simulator.senders(mg(1)) == ["OLD"]
    assert files(folder) == []


def test_closes_entry_when_desired_sender_is_created(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed([]))
    killed(folder, (mg(1), "OLD"))
    [outcome] = rollout(simulator, folder, desired(mg(1), "ACME"))["outcomes"]
    assert (outcome.action, outcome.before, outcome.after) == ("created", None, "ACME")
    assert warning(outcome) == f"{mg(1)}: an earlier run deleted 'OLD' and was killed then. It now has 'ACME'"
    assert files(folder) == []


def test_finds_entry_of_a_service_in_another_spelling(simulator: Simulator, folder: Path) -> None:
    small, capital = "MG" + "ab" * 16, "MG" + "AB" * 16
    simulator.reset({"accounts": [{**seed()["accounts"][0], "services": [{"sid": small}], "refused": ["BANK"]}]})
    killed(folder, (capital, "OLD"))
    [outcome] = rollout(simulator, folder, desired(small, "BANK"))["outcomes"]
    assert (outcome.restored, simulator.senders(small)) == (True, ["OLD"])
    assert files(folder) == []


def test_reports_nothing_when_service_has_a_sender_again(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed(["OLD"], []))
    killed(folder, (mg(1), "OLD"))
    result = rollout(simulator, folder, desired(mg(2), "ACME"))
    assert result["unrecovered"] == []
    assert files(folder) == []


def test_reports_service_of_another_run_until_it_has_a_sender(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed([], []))
    killed(folder, (mg(1), "OLD"))
    for _run in range(2):
        result = rollout(simulator, folder, desired(mg(2), "ACME"))
        assert result["unrecovered"] == [
            {
                "service_sid": mg(1),
                "account_sid": None,
                "iso_country_code": None,
                "lost_sender": "OLD",
                "state_unknown": False,
                "recovery_command": recovery_command(slot(1), "OLD"),
            }
        ]
        [text] = result["warnings"]
        assert text.startswith(f"{mg(1)} has no alpha sender: a run was killed after it deleted 'OLD'.")
        assert text.endswith(recovery_command(slot(1), "OLD"))
        assert len(files(folder)) == 1
    rollout(simulator, folder, desired(mg(1), "OLD"))
    assert simulator.senders(mg(1)) == ["OLD"]
    assert files(folder) == []


def test_reports_unknown_state_when_service_cannot_be_read(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed([], []), [{"kind": "status", "status": 500, "service": mg(1), "count": 9}])
    killed(folder, (mg(1), "OLD"))
    result = rollout(simulator, folder, desired(mg(2), "ACME"))
    assert lost(result["unrecovered"]) == [(mg(1), "OLD", True)]
    assert result["warnings"][0].startswith(f"{mg(1)} may have no alpha sender")
    # The Service of the run itself, which could not be read either, stays open too.
    result = rollout(simulator, folder, desired(mg(1), "ACME"))
    assert result["outcomes"][0].action == "failed"
    assert lost(result["unrecovered"]) == [(mg(1), "OLD", True)]
    assert len(files(folder)) == 1


def test_check_mode_reads_the_journal_and_writes_nothing(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed([], []))
    killed(folder, (mg(1), "OLD"), (mg(2), "OLDER"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = rollout(simulator, folder, desired(mg(1), "ACME"), check_mode=True)
    assert lost(result["unrecovered"]) == [(mg(1), "OLD", False), (mg(2), "OLDER", False)]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert set(simulator.requests()) == {"GET"}


def test_check_mode_does_not_close_what_is_settled(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed(["OLD"], []))
    killed(folder, (mg(1), "OLD"))
    assert rollout(simulator, folder, desired(mg(2), "ACME"), check_mode=True)["unrecovered"] == []
    assert opened(folder) == {mg(1): "OLD"}


def test_closes_entry_in_the_file_that_has_it(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed(["OLD"], [], []))
    for number in (1, 2):
        killed(folder, (mg(number), "OLD"))
    result = rollout(simulator, folder, desired(mg(3), "ACME"))
    assert [entry["service_sid"] for entry in result["unrecovered"]] == [mg(2)]
    [left] = folder.iterdir()
    assert [(line["service_sid"], line["value"], "cleared" in line) for line in lines_of(left)] == [
        (mg(2), "OLD", False)
    ]


def test_living_run_keeps_its_entries_to_itself(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed([], []))
    with Journal(str(folder)) as living:
        living.record(slot(1), "OLD", DELETED)
        result = rollout(simulator, folder, desired(mg(2), "ACME"))
        assert result["unrecovered"] == []
        assert len(files(folder)) == 1
        living.clear(slot(1))
    assert files(folder) == []


def test_runs_at_the_same_time_claim_their_own_slots(folder: Path) -> None:
    killed(folder, (mg(1), "OLD 1"), (mg(2), "OLD 2"), (mg(3), "OLD 3"))

    def values(journal: Journal) -> dict[str, str]:
        return {entry.slot.service_sid: entry.value for entry in journal.open_entries()}

    with Journal(str(folder)) as first, Journal(str(folder)) as second:
        first.claim([slot(1)])
        second.claim([slot(2)])
        claimed = [first.entry(slot(1)), first.entry(slot(2)), second.entry(slot(2))]
        assert [entry.value if entry else None for entry in claimed] == ["OLD 1", None, "OLD 2"]
        assert values(first) == {mg(1): "OLD 1", mg(3): "OLD 3"}
        assert values(second) == {mg(2): "OLD 2", mg(3): "OLD 3"}
    # Nothing was closed, so the next run finds all of it.
    assert opened(folder) == {mg(1): "OLD 1", mg(2): "OLD 2", mg(3): "OLD 3"}


def test_claimed_entry_keeps_sid_and_time(folder: Path) -> None:
    killed(folder, (mg(1), "OLD"))
    [before] = Journal(str(folder), check_mode=True).open_entries()
    with Journal(str(folder)) as journal:
        journal.claim([slot(1)])
    [after] = Journal(str(folder), check_mode=True).open_entries()
    assert before == after
    assert after.sid == DELETED


def test_two_countries_of_one_service_have_two_entries(folder: Path) -> None:
    slots = [Slot(ALPHA_SENDER, mg(1), None, ACCOUNT_SID)]
    slots += [Slot(COUNTRY_SENDER, mg(1), country, ACCOUNT_SID) for country in ("GB", "FR")]
    with Journal(str(folder)) as journal:
        for number, one in enumerate(slots):
            journal.record(one, f"OLD {number}", DELETED)
        journal.clear(slots[1])
    entries = Journal(str(folder), check_mode=True).open_entries()
    assert [(entry.slot, entry.value) for entry in entries] == [(slots[0], "OLD 0"), (slots[2], "OLD 2")]


@pytest.mark.parametrize("length", [1, 5, 16, 17, 40, 120])
def test_ignores_line_that_was_cut_off(folder: Path, length: int) -> None:
    whole = json.dumps(
        {"service_sid": mg(2), "account_sid": None, "resource": "alpha_sender", "value": "OLD"} | {"x": "y" * 99}
    )
    killed(folder, (mg(1), "OLD"), tail="\n" + whole[:length])
    (folder / "notes.txt").write_text("of somebody else", encoding="utf-8")
    with Journal(str(folder)) as journal:
        [entry] = journal.open_entries()
        assert (entry.slot.service_sid, entry.value, journal.warnings) == (mg(1), "OLD", [])
        journal.close(entry)
    assert files(folder) == ["notes.txt"]


# What is not from this collection


def line(**changed: object) -> str:
    """The line of an entry, with some of its keys changed."""
    data = {
        "service_sid": mg(1),
        "account_sid": None,
        "resource": "alpha_sender",
        "iso_country_code": None,
        "value": "OLD",
        "sid": DELETED,
        "at": 1700000000.5,
    }
    return json.dumps({**data, **changed})


def without(key: str) -> str:
    data = json.loads(line())
    del data[key]
    return json.dumps(data)


HUGE = 10**400
HOSTILE = {
    "another key": '{"somebody": "else"}',
    "a list": "[1, 2]",
    "a string": '"MG"',
    "a number": "5",
    "null": "null",
    "text": "hello",
    "empty object": "{}",
    "lower case SID": line(service_sid="mg" + "0" * 32),
    "path as SID": line(service_sid="../../2010-04-01/Accounts"),
    "SID and path": line(service_sid=mg(1) + "/PhoneNumbers"),
    "SID and query": line(service_sid=mg(1) + "?x="),
    "SID and newline": line(service_sid=mg(1) + "\n"),
    "null SID": line(service_sid=None),
    "list as SID": line(service_sid=[mg(1)]),
    "number as SID": line(service_sid=5),
    "row of another kind": line(sid=mg(1)),
    "null row": line(sid=None),
    "path as row": line(sid="../x"),
    "wrong account": line(account_sid="AC1"),
    "list as account": line(account_sid=[]),
    "country in lower case": line(resource="country_sender", iso_country_code="gb"),
    "path as country": line(resource="country_sender", iso_country_code="../"),
    "country and newline": line(resource="country_sender", iso_country_code="GB\n"),
    "number as country": line(resource="country_sender", iso_country_code=5),
    "list as country": line(resource="country_sender", iso_country_code=["GB"]),
    "country of a resource without countries": line(iso_country_code="GB"),
    "no country of a resource with countries": line(resource="country_sender"),
    "all countries": line(resource="country_sender", iso_country_code="*"),
    "command as country": line(resource="country_sender", iso_country_code="$(id)"),
    "unknown resource": line(resource="phone_number"),
    "list as resource": line(resource=["alpha_sender"]),
    "object as resource": line(resource={}),
    "null resource": line(resource=None),
    "command as value": line(value="$(id)"),
    "quote in value": line(value="a'; id #"),
    "control character in value": line(value="\x1b[2J"),
    "empty value": line(value=""),
    "null value": line(value=None),
    "number as value": line(value=5),
    "list as value": line(value=["OLD"]),
    "long value": line(value="A" * 12),
    "null time": line(at=None),
    "text as time": line(at="yesterday"),
    "list as time": line(at=[]),
    "huge time": line(at=HUGE).replace(str(HUGE), "1" + "0" * 400),
    "infinite time": line(at=float("inf")),
    "no time at all": line(at=float("nan")),
    **{f"no {key}": without(key) for key in json.loads(line())},
    "deep list": "[" * 3000,
    "deep object": '{"a":' * 800,
    "deep value": '{"service_sid": ' + "[" * 2000 + "]" * 2000 + "}",
    "huge line": "A" * (MAX_LINE * 3),
    "huge line that begins like an entry": '{"service_sid": "' + "A" * (MAX_LINE * 3),
    "binary": "\x00\x01\x02" * 50,
    "surrogate": '{"service_sid": "\\ud800"}',
}


def write(folder: Path, content: bytes, name: str = "journal-hostile.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", HOSTILE)
def test_entry_that_is_not_valid_makes_no_request_and_its_file_is_kept_aside(
    simulator: Simulator, folder: Path, name: str
) -> None:
    simulator.reset(seed([]))
    content = HOSTILE[name].encode() + b"\n"
    write(folder, content)
    result = rollout(simulator, folder)
    assert (result["unrecovered"], simulator.requests()) == ([], [])
    [text] = result["journal_warnings"]
    assert "journal-hostile.jsonl" in text
    assert text.isprintable()
    assert files(folder) == ["journal-hostile.jsonl.unreadable"]
    assert (folder / "journal-hostile.jsonl.unreadable").read_bytes() == content
    # The next run does not read it again.
    assert rollout(simulator, folder)["journal_warnings"] == []


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00binary" * 1000, os.urandom(5000), b"\x00" * 5000, b"\x7fELF\n\r\n"],
    ids=["text", "random", "zeros", "program"],
)
def test_binary_garbage_is_kept_aside(simulator: Simulator, folder: Path, content: bytes) -> None:
    write(folder, content)
    result = rollout(simulator, folder)
    assert (len(result["journal_warnings"]), result["unrecovered"], simulator.requests()) == (1, [], [])
    assert (folder / "journal-hostile.jsonl.unreadable").read_bytes() == content


def test_valid_entries_between_garbage_count_and_keep_the_file(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed([], []))
    content = "\n".join([HOSTILE["command as value"], line(), "garbage", line(service_sid=mg(2)), ""]).encode()
    path = write(folder, content)
    for _run in range(2):
        result = rollout(simulator, folder)
        assert lost(result["unrecovered"]) == [(mg(1), "OLD", False), (mg(2), "OLD", False)]
        assert len(result["journal_warnings"]) == 1
        assert path.read_bytes() == content
    rollout(simulator, folder, desired(mg(1), "ACME"), desired(mg(2), "ACME"))
    assert files(folder) == ["journal-hostile.jsonl.unreadable"]


def test_huge_file_is_not_read(folder: Path) -> None:
    path = write(folder, line().encode())
    os.truncate(path, MAX_FILE + 1)
    with Journal(str(folder)) as journal:
        assert (journal.open_entries(), len(journal.warnings)) == ([], 1)
    assert files(folder) == ["journal-hostile.jsonl.unreadable"]


@pytest.mark.parametrize("kind", ["pipe", "folder", "full folder", "device"])
def test_what_is_not_a_regular_file_is_kept_aside_without_waiting(
    simulator: Simulator, folder: Path, kind: str
) -> None:
    path = folder / "journal-hostile.jsonl"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
        if kind == "full folder":
            (path / "journal-inner.jsonl").write_text(line(), encoding="utf-8")
    check = rollout(simulator, folder, check_mode=True)
    assert files(folder) == ["journal-hostile.jsonl"]
    result = rollout(simulator, folder)
    assert len(check["journal_warnings"]) == len(result["journal_warnings"]) == 1
    assert (result["unrecovered"], simulator.requests()) == ([], [])
    assert files(folder) == ["journal-hostile.jsonl.unreadable"]


def test_name_of_a_file_cannot_write_to_the_terminal(folder: Path) -> None:
    write(folder, b"garbage", "journal-\x1b[2J\n.jsonl")
    [text] = Journal(str(folder), check_mode=True).warnings
    assert text.isprintable()


# A listing that lags


def rows(*sids: str) -> list[dict[str, str]]:
    return [{"sid": sid, "alpha_sender": "OLD"} for sid in sids]


@pytest.mark.parametrize(
    ("listed", "seconds", "settled"),
    [
        ((), 0.0, False),
        ((), MAX_LAG + 1, False),
        ((DELETED,), 0.0, False),
        ((DELETED,), MAX_LAG - 1, False),
        ((DELETED,), MAX_LAG + 1, True),
        (("AI" + "0" * 32,), 0.0, True),
        ((DELETED, "AI" + "0" * 32), 0.0, True),
    ],
)
def test_listing_closes_entry_only_if_it_shows_another_row_or_is_late(
    monkeypatch: pytest.MonkeyPatch, listed: tuple[str, ...], seconds: float, settled: bool
) -> None:
    entry = Entry(slot(1), "OLD", DELETED, 1_700_000_000.0)
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0 + seconds)
    assert entry.is_settled_by(rows(*listed)) is settled


def test_entry_stays_open_while_the_listing_shows_the_deleted_row(
    simulator: Simulator, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator.reset(seed(["OLD"], []))
    [row] = make_client(simulator).list(f"/v1/Services/{mg(1)}/AlphaSenders", "alpha_senders")
    killed(folder, (mg(1), "OLD"), sid=row["sid"])
    now = time.time()
    for seconds, left in ((0.0, [(mg(1), "OLD", True)]), (MAX_LAG - 60, [(mg(1), "OLD", True)]), (MAX_LAG + 60, [])):
        monkeypatch.setattr(time, "time", lambda seconds=seconds: now + seconds)
        result = rollout(simulator, folder, desired(mg(2), "ACME"))
        assert lost(result["unrecovered"]) == left
        assert len(files(folder)) == len(left)


def test_unchanged_service_keeps_its_entry_while_the_listing_shows_the_deleted_row(
    simulator: Simulator, folder: Path
) -> None:
    simulator.reset(seed(["OLD"]))
    [row] = make_client(simulator).list(f"/v1/Services/{mg(1)}/AlphaSenders", "alpha_senders")
    killed(folder, (mg(1), "OLD"), sid=row["sid"])
    result = rollout(simulator, folder, desired(mg(1), "OLD"))
    assert [outcome.action for outcome in result["outcomes"]] == ["unchanged"]
    assert lost(result["unrecovered"]) == [(mg(1), "OLD", True)]
    assert opened(folder) == {mg(1): "OLD"}


def test_replacing_what_is_no_longer_there_keeps_the_first_value_known(simulator: Simulator, folder: Path) -> None:
    """The listing shows the deleted row, and the desired sender is refused."""
    simulator.reset(seed(["OLD"], refused=["BANK"]))
    [row] = make_client(simulator).list(f"/v1/Services/{mg(1)}/AlphaSenders", "alpha_senders")
    killed(folder, (mg(1), "OLD"), sid=row["sid"])
    [outcome] = rollout(simulator, folder, desired(mg(1), "BANK"))["outcomes"]
    assert (outcome.restored, simulator.senders(mg(1))) == (True, ["OLD"])
    assert files(folder) == []


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (desired(mg(1), None, "absent"), []),
        (desired(mg(1), "OLD", "absent"), []),
        (desired(mg(1), "ELSE", "absent"), [(mg(1), "OLD", False)]),
    ],
)
def test_absent_closes_only_the_entry_of_a_sender_that_should_be_absent(
    simulator: Simulator, folder: Path, wanted: Desired, left: list[tuple[str, str, bool]]
) -> None:
    simulator.reset(seed([]))
    killed(folder, (mg(1), "OLD"))
    result = rollout(simulator, folder, wanted)
    assert [outcome.action for outcome in result["outcomes"]] == ["unchanged"]
    assert lost(result["unrecovered"]) == left


# A disk that is full


@contextmanager
def disk_with(folder: Path, free: int) -> Iterator[None]:
    """Files of this process cannot become longer than the longest in the folder and ``free`` bytes."""
    longest = max((path.stat().st_size for path in folder.iterdir()), default=0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (longest + free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_nothing_is_deleted_when_it_cannot_be_recorded(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed(["OLD"]))
    client = make_client(simulator, concurrency=5)
    with Journal(str(folder)) as journal:
        os.dup2(os.open("/dev/full", os.O_WRONLY), journal._file or 0)
        [outcome] = reconcile_all(client, [desired(mg(1), "ACME")], concurrency=1, check_mode=False, journal=journal)
    assert (outcome.action, outcome.after, outcome.changed) == ("failed", "OLD", False)
    assert f"the journal in {str(folder)!r} cannot be written" in message(outcome)
    assert "DELETE" not in simulator.requests()


@pytest.mark.parametrize("free", [1, 20, 100, 200])
def test_nothing_is_deleted_when_only_a_part_of_the_line_is_written(
    simulator: Simulator, folder: Path, free: int
) -> None:
    simulator.reset(seed(["OLD"]))
    client = make_client(simulator, concurrency=5)
    with Journal(str(folder)) as journal, disk_with(folder, free):
        [outcome] = reconcile_all(client, [desired(mg(1), "ACME")], concurrency=1, check_mode=False, journal=journal)
        assert next(folder.iterdir()).stat().st_size == free
    assert (outcome.action, outcome.after, outcome.lost, outcome.changed) == ("failed", "OLD", None, False)
    assert "No space left on device" in message(outcome)
    assert (simulator.requests().count("DELETE"), simulator.senders(mg(1))) == (0, ["OLD"])
    assert files(folder) == []


def test_line_after_a_cut_one_is_on_a_line_of_its_own(folder: Path) -> None:
    journal = Journal(str(folder))
    with disk_with(folder, 50), pytest.raises(_journal.JournalError):
        journal.record(slot(1), "OLD 1", DELETED)
    journal.record(slot(2), "OLD 2", DELETED)
    os.close(journal._file or 0)
    assert opened(folder) == {mg(2): "OLD 2"}
    assert Journal(str(folder), check_mode=True).warnings == []


def test_each_line_begins_and_ends_with_the_end_of_a_line(folder: Path) -> None:
    with Journal(str(folder)) as journal:
        journal.record(slot(1), "OLD 1", DELETED)
        journal.record(slot(2), "OLD 2", DELETED)
        text = next(folder.iterdir()).read_text(encoding="utf-8")
    assert [bool(part) for part in text.split("\n")] == [False, True, False, True, False]


def test_file_and_folder_are_synced_before_anything_is_deleted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def noted(file: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "file")
        fsync(file)

    monkeypatch.setattr(os, "fsync", noted)
    with Journal(str(folder)) as journal:
        assert synced == ["folder"]
        journal.record(slot(1), "OLD", DELETED)
        assert synced == ["folder", "file"]
        # An entry that is not cleared is found settled by the next run, so this need not wait for the disk.
        journal.clear(slot(1))
        assert synced == ["folder", "file"]


def test_what_cannot_be_claimed_stays_with_the_run_before(folder: Path) -> None:
    killed(folder, (mg(1), "OLD"))
    with Journal(str(folder)) as journal:
        os.dup2(os.open("/dev/full", os.O_WRONLY), journal._file or 0)
        with pytest.raises(InputError, match=r"^journal_path must be a folder .*No space left"):
            journal.claim([slot(1)])
    assert opened(folder) == {mg(1): "OLD"}


def test_what_can_only_be_claimed_in_part_stays_with_the_run_before(folder: Path) -> None:
    killed(folder, (mg(1), "OLD"))
    message_start = r"^journal_path must be a folder .*No space left"
    # Less than the line, because the file of the killed run has the same one.
    with Journal(str(folder)) as journal, disk_with(folder, -100), pytest.raises(InputError, match=message_start):
        journal.claim([slot(1)])
    assert opened(folder) == {mg(1): "OLD"}


# Other runs at the same time


def test_file_that_another_run_has_just_removed_is_ignored(folder: Path) -> None:
    # Its name was listed, and there is no file any more.
    (folder / "journal-gone.jsonl").symlink_to(folder / "gone")
    with Journal(str(folder)) as journal:
        assert (journal.open_entries(), journal.warnings) == ([], [])


@pytest.mark.parametrize("moment", ["open", "flock", "unlink"])
def test_file_that_another_run_removes_at_the_same_moment_is_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    killed(folder, (mg(1), "OLD"))
    [path] = folder.iterdir()
    with Journal(str(folder)) as journal:
        [entry] = journal.open_entries()
        journal.close(entry)

        module = fcntl if moment == "flock" else os
        function, removed = getattr(module, moment), folder.parent / "removed"
        calls: list[Any] = []

        def remove_first(first: Any, *args: Any, **kwargs: Any) -> Any:
            if not calls and (moment == "flock" or first == str(path)):
                calls.append(first)
                os.rename(path, removed)
            return function(first, *args, **kwargs)

        monkeypatch.setattr(module, moment, remove_first)
    assert removed.exists()
    monkeypatch.undo()
    assert files(folder) == []


def test_file_that_another_run_removes_while_this_one_begins_is_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(folder, (mg(1), "OLD"))
    [path] = folder.iterdir()
    function = os.open

    def remove_first(first: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(first, str) and first == str(path):
            path.unlink(missing_ok=True)
        return function(first, *args, **kwargs)

    monkeypatch.setattr(os, "open", remove_first)
    with Journal(str(folder)) as journal:
        assert (journal.open_entries(), journal.warnings) == ([], [])


def test_entry_is_closed_although_its_file_was_removed_meanwhile(folder: Path) -> None:
    killed(folder, (mg(1), "OLD"))
    [path] = folder.iterdir()
    with Journal(str(folder)) as journal:
        [entry] = journal.open_entries()
        path.unlink()
        journal.close(entry)
        assert journal.open_entries() == []
    assert files(folder) == []


def test_entry_is_claimed_although_its_file_was_removed_meanwhile(folder: Path) -> None:
    killed(folder, (mg(1), "OLD"))
    [path] = folder.iterdir()
    with Journal(str(folder)) as journal:
        path.unlink()
        journal.claim([slot(1)])
        entry = journal.entry(slot(1))
        assert entry is not None
        assert entry.value == "OLD"
    assert opened(folder) == {mg(1): "OLD"}


def test_many_runs_at_the_same_time_leave_no_file(folder: Path) -> None:
    for number in range(20):
        killed(folder, (mg(number + 1), "OLD"))

    def run(numbers: range) -> None:
        for number in numbers:
            with Journal(str(folder)) as journal:
                journal.claim([slot(number)])
                journal.clear(slot(number))
                assert journal.warnings == []
        os._exit(0)

    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=run, args=(range(first, 21, 4),)) for first in (1, 2, 3, 4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    with Journal(str(folder)):
        pass
    assert files(folder) == []


def test_file_that_cannot_get_its_name_is_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_args: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "rename", refused)
    with pytest.raises(
        InputError, match=r"must be a folder in which files can be read, written and locked, got .*Input/output"
    ):
        Journal(str(folder))
    assert files(folder) == []


def test_file_is_removed_when_the_folder_cannot_be_synced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", refused)
    with pytest.raises(InputError, match=r"^journal_path must be a folder .*Input/output"):
        Journal(str(folder))
    assert files(folder) == []


@pytest.mark.parametrize("path", ["missing", "a-file", "nul\0byte"])
def test_path_that_is_not_a_folder_is_bad_input(tmp_path: Path, path: str) -> None:
    (tmp_path / "a-file").touch()
    for check_mode in (True, False):
        with pytest.raises(
            InputError, match=r"^journal_path must be a folder in which files can be read, written and locked, got "
        ):
            Journal(str(tmp_path / path), check_mode=check_mode)


def test_lost_sender_of_this_run_stays_for_the_next(simulator: Simulator, folder: Path) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "status", "status": 500, "method": "POST", "count": 99}])
    result = rollout(simulator, folder, desired(mg(1), "ACME"))
    outcome: Outcome = result["outcomes"][0]
    assert outcome.lost == "OLD"
    assert result["unrecovered"] == []  # the outcome reports it
    # The simulator counts its SIDs anew: the row of the second Service takes the SID of the deleted one.
    simulator.reset(seed([], ["ELSE"]), [{"kind": "status", "status": 400, "method": "POST", "count": 1}])
    [again] = rollout(simulator, folder, desired(mg(1), "ACME"))["outcomes"]
    assert (again.restored, simulator.senders(mg(1))) == (True, ["OLD"])
    assert files(folder) == []


def test_without_a_folder_nothing_is_known() -> None:
    with Journal(None) as journal:
        journal.claim([slot(1)])
        journal.record(slot(1), "OLD", DELETED)
        journal.clear(slot(1))
        assert (journal.entry(slot(1)), journal.open_entries()) == (None, [])
