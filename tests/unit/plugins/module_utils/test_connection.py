# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options: credentials, base URL, limits and CA certificates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._connection import (
    Connection,
    is_loopback,
    make_connection,
)
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError

from support.account import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN

TOKEN = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}
KEY = {"api_key": API_KEY, "api_secret": API_SECRET}
API_URL_RULE = "api_url must be https://HOST[:PORT][/PATH], or http:// and a loopback host, got "


def connection(**changed: Any) -> Connection:
    defaults = {"api_url": "https://messaging.twilio.com", "timeout": 35.0, "max_retries": 5, "validate_certs": True}
    return make_connection({**defaults, **changed})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (TOKEN, (ACCOUNT_SID, AUTH_TOKEN)),
        (KEY, (API_KEY, API_SECRET)),
        ({**TOKEN, **KEY}, (API_KEY, API_SECRET)),
        ({"account_sid": ACCOUNT_SID, **KEY}, (API_KEY, API_SECRET)),
    ],
)
def test_prefers_api_key(given: Mapping[str, str], expected: tuple[str, str]) -> None:
    made = connection(**given)
    assert (made.username, made.password) == expected
    assert made.account_sid == given.get("account_sid")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Credentials must be set: api_key and api_secret"),
        ({"account_sid": ACCOUNT_SID}, "auth_token (or TWILIO_AUTH_TOKEN) must be set if account_sid is set"),
        ({"auth_token": AUTH_TOKEN}, "account_sid (or TWILIO_ACCOUNT_SID) must be set if auth_token is set"),
        ({"api_key": API_KEY}, "api_secret (or TWILIO_API_SECRET) must be set if api_key is set"),
        ({"api_secret": API_SECRET}, "api_key (or TWILIO_API_KEY) must be set if api_secret is set"),
        ({**TOKEN, "api_key": API_KEY}, "api_secret (or TWILIO_API_SECRET) must be set if api_key is set"),
        ({**TOKEN, "auth_token": ""}, "auth_token must not be empty. Set it, or leave it out to use TWILIO_AUTH_TOKEN"),
        ({**KEY, "account_sid": ""}, "account_sid must not be empty"),
        ({**TOKEN, "auth_token": AUTH_TOKEN + "\n"}, "auth_token must contain only printable ASCII characters"),
        ({**TOKEN, "auth_token": "tökenö"}, "auth_token must contain only printable ASCII characters without spaces"),
        ({**TOKEN, "account_sid": API_KEY}, "account_sid must be AC and 32 hexadecimal digits"),
        ({**KEY, "account_sid": API_KEY}, "account_sid must be AC and 32 hexadecimal digits"),
        ({**KEY, "api_key": ACCOUNT_SID}, "api_key must be SK and 32 hexadecimal digits"),
        ({**TOKEN, "region": "ie1"}, "edge must be set if region is set, got region 'ie1' alone"),
        ({**TOKEN, "edge": "a.b"}, "edge must be the name of a Twilio edge such as dublin, got 'a.b'"),
        ({**TOKEN, "region": "a/b"}, "region must be the name of a Twilio region such as ie1, got 'a/b'"),
        ({**TOKEN, "api_url": "ftp://x"}, f"{API_URL_RULE}'ftp://x'"),
        ({**TOKEN, "api_url": "nothing"}, f"{API_URL_RULE}'nothing'"),
        ({**TOKEN, "api_url": ""}, f"{API_URL_RULE}''"),
        ({**TOKEN, "api_url": "https://[::1"}, f"{API_URL_RULE}'https://[::1' ("),
        ({**TOKEN, "api_url": "https://x:port"}, f"{API_URL_RULE}'https://x:port' ("),
        ({**TOKEN, "api_url": "https://x/?a=b"}, f"{API_URL_RULE}'https://x/?a=b'"),
        ({**TOKEN, "api_url": "http://10.0.0.1"}, "'http://10.0.0.1', which would send the credentials unencrypted"),
        ({**TOKEN, "api_url": "http://localhost.example"}, "would send the credentials unencrypted"),
        (
            {**TOKEN, "api_url": "https://x/v1/"},
            "must not end in /v1, which is added automatically, got 'https://x/v1/'",
        ),
        ({**TOKEN, "timeout": 0}, "timeout must be more than 0 and at most 3600, got 0"),
        ({**TOKEN, "timeout": 3600.5}, "timeout must be more than 0 and at most 3600, got 3600.5"),
        ({**TOKEN, "timeout": float("nan")}, "timeout must be more than 0 and at most 3600, got nan"),
        ({**TOKEN, "max_retries": -1}, "max_retries must be between 0 and 100, got -1"),
        ({**TOKEN, "max_retries": 101}, "max_retries must be between 0 and 100, got 101"),
        (
            {**TOKEN, "ca_path": "/no/such.pem"},
            "ca_path must be a file or folder of CA certificates, got '/no/such.pem', which does not exist",
        ),
    ],
)
def test_refuses_bad_options_with_value_and_reason(given: Mapping[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        connection(**given)
    assert message in str(caught.value)


def test_does_not_show_refused_secret() -> None:
    for given in (
        {"auth_token": "hush hush"},
        {"account_sid": "hush"},
        {"auth_token": "hush", "api_url": "https://user:hush@x"},
    ):
        with pytest.raises(InputError) as caught:
            connection(**{**TOKEN, **given})
        assert "hush" not in str(caught.value)
    assert AUTH_TOKEN not in repr(connection(**TOKEN))


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "https://messaging.twilio.com"),
        ({"edge": "ashburn"}, "https://messaging.ashburn.us1.twilio.com"),
        ({"edge": "dublin", "region": "ie1"}, "https://messaging.dublin.ie1.twilio.com"),
        ({"api_url": "https://messaging.twilio.com/", "edge": "dublin"}, "https://messaging.dublin.us1.twilio.com"),
        ({"api_url": "http://127.0.0.1:8080/"}, "http://127.0.0.1:8080"),
        ({"api_url": "http://[::1]:8080"}, "http://[::1]:8080"),
        ({"api_url": "http://localhost"}, "http://localhost"),
        ({"api_url": "https://proxy.example/twilio", "edge": "dublin"}, "https://proxy.example/twilio"),
    ],
)
def test_derives_base_url_from_edge_region_and_api_url(given: Mapping[str, str], url: str) -> None:
    assert connection(**TOKEN, **given).base_url == url


