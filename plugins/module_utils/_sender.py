# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alpha sender of a Service: its rules, what is wanted of it, and the plan that leads there.

Pure functions and frozen values: no HTTP, no Ansible, no time.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import json
import re
import shlex
import typing as t
from dataclasses import dataclass, replace
from functools import partial

from ansible_collections.messaging.twilio.plugins.module_utils._errors import (
    InputError,
    raise_problems,
    shown,
)

STATES = ("present", "absent")

# https://www.twilio.com/docs/messaging/api/alphasender-resource: up to 11 of these, not all
# digits. Twilio's other pages are stricter; what they add is left to the server.
LONGEST_SENDER = 11
_SENDER = re.compile(r"[A-Za-z0-9 +_&-]+")
_PLAIN_IN_YAML = re.compile(r"[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9 +_&-]*[A-Za-z0-9+_&-]")
_SENDER_RULE = (
    "1 to 11 of the characters A-Z, a-z, 0-9, space, hyphen, plus, underscore and ampersand are "
    "allowed, and not only digits"
)
_MISSING_SENDER = "alpha_sender is missing: state 'present' needs to know which (the role has it as alpha_sender_name)"
_SIDS = {
    "AC": ("an account SID", re.compile(r"AC[0-9a-fA-F]{32}")),
    "AI": ("an alpha sender's SID", re.compile(r"AI[0-9a-fA-F]{32}")),
    "MG": ("a Messaging Service's SID", re.compile(r"MG[0-9a-fA-F]{32}")),
    "SK": ("an API key's SID", re.compile(r"SK[0-9a-fA-F]{32}")),
}
_ENTRY_KEYS = ("service_sid", "service_name", "alpha_sender", "state", "replace")
_ONE_OF_TWO = "give service_sid or service_name"

Resource = t.Mapping[str, t.Any]


def is_sid(kind: str, value: str) -> bool:
    """Whether ``value`` is a SID of ``kind`` (``AC``, ``AI``, ``MG``, ``SK``)."""
    return _SIDS[kind][1].fullmatch(value) is not None


def check_sid(kind: str, value: object, name: str) -> str:
    """``value``, if it is a SID of ``kind`` (``AC``, ``AI``, ``MG``, ``SK``).

    :arg name: what the user calls the value, for the message.
    :raises InputError: if it is none.
    """
    if isinstance(value, str) and is_sid(kind, value):
        return value
    what = _SIDS[kind][0]
    raise InputError(f"{name}: {shown(value)} is not {what}, which is '{kind}' and 32 hexadecimal digits")


def check_sender(value: object, name: str) -> str:
    """``value``, if Twilio could take it as an alpha sender.

    :raises InputError: if it breaks the rule of the AlphaSender resource.
    """
    if not isinstance(value, str):
        raise InputError(f"{name}: {shown(value)} is not a string, put it in quotes; {_SENDER_RULE}")
    if not value:
        reason = "is empty"
    elif len(value) > LONGEST_SENDER:
        reason = f"has {len(value)} characters"
    elif not _SENDER.fullmatch(value):
        bad = next(character for character in value if not _SENDER.fullmatch(character))
        reason = f"has the character {bad!r}"
    elif value.isdigit():
        reason = "has only digits"
    else:
        return value
    raise InputError(f"{name}: {shown(value)} {reason}; {_SENDER_RULE}")


@dataclass(frozen=True)
class Wish:
    """What one Service should end as.

    ``service_sid`` is empty as long as the Service is known by its ``service_name`` only.
    ``absent`` without an ``alpha_sender`` means whichever it has.
    ``replace`` allows to delete another sender to make room.
    """

    service_sid: str
    alpha_sender: str | None
    state: str = "present"
    replace: bool = True
    service_name: str | None = None


def make_wish(
    service_sid: object = None,
    alpha_sender: object = None,
    state: object = "present",
    replace: object = True,
    service_name: object = None,
    *,
    where: str = "",
) -> Wish:
    """A `Wish` whose every part was checked. Of ``service_sid`` and ``service_name`` it has one.

    :arg where: stands before each name in a message, for example ``services, entry 3 of 300, ``.
    :raises InputError: names the first part that is wrong.
    """
    sid, name = check_service(service_sid, service_name, where)
    if state not in STATES:
        raise InputError(f"{where}state: {shown(state)} is not allowed; {' and '.join(STATES)} are")
    if not isinstance(replace, bool):
        raise InputError(f"{where}replace: {shown(replace)} is not allowed; true and false are")
    if alpha_sender is not None:
        alpha_sender = check_sender(alpha_sender, f"{where}alpha_sender")
    elif state == "present":
        raise InputError(where + _MISSING_SENDER)
    return Wish(sid, alpha_sender, state, replace, name)


