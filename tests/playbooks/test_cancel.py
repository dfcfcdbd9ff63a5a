# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cancelled run leaves no Service half changed: real signals to a real ansible-playbook."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.release import __version__

from simulator import Simulator
from support.account import environment as credentials
from support.account import mg, seed
from support.ansible_run import environment, localhost, modules, start, until, write_playbook

OLD_CORE = tuple(map(int, __version__.split(".")[:2])) < (2, 19)
SIDS = [mg(number) for number in range(1, 401)]
TASK = {"messaging.twilio.alpha_senders": {"services": SIDS, "alpha_sender": "ACME", "concurrency": 50}}


def started(simulator: Simulator) -> set[str]:
    return {entry["path"].split("/")[3] for entry in simulator.journal if entry["method"] == "DELETE"}


def check(simulator: Simulator) -> None:
    """Check that each Service whose change had started has the new sender, and each other Service the old one."""
    assert 0 < len(started(simulator)) < len(SIDS)
    for sid in SIDS:
        assert simulator.senders(sid) == (["ACME"] if sid in started(simulator) else ["OLD"])


def processes(folder: Path) -> list[int]:
    """The processes of Ansible that use this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"ANSIBLE_HOME={folder}/ansible".encode() in variables:
            found.append(int(process.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_every_service_has_a_sender_when_a_playbook_is_cancelled(
    simulator: Simulator, tmp_path: Path, number: signal.Signals
) -> None:
    simulator.reset(seed(*[["OLD"]] * len(SIDS)))
    simulator.latency = 0.2
    command = ["ansible-playbook", write_playbook(tmp_path, localhost(TASK))]
    with subprocess.Popen(
        command,
        env=environment(tmp_path, credentials(simulator)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as playbook:
        until(lambda: "DELETE" in simulator.requests())
        os.killpg(playbook.pid, number)
        assert playbook.wait() != 0
    until(lambda: not modules(tmp_path))
    check(simulator)


@pytest.mark.skipif(OLD_CORE, reason="before ansible-core 2.19 a worker is in the process group of Ansible")
def test_no_process_is_left_when_ansible_is_killed(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*[["OLD"]] * len(SIDS)))
    simulator.latency = 0.2
    # With this, the worker has more to pass on than a pipe holds.
    task = {**TASK, "vars": {"unused": "x" * 100_000}}
    with start(tmp_path, localhost(task), variables=credentials(simulator)) as playbook:
        until(lambda: "DELETE" in simulator.requests())
        assert len(processes(tmp_path)) > 2
        playbook.kill()
        playbook.wait()
        until(lambda: not processes(tmp_path))
    check(simulator)


def test_cancelled_module_fails_with_all_outcomes(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*[["OLD"]] * len(SIDS)))
    simulator.latency = 0.2
    check_task = {
        "ansible.builtin.assert": {
            "that": [
                "run is failed",
                "run is changed",
                "'The run was cancelled. Services whose change had started were completed' in run.msg",
                "run.summary.replaced > 0",
                "run.summary.skipped > 0",
                "run.summary.failed == 0",
                "run.msg.splitlines() | first is match('400 Services: 0 created, ')",
            ]
        }
    }
    task = {**TASK, "register": "run", "ignore_errors": True}
    with start(tmp_path, localhost(task, check_task), variables=credentials(simulator)) as playbook:
        until(lambda: "DELETE" in simulator.requests())
        for process in modules(tmp_path):
            os.kill(process, signal.SIGTERM)
        output, _nothing = playbook.communicate()
    assert playbook.returncode == 0, output
    check(simulator)


def test_service_is_not_changed_when_cancelled_before_its_change(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "slow", "seconds": 2}])
    task = {"messaging.twilio.alpha_senders": {"services": SIDS[:1], "alpha_sender": "ACME"}}
    with start(tmp_path, localhost(task), variables=credentials(simulator)) as playbook:
        until(lambda: simulator.requests() != [])
        for process in modules(tmp_path):
            os.kill(process, signal.SIGINT)
        output, _nothing = playbook.communicate()
    assert playbook.returncode == 2
    assert "1 skipped" in output
    assert simulator.senders(SIDS[0]) == ["OLD"]


def test_cancelled_module_completes_the_change_of_its_service(simulator: Simulator, tmp_path: Path) -> None:
    # After the delete, Twilio asks for a pause. Only the signal ends it.
    wait = {"kind": "status", "status": 429, "method": "POST", "headers": {"Retry-After": "250"}}
    simulator.reset(seed(["OLD"]), [wait])
    task = {"service_sid": mg(1), "alpha_sender": "ACME"}
    that = [
        "run is failed",
        "run is changed",
        "run.action == 'replaced'",
        "run.msg.splitlines() | last == 'The run was cancelled. Services whose change had started were completed'",
        "run.summary is undefined",
    ]
    tasks: list[dict[str, Any]] = [
        {"messaging.twilio.alpha_sender": task, "register": "run", "ignore_errors": True},
        {"ansible.builtin.assert": {"that": that}},
    ]
    with start(tmp_path, localhost(*tasks), variables=credentials(simulator)) as playbook:
        until(lambda: "POST" in simulator.requests())
        for process in modules(tmp_path, "alpha_sender"):
            os.kill(process, signal.SIGTERM)
        output, _nothing = playbook.communicate()
    assert playbook.returncode == 0, output
    assert simulator.senders(mg(1)) == ["ACME"]
