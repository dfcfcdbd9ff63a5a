#!/usr/bin/python
# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: alpha_sender
short_description: Give a Twilio Messaging Service its alpha sender, or take it away
version_added: 0.1.0
description:
  - Makes sure that one Twilio Messaging Service has the alphanumeric sender ID (alpha sender) it should have, or has
    none.
  - A Service has at most one alpha sender, and Twilio cannot change it. Another one is deleted and the wanted one
    created. Where Twilio refuses
    that one, the old one is created again and the task fails.
  - For many Services, M(messaging.twilio.alpha_senders) takes all of them in one task and is far faster than a loop.
author:
  - messaging.twilio contributors (@messaging-twilio)
extends_documentation_fragment:
  - messaging.twilio._service
  - messaging.twilio._journal
  - messaging.twilio._wish
  - messaging.twilio._connection
  - messaging.twilio._attributes
seealso:
  - module: messaging.twilio.alpha_senders
  - module: messaging.twilio.alpha_sender_info
  - name: AlphaSender resource
    description: Twilio's own page for the resource.
    link: https://www.twilio.com/docs/messaging/api/alphasender-resource
"""

EXAMPLES = r"""
- name: One Service sends as ACME (credentials from the environment)
  messaging.twilio.alpha_sender:
    service_sid: MG00000000000000000000000000000001
    alpha_sender: ACME

- name: The Service is known by its name
  messaging.twilio.alpha_sender:
    service_name: Shop
    alpha_sender: ACME

- name: Never take another sender away
  messaging.twilio.alpha_sender:
    service_sid: MG00000000000000000000000000000001
    alpha_sender: ACME
    replace: false

- name: The Service has no alpha sender, whichever it had
  messaging.twilio.alpha_sender:
    service_sid: MG00000000000000000000000000000001
    state: absent
"""

RETURN = r"""
action:
  description:
    - What was done, or in check mode would be done.
    - V(none) where the Service was as wanted.
  returned: success
  type: str
  choices: [created, replaced, deleted, none]
  sample: replaced
service_sid:
  description: SID of the Service.
  returned: success
  type: str
  sample: MG00000000000000000000000000000001
alpha_sender:
  description:
    - The alpha sender that the Service has now, with all that Twilio tells of it. Empty when there is none.
    - In check mode, a sender that would be created has only C(service_sid) and C(alpha_sender), since Twilio gives it
      the rest.
  returned: success
  type: dict
  sample:
    sid: AI00000000000000000000000000000001
    account_sid: AC00000000000000000000000000000001
    service_sid: MG00000000000000000000000000000001
    date_created: "2026-01-01T00:00:00Z"
    date_updated: "2026-01-01T00:00:00Z"
    alpha_sender: ACME
    capabilities:
      - SMS
    url: https://messaging.twilio.com/v1/Services/MG00000000000000000000000000000001/AlphaSenders/AI00000000000000000000000000000001
error:
  description: What Twilio or the network said. A key is null where nothing is known of it.
  returned: failure, other than for bad input
  type: dict
  contains:
    code:
      description: Twilio's error code.
      type: int
      returned: always
      sample: 20404
    message:
      description: Twilio's own words, or the reason why no answer came.
      type: str
      returned: always
      sample: The requested resource was not found
    more_info:
      description: Twilio's page for the code.
      type: str
      returned: always
      sample: https://www.twilio.com/docs/errors/20404
    status:
      description: HTTP status of the answer.
      type: int
      returned: always
      sample: 404
    request_id:
      description: Twilio's name for the request, for its support.
      type: str
      returned: always
      sample: RQ00000000000000000000000000000001
restored:
  description: Whether the wanted sender was refused after the old one was deleted, and the old one was created again.
  returned: failure, unless the Service was not looked at
  type: bool
  sample: false
lost:
  description: The sender that was deleted and may not be there any more. Null where none was.
  returned: failure, unless the Service was not looked at
  type: str
  sample: OLD
left_behind:
  description:
    - Services that earlier runs, which were killed, left without an alpha sender, and this one did not give one, as
      the return value RV(messaging.twilio.alpha_senders#module:left_behind).
  returned: there are such Services in the journal of O(journal_path)
  type: list
  elements: dict
unknown:
  description: Whether it is unknown what the Service has now, because a change got no answer and reading failed too.
  returned: failure, unless the Service was not looked at
  type: bool
  sample: false
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import find_unrecovered
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_desired, with_sid
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._module import (
    Connect,
    connection_spec,
    desired_spec,
    run_module,
    service_spec,
)
from ansible_collections.messaging.twilio.plugins.module_utils._reconcile import reconcile
from ansible_collections.messaging.twilio.plugins.module_utils._results import account_of, single_result, unrecovered_result
from ansible_collections.messaging.twilio.plugins.module_utils._services import ServiceNames, list_services


def main() -> None:
    spec = {**service_spec(), **desired_spec(), "journal_path": {"type": "path"}, **connection_spec()}
    spec["iso_country_code"] = {"type": "raw"}
    del spec["country_senders"]
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)

    def job(params: dict[str, t.Any], connect: Connect) -> dict[str, t.Any]:
        names = ("service_sid", "service_name", "alpha_sender", "iso_country_code", "state", "replace")
        desired = make_desired(**{name: params[name] for name in names})
        with Journal(params["journal_path"], check_mode=module.check_mode) as journal:
            client = connect(1)
            desired = with_sid(desired, ServiceNames(lambda: list_services(client)).sid)
            journal.claim([desired.slot])
            outcome = reconcile(client, [desired], check_mode=module.check_mode, journal=journal)[0]
            unrecovered = find_unrecovered(client, journal, [outcome], concurrency=1)
        result = single_result(outcome, account_sid=account_of(client, [outcome]), check_mode=module.check_mode)
        left = unrecovered_result(unrecovered)
        result["warnings"] += left.pop("warnings") + journal.warnings
        return {**result, **left}

    run_module(module, job)


if __name__ == "__main__":
    main()
