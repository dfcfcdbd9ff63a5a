# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the simulated Twilio knows: accounts, their keys, their Services and alpha senders."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

Json = dict[str, Any]

SENDER = re.compile(r"(?![0-9]+\Z)[A-Za-z0-9 +_&-]{1,11}\Z")


class Refused(Exception):
    """An answer other than success: HTTP status, Twilio's code and words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {
            "code": code,
            "message": message,
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }


def not_found(path: str) -> Refused:
    return Refused(404, 20404, f"The requested resource {path} was not found")


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Service:
    resource: Json
    senders: dict[str, Json] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [sender["alpha_sender"] for sender in self.senders.values()]


@dataclass
class Account:
    sid: str
    auth_token: str
    api_keys: dict[str, str] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    in_flight: int = 0


class State:
    """All accounts. ``seed`` is ``{"accounts": [...]}`` as `tests/simulator/README.md` describes."""

    def __init__(self, seed: Mapping[str, Any], base: str = "") -> None:
        self.base = base
        self._numbers = itertools.count(1)
        self.accounts: dict[str, Account] = {}
        self._logins: dict[tuple[str, str], Account] = {}
        for entry in seed["accounts"]:
            account = Account(
                entry["account_sid"],
                entry["auth_token"],
                dict(entry.get("api_keys", {})),
                refused=frozenset(entry.get("refused", ())),
            )
            self.accounts[account.sid] = account
            for pair in [(account.sid, account.auth_token), *account.api_keys.items()]:
                self._logins[pair] = account
            for service in entry.get("services", ()):
                self.add_service(account, service)

    def add_service(self, account: Account, entry: Mapping[str, Any]) -> Service:
        sid = entry["sid"]
        url = f"{self.base}/v1/Services/{sid}"
        resource = {
            "sid": sid,
            "account_sid": account.sid,
            "friendly_name": entry.get("friendly_name", f"Service {sid[-4:]}"),
            "date_created": now(),
            "date_updated": now(),
            "usecase": entry.get("usecase", "undeclared"),
            "sticky_sender": True,
            "status_callback": None,
            "url": url,
            "links": {"alpha_senders": f"{url}/AlphaSenders"},
        }
        service = account.services[sid] = Service(resource)
        for name in entry.get("alpha_senders", ()):
            self.put_sender(account, service, name)
        return service

    def login(self, user: str, password: str) -> Account:
        try:
            return self._logins[user, password]
        except KeyError:
            raise Refused(401, 20003, "Authenticate") from None

    def service(self, account: Account, sid: str) -> Service:
        try:
            return account.services[sid]
        except KeyError:
            raise not_found(f"/Services/{sid}") from None

    def put_sender(self, account: Account, service: Service, name: str) -> Json:
        """Give a Service a sender without asking whether it may have one."""
        sid = f"AI{next(self._numbers):032x}"
        service_sid = service.resource["sid"]
        service.senders[sid] = resource = {
            "sid": sid,
            "account_sid": account.sid,
            "service_sid": service_sid,
            "date_created": now(),
            "date_updated": now(),
            "alpha_sender": name,
            "capabilities": ["SMS"],
            "url": f"{self.base}/v1/Services/{service_sid}/AlphaSenders/{sid}",
        }
        return resource

    def create_sender(self, account: Account, service: Service, name: str | None) -> Json:
        if name is None:
            raise Refused(400, 20001, "Missing required parameter AlphaSender in the post body")
        if not SENDER.match(name) or name in account.refused:
            raise Refused(400, 21709, f"The Alphanumeric Sender ID {name} is invalid")
        if name in service.names:
            raise Refused(409, 21710, "Alpha Sender is already in the Messaging Service")
        if service.senders:
            raise Refused(412, 21714, "The Messaging Service has an Alpha Sender already")
        return self.put_sender(account, service, name)

    @staticmethod
    def sender(service: Service, sid: str) -> Json:
        try:
            return service.senders[sid]
        except KeyError:
            raise not_found(f"/AlphaSenders/{sid}") from None

    def page(self, path: str, key: str, resources: Iterable[Json], query: Mapping[str, str]) -> Json:
        """One page of a listing: ``PageSize``, and ``Page`` with the ``PageToken`` that leads to it."""
        resources = list(resources)
        try:
            size, number = int(query.get("PageSize", 50)), int(query.get("Page", 0))
        except ValueError:
            size = 0
        if not 1 <= size <= 1000 or number < 0:
            raise Refused(400, 20001, "PageSize must be between 1 and 1000")
        tokens = {f"PA{resource['sid']}": place + 1 for place, resource in enumerate(resources)}
        start = tokens.get(query.get("PageToken", ""), 0)

        def url(page: int, token: str | None = None) -> str:
            return f"{self.base}{path}?PageSize={size}&Page={page}" + (f"&PageToken={token}" if token else "")

        found = resources[start : start + size]
        more = start + size < len(resources)
        return {
            "meta": {
                "page": number,
                "page_size": size,
                "first_page_url": url(0),
                "previous_page_url": url(number - 1) if number else None,
                "next_page_url": url(number + 1, f"PA{found[-1]['sid']}") if more else None,
                "key": key,
                "url": url(number),
            },
            key: found,
        }
