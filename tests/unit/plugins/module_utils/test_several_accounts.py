# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account guard, and many accounts in one run: credentials, names, limits, errors, secrets."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils import _transport
from ansible_collections.messaging.twilio.plugins.module_utils._accounts import Accounts, make_accounts
from ansible_collections.messaging.twilio.plugins.module_utils._audit import audit
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._connection import make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_all_desired
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._results import account_of, bulk_result, outcome_fields
from ansible_collections.messaging.twilio.plugins.module_utils._services import (
    Directory,
    list_services,
    read_services,
    services_with_senders,
)
from ansible_collections.messaging.twilio.plugins.module_utils._transport import Cancellation

from simulator import Simulator
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN, mg, options, seed
from support.client import make_client, no_wait
from support.desired import desired, reconcile_one

PARENT = ACCOUNT_SID
BY_KEY: dict[str, Any] = {"auth_token": None, "api_key": API_KEY, "api_secret": API_SECRET}


def ac(number: int) -> str:
    """The SID of an account. It has letters, which users may write in capitals."""
    return f"ACab{number:030x}"


def token(number: int) -> str:
    return f"c0ffee{number:026x}"


def service(number: int, name: str | None = None, senders: Sequence[str] = ()) -> dict[str, Any]:
    return {"sid": mg(number), "friendly_name": name or f"Shop {number}", "alpha_senders": list(senders)}


def subaccount(number: int, *services: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "account_sid": ac(number),
        "auth_token": token(number),
        "owner": PARENT,
        "services": [*services],
        **more,
    }


def family(
    *subaccounts: Mapping[str, Any], services: Sequence[Mapping[str, Any]] = (), **parent: Any
) -> dict[str, Any]:
    """A parent account and its subaccounts."""
    start = seed(**parent)
    start["accounts"][0]["services"] = [*services]
    start["accounts"] += subaccounts
    return start


def connect(
    simulator: Simulator,
    *,
    accounts: object = None,
    subaccounts: bool = False,
    concurrency: int = 4,
    cancellation: Cancellation | None = None,
    **changed: Any,
) -> Accounts:
    connection = make_connection(options(simulator, **{"max_retries": 0, **changed}))
    client = Client(connection, concurrency=concurrency, cancellation=cancellation, wait=no_wait)
    return make_accounts(client, connection, {"accounts": accounts, "subaccounts": subaccounts})


def locate(accounts: Accounts, services: Sequence[object], value: str | None = "ACME") -> tuple[Desired, ...]:
    directory = Directory(lambda: list_services(accounts), several=accounts.several)
    return make_all_desired(
        services,
        {"alpha_sender": value},
        locate=directory.locate,
        check=lambda found: accounts.check(one.slot.account_sid for one in found),
    )


def rollout(accounts: Accounts, services: Sequence[object], *, concurrency: int = 4, **more: Any) -> list[Outcome]:
    return reconcile_all(accounts, locate(accounts, services), concurrency=concurrency, **{"check_mode": False, **more})


def writes(simulator: Simulator) -> list[str]:
    return [method for method in simulator.requests() if method != "GET"]


def logins(simulator: Simulator) -> Counter[str]:
    """How many requests each account got, as the state of the simulator counts them."""
    return Counter({sid: account.history.requests for sid, account in simulator.state.accounts.items()})


