# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account is compared before the first write, and several accounts in one run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._accounts import Accounts, make_accounts
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._connection import make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._current import read_all
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_all_desired
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._services import (
    Directory,
    list_services,
    read_services,
    services_with_senders,
)

from simulator import Simulator
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN, mg, options, seed
from support.client import make_client
from support.desired import desired, reconcile_one

SECOND, THIRD, UNKNOWN = ("AC" + f"{number:032x}" for number in (0xAB, 3, 4))
TOKENS = {ACCOUNT_SID: AUTH_TOKEN, SECOND: "b" * 32, THIRD: "c" * 32}
KEY_ONLY = {"auth_token": None, "api_key": API_KEY, "api_secret": API_SECRET}


def account(sid: str, *services: tuple[int, str, list[str]], **more: Any) -> dict[str, Any]:
    """An account with Services: number, friendly name and senders."""
    rows = [{"sid": mg(number), "friendly_name": name, "alpha_senders": own} for number, name, own in services]
    return {"account_sid": sid, "auth_token": TOKENS[sid], "services": rows, **more}


FIRST_HAS = account(ACCOUNT_SID, (1, "Shop", []), (2, "Alerts", ["OLD"]), api_keys={API_KEY: API_SECRET})
SECOND_HAS = account(SECOND, (11, "Shop", []), (12, "News", ["OLD"]), owner=ACCOUNT_SID)
THIRD_HAS = account(THIRD, (21, "Bank", []), owner=ACCOUNT_SID)


def accounts_of(simulator: Simulator, given: object = None, *, subaccounts: bool = False, **changed: Any) -> Accounts:
    connection = make_connection(options(simulator, **changed))
    client = make_client(simulator, concurrency=4, **changed)
    return make_accounts(client, connection, {"accounts": given, "subaccounts": subaccounts})


def run(accounts: Accounts, services: list[Any], **more: Any) -> list[Outcome]:
    directory = Directory(lambda: list_services(accounts), several=accounts.several)
    states = make_all_desired(
        services,
        {"alpha_sender": "ACME"},
        locate=directory.locate,
        check=lambda found: accounts.check(one.slot.account_sid for one in found),
    )
    return reconcile_all(accounts, states, **{"concurrency": 1, "check_mode": False, **more})


def writes(simulator: Simulator) -> list[dict[str, Any]]:
    return [entry for entry in simulator.journal if entry["method"] != "GET"]


