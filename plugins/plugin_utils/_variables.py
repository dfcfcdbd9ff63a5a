# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the role, and the check that refuses an unknown one.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import difflib
import typing as t
from functools import cache
from pathlib import Path

from ansible.module_utils.common.yaml import yaml_load
from ansible_collections.messaging.twilio.plugins.module_utils._module import accounts_spec, connection_spec

ROLE = "messaging.twilio.alpha_sender"
PREFIX = "alpha_sender_"
SPECS = Path(__file__).parents[2] / "roles/alpha_sender/meta/argument_specs.yml"

#: Variables of the playbooks apply and audit.
PLAYBOOK_VARIABLES = frozenset({"alpha_sender_group"})
#: What the role sets, and what it publishes with set_stats. A workflow passes the latter to its next job.
OUTPUT_VARIABLES = frozenset(
    {
        "alpha_sender_result",
        "alpha_sender_outcome",
        "alpha_sender_summary",
        "alpha_sender_summary_line",
        "alpha_sender_failed",
        "alpha_sender_failed_left_out",
        "alpha_sender_audit_result",
        "alpha_sender_audit_summary",
        "alpha_sender_audit_summary_line",
        "alpha_sender_audit_senders",
        "alpha_sender_audit_drifted",
        "alpha_sender_audit_drifted_left_out",
    }
)


@cache
def input_variables() -> frozenset[str]:
    """The variables that a user may set: those of the role's argument specs and those of the playbooks."""
    entry_points = yaml_load(SPECS.read_text(encoding="utf-8"))["argument_specs"].values()
    return PLAYBOOK_VARIABLES.union(*(entry_point["options"] for entry_point in entry_points))


def connection_options(task_vars: t.Mapping[str, t.Any], templar: t.Any) -> dict[str, t.Any]:
    """The options of the connection that the variables of the role set. A blank answer of a survey is no value.

    The role's task does not name them: ``omit`` there would hide the value of ``module_defaults``.
    """
    names = {option: PREFIX + option for option in (*connection_spec(), *accounts_spec())}
    given = {option: templar.template(task_vars[name]) for option, name in names.items() if name in task_vars}
    return {option: value for option, value in given.items() if value not in (None, "")}


def unknown_variables(variables: t.Iterable[str]) -> list[str]:
    """The names with the prefix of the role that the role does not know, in alphabetical order."""
    named = {name for name in variables if name.startswith(PREFIX)}
    return sorted(named - input_variables() - OUTPUT_VARIABLES)


def unknown_variable_problem(name: str, host: str | None = None) -> str:
    """The message for an unknown variable, with the closest known name if one is close.

    :arg host: the host that has the variable, if it is not a variable of all hosts.
    """
    subject = name if host is None else f"{name} of the host {host}"
    # Without the prefix, which all names have and which would make any two of them close.
    names = {known.removeprefix(PREFIX): known for known in input_variables()}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), names, n=1)
    advice = f"Did you mean {names[close[0]]}?" if close else "The README of the role lists its variables."
    return f"{subject} is not a variable of the role. {advice}"
