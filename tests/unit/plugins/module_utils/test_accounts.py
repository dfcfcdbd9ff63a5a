# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several accounts: the guard of account_sid, subaccounts, names in several accounts, errors of one account."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._accounts import Accounts, make_accounts
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._connection import make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._current import read_all
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_all_desired
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._results import account_of, bulk_result
from ansible_collections.messaging.twilio.plugins.module_utils._services import (
    Directory,
    list_services,
    read_services,
    services_with_senders,
)
from ansible_collections.messaging.twilio.plugins.module_utils._transport import Cancellation

from simulator import Simulator
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN, mg, options, seed
from support.client import make_client
from support.desired import desired, reconcile_one

KEY: dict[str, Any] = {"auth_token": None, "api_key": API_KEY, "api_secret": API_SECRET}
FOREIGN = "AC" + "9" * 32
SUBS = [f"AC{number:032x}" for number in range(2, 7)]


def token(number: int) -> str:
    return f"f{number:031x}"


def family(*, each: int = 1, status: str = "active") -> dict[str, Any]:
    """A parent with one Service, and subaccounts with ``each`` Services. The last subaccount has the status."""
    parent = seed(["OLD"])["accounts"][0]
    accounts = [parent]
    for number, sid in enumerate(SUBS, 2):
        services = [
            {"sid": mg(number * 100 + one), "friendly_name": f"Shop {one}", "alpha_senders": ["OLD"]}
            for one in range(each)
        ]
        state = status if sid == SUBS[-1] else "active"
        accounts.append(
            {
                "account_sid": sid,
                "auth_token": token(number),
                "owner": ACCOUNT_SID,
                "status": state,
                "services": services,
            }
        )
    return {"accounts": accounts}


def accounts_of(simulator: Simulator, given: dict[str, Any], **changed: Any) -> Accounts:
    connection = make_connection(options(simulator, **changed))
    client = Client(connection, concurrency=4, cancellation=Cancellation(), wait=lambda seconds: None)
    return make_accounts(client, connection, given)


def writes(simulator: Simulator) -> list[str]:
    return [method for method in simulator.requests() if method != "GET"]


class TestGuard:
    @pytest.mark.parametrize("senders", [[], ["OLD"]])
    def test_writes_nothing_on_another_account(self, simulator: Simulator, senders: list[str]) -> None:
        simulator.reset(seed(senders))
        client = make_client(simulator, **KEY, account_sid=FOREIGN)
        outcome = reconcile_one(client, desired(mg(1), "ACME"), check_mode=False)
        assert writes(simulator) == []
        assert (outcome.action, outcome.fatal) == ("failed", True)
        result = bulk_result([outcome])
        assert ACCOUNT_SID in result["msg"]
        assert FOREIGN in result["msg"]

    def test_does_not_delete_on_another_account(self, simulator: Simulator) -> None:
        simulator.reset(seed(["OLD"]))
        client = make_client(simulator, **KEY, account_sid=FOREIGN)
        with pytest.raises(ApiError, match="the credentials belong to account"):
            client.delete(f"/v1/Services/{mg(1)}/AlphaSenders/AI{1:032x}")
        assert simulator.requests() == ["GET"]

    def test_asks_once_for_the_account(self, simulator: Simulator) -> None:
        simulator.reset(seed([], []))
        client = make_client(simulator, **KEY, account_sid=ACCOUNT_SID.lower().replace("ac", "AC"))
        for number in (1, 2):
            assert reconcile_one(client, desired(mg(number), "ACME"), check_mode=False).action == "created"
        assert simulator.requests() == ["GET", "GET", "POST", "GET", "POST"]
        assert simulator.journal[1]["query"] == "PageSize=1"

    def test_asks_nothing_with_the_token_of_the_account(self, simulator: Simulator) -> None:
        simulator.reset(seed([]))
        reconcile_one(make_client(simulator), desired(mg(1), "ACME"), check_mode=False)
        assert simulator.requests() == ["GET", "POST"]

    def test_writes_nothing_if_the_account_cannot_be_confirmed(self, simulator: Simulator) -> None:
        refused = {"kind": "status", "status": 403, "method": "GET", "skip": 1, "count": 9}
        simulator.reset(seed([]), [refused])
        client = make_client(simulator, **KEY, account_sid=ACCOUNT_SID)
        outcome = reconcile_one(client, desired(mg(1), "ACME"), check_mode=False)
        assert writes(simulator) == []
        assert "account_sid cannot be compared with the credentials" in bulk_result([outcome])["msg"]

    def test_checks_a_single_resource(self, simulator: Simulator) -> None:
        simulator.reset(seed([]))
        with pytest.raises(ApiError, match=FOREIGN):
            make_client(simulator, **KEY, account_sid=FOREIGN).get(f"/v1/Services/{mg(1)}")

    def test_result_names_the_account_of_the_rows(self, simulator: Simulator) -> None:
        simulator.reset(seed(["ACME"]))
        client = make_client(simulator, **KEY, account_sid=None)
        outcome = reconcile_one(client, desired(mg(1), "ACME"), check_mode=False)
        assert account_of(client, [outcome]) == ACCOUNT_SID
        assert account_of(client, []) is None


