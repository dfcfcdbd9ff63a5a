# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes: what each method on each path reads or writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.errors import Refused, invalid, not_found
from simulator.history import History, Lag
from simulator.pages import account_page, page
from simulator.resources import Json, service_values
from simulator.state import Account, State

SENDERS = ("AlphaSenders", "DestinationAlphaSenders")
#: Collections that can only be read: the attribute of a Service, and the key of a listing.
MEMBERS = {
    "PhoneNumbers": ("phone_numbers", "phone_numbers"),
    "ShortCodes": ("short_codes", "short_codes"),
    "ChannelSenders": ("channel_senders", "senders"),
    "Compliance": ("campaigns", "compliance"),
}


class Switches:
    """Behaviors of Twilio that are not known for certain."""

    #: AlphaSenders lists the senders of countries, too. Its rows then have `iso_country_code`.
    alpha_senders_lists_countries = False
    #: The rows of AlphaSenders have no `iso_country_code` although senders of countries are listed.
    alpha_senders_hides_countries = False
    #: An update of a Service without FriendlyName is refused.
    update_requires_friendly_name = False
    #: A URL without a path comes back with a slash after the host.
    adds_slash_to_urls = False
    #: A page has at most so many rows, whatever PageSize asks for.
    max_page_size = 1000


SWITCHES = tuple(name for name, value in vars(Switches).items() if value is False)


class Call:
    """One request, in the terms of the API.

    :ivar user: the user name of the credentials.
    :ivar entry: the request in the journal.
    :ivar service: the Service in the path when the request came, if there is one.
    :ivar lag: how far a GET lags.
    """

    def __init__(
        self, method: str, path: str, query: Mapping[str, str], account: Account, user: str, entry: Json
    ) -> None:
        self.method, self.path, self.query = method, path, query
        self.account, self.user, self.entry = account, user, entry
        self.form: dict[str, str] = entry["form"]
        # The campaigns of a Service are one name deeper than its other collections.
        self.parts = path.strip("/").replace("/Compliance/Usa2p", "/Compliance").split("/")
        self.service_sid = self.parts[2] if len(self.parts) > 2 and self.parts[0] == "v1" else None
        self.service = account.services.get(self.service_sid) if self.service_sid else None
        self.lag: Lag | None = None

    @property
    def collection(self) -> str:
        """The name of the collection in the path: Services, AlphaSenders, …"""
        return self.parts[3 if len(self.parts) > 3 else 1].removesuffix(".json") if len(self.parts) > 1 else ""

    @property
    def lists(self) -> bool:
        """Whether this reads a listing."""
        return self.method == "GET" and len(self.parts) in (2, 4)

    @property
    def history(self) -> History:
        """The writes to the collection of this request."""
        return self.service.history if self.service is not None and len(self.parts) > 3 else self.account.history


def carry_out(state: State, switches: Switches, call: Call) -> tuple[int, Any]:
    """The status and the body of the answer."""
    parts = call.parts
    if parts[0] == "2010-04-01":
        return 200, _accounts(state, switches, call)
    if parts[:2] != ["v1", "Services"] or len(parts) > 5:
        raise not_found(call.path)
    if len(parts) < 4:
        answer = _services(state, switches, call)
    elif parts[3] in SENDERS:
        answer = _senders(state, switches, call)
    elif parts[3] in MEMBERS:
        answer = _members(state, switches, call)
    else:
        raise not_found(call.path)
    if call.method != "GET":
        state.writes += 1
        call.entry["took"] = True
        call.entry["write"] = state.writes
    return answer


def _refuse_creates(call: Call) -> None:
    if call.account.refuse_creates is not None:
        call.entry["fault"] = "refuse_creates"
        raise call.account.refuse_creates


def _accounts(state: State, switches: Switches, call: Call) -> Json:
    """The account of the credentials and its subaccounts. Only the parent sees the tokens."""
    account = call.account
    if call.user in account.api_keys:
        raise Refused(401, 20003, "Authenticate")
    if call.method != "GET":
        raise Refused(405, 20004, "Method not allowed")
    rows = [other.resource for other in state.accounts.values() if other is account or other.owner == account.sid]
    if call.user in account.main_api_keys:
        rows = [{**row, "auth_token": ""} for row in rows]
    if call.parts[1:] == ["Accounts.json"]:
        for field_name, wanted in (("status", "Status"), ("friendly_name", "FriendlyName")):
            if call.query.get(wanted):
                rows = [row for row in rows if row[field_name] == call.query[wanted]]
        return account_page(call.path, "accounts", rows, call.query, switches.max_page_size)
    for row in rows:
        if row["uri"] == call.path:
            return row
    raise not_found(call.path)


