# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of the simulated Twilio: accounts, their keys, their Services and senders."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import Refused, invalid, not_found
from simulator.history import History
from simulator.resources import (
    COUNTRY,
    DEFAULTS,
    SENDER,
    Json,
    account_resource,
    campaign_resource,
    channel_sender_resource,
    member_resource,
    now,
    service_resource,
)


@dataclass
class Service:
    """One Service.

    :ivar senders: the default sender and the senders by country, by SID.
    :ivar countries: the country of a sender that has one, by SID.
    """

    resource: Json
    senders: dict[str, Json] = field(default_factory=dict)
    countries: dict[str, str] = field(default_factory=dict)
    phone_numbers: list[Json] = field(default_factory=list)
    short_codes: list[Json] = field(default_factory=list)
    channel_senders: list[Json] = field(default_factory=list)
    campaigns: list[Json] = field(default_factory=list)
    history: History = field(default_factory=History)

    @property
    def names(self) -> list[str]:
        """The default sender, or the default senders if the seed has several."""
        return [row["alpha_sender"] for row in self.slot("").values()]

    def slot(self, country: str) -> dict[str, Json]:
        """The senders of a country, or with an empty string the default senders."""
        countries = self.countries
        return {sid: row for sid, row in self.senders.items() if countries.get(sid, "").upper() == country.upper()}

    def remove_sender(self, sid: str) -> None:
        self.history.note(sid, self.senders.pop(sid))


@dataclass
class Account:
    """One account.

    :ivar refuse_creates: the answer to each request that would create something, or None.
    """

    resource: Json
    api_keys: dict[str, str] = field(default_factory=dict)
    main_api_keys: dict[str, str] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    refuse_creates: Refused | None = None
    in_flight: int = 0
    history: History = field(default_factory=History)

    @property
    def sid(self) -> str:
        return str(self.resource["sid"])

    @property
    def auth_token(self) -> str:
        return str(self.resource["auth_token"])

    @property
    def owner(self) -> str:
        return str(self.resource["owner_account_sid"])

    def update_service(self, service: Service, values: Mapping[str, Any]) -> None:
        self.history.note(service.resource["sid"], service.resource)
        service.resource = {**service.resource, **values, "date_updated": now()}

    def remove_service(self, sid: str) -> None:
        self.history.note(sid, self.services.pop(sid).resource)


class State:
    """All accounts. ``seed`` is ``{"accounts": [...]}`` as `tests/simulator/README.md` describes."""

    def __init__(self, seed: Mapping[str, Any], base: str = "") -> None:
        self.base = base
        #: The number of writes that were carried out.
        self.writes = 0
        self._numbers = itertools.count(1)
        self.accounts: dict[str, Account] = {}
        self._logins: dict[tuple[str, str], Account] = {}
        for entry in seed["accounts"]:
            self.add_account(entry)

    def add_account(self, entry: Mapping[str, Any]) -> Account:
        refusal = entry.get("refuse_creates")
        account = Account(
            account_resource(entry),
            dict(entry.get("api_keys", {})),
            dict(entry.get("main_api_keys", {})),
            refused=frozenset(entry.get("refused", ())),
            refuse_creates=refusal and Refused(refusal["status"], refusal["code"], refusal.get("message", "Refused")),
        )
        self.accounts[account.sid] = account
        for pair in [(account.sid, account.auth_token), *account.api_keys.items(), *account.main_api_keys.items()]:
            self._logins[pair] = account
        for service in entry.get("services", ()):
            self.add_service(account, service)
        return account

    def add_service(self, account: Account, entry: Mapping[str, Any]) -> Service:
        """Add a Service as the seed has it, unchecked."""
        sid = entry["sid"]
        known = {name: entry[name] for name in (*DEFAULTS, "us_app_to_person_registered") if name in entry}
        values = {"friendly_name": f"Service {sid[-4:]}", **known}
        service = account.services[sid] = Service(service_resource(self.base, account.sid, sid, values))
        for name in entry.get("alpha_senders", ()):
            self.put_sender(service, name)
        for country, name in entry.get("country_senders", {}).items():
            self.put_sender(service, name, country)
        for number in entry.get("phone_numbers", ()):
            values = {"phone_number": number, "country_code": "US", "capabilities": ["SMS", "MMS", "Voice"]}
            service.phone_numbers.append(self._member(service, "PhoneNumbers", "PN", values))
        for code in entry.get("short_codes", ()):
            values = {"short_code": code, "country_code": "US", "capabilities": ["SMS"]}
            service.short_codes.append(self._member(service, "ShortCodes", "SC", values))
        for sender in entry.get("channel_senders", ()):
            sid = f"XE{next(self._numbers):032x}"
            service.channel_senders.append(channel_sender_resource(self.base, service.resource, sid, sender))
        for status in entry.get("campaigns", ()):
            sid = f"QE{next(self._numbers):032x}"
            service.campaigns.append(campaign_resource(self.base, service.resource, sid, status))
        service.history.changes.clear()
        return service

    def create_service(self, account: Account, values: Mapping[str, Any]) -> Service:
        # Seeds number their Services from 1, so that these SIDs are free.
        sid = f"MGc{next(self._numbers):031x}"
        account.history.note(sid, None)
        service = account.services[sid] = Service(service_resource(self.base, account.sid, sid, values))
        return service

    def login(self, user: str, password: str) -> Account:
        """The account of these credentials. Twilio refuses those of an account that is not active in the same way."""
        account = self._logins.get((user, password))
        owner = account and self.accounts.get(account.owner, account)
        if account is None or owner is None or not account.resource["status"] == owner.resource["status"] == "active":
            raise Refused(401, 20003, "Authenticate")
        return account

    def service(self, account: Account, sid: str) -> Service:
        try:
            return account.services[sid]
        except KeyError:
            raise not_found(f"/Services/{sid}") from None

    def put_sender(self, service: Service, name: str, country: str = "") -> Json:
        """Give a Service a sender without checks."""
        values = {"alpha_sender": name, "capabilities": ["SMS"]}
        resource = self._member(service, "AlphaSenders", "AI", values)
        sid = resource["sid"]
        service.history.note(sid, None)
        service.senders[sid] = resource
        if country:
            service.countries[sid] = country
        return resource

    def create_sender(self, account: Account, service: Service, name: str | None, country: str = "") -> Json:
        """Give a Service a sender if Twilio would: one default sender, and one for each country."""
        if name is None:
            raise invalid("Missing required parameter AlphaSender in the post body")
        if country and not COUNTRY.match(country):
            raise invalid(f"IsoCountryCode {country} is not a valid country code")
        if not SENDER.match(name) or name in account.refused:
            raise Refused(400, 21709, f"The Alphanumeric Sender ID {name} is invalid")
        if not service.senders:
            return self.put_sender(service, name, country)
        present = [row["alpha_sender"] for row in service.slot(country).values()]
        if name in present:
            raise Refused(409, 21710, "Alpha Sender is already in the Messaging Service")
        if present:
            raise Refused(412, 21714, "The Messaging Service has an Alpha Sender already")
        return self.put_sender(service, name, country)

    def _member(self, service: Service, collection: str, prefix: str, values: Mapping[str, Any]) -> Json:
        sid = f"{prefix}{next(self._numbers):032x}"
        return member_resource(self.base, service.resource, collection, sid, values)
