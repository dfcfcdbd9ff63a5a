# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources as JSON objects, and the rules for what a form may say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from simulator.errors import Refused, invalid

Json = dict[str, Any]

SENDER = re.compile(r"(?![0-9]+\Z)[A-Za-z0-9 +_&-]{1,11}\Z")
COUNTRY = re.compile(r"[A-Za-z]{2}\Z")
USECASES = ("notifications", "marketing", "verification", "discussion", "poll", "undeclared")
SUBRESOURCES = {
    "alpha_senders": "AlphaSenders",
    "destination_alpha_senders": "DestinationAlphaSenders",
    "phone_numbers": "PhoneNumbers",
    "short_codes": "ShortCodes",
    "channel_senders": "ChannelSenders",
    "us_app_to_person": "Compliance/Usa2p",
}
#: The text fields of a US campaign.
CAMPAIGN_TEXTS = ("description", "message_flow", "opt_in_message", "opt_out_message", "help_message", "campaign_id")


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _name(field: str, text: str) -> str:
    if not 1 <= len(text) <= 64:
        raise invalid(f"{field} must have 1 to 64 characters")
    return text


def _address(field: str, text: str) -> str | None:
    """A URL. An empty string clears it."""
    if text and urlsplit(text).scheme not in ("http", "https"):
        raise invalid(f"{field} is not a valid URL")
    return text or None


def _flag(field: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise invalid(f"{field} must be true or false")
    return text.lower() == "true"


def _validity(field: str, text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 36000:
        raise Refused(400, 90007, f"{field} must be between 1 and 36000")
    return int(text)


def _usecase(field: str, text: str) -> str:
    if text not in USECASES:
        raise Refused(400, 21713, f"{field} {text} is not a valid use case")
    return text


def _one_of(*values: str) -> Callable[[str, str], str]:
    def read(field: str, text: str) -> str:
        if text not in values:
            raise invalid(f"{field} must be one of {', '.join(values)}")
        return text

    return read


#: The writable fields of a Service: how a form's text is read, and the default.
SERVICE_FIELDS: dict[str, tuple[Callable[[str, str], Any], Any]] = {
    "friendly_name": (_name, None),
    "inbound_request_url": (_address, None),
    "inbound_method": (_one_of("GET", "POST"), "POST"),
    "fallback_url": (_address, None),
    "fallback_method": (_one_of("GET", "POST"), "POST"),
    "status_callback": (_address, None),
    "sticky_sender": (_flag, True),
    "mms_converter": (_flag, True),
    "smart_encoding": (_flag, True),
    "scan_message_content": (_one_of("inherit", "enable", "disable"), "inherit"),
    "fallback_to_long_code": (_flag, True),
    "area_code_geomatch": (_flag, True),
    "validity_period": (_validity, 36000),
    "synchronous_validation": (_flag, False),
    "usecase": (_usecase, "undeclared"),
    "use_inbound_webhook_on_number": (_flag, False),
}
#: The names of these fields in a form: in CamelCase.
FORM_FIELDS = {"".join(word.capitalize() for word in field.split("_")): field for field in SERVICE_FIELDS}
DEFAULTS = {field: default for field, (_read, default) in SERVICE_FIELDS.items()}


def service_values(form: Mapping[str, str]) -> Json:
    """The fields of a Service that a form names, checked. Other names are ignored."""
    return {field: SERVICE_FIELDS[field][0](name, form[name]) for name, field in FORM_FIELDS.items() if name in form}


def service_resource(base: str, account_sid: str, sid: str, values: Mapping[str, Any]) -> Json:
    url = f"{base}/v1/Services/{sid}"
    stamp = now()
    return {
        "sid": sid,
        "account_sid": account_sid,
        "date_created": stamp,
        "date_updated": stamp,
        **DEFAULTS,
        "us_app_to_person_registered": False,
        **values,
        "url": url,
        "links": {name: f"{url}/{path}" for name, path in SUBRESOURCES.items()},
    }


def member_resource(base: str, service: Json, collection: str, sid: str, values: Mapping[str, Any]) -> Json:
    """A sender, a phone number or a short code of a Service."""
    stamp = now()
    return {
        "sid": sid,
        "account_sid": service["account_sid"],
        "service_sid": service["sid"],
        "date_created": stamp,
        "date_updated": stamp,
        **values,
        "url": f"{base}/v1/Services/{service['sid']}/{collection}/{sid}",
    }


def channel_sender_resource(base: str, service: Json, sid: str, sender: str) -> Json:
    values = {
        "messaging_service_sid": service["sid"],
        "sender": sender,
        "sender_type": sender.partition(":")[0],
        "country_code": "",
    }
    row = member_resource(base, service, "ChannelSenders", sid, values)
    del row["service_sid"]
    return row


def campaign_resource(base: str, service: Json, sid: str, status: str) -> Json:
    values = {
        "messaging_service_sid": service["sid"],
        "brand_registration_sid": f"BN{0:032x}",
        **dict.fromkeys(CAMPAIGN_TEXTS, ""),
        "message_samples": [],
        "us_app_to_person_usecase": "MARKETING",
        **dict.fromkeys(("has_embedded_links", "has_embedded_phone", "age_gated", "direct_lending"), False),
        **dict.fromkeys(("subscriber_opt_in", "is_externally_registered", "mock"), False),
        "campaign_status": status,
        "rate_limits": {},
        **{key: [] for key in ("opt_in_keywords", "opt_out_keywords", "help_keywords", "errors")},
    }
    row = member_resource(base, service, "Compliance/Usa2p", sid, values)
    del row["service_sid"]
    return row


def account_resource(entry: Mapping[str, Any]) -> Json:
    """An account, from its entry in the seed."""
    sid = entry["account_sid"]
    owner = entry.get("owner", sid)
    stamp = format_datetime(datetime.now(timezone.utc))
    uri = f"/2010-04-01/Accounts/{sid}"
    return {
        "sid": sid,
        "owner_account_sid": owner,
        "friendly_name": entry.get("friendly_name", f"Account {sid[-4:]}"),
        "status": entry.get("status", "active"),
        "auth_token": entry["auth_token"],
        "type": "Full",
        "date_created": stamp,
        "date_updated": stamp,
        "uri": f"{uri}.json",
        "subresource_uris": {"messages": f"{uri}/Messages.json"},
    }
