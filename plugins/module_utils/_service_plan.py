# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Messaging Service: its properties, its desired state, and what has to be done for it. Pure.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ansible_collections.messaging.twilio.plugins.module_utils._errors import (
    ApiError,
    InputError,
    join_first,
    plural,
    quoted,
)
from ansible_collections.messaging.twilio.plugins.module_utils._resources import Row, check_sid

#: https://www.twilio.com/docs/messaging/api/service-resource. What Twilio calls reserved or obsolete is left out.
URLS = ("inbound_request_url", "fallback_url", "status_callback")
METHODS = ("inbound_method", "fallback_method")
FLAGS = ("sticky_sender", "mms_converter", "smart_encoding", "area_code_geomatch", "use_inbound_webhook_on_number")
USECASES = ("notifications", "marketing", "verification", "discussion", "poll", "undeclared")
PROPERTIES = ("friendly_name", *URLS, *METHODS, *FLAGS, "validity_period", "usecase")
MAX_NAME = 64
MAX_VALIDITY_PERIOD = 36000

CAMPAIGN = "US campaign"
#: What a Service can have: label, path and the key of a listing. Two listings can show the same sender.
CONTENTS = (
    (CAMPAIGN, "Compliance/Usa2p", "compliance"),
    ("phone number", "PhoneNumbers", "phone_numbers"),
    ("short code", "ShortCodes", "short_codes"),
    ("alpha sender", "AlphaSenders", "alpha_senders"),
    ("alpha sender", "DestinationAlphaSenders", "alpha_senders"),
    ("channel sender", "ChannelSenders", "senders"),
)
CHANGES = ("created", "updated", "deleted")
#: Why a Service must not be deleted.
HAS_CAMPAIGN = "has_campaign"
HAS_CONTENTS = "has_contents"


@dataclass(frozen=True)
class DesiredService:
    """The desired state of one Service.

    :ivar sid: identifies it if it is given. Otherwise the name does.
    :ivar properties: the given properties, with the name.
    :ivar force: delete it with what it has.
    """

    sid: str | None
    name: str | None
    state: str = "present"
    properties: t.Mapping[str, t.Any] = field(default_factory=dict)
    force: bool = False


@dataclass(frozen=True)
class ServicePlan:
    """What leads from the current to the desired state of a Service.

    :ivar action: ``created``, ``updated``, ``deleted``, ``unchanged`` or ``failed``.
    :ivar before: the Service as it was read. ``None`` if it does not exist.
    :ivar changes: the properties to send, without the name if it stays the same.
    :ivar problem: why nothing may be done, if ``action`` is ``failed``.
    :ivar contents: what the Service has, with counts.
    """

    desired: DesiredService
    action: str
    before: Row | None = None
    changes: t.Mapping[str, t.Any] = field(default_factory=dict)
    problem: str | None = None
    contents: t.Mapping[str, int] = field(default_factory=dict)

    @property
    def form(self) -> dict[str, str]:
        """The form of the POST. An update without the name is said to fail: twilio/twilio-ruby#431."""
        name = self.before.get("friendly_name") if self.before is not None else None
        values = {**({"friendly_name": name} if name else {}), **self.changes}
        return {_camel_case(key): _text(value) for key, value in values.items()}

    @property
    def after(self) -> Row | None:
        """The Service after the plan is applied, as far as it is known before."""
        if self.action == "deleted":
            return None
        if self.action not in CHANGES:
            return self.before
        return {**(self.before or {}), **{key: value if value != "" else None for key, value in self.changes.items()}}


@dataclass(frozen=True)
class ServiceOutcome:
    """What became of one Service.

    :ivar action: that of the plan, or ``failed`` or ``skipped``.
    :ivar row: the Service afterwards, in check mode as planned. ``None`` if there is none, or it is not known.
    :ivar error: of the last write.
    :ivar read_error: why the Service could not be read after that write.
    :ivar unknown: a write may or may not have been carried out.
    :ivar wrote: a write was carried out, although the Service is not as desired.
    """

    plan: ServicePlan
    action: str
    row: Row | None = None
    error: ApiError | None = None
    read_error: ApiError | None = None
    unknown: bool = False
    wrote: bool = False

    @property
    def changed(self) -> bool:
        """Whether the Service differs from what it was, as far as that is known."""
        return self.action in CHANGES or self.unknown or self.wrote


