# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Messaging API on loopback: Services, their senders, and accounts.

It shares no code with the collection. A mistake in one is so not hidden by the same mistake in the other.
"""

from __future__ import annotations

from simulator.server import Simulator

__all__ = ["Simulator"]
