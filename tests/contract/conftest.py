# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from contract.calls import Recorded, record
from contract.check import Contract
from simulator import Simulator
from support.account import seed


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract()


@pytest.fixture(scope="session")
def recorded() -> Recorded:
    with pytest.MonkeyPatch.context() as patch, Simulator(seed()) as simulator:
        patch.setenv("NO_PROXY", "127.0.0.1")
        return record(simulator)
