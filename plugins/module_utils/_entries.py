# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of the option ``services``: their labels, their keys, and what they inherit.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t

from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, quoted
from ansible_collections.messaging.twilio.plugins.module_utils._resources import check_sid
from ansible_collections.messaging.twilio.plugins.module_utils._services import ONE_OF_TWO

ENTRY_KEYS = (
    "service_sid",
    "service_name",
    "account_sid",
    "alpha_sender",
    "country_senders",
    "iso_country_code",
    "state",
    "replace",
    "only_if",
    "label",
)


def labels_of(services: t.Sequence[object]) -> list[str]:
    """What messages call each entry of ``services``: its own label, or its place."""
    places = [f"services, entry {number} of {len(services)}" for number in range(1, len(services) + 1)]
    given = [entry.get("label") if isinstance(entry, t.Mapping) else None for entry in services]
    return [label if isinstance(label, str) else place for label, place in zip(given, places)]


def read_entry(entry: object, common: t.Mapping[str, object], label: str) -> tuple[dict[str, object], str | None]:
    """The options of an entry, inherited ones included, and the name of its Service if it has a SID as well.

    The SID counts then. The name is for messages.

    :raises InputError: if the keys of the entry are not valid. The values are not checked here.
    """
    if isinstance(entry, str):
        return {**common, "service_sid": check_sid("MG", entry, label)}, None
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
    if entry.get("iso_country_code") is not None and entry.get("country_senders") is not None:
        raise InputError(
            f"{label} must have iso_country_code or country_senders, got both. iso_country_code is the country of "
            "alpha_sender"
        )
    inherited = dict(common)
    if entry.get("state") == "absent":
        inherited.pop("alpha_sender", None)
    if entry.get("iso_country_code") is not None:
        inherited.pop("country_senders", None)
    options = {**inherited, **{key: value for key, value in entry.items() if key != "label"}}
    if options.get("service_sid") is None or not isinstance(options.get("service_name"), str):
        return options, None
    return options, str(options.pop("service_name"))
