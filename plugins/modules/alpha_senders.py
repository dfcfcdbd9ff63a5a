#!/usr/bin/python
# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: alpha_senders
short_description: Manage the alpha senders of many Twilio Messaging Services
version_added: 0.1.0
description:
  - Creates, replaces or removes the alphanumeric sender IDs (alpha senders) of many Twilio Messaging Services in one
    task, several at the same time.
  - Checks all input before the first request. If one entry is wrong, the module changes no Service.
  - If a Service fails, the module still handles the other Services. Then the task fails, and RV(outcomes) has the
    outcome of every Service.
  - Replaces only one alpha sender at a time until Twilio has accepted one. So if Twilio refuses all of them, at most
    one Service loses its alpha sender.
  - If a Service loses its alpha sender, the module starts no further Service. If Twilio answers with HTTP status 401
    (wrong credentials) or 403 (missing permission), it starts no further Service of this account.
  - Services that the module did not start have the action V(skipped).
author:
  - messaging.twilio contributors (@messaging-twilio)
options:
  services:
    description:
      - The Messaging Services. Each item is a SID or an entry, which is a dictionary.
      - An entry has C(service_sid) or C(service_name). It can also have C(alpha_sender),
        C(country_senders), C(state) and C(replace), which override the options of the same name.
      - An entry with C(state=absent) and without C(alpha_sender) removes any alpha sender.
      - An entry can have C(only_if), the alpha sender that its Service must have now, null for none, or a list of
        these. If the Service has another alpha sender, the module does not change it. Its action is V(skipped), and the
        task does not fail.
      - An entry can have C(iso_country_code) instead of C(country_senders). Then it is about the alpha sender for this
        country.
      - An entry can have C(account_sid), the SID of the account that its Service belongs to. Then the module does not
        need to list Services to find it.
      - C(service_name) is a friendly name and must match exactly. To find it, the module lists all Services once. If no
        Service or several Services have the name, the task fails and nothing is changed.
      - If an entry has both, C(service_sid) counts. Messages show C(service_name), and it is not compared with Twilio.
      - You can repeat a Service with the same desired state. Two different desired states for one Service are an error.
      - If the list is empty, the module does nothing.
      - Use SIDs instead of entries if all Services have the same desired state. They need less time and memory.
      - An entry can have C(label), its name in messages. With O(file), this is the line of the file.
      - You must set O(services), O(file), O(hosts) or O(rollback_from).
    type: list
    elements: raw
  concurrency:
    description: Number of Services that the module handles at the same time, each over its own connection. 1 to 100.
    type: int
    default: 10
  max_failures:
    description:
      - Maximum number of failed Services. If more fail, the module starts no further Service.
      - If not set, there is no maximum.
    type: int
  max_changes:
    description:
      - Maximum number of changes, or a percentage such as V(10%) of what the task manages.
      - If you set it, the module plans all Services before the first change. If the plan has more changes, the task
        fails, changes nothing, and reports how many changes there are of each kind.
      - This needs no further request.
      - If not set, there is no maximum.
    type: raw
  canary:
    description:
      - Number of Services that need a change and are changed first, in the order of O(services).
      - The module reads them again. Only if all of them are as desired, it changes the other Services.
      - In check mode, RV(msg) names the Services that would change first.
    type: int
    default: 0
  rollback_from:
    description:
      - Path of the record of a run, a list of such paths (the newest last), or the directory of O(report_path). The
        module takes back what these runs changed, and nothing else. An alternative to O(services).
      - Each alpha sender that a run changed becomes what it was before. If it is no longer what the run left, the
        module does not change it, and its action is V(skipped).
      - A record is the JSON file of a report, or the file that a killed run left. Its name ends in V(.jsonl).
      - Without O(report_path), the report of the rollback goes into the directory of the record.
      - Read on the controller, by the action plugin of this module.
    type: raw
  progress_path:
    description:
      - File to which the module appends lines that show the progress. The first line has the desired alpha senders.
        The others have the number of finished Services, the rate, and the time left if the rate stays the same.
      - If not set, C(ansible-playbook) shows these lines while the module runs. It can do so if the module runs on the
        controller, without C(become) and without C(async).
    type: path
  record_path:
    description:
      - File to which the module appends a line of JSON before it changes a Service, and a line with the outcome. It
        shows what a killed run did.
      - With O(report_path), C(ansible-playbook) sets it. It can do so if the module runs on the controller, without
        C(become).
      - Not written in check mode.
    type: path
  progress_interval:
    description:
      - Seconds between two lines that show the progress. One more line follows at the end.
      - With V(0), there is a line after each Service.
    type: float
    default: 10.0