class TestAccountOfCredentials:
    """An API key belongs to an account, whatever account_sid says."""

    @pytest.mark.parametrize("number", [1, 2])
    def test_writes_nothing_if_the_key_is_of_another_account(self, simulator: Simulator, number: int) -> None:
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS]})
        client = make_client(simulator, **KEY_ONLY, account_sid=SECOND)
        outcome = reconcile_one(client, desired(mg(number), "ACME"), check_mode=False)
        assert (outcome.action, outcome.fatal, outcome.changed) == ("failed", True, False)
        assert f"account_sid is {SECOND}, but the credentials belong to account {ACCOUNT_SID}" in message(outcome)
        assert writes(simulator) == []
        first_page = [entry for entry in simulator.journal if entry["path"] == "/v1/Services"]
        # A sender shows the account. Without one, a single Service is asked for.
        assert [entry["query"] for entry in first_page] == (["PageSize=1"] if number == 1 else [])

    def test_refuses_to_delete_and_to_get_in_another_account(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS]})
        client = make_client(simulator, **KEY_ONLY, account_sid=SECOND)
        with pytest.raises(ApiError, match="but the credentials belong to account") as caught:
            client.delete(f"/v1/Services/{mg(2)}")
        assert caught.value.fatal
        with pytest.raises(ApiError, match="but the credentials belong to account"):
            client.get(f"/v1/Services/{mg(2)}")
        assert writes(simulator) == []

    def test_account_sid_in_capitals_is_the_same_account(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [account(SECOND, (1, "Shop", []), api_keys={API_KEY: API_SECRET})]})
        client = make_client(simulator, **KEY_ONLY, account_sid="AC" + SECOND[2:].upper())
        assert reconcile_one(client, desired(mg(1), "ACME"), check_mode=False).action == "created"

    def test_asks_for_the_account_once_and_not_at_all_with_a_token(self, simulator: Simulator) -> None:
        for given, asked in ((KEY_ONLY, 1), ({**KEY_ONLY, "account_sid": None}, 0), ({}, 0)):
            simulator.reset(seed([], []))
            client = make_client(simulator, **given)
            for number in (1, 2):
                assert reconcile_one(client, desired(mg(number), "ACME"), check_mode=False).action == "created"
            assert [entry["path"] for entry in simulator.journal].count("/v1/Services") == asked

    def test_writes_nothing_if_services_must_not_be_listed(self, simulator: Simulator) -> None:
        fault = {"kind": "status", "resource": "Services", "status": 403, "body": {"code": 70051, "message": "No"}}
        simulator.reset(seed([]), [fault])
        client = make_client(simulator, **KEY_ONLY)
        outcome = reconcile_one(client, desired(mg(1), "ACME"), check_mode=False)
        assert (outcome.action, outcome.fatal) == ("failed", True)
        assert "account_sid cannot be compared with the credentials: GET /v1/Services failed: Twilio error 70051" in (
            message(outcome)
        )
        assert writes(simulator) == []

    def test_account_without_services_cannot_be_found(self, simulator: Simulator) -> None:
        assert make_client(simulator, **KEY_ONLY).find_account() is None

    def test_answer_without_rows_has_no_account(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "no_key"}])
        assert make_client(simulator, **KEY_ONLY).find_account() is None


class TestSubaccounts:
    """The parent account reads the tokens of its subaccounts."""

    def test_reads_all_pages_and_leaves_out_inactive_ones_with_one_warning(self, simulator: Simulator) -> None:
        inactive = [
            {**THIRD_HAS, "account_sid": f"AC{number:032x}", "services": [], "status": status}
            for number, status in ((7, "suspended"), (8, "closed"))
        ]
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS, *inactive, THIRD_HAS]})
        simulator.max_page_size = 2
        accounts = accounts_of(simulator, subaccounts=True)
        assert accounts.account_sids == [ACCOUNT_SID, SECOND, THIRD]
        assert accounts.warnings == ["2 subaccounts left out: suspended or closed"]
        assert [entry["path"] for entry in simulator.journal] == ["/2010-04-01/Accounts.json"] * 3
        found = [service["sid"] for service in list_services(accounts)]
        assert found == [mg(number) for number in (1, 2, 11, 12, 21)]

    def test_works_on_the_services_of_parent_and_subaccounts(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS, THIRD_HAS]})
        accounts = accounts_of(simulator, subaccounts=True)
        assert accounts.warnings == []
        outcomes = run(accounts, [mg(1), mg(12), {"service_name": "Bank"}])
        assert [outcome.action for outcome in outcomes] == ["created", "replaced", "created"]
        assert [outcome.desired.slot.account_sid for outcome in outcomes] == [ACCOUNT_SID, SECOND, THIRD]

    def test_are_refused_with_an_api_key(self, simulator: Simulator) -> None:
        with pytest.raises(InputError, match="^subaccounts must be false with an API key"):
            accounts_of(simulator, subaccounts=True, **KEY_ONLY)
        assert simulator.journal == []

    @pytest.mark.parametrize("token", ["", None, 5])
    def test_without_a_token_are_an_error(self, simulator: Simulator, token: object) -> None:
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS]})
        client = make_client(simulator)
        connection = make_connection(options(simulator))
        row = {"sid": SECOND, "status": "active", "auth_token": token}
        client.list = lambda _path, _key: [row]  # type: ignore[method-assign]
        with pytest.raises(ApiError) as caught:
            make_accounts(client, connection, {"subaccounts": True})
        assert str(caught.value) == f"Twilio returned no auth token for the subaccount '{SECOND}'. Set accounts instead"

    def test_own_credentials_of_a_subaccount_win(self, simulator: Simulator) -> None:
        keys = {"api_keys": {"SK" + "0" * 31 + "9": "secret"}}
        simulator.reset({"accounts": [FIRST_HAS, {**SECOND_HAS, **keys}]})
        given = {SECOND: {"api_key": "SK" + "0" * 31 + "9", "api_secret": "wrong"}}
        accounts = accounts_of(simulator, given, subaccounts=True)
        outcomes = run(accounts, [{"service_sid": mg(11), "account_sid": SECOND}])
        assert "HTTP 401" in message(outcomes[0])

    def test_are_listed_at_the_host_of_the_accounts_api(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS]})
        connection = make_connection(options(simulator))
        elsewhere = make_connection(options(simulator, api_url=f"{simulator.url}/elsewhere"))
        # Two URLs, as for twilio.com: here, only that of the accounts leads to the simulator.
        object.__setattr__(elsewhere, "accounts_url", connection.base_url)
        accounts = make_accounts(make_client(simulator), elsewhere, {"subaccounts": True})
        assert accounts.account_sids == [ACCOUNT_SID, SECOND]


