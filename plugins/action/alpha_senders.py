# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of this name, and adds what only the controller can do.

Reads the entries from the variables of hosts, shows the progress of the module, and writes the report. One run of the
module serves all Services, because each run costs a start and new connections.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import typing as t

from ansible import constants as C
from ansible import context
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, join_first, raise_problems
from ansible_collections.messaging.twilio.plugins.plugin_utils._entries_file import read_entries
from ansible_collections.messaging.twilio.plugins.plugin_utils._hosts import HostEntries, check_hosts, read_hosts
from ansible_collections.messaging.twilio.plugins.plugin_utils._play import Conditions, check_batches, check_runs_once
from ansible_collections.messaging.twilio.plugins.plugin_utils._progress import Watch
from ansible_collections.messaging.twilio.plugins.plugin_utils._records import Rollback, read_rollback
from ansible_collections.messaging.twilio.plugins.plugin_utils._report import make_report
from ansible_collections.messaging.twilio.plugins.plugin_utils._report_files import (
    Files,
    check_files,
    end_record,
    start_record,
    write_report,
)
from ansible_collections.messaging.twilio.plugins.plugin_utils._variables import (
    ROLE,
    connection_options,
    unknown_variable_problem,
    unknown_variables,
)

#: Options that this plugin handles and the module never gets.
OWN_OPTIONS = ("hosts", "file", "rollback_from", "report_path", "report_mode")
#: Options that a record takes the place of.
DESIRED_OPTIONS = ("services", "file", "hosts", "alpha_sender", "country_senders", "state", "replace")
#: Options with a path that the module uses. A relative path starts in the folder in which Ansible was started.
PATH_OPTIONS = ("csv_path", "json_path", "export_path", "journal_path", "progress_path", "record_path", "ca_path")
#: The hosts of the playbooks apply and audit.
PLAY_HOSTS = "__alpha_sender_play_hosts"
NO_SERVICES = "No Services: set alpha_sender_services, or run the play on hosts that have a twilio_service_sid"

Result = dict[str, t.Any]
Variables = dict[str, t.Any]


