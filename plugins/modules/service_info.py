#!/usr/bin/python
# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_info
short_description: Tell which Twilio Messaging Services there are
version_added: 0.1.0
description:
  - Reads the Messaging Services of an account, all or those that match, and on request their alphanumeric sender IDs
    (alpha senders).
  - Of O(service_sid), O(service_name) and O(name_glob) one may be given. Without them all Services are returned. Where
    none matches, the list is empty.
author:
  - messaging.twilio contributors (@messaging-twilio)
options:
  service_sid:
    description: SID of one Messaging Service, C(MG) and 32 hexadecimal digits.
    type: str
  service_name:
    description: Friendly name of the Services, exactly as Twilio has it. More than one may have it.
    type: str
  name_glob:
    description:
      - Pattern that the friendly names match. V(*) stands for any characters, V(?) for one, V([...]) for one of those
        in it. Upper and lower case differ.
    type: str
  alpha_senders:
    description: Whether the alpha senders of each Service are read, too, which takes one request a Service.
    type: bool
    default: false
  concurrency:
    description: Of how many Services the alpha senders are read at once, 1 to 100.
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
    description: Twilio's own page for the resource.
    link: https://www.twilio.com/docs/messaging/api/service-resource
"""

EXAMPLES = r"""
- name: Which Services are there?
  messaging.twilio.service_info:
  register: all

- name: Those of the shop, with their alpha senders
  messaging.twilio.service_info:
    name_glob: Shop *
    alpha_senders: true
    concurrency: 20
  register: shop

- name: Say which Service sends as what
  ansible.builtin.debug:
    msg: "{{ item.friendly_name }}: {{ item.alpha_senders | map(attribute='alpha_sender') | join(', ') }}"
  loop: "{{ shop.services }}"
  loop_control:
    label: "{{ item.sid }}"
"""

RETURN = r"""
services:
  description:
    - The Services, in the order in which Twilio lists them, each with all that Twilio tells of it.
    - With O(alpha_senders=true) each has its alpha senders as C(alpha_senders), a list as
      RV(messaging.twilio.alpha_sender_info#module:alpha_senders). It is null where they could not be read.
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
  description: The Services of which the alpha senders could not be read, with a warning that counts them.
  returned: success
  type: list
  elements: dict
  contains:
    service_sid:
      description: SID of the Service.
      returned: always
      type: str
    msg:
      description: Why they could not be read.
      returned: always
      type: str
    error:
      description: What Twilio or the network said, as the return value RV(messaging.twilio.alpha_sender#module:error).
      returned: always
      type: dict
error:
  description: What Twilio or the network said, as the return value RV(messaging.twilio.alpha_sender#module:error).
  returned: failure, other than for bad input
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
