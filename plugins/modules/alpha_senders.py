#!/usr/bin/python
# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: alpha_senders
short_description: Give many Twilio Messaging Services their alpha senders in one task
version_added: 0.1.0
description:
  - Does for a list of Messaging Services what M(messaging.twilio.alpha_sender) does for one, many at once.
  - All of the input is checked before the first request. One bad entry, and no Service is touched.
  - A Service that fails does not stop the others. At the end the task fails with a count and the first few reasons,
    and the result has the outcome of every
    Service all the same.
  - HTTP status 401 (wrong credentials) and 403 (missing permission) stop at once. What was not begun then is
    C(not_attempted).
author:
  - messaging.twilio contributors (@messaging-twilio)
options:
  services:
    description:
      - The Messaging Services. Each is a SID, or an entry with the keys C(service_sid) or C(service_name),
        C(alpha_sender), C(state) and C(replace), where a key that is left out is taken from the option of that name.
      - C(service_name) is a friendly name, exactly as Twilio has it. Where there is one, all Services are read to find
        it, once and 1,000 at a time. A name that several Services have, or none, is an error, and nothing is changed.
      - The same Service twice with the same wish counts once. With two different wishes it is an error.
      - With an empty list there is nothing to do.
      - SIDs cost less than entries, so give those where all Services have one wish.
      - Needed unless O(hosts) is given.
    type: list
    elements: raw
  hosts:
    description:
      - Names of hosts of the inventory that are Services, as P(messaging.twilio.services#inventory) makes them. The
        Service of a host is its variable C(twilio_service_sid), and what is wanted of it its variables
        C(alpha_sender_name), C(alpha_sender_state) and C(alpha_sender_replace). The options of this task count for what
        a host does not have.
      - A host without C(twilio_service_sid) is left out, with a warning.
      - Use it with C(run_once), so that one task brings all of them to their wishes.
      - Not used where O(services) is given.
    type: list
    elements: str
  concurrency:
    description: How many Services are worked on at once, each over one connection. 1 to 100.
    type: int
    default: 10
  max_failures:
    description:
      - How many failed Services are put up with. One more, and no other Service is begun.
      - Without it, failed Services stop nothing.
    type: int
  progress_path:
    description:
      - A file to which a line on the progress is appended after every O(progress_every) Services and after the last.
      - Without it, C(ansible-playbook) shows these lines as they come, where the module runs on the controller, without
        C(become) and C(async).
    type: path
  progress_every:
    description: After how many Services a line on the progress is due. 1 or more.
    type: int
    default: 2000
  artifacts:
    description:
      - Whether the outcome is published as job artifacts, as M(ansible.builtin.set_stats) does it, by the names
        C(alpha_sender_summary), C(alpha_sender_summary_line), C(alpha_sender_failed), the SIDs of the first 100
        Services that failed, and C(alpha_sender_failed_left_out), how many failed beside those.
    type: bool
    default: false
extends_documentation_fragment:
  - messaging.twilio._journal
  - messaging.twilio._wish
  - messaging.twilio._report
  - messaging.twilio._connection
  - messaging.twilio._attributes
seealso:
  - module: messaging.twilio.alpha_sender
  - module: messaging.twilio.alpha_sender_info
  - name: AlphaSender resource
    description: Twilio's own page for the resource.
    link: https://www.twilio.com/docs/messaging/api/alphasender-resource
"""

EXAMPLES = r"""
- name: Three Services send as ACME
  messaging.twilio.alpha_senders:
    alpha_sender: ACME
    services:
      - MG00000000000000000000000000000001
      - MG00000000000000000000000000000002
      - MG00000000000000000000000000000003

- name: Some have a wish of their own
  messaging.twilio.alpha_senders:
    alpha_sender: ACME
    services:
      - MG00000000000000000000000000000001
      - service_sid: MG00000000000000000000000000000002
        alpha_sender: ACME UK
      - service_name: Shop UK
        alpha_sender: SHOP UK
      - service_sid: MG00000000000000000000000000000003
        state: absent
        alpha_sender: null  # whichever it has
    concurrency: 20
    max_failures: 5
"""

RETURN = r"""
error:
  description: What Twilio or the network said, as the return value RV(messaging.twilio.alpha_sender#module:error).
  returned: failure before the first Service, other than for bad input
  type: dict
hosts:
  description: The outcome of each host's Service, as in RV(services), by the name of the host.
  returned: O(hosts) was given, unless it failed before the first Service
  type: dict
left_behind:
  description:
    - Services that an earlier run, which was killed, left without an alpha sender, and this one did not give one
      either, because they are none of its Services or it failed for them. A warning names each, too.
  returned: there are such Services in the journal of O(journal_path)
  type: list
  elements: dict
  contains:
    service_sid:
      description: SID of the Service.
      returned: always
      type: str
    lost:
      description: The sender that was deleted.
      returned: always
      type: str
    unknown:
      description: Whether the Service could not be read, so that it may have a sender after all.
      returned: always
      type: bool
services:
  description: The outcome of each Service, in the order given.
  returned: always, unless it failed before the first Service
  type: list
  elements: dict
  contains:
    service_sid:
      description: SID of the Service.
      returned: always
      type: str
      sample: MG00000000000000000000000000000001
    friendly_name:
      description: Its friendly name.
      returned: all Services were read, because a C(service_name) was given
      type: str
    action:
      description:
        - What was done, or in check mode would be done.
        - V(none) where the Service was as wanted, V(not_attempted) where the task was stopped before.
      returned: always
      type: str
      choices: [created, replaced, deleted, none, failed, not_attempted]
      sample: replaced
    before:
      description:
        - The sender before. Null where there was none, or it was not read. Several, which should not be, are joined
          by a comma and a space.
      returned: always
      type: str
      sample: OLD
    after:
      description: The sender now, or in check mode the one that would be. Null where there is none, or it is not known.
      returned: always
      type: str
      sample: ACME
    msg:
      description: Why the Service failed, and what to do next.
      returned: the Service failed
      type: str
    error:
      description: What Twilio or the network said, as the return value RV(messaging.twilio.alpha_sender#module:error).
      returned: the Service failed
      type: dict
    restored:
      description:
        - Whether the wanted sender was refused after the old one was deleted, and the old one was created again.
      returned: the Service failed
      type: bool
    lost:
      description: The sender that was deleted and may not be there any more. Null where none was.
      returned: the Service failed
      type: str
    unknown:
      description:
        - Whether it is unknown what the Service has now, because a change got no answer and reading failed too.
      returned: the Service failed
      type: bool
  sample:
    - service_sid: MG00000000000000000000000000000001
      action: replaced
      before: OLD
      after: ACME
summary:
  description: How many Services had each action.
  returned: always, unless it failed before the first Service
  type: dict
  contains:
    created:
      description: Services that had no sender and got theirs.
      returned: always
      type: int
    replaced:
      description: Services that had another sender.
      returned: always
      type: int
    deleted:
      description: Services whose sender was taken away.
      returned: always
      type: int
    none:
      description: Services that were as wanted.
      returned: always
      type: int
    unchanged:
      description: The same as C(none), by the name it has in the summary line.
      returned: always
      type: int
    failed:
      description: Services that failed.
      returned: always
      type: int
    not_attempted:
      description: Services that were not begun.
      returned: always
      type: int
  sample:
    created: 250
    replaced: 250
    deleted: 0
    none: 500
    unchanged: 500
    failed: 0
    not_attempted: 0
summary_line:
  description: The same as one line.
  returned: always, unless it failed before the first Service
  type: str
  sample: "1000 Services: 250 created, 250 replaced, 0 deleted, 500 unchanged, 0 failed"
summary_block:
  description:
    - The summary as lines to read, RV(summary_line) first. Where Services failed, a line that counts them and one for
      each of the first reasons. Where a report was written, a line with its path.
  returned: always, unless it failed before the first Service
  type: list
  elements: str
  sample:
    - "1000 Services: 250 created, 250 replaced, 0 deleted, 500 unchanged, 0 failed"
wishes:
  description: What was wanted, with how many Services each wish is for.
  returned: always, unless it failed before the first Service
  type: list
  elements: dict
  contains:
    alpha_sender:
      description: The alpha sender. Null for whichever is there, where it is to go.
      returned: always
      type: str
    state:
      description: V(present) or V(absent).
      returned: always
      type: str
    replace:
      description: Whether another sender may be replaced.
      returned: always
      type: bool
    services:
      description: How many Services have this wish.
      returned: always
      type: int
started:
  description: When it began, in UTC.
  returned: always, unless it failed before the first Service
  type: str
  sample: "2026-01-31T12:00:00Z"
seconds:
  description: How many seconds it took, without the start and the end of the module.
  returned: always, unless it failed before the first Service
  type: float
  sample: 12.345
requests:
  description: How many requests were made, with those that were repeated.
  returned: always, unless it failed before the first Service
  type: int
  sample: 1750
report:
  description: Path of the report. Null where it could not be written.
  returned: O(report_path) was given
  type: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import find_unrecovered, reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_all_desired
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
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
from ansible_collections.messaging.twilio.plugins.module_utils._resources import sid_key
from ansible_collections.messaging.twilio.plugins.module_utils._results import (
    Stopwatch,
    account_of,
    bulk_result,
    unrecovered_result,
    write_progress,
)
from ansible_collections.messaging.twilio.plugins.module_utils._services import ServiceNames, list_services


def main() -> None:
    spec = {
        **services_spec(),
        "max_failures": {"type": "int"},
        "progress_path": {"type": "path"},
        "progress_interval": {"type": "float", "default": 10.0},
        "journal_path": {"type": "path"},
    }
    spec = {**spec, **desired_spec(), **controller_spec(), **connection_spec()}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)

    def job(params: dict[str, t.Any], connect: Connect) -> dict[str, t.Any]:
        check_controller_options(params)
        check_concurrency(params["concurrency"])
        check_minimum("max_failures", params["max_failures"])
        check_minimum("progress_interval", params["progress_interval"])
        check_path(params["progress_path"], "progress_path")
        if params["services"] is None:
            raise InputError("services is missing. Set it, or set hosts in a task of a play")
        check_mode = module.check_mode
        with Journal(params["journal_path"], check_mode=check_mode) as journal:
            client, stopwatch = connect(params["concurrency"]), Stopwatch()
            names = ServiceNames(lambda: list_services(client))
            common = {name: params[name] for name in desired_spec()}
            desired = make_all_desired(params["services"], common, find=names.sid)
            journal.claim(one.slot for one in desired)
            outcomes = reconcile_all(
                client,
                desired,
                concurrency=params["concurrency"],
                check_mode=check_mode,
                max_failures=params["max_failures"],
                progress=write_progress(
                    params["progress_path"], desired, params["progress_interval"], check_mode=check_mode
                ),
                journal=journal,
            )
            unrecovered = find_unrecovered(client, journal, outcomes, concurrency=params["concurrency"])
        result = bulk_result(outcomes, account_sid=account_of(client, outcomes), check_mode=check_mode)
        left = unrecovered_result(unrecovered)
        result["warnings"] += left.pop("warnings") + journal.warnings
        for outcome in result["outcomes"] if names.known else ():
            outcome["service_name"] = names.known.get(sid_key(outcome["service_sid"]))
        # Returning 10,000 entries a second time takes 0.1 s, as long as 100 requests.
        arguments = {**params, "services": f"{len(params['services'])} entries"}
        return {**result, **left, **stopwatch.fields(client), "invocation": {"module_args": arguments}}

    run_module(module, job)


if __name__ == "__main__":
    main()
