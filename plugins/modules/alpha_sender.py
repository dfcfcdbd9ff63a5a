#!/usr/bin/python
# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: alpha_sender
short_description: Manage the alpha sender of a Twilio Messaging Service
version_added: 0.1.0
description:
  - Creates, replaces or removes the alphanumeric sender ID (alpha sender) of one Twilio Messaging Service.
  - A Service has at most one alpha sender for all countries, and one for each single country. Twilio cannot change an
    alpha sender. To replace it, the module deletes the old one and creates the desired one.
  - If Twilio refuses the desired alpha sender, the module restores the old one and fails.
  - If you have many Services, use M(messaging.twilio.alpha_senders). It handles all of them in one task and is much
    faster than a loop.
author:
  - messaging.twilio contributors (@messaging-twilio)
options:
  iso_country_code:
    description:
      - ISO 3166 alpha-2 code of a country, for example V(FR). If set, the module manages the alpha sender for this
        country.
      - If not set, the module manages the alpha sender for all countries that do not have their own.
      - Put the code in quotes if YAML reads it as another type, for example V("NO").
    type: raw
  only_if:
    description:
      - The alpha sender that the Service must have now. If it has another one, the module does not change it and the
        outcome is V(skipped). The task does not fail.
      - An empty string stands for a Service without an alpha sender.
      - If the Service already is in the desired state, the outcome is V(unchanged).
    type: raw
extends_documentation_fragment:
  - messaging.twilio._service
  - messaging.twilio._journal
  - messaging.twilio._desired
  - messaging.twilio._connection
  - messaging.twilio._attributes
seealso:
  - module: messaging.twilio.alpha_senders
  - module: messaging.twilio.alpha_sender_info
  - name: AlphaSender resource
    description: Twilio's documentation of the resource.
    link: https://www.twilio.com/docs/messaging/api/alphasender-resource
"""

EXAMPLES = r"""
- name: Set the alpha sender of a Service (credentials from the environment)
  messaging.twilio.alpha_sender:
    service_sid: MG00000000000000000000000000000001
    alpha_sender: ACME

- name: Name the Service instead
  messaging.twilio.alpha_sender:
    service_name: Shop
    alpha_sender: ACME

- name: Fail if the Service has another alpha sender
  messaging.twilio.alpha_sender:
    service_sid: MG00000000000000000000000000000001
    alpha_sender: ACME
    replace: false

- name: Replace the old name of the company, and no other alpha sender
  messaging.twilio.alpha_sender:
    service_sid: MG00000000000000000000000000000001
    alpha_sender: ACME
    only_if: OLD CO

- name: Use another alpha sender in France
  messaging.twilio.alpha_sender:
    service_sid: MG00000000000000000000000000000001
    alpha_sender: ACME FR
    iso_country_code: FR

- name: Remove the alpha sender, whatever it is
  messaging.twilio.alpha_sender:
    service_sid: MG00000000000000000000000000000001
    state: absent
"""

RETURN = r"""
msg:
  description: What the module did, or why it failed and what you can do about it.
  returned: always
  type: str
  sample: "MG00000000000000000000000000000001: replaced 'OLD' by 'ACME'"
action:
  description:
    - What the module did. In check mode, what it would do.
    - V(unchanged) means that the Service already was in the desired state.
    - V(failed) if the task fails. V(skipped) means that O(only_if) excluded the Service. If the task fails, it means
      that the run was cancelled before the module changed anything.
  returned: unless the task failed before the module read the Service
  type: str
  choices: [created, replaced, deleted, unchanged, failed, skipped]
  sample: replaced
service_sid:
  description: SID of the Service.
  returned: unless the task failed before the module read the Service
  type: str
  sample: MG00000000000000000000000000000001
account_sid:
  description:
    - SID of the account of the Service, if it is known. Otherwise null.
    - Known if Twilio returned an alpha sender, or if you set O(account_sid).
  returned: unless the task failed before the module read the Service
  type: str
  sample: AC00000000000000000000000000000001
iso_country_code:
  description: Country of the alpha sender, from O(iso_country_code). Null if it is for all countries.
  returned: unless the task failed before the module read the Service
  type: str
before:
  description:
    - Alpha sender before the task. Null if there was none, or if it could not be read.
    - If the Service had several alpha senders, they are joined by a comma and a space.
  returned: unless the task failed before the module read the Service
  type: str
  sample: OLD
