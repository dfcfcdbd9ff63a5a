# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and entries as desired states: every part checked, and all bad entries reported at once.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, quoted, raise_problems
from ansible_collections.messaging.twilio.plugins.module_utils._countries import check_country
from ansible_collections.messaging.twilio.plugins.module_utils._plan import ALL_COUNTRIES, Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import (
    ALPHA_SENDER,
    COUNTRY_SENDER,
    check_sid,
)
from ansible_collections.messaging.twilio.plugins.module_utils._services import ONE_OF_TWO, check_service

STATES = ("present", "absent")
ENTRY_KEYS = ("service_sid", "service_name", "alpha_sender", "country_senders", "state", "replace")
_MISSING_SENDER = (
    "alpha_sender is missing. Set it (alpha_sender_name in the role), or set state to absent to remove the sender"
)

#: Finds the SID of a Service by its name, or raises `InputError`.
Find = t.Callable[[str], str]


def make_desired(
    service_sid: object = None,
    service_name: object = None,
    alpha_sender: object = None,
    state: object = "present",
    replace: object = True,  # pylint: disable=redefined-outer-name  # the name of the option
    iso_country_code: object = None,
    *,
    label: str = "",
) -> Desired:
    """The desired state of one slot, from the options of these names.

    :arg label: precedes the name of an option in messages, for example ``services, entry 3 of 300, ``.
    :raises InputError: for the first option that is not valid.
    """
    sid, name = check_service(service_sid, service_name, label)
    if state not in STATES:
        raise InputError(f"{label}state must be {' or '.join(STATES)}, got {quoted(state)}")
    if not isinstance(replace, bool):
        raise InputError(f"{label}replace must be true or false, got {quoted(replace)}")
    if alpha_sender is not None:
        alpha_sender = ALPHA_SENDER.check(alpha_sender, f"{label}alpha_sender")
    elif state == "present":
        raise InputError(label + _MISSING_SENDER)
    if iso_country_code is None:
        slot = Slot(ALPHA_SENDER, sid)
    else:
        slot = Slot(COUNTRY_SENDER, sid, check_country(iso_country_code, f"{label}iso_country_code"))
    return Desired(slot, t.cast("t.Optional[str]", alpha_sender), str(state), replace, name)


def _make_service(
    label: str, *, alpha_sender: object = None, country_senders: object = None, **options: object
) -> list[Desired]:
    """The desired states of all slots of one Service. ``state`` is about the sender without a country alone."""
    if country_senders is None:
        country_senders = {}
    if not isinstance(country_senders, t.Mapping):
        raise InputError(f"{label}country_senders must map countries to senders, got {quoted(country_senders)}")
    found = []
    if not country_senders or alpha_sender is not None or options.get("state", "present") != "present":
        found.append(make_desired(alpha_sender=alpha_sender, label=label, **options))
    for country, sender in country_senders.items():
        place = f"{label}country_senders, {country}: "
        options["state"] = "absent" if sender is None else "present"
        found.append(make_desired(alpha_sender=sender, iso_country_code=country, label=place, **options))
    return found


def with_sid(desired: Desired, find: Find) -> Desired:
    """The desired state with the SID of its Service, which ``find`` looks up for a name."""
    if desired.service_name is None:
        return desired
    return replace(desired, slot=replace(desired.slot, service_sid=find(desired.service_name)))


def make_all_desired(
    services: t.Sequence[object],
    common: t.Mapping[str, object],
    *,
    find: Find,
    labels: t.Sequence[str] | None = None,
) -> tuple[Desired, ...]:
    """The desired states of all slots, in the order of ``services``.

    :arg services: SIDs, or mappings with the keys of `ENTRY_KEYS`.
    :arg common: ``alpha_sender``, ``country_senders``, ``state`` and ``replace`` for entries without their own. An
        entry with its own ``state: absent`` and without its own sender removes any sender.
    :arg find: called only if everything that can be checked without it is valid.
    :arg labels: what messages call each entry.
    :raises InputError: for all bad entries at once, each by its label and value, and for a Service with two different
        desired states. The same twice counts once.
    """
    if common.get("alpha_sender") is not None:
        ALPHA_SENDER.check(common["alpha_sender"], "alpha_sender")
    elif not _has_desired(common, {}) and any(isinstance(entry, str) for entry in services):
        raise InputError(_MISSING_SENDER)
    problems: list[str] = []
    labels = labels_of(services) if labels is None else labels
    checked: list[tuple[str, Desired]] = []
    for label, entry in zip(labels, services):
        try:
            checked += [(label, one) for one in _from_entry(entry, common, label)]
        except InputError as error:
            problems.append(str(error))
    desired = _merge(checked, problems)
    raise_problems(problems)
    if all(one.service_name is None for one in desired):
        return desired
    found: list[tuple[str, Desired]] = []
    for label, one in checked:
        try:
            found.append((label, with_sid(one, find)))
        except InputError as error:
            problems.append(f"{label}, {error}")
    desired = _merge(found, problems)
    raise_problems(problems)
    return desired


