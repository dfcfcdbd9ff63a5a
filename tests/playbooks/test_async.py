# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks with ``async`` end as soon as the module has ended."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from support.account import environment, mg, named_seed
from support.ansible_run import ROOT, localhost, play

MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
OPTIONS: dict[str, dict[str, Any]] = {
    "alpha_sender": {"service_sid": mg(1), "alpha_sender": "ACME"},
    "alpha_senders": {"services": [mg(1), mg(2)], "alpha_sender": "ACME"},
    "alpha_sender_audit": {"alpha_sender": "ACME"},
    "alpha_sender_info": {"service_sid": mg(1)},
    "service_info": {},
}
#: The time limit of the task. A module that takes as long did not end.
LIMIT = 60


@pytest.mark.parametrize("module", MODULES)
def test_task_ends_with_the_module_when_ansible_polls(simulator: Simulator, tmp_path: Path, module: str) -> None:
    simulator.reset(named_seed("Shop", "Shop FR", senders={"Shop": ["OLD"]}))
    task = {f"messaging.twilio.{module}": OPTIONS[module], "async": LIMIT, "poll": 1, "register": "result"}
    check = {"ansible.builtin.assert": {"that": ["result.finished", "result is not failed", *conditions(module)]}}
    begin = time.monotonic()
    run = play(tmp_path, localhost(task, check), variables=environment(simulator))
    assert run.status == 0, run.output
    assert time.monotonic() - begin < LIMIT


@pytest.mark.parametrize("module", MODULES)
def test_job_ends_with_the_module_when_async_status_polls(simulator: Simulator, tmp_path: Path, module: str) -> None:
    simulator.reset(named_seed("Shop", "Shop FR", senders={"Shop": ["OLD"]}))
    tasks: list[dict[str, Any]] = [
        {f"messaging.twilio.{module}": OPTIONS[module], "async": LIMIT, "poll": 0, "register": "job"},
        {
            "ansible.builtin.async_status": {"jid": "{{ job.ansible_job_id }}"},
            "register": "result",
            "until": "result.finished",
            "retries": LIMIT,
            "delay": 1,
        },
        {"ansible.builtin.assert": {"that": ["result is not failed", *conditions(module)]}},
    ]
    begin = time.monotonic()
    run = play(tmp_path, localhost(*tasks), variables=environment(simulator))
    assert run.status == 0, run.output
    assert time.monotonic() - begin < LIMIT


def conditions(module: str) -> list[str]:
    """The conditions that the result meets if the module did its work."""
    return {
        "alpha_sender": ["result.action == 'replaced'"],
        "alpha_senders": ["result.summary.replaced == 1", "result.summary.created == 1"],
        "alpha_sender_audit": ["result.summary.drifted == 2"],
        "alpha_sender_info": ["result.alpha_senders | length == 1"],
        "service_info": ["result.services | length == 2"],
    }[module]
