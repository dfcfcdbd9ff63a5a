# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of the desired state, which ``desired_spec`` has. ``COUNTRIES`` is for modules for many Services."""

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

    COUNTRIES = r"""
options:
  country_senders:
    description:
      - The desired alpha senders for single countries, as a dictionary. Each key is an ISO 3166 alpha-2 country code,
        and each value is an alpha sender, or null to remove the alpha sender of this country.
      - Messages to a country without its own alpha sender use O(alpha_sender). Countries that you do not name are not
        changed.
      - O(state) does not apply to these alpha senders. O(replace) does.
      - Put a country code in quotes if YAML reads it as another type, for example C("NO").
    type: dict
"""
