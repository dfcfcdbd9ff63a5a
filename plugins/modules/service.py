#!/usr/bin/python
# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service
short_description: Manage a Twilio Messaging Service
version_added: 0.1.0
description:
  - Creates, updates or deletes one Twilio Messaging Service.
  - The module changes only the properties that you set. A new Service gets Twilio's defaults for the others.
  - Twilio allows several Services with the same name. The module never creates a second one on a guess. If the answer
    to the creation is lost, it lists the Services until the new one appears, and otherwise fails.
author:
  - messaging.twilio contributors (@messaging-twilio)
options:
  service_sid:
    description:
      - SID of the Service, C(MG) and 32 hexadecimal digits. If it does not exist, O(state=present) fails.
      - You must set O(service_sid) or O(friendly_name).
    type: str
  friendly_name:
    description:
      - Name of the Service, 1 to 64 characters.
      - Without O(service_sid), the name identifies the Service. It must match exactly. The module lists all Services to
        find it, 1,000 in each request. If several Services have this name, the task fails and nothing is changed.
      - With O(service_sid), it is the new name. You cannot set both with O(state=absent).
    type: str
  state:
    description:
      - V(present) creates the Service if no Service has the name, and otherwise updates the properties that differ.
      - V(absent) deletes the Service. Twilio cannot restore it. Other properties are ignored.
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - Whether O(state=absent) deletes a Service that has phone numbers, short codes or senders. The numbers and codes
        stay in your account. Alpha senders are deleted with the Service.
      - A Service that has a US campaign (A2P 10DLC) is not deleted in any case.
    type: bool
    default: false
  inbound_request_url:
    description:
      - URL that Twilio requests for each inbound message. An empty string clears it, and Twilio then refuses inbound
        messages.
      - Results and diffs do not show a user name and password in the URL.
    type: str
  inbound_method:
    description: HTTP method for O(inbound_request_url).
    type: str
    choices: [GET, POST]
  fallback_url:
    description:
      - URL that Twilio requests if O(inbound_request_url) fails. An empty string clears it.
      - Results and diffs do not show a user name and password in the URL.
    type: str
  fallback_method:
    description: HTTP method for O(fallback_url).
    type: str
    choices: [GET, POST]
  status_callback:
    description:
      - URL to which Twilio sends the delivery status of messages. An empty string clears it.
      - Results and diffs do not show a user name and password in the URL.
    type: str
  sticky_sender:
    description: Whether a recipient gets all messages from the same sender.
    type: bool
  mms_converter:
    description: Whether Twilio sends an MMS as an SMS with a link if the recipient cannot receive MMS.
    type: bool
  smart_encoding:
    description: Whether Twilio replaces characters that make a message longer, such as curly quotes.
    type: bool
  area_code_geomatch:
    description: Whether Twilio prefers a sender with the area code of the recipient. Applies to the US and Canada.
    type: bool
  validity_period:
    description: Seconds after which Twilio no longer sends a queued message, 1 to 36,000.
    type: int
  usecase:
    description: What the Service is used for.
    type: str
    choices: [notifications, marketing, verification, discussion, poll, undeclared]
  use_inbound_webhook_on_number:
    description: Whether Twilio requests the URL of the phone number instead of the URLs of the Service.
    type: bool
extends_documentation_fragment:
  - messaging.twilio._connection
  - messaging.twilio._attributes
seealso:
  - module: messaging.twilio.service_info
  - module: messaging.twilio.alpha_sender
  - name: Service resource
    description: Twilio's documentation of the resource.
    link: https://www.twilio.com/docs/messaging/api/service-resource
"""

EXAMPLES = r"""
- name: Create a Service, or update it
  messaging.twilio.service:
    friendly_name: Shop NL
    inbound_request_url: https://shop.example/messages
    status_callback: https://shop.example/status
    usecase: marketing
  register: shop

- name: Set its alpha sender
  messaging.twilio.alpha_sender:
    service_sid: "{{ shop.service.sid }}"
    alpha_sender: ACME

- name: Rename it, and clear a URL
  messaging.twilio.service:
    service_sid: "{{ shop.service.sid }}"
    friendly_name: Shop Netherlands
    status_callback: ""

- name: Delete it with its alpha sender
  messaging.twilio.service:
    friendly_name: Shop Netherlands
    state: absent
    force: true
"""

RETURN = r"""
msg:
  description: What the module did, or why it failed and what you can do about it.
  returned: always
  type: str
  sample: "MG00000000000000000000000000000001 ('Shop NL'): created"
action:
  description:
    - What the module did. In check mode, what it would do.
    - V(failed) or V(skipped) if the task fails. V(skipped) means that the run was cancelled before the module changed
      anything.
  returned: unless the task failed before the module read the Service
  type: str
  choices: [created, updated, deleted, unchanged, failed, skipped]
  sample: created
service:
  description:
    - The Service after the task, as Twilio returned it. Empty if it does not exist, or if its state is unknown.
    - User names and passwords in URLs are replaced by asterisks.
    - Twilio's listing may not show a new Service immediately. Use C(service.sid) in the tasks that follow.
    - In check mode, a Service that would be created has only the properties that you set.
  returned: unless the task failed before the module read the Service
  type: dict
  sample:
    sid: MG00000000000000000000000000000001
    account_sid: AC00000000000000000000000000000001
    friendly_name: Shop NL
    inbound_request_url: https://shop.example/messages
    inbound_method: POST
    usecase: marketing
    validity_period: 36000
    us_app_to_person_registered: false
    date_created: "2026-01-01T00:00:00Z"
    url: https://messaging.twilio.com/v1/Services/MG00000000000000000000000000000001
error:
  description:
    - Error of Twilio or of the network, with the keys of RV(messaging.twilio.alpha_sender#module:error).
    - If the module itself found the problem, only C(message) has a value.
  returned: failure, unless an option is not valid
  type: dict
state_unknown:
  description: Whether it is unknown if a change was carried out. Run the task again later.
  returned: failure after the module tried to read the Service
  type: bool
  sample: false
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.messaging.twilio.plugins.module_utils._module import Connect, connection_spec, run_module
from ansible_collections.messaging.twilio.plugins.module_utils._service_apply import reconcile_service
from ansible_collections.messaging.twilio.plugins.module_utils._service_plan import (
    FLAGS,
    METHODS,
    URLS,
    USECASES,
    make_desired_service,
    url_credentials,
)
from ansible_collections.messaging.twilio.plugins.module_utils._service_result import service_result


def main() -> None:
    spec: dict[str, dict[str, t.Any]] = {
        "service_sid": {"type": "str"},
        "friendly_name": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "force": {"type": "bool", "default": False},
        **{name: {"type": "str"} for name in URLS},
        **{name: {"type": "str", "choices": ["GET", "POST"]} for name in METHODS},
        **{name: {"type": "bool"} for name in FLAGS},
        "validity_period": {"type": "int"},
        "usecase": {"type": "str", "choices": list(USECASES)},
    }
    module = AnsibleModule(argument_spec={**spec, **connection_spec()}, supports_check_mode=True)
    module.no_log_values.update(url_credentials(module.params))

    def job(params: dict[str, t.Any], connect: Connect) -> dict[str, t.Any]:
        desired = make_desired_service(params)
        outcome = reconcile_service(connect(1).for_account(None), desired, check_mode=module.check_mode)
        return service_result(outcome, check_mode=module.check_mode)

    run_module(module, job)


if __name__ == "__main__":
    main()
