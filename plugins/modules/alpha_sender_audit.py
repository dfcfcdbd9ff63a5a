#!/usr/bin/python
# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: alpha_sender_audit
short_description: Tell which Twilio Messaging Service sends as what, and whether it should
version_added: 0.1.0
description:
  - Reads the alphanumeric sender IDs (alpha senders) of many Twilio Messaging Services, or of all of an account, and
    compares them with what is wanted. It never writes to Twilio.
  - A Service matches where M(messaging.twilio.alpha_senders) would have nothing to do.
  - Publishes C(alpha_sender_audit_summary), C(alpha_sender_audit_summary_line), C(alpha_sender_audit_senders), the SIDs
    of the first 100 Services that differ as C(alpha_sender_audit_drifted), and how many differ beside those as
    C(alpha_sender_audit_drifted_left_out), as M(ansible.builtin.set_stats) does it.
  - The playbook C(messaging.twilio.audit) shows the result.
author:
  - messaging.twilio contributors (@messaging-twilio)
options:
  services:
    description:
      - The Messaging Services, as for M(messaging.twilio.alpha_senders), where an entry without a wish is only read.
      - Without it and without O(hosts), all Services of the account.
    type: list
    elements: raw
  hosts:
    description:
      - Names of hosts of the inventory that are Services, as for M(messaging.twilio.alpha_senders).
    type: list
    elements: str
  alpha_sender:
    description: The alpha sender that is wanted. Without one, and with O(state=present), the Services are only read.
    type: raw
  state:
    description: What is wanted, as for M(messaging.twilio.alpha_senders).
    type: str
    choices: [present, absent]
    default: present
  replace:
    description: Whether another sender may be replaced, as for M(messaging.twilio.alpha_senders).
    type: bool
    default: true
  concurrency:
    description: How many Services are read at once, 1 to 100.
    type: int
    default: 10
  table_rows:
    description: How many rows the table has, 0 or more.
    type: int
    default: 25
  json_path:
    description: Absolute path of a file that the counts and all rows are written to as JSON, except in check mode.
    type: path
  csv_path:
    description: Absolute path of a file that all rows are written to as CSV, except in check mode.
    type: path
extends_documentation_fragment:
  - messaging.twilio._report
  - messaging.twilio._connection
  - messaging.twilio._attributes.info
seealso:
  - module: messaging.twilio.alpha_senders
  - module: messaging.twilio.service_info
"""

EXAMPLES = r"""
- name: Which Service sends as what?
  messaging.twilio.alpha_sender_audit:
  register: audit

- name: Does every Service send as ACME?
  messaging.twilio.alpha_sender_audit:
    alpha_sender: ACME
    concurrency: 20
  register: audit

- name: Show those that do not first
  ansible.builtin.debug:
    msg: "{{ audit.table }}"
"""

RETURN = r"""
services:
  description: A row for each Service.
  returned: success
  type: list
  elements: dict
  contains:
    service_sid:
      description: SID of the Service.
      returned: always
      type: str
    friendly_name:
      description: Its friendly name. Null where there is no such Service.
      returned: always
      type: str
    alpha_sender:
      description: The alpha sender that it has. Null where it has none, or it could not be read.
      returned: always
      type: str
    wanted:
      description: The one that is wanted. Null where none is wanted, or nothing is wanted of it.
      returned: always
      type: str
    matches:
      description: Whether it is as wanted. Null where nothing is wanted of it, or it could not be read.
      returned: always
      type: bool
    msg:
      description: Why it could not be read, or could not be brought to what is wanted. Null otherwise.
      returned: always
      type: str
senders:
  description: How many Services have each alpha sender.
  returned: success
  type: dict
  sample:
    ACME: 750
summary:
  description: Counts of the Services.
  returned: success
  type: dict
  contains:
    services:
      description: All that were looked at.
      returned: always
      type: int
    with_sender:
      description: Those that have an alpha sender.
      returned: always
      type: int
    without_sender:
      description: Those that have none.
      returned: always
      type: int
    matching:
      description: Those that are as wanted.
      returned: always
      type: int
    drifted:
      description: Those that are not.
      returned: always
      type: int
    unread:
      description: Those that could not be read.
      returned: always
      type: int
