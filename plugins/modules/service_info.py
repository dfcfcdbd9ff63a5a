#!/usr/bin/python
# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_info
short_description: List Twilio Messaging Services
version_added: 0.1.0
description:
  - Returns the Messaging Services of an account, and their alphanumeric sender IDs (alpha senders) if you ask for them.
  - You can set one of O(service_sid), O(service_name) and O(name_glob). Without them, the module returns all Services.
  - If no Service matches, the list is empty.
author:
  - messaging.twilio contributors (@messaging-twilio)
options:
  service_sid:
    description: SID of one Messaging Service, C(MG) and 32 hexadecimal digits.
    type: str
  service_name:
    description: Friendly name of the Services. It must match exactly. Several Services can have the same name.
    type: str
  name_glob:
    description:
      - Pattern of friendly names. V(*) matches any characters, V(?) matches one character, and V([...]) matches one of
        the characters in the brackets.
      - Upper and lower case are different.
    type: str
  alpha_senders:
    description: Whether to read the alpha senders too. This takes one more request for each Service.
    type: bool
    default: false
  country_senders:
    description:
      - Whether to read the alpha senders for single countries too. This takes two more requests for each Service, and
        includes O(alpha_senders=true).
    type: bool
    default: false
  concurrency:
    description: Number of Services whose alpha senders are read at the same time, 1 to 100.
    type: int
    default: 10
extends_documentation_fragment:
  - messaging.twilio._connection
  - messaging.twilio._attributes.info
seealso:
  - module: messaging.twilio.alpha_sender_info
  - plugin: messaging.twilio.services
    plugin_type: inventory
  - name: Service resource
    description: Twilio's documentation of the resource.
    link: https://www.twilio.com/docs/messaging/api/service-resource
"""

EXAMPLES = r"""
- name: List all Services
  messaging.twilio.service_info:
  register: all

- name: List some Services with their alpha senders
  messaging.twilio.service_info:
    name_glob: Shop *
    alpha_senders: true
    concurrency: 20
  register: shops

- name: Show the alpha sender of each Service
  ansible.builtin.debug:
    msg: "{{ item.friendly_name }}: {{ item.alpha_senders | map(attribute='alpha_sender') | join(', ') }}"
  loop: "{{ shops.services }}"
  loop_control:
    label: "{{ item.sid }}"
"""

RETURN = r"""
services:
  description:
    - The Services, as Twilio returns them and in the same order.
    - User names and passwords in URLs are replaced by asterisks.
    - If O(alpha_senders=true), each Service also has the key C(alpha_senders), a list as in
      RV(messaging.twilio.alpha_sender_info#module:alpha_senders). It is null if the alpha senders could not be read.
    - If O(country_senders=true), each Service also has the key C(country_senders), a list as in
      RV(messaging.twilio.alpha_sender_info#module:country_senders).
  returned: success
  type: list
  elements: dict
  sample:
    - sid: MG00000000000000000000000000000001
      account_sid: AC00000000000000000000000000000001
      friendly_name: Shop UK
      usecase: marketing
      date_created: "2026-01-01T00:00:00Z"
      url: https://messaging.twilio.com/v1/Services/MG00000000000000000000000000000001
errors:
  description: The Services whose alpha senders could not be read. If there are any, the module warns.
  returned: success
  type: list
  elements: dict
  contains:
    service_sid:
      description: SID of the Service.
      returned: always
      type: str
    msg:
      description: Why its alpha senders could not be read.
      returned: always
      type: str
    error:
      description: Error of Twilio or of the network, with the keys of RV(messaging.twilio.alpha_sender#module:error).
      returned: always
      type: dict
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
from ansible_collections.messaging.twilio.plugins.module_utils._module import (
    Connect,
    check_concurrency,
    connection_spec,
    run_module,
    service_spec,
)
from ansible_collections.messaging.twilio.plugins.module_utils._services import (
    check_filter,
    read_services,
    services_with_senders,
)


def main() -> None:
    spec = {
        "name_glob": {"type": "str"},
        "alpha_senders": {"type": "bool", "default": False},
        "country_senders": {"type": "bool", "default": False},
        "concurrency": {"type": "int", "default": 10},
    }
    module = AnsibleModule(argument_spec={**service_spec(), **spec, **connection_spec()}, supports_check_mode=True)

    def job(params: dict[str, t.Any], connect: Connect) -> dict[str, t.Any]:
        check_concurrency(params["concurrency"])
        chosen = {name: params[name] for name in ("service_sid", "service_name", "name_glob")}
        check_filter(**chosen)
        client = connect(params["concurrency"])
        services = read_services(client, **chosen)
        if not params["alpha_senders"] and not params["country_senders"]:
            return {"services": services, "errors": []}
        return services_with_senders(
            client, services, country_senders=params["country_senders"], concurrency=params["concurrency"]
        )

    run_module(module, job)


if __name__ == "__main__":
    main()
