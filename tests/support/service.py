# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Desired states of Services, and accounts with Services of given names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.messaging.twilio.plugins.module_utils._service_plan import (
    PROPERTIES,
    DesiredService,
    make_desired_service,
)

from support.account import mg, seed


def desired_service(**given: Any) -> DesiredService:
    """The desired state for options of the module ``service``."""
    defaults = {**dict.fromkeys(("service_sid", *PROPERTIES)), "state": "present", "force": False}
    return make_desired_service({**defaults, **given})


def services_seed(*services: Mapping[str, Any], **account: Any) -> dict[str, Any]:
    """One account whose Services 1, 2, 3 … have the given fields."""
    known = seed(**account)
    known["accounts"][0]["services"] = [{"sid": mg(number), **one} for number, one in enumerate(services, 1)]
    return known
