# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options, checked: credentials, base URL, TLS verification, timeout and retries.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, quoted

DEFAULT_API_URL = "https://messaging.twilio.com"

Options = t.Mapping[str, t.Any]

#: User name and password, in order of preference.
_CREDENTIALS = (("api_key", "api_secret"), ("account_sid", "auth_token"))
_SID_PREFIXES = {"api_key": "SK", "account_sid": "AC"}
_API_URL_RULE = "api_url must be https://HOST[:PORT][/PATH], or http:// and a loopback host"


@dataclass(frozen=True)
class Connection:
    """Where the API is and which credentials it gets.

    :ivar accounts_url: the base URL of the Accounts API, which lists subaccounts.
    :ivar account_sid: the option, also if an API key is used. ``None`` if it is not set.
    :ivar timeout: seconds, for connecting and for each read.
    :ivar max_retries: maximum number of retries of a request.
    :ivar verify: whether TLS certificates are verified, or the path of the CA certificates to verify them with.
    """

    username: str
    password: str = field(repr=False)
    base_url: str
    accounts_url: str
    account_sid: str | None = None
    timeout: float = 35.0
    max_retries: int = 5
    verify: bool | str = True


def make_connection(options: Options) -> Connection:
    """The `Connection` for the documented connection options, given by their names.

    :raises InputError: for the first option that is wrong.
    """
    username, password = _credentials(options)
    base_url, accounts_url = _base_urls(options)
    timeout, max_retries = options["timeout"], options["max_retries"]
    if not 0 < timeout <= 3600:
        raise InputError(f"timeout must be more than 0 and at most 3600, got {timeout}")
    if not 0 <= max_retries <= 100:
        raise InputError(f"max_retries must be between 0 and 100, got {max_retries}")
    return Connection(
        username=username,
        password=password,
        base_url=base_url,
        accounts_url=accounts_url,
        account_sid=options.get("account_sid"),
        timeout=timeout,
        max_retries=max_retries,
        verify=_verify(options),
    )


def with_credentials(connection: Connection, account_sid: str, credentials: object) -> Connection:
    """The connection to another account.

    :arg credentials: ``auth_token``, or ``api_key`` and ``api_secret``.
    :raises InputError: if they are not valid. No message shows a value of them.
    """
    label = f"accounts, {account_sid}"
    pairs = ({"auth_token"}, {"api_key", "api_secret"})
    if not re.fullmatch("AC[0-9a-fA-F]{32}", account_sid):
        raise InputError("accounts must have account SIDs as keys, each AC and 32 hexadecimal digits")
    filled = credentials.items() if isinstance(credentials, t.Mapping) else ()
    given = {name: str(value) for name, value in filled if value not in (None, "")}
    if set(given) not in pairs:
        raise InputError(f"{label} must be a mapping with auth_token, or with api_key and api_secret")
    try:
        username, password = _credentials({"account_sid": account_sid if "api_key" not in given else None, **given})
    except InputError as error:
        raise InputError(f"{label}: {error}") from None
    return replace(connection, username=username, password=password, account_sid=account_sid)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine: ``localhost`` or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _credentials(options: Options) -> tuple[str, str]:
    """The API key if one is given, else the account SID and token. No message shows a value: it may be a secret."""
    given = {name for pair in _CREDENTIALS for name in pair if options.get(name) is not None}
    for name in sorted(given):
        value = options[name]
        if value == "":
            raise InputError(f"{name} must not be empty. Set it, or leave it out to use {_variable(name)}")
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise InputError(f"{name} must contain only printable ASCII characters without spaces")
    for pair in _CREDENTIALS:
        if given.isdisjoint(pair):
            continue
        for name, other in (pair, pair[::-1]):
            if name not in given:
                raise InputError(f"{name} (or {_variable(name)}) must be set if {other} is set")
        for name, prefix in _SID_PREFIXES.items():
            if name in given and not re.fullmatch(prefix + "[0-9a-fA-F]{32}", options[name]):
                raise InputError(f"{name} must be {prefix} and 32 hexadecimal digits")
        username, password = pair
        return options[username], options[password]
    raise InputError(
        "Credentials must be set: api_key and api_secret (or TWILIO_API_KEY and TWILIO_API_SECRET), "
        "or account_sid and auth_token (or TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN)"
    )


def _variable(option: str) -> str:
    return f"TWILIO_{option.upper()}"


def _base_urls(options: Options) -> tuple[str, str]:
    """The base URLs of the Messaging API and of the Accounts API."""
    url, edge, region = options.get("api_url"), options.get("edge"), options.get("region")
    for name, value, example in (("edge", edge, "dublin"), ("region", region, "ie1")):
        if value and not (value.replace("-", "").isalnum() and value.isascii()):
            raise InputError(f"{name} must be the name of a Twilio {name} such as {example}, got {quoted(value)}")
    if region and not edge:
        raise InputError(
            f"edge must be set if region is set, got region {quoted(region)} alone, which Twilio routes to us1. "
            "The edge of ie1 is dublin"
        )
    if url is not None and url.rstrip("/") != DEFAULT_API_URL:
        url = _checked_url(url)
        return url, url
    where = f"{edge}.{region or 'us1'}.twilio.com" if edge else "twilio.com"
    return f"https://messaging.{where}", f"https://api.{where}"


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"{_API_URL_RULE}, got {quoted(url)} ({error})") from None
    if "@" in parts.netloc:
        raise InputError("api_url must not contain credentials")
    usable = parts.scheme in ("http", "https") and host and not (parts.query or parts.fragment)
    if not usable or not url.isprintable() or " " in url:
        raise InputError(f"{_API_URL_RULE}, got {quoted(url)}")
    if parts.path.rstrip("/").endswith("/v1"):
        raise InputError(f"api_url must not end in /v1, which is added automatically, got {quoted(url)}")
    if parts.scheme == "http" and not is_loopback(host or ""):
        raise InputError(f"{_API_URL_RULE}, got {quoted(url)}, which would send the credentials unencrypted")
    return url.rstrip("/")


def _verify(options: Options) -> bool | str:
    # requests and what is built on it read these two variables as well.
    paths = {
        "ca_path": options.get("ca_path"),
        "REQUESTS_CA_BUNDLE": os.environ.get("REQUESTS_CA_BUNDLE"),
        "CURL_CA_BUNDLE": os.environ.get("CURL_CA_BUNDLE"),
    }
    name, path = next(((name, path) for name, path in paths.items() if path), ("", None))
    if path and not os.path.exists(path):
        raise InputError(
            f"{name} must be a file or folder of CA certificates, got {quoted(path)}, which does not exist"
        )
    return bool(options["validate_certs"]) and (path or True)
