# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration targets, which ``make integration`` and ``make contract`` run."""

from __future__ import annotations

from support.ansible_run import ROOT, TARGETS, TARGETS_FOLDER


def test_there_are_targets() -> None:
    assert {"module_alpha_sender", "bad_input", "role_alpha_sender"} <= set(TARGETS)


def test_ansible_test_copies_each_file_of_the_simulator() -> None:
    needed = {
        line.removeprefix("needs/file/")
        for line in (TARGETS_FOLDER / "setup_simulator/aliases").read_text(encoding="utf-8").splitlines()
        if line.startswith("needs/file/")
    }
    assert needed == {str(path.relative_to(ROOT)) for path in (ROOT / "tests/simulator").glob("*.py")}