@pytest.mark.parametrize("changed", [{"timeout": 3600}, {"timeout": 0.1}, {"max_retries": 0}, {"max_retries": 100}])
def test_accepts_ends_of_range(changed: dict[str, Any]) -> None:
    made = connection(**TOKEN, **changed)
    assert (made.timeout, made.max_retries) == tuple({"timeout": 35.0, "max_retries": 5, **changed}.values())


@pytest.mark.parametrize("url", ["https://a b.example", "https://example.com/a\nb", "https://example.com/\u00a0x"])
def test_refuses_url_with_unprintable_characters(url: str) -> None:
    with pytest.raises(InputError, match=r"^api_url must be https://HOST") as caught:
        connection(**TOKEN, api_url=url)
    assert str(caught.value).isprintable()


def test_verifies_certificates_unless_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    made = Connection("user", "password", "https://example.com", "https://example.com")
    assert (made.verify, made.timeout, made.account_sid) == (True, 35.0, None)
    assert connection(**TOKEN).verify is True
    assert connection(**TOKEN, validate_certs=False).verify is False


def test_takes_ca_certificates_from_option_then_from_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    assert connection(**TOKEN).verify == str(tmp_path)
    assert connection(**TOKEN, ca_path=__file__).verify == __file__
    assert connection(**{**TOKEN, "validate_certs": False}).verify is False
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    with pytest.raises(InputError, match=r"^REQUESTS_CA_BUNDLE must be .*, got '/no/such\.pem', which does not exist"):
        connection(**TOKEN)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("127.8.9.1", True), ("::1", True), ("10.0.0.1", False), ("localhost.example", False)],
)
def test_recognizes_loopback_hosts(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
