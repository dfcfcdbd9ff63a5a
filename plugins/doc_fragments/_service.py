# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options that name one Service, in the order of ``service_spec``."""

    DOCUMENTATION = r"""
options:
  service_sid:
    description:
      - SID of the Messaging Service, C(MG) and 32 hexadecimal digits.
      - You must set either O(service_sid) or O(service_name).
    type: str
  service_name:
    description:
      - Friendly name of the Messaging Service. It must match exactly.
      - The module lists all Services to find it, 1,000 in each request. If no Service or several Services have this
        name, the task fails and nothing is changed.
    type: str
"""
