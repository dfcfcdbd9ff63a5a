# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources of a Messaging Service that have no update, each as data, and the rules of their values.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, quoted

#: One object of a listing, as Twilio returns it.
Row = t.Mapping[str, t.Any]

#: https://www.twilio.com/docs/messaging/api/alphasender-resource: up to 11 of these characters, not only digits.
#: Other pages of Twilio have stricter rules, which are left to the server.
MAX_SENDER = 11
_SENDER = re.compile(r"[A-Za-z0-9 +_&-]+")
_SENDER_RULE = (
    "must have 1 to 11 of the characters A-Z, a-z, 0-9, space, hyphen, plus, underscore and ampersand, not only digits"
)
_SIDS = {
    "AC": "an account SID",
    "AI": "an alpha sender SID",
    "MG": "a Messaging Service SID",
}


@dataclass(frozen=True)
class Resource:
    """A resource under a Service with list, create and delete.

    :ivar name: identifies it, also in journals.
    :ivar label: what messages call it.
    :ivar path: the last part of its path.
    :ivar list_key: the key of the rows in a listing.
    :ivar sid_kind: the first two letters of its SIDs.
    :ivar field: the field that is compared.
    :ivar form_field: the form field that creates it.
    :ivar country_form_field: the form field of the country, ``None`` if a Service has one slot only.
    :ivar recovery: the variables of the role that create a value again, as YAML.
    :ivar check: the rule of the value. Returns it, or raises `InputError` with the given label.
    """

    name: str
    label: str
    path: str
    list_key: str
    sid_kind: str
    field: str
    form_field: str
    recovery: str
    check: t.Callable[[object, str], str]
    country_form_field: str | None = None

    def collection(self, service_sid: str) -> str:
        """The path of the listing of one Service."""
        return f"/v1/Services/{service_sid}/{self.path}"

    def member(self, service_sid: str, sid: str) -> str:
        """The path of one row."""
        return f"{self.collection(service_sid)}/{sid}"

    def form(self, value: str, country: str | None) -> dict[str, str]:
        """The form that creates a value."""
        form = {self.form_field: value}
        if self.country_form_field is not None and country is not None:
            form[self.country_form_field] = country
        return form


def is_sid(kind: str, value: object) -> bool:
    """Whether ``value`` is a SID of ``kind`` (two letters): these and 32 hexadecimal digits."""
    return isinstance(value, str) and re.fullmatch(f"{kind}[0-9a-fA-F]{{32}}", value) is not None


def check_sid(kind: str, value: object, label: str) -> str:
    """``value``, if it is a SID of ``kind`` (``AC``, ``AI`` or ``MG``).

    :arg label: what the user calls the value.
    :raises InputError: if it is not.
    """
    if isinstance(value, str) and is_sid(kind, value):
        return value
    raise InputError(f"{label} must be {_SIDS[kind]} ('{kind}' and 32 hexadecimal digits), got {quoted(value)}")


def sid_key(sid: str) -> str:
    """A SID as a key: the digits are hexadecimal, so users may write them in capitals."""
    return sid[:2] + sid[2:].lower()


def check_sender(value: object, label: str) -> str:
    """``value``, if Twilio can accept it as an alpha sender.

    :raises InputError: if it breaks the rule of the AlphaSender resource.
    """
    if not isinstance(value, str):
        raise InputError(f"{label} must be a string, got {quoted(value)}. Put it in quotes")
    if not value:
        reason = "it is empty"
    elif value != value.strip():
        reason = "it begins or ends with a blank"
    elif len(value) > MAX_SENDER:
        reason = f"it has {len(value)} characters"
    elif not _SENDER.fullmatch(value):
        bad = next(character for character in value if not _SENDER.fullmatch(character))
        reason = f"it has the character {bad!r}"
    elif value.isdigit():
        reason = "it has only digits"
    else:
        return value
    raise InputError(f"{label} {_SENDER_RULE}, got {quoted(value)}: {reason}")


ALPHA_SENDER = Resource(
    name="alpha_sender",
    label="alpha sender",
    path="AlphaSenders",
    list_key="alpha_senders",
    sid_kind="AI",
    field="alpha_sender",
    form_field="AlphaSender",
    recovery="{{alpha_sender_name: !!str {value}, alpha_sender_services: [{service}]}}",
    check=check_sender,
)

#: https://www.twilio.com/docs/messaging/api/destination-alphasender-resource: one sender for each country. The rows of
#: the listing include the default sender, which has no country: that is left to `ALPHA_SENDER`.
COUNTRY_SENDER = Resource(
    name="country_sender",
    label="alpha sender",
    path="DestinationAlphaSenders",
    list_key="alpha_senders",
    sid_kind="AI",
    field="alpha_sender",
    form_field="AlphaSender",
    recovery=(
        "{{alpha_sender_country_senders: {{!!str {country}: !!str {value}}}, alpha_sender_services: [{service}]}}"
    ),
    check=check_sender,
    country_form_field="IsoCountryCode",
)

#: Every resource by its name.
RESOURCES = {resource.name: resource for resource in (ALPHA_SENDER, COUNTRY_SENDER)}
