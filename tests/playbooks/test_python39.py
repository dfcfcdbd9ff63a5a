# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules on a host whose Python is 3.9, the oldest that is supported. ``make units39`` runs this."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simulator import Simulator
from support.account import environment, mg, seed
from support.ansible_run import play

PYTHON = os.environ.get("TARGET_PYTHON")


@pytest.mark.skipif(PYTHON is None, reason="TARGET_PYTHON is not set. make units39 sets it")
def test_modules_run_with_python_39(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed([], ["OLD"], ["ACME"]))
    tasks = [
        {"ansible.builtin.setup": {"gather_subset": ["!all", "!min", "python"]}},
        {"ansible.builtin.assert": {"that": ["ansible_facts.python.version.major == 3"]}},
        {"ansible.builtin.assert": {"that": ["ansible_facts.python.version.minor == 9"]}},
        {"messaging.twilio.alpha_sender": {"service_sid": mg(1), "alpha_sender": "ACME"}},
        {"messaging.twilio.alpha_senders": {"services": [mg(1), mg(2), mg(3)], "alpha_sender": "ACME"}},
        {"messaging.twilio.alpha_sender_info": {"service_sid": mg(2)}},
        {"messaging.twilio.alpha_sender_audit": {"alpha_sender": "ACME"}},
        {"messaging.twilio.service_info": {}, "register": "found"},
        {"ansible.builtin.assert": {"that": ["found.services | length == 3"]}},
    ]
    host = {"ansible_connection": "local", "ansible_python_interpreter": PYTHON}
    plays = [{"hosts": "host", "gather_facts": False, "vars": host, "tasks": tasks}]
    played = play(tmp_path, plays, "-i", "host,", variables=environment(simulator))
    assert played.status == 0, played.output
    assert [simulator.senders(mg(number)) for number in (1, 2, 3)] == [["ACME"]] * 3
