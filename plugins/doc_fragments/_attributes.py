# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What a user may rely on, for modules that change something and for those that only read."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in check mode and tell what would be done without changing anything.
    support: full
  diff_mode:
    description: Returns what changed, or would change, in diff mode.
    support: full
  idempotent:
    description: Changes nothing when run again with the same options.
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
    description: Can run in check mode, where it does the same, since it changes nothing.
    support: full
  diff_mode:
    description: Returns what changed, or would change, in diff mode.
    support: N/A
    details:
      - This module changes nothing.
  idempotent:
    description: Changes nothing when run again with the same options.
    support: full
  action_group:
    description: Use C(group/messaging.twilio.twilio) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - messaging.twilio.twilio
"""