def make_desired_service(options: t.Mapping[str, t.Any]) -> DesiredService:
    """The desired state from the options of a module, checked.

    :raises InputError: if an option is not valid.
    """
    sid, name, state = options["service_sid"], options["friendly_name"], options["state"]
    if sid is None and name is None:
        raise InputError("service_sid is missing. Set service_sid or friendly_name")
    if sid is not None:
        check_sid("MG", sid, "service_sid")
        if name is not None and state == "absent":
            raise InputError(
                f"service_sid and friendly_name exclude each other with state: absent, got {quoted(sid)} and "
                f"{quoted(name)}"
            )
    given = {key: options[key] for key in PROPERTIES if options.get(key) is not None}
    _check(given)
    return DesiredService(sid, name, state, given, options["force"])


def _check(given: t.Mapping[str, t.Any]) -> None:
    name = given.get("friendly_name")
    if name is not None and not 1 <= len(name) <= MAX_NAME:
        raise InputError(f"friendly_name must have 1 to {MAX_NAME} characters, got {quoted(name)}")
    for key in URLS:
        if given.get(key) and not _is_url(given[key]):
            # The value may contain a password.
            raise InputError(f"{key} must be a URL that begins with https:// or http://, or empty to clear it")
    period = given.get("validity_period")
    if period is not None and not 1 <= period <= MAX_VALIDITY_PERIOD:
        raise InputError(f"validity_period must be between 1 and {MAX_VALIDITY_PERIOD}, got {period}")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _port = parts.port  # raises ValueError if it is no number
        plain = text.isprintable() and " " not in text
        return plain and parts.scheme in ("https", "http") and bool(parts.hostname)
    except ValueError:
        return False


def make_service_plan(
    desired: DesiredService, current: t.Sequence[Row], contents: t.Mapping[str, int] | None = None
) -> ServicePlan:
    """What has to be done for ``desired`` if the Services ``current`` match it.

    :raises InputError: if it is not clear which Service is meant, or the SID does not exist.
    """
    contents = contents or {}
    if len(current) > 1:
        sids = join_first([str(row.get("sid")) for row in current])
        raise InputError(
            f"friendly_name must be the name of one Service, got {quoted(desired.name)}, which {len(current)} Services "
            f"have ({sids}). Use service_sid instead"
        )
    before = current[0] if current else None
    if desired.state == "absent":
        return _plan_absent(desired, before, contents)
    if before is not None:
        changes = differences(desired, before)
        return ServicePlan(desired, "updated" if changes else "unchanged", before, changes)
    if desired.sid is not None:
        raise InputError(f"service_sid must be the SID of a Service of this account, got {quoted(desired.sid)}")
    return ServicePlan(desired, "created", None, desired.properties)


def _plan_absent(desired: DesiredService, before: Row | None, contents: t.Mapping[str, int]) -> ServicePlan:
    if before is None:
        return ServicePlan(desired, "unchanged")
    problem = None
    if contents.get(CAMPAIGN) or before.get("us_app_to_person_registered"):
        problem = HAS_CAMPAIGN
    elif contents and not desired.force:
        problem = HAS_CONTENTS
    return ServicePlan(desired, "failed" if problem else "deleted", before, problem=problem, contents=contents)


def count_contents(contents: t.Mapping[str, int]) -> str:
    """``2 phone numbers, 1 short code``."""
    return ", ".join(plural(count, label) for label, count in contents.items())


def differences(desired: DesiredService, row: Row) -> dict[str, t.Any]:
    """The desired properties that a Service does not have."""
    return {key: value for key, value in desired.properties.items() if not _is_same(key, value, row.get(key))}


def _is_same(key: str, wanted: object, current: object) -> bool:
    if key in URLS:
        return _normal_url(wanted) == _normal_url(current)
    if key == "usecase":
        return wanted == (current or "undeclared")
    return wanted == current


def _normal_url(url: object) -> object:
    """A URL in one spelling: Twilio's own examples have and do not have the slash after a host."""
    if not isinstance(url, str) or not _is_url(url):
        return url or None
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=user + at + host.lower(), path=parts.path or "/").geturl()


def _camel_case(key: str) -> str:
    return "".join(word.capitalize() for word in key.split("_"))


def _text(value: t.Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_CREDENTIALS = re.compile(r"(?<=:)//[^/?#\s]+@")


def url_credentials(values: t.Mapping[str, t.Any]) -> list[str]:
    """The parts with user names and passwords in the URLs of a Service, such as ``//user:password@``."""
    return [found for key in URLS for found in _CREDENTIALS.findall(str(values.get(key) or ""))]


def shown(row: Row) -> dict[str, t.Any]:
    """A Service for results, files and caches: without user names and passwords in its URLs."""
    hidden = {key: _CREDENTIALS.sub("//********@", row[key]) for key in URLS if isinstance(row.get(key), str)}
    return {**row, **hidden}