def _services(state: State, switches: Switches, call: Call) -> tuple[int, Any]:
    account, sid = call.account, call.service_sid
    if call.method == "GET":
        if sid is not None and call.lag is None:
            return 200, state.service(account, sid).resource
        rows = {key: service.resource for key, service in account.services.items()}
        if call.lag is not None:
            rows = account.history.undo(rows, call.lag)
        if sid is None:
            return 200, page(state.base + call.path, "services", rows.values(), call.query, switches.max_page_size)
        if sid not in rows:
            raise not_found(call.path)
        return 200, rows[sid]
    if call.method == "POST":
        if sid is None:
            _refuse_creates(call)
        service = None if sid is None else state.service(account, sid)
        values = service_values(call.form)
        if "friendly_name" not in values and (service is None or switches.update_requires_friendly_name):
            raise invalid("Missing required parameter FriendlyName in the post body")
        if switches.adds_slash_to_urls:
            for name in ("inbound_request_url", "fallback_url", "status_callback"):
                if values.get(name) and values[name].count("/") == 2:
                    values[name] += "/"
        if service is None:
            return 201, state.create_service(account, values).resource
        account.update_service(service, values)
        return 200, service.resource
    if call.method == "DELETE" and sid is not None:
        state.service(account, sid)
        account.remove_service(sid)
        return 204, None
    raise Refused(405, 20004, "Method not allowed")


def _senders(state: State, switches: Switches, call: Call) -> tuple[int, Any]:
    parts = call.parts
    service = state.service(call.account, parts[2])
    by_country = parts[3] == "DestinationAlphaSenders"
    all_listed = by_country or switches.alpha_senders_lists_countries
    countries = service.countries

    def shown(sid: str, row: Json) -> Json:
        """A sender as this collection shows it."""
        if not all_listed or (not by_country and switches.alpha_senders_hides_countries):
            return row
        row = {**row, "iso_country_code": countries.get(sid, "")}
        if by_country:
            row["url"] = row["url"].replace("/AlphaSenders/", "/DestinationAlphaSenders/")
        return row

    senders = service.history.undo(service.senders, call.lag) if call.lag else service.senders
    if len(parts) == 4 and call.method == "GET":
        wanted = call.query.get("IsoCountryCode", "").upper() if by_country else ""
        rows = [
            shown(sid, row)
            for sid, row in senders.items()
            if (all_listed or sid not in countries) and (not wanted or countries.get(sid, "").upper() == wanted)
        ]
        return 200, page(state.base + call.path, "alpha_senders", rows, call.query, switches.max_page_size)
    if len(parts) == 4 and call.method == "POST":
        _refuse_creates(call)
        country = call.form.get("IsoCountryCode", "") if by_country else ""
        row = state.create_sender(call.account, service, call.form.get("AlphaSender"), country)
        return 201, shown(row["sid"], row)
    if len(parts) == 5 and call.method in ("GET", "DELETE"):
        sid = parts[4]
        if sid not in senders or (sid in countries and not all_listed):
            raise not_found(call.path)
        if call.method == "GET":
            return 200, shown(sid, senders[sid])
        service.remove_sender(sid)
        return 204, None
    raise Refused(405, 20004, "Method not allowed")


def _members(state: State, switches: Switches, call: Call) -> tuple[int, Any]:
    """What can only be read."""
    service = state.service(call.account, call.parts[2])
    attribute, key = MEMBERS[call.parts[3]]
    rows: list[Json] = getattr(service, attribute)
    if call.method != "GET":
        raise Refused(405, 20004, "Method not allowed")
    if len(call.parts) == 4:
        return 200, page(state.base + call.path, key, rows, call.query, switches.max_page_size)
    for row in rows:
        if row["sid"] == call.parts[4]:
            return 200, row
    raise not_found(call.path)
