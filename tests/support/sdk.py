# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twilio's own helper library as a client of the simulator."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sdk_rollout import Loopback
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from simulator import Simulator
from support.account import ACCOUNT_SID, AUTH_TOKEN


def library(simulator: Simulator, user: str = ACCOUNT_SID, password: str = AUTH_TOKEN) -> Client:
    return Client(user, password, ACCOUNT_SID, http_client=Loopback(simulator.url))


def refusal(call: Callable[[], object]) -> tuple[int, int]:
    """The status and Twilio's code of a call that must be refused."""
    with pytest.raises(TwilioException) as caught:
        call()
    error = caught.value
    if not isinstance(error, TwilioRestException):
        # The library raises the bare answer if a listing is refused.
        error = error.args[1]
        return error.status_code, json.loads(error.text)["code"]
    return error.status, error.code