class TestGuard:
    """With account_sid, nothing is written on another account: Twilio ignores the SID next to an API key."""

    @pytest.mark.parametrize("senders", [["OLD"], ["ACME"], []])
    @pytest.mark.parametrize("state", ["present", "absent"])
    def test_writes_nothing_on_another_account(self, simulator: Simulator, senders: list[str], state: str) -> None:
        simulator.reset(seed(senders))
        client = make_client(simulator, account_sid=ac(9), **BY_KEY)
        want = desired(mg(1), "ACME" if state == "present" else None, state)
        outcome = reconcile_one(client, want, check_mode=False)
        assert writes(simulator) == []
        assert simulator.senders(mg(1)) == senders
        if not senders and state == "absent":
            assert outcome.action == "unchanged"
            return
        assert (outcome.action, outcome.fatal, outcome.changed) == ("failed", True, False)
        text = f"account_sid is {ac(9)}, but the credentials belong to account {ACCOUNT_SID}. Correct account_sid"
        assert text in message(outcome)
        assert outcome.unknown is False

    def test_asks_for_one_service_when_nothing_that_was_read_has_an_account(self, simulator: Simulator) -> None:
        simulator.reset(seed([], []))
        client = make_client(simulator, account_sid=ac(9), **BY_KEY)
        outcomes = reconcile_all(client, [desired(mg(n), "ACME") for n in (1, 2)], concurrency=1, check_mode=False)
        assert [one.action for one in outcomes] == ["failed", "skipped"]
        asked = [entry for entry in simulator.journal if entry["path"] == "/v1/Services"]
        assert [(entry["method"], entry["query"]) for entry in asked] == [("GET", "PageSize=1")]

    @pytest.mark.parametrize("concurrency", [1, 8])
    def test_asks_once_when_the_account_is_right(self, simulator: Simulator, concurrency: int) -> None:
        simulator.reset(seed(*[[]] * 30))
        simulator.latency = 0.005
        client = make_client(simulator, concurrency=concurrency, account_sid=ACCOUNT_SID, **BY_KEY)
        wanted = [desired(mg(number), "ACME") for number in range(1, 31)]
        outcomes = reconcile_all(client, wanted, concurrency=concurrency, check_mode=False)
        assert {one.action for one in outcomes} == {"created"}
        assert [entry["path"] for entry in simulator.journal].count("/v1/Services") == 1
        assert len(simulator.journal) == 61

    def test_asks_nothing_when_a_row_shows_the_account(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]))
        client = make_client(simulator, account_sid=ACCOUNT_SID, **BY_KEY)
        assert reconcile_one(client, desired(mg(1), "ACME"), check_mode=False).action == "replaced"
        assert simulator.requests() == ["GET", "DELETE", "POST"]

    @pytest.mark.parametrize("login", [{}, {"account_sid": None, **BY_KEY}])
    def test_asks_nothing_with_a_token_or_without_account_sid(
        self, simulator: Simulator, login: dict[str, Any]
    ) -> None:
        simulator.reset(seed([]))
        client = make_client(simulator, **login)
        assert reconcile_one(client, desired(mg(1), "ACME"), check_mode=False).action == "created"
        assert simulator.requests() == ["GET", "POST"]

    @pytest.mark.parametrize("senders", [[], ["OLD"]])
    def test_takes_the_same_sid_in_capitals(self, simulator: Simulator, senders: list[str]) -> None:
        login = {"account_sid": ac(1), "auth_token": token(1), "api_keys": {API_KEY: API_SECRET}}
        simulator.reset(seed(senders, **login))
        client = make_client(simulator, account_sid="AC" + ac(1)[2:].upper(), **BY_KEY)
        assert reconcile_one(client, desired(mg(1), "ACME"), check_mode=False).changed

    @pytest.mark.parametrize("status", [401, 403, 500])
    def test_writes_nothing_when_a_restricted_key_cannot_list_services(self, simulator: Simulator, status: int) -> None:
        refused = {"kind": "status", "status": status, "body": {"code": 70051, "message": "No"}, "resource": "Services"}
        simulator.reset(seed([], []), [{**refused, "count": 99}])
        client = make_client(simulator, account_sid=ACCOUNT_SID, max_retries=0, **BY_KEY)
        outcomes = reconcile_all(client, [desired(mg(n), "ACME") for n in (1, 2)], concurrency=1, check_mode=False)
        assert [one.action for one in outcomes] == ["failed", "skipped"]
        assert writes(simulator) == []
        text = message(outcomes[0])
        assert (
            "account_sid cannot be compared with the credentials: GET /v1/Services failed: Twilio error 70051" in text
        )
        assert (outcomes[0].unknown, outcomes[0].changed) == (False, False)

    def test_does_not_delete_on_another_account(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]))
        client = make_client(simulator, account_sid=ac(9), **BY_KEY)
        with pytest.raises(ApiError, match="the credentials belong to account"):
            client.delete(f"/v1/Services/{mg(1)}/AlphaSenders/AI{1:032x}")
        assert simulator.requests() == ["GET"]

    def test_result_names_the_account_of_the_rows(self, simulator: Simulator) -> None:
        simulator.reset(seed(["ACME"]))
        client = make_client(simulator, account_sid=None, **BY_KEY)
        outcome = reconcile_one(client, desired(mg(1), "ACME"), check_mode=False)
        assert (account_of(client, [outcome]), account_of(client, [])) == (ACCOUNT_SID, None)

    def test_is_held_by_what_only_reads(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]))
        client = make_client(simulator, account_sid=ac(9), **BY_KEY)
        for read in (
            lambda: list_services(client),
            lambda: client.get(f"/v1/Services/{mg(1)}"),
            lambda: audit(client, [desired(mg(1), "ACME")], [], [], concurrency=1),
            lambda: services_with_senders(client, [{"sid": mg(1)}], country_senders=False, concurrency=1),
        ):
            with pytest.raises(ApiError, match=f"but the credentials belong to account {ACCOUNT_SID}"):
                read()

    def test_does_not_depend_on_the_order_of_threads(self, simulator: Simulator) -> None:
        simulator.reset(seed(*[[], ["OLD"]] * 20))
        client = make_client(simulator, concurrency=10, account_sid=ac(9), **BY_KEY)
        reconcile_all(client, [desired(mg(n), "ACME") for n in range(1, 41)], concurrency=10, check_mode=False)
        assert writes(simulator) == []