def make_compared(
    services: t.Sequence[object], common: t.Mapping[str, object], *, find: Find, all_countries: bool = False
) -> tuple[tuple[Desired, ...], list[Slot]]:
    """The desired states of the entries that have one, and the slots of those that are only to be read.

    :arg all_countries: read the senders of all countries of each Service, too.
    :raises InputError: as `make_all_desired`.
    """
    labeled = list(zip(labels_of(services), services))
    compared = {label: entry for label, entry in labeled if _has_desired(entry, common)}
    others = {label: _without_desired(entry) for label, entry in labeled if label not in compared}
    desired = make_all_desired(list(compared.values()), common, find=find, labels=list(compared))
    read = make_all_desired(list(others.values()), {"state": "absent"}, find=find, labels=list(others))
    services = dict.fromkeys(one.slot.service_sid for one in (*desired, *read))
    slots = [one.slot for one in read]
    if all_countries:
        slots += [Slot(COUNTRY_SENDER, service_sid, ALL_COUNTRIES) for service_sid in services]
    keys = {one.slot.key for one in desired}
    return desired, [slot for slot in slots if slot.key not in keys]


def _has_desired(entry: object, common: t.Mapping[str, object]) -> bool:
    given = {**common, **entry} if isinstance(entry, t.Mapping) else common
    wanted = given.get("alpha_sender") is not None or bool(given.get("country_senders"))
    return wanted or given.get("state", "present") != "present"


def _without_desired(entry: object) -> object:
    if not isinstance(entry, t.Mapping):
        return entry
    return {key: value for key, value in entry.items() if key not in ("alpha_sender", "country_senders", "state")}


def labels_of(services: t.Sequence[object]) -> list[str]:
    """What messages call each entry of ``services``."""
    return [f"services, entry {number} of {len(services)}" for number in range(1, len(services) + 1)]


def _merge(labeled: t.Iterable[tuple[str, Desired]], problems: list[str]) -> tuple[Desired, ...]:
    """Each desired state once. Adds to ``problems`` if a slot has two that differ."""
    found: dict[object, Desired] = {}
    labels: dict[object, str] = {}
    for label, desired in labeled:
        # Two spellings of one SID must not race each other.
        key = desired.slot.key if desired.slot.service_sid else (label, desired.slot.key)
        known = found.setdefault(key, desired)
        first = labels.setdefault(key, label)
        if _describe(known) != _describe(desired):
            problems.append(
                f"{label}: {desired.slot.service_sid} must have one desired state, got {_describe(desired)}, but "
                f"{_describe(known)} in {first.partition(', ')[2]}"
            )
    return tuple(found.values())


def _from_entry(entry: object, common: t.Mapping[str, object], label: str) -> list[Desired]:
    if isinstance(entry, str):
        return _make_service(f"{label}, ", **{**common, "service_sid": check_sid("MG", entry, label)})
    allowed = ", ".join(ENTRY_KEYS)
    if not isinstance(entry, t.Mapping):
        raise InputError(f"{label} must be a Service SID or a mapping with the keys {allowed}, got {quoted(entry)}")
    unknown = [key for key in entry if key not in ENTRY_KEYS]
    if unknown:
        service = entry.get("service_sid", entry.get("service_name"))
        named = f" ({quoted(service)})" if service is not None else ""
        raise InputError(f"{label}{named} has the unknown key {', '.join(map(quoted, unknown))}. Allowed are {allowed}")
    if "service_sid" not in entry and "service_name" not in entry:
        raise InputError(f"{label} must have service_sid or service_name, got {quoted(dict(entry))}. {ONE_OF_TWO}")
    inherited = dict(common)
    if entry.get("state") == "absent":
        inherited.pop("alpha_sender", None)
    return _make_service(f"{label}, ", **{**inherited, **entry})


def _describe(desired: Desired) -> str:
    value = quoted(desired.value) if desired.value is not None else "any"
    return f"{desired.state} {value}" + ("" if desired.replace else " without replace")
