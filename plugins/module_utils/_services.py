# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Services are meant: by SID, by friendly name, or by a pattern of names.

Twilio has no filter for names, and they are not unique.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import difflib
import fnmatch
import typing as t
import unicodedata
from dataclasses import replace

from ansible_collections.messaging.twilio.plugins.module_utils._accounts import Accounts, AnyClient
from ansible_collections.messaging.twilio.plugins.module_utils._client import SERVICES_KEY, SERVICES_PATH
from ansible_collections.messaging.twilio.plugins.module_utils._current import read_all
from ansible_collections.messaging.twilio.plugins.module_utils._errors import (
    MAX_JOINED,
    ApiError,
    InputError,
    join_first,
    plural,
    quoted,
    quoted_apart,
)
from ansible_collections.messaging.twilio.plugins.module_utils._plan import ALL_COUNTRIES, Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._pool import run_all
from ansible_collections.messaging.twilio.plugins.module_utils._resources import (
    ALPHA_SENDER,
    COUNTRY_SENDER,
    Row,
    check_sid,
    is_sid,
    sid_key,
)
from ansible_collections.messaging.twilio.plugins.module_utils._service_plan import shown

#: How many names of Services a message suggests.
MAX_CLOSEST = 3
ONE_OF_TWO = "Set service_sid or service_name"


def list_services(client: AnyClient) -> list[Row]:
    """All Services of the account, or of all accounts of a run.

    :raises ApiError: if they cannot be read.
    """
    if not isinstance(client, Accounts):
        return list(client.list(SERVICES_PATH, SERVICES_KEY))
    clients = client.clients
    found: dict[int, list[Row]] = {}
    errors: list[ApiError] = []

    def work(place: int, _stopped: object) -> bool:
        try:
            found[place] = list(clients[place].list(SERVICES_PATH, SERVICES_KEY))
        except ApiError as error:
            account_sid = clients[place].account_sid
            errors.append(error if account_sid is None else error.with_sentence(f"account {account_sid}: {error}"))
        return bool(errors)

    run_all(client.cancellation, range(len(clients)), work, bool, concurrency=client.concurrency)
    for error in errors:
        raise error
    if len(found) < len(clients):
        raise ApiError("The Services were not listed, because the run was cancelled")
    # An API key may be of an account that is given once more.
    services = [service for place in range(len(clients)) for service in found[place]]
    return [*{_key(service): service for service in services}.values()]


def _key(service: Row) -> object:
    return service["sid"] if is_sid("MG", service.get("sid")) else id(service)


def split_valid(services: t.Iterable[Row]) -> tuple[list[Row], list[str]]:
    """The Services that have a SID, and a warning if some do not."""
    valid: list[Row] = []
    bad: list[Row] = []
    for service in services:
        (valid if is_sid("MG", service.get("sid")) else bad).append(service)
    first = ", ".join(quoted(service.get("sid")) for service in bad[:MAX_JOINED])
    return valid, [f"Twilio listed {plural(len(bad), 'Service')} without a valid SID, ignored: {first}"] if bad else []