class TestSubaccounts:
    def test_manages_the_services_of_all_active_subaccounts(self, simulator: Simulator) -> None:
        simulator.reset(family(each=2, status="suspended"))
        simulator.max_page_size = 2
        accounts = accounts_of(simulator, {"subaccounts": True})
        assert accounts.warnings == ["1 subaccount left out: suspended or closed"]
        assert accounts.account_sid == ACCOUNT_SID
        assert accounts.account_sids == [ACCOUNT_SID, *SUBS[:4]]
        assert accounts.several
        services = list_services(accounts)
        assert len(services) == 1 + 4 * 2
        directory = Directory(lambda: services, several=True)
        sids = [str(service["sid"]) for service in services]
        wanted = make_all_desired(sids, {"alpha_sender": "ACME"}, locate=directory.locate)
        outcomes = reconcile_all(accounts, wanted, concurrency=4, check_mode=False)
        assert {outcome.action for outcome in outcomes} == {"replaced"}
        assert all(simulator.senders(sid) == ["ACME"] for sid in sids)
        found = {outcome["account_sid"] for outcome in bulk_result(outcomes)["outcomes"]}
        assert found == {ACCOUNT_SID, *SUBS[:4]}
        assert accounts.requests_sent == len(simulator.requests())
        senders = services_with_senders(accounts, services, country_senders=True, concurrency=4)
        assert all(service["alpha_senders"][0]["alpha_sender"] == "ACME" for service in senders["services"])
        assert all(service["country_senders"] == [] for service in senders["services"])

    def test_all_accounts_share_their_connections(self, simulator: Simulator) -> None:
        simulator.reset(family())
        accounts = accounts_of(simulator, {"subaccounts": True})
        assert len({id(client._transport._pool) for client in accounts.clients}) == 1
        assert len({id(client._limiter) for client in accounts.clients}) == len(accounts.clients)

    def test_needs_the_token_of_the_parent(self, simulator: Simulator) -> None:
        simulator.reset(family())
        with pytest.raises(InputError, match="subaccounts must be false with an API key"):
            accounts_of(simulator, {"subaccounts": True}, **KEY)
        assert simulator.requests() == []

    @pytest.mark.parametrize("row", [{"sid": SUBS[0], "status": "active"}, {"sid": None, "status": "active"}])
    def test_refuses_a_subaccount_without_a_token(self, simulator: Simulator, row: dict[str, Any]) -> None:
        page = {"accounts": [{**row, "auth_token": ""}], "next_page_uri": None}
        simulator.reset(family(), [{"kind": "status", "status": 200, "body": page, "method": "GET"}])
        with pytest.raises(ApiError, match="Twilio returned no auth token for the subaccount"):
            accounts_of(simulator, {"subaccounts": True})

    def test_asks_the_accounts_api_of_twilio(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def list_rows(self: Client, path: str, key: str) -> list[dict[str, Any]]:
            asked.append((self._base_url, path, key))
            return []

        monkeypatch.setattr(Client, "list", list_rows)
        accounts = accounts_of(simulator, {"subaccounts": True}, api_url=None, edge="dublin", region="ie1")
        assert asked == [("https://api.dublin.ie1.twilio.com", "/2010-04-01/Accounts.json", "accounts")]
        assert not accounts.several


class TestMapping:
    def test_has_a_client_for_each_account(self, simulator: Simulator) -> None:
        known = family()
        known["accounts"][1]["api_keys"] = {"SK" + "5" * 32: "secret"}
        simulator.reset(known)
        given = {
            SUBS[0]: {"api_key": "SK" + "5" * 32, "api_secret": "secret"},
            SUBS[1]: {"auth_token": token(3)},
        }
        accounts = accounts_of(simulator, {"accounts": given})
        assert accounts.for_account(None) is accounts.clients[0]
        assert accounts.for_account(SUBS[1]).account_sid is not None
        rows = read_all(
            accounts,
            [Slot(ALPHA_SENDER, mg(200), account_sid=SUBS[0]), Slot(ALPHA_SENDER, mg(300), account_sid=SUBS[1])],
            concurrency=2,
        )
        assert [isinstance(found, list) and len(found) for found in rows] == [1, 1]

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ([], None),
            (5, "accounts must be a mapping of account SIDs, got 'int'"),
            ({"AC1": {"auth_token": "sesame"}}, "accounts must have account SIDs as keys"),
            ({FOREIGN: "sesame"}, f"accounts, {FOREIGN} must be a mapping with auth_token, or with"),
            ({FOREIGN: {"token": "sesame"}}, f"accounts, {FOREIGN} must be a mapping with auth_token, or with"),
            ({FOREIGN: {}}, f"accounts, {FOREIGN} must be a mapping with auth_token, or with"),
            ({FOREIGN: {"api_key": "SK" + "0" * 32}}, f"accounts, {FOREIGN} must be a mapping with auth_token, or"),
            ({FOREIGN: {"auth_token": "sesame open"}}, f"accounts, {FOREIGN}: auth_token must contain only"),
        ],
    )
    def test_names_what_is_wrong_without_a_secret(self, simulator: Simulator, given: Any, message: str | None) -> None:
        if message is None:
            assert not accounts_of(simulator, {"accounts": given}).several
            return
        with pytest.raises(InputError) as caught:
            accounts_of(simulator, {"accounts": given})
        assert str(caught.value).startswith(message)
        assert "sesame" not in str(caught.value)


