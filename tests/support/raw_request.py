# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a simulator without a client library."""

from __future__ import annotations

from typing import Any

import requests

from simulator import Simulator
from support.account import ACCOUNT_SID, AUTH_TOKEN, mg

SERVICES = "/v1/Services"
SENDERS = f"{SERVICES}/{mg(1)}/AlphaSenders"
COUNTRIES = f"{SERVICES}/{mg(1)}/DestinationAlphaSenders"


def ask(simulator: Simulator, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, Any]:
    """The status and the body of an answer, or 0 if the connection is closed without one."""
    url = path if path.startswith("http") else f"{simulator.url}{path}"
    try:
        answer = requests.request(method, url, data=form, auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=5)
    except requests.ConnectionError:
        return 0, None
    return answer.status_code, answer.json() if answer.content else None


def current(simulator: Simulator, path: str = SENDERS) -> list[str]:
    """The alpha senders of a listing."""
    status, body = ask(simulator, "GET", path)
    assert status == 200
    return [row["alpha_sender"] for row in body["alpha_senders"]]


def only_sid(simulator: Simulator) -> str:
    """The SID of the only sender of the first Service."""
    [sid] = simulator.service(mg(1)).senders
    return sid
