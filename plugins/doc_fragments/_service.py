# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options that say which Service is meant, in the order of ``service_spec``."""

    DOCUMENTATION = r"""
options:
  service_sid:
    description:
      - SID of the Messaging Service, C(MG) and 32 hexadecimal digits.
      - Exactly one of O(service_sid) and O(service_name) is needed.
    type: str
  service_name:
    description:
      - Friendly name of the Messaging Service, exactly as Twilio has it.
      - All Services are read to find it, 1,000 at a time. Where several have the name, or none, nothing is changed and
        the task fails.
    type: str
"""