extends_documentation_fragment:
  - messaging.twilio._journal
  - messaging.twilio._desired
  - messaging.twilio._desired.countries
  - messaging.twilio._controller
  - messaging.twilio._accounts
  - messaging.twilio._connection
  - messaging.twilio._attributes
seealso:
  - module: messaging.twilio.alpha_sender
  - module: messaging.twilio.alpha_sender_audit
  - name: AlphaSender resource
    description: Twilio's documentation of the resource.
    link: https://www.twilio.com/docs/messaging/api/alphasender-resource
"""

EXAMPLES = r"""
- name: Set the alpha sender of three Services
  messaging.twilio.alpha_senders:
    alpha_sender: ACME
    services:
      - MG00000000000000000000000000000001
      - MG00000000000000000000000000000002
      - MG00000000000000000000000000000003

- name: Use another alpha sender for some Services
  messaging.twilio.alpha_senders:
    alpha_sender: ACME
    services:
      - MG00000000000000000000000000000001
      - service_sid: MG00000000000000000000000000000002
        alpha_sender: ACME UK
      - service_name: Shop UK
        alpha_sender: SHOP UK
      - service_sid: MG00000000000000000000000000000003
        state: absent # removes any alpha sender
    concurrency: 20
    max_failures: 5

- name: Replace the old name of the company, and no other alpha sender
  messaging.twilio.alpha_senders:
    services:
      - service_sid: MG00000000000000000000000000000001
        alpha_sender: ACME
        only_if: OLD CO
      - service_sid: MG00000000000000000000000000000002
        alpha_sender: ACME
        only_if: null # only if it has none

- name: Use another alpha sender in some countries
  messaging.twilio.alpha_senders:
    alpha_sender: ACME
    country_senders:
      FR: ACME FR
      SE: null # removes the alpha sender for Sweden
    services:
      - MG00000000000000000000000000000001
      - MG00000000000000000000000000000002
"""

RETURN = r"""
msg:
  description:
    - The summary line.
    - If Services failed, a line with their number and lines with the first reasons follow.
    - If senders changed, a line with the kinds of changes follows, such as C(OLD CO → ACME (75)). In check mode, it has
      the planned changes.
    - If the module wrote a report, the last line has its path.
    - If the task failed before the first Service, the reason.
  returned: always
  type: str
  sample: "1000 Services: 250 created, 250 replaced, 0 deleted, 500 unchanged, 0 failed"
