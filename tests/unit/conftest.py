# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
from pathlib import Path

# ansible-test runs these tests without the folder tests/ on its path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.fixtures import (  # Python finds it only with its folder on the path
    api,
    country_rows,
    shared_simulator,
    simulator,
)

__all__ = ["api", "country_rows", "shared_simulator", "simulator"]
