# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Messaging API on loopback, as far as alpha senders need it.

It shares no code with the collection, so that a mistake in one is not repeated by the other.
"""

from __future__ import annotations

from simulator.server import Simulator

__all__ = ["Simulator"]