class TestSubaccounts:
    def test_reads_all_pages_of_relative_links(self, simulator: Simulator) -> None:
        simulator.reset(family(*(subaccount(number) for number in range(1, 8))))
        simulator.max_page_size = 3
        accounts = connect(simulator, subaccounts=True)
        assert accounts.account_sids == [PARENT, *(ac(number) for number in range(1, 8))]
        assert [entry["path"] for entry in simulator.journal] == ["/2010-04-01/Accounts.json"] * 3
        assert accounts.warnings == []
        assert accounts.several

    def test_services_of_the_parent_belong_to_the_run_once(self, simulator: Simulator) -> None:
        simulator.reset(family(subaccount(1, service(2)), services=[service(1)]))
        accounts = connect(simulator, subaccounts=True)
        assert [one["sid"] for one in list_services(accounts)] == [mg(1), mg(2)]

    @pytest.mark.parametrize(
        ("closed", "warnings"),
        [
            (["closed"], ["1 subaccount left out: suspended or closed"]),
            (["suspended", "closed"] * 3, ["6 subaccounts left out: suspended or closed"]),
        ],
    )
    def test_inactive_ones_are_left_out_with_one_warning(
        self, simulator: Simulator, closed: list[str], warnings: list[str]
    ) -> None:
        others = [subaccount(number, status=status) for number, status in enumerate(closed, 10)]
        simulator.reset(family(subaccount(1, service(1)), *others))
        accounts = connect(simulator, subaccounts=True)
        assert (accounts.account_sids, accounts.warnings) == ([PARENT, ac(1)], warnings)

    @pytest.mark.parametrize("account_sid", [None, PARENT])
    def test_api_key_is_refused_before_any_request(self, simulator: Simulator, account_sid: str | None) -> None:
        simulator.reset(family(subaccount(1)))
        with pytest.raises(
            InputError, match=r"^subaccounts must be false with an API key: .* Use them, or set accounts$"
        ):
            connect(simulator, subaccounts=True, account_sid=account_sid, **BY_KEY)
        assert simulator.requests() == []

    @pytest.mark.parametrize("given", ["", None, 5])
    def test_empty_token_is_a_clear_error(self, simulator: Simulator, given: object) -> None:
        simulator.reset(family(subaccount(1)))
        simulator.state.accounts[ac(1)].resource["auth_token"] = given
        with pytest.raises(ApiError) as caught:
            connect(simulator, subaccounts=True)
        assert str(caught.value) == (
            f"Twilio returned no auth token for the subaccount '{ac(1)}'. Set accounts instead"
        )

    @pytest.mark.parametrize("status", [401, 403, 500])
    def test_error_of_the_listing_is_that_of_the_run(self, simulator: Simulator, status: int) -> None:
        fault = {"kind": "status", "status": status, "resource": "Accounts", "body": {"code": 20003, "message": "No"}}
        simulator.reset(family(subaccount(1)), [{**fault, "count": 9}])
        with pytest.raises(ApiError, match=r"^GET /2010-04-01/Accounts\.json failed: Twilio error 20003"):
            connect(simulator, subaccounts=True)

    def test_parent_is_not_a_subaccount_in_another_spelling(self, simulator: Simulator) -> None:
        capitals = "AC" + ac(7)[2:].upper()
        simulator.reset(family(subaccount(1, owner=capitals), account_sid=ac(7), services=[service(1)]))
        simulator.state.accounts[ac(7)].resource["sid"] = capitals
        accounts = connect(simulator, subaccounts=True, account_sid=ac(7))
        assert len(accounts.clients) == 2

    def test_accounts_option_wins_over_the_token_of_the_listing(self, simulator: Simulator) -> None:
        simulator.reset(family(subaccount(1, service(1), api_keys={API_KEY: "other"}), api_keys={}))
        given = {ac(1): {"api_key": API_KEY, "api_secret": "other"}}
        accounts = connect(simulator, subaccounts=True, accounts=given)
        assert accounts.account_sids == [PARENT, ac(1)]
        simulator.state.accounts[ac(1)].resource["auth_token"] = "changed"
        assert [one["sid"] for one in list_services(accounts)] == [mg(1)]

    def test_requests_that_list_the_accounts_count(self, simulator: Simulator) -> None:
        simulator.reset(family(subaccount(1, service(1)), services=[service(2)]))
        accounts = connect(simulator, subaccounts=True)
        list_services(accounts)
        assert accounts.requests_sent == len(simulator.journal) == 3

    def test_asks_the_accounts_api_of_the_region(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def list_rows(self: Client, path: str, key: str) -> list[dict[str, Any]]:
            asked.append((self._base_url, path, key))
            return []

        monkeypatch.setattr(Client, "list", list_rows)
        accounts = connect(simulator, subaccounts=True, api_url=None, edge="dublin", region="ie1")
        assert asked == [("https://api.dublin.ie1.twilio.com", "/2010-04-01/Accounts.json", "accounts")]
        assert not accounts.several

    def test_another_host_of_the_accounts_api_gets_one_client_and_counts(self, simulator: Simulator) -> None:
        simulator.reset(family(subaccount(1, service(1))))
        with Simulator(family(subaccount(1))) as other:
            connection = make_connection(options(simulator))
            object.__setattr__(connection, "accounts_url", other.url)
            client = Client(connection, wait=no_wait)
            accounts = make_accounts(client, connection, {"subaccounts": True})
            assert [entry["path"] for entry in other.journal] == ["/2010-04-01/Accounts.json"]
            assert [one["sid"] for one in list_services(accounts)] == [mg(1)]
            assert accounts.requests_sent == 3
            assert {entry["path"] for entry in simulator.journal} == {"/v1/Services"}


SECRET = "5ecret5ecret5ecret5ecret5ecret55"


class TestAccountsOption:
    def test_takes_a_token_or_a_key_for_each_account(self, simulator: Simulator) -> None:
        simulator.reset(
            family(
                subaccount(1, service(1)),
                subaccount(2, service(2), api_keys={"SK" + "2" * 32: "secret"}),
                services=[service(3)],
            )
        )
        given = {ac(1): {"auth_token": token(1)}, ac(2): {"api_key": "SK" + "2" * 32, "api_secret": "secret"}}
        accounts = connect(simulator, accounts=given)
        outcomes = rollout(accounts, [{"service_name": f"Shop {number}"} for number in (1, 2, 3)])
        assert [(one.action, one.desired.slot.account_sid) for one in outcomes] == [
            ("created", ac(1)),
            ("created", ac(2)),
            ("created", PARENT),
        ]

    @pytest.mark.parametrize(
        ("given", "text"),
        [
            (["x"], "accounts must be a mapping of account SIDs, got 'list'"),
            (SECRET, "accounts must be a mapping of account SIDs, got 'str'"),
            ({SECRET: {"auth_token": SECRET}}, "accounts must have account SIDs as keys, each AC and 32"),
            ({5: {"auth_token": SECRET}}, "accounts must have account SIDs as keys"),
            ({ac(1): SECRET}, f"accounts, {ac(1)} must be a mapping with auth_token, or with api_key and api_secret"),
            ({ac(1): None}, f"accounts, {ac(1)} must be a mapping with"),
            ({ac(1): {}}, f"accounts, {ac(1)} must be a mapping with"),
            ({ac(1): {"token": SECRET}}, f"accounts, {ac(1)} must be a mapping with"),
            ({ac(1): {"auth_token": SECRET, SECRET: 1}}, f"accounts, {ac(1)} must be a mapping with"),
            ({ac(1): {"auth_token": ""}}, f"accounts, {ac(1)} must be a mapping with"),
            ({ac(1): {"auth_token": None}}, f"accounts, {ac(1)} must be a mapping with"),
            ({ac(1): {"api_key": API_KEY}}, f"accounts, {ac(1)} must be a mapping with"),
            ({ac(1): {"api_secret": SECRET}}, f"accounts, {ac(1)} must be a mapping with"),
            ({ac(1): {"auth_token": SECRET, "api_key": API_KEY}}, f"accounts, {ac(1)} must be a mapping with"),
            (
                {ac(1): {"auth_token": f"{SECRET} "}},
                f"accounts, {ac(1)}: auth_token must contain only printable ASCII characters without spaces",
            ),
            (
                {ac(1): {"api_key": SECRET, "api_secret": SECRET}},
                f"accounts, {ac(1)}: api_key must be SK and 32 hexadecimal digits",
            ),
        ],
    )
    def test_bad_mapping_is_named_without_a_secret(self, simulator: Simulator, given: object, text: str) -> None:
        with pytest.raises(InputError) as caught:
            connect(simulator, accounts=given)
        assert str(caught.value).startswith(text)
        assert "5ecret" not in str(caught.value)
        assert "TWILIO_" not in str(caught.value)
        assert simulator.requests() == []

    @pytest.mark.parametrize("empty", [None, {}])
    def test_is_one_account_without_it(self, simulator: Simulator, empty: object) -> None:
        simulator.reset(seed(["ACME"]))
        accounts = connect(simulator, accounts=empty)
        assert (accounts.several, len(accounts.clients)) == (False, 1)

    def test_account_of_the_connection_options_is_not_taken_twice(self, simulator: Simulator) -> None:
        simulator.reset(family(subaccount(1, service(1, "Shop")), services=[service(2, "Other")]))
        given = {PARENT: {"auth_token": AUTH_TOKEN}, ac(1): {"auth_token": token(1)}}
        accounts = connect(simulator, accounts=given)
        assert accounts.account_sids == [PARENT, ac(1)]
        assert len(accounts.clients) == 2
        assert [one.action for one in rollout(accounts, [{"service_name": "Other"}])] == ["created"]

    def test_account_of_an_api_key_may_have_other_credentials_too(self, simulator: Simulator) -> None:
        simulator.reset(family(subaccount(1, service(1, "Shop")), services=[service(2, "Other")]))
        given = {PARENT: {"auth_token": AUTH_TOKEN}, ac(1): {"auth_token": token(1)}}
        accounts = connect(simulator, accounts=given, account_sid=None, **BY_KEY)
        assert [one["sid"] for one in list_services(accounts)] == [mg(2), mg(1)]
        assert [one.action for one in rollout(accounts, [{"service_name": "Other"}])] == ["created"]

    def test_credentials_of_another_account_write_nothing(self, simulator: Simulator) -> None:
        """The key of account 2 under the SID of account 1."""
        key = {"api_key": "SK" + "2" * 32, "api_secret": "secret"}
        two = subaccount(2, service(2, senders=["OLD"]), service(3), api_keys={"SK" + "2" * 32: "secret"})
        simulator.reset(family(subaccount(1, service(1)), two))
        accounts = connect(simulator, accounts={ac(1): key})
        for number in (2, 3):
            [outcome] = rollout(accounts, [{"service_sid": mg(number), "account_sid": ac(1)}])
            text = f"account_sid is {ac(1)}, but the credentials belong to account {ac(2)}"
            assert text in message(outcome)
        assert writes(simulator) == []


class TestCheck:
    def entries(self, *numbers: int, of: str) -> list[dict[str, Any]]:
        return [{"service_sid": mg(number), "account_sid": of} for number in numbers]

    def test_counts_the_services_of_foreign_accounts(self, simulator: Simulator) -> None:
        entries = [
            *self.entries(*range(1, 401), of=PARENT),
            *self.entries(*range(401, 601), of=ac(3)),
            *self.entries(*range(601, 801), of=ac(2)),
        ]
        common = {"alpha_sender": "ACME", "country_senders": {"FR": "ACME FR", "GB": "ACME GB"}}
        accounts = connect(simulator)
        with pytest.raises(InputError) as caught:
            make_all_desired(
                entries,
                common,
                locate=lambda one: one,
                check=lambda found: accounts.check(one.slot.account_sid for one in found),
            )
        assert str(caught.value) == (
            f"400 of 800 Services belong to accounts {ac(2)}, {ac(3)}, for which there are no credentials. Set "
            "accounts, or subaccounts to true with the credentials of the parent"
        )
        assert simulator.requests() == []

    def test_counts_one(self, simulator: Simulator) -> None:
        with pytest.raises(InputError, match=f"^1 of 2 Services belongs to account {ac(2)}, for which"):
            connect(simulator).check([None, ac(2)])

    def test_names_the_first_accounts_only(self, simulator: Simulator) -> None:
        with pytest.raises(InputError) as caught:
            connect(simulator).check([ac(number) for number in range(9)])
        assert str(caught.value).count("ACab") == 5
        assert ", ..., for which" in str(caught.value)

    def test_takes_any_spelling_of_a_known_account(self, simulator: Simulator) -> None:
        accounts = connect(simulator, accounts={ac(1): {"auth_token": token(1)}})
        accounts.check([None, PARENT, ac(1), "AC" + ac(1)[2:].upper()])

    @pytest.mark.parametrize("services", [["OLD"], []])
    def test_asks_an_api_key_for_its_account_once(self, simulator: Simulator, services: list[str]) -> None:
        simulator.reset(seed(*([services] if services else [])))
        accounts = connect(simulator, account_sid=None, **BY_KEY)
        if services:
            accounts.check([ACCOUNT_SID, None])
            accounts.check([ACCOUNT_SID])
        else:
            with pytest.raises(InputError, match="1 of 1 Service belongs to account"):
                accounts.check([ACCOUNT_SID])
        assert [entry["query"] for entry in simulator.journal] == ["PageSize=1"]
        with pytest.raises(InputError, match=f"belongs to account {ac(2)}"):
            accounts.check([ac(2)])

    def test_answer_without_services_has_no_account(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "no_key"}])
        assert make_client(simulator, **BY_KEY).find_account() is None

    def test_error_of_that_question_ends_the_run(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]), [{"kind": "status", "status": 403, "count": 9}])
        accounts = connect(simulator, account_sid=None, **BY_KEY)
        with pytest.raises(ApiError, match="HTTP 403"):
            accounts.check([ACCOUNT_SID])


