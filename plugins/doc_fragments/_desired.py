# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of the desired state, in the order of ``desired_spec``."""

    DOCUMENTATION = r"""
options:
  alpha_sender:
    description:
      - The desired alpha sender. Required if O(state=present).
      - Must have 1 to 11 of the characters C(A-Z), C(a-z), C(0-9), space, C(-), C(+), C(_) and C(&), not only digits.
        Must not begin or end with a space.
      - Upper and lower case are different. V(Acme) and V(ACME) are two senders.
      - Must be a string. Put a value in quotes if YAML reads it as another type, for example V("NO"), which is a
        boolean without quotes.
    type: raw
  state:
    description:
      - With V(present), sets the alpha sender.
      - With V(absent), removes the alpha sender. If O(alpha_sender) is set, removes only that one.
    type: str
    choices: [present, absent]
    default: present
  replace:
    description:
      - Whether to replace another alpha sender. If V(false), a Service that has another alpha sender fails.
      - Twilio cannot change an alpha sender. The module deletes the old one and then creates the desired one.
      - If Twilio refuses the desired one, the module restores the old one.
    type: bool
    default: true
"""
