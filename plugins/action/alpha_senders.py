# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of this name as any other, with what only the controller knows.

The module takes the whole list in one run, since each further run costs a start, new connections
and a wait for the last Services. What it does meanwhile it writes to a file, which is read here and
shown as it comes. Where hosts are given, their Services and wishes are taken from their variables.
Where a report is wanted, it is written here, since the controller is where people look for it.
"""

from __future__ import annotations

import contextlib
import gc
import glob
import os
import signal
import tempfile
import threading
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, first_few, shown
from ansible_collections.messaging.twilio.plugins.plugin_utils._report import (
    Files,
    check_files,
    make_report,
    write_report,
)

#: The variables of a host that make its wish.
VARIABLES = {
    "service_sid": "twilio_service_sid",
    "alpha_sender": "alpha_sender_name",
    "state": "alpha_sender_state",
    "replace": "alpha_sender_replace",
}
NO_SERVICES = "No Services: give alpha_sender_services, or let the hosts of the play have a twilio_service_sid"
#: Variables that are the same for all hosts of a play.
OF_THE_PLAY = ("ansible_play_batch", "ansible_play_hosts", "ansible_play_hosts_all", "play_hosts", "hostvars")
#: Seconds between two looks at the file.
INTERVAL = 0.2


class ActionModule(NormalAction):  # type: ignore[misc]  # ansible has no types
    #: What a report of this module is called.
    KIND = "rollout"

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        #: The host and the friendly name of Services, by SID in lower case.
        self._hosts: dict[str, tuple[str, str | None]] = {}

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        given = self._task.args
        if given.get("report_path") is None:
            return self._run_for_services(tmp, task_vars)
        try:
            files = check_files(given["report_path"], given.get("report_mode"))
            if self._task.async_val:
                raise InputError("report_path: a task with async ends before there is something to report")
        except InputError as error:
            return {"failed": True, "msg": str(error)}
        result = self._run_for_services(tmp, task_vars)
        # Without either of them there was no request.
        if "summary" in result or "error" in result:
            self._report(files, result)
        return result

    def _report(self, files: Files, result: dict[str, t.Any]) -> None:
        region = self._task.args.get("region") or os.environ.get("TWILIO_REGION") or None
        dry_run = bool(self._task.check_mode)
        try:
            report = make_report(self.KIND, result, dry_run=dry_run, region=region, hosts=self._hosts)
            write_report(files, report)
        except Exception as error:  # pylint: disable=broad-exception-caught
            # Whatever it is, it must not hide what was done to the Services.
            told = f"The report {files.page} was not written: {error}"
            result.update(failed=True, msg=". ".join(filter(None, [told, result.get("msg")])), report=None)
            Display().warning(told)
            line = told
        else:
            result["report"] = files.page
            line = f"Report: {files.page}"
        if "summary_block" in result:
            result["summary_block"] = [*result["summary_block"], line]

    def _run_for_services(self, tmp: str | None, task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        given = self._task.args
        hosts = given.get("hosts")
        if hosts is None or given.get("services") is not None:
            return self._run_and_follow(tmp, task_vars)
        hosts = hosts.split(",") if isinstance(hosts, str) else hosts
        if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
            return {"failed": True, "msg": f"hosts: {shown(hosts)} is not a list of names of hosts"}
        unknown = [host for host in hosts if host not in (task_vars or {})["hostvars"]]
        if unknown:
            told = f"hosts: {shown(unknown[0])} is not a host of the inventory, which ansible-inventory --graph shows"
            return {"failed": True, "msg": told}
        try:
            wishes, left_out = self._wishes_of_hosts(hosts, task_vars or {})
        except InputError as error:
            return {"failed": True, "msg": str(error)}
        if not wishes:
            return {"failed": True, "msg": NO_SERVICES}
        self._task.args = {**given, "hosts": None, "services": list(wishes.values())}
        try:
            result = self._run_and_follow(tmp, task_vars)
        finally:
            self._task.args = given  # for the next try, where the task has retries
        if "services" in result:
            outcomes = {outcome["service_sid"].lower(): outcome for outcome in result["services"]}
            result["hosts"] = {host: outcomes.get(wish["service_sid"].lower()) for host, wish in wishes.items()}
        if left_out:
            told = f"{len(left_out)} of {len(hosts)} hosts have no twilio_service_sid and were left out: "
            told += first_few(left_out)
            Display().warning(told)
        return result

    def _wishes_of_hosts(
        self, hosts: list[str], task_vars: dict[str, t.Any]
    ) -> tuple[dict[str, dict[str, t.Any]], list[str]]:
        """What each host wants, as entries for the module, and the hosts that have no Service.

        The variables are those of the host in this very play and role, with Ansible's precedence: a
        value of the play holds for all, one of the inventory for its host, and the role's default else.
        """
        wishes: dict[str, dict[str, t.Any]] = {}
        left_out: list[str] = []
        manager, play = self._task.get_variable_manager(), self._task.play
        inventory = task_vars["hostvars"]._inventory
        of_the_play = {variable: task_vars[variable] for variable in OF_THE_PLAY if variable in task_vars}
        for name in hosts:
            # Told all hosts, Ansible would go through all of them for each.
            variables = manager.get_vars(
                play=play, host=inventory.get_host(name), task=self._task, include_hostvars=False,
                _hosts=[name], _hosts_all=[name],
            )  # fmt: skip
            variables.update(of_the_play)
            templar = None
            wish = {}
            for key, variable in VARIABLES.items():
                value = variables.get(variable)
                if self._templar.is_template(value):
                    templar = templar or self._templar.copy_with_new_env(available_variables=variables)
                    try:
                        value = templar.template(value)
                    except AnsibleError as error:
                        raise InputError(f"{variable} of {name}: its template cannot be rendered: {error}") from None
                if key == "replace" and isinstance(value, str):
                    # As from an INI file or the command line. What is none of these words the module refuses.
                    value = {"true": True, "yes": True, "false": False, "no": False}.get(value.lower(), value)
                if value is not None:
                    wish[key] = value
            if "service_sid" in wish:
                wishes[name] = wish
                friendly_name = variables.get("twilio_friendly_name")
                self._hosts[str(wish["service_sid"]).lower()] = (
                    name,
                    None if friendly_name is None else str(friendly_name),
                )
            else:
                left_out.append(name)
        return wishes, left_out

    def _run_and_follow(self, tmp: str | None, task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        with contextlib.ExitStack() as stack:
            file = None
            given = self._task.args
            if self._can_follow():
                file = stack.enter_context(tempfile.NamedTemporaryFile("r", dir=C.DEFAULT_LOCAL_TMP, encoding="utf-8"))
                self._task.args = {**given, "progress_path": file.name}
            ended = threading.Event()
            follower = threading.Thread(target=_follow, args=(file, os.getppid(), ended), daemon=True)
            follower.start()
            try:
                return self._run_module(tmp, task_vars)
            finally:
                self._task.args = given
                ended.set()
                follower.join()

    def _run_module(self, tmp: str | None, task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        # This process is a fork of Ansible's. Without this the collector goes through all that Ansible
        # holds, again and again, while the module is packed, which then takes three times as long.
        gc.freeze()
        try:
            result: dict[str, t.Any] = super().run(tmp, task_vars)
        finally:
            gc.unfreeze()
        return result

    def _can_follow(self) -> bool:
        """The module must be able to write a file of this process, which must be there to read it."""
        return (
            self._connection.transport == "local"
            and not self._connection.become
            and not self._task.async_val
            and self._task.args.get("progress_path") is None
        )


def _follow(file: t.TextIO | None, ansible: int, ended: threading.Event) -> None:
    """Show the lines that come into ``file``, and end the module once the process ``ansible`` is gone."""
    # Ansible passes signals on to the module in the main thread, which sleeps until the module says
    # something unless it is the one that is interrupted.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    display = Display()
    while True:
        last = ended.wait(INTERVAL)
        for line in file or ():
            display.display(f"  {line.rstrip()}")
        if last:
            return
        # A job system that cancels a job kills Ansible alone, and nobody would stop the module. Where this
        # process does not lead a group of its own, as before ansible-core 2.19, the kill reaches the module as well.
        # What is not covered here is tested: the process ends with Ansible, before it has told what it ran.
        if os.getppid() != ansible and os.getpgrp() == os.getpid():  # pragma: no cover
            for process in _others_of_this_group():
                with contextlib.suppress(OSError):
                    os.kill(process, signal.SIGTERM)
            ansible = os.getppid()


def _others_of_this_group() -> t.Iterator[int]:  # pragma: no cover  # as above
    """The module and what stands between it and this process. This one itself, where that is not known."""
    others = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        with (
            contextlib.suppress(OSError, ValueError, IndexError),
            open(path, encoding="utf-8", errors="replace") as stat,
        ):
            # After the name, which is in brackets and may hold anything: state, parent, group.
            process, group = int(path.split("/")[2]), int(stat.read().rpartition(")")[2].split()[2])
            if group == os.getpid() != process:
                others.append(process)
    return iter(others or [os.getpid()])