class TestNames:
    def start(self, simulator: Simulator) -> Accounts:
        simulator.reset(
            family(
                subaccount(1, service(1, "Shop"), service(11, "One")),
                subaccount(2, service(2, "Shop"), service(12, "Two")),
                services=[service(3, "Parent")],
            )
        )
        return connect(simulator, subaccounts=True)

    def test_are_looked_up_in_all_accounts(self, simulator: Simulator) -> None:
        accounts = self.start(simulator)
        wanted = locate(accounts, [{"service_name": name} for name in ("Two", "One", "Parent")])
        assert [(one.slot.service_sid, one.slot.account_sid) for one in wanted] == [
            (mg(12), ac(2)),
            (mg(11), ac(1)),
            (mg(3), PARENT),
        ]
        # The accounts, and the Services of each of the three.
        assert len(simulator.journal) == accounts.requests_sent == 4

    def test_of_two_accounts_are_refused_with_both(self, simulator: Simulator) -> None:
        accounts = self.start(simulator)
        with pytest.raises(InputError) as caught:
            locate(accounts, [{"service_name": "Shop"}])
        assert str(caught.value) == (
            "services, entry 1 of 1, service_name must be the name of one Service, got 'Shop', which 2 Services have "
            f"({mg(1)} of {ac(1)}, {mg(2)} of {ac(2)}). Use service_sid instead"
        )

    @pytest.mark.parametrize("spelling", [ac(2), "AC" + ac(2)[2:].upper()])
    def test_of_two_accounts_are_told_apart_by_account_sid(self, simulator: Simulator, spelling: str) -> None:
        accounts = self.start(simulator)
        [want] = locate(accounts, [{"service_name": "Shop", "account_sid": spelling}])
        assert (want.slot.service_sid, want.slot.account_sid) == (mg(2), ac(2))

    def test_sids_without_account_are_located(self, simulator: Simulator) -> None:
        accounts = self.start(simulator)
        wanted = locate(accounts, [mg(12), mg(3), {"service_sid": mg(1)}])
        assert [one.slot.account_sid for one in wanted] == [ac(2), PARENT, ac(1)]
        with pytest.raises(InputError, match=r"entry 1 of 1, service_sid must be the SID of a Service of the accounts"):
            locate(accounts, [mg(99)])

    def test_sids_with_account_need_no_request(self, simulator: Simulator) -> None:
        accounts = self.start(simulator)
        sent = accounts.requests_sent
        wanted = locate(accounts, [{"service_sid": mg(12), "account_sid": ac(2)}])
        assert wanted[0].slot.account_sid == ac(2)
        assert accounts.requests_sent == sent

    def test_account_whose_services_cannot_be_listed_is_named(self, simulator: Simulator) -> None:
        accounts = self.start(simulator)
        simulator.set_faults([{"kind": "status", "status": 401, "account": ac(2), "count": 99}])
        with pytest.raises(ApiError, match=f"^account {ac(2)}: GET /v1/Services failed: HTTP 401") as caught:
            locate(accounts, [{"service_name": "One"}])
        assert (caught.value.status, caught.value.fatal) == (401, True)


