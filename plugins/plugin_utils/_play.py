# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The play around a task: whether the task runs once for all hosts, and which hosts its conditions select.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.loader import strategy_loader
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, plural, quoted

#: What to do instead of a condition that differs between hosts.
ADVICE = "Use ansible.builtin.include_role, on which it counts for each host, or select hosts with group_by or --limit"

Variables = dict[str, t.Any]


def check_runs_once(task: t.Any, templar: t.Any, task_vars: Variables) -> None:
    """Refuse a task with ``run_once`` that the strategy of its play would run once for each host.

    :raises InputError: if so.
    """
    # Hosts that failed are not in the batch, but with some of these strategies the task ran for them.
    hosts = task_vars.get("ansible_play_batch" if task.play.serial else "ansible_play_hosts_all") or ()
    if not task.run_once or len(hosts) < 2:
        return
    name = templar.template(task.play.strategy)
    strategy = strategy_loader.get(name, class_only=True)
    # The strategies that ignore run_once are free and those made from it. They also limit tasks on their own.
    if strategy is not None and not strategy.ALLOW_BASE_THROTTLING:
        raise InputError(
            f"strategy must be linear, got {quoted(name)}: this task would run once for each of {len(hosts)} hosts. "
            "Set strategy: linear in the play"
        )


def check_batches(task: t.Any, task_vars: Variables) -> None:
    """Refuse the Services of a list in a play with several batches, each of which would process them.

    :raises InputError: if so.
    """
    if task.play.serial and len(task_vars["ansible_play_batch"]) < len(task_vars["ansible_play_hosts_all"]):
        raise InputError(
            "serial must not be set with a list or file of Services, because each batch would process all of them. Run "
            "the play on localhost"
        )


class Conditions:
    """The ``when`` conditions around a task, on each host.

    A condition of an include counts for each host, because Ansible includes the task for some hosts only. Any other one
    counts for the first host alone, because the task has ``run_once``.
    """

    def __init__(self, task: t.Any, templar: t.Any) -> None:
        self._task = task
        self._templar = templar
        self._includes = [include for include in _includes(task) if include.when]
        self._excluded: list[str] = []
        self._hosts = 0

    def select(self, host: str, variables: Variables) -> bool:
        """Whether the task is for this host.

        :raises InputError: if a condition cannot be evaluated.
        """
        if not all(self._holds(include, host, variables) for include in self._includes):
            return False
        self._hosts += 1
        if self._task.when and not self._holds(self._task, host, variables):
            self._excluded.append(host)
        return True

    def check(self) -> None:
        """Refuse conditions that Ansible evaluates for the first host alone and that are false for another host.

        :raises InputError: if so.
        """
        if self._excluded:
            raise InputError(
                "when on the role must be the same for all hosts, got false for "
                f"{len(self._excluded)} of {plural(self._hosts, 'host')}. {ADVICE}"
            )

    def _holds(self, conditional: t.Any, host: str, variables: Variables) -> bool:
        templar = self._templar.copy_with_new_env(available_variables=variables)
        try:
            if hasattr(templar, "evaluate_conditional"):
                return all(templar.evaluate_conditional(condition) for condition in conditional.when)
            # ansible-core before 2.19
            return bool(conditional.evaluate_conditional(templar, variables))  # pragma: no cover
        except AnsibleError as error:
            raise InputError(f"when on the role failed for the host {host}: {error}") from None


def _includes(task: t.Any) -> t.Iterator[t.Any]:
    """The dynamic includes that a task came from."""
    parent = task._parent
    while parent is not None:
        if isinstance(parent, TaskInclude) and not parent.statically_loaded:
            yield parent
        parent = getattr(parent, "_parent", None)
