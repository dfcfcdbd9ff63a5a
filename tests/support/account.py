# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account, seeds with it, and connection options for a simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.server import Simulator

ACCOUNT_SID = "AC" + "0" * 31 + "1"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
API_KEY = "SK" + "0" * 31 + "1"
API_SECRET = "Secret0123456789Secret0123456789"


def mg(number: int) -> str:
    """The SID of the Service with this number."""
    return f"MG{number:032x}"


def seed(*services: Sequence[str] | Mapping[str, str], **account: Any) -> dict[str, Any]:
    """One account whose Services 1, 2, 3 … have the given senders.

    :arg services: for each Service its default senders, or a mapping of countries to senders in which an empty string
        is the key of the default sender.
    :arg account: other keys of the account, as the README of the simulator describes them.
    """
    entries: list[dict[str, Any]] = []
    for number, senders in enumerate(services, 1):
        by_country = senders if isinstance(senders, Mapping) else {}
        default = [by_country[""]] if "" in by_country else []
        names = default if isinstance(senders, Mapping) else list(senders)
        countries = {country: name for country, name in by_country.items() if country}
        entries.append({"sid": mg(number), "alpha_senders": names, "country_senders": countries})
    account = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "api_keys": {API_KEY: API_SECRET}, **account}
    return {"accounts": [{**account, "services": entries}]}


def named_seed(*names: str, senders: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
    """One account whose Services 1, 2, 3 … have the given friendly names, and the senders of ``senders`` by name."""
    known = seed(*((senders or {}).get(name, ()) for name in names))
    for service, name in zip(known["accounts"][0]["services"], names):
        service["friendly_name"] = name
    return known


def options(simulator: Simulator, **changed: Any) -> dict[str, Any]:
    """The connection options of a module with all defaults filled in."""
    defaults: Mapping[str, Any] = {
        "account_sid": ACCOUNT_SID,
        "auth_token": AUTH_TOKEN,
        "api_key": None,
        "api_secret": None,
        "region": None,
        "edge": None,
        "api_url": simulator.url,
        "timeout": 35.0,
        "max_retries": 5,
        "validate_certs": True,
        "ca_path": None,
    }
    return {**defaults, **changed}


def environment(simulator: Simulator) -> dict[str, str]:
    """The environment variables that set the connection options for a simulator."""
    return {
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_API_URL": simulator.url,
        "NO_PROXY": "127.0.0.1",
    }