class TestRun:
    def start(self, simulator: Simulator, count: int = 3, services: int = 4, **more: Any) -> list[dict[str, Any]]:
        """Subaccounts with Services, and the entries of all of them."""
        numbers = iter(range(1, count * services + 1))
        known = [
            subaccount(number, *(service(next(numbers), senders=["OLD"]) for _time in range(services)), **more)
            for number in range(1, count + 1)
        ]
        simulator.reset(family(*known))
        return [
            {"service_sid": one["sid"], "account_sid": known_one["account_sid"]}
            for known_one in known
            for one in known_one["services"]
        ]

    def test_each_request_has_the_credentials_of_its_account(self, simulator: Simulator) -> None:
        entries = self.start(simulator)
        accounts = connect(simulator, subaccounts=True)
        outcomes = rollout(accounts, entries)
        assert {one.action for one in outcomes} == {"replaced"}
        assert logins(simulator) == {PARENT: 1, ac(1): 12, ac(2): 12, ac(3): 12}
        assert accounts.requests_sent == len(simulator.journal) == 37
        assert [outcome_fields(one)["account_sid"] for one in outcomes] == [entry["account_sid"] for entry in entries]

    @pytest.mark.parametrize("status", [401, 403])
    @pytest.mark.parametrize("concurrency", [1, 5])
    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_refused_credentials_end_one_account_only(
        self, simulator: Simulator, status: int, concurrency: int, method: str
    ) -> None:
        entries = self.start(simulator, services=20)
        accounts = connect(simulator, subaccounts=True, concurrency=concurrency)
        simulator.set_faults([{"kind": "status", "status": status, "method": method, "account": ac(2), "count": 999}])
        outcomes = rollout(accounts, entries, concurrency=concurrency)
        by_account: dict[str, Counter[str]] = {ac(number): Counter() for number in (1, 2, 3)}
        for entry, outcome in zip(entries, outcomes):
            by_account[entry["account_sid"]][outcome.action] += 1
        assert by_account[ac(1)] == by_account[ac(3)] == {"replaced": 20}
        assert 1 <= by_account[ac(2)]["failed"] <= concurrency
        assert by_account[ac(2)]["failed"] + by_account[ac(2)]["skipped"] == 20
        assert all(simulator.senders(mg(number)) == ["OLD"] for number in range(21, 41))
        result = bulk_result(outcomes)
        assert result["failed"] is True
        assert result["summary"]["skipped"] == by_account[ac(2)]["skipped"]

    def test_spelling_of_an_account_does_not_matter_for_its_end(self, simulator: Simulator) -> None:
        entries = self.start(simulator, count=1, services=20)
        for entry in entries[::2]:
            entry["account_sid"] = "AC" + ac(1)[2:].upper()
        accounts = connect(simulator, subaccounts=True)
        simulator.set_faults([{"kind": "status", "status": 401, "account": ac(1), "count": 999}])
        outcomes = rollout(accounts, entries, concurrency=1)
        assert Counter(one.action for one in outcomes) == {"failed": 1, "skipped": 19}

    def test_account_of_the_options_ends_for_entries_with_and_without_account_sid(self, simulator: Simulator) -> None:
        simulator.reset(seed(*[["OLD"]] * 10), [{"kind": "status", "status": 401, "count": 999}])
        entries = [mg(n) if n % 2 else {"service_sid": mg(n), "account_sid": ACCOUNT_SID} for n in range(1, 11)]
        outcomes = rollout(connect(simulator), entries, concurrency=1)
        assert Counter(one.action for one in outcomes) == {"failed": 1, "skipped": 9}

    def test_lost_sender_ends_the_run_of_all_accounts(self, simulator: Simulator) -> None:
        entries = self.start(simulator, services=20)
        accounts = connect(simulator, subaccounts=True)
        refused = {"kind": "status", "status": 400, "method": "POST", "account": ac(1), "count": 999}
        simulator.set_faults([refused])
        outcomes = rollout(accounts, entries, concurrency=1)
        assert [one.lost for one in outcomes].count("OLD") == 1
        assert Counter(one.action for one in outcomes) == {"failed": 1, "skipped": 59}
        assert sum(simulator.senders(mg(number)) == [] for number in range(1, 61)) == 1
        command = outcome_fields(outcomes[0])["recovery_command"]
        assert f"alpha_sender_services: [{{service_sid: {mg(1)}, account_sid: {ac(1)}}}]" in command

    def test_max_failures_counts_over_all_accounts(self, simulator: Simulator) -> None:
        entries = self.start(simulator)
        for entry in (entries[0], entries[5], entries[9]):
            entry["service_sid"] = entry["service_sid"].replace("MG00", "MGff")
        outcomes = rollout(connect(simulator, subaccounts=True), entries, concurrency=1, max_failures=2)
        assert Counter(one.action for one in outcomes) == {"replaced": 7, "failed": 3, "skipped": 2}

    def test_limit_of_one_account_does_not_slow_the_others(self, simulator: Simulator) -> None:
        entries = self.start(simulator, count=2, services=5)
        accounts = connect(simulator, subaccounts=True, max_retries=5)
        simulator.set_faults([{"kind": "status", "status": 429, "account": ac(1), "count": 3}])
        outcomes = rollout(accounts, entries)
        assert {one.action for one in outcomes} == {"replaced"}
        limits = {sid: accounts.for_account(sid)._limiter for sid in (PARENT, ac(1), ac(2))}
        assert len(set(map(id, limits.values()))) == 3
        assert [limits[sid].requests for sid in (PARENT, ac(1), ac(2))] == [1, 15 + 3, 15]

    def test_never_has_more_requests_in_flight_than_concurrency(self, simulator: Simulator) -> None:
        entries = self.start(simulator, count=4, services=5)
        accounts = connect(simulator, subaccounts=True)
        simulator.latency = 0.01
        most = [0]
        lock, active = threading.Lock(), [0]
        exchange = _transport.Transport.exchange

        def counted(*args: Any, **more: Any) -> Any:
            with lock:
                active[0] += 1
                most[0] = max(most[0], active[0])
            try:
                return exchange(*args, **more)
            finally:
                with lock:
                    active[0] -= 1

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_transport.Transport, "exchange", counted)
            rollout(accounts, entries, concurrency=3)
        assert most == [3]

    def test_check_mode_writes_nothing(self, simulator: Simulator) -> None:
        entries = self.start(simulator)
        outcomes = rollout(connect(simulator, subaccounts=True), entries, check_mode=True)
        assert {one.action for one in outcomes} == {"replaced"}
        assert writes(simulator) == []

    def test_cancelled_run_starts_no_account(self, simulator: Simulator) -> None:
        entries = self.start(simulator)
        cancellation = Cancellation()
        accounts = connect(simulator, subaccounts=True, cancellation=cancellation)
        cancellation.cancel()
        assert all(accounts.for_account(sid).cancellation is cancellation for sid in accounts.account_sids)
        assert {one.action for one in rollout(accounts, entries)} == {"skipped"}
        with pytest.raises(ApiError, match="The Services were not listed, because the run was cancelled"):
            list_services(accounts)

    def test_fifty_subaccounts_with_three_services_send_the_fewest_requests(self, simulator: Simulator) -> None:
        entries = self.start(simulator, count=50, services=3)
        accounts = connect(simulator, subaccounts=True, concurrency=10)
        outcomes = rollout(accounts, entries, concurrency=10)
        assert {one.action for one in outcomes} == {"replaced"}
        assert accounts.requests_sent == len(simulator.journal) == 1 + 3 * 150
        # The threads share their connections, whatever the account.
        assert len({entry["connection"] for entry in simulator.journal}) <= 10