summary_line:
  description: The same as one line.
  returned: success
  type: str
  sample: "1000 Services: 750 have an alpha sender, 250 have none, 700 are as wanted, 300 are not, 0 could not be read"
summary_block:
  description: The same as lines to read. Where a report was written, a line with its path.
  returned: success
  type: list
  elements: str
  sample:
    - "1000 Services: 750 have an alpha sender, 250 have none, 0 could not be read"
started:
  description: When it began, in UTC.
  returned: success
  type: str
  sample: "2026-01-31T12:00:00Z"
seconds:
  description: How many seconds it took, without the start and the end of the module.
  returned: success
  type: float
  sample: 12.345
requests:
  description: How many requests were made, with those that were repeated.
  returned: success
  type: int
  sample: 1750
report:
  description: Path of the report. Null where it could not be written.
  returned: O(report_path) was given
  type: str
table:
  description: The first rows as lines of a table, those first that differ, and a count of the rest.
  returned: success
  type: list
  elements: str
  sample:
    - service_sid                         friendly_name  alpha_sender  wanted  matches
    - MG00000000000000000000000000000001  Shop UK        OLD           ACME    NO
    - and 999 more
error:
  description: What Twilio or the network said, as the return value RV(messaging.twilio.alpha_sender#module:error).
  returned: failure, other than for bad input
  type: dict
"""

import typing as t
from functools import lru_cache

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.messaging.twilio.plugins.module_utils._audit import audit, audit_result, write_csv, write_json
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_compared
from ansible_collections.messaging.twilio.plugins.module_utils._module import (
    Connect,
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
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._results import Stopwatch
from ansible_collections.messaging.twilio.plugins.module_utils._services import ServiceNames, list_services, split_valid


def main() -> None:
    spec = {
        **services_spec(),
        "table_rows": {"type": "int", "default": 25},
        "json_path": {"type": "path"},
        "csv_path": {"type": "path"},
    }
    spec = {**spec, **desired_spec(), **controller_spec(), **connection_spec()}
    spec["country_senders"] = {"type": "raw"}  # true, or what a country is compared with
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)

    def job(params: dict[str, t.Any], connect: Connect) -> dict[str, t.Any]:
        check_controller_options(params)
        check_concurrency(params["concurrency"])
        check_minimum("table_rows", params["table_rows"])
        paths = {} if module.check_mode else {name: params[name] for name in ("json_path", "csv_path")}
        for name, path in paths.items():
            check_path(path, name)
        client, stopwatch = connect(params["concurrency"]), Stopwatch()
        all_services = lru_cache(maxsize=None)(lambda: list_services(client))
        entries, warnings = params["services"], []
        if entries is None:
            valid, warnings = split_valid(all_services())
            entries = [service["sid"] for service in valid]
        common = {name: params[name] for name in desired_spec()}
        all_countries = params["country_senders"] in (True, "true", "True", "yes")
        if all_countries or params["country_senders"] in (False, "false", "False", "no", ""):
            common["country_senders"] = None
        desired, others = make_compared(
            entries, common, find=ServiceNames(all_services).sid, all_countries=all_countries
        )
        rows = audit(client, desired, others, all_services(), concurrency=params["concurrency"])
        result = audit_result(ALPHA_SENDER, rows, table_rows=params["table_rows"])
        result.update(stopwatch.fields(client), warnings=warnings)
        try:
            if paths.get("json_path") is not None:
                write_json(paths["json_path"], result)
            if paths.get("csv_path") is not None:
                write_csv(paths["csv_path"], ALPHA_SENDER, rows)
        except OSError as error:
            result.update(failed=True, msg=f"{result['msg']}\nThe result cannot be written: {error}")
        return result

    run_module(module, job)


if __name__ == "__main__":
    main()
