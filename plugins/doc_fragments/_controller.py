# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options that the action plugin reads on the controller, in the order of ``controller_spec``."""

    DOCUMENTATION = r"""
options:
  hosts:
    description:
      - Names of inventory hosts that stand for Services, as P(messaging.twilio.services#inventory) creates them. An
        alternative to O(services), and ignored if you set that or O(file).
      - The variable C(twilio_service_sid) of a host names its Service. The module warns about hosts without this
        variable and ignores them.
      - A host can have its own desired state in the variables C(alpha_sender_name), C(alpha_sender_country_senders),
        C(alpha_sender_state) and C(alpha_sender_replace). Otherwise the options of the task apply.
      - If a host has the variable C(twilio_account_sid), its Service must belong to an account of the task.
      - Use it with C(run_once), so that one task handles all hosts.
      - Read on the controller, by the action plugin of this module.
    type: list
    elements: str
  file:
    description:
      - Path of a file with the entries for O(services), on the controller. Its suffix is V(.csv), V(.json) or V(.yml).
        An alternative to O(services).
      - A CSV file has a line for each alpha sender. Its first line names the columns, in any order. The module knows
        C(service_sid), C(service_name), C(account_sid), C(iso_country_code), C(alpha_sender), C(state), C(only_if) and
        C(replace), and ignores other columns.
      - The file can come from a spreadsheet, with commas, semicolons or tabs. Blanks around cells are removed.
      - In a CSV file, an empty cell in C(alpha_sender) is an error, unless C(state) is C(absent). In C(only_if),
        C((none)) stands for a Service without an alpha sender, and an empty cell for no condition.
      - If there is both a SID and a name, the SID counts.
      - A JSON or YAML file has a list of the entries that O(services) takes.
      - The files that M(messaging.twilio.alpha_sender_audit) writes are valid, too.
      - A relative path starts in the folder in which you started C(ansible-playbook).
      - Read on the controller, by the action plugin of this module.
    type: str
  report_path:
    description:
      - Path of a report on the controller, which ends in V(.html). The report is a web page with the result of each
        Service.
      - Or a directory, which is created if its parent exists. Each run writes its own files there, and C(latest.html)
        leads to the newest report. Their names have the time, the playbook and the account.
      - A second file in the same folder has the same data as JSON. Its name ends in V(.json) instead.
      - The module also writes the report in check mode, if Services failed, and if the run was stopped or cancelled.
      - A relative path starts in the folder in which you started C(ansible-playbook). The module replaces existing
        files, but never the report of a run that changed something. Then the new report gets another name.
      - If the path cannot be written, the task fails before the first request.
      - Not available in tasks with C(async).
      - Read on the controller, by the action plugin of this module.
    type: str
  report_mode:
    description:
      - Mode of both files of the report, as a string of a zero and three octal digits, for example V("0640").
      - If not set, an existing file keeps its mode, and the umask sets the mode of a new file.
      - Read on the controller, by the action plugin of this module.
    type: raw
"""