def check_service(service_sid: object, service_name: object, where: str = "") -> tuple[str, str | None]:
    """The SID of a Service and ``None``, or an empty string and its name: whichever of the two was given.

    :raises InputError: if that is no SID or no name, or not one of the two was given.
    """
    if service_name is None:
        if service_sid is None:
            raise InputError(f"{where}the Service is missing; {_ONE_OF_TWO}")
        return check_sid("MG", service_sid, f"{where}service_sid"), None
    if service_sid is not None:
        both = f"{shown(service_sid)} and service_name {shown(service_name)} were both given"
        raise InputError(f"{where}service_sid: {both}; {_ONE_OF_TWO}")
    if not isinstance(service_name, str) or not service_name:
        why = "is empty" if service_name == "" else "is not a string, put it in quotes"
        raise InputError(f"{where}service_name: {shown(service_name)} {why}; the friendly name of a Service is allowed")
    return "", service_name


def with_sid(wish: Wish, find: t.Callable[[str], str]) -> Wish:
    """The wish with the SID of its Service, which ``find`` gives for a name."""
    return wish if wish.service_name is None else replace(wish, service_sid=find(wish.service_name))


def make_wishes(
    services: t.Sequence[object],
    alpha_sender: str | None = None,
    state: str = "present",
    replace: bool = True,
    *,
    find: t.Callable[[str], str],
    places: t.Sequence[str] | None = None,
) -> tuple[Wish, ...]:
    """One `Wish` a Service, in the order of ``services``.

    :arg services: SIDs, or mappings of ``service_sid`` or ``service_name`` and keys that override the
        common wish.
    :arg find: gives the SID for a name, and raises `InputError` where it cannot. Asked only when
        all that can be told without it is right.
    :arg places: what messages call each entry, where ``services`` is a part of what the user gave.
    :raises InputError: for all bad entries at once, each by its place and value, and for a
        Service with two different wishes. The same wish twice counts as one.
    """
    if alpha_sender is not None:
        check_sender(alpha_sender, "alpha_sender")
    elif state == "present" and any(isinstance(entry, str) for entry in services):
        raise InputError(_MISSING_SENDER)
    common = {"alpha_sender": alpha_sender, "state": state, "replace": replace}
    problems: list[str] = []

    def tried(where: str, make: t.Callable[[], Wish], told: str = "") -> tuple[str, Wish] | None:
        try:
            return where, make()
        except InputError as error:
            problems.append(f"{told}{error}")
            return None

    places = places_of(services) if places is None else places
    checked = [tried(where, partial(_wish_of_entry, entry, common, where)) for where, entry in zip(places, services)]
    wishes = _one_a_service(filter(None, checked), problems)
    raise_problems(problems)
    if all(wish.service_name is None for wish in wishes):
        return wishes
    found = [tried(where, partial(with_sid, wish, find), f"{where}, ") for where, wish in filter(None, checked)]
    wishes = _one_a_service(filter(None, found), problems)
    raise_problems(problems)
    return wishes


def places_of(services: t.Sequence[object]) -> list[str]:
    """What messages call each entry of ``services``."""
    return [f"services, entry {place} of {len(services)}" for place in range(1, len(services) + 1)]


def _one_a_service(placed: t.Iterable[tuple[str, Wish]], problems: list[str]) -> tuple[Wish, ...]:
    """The wishes, each once. Adds to ``problems`` where a Service has two that differ."""
    wishes: dict[str, Wish] = {}
    places: dict[str, str] = {}
    for where, wish in placed:
        # SIDs are hexadecimal: two spellings of one Service must not race each other.
        key = wish.service_sid.lower() or where
        known = wishes.setdefault(key, wish)
        first = places.setdefault(key, where)
        if _words(known) != _words(wish):
            problems.append(
                f"{where}: {wish.service_sid} is wanted as {_words(wish)}, but as {_words(known)} "
                f"in {first.partition(', ')[2]}; one Service can have one wish only"
            )
    return tuple(wishes.values())


def _wish_of_entry(entry: object, common: t.Mapping[str, object], where: str) -> Wish:
    if isinstance(entry, str):
        sid = check_sid("MG", entry, where)
        return make_wish(sid, **common, where=f"{where}, ")
    if not isinstance(entry, t.Mapping):
        raise InputError(
            f"{where}: {shown(entry)} is neither a Service SID nor an entry with the keys {', '.join(_ENTRY_KEYS)}"
        )
    unknown = [key for key in entry if key not in _ENTRY_KEYS]
    if unknown:
        known = entry.get("service_sid", entry.get("service_name"))
        named = f" ({shown(known)})" if known is not None else ""
        raise InputError(
            f"{where}{named}: unknown key {', '.join(map(shown, unknown))}; allowed are {', '.join(_ENTRY_KEYS)}"
        )
    if "service_sid" not in entry and "service_name" not in entry:
        raise InputError(f"{where}: {shown(dict(entry))} has no service_sid and no service_name; {_ONE_OF_TWO}")
    return make_wish(**{**common, **entry}, where=f"{where}, ")


