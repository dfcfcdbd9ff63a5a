# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The option of the modules that can replace an alpha sender."""

    DOCUMENTATION = r"""
options:
  journal_path:
    description:
      - Folder of the journal. The module records each alpha sender there before it deletes it to create another one.
      - Set it if the run may be killed, for example in a container. The folder must exist on the host that runs the
        module, and must outlive the run.
      - The next run with the same folder reads the journal. If a killed run left a Service without an alpha sender and
        Twilio refuses the desired one, the module restores the old one.
      - The module warns about other Services that a killed run left without an alpha sender. The warning has the
        command that restores it.
      - Several runs can use the same folder at the same time. The module removes files without open entries.
      - If not set, there is no journal.
    type: path
"""
