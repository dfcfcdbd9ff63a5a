# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of a report, in the order of ``report_spec``."""

    DOCUMENTATION = r"""
options:
  report_path:
    description:
      - A file on the controller whose name ends in V(.html). It becomes a page that shows what happened to each
        Service, with the same data as JSON beside it, in a file of the same name that ends in V(.json).
      - Written in check mode too, and where Services failed or the run was stopped or cancelled.
      - A relative path is relative to where C(ansible-playbook) was started. Files that are there are replaced in one
        step.
      - Whether it can be written is checked before the first request.
      - Not possible for tasks with C(async).
    type: str
  report_mode:
    description:
      - Mode of both files, as a string of a zero and three octal digits, such as V("0640").
      - Without it, that of the file that is replaced, or else what the umask says.
    type: raw
"""