outcomes:
  description:
    - The outcome of each Service, in the order of O(services) or O(hosts).
    - If a Service has O(country_senders), there is an outcome for each of its countries too.
  returned: always, unless the task failed before the first Service
  type: list
  elements: dict
  contains:
    service_sid:
      description: SID of the Service.
      returned: always
      type: str
      sample: MG00000000000000000000000000000001
    service_name:
      description: Friendly name of the Service.
      returned: the module listed the Services
      type: str
    account_sid:
      description: SID of the account of the Service. Null if it is unknown.
      returned: always
      type: str
      sample: AC00000000000000000000000000000001
    iso_country_code:
      description: Country of the alpha sender. Null if it is for all countries.
      returned: always
      type: str
    action:
      description:
        - What the module did. In check mode, what it would do.
        - V(unchanged) means that the Service already was in the desired state.
        - V(skipped) means that the module did not change it, because the run was stopped, or because of O(max_changes),
          O(canary) or C(only_if). See RV(outcomes[].msg).
      returned: always
      type: str
      choices: [created, replaced, deleted, unchanged, failed, skipped]
      sample: replaced
    before:
      description:
        - Alpha sender before the task. Null if there was none, or if it was not read.
        - If the Service had several alpha senders, they are joined by a comma and a space.
      returned: always
      type: str
      sample: OLD
    after:
      description:
        - Alpha sender after the task. Null if there is none, or if it is unknown.
        - In check mode, the alpha sender that the Service would have.
      returned: always
      type: str
      sample: ACME
    msg:
      description: Why the Service failed or was skipped, and what you can do about it.
      returned: the Service failed or was skipped
      type: str
    error:
      description: Error of Twilio or of the network, with the keys of RV(messaging.twilio.alpha_sender#module:error).
      returned: the Service failed
      type: dict
    desired:
      description: Alpha sender that the module tried to set. Null if it tried to remove one.
      returned: the Service failed
      type: str
    restored:
      description: Whether Twilio refused the desired alpha sender and the module restored the old one.
      returned: the Service failed
      type: bool
    lost_sender:
      description: Alpha sender that the module deleted and that the Service may not have any more. Otherwise null.
      returned: the Service failed
      type: str
    state_unknown:
      description: Whether it is unknown which alpha sender the Service has now.
      returned: the Service failed
      type: bool
    recovery_command:
      description: Command line that restores the lost alpha sender. Null if no alpha sender is lost.
      returned: the Service failed
      type: str
  sample:
    - service_sid: MG00000000000000000000000000000001
      account_sid: AC00000000000000000000000000000001
      iso_country_code: null
      action: replaced
      before: OLD
      after: ACME
summary:
  description: Number of outcomes with each action. This is the number of Services, unless you set O(country_senders).
  returned: always, unless the task failed before the first Service
  type: dict
  contains:
    created:
      description: The alpha sender was created.
      returned: always
      type: int
    replaced:
      description: The alpha sender was replaced.
      returned: always
      type: int
    deleted:
      description: The alpha sender was removed.
      returned: always
      type: int
    unchanged:
      description: The Service already was in the desired state.
      returned: always
      type: int
    failed:
      description: The Service failed.
      returned: always
      type: int
    skipped:
      description: The module did not change the Service, because the run was stopped, or because of a guard or
        C(only_if).
      returned: always
      type: int
    total:
      description: All outcomes.
      returned: always
      type: int
  sample:
    created: 250
    replaced: 250
    deleted: 0
    unchanged: 500
    failed: 0
    skipped: 0
    total: 1000
stopped:
  description: Whether Services were not started, because the run was stopped or because of a guard.
  returned: always, unless the task failed before the first Service
  type: bool
desired:
  description: Each desired state, with the number of Services that have it. The most frequent one is first.
  returned: always, unless the task failed before the first Service
  type: list
  elements: dict
  contains:
    alpha_sender:
      description: The desired alpha sender. Null with V(absent) if any alpha sender is removed.
      returned: always
      type: str
    iso_country_code:
      description: Country of the alpha sender. Null if it is for all countries.
      returned: always
      type: str
    state:
      description: V(present) or V(absent).
      returned: always
      type: str
    replace:
      description: Whether another alpha sender may be replaced.
      returned: always
      type: bool
    services:
      description: Number of Services with this desired state.
      returned: always
      type: int
hosts:
  description:
    - The outcome of the Service of each host, as in RV(outcomes), by the name of the host.
    - If a Service has several outcomes, because of O(country_senders), the most severe of them, with all messages.
  returned: O(hosts) is set, unless the task failed before the first Service
  type: dict
unrecovered:
  description:
    - Services without their alpha sender because an earlier run was killed, as the journal in O(journal_path) shows.
    - This run did not restore them, because they are not among its Services or because they failed. The module warns
      about each of them.
  returned: always, unless the task failed before the first Service
  type: list
  elements: dict
  contains:
    service_sid:
      description: SID of the Service.
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
    lost_sender:
      description: Alpha sender that the earlier run deleted.
      returned: always
      type: str
    state_unknown:
      description: Whether the Service may have an alpha sender after all.
      returned: always
      type: bool
    recovery_command:
      description: Command line that restores the lost alpha sender.
      returned: always
      type: str
  sample: []
started_at:
  description: Start of the run, in UTC.
  returned: always, unless the task failed before the first Service
  type: str
  sample: "2026-01-31T12:00:00Z"
seconds:
  description: Duration of the run in seconds, without the start and the end of the module.
  returned: always, unless the task failed before the first Service
  type: float
  sample: 12.345
requests:
  description: Number of requests, including retries.
  returned: always, unless the task failed before the first Service
  type: int
  sample: 1750
report:
  description: Path of the report. Null if it could not be written.
  returned: O(report_path) is set
  type: str
record:
  description: Path of the JSON file with the outcomes, from which the playbook C(messaging.twilio.rollback) takes them
    back. Null if it could not be written.
  returned: O(report_path) is set
  type: str
error:
  description: Error of Twilio or of the network, with the keys of RV(messaging.twilio.alpha_sender#module:error).
  returned: failure before the first Service, unless an option is not valid
  type: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import Guards, find_unrecovered, reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_all_desired
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._module import (
    Connect,
    accounts_spec,
    check_concurrency,
    check_controller_options,
    check_minimum,
    check_path,
    connection_spec,
    controller_spec,
    count_max_changes,
    desired_spec,
    run_module,
    services_spec,
)
from ansible_collections.messaging.twilio.plugins.module_utils._progress import Stopwatch, write_progress
from ansible_collections.messaging.twilio.plugins.module_utils._record import Record
from ansible_collections.messaging.twilio.plugins.module_utils._results import (
    account_of,
    bulk_result,
    unrecovered_result,
)
from ansible_collections.messaging.twilio.plugins.module_utils._services import Directory, list_services


def main() -> None:
    spec = {
        **services_spec(),
        "max_failures": {"type": "int"},
        "max_changes": {"type": "raw"},
        "canary": {"type": "int", "default": 0},
        "progress_path": {"type": "path"},
        "record_path": {"type": "path"},
        "rollback_from": {"type": "raw"},
        "progress_interval": {"type": "float", "default": 10.0},
        "journal_path": {"type": "path"},
    }
    spec = {**spec, **desired_spec(), **controller_spec(), **accounts_spec(), **connection_spec()}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)

    def job(params: dict[str, t.Any], connect: Connect) -> dict[str, t.Any]:
        check_controller_options(params)
        check_concurrency(params["concurrency"])
        check_minimum("max_failures", params["max_failures"])
        check_minimum("canary", params["canary"])
        count_max_changes(params["max_changes"], 0)
        check_minimum("progress_interval", params["progress_interval"])
        for option in ("progress_path", "record_path"):
            check_path(params[option], option)
        if params["services"] is None:
            raise InputError("services is missing. Set it, or set file or hosts in a task of a play")
        check_mode = module.check_mode
        with Journal(params["journal_path"], check_mode=check_mode) as journal:
            client, stopwatch = connect(params["concurrency"]), Stopwatch()
            directory = Directory(lambda: list_services(client), several=client.several)
            common = {name: params[name] for name in desired_spec()}
            desired = make_all_desired(
                params["services"],
                common,
                locate=directory.locate,
                check=lambda found: client.check(one.slot.account_sid for one in found),
            )
            journal.claim(one.slot for one in desired)
            record = Record(None if check_mode else params["record_path"], client.account_sid)
            guards = Guards(count_max_changes(params["max_changes"], len(desired)), params["canary"])
            outcomes = reconcile_all(
                client,
                desired,
                concurrency=params["concurrency"],
                check_mode=check_mode,
                max_failures=params["max_failures"],
                guards=None if guards == Guards() else guards,
                progress=write_progress(
                    params["progress_path"], desired, params["progress_interval"], check_mode=check_mode
                ),
                journal=journal,
                record=record,
            )
            unrecovered = find_unrecovered(client, journal, outcomes, concurrency=params["concurrency"])
        result = bulk_result(
            outcomes, account_sid=account_of(client, outcomes), check_mode=check_mode, canary=params["canary"]
        )
        left = unrecovered_result(unrecovered)
        result["warnings"] += left.pop("warnings") + journal.warnings + record.warnings
        for outcome in result["outcomes"]:
            name = directory.name(outcome["service_sid"])
            if name is not None:
                outcome["service_name"] = name
        # Returning 10,000 entries a second time takes 0.1 s, as long as 100 requests.
        arguments = {**params, "services": f"{len(params['services'])} entries"}
        return {**result, **left, **stopwatch.fields(client), "invocation": {"module_args": arguments}}

    run_module(module, job)


if __name__ == "__main__":
    main()
