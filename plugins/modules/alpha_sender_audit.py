#!/usr/bin/python
# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: alpha_sender_audit
short_description: Audit the alpha senders of Twilio Messaging Services
version_added: 0.1.0
description:
  - Reads the alphanumeric sender IDs (alpha senders) of many Twilio Messaging Services, or of all Services of an
    account, and compares them with the desired state. Never changes anything at Twilio.
  - A Service matches if M(messaging.twilio.alpha_senders) would not change it.
  - The playbook C(messaging.twilio.audit) runs this module and shows the result.
author:
  - messaging.twilio contributors (@messaging-twilio)
options:
  services:
    description:
      - The Messaging Services, in the form of O(messaging.twilio.alpha_senders#module:services). An entry without a
        desired state is read, but not compared.
      - If you set neither O(services) nor O(file) nor O(hosts), the module audits all Services of the account.
    type: list
    elements: raw
  alpha_sender:
    description: The desired alpha sender. If not set and O(state=present), the Services are read, but not compared.
    type: raw
  country_senders:
    description:
      - The desired alpha senders for single countries, as for M(messaging.twilio.alpha_senders).
      - With V(true), the module reads the alpha senders for all single countries of each Service, and does not compare
        them.
    type: raw
  state:
    description: The desired state, as for M(messaging.twilio.alpha_senders).
    type: str
    choices: [present, absent]
    default: present
  replace:
    description:
      - Whether another alpha sender may be replaced, as for M(messaging.twilio.alpha_senders). A Service with another
        alpha sender never matches.
      - If V(false), the row of such a Service explains that it needs O(replace=true).
    type: bool
    default: true
  concurrency:
    description: Number of Services that are read at the same time, 1 to 100.
    type: int
    default: 10
  table_rows:
    description: Maximum number of rows in RV(table), 0 or more.
    type: int
    default: 25
  json_path:
    description:
      - Path of a JSON file for the counts and all rows, as for O(csv_path).
    type: path
  csv_path:
    description:
      - Path of a CSV file for all rows. M(messaging.twilio.alpha_senders) takes it as O(file), and changes nothing
        unless you edit its column C(alpha_sender).
      - A cell that a spreadsheet would take for a formula starts with an apostrophe, which O(file) removes.
      - A relative path starts in the folder in which you started C(ansible-playbook). If the folder of the file is
        missing, the module creates it.
      - Not written in check mode.
    type: path
  export_path:
    description:
      - Path of a YAML file with the current alpha senders as C(alpha_sender_services), to keep them under version
        control. The playbook C(messaging.twilio.apply) takes it with C(-e @FILE), and O(file) takes it, too.
      - Services that could not be read, or have several alpha senders, are comments.
      - Like O(csv_path) otherwise.
    type: path
extends_documentation_fragment:
  - messaging.twilio._controller
  - messaging.twilio._accounts
  - messaging.twilio._connection
  - messaging.twilio._attributes.info
seealso:
  - module: messaging.twilio.alpha_senders
  - module: messaging.twilio.service_info
"""

EXAMPLES = r"""
- name: Read the alpha sender of every Service
  messaging.twilio.alpha_sender_audit:
  register: audit

- name: Find the Services whose alpha sender is not ACME
  messaging.twilio.alpha_sender_audit:
    alpha_sender: ACME
    concurrency: 20
  register: audit

- name: Show the result, Services that differ first
  ansible.builtin.debug:
    msg: "{{ audit.table }}"
"""

RETURN = r"""
msg:
  description:
    - The summary line. If the module wrote a report, a line with its path follows.
    - If the task failed, the reason.
  returned: always
  type: str
  sample: "1000 Services: 750 with alpha sender, 250 without, 700 as desired, 300 drifted, 0 unread"
rows:
  description: A row for each Service, and for each of its countries in O(country_senders).
  returned: success
  type: list
  elements: dict
  contains:
    service_sid:
      description: SID of the Service.
      returned: always
      type: str
    service_name:
      description: Friendly name of the Service. Null if the account has no such Service.
      returned: always
      type: str
    account_sid:
      description: SID of the account of the Service. Null if it is unknown.
      returned: always
      type: str
    iso_country_code:
      description: Country of the alpha sender. Null if it is for all countries.
      returned: always
      type: str
    alpha_sender:
      description: Alpha sender of the Service. Null if it has none, or if it could not be read.
      returned: always
      type: str
    desired:
      description: The desired alpha sender. Null if there is none.
      returned: always
      type: str
    matches:
      description: Whether the Service is in the desired state. Null if it was not compared, or could not be read.
      returned: always
      type: bool
    state:
      description: V(present) if the Service has an alpha sender, V(absent) if not. Null if it could not be read.
      returned: always
      type: str
    msg:
      description:
        - Why the Service could not be read, or why M(messaging.twilio.alpha_senders) would fail for it. Otherwise null.
      returned: always
      type: str
senders:
  description: Number of rows with each alpha sender. The most frequent one is first.
  returned: success
  type: dict
  sample:
    ACME: 750
summary:
  description: Number of rows with each result. This is the number of Services, unless you set O(country_senders).
  returned: success
  type: dict
  contains:
    total:
      description: All rows.
      returned: always
      type: int
    with_sender:
      description: The Service has an alpha sender.
      returned: always
      type: int
    without_sender:
      description: The Service has no alpha sender.
      returned: always
      type: int
    matching:
      description: The Service is in the desired state.
      returned: always
      type: int
    drifted:
      description: The Service is not in the desired state.
      returned: always
      type: int
    unread:
      description: The Service could not be read.
      returned: always
      type: int
drifted:
  description: SIDs of the Services that are not in the desired state.
  returned: success
  type: list
  elements: str
  sample:
    - MG00000000000000000000000000000001
table:
  description: The first rows as lines of a table, and the number of the other rows. Services that differ come first.
  returned: success
  type: list
  elements: str
  sample:
    - service_sid                         service_name  alpha_sender  desired  matches
    - MG00000000000000000000000000000001  Shop UK       OLD           ACME     NO
    - and 999 more
started_at:
  description: Start of the run, in UTC.
  returned: success
  type: str
  sample: "2026-01-31T12:00:00Z"
seconds:
  description: Duration of the run in seconds, without the start and the end of the module.
  returned: success
  type: float
  sample: 12.345
requests:
  description: Number of requests, including retries.
  returned: success
  type: int
  sample: 1750
report:
  description: Path of the report. Null if it could not be written.
  returned: O(report_path) is set
  type: str
record:
  description: Path of the JSON file with the same data. Null if it could not be written.
  returned: O(report_path) is set
  type: str
error:
  description: Error of Twilio or of the network, with the keys of RV(messaging.twilio.alpha_sender#module:error).
  returned: failure, unless an option is not valid
  type: dict
"""

import typing as t
from functools import lru_cache

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.messaging.twilio.plugins.module_utils._audit import audit, audit_result
from ansible_collections.messaging.twilio.plugins.module_utils._audit_files import PATH_OPTIONS, write_files
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_compared
from ansible_collections.messaging.twilio.plugins.module_utils._module import (
    Connect,
    accounts_spec,
    check_concurrency,
    check_controller_options,
    check_minimum,
    check_path,
    connection_spec,
    controller_spec,
    desired_spec,
    run_module,
    services_spec,
)
from ansible_collections.messaging.twilio.plugins.module_utils._progress import Stopwatch
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._services import Directory, list_services, split_valid


def main() -> None:
    spec = {
        **services_spec(),
        "table_rows": {"type": "int", "default": 25},
        "json_path": {"type": "path"},
        "csv_path": {"type": "path"},
        "export_path": {"type": "path"},
    }
    spec = {**spec, **desired_spec(), **controller_spec(), **accounts_spec(), **connection_spec()}
    spec["country_senders"] = {"type": "raw"}  # true, or what a country is compared with
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)

    def job(params: dict[str, t.Any], connect: Connect) -> dict[str, t.Any]:
        check_controller_options(params)
        check_concurrency(params["concurrency"])
        check_minimum("table_rows", params["table_rows"])
        paths = {} if module.check_mode else {name: params[name] for name in PATH_OPTIONS}
        for name, path in paths.items():
            check_path(path, name)
        client, stopwatch = connect(params["concurrency"]), Stopwatch()
        all_services = lru_cache(maxsize=None)(lambda: list_services(client))
        entries = params["services"]
        warnings: list[str] = []
        if entries is None:
            valid, warnings = split_valid(all_services())
            entries = [{"service_sid": one["sid"], "account_sid": one.get("account_sid")} for one in valid]
            if not client.several:
                entries = [one["sid"] for one in valid]
        directory = Directory(all_services, several=client.several)
        common = {name: params[name] for name in desired_spec()}
        all_countries = params["country_senders"] in (True, "true", "True", "yes")
        if all_countries or params["country_senders"] in (False, "false", "False", "no", ""):
            common["country_senders"] = None
        desired, others = make_compared(
            entries,
            common,
            locate=directory.locate,
            check=lambda found: client.check(one.slot.account_sid for one in found),
            all_countries=all_countries,
        )
        rows = audit(client, desired, others, all_services(), concurrency=params["concurrency"])
        result = audit_result(ALPHA_SENDER, rows, table_rows=params["table_rows"])
        result.update(stopwatch.fields(client), warnings=warnings)
        try:
            result["msg"] = "\n".join([result["msg"], *write_files(paths, result)])
        except OSError as error:
            result.update(failed=True, msg=f"{result['msg']}\nThe result cannot be written: {error}")
        return result

    run_module(module, job)


if __name__ == "__main__":
    main()
