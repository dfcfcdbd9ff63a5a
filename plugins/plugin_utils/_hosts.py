# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of a module, made from the variables of hosts. A host is a Messaging Service.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible.errors import AnsibleError
from ansible_collections.messaging.twilio.plugins.module_utils._errors import (
    InputError,
    join_first,
    quoted,
    raise_problems,
)
from ansible_collections.messaging.twilio.plugins.plugin_utils._play import Conditions
from ansible_collections.messaging.twilio.plugins.plugin_utils._variables import (
    unknown_variable_problem,
    unknown_variables,
)

#: The variable of a host for each key of its entry.
VARIABLES = {
    "service_sid": "twilio_service_sid",
    "account_sid": "twilio_account_sid",
    "alpha_sender": "alpha_sender_name",
    "country_senders": "alpha_sender_country_senders",
    "state": "alpha_sender_state",
    "replace": "alpha_sender_replace",
}
#: Variables that are the same for all hosts of a play.
PLAY_VARIABLES = ("ansible_play_batch", "ansible_play_hosts", "ansible_play_hosts_all", "play_hosts")
#: The words that an INI file or the command line gives for a boolean. The module refuses any other string.
BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}
#: The actions of outcomes. If a Service has several outcomes, that with the first of these actions stands for its host.
ACTIONS = ("failed", "skipped", "replaced", "created", "deleted", "unchanged")

Outcome = t.Mapping[str, t.Any]
Variables = dict[str, t.Any]


@dataclass
class HostEntries:
    """The entries of hosts.

    :ivar entries: the entry of each host that has a Service, by the name of the host.
    :ivar left_out: the hosts without a Service.
    """

    entries: dict[str, dict[str, t.Any]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def by_service(self) -> dict[str, tuple[str, str | None]]:
        """The host and the friendly name of each Service, by its SID in lower case."""
        return {
            str(entry["service_sid"]).lower(): (host, entry.get("service_name")) for host, entry in self.entries.items()
        }

    def outcomes(self, outcomes: t.Iterable[Outcome]) -> dict[str, Outcome | None]:
        """The outcome of each host, out of those of a run. A Service has one for each country as well."""
        by_service: dict[str, list[Outcome]] = {}
        for outcome in outcomes:
            by_service.setdefault(outcome["service_sid"].lower(), []).append(outcome)
        return {
            host: _summarize(by_service.get(str(entry["service_sid"]).lower(), []))
            for host, entry in self.entries.items()
        }


def _summarize(outcomes: t.Sequence[Outcome]) -> Outcome | None:
    """One outcome of a host, with the messages of all of them."""
    if len(outcomes) < 2:
        return outcomes[0] if outcomes else None
    first = min(outcomes, key=lambda outcome: ACTIONS.index(outcome["action"]))
    messages = [outcome["msg"] for outcome in outcomes if "msg" in outcome]
    return {**first, "msg": "\n".join(messages)} if messages else first


def check_hosts(hosts: object, inventory: t.Container[str]) -> list[str]:
    """The option ``hosts`` as a list of names.

    :raises InputError: if it is not a list of hosts of the inventory.
    """
    names = hosts.split(",") if isinstance(hosts, str) else hosts
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"hosts must be a list of names of hosts, got {quoted(hosts)}")
    unknown = [quoted(name) for name in names if name not in inventory]
    if unknown:
        raise InputError(
            f"hosts must be hosts of the inventory, got {join_first(unknown)}. ansible-inventory --graph shows them."
        )
    return names


def read_hosts(
    hosts: t.Iterable[str],
    task: t.Any,
    templar: t.Any,
    task_vars: Variables,
    *,
    check_names: bool,
    conditions: Conditions | None = None,
    all_countries: bool = False,
) -> HostEntries:
    """The entries of ``hosts``, with Ansible's precedence of variables for this very task.

    A variable of the play counts for all hosts, a variable of the inventory for its host, and a role default for
    the hosts that have neither.

    :arg check_names: whether to refuse variables that the role does not know.
    :arg conditions: those of the role, if they select hosts.
    :arg all_countries: whether ``country_senders`` can be true instead of a mapping. Then it is an option of the task.
    :raises InputError: if a host has an unknown variable, or a template that cannot be rendered.
    """
    found = HostEntries()
    # Names that the current host has, too, are checked with the variables of the task.
    seen = set(unknown_variables(task_vars))
    problems = []
    for host, variables in _host_variables(hosts, task, task_vars):
        if conditions is not None and not conditions.select(host, variables):
            continue
        if check_names:
            unknown = [name for name in unknown_variables(variables) if name not in seen]
            seen.update(unknown)
            problems += [unknown_variable_problem(name, host) for name in unknown]
        entry = _entry(host, variables, templar)
        if all_countries and not isinstance(entry.get("country_senders"), t.Mapping):
            entry.pop("country_senders", None)
        if "service_sid" not in entry:
            found.left_out.append(host)
            continue
        service_name = variables.get("twilio_friendly_name")
        if service_name is not None:
            entry["service_name"] = str(service_name)
        found.entries[host] = entry
    raise_problems(problems)
    if conditions is not None:
        conditions.check()
    return found


def _host_variables(hosts: t.Iterable[str], task: t.Any, task_vars: Variables) -> t.Iterator[tuple[str, Variables]]:
    """Each host with its variables, as the task would have them on that host."""
    # No public attribute leads to the inventory.
    inventory = task_vars["hostvars"]._inventory
    manager = task.get_variable_manager()
    shared = {name: task_vars[name] for name in PLAY_VARIABLES if name in task_vars}
    for name in hosts:
        # Without the two private arguments Ansible lists all hosts for each host. Measured with 10,000 hosts on
        # ansible-core 2.19: 3.6 s with them, 14.5 s without.
        variables: Variables = manager.get_vars(
            play=task.play, host=inventory.get_host(name), task=task, _hosts=[name], _hosts_all=[name]
        )
        yield name, {**variables, **shared}


def _entry(host: str, variables: Variables, templar: t.Any) -> dict[str, t.Any]:
    """The keys of ``VARIABLES`` that the host has a value for. A blank answer of a survey is no value."""
    entry = {}
    for key, variable in VARIABLES.items():
        value = variables.get(variable)
        if templar.is_template(value):
            try:
                value = templar.copy_with_new_env(available_variables=variables).template(value)
            except AnsibleError as error:
                raise InputError(f"The template of {variable} of the host {host} failed: {error}") from None
        if key == "replace" and isinstance(value, str):
            value = BOOLEANS.get(value.lower(), value)
        if value not in (None, ""):
            entry[key] = value
    return entry
