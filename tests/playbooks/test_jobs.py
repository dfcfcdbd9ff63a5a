# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as AWX runs them, with ansible-runner: events, artifacts, slices, relaunch, and jobs that are ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible.release import __version__

from simulator import Simulator
from support.account import AUTH_TOKEN, environment, mg, named_seed, seed
from support.ansible_run import listed, modules, until, write_inventory
from support.jobs import Inventory, Job, cut, start_job

APPLY = "messaging.twilio.apply"
WISH = {"alpha_sender_name": "ACME"}
OLD_CORE = tuple(map(int, __version__.split(".")[:2])) < (2, 19)


def names(count: int) -> list[str]:
    return [f"Shop {number:03}" for number in range(1, count + 1)]


def services(simulator: Simulator, folder: Path, count: int, senders: Sequence[Sequence[str]]) -> Inventory:
    """An account of so many Services, which have these senders by turns, and the inventory of it."""
    simulator.reset(named_seed(*names(count), senders=dict(zip(names(count), [*senders] * count))))
    inventory, _errors = listed(folder, write_inventory(folder), environment(simulator))
    simulator.journal.clear()
    return inventory


def run(simulator: Simulator, folder: Path, inventory: Inventory, **options: Any) -> Job:
    """A job of the playbook apply."""
    options.setdefault("extra", WISH)
    return start_job(folder, APPLY, inventory, credentials=environment(simulator), **options)


def written(simulator: Simulator) -> list[str]:
    """The Services that were written to, one entry a Service that got its sender."""
    return [entry["path"].split("/")[3] for entry in simulator.journal if entry["method"] == "POST"]


