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
from support.account import environment, named_seed
from support.ansible_run import MODULE_OPTIONS, MODULES, localhost, play

#: What the result of each module has if it did its work.
CONDITIONS = {
    "service_info": ["services | length == 3"],
    "alpha_sender_info": ["alpha_senders | length == 1"],
    "alpha_sender_audit": ["summary.drifted == 3"],
    "service": ["action == 'updated'"],
    "alpha_sender": ["action == 'replaced'"],
    "alpha_senders": ["summary.replaced == 1", "summary.created == 1"],
}
#: The time limit of all tasks together. A module that takes as long did not end.
LIMIT = 60


def check(module: str, result: str) -> dict[str, Any]:
    """A task that fails if the module did not do its work."""
    that = [f"{result} is not failed", *(f"{result}.{condition}" for condition in CONDITIONS[module])]
    return {"ansible.builtin.assert": {"that": that}}


@pytest.fixture
def _three_services(simulator: Simulator) -> None:
    simulator.reset(named_seed("Shop", "Shop FR", "Shop UK", senders={"Shop": ["OLD"], "Shop UK": ["OLD"]}))


@pytest.mark.usefixtures("_three_services")
def test_task_ends_with_the_module_when_ansible_polls(simulator: Simulator, tmp_path: Path) -> None:
    tasks: list[dict[str, Any]] = []
    for module, options in MODULE_OPTIONS.items():
        task = {f"messaging.twilio.{module}": options, "async": LIMIT, "poll": 1, "register": module}
        tasks += [task, {"ansible.builtin.assert": {"that": [f"{module}.finished"]}}, check(module, module)]
    begin = time.monotonic()
    run = play(tmp_path, localhost(*tasks), variables=environment(simulator))
    assert run.status == 0, run.output
    assert time.monotonic() - begin < LIMIT


@pytest.mark.usefixtures("_three_services")
def test_job_ends_with_the_module_when_async_status_polls(simulator: Simulator, tmp_path: Path) -> None:
    tasks: list[dict[str, Any]] = []
    for module, options in MODULE_OPTIONS.items():
        status = {
            "ansible.builtin.async_status": {"jid": f"{{{{ {module}.ansible_job_id }}}}"},
            "register": module,
            "until": f"{module}.finished",
            "retries": LIMIT,
            "delay": 1,
        }
        task = {f"messaging.twilio.{module}": options, "async": LIMIT, "poll": 0, "register": module}
        tasks += [task, status, check(module, module)]
    begin = time.monotonic()
    run = play(tmp_path, localhost(*tasks), variables=environment(simulator))
    assert run.status == 0, run.output
    assert time.monotonic() - begin < LIMIT


def test_every_module_is_among_them() -> None:
    assert sorted(MODULE_OPTIONS) == sorted(CONDITIONS) == MODULES