class TestForeignServices:
    def test_refuses_services_of_accounts_without_credentials(self, simulator: Simulator) -> None:
        accounts = accounts_of(simulator, {})
        accounts.check([ACCOUNT_SID, None, ACCOUNT_SID])
        simulator.journal.clear()
        with pytest.raises(InputError) as caught:
            accounts.check([ACCOUNT_SID] * 400 + [SUBS[0]] * 200 + [SUBS[1]] * 200)
        assert str(caught.value).startswith(
            f"400 of 800 Services belong to accounts {SUBS[0]}, {SUBS[1]}, for which there are no credentials"
        )
        with pytest.raises(InputError, match=f"1 of 1 Service belongs to account {SUBS[0]}, for which"):
            accounts.check([SUBS[0]])
        assert simulator.requests() == []

    def test_learns_the_account_of_an_api_key(self, simulator: Simulator) -> None:
        simulator.reset(seed([]))
        accounts = accounts_of(simulator, {}, **KEY, account_sid=None)
        accounts.check([ACCOUNT_SID])
        assert simulator.requests() == ["GET"]
        with pytest.raises(InputError, match=FOREIGN):
            accounts.check([FOREIGN])

    def test_knows_no_account_of_an_api_key_without_services(self, simulator: Simulator) -> None:
        simulator.reset(seed())
        with pytest.raises(InputError, match="no credentials"):
            accounts_of(simulator, {}, **KEY, account_sid=None).check([ACCOUNT_SID])