def _words(wish: Wish) -> str:
    sender = repr(wish.alpha_sender) if wish.alpha_sender is not None else "any"
    return f"{wish.state} {sender}" + ("" if wish.replace else " without replacing")


@dataclass(frozen=True)
class Plan:
    """What leads from the listing to the wish, before anything is written.

    :ivar action: ``created``, ``replaced``, ``deleted``, ``none`` or ``failed``.
    :ivar before: the sender that is there. Several are joined by a comma and a space, which no
        sender contains. ``None`` where there is none.
    :ivar after: the same, once the plan is carried out.
    :ivar delete: the AI SIDs to delete, first.
    :ivar create: the sender to create, then.
    :ivar kept: the resource that stays: the wanted one, or else the first that is not to go.
    :ivar refusal: why nothing may be done, where ``action`` is ``failed``.
    :ivar warning: what a person should look at although nothing is wrong with the wish.
    """

    action: str
    before: str | None
    after: str | None
    delete: tuple[str, ...] = ()
    create: str | None = None
    kept: Resource | None = None
    refusal: str | None = None
    warning: str | None = None


def names(listed: t.Iterable[Resource]) -> str | None:
    """The senders of a listing as ``before`` and ``after`` show them."""
    return ", ".join(str(resource.get("alpha_sender") or "(unnamed)") for resource in listed) or None


def make_plan(wish: Wish, listed: t.Sequence[Resource]) -> Plan:
    """What has to be done for ``wish`` where ``listed`` is what the Service has.

    Senders are compared exactly. At most one is deleted that the wish does not name, and only
    if it is the only one.
    """
    before = names(listed)
    matching = [r for r in listed if wish.alpha_sender is not None and r.get("alpha_sender") == wish.alpha_sender]
    if wish.state == "present":
        return _plan_present(wish, listed, matching, before)
    doomed = matching if wish.alpha_sender is not None else listed
    left = [r for r in listed if r not in doomed]
    kept = left[0] if left else None
    if not doomed:
        return Plan("none", before, before, kept=kept)
    if wish.alpha_sender is None and len(doomed) > 1:
        return _refuse(before, f"{wish.service_sid} has several alpha senders ({before}): name the one that is to go")
    return _deleting(wish, doomed, Plan("deleted", before, names(left), kept=kept))


def _plan_present(wish: Wish, listed: t.Sequence[Resource], matching: t.Sequence[Resource], before: str | None) -> Plan:
    sid, wanted = wish.service_sid, wish.alpha_sender
    if matching:
        beside = names(r for r in listed if r is not matching[0])
        warning = f"{sid} has {wanted!r} as wanted, and beside it: {beside}" if beside else None
        return Plan("none", before, before, kept=matching[0], warning=warning)
    if not listed:
        return Plan("created", before, wanted, create=wanted)
    if len(listed) > 1:
        return _refuse(
            before, f"{sid} has several alpha senders ({before}), none of them {wanted!r}: delete all but one first"
        )
    if not wish.replace:
        return _refuse(
            before, f"{sid} has the alpha sender {before!r}, and replace is false: allow replace to set {wanted!r}"
        )
    try:
        check_sender(listed[0].get("alpha_sender"), "its alpha sender")
    except InputError as error:
        return _refuse(
            before, f"{sid} has a sender that could not be restored; take it away with state absent first ({error})"
        )
    return _deleting(wish, listed, Plan("replaced", before, wanted, create=wanted))


def _deleting(wish: Wish, doomed: t.Sequence[Resource], plan: Plan) -> Plan:
    try:
        sids = tuple(check_sid("AI", resource.get("sid"), "its SID") for resource in doomed)
    except InputError as error:
        return _refuse(plan.before, f"{wish.service_sid} has an alpha sender that cannot be deleted ({error})")
    return replace(plan, delete=sids)


def _refuse(before: str | None, why: str) -> Plan:
    return Plan("failed", before, before, refusal=why)


def recovery_command(service_sid: str, alpha_sender: str) -> str:
    """One line for a shell that brings a lost sender back. Credentials come from the environment."""
    # Without double quotes where possible: Ansible prints results as JSON, in which each would get
    # a backslash, and the command would not be the same when copied from there.
    name = alpha_sender if _PLAIN_IN_YAML.fullmatch(alpha_sender) else json.dumps(alpha_sender)
    variables = f"{{alpha_sender_name: !!str {name}, alpha_sender_services: [{service_sid}]}}"
    return f"ansible-playbook messaging.twilio.apply -e {shlex.quote(variables)}"
