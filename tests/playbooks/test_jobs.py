# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as AWX runs them, with ansible-runner: events, artifacts, slices, relaunches, and jobs that are killed."""

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
VARIABLES = {"alpha_sender_name": "ACME"}
OLD_CORE = tuple(map(int, __version__.split(".")[:2])) < (2, 19)


def names(count: int) -> list[str]:
    return [f"Shop {number:03}" for number in range(1, count + 1)]


def services(simulator: Simulator, folder: Path, count: int, senders: Sequence[Sequence[str]]) -> Inventory:
    """The inventory of an account with ``count`` Services, which have the given senders in turn."""
    simulator.reset(named_seed(*names(count), senders=dict(zip(names(count), [*senders] * count))))
    inventory, _errors = listed(folder, write_inventory(folder), environment(simulator))
    simulator.journal.clear()
    return inventory


def run(simulator: Simulator, folder: Path, inventory: Inventory, **options: Any) -> Job:
    """Start a job of the playbook apply."""
    options.setdefault("extra", VARIABLES)
    return start_job(folder, APPLY, inventory, credentials=environment(simulator), **options)


def written(simulator: Simulator) -> list[str]:
    """The Services that got a sender, one entry for each request that created one."""
    return [entry["path"].split("/")[3] for entry in simulator.journal if entry["method"] == "POST"]


