# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of progress of a run."""

from __future__ import annotations

import re
from pathlib import Path


def without_times(path: Path) -> list[str]:
    """The lines without the rate and the time left, which each unfinished line must have."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [re.sub(r"(?<! 0)( left), \d+\.\d a second, about \d+ s to go", r"\1", line) for line in lines]
