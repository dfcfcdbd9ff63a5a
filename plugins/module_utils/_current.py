# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The current state: the rows of slots, one Service or many at once. It only reads.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t

from ansible_collections.messaging.twilio.plugins.module_utils._accounts import AnyClient
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Slot, country_of, rows_of, sid_of
from ansible_collections.messaging.twilio.plugins.module_utils._pool import Item, Stopped, run_all
from ansible_collections.messaging.twilio.plugins.module_utils._resources import Row, sid_key


def read_slots(client: Client, slots: t.Sequence[Slot], countries: dict[str, str] | None = None) -> list[list[Row]]:
    """The rows of slots of one Service, with one listing for each resource.

    :arg countries: the countries of rows that were seen before, by SID. Those that are seen now are added. One listing
        may still show a row that is deleted, after the other has stopped to show it with its country.
    :raises ApiError: if a listing cannot be read.
    """
    listings: dict[str, list[dict[str, t.Any]]] = {}
    # Listings with countries come last, so that they know every row that another one shows without its country.
    for resource in sorted((slot.resource for slot in slots), key=lambda one: one.country_form_field is not None):
        if resource.name not in listings:
            listings[resource.name] = client.list(resource.collection(slots[0].service_sid), resource.list_key)
    rows = [row for listing in listings.values() for row in listing]
    countries = {} if countries is None else countries
    countries.update((sid_of(row), country) for row in rows if (country := country_of(row)) is not None)
    return [rows_of(slot, listings[slot.resource.name], countries) for slot in slots]


def by_service(items: t.Iterable[Item], slot_of: t.Callable[[Item], Slot]) -> list[list[Item]]:
    """The items of each Service together, in the order of their first ones."""
    services: dict[str, list[Item]] = {}
    for item in items:
        services.setdefault(sid_key(slot_of(item).service_sid), []).append(item)
    return [*services.values()]


def read_all(client: AnyClient, slots: t.Sequence[Slot], *, concurrency: int) -> list[list[Row] | ApiError | None]:
    """The rows of each slot, in order, or why they could not be read.

    An error that every other slot of its account would get too is the error of these, without a request. Slots that
    were not read because the run was cancelled are ``None``.
    """
    found: dict[tuple[str, str, str], list[Row] | ApiError] = {}
    ended: dict[Client, ApiError] = {}

    def work(service: list[Slot], _stopped: Stopped) -> None:
        account = client.for_account(service[0].account_sid)
        try:
            if account in ended:
                raise ended[account]
            rows = read_slots(account, service)
        except ApiError as error:
            found.update((slot.key, error) for slot in service)
            if error.fatal:
                ended[account] = error
        else:
            found.update((slot.key, one) for slot, one in zip(service, rows))

    run_all(
        client.cancellation, by_service(slots, lambda slot: slot), work, lambda _done: False, concurrency=concurrency
    )
    return [found.get(slot.key) for slot in slots]