after:
  description:
    - Alpha sender after the task. Null if there is none, or if it is unknown.
    - In check mode, the alpha sender that the Service would have.
  returned: unless the task failed before the module read the Service
  type: str
  sample: ACME
alpha_sender:
  description:
    - Alpha sender after the task, as Twilio returns it. Empty if there is none.
    - In check mode, an alpha sender that would be created has only the keys C(service_sid) and C(alpha_sender).
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
  description:
    - Error of Twilio or of the network. Keys without a value are null.
    - If the module itself found the problem, only C(message) has a value.
  returned: failure, unless an option is not valid or the run was cancelled
  type: dict
  contains:
    code:
      description: Twilio's error code.
      type: int
      returned: always
      sample: 20404
    message:
      description: Twilio's error message, or the reason for a missing answer.
      type: str
      returned: always
      sample: The requested resource was not found
    more_info:
      description: URL of Twilio's page about the error code.
      type: str
      returned: always
      sample: https://www.twilio.com/docs/errors/20404
    status:
      description: HTTP status of the answer.
      type: int
      returned: always
      sample: 404
    request_id:
      description: Twilio's ID of the request. Twilio's support needs it.
      type: str
      returned: always
      sample: RQ00000000000000000000000000000001
desired:
  description: Alpha sender that the module tried to set. Null if it tried to remove one.
  returned: failure after the module tried to read the Service
  type: str
  sample: ACME
restored:
  description: Whether Twilio refused the desired alpha sender and the module restored the old one.
  returned: failure after the module tried to read the Service
  type: bool
  sample: false
lost_sender:
  description: Alpha sender that the module deleted and that the Service may not have any more. Otherwise null.
  returned: failure after the module tried to read the Service
  type: str
  sample: OLD
state_unknown:
  description:
    - Whether it is unknown which alpha sender the Service has now.
    - For example, a request got no answer and reading the Service failed too, or Twilio can still carry out a change.
  returned: failure after the module tried to read the Service
  type: bool
  sample: false
recovery_command:
  description: Command line that restores RV(lost_sender). Null if no alpha sender is lost.
  returned: failure after the module tried to read the Service
  type: str
  sample: >-
    ansible-playbook messaging.twilio.apply -e
    '{alpha_sender_name: !!str OLD,
    alpha_sender_services: [MG00000000000000000000000000000001]}'
unrecovered:
  description:
    - Services without their alpha sender because an earlier run was killed, as the journal in O(journal_path) shows.
      This run did not restore them.
    - See RV(messaging.twilio.alpha_senders#module:unrecovered) for the keys of each entry.
  returned: unless the task failed before the module read the Service
  type: list
  elements: dict
  sample: []
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import find_unrecovered
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_desired
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._module import (
    Connect,
    connection_spec,
    desired_spec,
    run_module,
    service_spec,
)
from ansible_collections.messaging.twilio.plugins.module_utils._reconcile import reconcile
from ansible_collections.messaging.twilio.plugins.module_utils._results import (
    account_of,
    single_result,
    unrecovered_result,
)
from ansible_collections.messaging.twilio.plugins.module_utils._services import Directory, list_services


def main() -> None:
    spec = {**service_spec(), **desired_spec(), "journal_path": {"type": "path"}, **connection_spec()}
    spec.update(iso_country_code={"type": "raw"}, only_if={"type": "raw"})
    del spec["country_senders"]
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)

    def job(params: dict[str, t.Any], connect: Connect) -> dict[str, t.Any]:
        names = ("service_sid", "service_name", "alpha_sender", "iso_country_code", "state", "replace")
        only_if = {} if params["only_if"] is None else {"only_if": params["only_if"]}
        desired = make_desired(**{name: params[name] for name in names}, **only_if)
        with Journal(params["journal_path"], check_mode=module.check_mode) as journal:
            client = connect(1)
            desired = Directory(lambda: list_services(client)).locate(desired)
            journal.claim([desired.slot])
            outcome = reconcile(client.for_account(None), [desired], check_mode=module.check_mode, journal=journal)[0]
            unrecovered = find_unrecovered(client, journal, [outcome], concurrency=1)
        result = single_result(outcome, account_sid=account_of(client, [outcome]), check_mode=module.check_mode)
        left = unrecovered_result(unrecovered)
        result["warnings"] += left.pop("warnings") + journal.warnings
        return {**result, **left}

    run_module(module, job)


if __name__ == "__main__":
    main()
