# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and entries as desired states: every part checked, and all bad entries reported at once.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.messaging.twilio.plugins.module_utils._countries import check_country
from ansible_collections.messaging.twilio.plugins.module_utils._entries import labels_of, read_entry
from ansible_collections.messaging.twilio.plugins.module_utils._errors import (
    InputError,
    printable,
    quoted,
    raise_problems,
)
from ansible_collections.messaging.twilio.plugins.module_utils._plan import ALL_COUNTRIES, Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import (
    ALPHA_SENDER,
    COUNTRY_SENDER,
    check_sid,
    sid_key,
)
from ansible_collections.messaging.twilio.plugins.module_utils._services import check_service

STATES = ("present", "absent")
_MISSING_SENDER = (
    "alpha_sender is missing. Set it (alpha_sender_name in the role), or set state to absent to remove the sender"
)

#: The value of ``only_if`` if there is no condition. ``None`` stands for a Service without a sender.
ANYTHING = object()
#: Completes a desired state with the SID and the account of its Service, or raises `InputError`.
Locate = t.Callable[[Desired], Desired]
#: Raises `InputError` if the desired states cannot be reconciled, before the first request.
Check = t.Callable[[t.Sequence[Desired]], None]


def make_desired(
    service_sid: object = None,
    service_name: object = None,
    alpha_sender: object = None,
    state: object = "present",
    replace: object = True,
    iso_country_code: object = None,
    account_sid: object = None,
    only_if: object = ANYTHING,
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
    account = None if account_sid is None else check_sid("AC", account_sid, f"{label}account_sid")
    slot = Slot(ALPHA_SENDER, sid, account_sid=account)
    if iso_country_code is not None:
        slot = Slot(COUNTRY_SENDER, sid, check_country(iso_country_code, f"{label}iso_country_code"), account)
    return Desired(slot, alpha_sender, str(state), replace, name, _check_only_if(only_if, f"{label}only_if"))


def _check_only_if(value: object, label: str) -> tuple[str | None, ...] | None:
    """The senders that a slot must have: one, none or a list of them."""
    if value is ANYTHING:
        return None
    values = value if isinstance(value, (list, tuple)) and value else [value]
    return tuple(None if one in (None, "") else ALPHA_SENDER.check(one, label) for one in values)


def _make_service(
    label: str, *, alpha_sender: object = None, country_senders: object = None, **options: object
) -> list[Desired]:
    """The desired states of the slots of one Service. ``state`` is that of the sender without a country."""
    if not isinstance(country_senders, (t.Mapping, type(None))):
        raise InputError(f"{label}country_senders must map countries to senders, got {quoted(country_senders)}")
    if country_senders and "only_if" in options:
        raise InputError(
            f"{label}only_if must be in an entry for one sender, got an entry with country_senders. Write an entry "
            "with iso_country_code for each country"
        )
    found = []
    if not country_senders or alpha_sender is not None or options.get("state", "present") != "present":
        found.append(make_desired(alpha_sender=alpha_sender, label=label, **options))
    for country, sender in (country_senders or {}).items():
        options["state"] = "absent" if sender is None else "present"
        place = f"{label}country_senders, {printable(str(country))}: "
        found.append(make_desired(alpha_sender=sender, iso_country_code=country, label=place, **options))
    return found


def make_all_desired(
    services: t.Sequence[object],
    common: t.Mapping[str, object],
    *,
    locate: Locate,
    check: Check = lambda desired: None,
) -> tuple[Desired, ...]:
    """The desired states of all slots, in the order of ``services``.

    :arg services: SIDs, or mappings with the keys of `_entries.ENTRY_KEYS`.
    :arg common: ``alpha_sender``, ``country_senders``, ``state`` and ``replace`` for entries without their own. An
        entry with its own ``state: absent`` and without its own sender removes any sender.
    :arg locate: called only if everything that can be checked without it is valid.
    :raises InputError: for all bad entries at once, each by its label and value, and for a Service with two different
        desired states. The same twice counts once.
    """
    _check_common(common, services)
    [desired] = _resolve([(list(zip(labels_of(services), services)), common)], locate, check)
    return desired


def find_problems(services: t.Sequence[object], common: t.Mapping[str, object]) -> list[str]:
    """What is wrong with entries, as far as it can be checked without a request. Arguments as in `make_all_desired`."""
    problems: list[str] = []
    _merge(_check_entries(list(zip(labels_of(services), services)), common, problems), problems)
    return problems


def make_compared(
    services: t.Sequence[object],
    common: t.Mapping[str, object],
    *,
    locate: Locate,
    check: Check = lambda desired: None,
    all_countries: bool = False,
) -> tuple[tuple[Desired, ...], list[Slot]]:
    """The desired states of the entries that have one, and the slots of those that are only to be read.

    :arg all_countries: read the senders of all countries of each Service, too.
    :raises InputError: as `make_all_desired`.
    """
    labeled = list(zip(labels_of(services), services))
    compared = [(label, entry) for label, entry in labeled if _has_desired(entry, common)]
    others = [(label, _without_desired(entry)) for label, entry in labeled if not _has_desired(entry, common)]
    _check_common(common, [entry for _label, entry in compared])
    desired, read = _resolve([(compared, common), (others, {"state": "absent"})], locate, check)
    slots = [one.slot for one in read]
    if all_countries:
        services_read = {sid_key(one.slot.service_sid): one.slot for one in (*desired, *read)}
        slots += [
            Slot(COUNTRY_SENDER, slot.service_sid, ALL_COUNTRIES, slot.account_sid) for slot in services_read.values()
        ]
    keys = {one.slot.key for one in desired}
    return desired, [slot for slot in slots if slot.key not in keys]


def _check_common(common: t.Mapping[str, object], services: t.Iterable[object]) -> None:
    alpha_sender = common.get("alpha_sender")
    if alpha_sender is not None:
        ALPHA_SENDER.check(alpha_sender, "alpha_sender")
    elif not _has_desired({}, common) and any(isinstance(entry, str) for entry in services):
        raise InputError(_MISSING_SENDER)


def _resolve(
    groups: t.Sequence[tuple[t.Sequence[tuple[str, object]], t.Mapping[str, object]]], locate: Locate, check: Check
) -> list[tuple[Desired, ...]]:
    """The desired states of each group of labeled entries and their common options."""
    problems: list[str] = []
    checked = [_check_entries(entries, common, problems) for entries, common in groups]
    merged = [_merge(labeled, problems) for labeled in checked]
    raise_problems(problems)
    # Once for each Service, whatever the number of its slots.
    services = {
        (sid_key(one.slot.service_sid), one.service_name, one.slot.account_sid): one
        for desired in merged
        for one in desired
    }
    check([*services.values()])
    found = [
        [
            (label, desired)
            for label, one in labeled
            for desired in _collect_error(problems, f"{label}, ", lambda one: [locate(one)], one)
        ]
        for labeled in checked
    ]
    merged = [_merge(labeled, problems) for labeled in found]
    raise_problems(problems)
    return merged


def _check_entries(
    entries: t.Iterable[tuple[str, object]], common: t.Mapping[str, object], problems: list[str]
) -> list[tuple[str, Desired]]:
    return [
        (label, desired)
        for label, entry in entries
        for desired in _collect_error(problems, "", _from_entry, entry, common, label)
    ]


def _collect_error(
    problems: list[str], prefix: str, make: t.Callable[..., list[Desired]], *args: object
) -> list[Desired]:
    """The desired states, or nothing and one problem more."""
    try:
        return make(*args)
    except InputError as error:
        problems.append(f"{prefix}{error}")
        return []


def _has_desired(entry: object, common: t.Mapping[str, object]) -> bool:
    given = {**common, **entry} if isinstance(entry, t.Mapping) else common
    wanted = given.get("alpha_sender") is not None or bool(given.get("country_senders"))
    return wanted or given.get("state", "present") != "present"


def _without_desired(entry: object) -> object:
    if not isinstance(entry, t.Mapping):
        return entry
    return {key: value for key, value in entry.items() if key not in ("alpha_sender", "country_senders", "state")}


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
                f"{label}: {_name(desired)} must have one desired state, got {_describe(desired)}, but "
                f"{_describe(known)} in {first.rpartition(', ')[2]}"
            )
    return tuple(found.values())


def _from_entry(entry: object, common: t.Mapping[str, object], label: str) -> list[Desired]:
    options, service_name = read_entry(entry, common, label)
    found = _make_service(f"{label}, ", **options)
    return [dataclasses.replace(one, service_name=service_name) for one in found] if service_name else found


def _name(desired: Desired) -> str:
    service = desired.slot.service_sid or quoted(desired.service_name)
    return service + (f" ({desired.slot.country})" if desired.slot.country else "")


def _describe(desired: Desired) -> str:
    value = quoted(desired.value) if desired.value is not None else "any"
    only_if = f" only if {list(desired.only_if)}" if desired.only_if is not None else ""
    return f"{desired.state} {value}" + ("" if desired.replace else " without replace") + only_if
