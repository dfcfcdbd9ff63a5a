# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twilio's own helper library reads accounts in the simulator."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Simulator
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN, mg, seed
from support.sdk import library, refusal


def family(*statuses: str) -> dict[str, Any]:
    """A parent account with a subaccount for each status."""
    accounts = [
        {
            "account_sid": subaccount(number),
            "auth_token": f"token{number}",
            "owner": ACCOUNT_SID,
            "status": status,
            "services": [{"sid": mg(100 + number)}],
        }
        for number, status in enumerate(statuses, 2)
    ]
    return {"accounts": [*seed([])["accounts"], *accounts]}


def subaccount(number: int) -> str:
    return f"AC{number:032x}"


def test_lists_the_parent_and_its_subaccounts_over_pages(simulator: Simulator) -> None:
    simulator.reset(family("active", "suspended", "active", "closed"))
    accounts = library(simulator).api.v2010.accounts
    found = accounts.list(page_size=2)
    assert [account.sid for account in found] == [ACCOUNT_SID, *map(subaccount, (2, 3, 4, 5))]
    assert {account.owner_account_sid for account in found} == {ACCOUNT_SID}
    assert [account.auth_token for account in found[:2]] == [AUTH_TOKEN, "token2"]
    assert len(simulator.requests()) == 3
    active = accounts.list(status="active", page_size=1)
    assert [account.sid for account in active] == [ACCOUNT_SID, subaccount(2), subaccount(4)]
    assert [account.sid for account in accounts.list(friendly_name="Account 0003")] == [subaccount(3)]
    assert accounts(subaccount(5)).fetch().status == "closed"


def test_the_links_to_pages_of_accounts_are_relative(simulator: Simulator) -> None:
    simulator.reset(family("active"))
    page = library(simulator).api.v2010.accounts.page(page_size=1)
    assert page._payload["next_page_uri"].startswith("/2010-04-01/Accounts.json?PageSize=1&Page=1&PageToken=")
    second = page.next_page()
    assert second is not None
    assert [account.sid for account in second] == [subaccount(2)]
    assert second.next_page() is None


def test_a_subaccount_lists_only_itself_and_has_only_its_services(simulator: Simulator) -> None:
    simulator.reset(family("active"))
    client = library(simulator, subaccount(2), "token2")
    assert [account.sid for account in client.api.v2010.accounts.list()] == [subaccount(2)]
    assert [service.sid for service in client.messaging.v1.services.list()] == [mg(102)]
    assert refusal(library(simulator).messaging.v1.services(mg(102)).fetch) == (404, 20404)


def test_api_keys_cannot_list_accounts_unless_they_are_main_keys(simulator: Simulator) -> None:
    known = family("active")
    known["accounts"][0]["main_api_keys"] = {"SKmain": "secret"}
    simulator.reset(known)
    assert refusal(library(simulator, API_KEY, API_SECRET).api.v2010.accounts.list) == (401, 20003)
    found = library(simulator, "SKmain", "secret").api.v2010.accounts.list()
    assert [(account.sid, account.auth_token) for account in found] == [(ACCOUNT_SID, ""), (subaccount(2), "")]


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_accounts_that_are_not_active_get_401(simulator: Simulator, status: str) -> None:
    simulator.reset(family(status, "active"))
    assert refusal(library(simulator, subaccount(2), "token2").messaging.v1.services.list) == (401, 20003)
    assert library(simulator, subaccount(3), "token3").messaging.v1.services.list()
    simulator.account.resource["status"] = status
    assert refusal(library(simulator, subaccount(3), "token3").messaging.v1.services.list) == (401, 20003)