class TestMapping:
    """The option accounts: credentials by account SID."""

    def test_takes_tokens_and_api_keys(self, simulator: Simulator) -> None:
        key = "SK" + "0" * 31 + "9"
        simulator.reset({"accounts": [FIRST_HAS, {**SECOND_HAS, "api_keys": {key: "secret"}}, THIRD_HAS]})
        accounts = accounts_of(
            simulator,
            {SECOND: {"api_key": key, "api_secret": "secret"}, THIRD: {"auth_token": TOKENS[THIRD], "api_key": None}},
        )
        assert accounts.several
        outcomes = run(accounts, [mg(1), mg(11), mg(21)])
        assert [outcome.action for outcome in outcomes] == ["created"] * 3

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            (["x"], "accounts must be a mapping of account SIDs, got 'list'"),
            ({"AC12": {}}, "accounts must have account SIDs as keys, each AC and 32 hexadecimal digits"),
            ({SECOND: "s3cret"}, f"accounts, {SECOND} must be a mapping with auth_token, or with api_key and"),
            ({SECOND: {"token": "s3cret"}}, f"accounts, {SECOND} must be a mapping with auth_token"),
            ({SECOND: {"api_key": API_KEY}}, f"accounts, {SECOND}: api_secret (or TWILIO_API_SECRET) must be set if"),
            ({SECOND: {"api_secret": "s3cret"}}, f"accounts, {SECOND}: api_key (or TWILIO_API_KEY) must be set if"),
            ({SECOND: {"auth_token": "s3cret two"}}, f"accounts, {SECOND}: auth_token must contain only printable"),
        ],
    )
    def test_that_is_wrong_is_refused_without_a_secret(self, simulator: Simulator, given: object, problem: str) -> None:
        with pytest.raises(InputError) as caught:
            accounts_of(simulator, given)
        assert str(caught.value).startswith(problem)
        assert "s3cret" not in str(caught.value)
        assert simulator.journal == []

    def test_with_the_account_of_the_options_lists_its_services_once(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS]})
        given = {sid: {"auth_token": TOKENS[sid]} for sid in (ACCOUNT_SID, SECOND)}
        accounts = accounts_of(simulator, given)
        assert accounts.account_sids == [ACCOUNT_SID, SECOND]
        assert len(list_services(accounts)) == 4
        by_key = accounts_of(simulator, given, **KEY_ONLY, account_sid=None)
        assert len(list_services(by_key)) == 4

    def test_shares_one_pool_of_connections_and_sums_the_requests(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS]})
        accounts = accounts_of(simulator, {SECOND: {"auth_token": TOKENS[SECOND]}})
        first, second = accounts.clients
        assert first._transport._pool is second._transport._pool
        assert first._limiter is not second._limiter
        outcomes = run(accounts, [mg(1), mg(12)])
        assert [outcome.action for outcome in outcomes] == ["created", "replaced"]
        assert accounts.requests_sent == first.requests_sent + second.requests_sent == len(simulator.journal)
        assert (accounts.account_sid, second.account_sid) == (ACCOUNT_SID, SECOND)


