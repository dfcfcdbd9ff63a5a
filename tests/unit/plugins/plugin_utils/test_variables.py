# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of the role's variables."""

from __future__ import annotations

import pytest
from ansible_collections.messaging.twilio.plugins.plugin_utils._variables import (
    unknown_variable_problem,
    unknown_variables,
)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("alpha_sender_nmae", "alpha_sender_name"),
        ("alpha_sender_service", "alpha_sender_services"),
        ("alpha_sender_report", "alpha_sender_report_path"),
        ("alpha_sender_audit_fail_on_drft", "alpha_sender_audit_fail_on_drift"),
        ("alpha_sender_grup", "alpha_sender_group"),
    ],
)
def test_message_has_the_closest_name_of_an_unknown_variable(name: str, known: str) -> None:
    assert unknown_variables([name, known, "other"]) == [name]
    assert f"{name} is not a variable of the role. Did you mean {known}?" in unknown_variable_problem(name)


def test_message_has_no_name_if_none_is_close() -> None:
    assert unknown_variable_problem("alpha_sender_xyz") == (
        "alpha_sender_xyz is not a variable of the role. The README of the role lists its variables."
    )