class ActionModule(NormalAction):  # type: ignore[misc]  # ansible has no types
    #: What the report is about.
    KIND = "rollout"
    #: Whether the module writes its progress to a file.
    HAS_PROGRESS = True
    #: Whether ``country_senders`` can be true, to read all countries.
    ALL_COUNTRIES = False

    def run(self, tmp: str | None = None, task_vars: Variables | None = None) -> Result:
        variables = task_vars or {}
        from_role = variables.get("ansible_role_name") == ROLE
        try:
            check_runs_once(self._task, self._templar, variables)
            if from_role:
                self._task.args = {**self._task.args, **connection_options(variables, self._templar)}
            rollback = self._rollback()
            hosts = self._hosts(variables, from_role=from_role)
            entries: list[t.Any] | None = None if rollback is None else rollback.entries
            if rollback is None:
                entries = self._entries_of_file() if hosts is None else list(hosts.entries.values())
            files = self._files(rollback)
        except InputError as error:
            return {"failed": True, "msg": str(error)}
        given = self._task.args
        self._task.args = {option: value for option, value in given.items() if option not in OWN_OPTIONS}
        if entries is not None:
            self._task.args["services"] = entries
        if files is not None and files.has_lines:
            self._task.args["record_path"] = files.lines
        self._make_paths_absolute()
        try:
            result, ansible_is_gone = self._run_module(tmp, task_vars)
        finally:
            self._task.args = given  # A task with retries runs again.
        if hosts is not None and "outcomes" in result:
            result["hosts"] = hosts.outcomes(result["outcomes"])
        # A result without these two is about bad input, and no request was made.
        if files is not None and ("summary" in result or "error" in result):
            self._report(files, result, hosts)
        elif files is not None:
            _keep_record(files, result)
        if ansible_is_gone:
            # Nobody reads the result. Ansible's worker would write it to a full pipe, and never end.
            raise SystemExit("Ansible's main process ended before the module")
        return result

    def _files(self, rollback: Rollback | None) -> Files | None:
        """Where the report goes, if there is to be one, with the record that the module appends to."""
        given = self._task.args
        path = given.get("report_path")
        if path is None and rollback is not None:
            path = os.path.dirname(rollback.records[-1].path)
        if path is None:
            return None
        if self._task.async_val:
            raise InputError("report_path cannot be used with async: the task ends before there is a result to report")
        name = _playbook() or self.KIND
        files = check_files(path, given.get("report_mode"), name=f"{name}-check" if self._task.check_mode else name)
        if self._is_local() and self.HAS_PROGRESS and not self._task.check_mode:
            try:
                return start_record(files, playbook=_playbook())
            except OSError as error:
                raise InputError(f"report_path must be a path that can be written, got {path!r} ({error})") from None
        return files

    def _rollback(self) -> Rollback | None:
        """The records to take back, if the task names any."""
        path = self._task.args.get("rollback_from")
        if path is None:
            return None
        others = [name for name in DESIRED_OPTIONS if self._task.args.get(name) is not None]
        if others:
            raise InputError(f"rollback_from must not be set together with {others[0]}")
        rollback = read_rollback(path)
        for record in rollback.records:
            Display().display(f"  Rolling back {record}")
        for note in rollback.notes:
            Display().warning(note)
        return rollback

    def _make_paths_absolute(self) -> None:
        """Ansible starts a local module in the folder of the playbook, which may be inside of this collection."""
        if self._connection.transport != "local":
            return
        for name in PATH_OPTIONS:
            path = self._task.args.get(name)
            if isinstance(path, str) and path:
                self._task.args[name] = os.path.abspath(os.path.expanduser(path))

    def _entries_of_file(self) -> list[t.Any] | None:
        """The entries of the file, if the task names one."""
        path = self._task.args.get("file")
        if path is None:
            return None
        if self._task.args.get("services") is not None:
            raise InputError("file must not be set together with services or hosts")
        found = read_entries(path)
        for note in found.notes:
            Display().display(f"  {note}")
        return found.entries

    def _hosts(self, task_vars: Variables, *, from_role: bool) -> HostEntries | None:
        """The entries of the hosts, if the task names hosts and no Services."""
        # With hosts of the user's choice, a condition decides only whether the role runs. The playbooks end after one.
        own_hosts = from_role and not task_vars.get("alpha_sender_hosts") and PLAY_HOSTS not in task_vars
        if from_role:
            raise_problems([unknown_variable_problem(name) for name in unknown_variables(task_vars)])
        given = self._task.args
        if given.get("hosts") is None or given.get("services") is not None or given.get("file") is not None:
            if own_hosts:
                check_batches(self._task, task_vars)
            return None
        names = check_hosts(given["hosts"], task_vars["hostvars"])
        hosts = read_hosts(
            names,
            self._task,
            self._templar,
            task_vars,
            check_names=from_role,
            conditions=Conditions(self._task, self._templar) if own_hosts else None,
            all_countries=self.ALL_COUNTRIES,
        )
        if not hosts.entries:
            raise InputError(NO_SERVICES)
        if hosts.left_out:
            Display().warning(
                f"{len(hosts.left_out)} of {len(names)} hosts have no twilio_service_sid and were left out: "
                f"{join_first(hosts.left_out)}"
            )
        return hosts

    def _run_module(self, tmp: str | None, task_vars: Variables | None) -> tuple[Result, bool]:
        """The result of the module, and whether Ansible's main process ended before it."""
        with contextlib.ExitStack() as stack:
            file = None
            if self._can_follow():
                file = stack.enter_context(tempfile.NamedTemporaryFile("r", dir=C.DEFAULT_LOCAL_TMP, encoding="utf-8"))
                self._task.args = {**self._task.args, "progress_path": file.name}
            watch = stack.enter_context(Watch(file))
            result: Result = super().run(tmp, task_vars)
        return result, watch.ansible_is_gone

    def _is_local(self) -> bool:
        """Whether the module runs on this machine, as this user, until the task ends."""
        return self._connection.transport == "local" and not self._connection.become and not self._task.async_val

    def _can_follow(self) -> bool:
        """Whether the module can write a file that this process reads while the module runs."""
        return self.HAS_PROGRESS and self._is_local() and self._task.args.get("progress_path") is None

    def _report(self, files: Files, result: Result, hosts: HostEntries | None) -> None:
        """Write the report, and add its paths to the result."""
        region = self._task.args.get("region") or os.environ.get("TWILIO_REGION") or None
        try:
            report = make_report(
                self.KIND,
                result,
                check_mode=bool(self._task.check_mode),
                region=region,
                playbook=_playbook(),
                hosts=None if hosts is None else hosts.by_service(),
            )
            written = write_report(files, report)
        except Exception as error:  # pylint: disable=broad-exception-caught
            # No error here may hide the outcomes of the Services.
            line = f"The report {files.page} could not be written: {error}"
            Display().warning(line)
            result.update(failed=True, report=None)
            _add_lines(result, [line])
            _keep_record(files, result)
        else:
            result.update(report=written.page, record=written.data)
            label = "Record" if report["kind"] == "rollout" and not report["check_mode"] else "Data"
            note = [] if files.note is None else [files.note]
            _add_lines(result, [*note, f"Report: {written.page}", f"{label}: {written.data}"])


def _keep_record(files: Files, result: Result) -> None:
    """Add the path of the record to a result without a report, if the run changed something."""
    result["record"] = end_record(files)
    if result["record"] is not None:
        _add_lines(result, [f"Record: {result['record']}"])


def _add_lines(result: Result, lines: t.Iterable[str]) -> None:
    result["msg"] = "\n".join([*filter(None, [result.get("msg")]), *lines])


def _playbook() -> str | None:
    """The name of the playbook that was started: ``apply`` for messaging.twilio.apply or apply.yml."""
    arguments = context.CLIARGS.get("args")
    if not isinstance(arguments, (list, tuple)) or not arguments:
        return None
    name = re.sub(r"\.ya?ml$", "", os.path.basename(arguments[0])).rpartition(".")[2]
    return re.sub(r"[^\w-]", "-", name) or None
