# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of this name, with entries from hosts and a report, as the plugin `alpha_senders` does."""

from __future__ import annotations

from ansible_collections.messaging.twilio.plugins.action.alpha_senders import ActionModule as AlphaSendersAction


class ActionModule(AlphaSendersAction):
    KIND = "audit"
    HAS_PROGRESS = False
    ALL_COUNTRIES = True