def processes(worker: int) -> list[int]:
    """All processes that a worker started, with itself, in whatever session they are."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    found = [worker]
    for process in found:
        found.extend(child for child, parent in parents.items() if parent == process)
    return found


def test_a_job_tells_in_its_events_and_artifacts_what_it_did(simulator: Simulator, tmp_path: Path) -> None:
    inventory = services(simulator, tmp_path, 12, [[], ["OLD"], ["ACME"]])
    extra = {**WISH, "alpha_sender_batch_size": 5}
    job = run(simulator, tmp_path / "job", inventory, extra=extra, options="-vvvv --diff").wait()
    assert job.status == "successful", job.output
    line = "12 Services: 4 created, 4 replaced, 0 deleted, 4 unchanged, 0 failed"
    assert job.stats["alpha_sender_summary_line"] == line
    assert (job.stats["alpha_sender_failed"], job.stats["alpha_sender_failed_left_out"]) == ([], 0)
    tasks = [event["task"] for event in job.named("playbook_on_task_start")]
    assert tasks == [
        "Bring the Services to their alpha sender",
        "Count the outcomes",
        "Find the hosts whose Service is not as wanted",
        "End the play",
    ]
    rollout, count = job.named("runner_on_ok")
    assert (rollout["res"]["changed"], count["res"]["changed"]) == (True, False)
    told = [event["stdout"] for event in job.events if event["event"] == "verbose"]
    progress = [text for text in told if " of 12 Services done" in text]
    assert [text.split()[0] for text in "\n".join(progress).splitlines() if "Services done" in text] == [
        "5",
        "10",
        "12",
    ]
    assert line in str(count["res"]["msg"])
    # ansible-runner itself writes the environment of a run into the file named command, which AWX deletes.
    with_secret = {
        path.relative_to(job.folder).as_posix()
        for path in job.folder.rglob("*")
        if path.is_file() and AUTH_TOKEN.encode() in path.read_bytes()
    }
    assert with_secret <= {"stream", "answer", "node/artifacts/job/command", "kept/artifacts/job/command"}
    assert (job.artifacts / "stdout").stat().st_size > 1000


def test_artifacts_are_bounded_and_say_so(simulator: Simulator, tmp_path: Path) -> None:
    inventory = services(simulator, tmp_path, 120, [["OLD"]])
    extra = {"alpha_sender_name": "ACME", "alpha_sender_replace": False}
    job = run(simulator, tmp_path / "job", inventory, extra=extra).wait()
    assert job.status == "failed"
    assert len(job.stats["alpha_sender_failed"]) == 100
    assert job.stats["alpha_sender_failed_left_out"] == 20
    assert len(job.failed_hosts) == 120


def test_slices_do_all_and_nothing_twice_and_a_relaunch_does_what_failed(simulator: Simulator, tmp_path: Path) -> None:
    inventory = services(simulator, tmp_path, 20, [[], ["OLD"]])
    simulator.reset(
        named_seed(*names(20), senders=dict(zip(names(20), [[], ["OLD"]] * 10))),
        [{"kind": "status", "status": 500, "service": mg(7), "count": 99}],
    )
    extra = {**WISH, "alpha_sender_max_retries": 0}
    parts = [cut(inventory, number, 3) for number in (1, 2, 3)]
    assert sorted(host for part in parts for host in part["_meta"]["hostvars"]) == sorted(
        inventory["_meta"]["hostvars"]
    )
    jobs = [
        run(simulator, tmp_path / f"job{number}", part, extra=extra)
        for number, part in reversed(list(enumerate(parts)))
    ]
    for job in jobs:
        job.wait()
    assert sorted(job.status for job in jobs) == ["failed", "successful", "successful"]
    assert [host for job in jobs for host in job.failed_hosts] == ["Shop_007"]
    assert sorted(written(simulator)) == sorted({mg(number) for number in range(1, 21)} - {mg(7)})
    assert sum(job.stats["alpha_sender_summary"]["created"] for job in jobs) == 9
    simulator.faults, simulator.journal = [], []
    again = run(simulator, tmp_path / "again", inventory, extra=extra, limit="Shop_007").wait()
    assert again.status == "successful"
    assert {entry["path"].split("/")[3] for entry in simulator.journal} == {mg(7)}


def test_a_slice_that_dies_stops_no_other_and_a_relaunch_finishes(simulator: Simulator, tmp_path: Path) -> None:
    inventory = services(simulator, tmp_path, 60, [["OLD"]])
    simulator.latency = 0.2
    extra = {**WISH, "alpha_sender_concurrency": 2}
    jobs = [run(simulator, tmp_path / f"job{number}", cut(inventory, number, 2), extra=extra) for number in (1, 2)]
    until(lambda: all(modules(job.folder / "remote") for job in jobs) and "POST" in simulator.requests())
    for process in processes(jobs[0].worker.pid):
        os.kill(process, signal.SIGKILL)
    jobs[0].worker.wait()
    assert jobs[1].wait().status == "successful"
    mine = {number for number in range(1, 61) if number % 2}
    assert all(simulator.senders(mg(number)) == ["ACME"] for number in set(range(1, 61)) - mine)
    assert any(simulator.senders(mg(number)) == ["OLD"] for number in mine)
    simulator.latency = 0
    again = run(simulator, tmp_path / "again", cut(inventory, 1, 2)).wait()
    assert again.status == "successful"
    assert all(simulator.senders(mg(number)) == ["ACME"] for number in range(1, 61))


def cancelled(simulator: Simulator, folder: Path, **extra: str) -> tuple[Inventory, set[str]]:
    """A job that was cancelled in the midst of 200 Services: the inventory, and the Services that were begun."""
    inventory = services(simulator, folder, 200, [["OLD"]])
    simulator.latency = 0.2
    job = run(simulator, folder / "job", inventory, extra={**WISH, **extra})
    until(lambda: "POST" in simulator.requests())
    # The worker is told, and kills Ansible, which can pass nothing on.
    job.worker.send_signal(signal.SIGTERM)
    assert job.wait().status == "canceled"
    until(lambda: not modules(job.folder / "remote"))
    simulator.latency = 0
    begun = {entry["path"].split("/")[3] for entry in simulator.journal if entry["method"] == "DELETE"}
    assert 0 < len(begun) < 200
    return inventory, begun


@pytest.mark.skipif(OLD_CORE, reason="before ansible-core 2.19 the module is killed too, which the next test is about")
def test_a_cancelled_job_leaves_no_service_without_its_sender(simulator: Simulator, tmp_path: Path) -> None:
    report = tmp_path / "rollout.html"
    _inventory, begun = cancelled(simulator, tmp_path, alpha_sender_report=str(report))
    for number in range(1, 201):
        assert simulator.senders(mg(number)) == (["ACME"] if mg(number) in begun else ["OLD"])
    # Nobody reads the module's result any more, but for the report.
    until(report.exists)
    told = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))
    assert (told["summary"]["replaced"], told["summary"]["not_attempted"]) == (len(begun), 200 - len(begun))
    assert "The run was cancelled" in told["message"]


def test_what_a_cancelled_job_left_is_in_the_journal(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    journal = {"alpha_sender_journal": str(tmp_path / "journal")}
    inventory, _begun = cancelled(simulator, tmp_path, **journal)
    written_down = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "journal").iterdir())
    assert all(simulator.senders(mg(number)) or mg(number) in written_down for number in range(1, 201))
    again = run(simulator, tmp_path / "again", inventory, extra={**WISH, **journal}).wait()
    assert again.status == "successful"
    assert all(simulator.senders(mg(number)) == ["ACME"] for number in range(1, 201))
    assert list((tmp_path / "journal").iterdir()) == []


@pytest.mark.parametrize("refused", [False, True])
def test_a_service_that_was_without_a_sender_when_its_node_died_is_brought_to_an_end(
    simulator: Simulator, tmp_path: Path, *, refused: bool
) -> None:
    inventory = services(simulator, tmp_path, 1, [["OLD"]])
    known = seed(["OLD"], refused=["BANK"])
    simulator.reset(known, [{"kind": "hang", "method": "POST"}])
    (tmp_path / "journal").mkdir()
    extra = {"alpha_sender_name": "ACME", "alpha_sender_journal": str(tmp_path / "journal")}
    job = run(simulator, tmp_path / "job", inventory, extra=extra)
    until(lambda: "POST" in simulator.requests())
    for process in processes(job.worker.pid):
        os.kill(process, signal.SIGKILL)
    job.wait()
    assert simulator.senders(mg(1)) == []
    # A run for other Services says what was lost, and how it is brought back.
    other = run(
        simulator, tmp_path / "other", {"_meta": {"hostvars": {}}}, extra={**extra, "alpha_sender_services": []}
    )
    output = " ".join(other.wait().output.split())
    assert f"{mg(1)} has no alpha sender: a run was ended after it had deleted 'OLD'" in output
    # A relaunch brings it to its wish, or the old sender back where that is refused.
    extra["alpha_sender_name"] = "BANK" if refused else "ACME"
    again = run(simulator, tmp_path / "again", inventory, extra=extra).wait()
    assert again.status == ("failed" if refused else "successful")
    assert simulator.senders(mg(1)) == (["OLD"] if refused else ["ACME"])
    assert ("The old sender 'OLD' was restored" in again.output) is refused
    assert list((tmp_path / "journal").iterdir()) == []