class TestNames:
    def locate(self, simulator: Simulator, *entries: Any) -> list[tuple[str, str | None]]:
        accounts = accounts_of(simulator, {"subaccounts": True})
        directory = Directory(lambda: list_services(accounts), several=accounts.several)
        wanted = make_all_desired(entries, {"alpha_sender": "ACME"}, locate=directory.locate)
        return [(one.slot.service_sid, one.slot.account_sid) for one in wanted]

    def test_name_in_several_accounts_lists_them(self, simulator: Simulator) -> None:
        simulator.reset(family())
        with pytest.raises(InputError) as caught:
            self.locate(simulator, {"service_name": "Shop 0"})
        assert f"{mg(200)} of {SUBS[0]}" in str(caught.value)
        assert f"{mg(300)} of {SUBS[1]}" in str(caught.value)

    def test_account_of_an_entry_chooses_the_name(self, simulator: Simulator) -> None:
        simulator.reset(family())
        entry = {"service_name": "Shop 0", "account_sid": SUBS[1]}
        assert self.locate(simulator, entry) == [(mg(300), SUBS[1])]

    def test_finds_the_account_of_a_sid(self, simulator: Simulator) -> None:
        simulator.reset(family())
        given = {"service_sid": mg(400), "account_sid": SUBS[2]}
        assert self.locate(simulator, mg(300), given) == [(mg(300), SUBS[1]), (mg(400), SUBS[2])]
        with pytest.raises(InputError, match="service_sid must be the SID of a Service of the accounts of this run"):
            self.locate(simulator, mg(77))

    def test_error_of_one_account_names_it(self, simulator: Simulator) -> None:
        simulator.reset(family(), [{"kind": "status", "status": 400, "account": SUBS[1], "count": 9}])
        with pytest.raises(ApiError, match=f"account {SUBS[1]}: GET"):
            list_services(accounts_of(simulator, {"subaccounts": True}))

    def test_cancelled_run_lists_nothing(self, simulator: Simulator) -> None:
        simulator.reset(family())
        accounts = accounts_of(simulator, {"subaccounts": True})
        accounts.cancellation.cancel()
        with pytest.raises(ApiError, match="because the run was cancelled"):
            list_services(accounts)


def rollout(simulator: Simulator) -> list[Outcome]:
    accounts = accounts_of(simulator, {"subaccounts": True})
    entries = [{"service_sid": mg(number * 100), "account_sid": SUBS[number - 2]} for number in range(2, 7)]
    wanted = make_all_desired(entries, {"alpha_sender": "ACME"}, locate=lambda one: one)
    return reconcile_all(accounts, wanted, concurrency=1, check_mode=False)


def test_wrong_credentials_end_one_account_only(simulator: Simulator) -> None:
    known = family(each=3)
    simulator.reset(known, [{"kind": "status", "status": 401, "account": SUBS[1], "count": 99}])
    accounts = accounts_of(simulator, {"subaccounts": True})
    entries = [
        {"service_sid": mg(number * 100 + one), "account_sid": SUBS[number - 2]}
        for number in range(2, 7)
        for one in range(3)
    ]
    wanted = make_all_desired(entries, {"alpha_sender": "ACME"}, locate=lambda one: one)
    outcomes = reconcile_all(accounts, wanted, concurrency=1, check_mode=False)
    actions = [outcome.action for outcome in outcomes]
    assert actions == ["replaced"] * 3 + ["failed", "skipped", "skipped"] + ["replaced"] * 9
    slots = [one.slot for one in wanted]
    found = read_all(accounts, slots, concurrency=1)
    assert [type(rows).__name__ for rows in found[2:7]] == ["list", "ApiError", "ApiError", "ApiError", "list"]
    # One request of the rollout, and one of the reading.
    assert sum(entry["status"] == 401 for entry in simulator.journal) == 2