class TestCheck:
    """Credentials for the account of each entry, before the first request."""

    def test_accounts_without_credentials_are_refused(self, simulator: Simulator) -> None:
        accounts = accounts_of(simulator)
        accounts.check([None, ACCOUNT_SID])
        for sids, problem in (
            ([None, UNKNOWN], f"1 of 2 Services belong to account {UNKNOWN}, for which there are no credentials"),
            ([THIRD, SECOND, SECOND], f"3 of 3 Services belong to accounts {THIRD}, {SECOND}, for which there are"),
        ):
            with pytest.raises(InputError) as caught:
                accounts.check(sids)
            assert str(caught.value).startswith(problem)
        assert simulator.journal == []

    def test_account_of_an_api_key_is_learned_by_one_request(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS]})
        accounts = accounts_of(simulator, **KEY_ONLY, account_sid=None)
        outcomes = run(accounts, [{"service_sid": mg(1), "account_sid": ACCOUNT_SID}])
        assert [outcome.action for outcome in outcomes] == ["created"]
        assert [entry["path"] for entry in simulator.journal].count("/v1/Services") == 1
        with pytest.raises(InputError, match=f"^1 of 1 Service belong to account {SECOND}"):
            run(accounts, [{"service_sid": mg(11), "account_sid": SECOND}])

    def test_account_of_an_api_key_without_services_stays_unknown(self, simulator: Simulator) -> None:
        accounts = accounts_of(simulator, **KEY_ONLY, account_sid=None)
        with pytest.raises(InputError, match=f"belong to account {ACCOUNT_SID}"):
            accounts.check([ACCOUNT_SID])


