# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options that say what is wanted, in the order of ``wish_spec``."""

    DOCUMENTATION = r"""
options:
  alpha_sender:
    description:
      - The alpha sender, 1 to 11 of the characters C(A-Z), C(a-z), C(0-9), space, C(-), C(+), C(_) and C(&), and not
        only digits.
      - Senders are compared exactly, upper and lower case are different.
      - A string. Put it in quotes where YAML would take it for something else, such as C(NO), which is a truth value.
    type: raw
  state:
    description:
      - V(present) gives the Service the alpha sender. It has to be named.
      - V(absent) takes the alpha sender away. Where one is named, another is left alone. Where none is named,
        whichever is there goes.
    type: str
    choices: [present, absent]
    default: present
  replace:
    description:
      - Whether another alpha sender may be deleted to make room for the wanted one. Otherwise the task fails where
        there is another.
      - Twilio cannot change an alpha sender, so it is deleted first and the wanted one is created then.
      - Where Twilio refuses the wanted one, the old one is created again.
    type: bool
    default: true
"""
