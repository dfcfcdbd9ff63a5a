#!/usr/bin/python
# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: alpha_sender_info
short_description: Tell which alpha sender a Twilio Messaging Service has
version_added: 0.1.0
description:
  - Reads the alphanumeric sender IDs (alpha senders) of one Twilio Messaging Service. Twilio allows at most one.
author:
  - messaging.twilio contributors (@messaging-twilio)
options:
  sid:
    description:
      - SID of one alpha sender, C(AI) and 32 hexadecimal digits. Only that one is returned, and none where the
        Service does not have it.
    type: str
extends_documentation_fragment:
  - messaging.twilio._service
  - messaging.twilio._connection
  - messaging.twilio._attributes.info
seealso:
  - module: messaging.twilio.alpha_sender
  - module: messaging.twilio.alpha_senders
  - name: AlphaSender resource
    description: Twilio's own page for the resource.
    link: https://www.twilio.com/docs/messaging/api/alphasender-resource
"""

EXAMPLES = r"""
- name: Which alpha sender has the Service?
  messaging.twilio.alpha_sender_info:
    service_sid: MG00000000000000000000000000000001
  register: found

- name: Say it
  ansible.builtin.debug:
    msg: "{{ found.alpha_senders | map(attribute='alpha_sender') | join(', ') }}"
"""

RETURN = r"""
alpha_senders:
  description: The alpha senders of the Service, each with all that Twilio tells of it. Empty when there is none.
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
error:
  description: What Twilio or the network said, as the return value RV(messaging.twilio.alpha_sender#module:error).
  returned: failure, other than for bad input
  type: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.messaging.twilio.plugins.module_utils._module import (
    Connect,
    connection_spec,
    run_module,
    service_spec,
)
from ansible_collections.messaging.twilio.plugins.module_utils._reconcile import read_slots
from ansible_collections.messaging.twilio.plugins.module_utils._resources import check_sid, sid_key
from ansible_collections.messaging.twilio.plugins.module_utils._services import (
    ServiceNames,
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
            service_sid = ServiceNames(lambda: list_services(client)).sid(name)
        slots = sender_slots(service_sid, country_senders=params["country_senders"])
        found, _countries = read_slots(client, [*slots.values()])
        return {
            key: [row for row in rows if sid in (None, sid_key(str(row.get("sid"))))]
            for key, rows in zip(slots, found)
        }

    run_module(module, job)


if __name__ == "__main__":
    main()
