# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The option of the modules that may delete an alpha sender for another."""

    DOCUMENTATION = r"""
options:
  journal_path:
    description:
      - A folder in which the name of a sender is written down before it is deleted for another one. Give it where a
        run may be killed, so that it can finish nothing, such as in a container.
      - The next run with the same folder reads it. Where it has a Service that was left without a sender, and the
        wanted sender is refused, the one that was deleted is brought back. Where it does not have the Service, a
        warning says what brings it back.
      - The folder must be there, on the host that runs the task, and outlive the run. Runs that go on at the same time
        may share it. Files are removed once there is nothing in them to be brought to an end.
      - Without it nothing is written down.
    type: path
"""