class TestServicesOfSeveralAccounts:
    def several(self, simulator: Simulator, **changed: Any) -> Accounts:
        given = {sid: {"auth_token": TOKENS[sid]} for sid in (SECOND, THIRD)}
        return accounts_of(simulator, given, **changed)

    def test_name_in_two_accounts_is_refused_unless_the_entry_has_its_account(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS, THIRD_HAS]})
        accounts = self.several(simulator)
        with pytest.raises(InputError) as caught:
            run(accounts, [{"service_name": "Shop"}])
        assert f"which 2 Services have ({mg(1)} of {ACCOUNT_SID}, {mg(11)} of {SECOND})" in str(caught.value)
        assert writes(simulator) == []
        [outcome] = run(accounts, [{"service_name": "Shop", "account_sid": "AC" + SECOND[2:].upper()}])
        assert (outcome.action, outcome.desired.slot.service_sid) == ("created", mg(11))

    def test_sid_is_located_and_an_unknown_one_is_refused(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS, THIRD_HAS]})
        accounts = self.several(simulator)
        [outcome] = run(accounts, [mg(21)])
        assert outcome.desired.slot.account_sid == THIRD
        with pytest.raises(InputError, match="service_sid must be the SID of a Service of the accounts of this run"):
            run(accounts, [mg(99)])

    def test_sid_with_its_account_needs_no_listing(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS, THIRD_HAS]})
        run(self.several(simulator), [{"service_sid": mg(21), "account_sid": THIRD}])
        assert "/v1/Services" not in [entry["path"] for entry in simulator.journal]

    def test_wrong_credentials_end_only_their_account(self, simulator: Simulator) -> None:
        simulator.reset(
            {"accounts": [FIRST_HAS, SECOND_HAS, THIRD_HAS]},
            [{"kind": "status", "status": 401, "account": SECOND, "count": 99}],
        )
        spellings = (SECOND, "AC" + SECOND[2:].upper(), SECOND)
        services = [{"service_sid": mg(11 + place), "account_sid": sid} for place, sid in enumerate(spellings)]
        services += [
            {"service_sid": mg(21), "account_sid": THIRD},
            {"service_sid": mg(1), "account_sid": ACCOUNT_SID},
        ]
        for number in (1, 2):
            outcomes = run(self.several(simulator), services, check_mode=number == 1)
            assert [one.action for one in outcomes] == ["failed", "skipped", "skipped", "created", "created"]
        assert len([entry for entry in simulator.journal if entry["status"] == 401]) == 2

    def test_account_that_is_given_for_some_ends_for_all(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [FIRST_HAS]}, [{"kind": "status", "status": 401, "count": 99}])
        outcomes = run(accounts_of(simulator), [mg(1), {"service_sid": mg(2), "account_sid": ACCOUNT_SID}])
        assert [one.action for one in outcomes] == ["failed", "skipped"]

    def test_reading_ends_only_the_account_that_is_refused(self, simulator: Simulator) -> None:
        simulator.reset(
            {"accounts": [FIRST_HAS, SECOND_HAS, THIRD_HAS]},
            [{"kind": "status", "status": 401, "account": SECOND, "count": 99}],
        )
        slots = [
            Slot(ALPHA_SENDER, mg(number), account_sid=sid)
            for number, sid in ((11, SECOND), (12, "AC" + SECOND[2:].upper()), (21, THIRD))
        ]
        found = read_all(self.several(simulator), slots, concurrency=1)
        assert isinstance(found[0], ApiError)
        assert found[1:] == [None, []]

    def test_error_of_one_account_names_it(self, simulator: Simulator) -> None:
        simulator.reset(
            {"accounts": [FIRST_HAS, SECOND_HAS, THIRD_HAS]},
            [{"kind": "status", "status": 403, "body": {"code": 70051, "message": "No"}, "account": SECOND}],
        )
        with pytest.raises(ApiError) as caught:
            list_services(self.several(simulator))
        assert str(caught.value).startswith(f"account {SECOND}: GET /v1/Services failed: Twilio error 70051")
        assert (caught.value.code, caught.value.status, caught.value.fatal) == (70051, 403, True)

    def test_error_of_an_unknown_account_has_no_name(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [FIRST_HAS]}, [{"kind": "status", "status": 403, "count": 9}])
        with pytest.raises(ApiError, match=r"^GET /v1/Services failed: HTTP 403"):
            list_services(accounts_of(simulator, **KEY_ONLY, account_sid=None))

    def test_cancelled_listing_is_an_error(self, simulator: Simulator) -> None:
        accounts = self.several(simulator)
        accounts.cancellation.cancel()
        with pytest.raises(ApiError, match="^The Services were not listed, because the run was cancelled$"):
            list_services(accounts)

    def test_senders_are_read_with_the_credentials_of_each_account(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS, THIRD_HAS]})
        accounts = self.several(simulator)
        found = services_with_senders(accounts, list_services(accounts), country_senders=False, concurrency=4)
        senders = [[row["alpha_sender"] for row in one["alpha_senders"]] for one in found["services"]]
        assert (senders, found["errors"]) == ([[], ["OLD"], [], ["OLD"], []], [])

    def test_one_service_is_read_in_the_account_of_the_options(self, simulator: Simulator) -> None:
        simulator.reset({"accounts": [FIRST_HAS, SECOND_HAS, THIRD_HAS]})
        [service] = read_services(self.several(simulator), mg(2))
        assert service["friendly_name"] == "Alerts"


def test_error_with_a_prefix_keeps_what_is_known() -> None:
    error = ApiError("Refused", code=1, status=409, indeterminate=True, message="text").with_prefix("account A: ")
    assert str(error) == "account A: Refused"
    assert (error.code, error.status, error.indeterminate, error.conflict, error.fatal) == (1, 409, True, True, False)
    assert error.message == "text"
    assert ApiError("x", fatal=True).with_prefix("y").fatal