class TestReading:
    def start(self, simulator: Simulator) -> Accounts:
        simulator.reset(
            family(
                *(
                    subaccount(number, *(service(10 * number + place, senders=["ACME"]) for place in range(3)))
                    for number in (1, 2)
                ),
                services=[service(5, senders=["OLD"])],
            )
        )
        return connect(simulator, subaccounts=True)

    def test_audit_goes_on_when_one_account_is_refused(self, simulator: Simulator) -> None:
        accounts = self.start(simulator)
        services = list_services(accounts)
        simulator.set_faults([{"kind": "status", "status": 401, "account": ac(1), "count": 99}])
        wanted = [Desired(Slot(ALPHA_SENDER, one["sid"], account_sid=one["account_sid"]), "ACME") for one in services]
        rows = audit(accounts, wanted, [], services, concurrency=1)
        assert [(row["account_sid"], row["matches"]) for row in rows] == [
            (PARENT, False),
            *[(ac(1), None)] * 3,
            *[(ac(2), True)] * 3,
        ]
        assert all("HTTP 401" in row["msg"] for row in rows[1:4])
        assert logins(simulator)[ac(1)] == 2

    def test_services_with_senders_go_on_when_one_account_is_refused(self, simulator: Simulator) -> None:
        accounts = self.start(simulator)
        services = list_services(accounts)
        simulator.set_faults([{"kind": "status", "status": 401, "account": ac(1), "count": 99}])
        result = services_with_senders(accounts, services, country_senders=False, concurrency=1)
        assert [one["alpha_senders"] is None for one in result["services"]] == [False, *[True] * 3, *[False] * 3]
        assert [one["service_sid"] for one in result["errors"]] == [mg(10), mg(11), mg(12)]
        assert "The alpha senders of 3 of 7 Services could not be read" in result["warnings"][0]

    def test_one_service_is_read_with_the_connection_options(self, simulator: Simulator) -> None:
        [found] = read_services(self.start(simulator), mg(5))
        assert found["account_sid"] == PARENT


