# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: what has to be deleted and created so that the current state becomes the desired state.

Pure functions and frozen values: no HTTP, no Ansible, no clock.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._resources import Resource, Row, is_sid, sid_key

#: Why a plan must not be applied.
SEVERAL = "several"
REPLACE_IS_FALSE = "replace_is_false"
NOT_RESTORABLE = "not_restorable"
NO_SID = "no_sid"
ONLY_IF = "only_if"


@dataclass(frozen=True)
class Slot:
    """The place for one value of a resource: a Service has one slot for each resource and country.

    :ivar country: ISO 3166 code, ``None`` for the slot of the Service itself.
    :ivar account_sid: the account of the Service, if it is known.
    """

    resource: Resource
    service_sid: str
    country: str | None = None
    account_sid: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Identifies the slot. A SID is unique over all accounts."""
        return sid_key(self.service_sid), self.resource.name, self.country or ""


@dataclass(frozen=True)
class Desired:
    """The desired state of one slot.

    The ``service_sid`` of the slot is empty while the Service is only known by its ``service_name``. With a SID, the
    name is for messages.
    With ``absent``, a ``value`` of ``None`` stands for any. ``replace`` allows to delete another value.

    :ivar only_if: the values that the slot may have now to be changed, ``None`` for no value. Without it, any.
    """

    slot: Slot
    value: str | None
    state: str = "present"
    replace: bool = True
    service_name: str | None = None
    only_if: tuple[str | None, ...] | None = None

    def once_deleted(self) -> Desired:
        """The same for a slot whose value may be deleted already: ``only_if`` allows no value, too."""
        return self if self.only_if is None else replace(self, only_if=(*self.only_if, None))


@dataclass(frozen=True)
class Plan:
    """What leads from the current to the desired state.

    :ivar action: ``created``, ``replaced``, ``deleted``, ``unchanged``, ``failed`` or ``skipped``.
    :ivar before: the current value. Several are joined by a comma and a space. ``None`` if there is none.
    :ivar after: the same, once the plan is applied.
    :ivar delete: the rows to delete, first.
    :ivar create: the value to create, then.
    :ivar remaining: the row that stays: that of the desired value, else the first that is not deleted.
    :ivar problem: why nothing may be done, if ``action`` is ``failed`` or ``skipped``.
    :ivar extra: the values that stay although they are not desired.
    """

    action: str
    before: str | None
    after: str | None
    delete: tuple[Row, ...] = ()
    create: str | None = None
    remaining: Row | None = None
    problem: str | None = None
    extra: str | None = None


def value_of(resource: Resource, row: Row) -> str:
    """The value of a row, as ``before`` and ``after`` show it."""
    return str(row.get(resource.field) or "(unnamed)")


def join_values(resource: Resource, rows: t.Iterable[Row]) -> str | None:
    """The values of rows as ``before`` and ``after`` show them."""
    return ", ".join(value_of(resource, row) for row in rows) or None


def sid_of(row: Row) -> str:
    """The SID of a row as text, whatever Twilio put there."""
    return str(row.get("sid"))


def country_of(row: Row) -> str | None:
    """The country of a row. Twilio returns an empty string or nothing for the value of the Service itself."""
    return str(row.get("iso_country_code") or "").upper() or None


#: Instead of a country: all countries, for reading.
ALL_COUNTRIES = "*"


def rows_of(slot: Slot, listing: t.Iterable[Row], countries: t.Mapping[str, str]) -> list[Row]:
    """The rows of a listing that belong to the slot: those of its country, or those without one.

    :arg countries: the country of each SID that some listing has with one. Nobody knows whether a listing without
        countries includes their rows.
    """
    found = [(row, country_of(row) or countries.get(sid_of(row))) for row in listing]
    if slot.country == ALL_COUNTRIES:
        return [row for row, country in found if country is not None]
    return [row for row, country in found if country == slot.country]


def make_plan(desired: Desired, current: t.Sequence[Row]) -> Plan:
    """What has to be done for ``desired`` if the slot has the rows ``current``.

    Values are compared exactly. A value that ``desired`` does not name is deleted only if it is the only one. If the
    slot is as desired, ``only_if`` does not matter.
    """
    plan = _plan_unconditionally(desired, current)
    if plan.action == "unchanged" or desired.only_if is None or plan.before in desired.only_if:
        return plan
    return Plan("skipped", plan.before, plan.before, problem=ONLY_IF)


def _plan_unconditionally(desired: Desired, current: t.Sequence[Row]) -> Plan:
    resource = desired.slot.resource
    before = join_values(resource, current)
    matching = [row for row in current if desired.value is not None and row.get(resource.field) == desired.value]
    if desired.state == "present":
        return _plan_present(desired, current, matching, before)
    to_delete = matching if desired.value is not None else list(current)
    remaining = [row for row in current if row not in to_delete]
    first = remaining[0] if remaining else None
    if not to_delete:
        return Plan("unchanged", before, before, remaining=first)
    if desired.value is None and len(to_delete) > 1:
        return _impossible(before, SEVERAL)
    if not _have_sids(resource, to_delete):
        return _impossible(before, NO_SID)
    return Plan("deleted", before, join_values(resource, remaining), delete=tuple(to_delete), remaining=first)


def _plan_present(desired: Desired, current: t.Sequence[Row], matching: t.Sequence[Row], before: str | None) -> Plan:
    resource, value = desired.slot.resource, desired.value
    if matching:
        extra = join_values(resource, (row for row in current if row is not matching[0]))
        return Plan("unchanged", before, before, remaining=matching[0], extra=extra)
    if not current:
        return Plan("created", None, value, create=value)
    if len(current) > 1:
        return _impossible(before, SEVERAL)
    if not desired.replace:
        return _impossible(before, REPLACE_IS_FALSE)
    try:
        resource.check(current[0].get(resource.field), resource.field)
    except InputError:
        # It could not be created again if the desired value were refused.
        return _impossible(before, NOT_RESTORABLE)
    if not _have_sids(resource, current):
        return _impossible(before, NO_SID)
    return Plan("replaced", before, value, delete=tuple(current), create=value)


def _have_sids(resource: Resource, rows: t.Iterable[Row]) -> bool:
    """Whether each row has a SID. It becomes a part of a path, so it is checked."""
    return all(is_sid(resource.sid_kind, row.get("sid")) for row in rows)


def _impossible(before: str | None, problem: str) -> Plan:
    return Plan("failed", before, before, problem=problem)
