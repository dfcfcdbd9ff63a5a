# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Desired states of the alpha sender of a Service, in one short call."""

from __future__ import annotations

from typing import Any

from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._reconcile import reconcile
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER, COUNTRY_SENDER


def desired(service_sid: str, value: str | None, state: str = "present", replace: bool = True) -> Desired:
    """The desired state of the alpha sender of one Service."""
    return Desired(Slot(ALPHA_SENDER, service_sid), value, state, replace)


def reconcile_one(client: Client, one: Desired, *, check_mode: bool, **options: Any) -> Outcome:
    """The outcome of one slot."""
    return reconcile(client, [one], check_mode=check_mode, **options)[0]


def desired_in(
    service_sid: str, country: str, value: str | None, state: str = "present", replace: bool = True
) -> Desired:
    """The desired state of the sender of one Service for a country."""
    return Desired(Slot(COUNTRY_SENDER, service_sid, country), value, state, replace)