def noting(made: list[str], name: str) -> Callable[..., Any]:
    """A function of the transport that notes its name when it is called."""
    real = getattr(_transport, name)

    def noted(*args: Any) -> Any:
        made.append(name)
        return real(*args)

    return noted


class TestSharing:
    def test_thousand_accounts_make_one_pool_and_one_context(
        self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[str] = []
        for name in ("_pool", "_tls_context"):
            monkeypatch.setattr(_transport, name, noting(made, name))
        connection = make_connection(options(simulator, api_url="https://messaging.example"))
        given = {ac(number): {"auth_token": token(number)} for number in range(1000)}
        accounts = make_accounts(Client(connection), connection, {"accounts": given})
        assert len(accounts.clients) == 1001
        assert sorted(made) == ["_pool", "_tls_context"]
        assert len({id(client._transport._pool) for client in accounts.clients}) == 1

    def test_messages_of_each_account_show_no_secret_of_any(self, simulator: Simulator) -> None:
        key, secret = "SK" + "2" * 32, "2nd-secret-2nd-secret"
        simulator.reset(family(subaccount(1, service(1)), subaccount(2, service(2), api_keys={key: secret})))
        given = {ac(1): {"auth_token": token(1)}, ac(2): {"api_key": key, "api_secret": secret}}
        accounts = connect(simulator, accounts=given)
        secrets = [AUTH_TOKEN, token(1), secret]
        body = {"code": 20001, "message": " ".join(secrets), "more_info": f"https://x/{secret}"}
        simulator.set_faults([{"kind": "status", "status": 400, "body": body, "count": 99}])
        for account_sid in (None, ac(1), ac(2)):
            with pytest.raises(ApiError) as caught:
                accounts.for_account(account_sid).list("/v1/Services", "services")
            fields = caught.value.as_fields()
            assert fields["message"] == "******** ******** ********"
            for one in secrets:
                assert one not in f"{caught.value} {fields}"

    def test_echoed_credentials_of_each_account_are_removed(self, simulator: Simulator) -> None:
        simulator.reset(family(subaccount(1, service(1))))
        accounts = connect(simulator, subaccounts=True)
        for account_sid, secret in ((PARENT, AUTH_TOKEN), (ac(1), token(1))):
            simulator.set_faults([{"kind": "echo"}])
            with pytest.raises(ApiError) as caught:
                accounts.for_account(account_sid).list("/v1/Services", "services")
            sent = next(entry["authorization"] for entry in simulator.journal[::-1] if "authorization" in entry)
            for one in (secret, sent.split()[1]):
                assert one not in f"{caught.value} {caught.value.as_fields()}"

    def test_representations_show_no_secret(self, simulator: Simulator) -> None:
        accounts = connect(simulator, accounts={ac(1): {"auth_token": token(1)}})
        connection = make_connection(options(simulator))
        assert AUTH_TOKEN not in repr(connection)
        assert token(1) not in repr(vars(accounts))