def processes(worker: int) -> list[int]:
    """A worker and all processes that it started, in any session."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    found = [worker]
    for process in found:
        found.extend(child for child, parent in parents.items() if parent == process)
    return found


def test_job_has_events_and_artifacts(simulator: Simulator, tmp_path: Path) -> None:
    inventory = services(simulator, tmp_path, 12, [[], ["OLD"], ["ACME"]])
    extra = {**VARIABLES, "alpha_sender_progress_interval": 0}
    job = run(simulator, tmp_path / "job", inventory, extra=extra, options="-vvvv --diff").wait()
    assert job.status == "successful", job.output
    line = "12 Services: 4 created, 4 replaced, 0 deleted, 4 unchanged, 0 failed"
    assert job.stats["alpha_sender_summary_line"] == line
    assert (job.stats["alpha_sender_failed"], job.stats["alpha_sender_failed_left_out"]) == ([], 0)
    tasks = [event["task"] for event in job.named("playbook_on_task_start")]
    assert tasks == [
        "Apply the alpha senders",
        "Publish the summary",
        "Show the result",
        "Collect the outcome of each host",
        "End the play",
    ]
    rollout, stats, result = job.named("runner_on_ok")
    assert [event["res"]["changed"] for event in (rollout, stats, result)] == [True, False, False]
    texts = [event["stdout"] for event in job.events if event["event"] == "verbose"]
    progress = [text for text in texts if " of 12 Services done" in text]
    lines = [text for text in "\n".join(progress).splitlines() if "Services done" in text]
    assert [text.split()[0] for text in lines] == [str(number) for number in range(1, 13)]
    assert line in str(result["res"]["msg"])
    # ansible-runner writes the environment of a run to the file named command, which AWX deletes.
    with_secret = {
        path.relative_to(job.folder).as_posix()
        for path in job.folder.rglob("*")
        if path.is_file() and AUTH_TOKEN.encode() in path.read_bytes()
    }
    assert with_secret <= {"stream", "answer", "node/artifacts/job/command", "kept/artifacts/job/command"}
    assert (job.artifacts / "stdout").stat().st_size > 1000


def test_artifacts_are_bounded(simulator: Simulator, tmp_path: Path) -> None:
    inventory = services(simulator, tmp_path, 120, [["OLD"]])
    extra = {"alpha_sender_name": "ACME", "alpha_sender_replace": False}
    job = run(simulator, tmp_path / "job", inventory, extra=extra).wait()
    assert job.status == "failed"
    assert len(job.stats["alpha_sender_failed"]) == 100
    assert job.stats["alpha_sender_failed_left_out"] == 20
    assert len(job.failed_hosts) == 120


def test_slices_handle_each_service_once_and_a_relaunch_handles_failures(simulator: Simulator, tmp_path: Path) -> None:
    inventory = services(simulator, tmp_path, 20, [[], ["OLD"]])
    simulator.reset(
        named_seed(*names(20), senders=dict(zip(names(20), [[], ["OLD"]] * 10))),
        [{"kind": "status", "status": 500, "service": mg(7), "count": 99}],
    )
    extra = {**VARIABLES, "alpha_sender_max_retries": 0}
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
    assert [host for job in jobs for host in job.failed_hosts] == ["twilio-Shop_007"]
    assert sorted(written(simulator)) == sorted({mg(number) for number in range(1, 21)} - {mg(7)})
    assert sum(job.stats["alpha_sender_summary"]["created"] for job in jobs) == 9
    simulator.faults, simulator.journal = [], []
    again = run(simulator, tmp_path / "again", inventory, extra=extra, limit="twilio-Shop_007").wait()
    assert again.status == "successful"
    assert {entry["path"].split("/")[3] for entry in simulator.journal} == {mg(7)}


def test_other_slices_continue_when_one_is_killed_and_a_relaunch_finishes(simulator: Simulator, tmp_path: Path) -> None:
    inventory = services(simulator, tmp_path, 24, [["OLD"]])
    simulator.latency = 0.2
    extra = {**VARIABLES, "alpha_sender_concurrency": 2}
    jobs = [run(simulator, tmp_path / f"job{number}", cut(inventory, number, 2), extra=extra) for number in (1, 2)]
    until(lambda: all(modules(job.folder / "remote") for job in jobs) and "POST" in simulator.requests())
    for process in processes(jobs[0].worker.pid):
        os.kill(process, signal.SIGKILL)
    jobs[0].worker.wait()
    assert jobs[1].wait().status == "successful"
    first = {number for number in range(1, 25) if number % 2}
    assert all(simulator.senders(mg(number)) == ["ACME"] for number in set(range(1, 25)) - first)
    assert any(simulator.senders(mg(number)) == ["OLD"] for number in first)
    simulator.latency = 0
    again = run(simulator, tmp_path / "again", cut(inventory, 1, 2)).wait()
    assert again.status == "successful"
    assert all(simulator.senders(mg(number)) == ["ACME"] for number in range(1, 25))


def cancelled(simulator: Simulator, folder: Path, **extra: str) -> tuple[Inventory, set[str]]:
    """Cancel a job in the middle of 200 Services. Returns the inventory and the Services whose change had started."""
    inventory = services(simulator, folder, 200, [["OLD"]])
    simulator.latency = 0.2
    job = run(simulator, folder / "job", inventory, extra={**VARIABLES, **extra})
    until(lambda: "POST" in simulator.requests())
    # The worker gets the signal, and kills Ansible, which cannot pass it on.
    job.worker.send_signal(signal.SIGTERM)
    assert job.wait().status == "canceled"
    until(lambda: not modules(job.folder / "remote"))
    simulator.latency = 0
    started = {entry["path"].split("/")[3] for entry in simulator.journal if entry["method"] == "DELETE"}
    assert 0 < len(started) < 200
    return inventory, started


@pytest.mark.skipif(OLD_CORE, reason="before ansible-core 2.19 the module is killed too, see the next test")
def test_a_cancelled_job_leaves_no_service_without_its_sender(simulator: Simulator, tmp_path: Path) -> None:
    report = tmp_path / "rollout.html"
    _inventory, started = cancelled(simulator, tmp_path, alpha_sender_report_path=str(report))
    for number in range(1, 201):
        assert simulator.senders(mg(number)) == (["ACME"] if mg(number) in started else ["OLD"])
    # Only the report shows the result of the module.
    until(report.exists)
    data = json.loads(report.with_suffix(".json").read_text(encoding="utf-8"))
    assert (data["summary"]["replaced"], data["summary"]["skipped"]) == (len(started), 200 - len(started))
    assert "The run was cancelled" in data["message"]


def test_journal_has_the_unfinished_changes_of_a_cancelled_job(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    journal = {"alpha_sender_journal_path": str(tmp_path / "journal")}
    inventory, _started = cancelled(simulator, tmp_path, **journal)
    entries = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "journal").iterdir())
    assert all(simulator.senders(mg(number)) or mg(number) in entries for number in range(1, 201))
    again = run(simulator, tmp_path / "again", inventory, extra={**VARIABLES, **journal}).wait()
    assert again.status == "successful"
    assert all(simulator.senders(mg(number)) == ["ACME"] for number in range(1, 201))
    assert list((tmp_path / "journal").iterdir()) == []


@pytest.mark.parametrize("refused", [False, True])
def test_next_run_finishes_a_service_whose_node_was_killed_between_delete_and_create(
    simulator: Simulator, tmp_path: Path, *, refused: bool
) -> None:
    inventory = services(simulator, tmp_path, 1, [["OLD"]])
    known = seed(["OLD"], refused=["BANK"])
    simulator.reset(known, [{"kind": "hang", "method": "POST"}])
    (tmp_path / "journal").mkdir()
    extra = {"alpha_sender_name": "ACME", "alpha_sender_journal_path": str(tmp_path / "journal")}
    job = run(simulator, tmp_path / "job", inventory, extra=extra)
    until(lambda: "POST" in simulator.requests())
    for process in processes(job.worker.pid):
        os.kill(process, signal.SIGKILL)
    job.wait()
    assert simulator.senders(mg(1)) == []
    # A run for other Services warns of the lost sender, and shows the command that restores it.
    other = run(
        simulator, tmp_path / "other", {"_meta": {"hostvars": {}}}, extra={**extra, "alpha_sender_services": []}
    )
    output = " ".join(other.wait().output.split())
    assert f"{mg(1)} has no alpha sender: a run was killed after it deleted 'OLD'" in output
    # A relaunch sets the desired sender, or restores the old one if Twilio refuses the desired one.
    extra["alpha_sender_name"] = "BANK" if refused else "ACME"
    again = run(simulator, tmp_path / "again", inventory, extra=extra).wait()
    assert again.status == ("failed" if refused else "successful")
    assert simulator.senders(mg(1)) == (["OLD"] if refused else ["ACME"])
    assert ("The old alpha sender 'OLD' was restored" in again.output) is refused
    assert list((tmp_path / "journal").iterdir()) == []
