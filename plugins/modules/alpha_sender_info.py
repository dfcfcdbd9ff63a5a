#!/usr/bin/python
# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: alpha_sender_info
short_description: Read the alpha sender of a Twilio Messaging Service
version_added: 0.1.0
description:
  - Returns the alphanumeric sender ID (alpha sender) of one Twilio Messaging Service. A Service has at most one for all
    countries, and one for each single country.
  - If you want to read many Services, use M(messaging.twilio.alpha_sender_audit) or M(messaging.twilio.service_info).
author:
  - messaging.twilio contributors (@messaging-twilio)
options:
  sid:
    description:
      - SID of one alpha sender, C(AI) and 32 hexadecimal digits.
      - If set, the module returns only this alpha sender. If the Service does not have it, the list is empty.
    type: str
  country_senders:
    description: Whether to read the alpha senders for single countries too. This takes one more request.
    type: bool
    default: false
extends_documentation_fragment:
  - messaging.twilio._service
  - messaging.twilio._connection
  - messaging.twilio._attributes.info
seealso:
  - module: messaging.twilio.alpha_sender
  - module: messaging.twilio.alpha_senders
  - name: AlphaSender resource
    description: Twilio's documentation of the resource.
    link: https://www.twilio.com/docs/messaging/api/alphasender-resource
"""

EXAMPLES = r"""
- name: Read the alpha sender of a Service
  messaging.twilio.alpha_sender_info:
    service_sid: MG00000000000000000000000000000001
  register: info

- name: Show it
  ansible.builtin.debug:
    msg: "{{ info.alpha_senders | map(attribute='alpha_sender') | join(', ') }}"
"""

RETURN = r"""
alpha_senders:
  description:
    - The alpha senders of the Service for all countries, as Twilio returns them. Empty if there is none.
  returned: success
  type: list
  elements: dict
  sample:
    - sid: AI00000000000000000000000000000001
      account_sid: AC00000000000000000000000000000001
      service_sid: MG00000000000000000000000000000001
      date_created: "2026-01-01T00:00:00Z"
      date_updated: "2026-01-01T00:00:00Z"
      alpha_sender: ACME
      capabilities:
        - SMS
      url: https://messaging.twilio.com/v1/Services/MG00000000000000000000000000000001/AlphaSenders/AI00000000000000000000000000000001
country_senders:
  description:
    - The alpha senders of the Service for single countries, as Twilio returns them. Each has the code of its country as
      C(iso_country_code).
  returned: O(country_senders=true)
  type: list
  elements: dict
msg:
  description: Why the task failed, and what you can do about it.
  returned: failure
  type: str
error:
  description: Error of Twilio or of the network, with the keys of RV(messaging.twilio.alpha_sender#module:error).
  returned: failure, unless an option is not valid
  type: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.messaging.twilio.plugins.module_utils._current import read_slots
from ansible_collections.messaging.twilio.plugins.module_utils._module import (
    Connect,
    connection_spec,
    run_module,
    service_spec,
)
from ansible_collections.messaging.twilio.plugins.module_utils._resources import check_sid, sid_key
from ansible_collections.messaging.twilio.plugins.module_utils._services import (
    Directory,
    check_service,
    list_services,
    sender_slots,
)


def main() -> None:
    spec = {"sid": {"type": "str"}, "country_senders": {"type": "bool", "default": False}}
    module = AnsibleModule(argument_spec={**service_spec(), **spec, **connection_spec()}, supports_check_mode=True)

    def job(params: dict[str, t.Any], connect: Connect) -> dict[str, t.Any]:
        service_sid, name = check_service(params["service_sid"], params["service_name"])
        sid = None if params["sid"] is None else sid_key(check_sid("AI", params["sid"], "sid"))
        client = connect(1)
        if name is not None:
            service_sid = Directory(lambda: list_services(client)).find(name)["sid"]
        slots = sender_slots(service_sid, country_senders=params["country_senders"])
        found = read_slots(client.for_account(None), [*slots.values()])
        return {
            key: [row for row in rows if sid in (None, sid_key(str(row.get("sid"))))] for key, rows in zip(slots, found)
        }

    run_module(module, job)


if __name__ == "__main__":
    main()