def test_lost_sender_ends_the_run_over_all_accounts(simulator: Simulator) -> None:
    known = family()
    for account in known["accounts"]:
        account["refuse_creates"] = {"status": 400, "code": 21709}
    simulator.reset(known)
    outcomes = rollout(simulator)
    assert [outcome.action for outcome in outcomes] == ["failed"] + ["skipped"] * 4
    assert [outcome.lost for outcome in outcomes] == ["OLD", None, None, None, None]


def test_secrets_of_all_accounts_are_in_no_message(simulator: Simulator) -> None:
    simulator.reset(family(), [{"kind": "echo", "method": "GET", "skip": 1, "count": 99, "status": 400}])
    text = str(bulk_result(rollout(simulator)))
    assert "failed" in text
    for secret in (AUTH_TOKEN, *map(token, range(2, 7))):
        assert secret not in text


def test_account_sid_in_capitals_is_the_same_account(simulator: Simulator) -> None:
    sid = "AC" + "ab" * 16
    simulator.reset(seed([], account_sid=sid))
    client = make_client(simulator, **KEY, account_sid="AC" + "AB" * 16)
    assert reconcile_one(client, desired(mg(1), "ACME"), check_mode=False).action == "created"


def test_answer_without_services_has_no_account(simulator: Simulator) -> None:
    simulator.reset(seed([]), [{"kind": "no_key"}])
    assert make_client(simulator, **KEY).find_account() is None


def test_own_credentials_of_a_subaccount_are_used(simulator: Simulator) -> None:
    simulator.reset(family())
    accounts = accounts_of(simulator, {"subaccounts": True, "accounts": {SUBS[0]: {"auth_token": "wrong"}}})
    with pytest.raises(ApiError, match="HTTP 401"):
        accounts.for_account(SUBS[0]).get(f"/v1/Services/{mg(200)}")


def test_account_that_is_given_twice_is_listed_once(simulator: Simulator) -> None:
    simulator.reset(family())
    given = {"accounts": {ACCOUNT_SID: {"auth_token": AUTH_TOKEN}, SUBS[0]: {"auth_token": token(2)}}}
    accounts = accounts_of(simulator, given)
    assert accounts.account_sids == [ACCOUNT_SID, SUBS[0]]
    assert [service["sid"] for service in list_services(accounts)] == [mg(1), mg(200)]
    # The account of an API key is not known yet.
    by_key = accounts_of(simulator, given, **KEY, account_sid=None)
    assert [service["sid"] for service in list_services(by_key)] == [mg(1), mg(200)]


@pytest.mark.parametrize("other", [None, "AC" + "AB" * 16])
def test_account_ends_once_however_it_is_given(simulator: Simulator, other: str | None) -> None:
    sid = "AC" + "ab" * 16
    simulator.reset(seed([], [], account_sid=sid), [{"kind": "status", "status": 401, "count": 99}])
    slots = [Slot(ALPHA_SENDER, mg(1), account_sid=sid), Slot(ALPHA_SENDER, mg(2), account_sid=other)]
    accounts = accounts_of(simulator, {}, account_sid=sid)
    wanted = [Desired(slot, "ACME") for slot in slots]
    outcomes = reconcile_all(accounts, wanted, concurrency=1, check_mode=False)
    assert [outcome.action for outcome in outcomes] == ["failed", "skipped"]
    assert [type(rows).__name__ for rows in read_all(accounts, slots, concurrency=1)] == ["ApiError", "ApiError"]
    assert len(simulator.journal) == 2


def test_one_service_is_read_with_the_connection_options(simulator: Simulator) -> None:
    simulator.reset(family())
    [service] = read_services(accounts_of(simulator, {"subaccounts": True}), mg(1))
    assert service["account_sid"] == ACCOUNT_SID


def test_error_with_a_prefix_keeps_what_is_known() -> None:
    error = ApiError("Refused", code=1, status=409, indeterminate=True, message="text").with_sentence(
        "account A: Refused"
    )
    assert str(error) == "account A: Refused"
    assert (error.code, error.status, error.indeterminate, error.conflict, error.fatal) == (1, 409, True, True, False)
    assert error.message == "text"
    assert ApiError("x", fatal=True).with_sentence("y").fatal