class Directory:
    """The Services of a run by name and by SID.

    :arg read: reads the Services of all accounts. Called once, and only if a Service has to be looked up.
    :arg several: the run has several accounts, so that the account of a SID has to be looked up.
    """

    def __init__(self, read: t.Callable[[], t.Iterable[Row]], *, several: bool = False) -> None:
        self._read = read
        self._several = several
        self._by_name: dict[str, list[Row]] | None = None
        self._by_sid: dict[str, Row] = {}
        self._failed = 0

    def name(self, service_sid: str) -> str | None:
        """The friendly name of a SID. ``None`` until a Service was looked up."""
        return _name(self._by_sid.get(sid_key(service_sid), {})) or None

    def locate(self, desired: Desired) -> Desired:
        """The desired state with the SID of its Service, and in a run of several accounts with its account.

        :raises InputError: as `find`.
        """
        slot, name = desired.slot, desired.service_name
        if name is not None and not slot.service_sid:
            service = self.find(name, slot.account_sid)
        elif self._several and slot.account_sid is None:
            service = self._find_sid(slot.service_sid)
        else:
            return desired
        account_sid = service.get("account_sid") if self._several else slot.account_sid
        slot = replace(slot, service_sid=service["sid"], account_sid=account_sid)
        return replace(desired, slot=slot, service_name=_name(service) or None)

    def find(self, name: str, account_sid: str | None = None) -> Row:
        """The Service whose friendly name is exactly ``name``, of one account if that is given.

        :raises InputError: if there is none, with the closest names, or more than one, with their SIDs.
        """
        services = self._names()
        found = [
            service
            for service in services.get(name, ())
            if account_sid is None or sid_key(str(service.get("account_sid"))) == sid_key(account_sid)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            sids = [
                service["sid"] + (f" of {service.get('account_sid')}" if self._several else "") for service in found
            ]
            raise InputError(
                f"service_name must be the name of one Service, got {quoted(name)}, which {len(found)} Services have "
                f"({join_first(sids)}). Use service_sid instead"
            )
        got, *close = quoted_apart([name, *self._closest(name, services)])
        advice = "The module messaging.twilio.service_info lists the Services"
        if close:
            advice = f"Did you mean {' or '.join(close)}?"
        raise InputError(f"service_name must be the friendly name of a Service, got {got}. {advice}")

    def _find_sid(self, service_sid: str) -> Row:
        self._names()
        try:
            return self._by_sid[sid_key(service_sid)]
        except KeyError:
            raise InputError(
                f"service_sid must be the SID of a Service of the accounts of this run, got {quoted(service_sid)}"
            ) from None

    def _names(self) -> dict[str, list[Row]]:
        if self._by_name is None:
            self._by_name = {}
            for service in split_valid(self._read())[0]:
                self._by_sid[sid_key(service["sid"])] = service
                if _name(service):
                    self._by_name.setdefault(_name(service), []).append(service)
        return self._by_name

    def _closest(self, name: str, known: t.Iterable[str]) -> list[str]:
        self._failed += 1
        # Comparing one name with 10,000 takes 0.1 s, and a message shows only the first problems.
        if self._failed > MAX_JOINED:
            return []
        form = unicodedata.normalize("NFKC", name)
        alike = [one for one in known if unicodedata.normalize("NFKC", one) == form]
        return alike[:MAX_CLOSEST] or difflib.get_close_matches(name, known, n=MAX_CLOSEST)


def check_service(service_sid: object, service_name: object, label: str = "") -> tuple[str, str | None]:
    """The SID of a Service and ``None``, or an empty string and its name.

    :arg label: precedes the name of an option in messages.
    :raises InputError: if not exactly one is given, or it is not valid.
    """
    if service_name is None:
        if service_sid is None:
            raise InputError(f"{label}service_sid is missing. {ONE_OF_TWO}")
        return check_sid("MG", service_sid, f"{label}service_sid"), None
    if service_sid is not None:
        raise InputError(
            f"{label}service_sid and service_name exclude each other, got {quoted(service_sid)} and "
            f"{quoted(service_name)}. {ONE_OF_TWO}"
        )
    if not isinstance(service_name, str) or not service_name:
        raise InputError(
            f"{label}service_name must be the friendly name of a Service as a string, got {quoted(service_name)}"
        )
    return "", service_name


def check_filter(service_sid: str | None, service_name: str | None, name_glob: str | None) -> None:
    """Raise `InputError` if more than one of them is given, or one is not valid."""
    given = [name for name, value in locals().items() if value is not None]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} exclude each other. Set service_sid, service_name or name_glob")
    if name_glob == "":
        raise InputError("name_glob must be a pattern of names, got ''. Leave it out to get all Services")
    if name_glob is None and given:
        check_service(service_sid, service_name)


def read_services(
    client: AnyClient, service_sid: str | None = None, service_name: str | None = None, name_glob: str | None = None
) -> list[Row]:
    """The Services that match what `check_filter` checked, all of them by default, without passwords in their URLs.

    A name matches exactly. In a pattern, ``*``, ``?`` and ``[...]`` have their usual meaning. Case matters.

    :raises ApiError: if they cannot be read.
    """
    if service_sid is not None:
        try:
            return [shown(client.for_account(None).get(f"{SERVICES_PATH}/{service_sid}"))]
        except ApiError as error:
            if not error.not_found:
                raise
            return []
    services: list[Row] = [shown(service) for service in list_services(client)]
    if service_name is not None:
        return [service for service in services if service.get("friendly_name") == service_name]
    if name_glob is not None:
        return [service for service in services if fnmatch.fnmatchcase(_name(service), name_glob)]
    return services


def _name(service: Row) -> str:
    name = service.get("friendly_name")
    return name if isinstance(name, str) else ""


def sender_slots(service_sid: str, account_sid: str | None = None, *, country_senders: bool) -> dict[str, Slot]:
    """The slots to read of a Service, by the keys of results: its sender, and those of all countries if asked for."""
    slots = {"alpha_senders": Slot(ALPHA_SENDER, service_sid, account_sid=account_sid)}
    if country_senders:
        slots["country_senders"] = Slot(COUNTRY_SENDER, service_sid, ALL_COUNTRIES, account_sid)
    return slots


def services_with_senders(
    client: AnyClient, services: t.Sequence[Row], *, country_senders: bool, concurrency: int
) -> dict[str, t.Any]:
    """The ``services`` with their senders, ``errors`` of those that could not be read, and ``warnings``.

    The rows have the keys of `sender_slots`. They are ``None`` if they could not be read.

    :raises ApiError: for an error that every other Service would get, too. Of several accounts, it ends only one.
    """
    valid, warnings = split_valid(services)
    several = isinstance(client, Accounts) and client.several
    slots = [
        sender_slots(service["sid"], service.get("account_sid") if several else None, country_senders=country_senders)
        for service in valid
    ]
    flat = iter(read_all(client, [slot for one in slots for slot in one.values()], concurrency=concurrency))
    found = [{key: next(flat) for key in one} for one in slots]
    failed = [
        (service, error)
        for service, rows in zip(valid, found)
        if isinstance(error := next(iter(rows.values())), ApiError)
    ]
    for _service, error in failed:
        if error.fatal and not several:
            raise error
    if failed:
        count = f"{len(failed)} of {plural(len(services), 'Service')}"
        warnings.append(f"The alpha senders of {count} could not be read, see errors. The first: {failed[0][1]}")
    return {
        "services": [
            {**service, **{key: one if isinstance(one, list) else None for key, one in rows.items()}}
            for service, rows in zip(valid, found)
        ],
        "errors": [
            {"service_sid": service["sid"], "msg": str(error), "error": error.as_fields()} for service, error in failed
        ],
        "warnings": warnings,
    }
