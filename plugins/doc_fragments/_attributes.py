# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The attributes of modules that change something, and of those that only read."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in check mode and return what it would do, without changing anything.
    support: full
  diff_mode:
    description: Returns what it changed, or would change in check mode, if you run it in diff mode.
    support: full
  idempotent:
    description: Changes nothing if you run it again with the same options.
    support: full
  action_group:
    description: Use C(group/messaging.twilio.twilio) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - messaging.twilio.twilio
"""

    INFO = r"""
attributes:
  check_mode:
    description: Can run in check mode. It does the same there, because it changes nothing.
    support: full
  diff_mode:
    description: Returns what it changed, or would change in check mode, if you run it in diff mode.
    support: N/A
    details:
      - This module changes nothing.
  idempotent:
    description: Changes nothing if you run it again with the same options.
    support: full
  action_group:
    description: Use C(group/messaging.twilio.twilio) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - messaging.twilio.twilio
"""
