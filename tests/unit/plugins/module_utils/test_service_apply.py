# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Service at the simulator: the requests of each case, and what becomes of it if a request fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.messaging.twilio.plugins.module_utils._messages import service_message
from ansible_collections.messaging.twilio.plugins.module_utils._service_apply import reconcile_service
from ansible_collections.messaging.twilio.plugins.module_utils._service_plan import ServiceOutcome
from ansible_collections.messaging.twilio.plugins.module_utils._service_result import service_result
from ansible_collections.messaging.twilio.plugins.module_utils._transport import Cancellation

from simulator import Simulator
from support.account import API_KEY, API_SECRET, mg
from support.client import make_client
from support.service import desired_service, services_seed

URL = "https://a.example/x"
SHOP: dict[str, Any] = {"friendly_name": "Shop", "status_callback": URL}
OTHER: dict[str, Any] = {"friendly_name": "Other"}
FULL: dict[str, Any] = {
    "friendly_name": "Shop",
    "phone_numbers": ["+15005550006", "+15005550007"],
    "short_codes": ["12345"],
    "alpha_senders": ["ACME"],
    "country_senders": {"FR": "ACME FR"},
    "channel_senders": ["whatsapp:+15005550006"],
}
ABSENT: dict[str, Any] = {"friendly_name": "Shop", "state": "absent"}
LISTING = "GET /Services"
ONE = f"GET /Services/{mg(1)}"
UPDATE = f"POST /Services/{mg(1)}"
DELETE = f"DELETE /Services/{mg(1)}"
CAMPAIGNS = f"{ONE}/Compliance/Usa2p"
CONTENTS = [
    CAMPAIGNS,
    *(f"{ONE}/{name}" for name in ("PhoneNumbers", "ShortCodes", "AlphaSenders", "DestinationAlphaSenders")),
    f"{ONE}/ChannelSenders",
]
REFUSED = "error"

#: What the account has, what is asked, the action, and all requests. `error` means that the options are refused.
CASES: list[tuple[str, list[dict[str, Any]], dict[str, Any], str, list[str]]] = [
    ("no Service has the name", [OTHER], SHOP, "created",
     [LISTING, "POST /Services FriendlyName=Shop StatusCallback=https://a.example/x"]),
    ("the account has no Service", [], {"friendly_name": "Shop", "sticky_sender": False}, "created",
     [LISTING, "POST /Services FriendlyName=Shop StickySender=false"]),
    ("the Service is as desired", [SHOP, OTHER], SHOP, "unchanged", [LISTING]),
    ("only the name is asked", [SHOP], {"friendly_name": "Shop"}, "unchanged", [LISTING]),
    ("the name differs in case", [SHOP], {"friendly_name": "shop"}, "created",
     [LISTING, "POST /Services FriendlyName=shop"]),
    ("a property differs", [SHOP], {"friendly_name": "Shop", "usecase": "poll"}, "updated",
     [LISTING, f"{UPDATE} FriendlyName=Shop Usecase=poll"]),
    ("a URL is cleared", [SHOP], {"friendly_name": "Shop", "status_callback": ""}, "updated",
     [LISTING, f"{UPDATE} FriendlyName=Shop StatusCallback="]),
    ("a URL is clear already", [OTHER], {"friendly_name": "Other", "status_callback": ""}, "unchanged", [LISTING]),
    ("two Services have the name", [SHOP, SHOP], {"friendly_name": "Shop", "usecase": "poll"}, REFUSED, [LISTING]),
    ("the SID is as desired", [SHOP], {"service_sid": mg(1), "status_callback": URL}, "unchanged", [ONE]),
    ("only the SID is asked", [SHOP], {"service_sid": mg(1)}, "unchanged", [ONE]),
    ("a property of the SID differs", [SHOP], {"service_sid": mg(1), "validity_period": 60}, "updated",
     [ONE, f"{UPDATE} FriendlyName=Shop ValidityPeriod=60"]),
    ("the SID gets another name", [SHOP, OTHER], {"service_sid": mg(1), "friendly_name": "Other"}, "updated",
     [ONE, f"{UPDATE} FriendlyName=Other"]),
    ("the SID does not exist", [], {"service_sid": mg(1), "friendly_name": "Shop"}, REFUSED, [ONE, ONE]),
    ("absent, no Service has the name", [OTHER], ABSENT, "unchanged", [LISTING]),
    ("absent, the SID does not exist", [], {"service_sid": mg(1), "state": "absent"}, "unchanged", [ONE, ONE]),
    ("absent, the Service is empty", [SHOP, OTHER], ABSENT, "deleted", [LISTING, *CONTENTS, DELETE]),
    ("absent by SID", [SHOP], {"service_sid": mg(1), "state": "absent"}, "deleted", [ONE, *CONTENTS, DELETE]),
    ("absent, two Services have the name", [SHOP, SHOP], ABSENT, REFUSED, [LISTING]),
    ("absent, the Service has numbers and senders", [FULL], ABSENT, "failed", [LISTING, *CONTENTS]),
    ("absent with force", [FULL], {**ABSENT, "force": True}, "deleted", [LISTING, CAMPAIGNS, DELETE]),
    ("absent, the Service has a campaign", [{**SHOP, "campaigns": ["PENDING"]}], ABSENT, "failed",
     [LISTING, *CONTENTS]),
    ("absent with force, the Service has a campaign", [{**SHOP, "campaigns": ["VERIFIED"]}], {**ABSENT, "force": True},
     "failed", [LISTING, CAMPAIGNS]),
    ("absent with force, the Service is registered", [{**SHOP, "us_app_to_person_registered": True}],
     {**ABSENT, "force": True}, "failed", [LISTING, CAMPAIGNS]),
]  # fmt: skip


def requests(simulator: Simulator) -> list[str]:
    """All requests, each as its method, path and form."""
    return [
        " ".join(
            [
                entry["method"],
                entry["path"].removeprefix("/v1"),
                *(f"{key}={text}" for key, text in entry["form"].items()),
            ]
        )
        for entry in simulator.journal
    ]


def undated(row: Mapping[str, Any] | None) -> dict[str, Any]:
    """A Service without the times of its changes."""
    return {key: value for key, value in (row or {}).items() if not key.startswith("date_")}


def services(simulator: Simulator) -> dict[str, dict[str, Any]]:
    """The Services of the account now."""
    return {sid: undated(service.resource) for sid, service in simulator.account.services.items()}


def run(
    simulator: Simulator, *, check_mode: bool = False, client: Client | None = None, **given: Any
) -> ServiceOutcome:
    api = client or make_client(simulator, max_retries=2)
    return reconcile_service(api, desired_service(**given), check_mode=check_mode)


@pytest.mark.parametrize(
    ("there", "asked", "action", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_makes_exactly_the_requests_of_the_case(
    simulator: Simulator, there: list[dict[str, Any]], asked: dict[str, Any], action: str, expected: list[str]
) -> None:
    simulator.reset(services_seed(*there))
    before = services(simulator)
    if action == REFUSED:
        with pytest.raises(InputError):
            run(simulator, **asked)
        assert (requests(simulator), services(simulator)) == (expected, before)
        return
    planned = run(simulator, check_mode=True, **asked)
    assert requests(simulator) == [request for request in expected if request.startswith("GET")]
    assert services(simulator) == before
    simulator.reset(services_seed(*there))
    done = run(simulator, **asked)
    assert requests(simulator) == expected
    assert done.action == planned.action == action
    assert (
        done.changed
        == planned.changed
        == (services(simulator) != before)
        == (action in ("created", "updated", "deleted"))
    )
    assert (done.plan.form, done.plan.contents) == (planned.plan.form, planned.plan.contents)
    if action in ("created", "updated", "unchanged") and asked.get("state") != "absent":
        assert done.row is not None
        assert undated(done.row) == services(simulator)[done.row["sid"]]
        assert [key for key, value in undated(planned.row).items() if value != done.row[key]] == []
        # The second run changes nothing.
        assert run(simulator, **asked).action == "unchanged"
    if action == "deleted":
        assert mg(1) not in services(simulator)
        assert run(simulator, **asked).action == "unchanged"


def test_an_update_passes_if_twilio_requires_the_name(simulator: Simulator) -> None:
    simulator.reset(services_seed(SHOP))
    simulator.update_requires_friendly_name = True
    assert run(simulator, service_sid=mg(1), sticky_sender=False).action == "updated"


def test_urls_that_come_back_with_a_slash_are_as_desired(simulator: Simulator) -> None:
    simulator.reset(services_seed(SHOP))
    simulator.adds_slash_to_urls = True
    given: dict[str, Any] = {"friendly_name": "Shop", "fallback_url": "https://a.example"}
    outcome = run(simulator, **given)
    assert outcome.row is not None
    assert (outcome.action, outcome.row["fallback_url"]) == ("updated", "https://a.example/")
    assert run(simulator, **given).action == "unchanged"


RESET_AFTER = {"kind": "reset", "after": True}
UNCHANGED = {"kind": "status", "status": 400, "body": {"code": 20001, "message": "Bad request"}}


@pytest.mark.parametrize("kind", ["reset", "garbage", "cut", "status"])
@pytest.mark.parametrize(
    ("asked", "action", "method"),
    [(SHOP, "created", "POST"), ({**OTHER, "usecase": "poll"}, "updated", "POST"),
     ({"friendly_name": "Other", "state": "absent"}, "deleted", "DELETE")],
)  # fmt: skip
def test_settles_a_write_whose_answer_is_lost_by_reading(
    simulator: Simulator, kind: str, asked: dict[str, Any], action: str, method: str
) -> None:
    fault = {"kind": kind, "method": method, "after": True, "status": 500}
    simulator.reset(services_seed(OTHER), [fault])
    outcome = run(simulator, **asked)
    assert (outcome.action, outcome.changed, outcome.unknown) == (action, True, False)
    assert simulator.requests().count(method) == 1
    assert simulator.requests()[-1] == "GET"
    names = [service["friendly_name"] for service in services(simulator).values()]
    assert names == {"created": ["Other", "Shop"], "updated": ["Other"], "deleted": []}[action]


def test_never_sends_a_second_post_for_a_creation(simulator: Simulator) -> None:
    simulator.reset(services_seed(), [{"kind": "reset", "method": "POST", "count": 9}])
    waits: list[float] = []
    outcome = run(simulator, client=make_client(simulator, max_retries=2, wait=waits.append), **SHOP)
    assert waits == [0.5, 1.0]
    assert requests(simulator)[1:] == [*requests(simulator)[1:2], LISTING, LISTING, LISTING]
    assert (outcome.action, outcome.unknown, outcome.changed, outcome.row) == ("failed", True, True, None)
    assert "one may appear later" in service_message(outcome)


def test_waits_until_a_listing_that_lags_shows_the_new_service(simulator: Simulator) -> None:
    simulator.reset(services_seed(OTHER), [{**RESET_AFTER, "method": "POST"}, {"kind": "lag", "behind": 1, "count": 2}])
    waits: list[float] = []
    client = make_client(simulator, max_retries=2, wait=waits.append)
    outcome = run(simulator, client=client, **SHOP)
    assert outcome.action == "created"
    assert simulator.requests() == ["GET", "POST", "GET", "GET", "GET"]
    assert waits == [0.5, 1.0]
    assert undated(outcome.row) == services(simulator)[str((outcome.row or {})["sid"])]


class Racing(Client):
    """Another writer creates the Service first, with no other property, and the answer of this client is lost."""

    def create(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        if path == "/v1/Services":
            super().create(path, {"FriendlyName": "Shop"})
            raise ApiError("lost", indeterminate=True)
        return super().create(path, form)


def test_updates_the_service_that_another_writer_created_meanwhile(simulator: Simulator) -> None:
    simulator.reset(services_seed())
    outcome = run(simulator, client=make_client(simulator, kind=Racing), **SHOP)
    assert (outcome.action, (outcome.row or {})["status_callback"]) == ("created", URL)
    assert len(services(simulator)) == 1


def test_reports_a_service_that_was_created_and_cannot_be_updated(simulator: Simulator) -> None:
    simulator.reset(services_seed(), [{**UNCHANGED, "method": "POST", "skip": 1}])
    outcome = run(simulator, client=make_client(simulator, kind=Racing), **SHOP)
    assert (outcome.action, outcome.changed, outcome.unknown) == ("failed", True, False)
    assert "('Shop') was created, but is not as desired: POST" in service_message(outcome)


def test_reports_two_services_that_appear_after_a_lost_answer(simulator: Simulator) -> None:
    simulator.reset(services_seed())

    class Twice(Client):
        def create(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
            super().create(path, form)
            super().create(path, form)
            raise ApiError("lost", indeterminate=True)

    outcome = run(simulator, client=make_client(simulator, kind=Twice), **SHOP)
    assert (outcome.action, outcome.unknown) == ("failed", True)
    assert "which 2 Services have" in service_message(outcome)


@pytest.mark.parametrize("asked", [SHOP, {**OTHER, "usecase": "poll"}, {"friendly_name": "Other", "state": "absent"}])
def test_a_refused_write_changes_nothing(simulator: Simulator, asked: dict[str, Any]) -> None:
    simulator.reset(services_seed(OTHER), [{**UNCHANGED, "method": method} for method in ("POST", "DELETE")])
    before = services(simulator)
    outcome = run(simulator, **asked)
    assert (outcome.action, outcome.changed, outcome.unknown) == ("failed", False, False)
    assert services(simulator) == before
    assert undated(outcome.row) == (before[mg(1)] if asked is not SHOP else {})
    result = service_result(outcome, check_mode=False)
    assert (result["failed"], result["state_unknown"], result["error"]["code"]) == (True, False, 20001)
    assert result["diff"] == {"before": {}, "after": {}}


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_sends_an_update_or_a_deletion_again_that_was_not_carried_out(simulator: Simulator, method: str) -> None:
    simulator.reset(services_seed(OTHER), [{"kind": "reset", "method": method}])
    asked: dict[str, Any] = {"usecase": "poll"} if method == "POST" else {"state": "absent"}
    outcome = run(simulator, service_sid=mg(1), **asked)
    assert (outcome.changed, outcome.unknown) == (True, False)
    assert simulator.requests()[-3:] == [method, "GET", method]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_gives_up_on_a_write_that_is_never_answered(simulator: Simulator, method: str) -> None:
    simulator.reset(services_seed(OTHER), [{"kind": "reset", "method": method, "count": 9}])
    asked: dict[str, Any] = {"usecase": "poll"} if method == "POST" else {"state": "absent"}
    waits: list[float] = []
    client = make_client(simulator, max_retries=2, wait=waits.append)
    outcome = run(simulator, client=client, service_sid=mg(1), **asked)
    assert (outcome.action, outcome.unknown) == ("failed", True)
    assert simulator.requests().count(method) == 3
    assert len(waits) == 2
    # A listing lags by seconds, so a deletion waits as long as it may.
    assert method == "POST" or waits == [0.5, 1.0]
    assert "is unknown" in service_message(outcome)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("name", [None, "Shop"])
def test_says_so_if_the_service_cannot_be_read_after_a_lost_answer(
    simulator: Simulator, method: str, name: str | None
) -> None:
    fault = {"kind": "reset", "method": method, "after": True}
    skip = 1 if method == "POST" else 7
    simulator.reset(services_seed(OTHER), [fault, {**UNCHANGED, "method": "GET", "skip": skip, "count": 9}])
    asked: dict[str, Any]
    if method == "POST":
        asked = {"service_sid": mg(1), "usecase": "poll"} if name is None else {"friendly_name": name}
    else:
        asked = (
            {"service_sid": mg(1), "state": "absent"} if name is None else {"friendly_name": "Other", "state": "absent"}
        )
    outcome = run(simulator, **asked)
    assert (outcome.action, outcome.unknown, outcome.changed) == ("failed", True, True)
    assert "Bad request" in service_message(outcome)


def test_a_later_refusal_does_not_hide_an_update_of_unknown_fate(simulator: Simulator) -> None:
    late = {"kind": "late", "method": "POST"}
    simulator.reset(services_seed(OTHER), [late, {**UNCHANGED, "method": "POST"}])
    outcome = run(simulator, service_sid=mg(1), usecase="poll")
    assert (outcome.action, outcome.unknown) == ("failed", True)


def test_a_deletion_that_is_answered_with_404_is_checked(simulator: Simulator) -> None:
    simulator.reset(services_seed(OTHER), [{"kind": "not_found", "method": "DELETE", "count": 2}])
    outcome = run(simulator, service_sid=mg(1), state="absent")
    assert (outcome.action, services(simulator)) == ("deleted", {})
    simulator.reset(services_seed(OTHER), [{"kind": "not_found", "method": "DELETE", "count": 9}])
    outcome = run(simulator, service_sid=mg(1), state="absent")
    assert (outcome.action, outcome.unknown, outcome.changed) == ("failed", False, False)


def test_a_deletion_by_somebody_else_is_no_change(simulator: Simulator) -> None:
    simulator.reset(services_seed(OTHER))

    class Doubled(Client):
        def delete(self, path: str) -> bool:
            super().delete(path)
            return super().delete(path)

    outcome = run(simulator, client=make_client(simulator, kind=Doubled), service_sid=mg(1), state="absent")
    assert (outcome.action, outcome.changed) == ("unchanged", False)


class Refining(Client):
    """Twilio's answers have another value than the one that was sent."""

    def create(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        return {**super().create(path, form), "usecase": "marketing"}


@pytest.mark.parametrize("there", [[], [SHOP]])
def test_reads_the_service_if_the_answer_is_not_as_desired(simulator: Simulator, there: list[dict[str, Any]]) -> None:
    simulator.reset(services_seed(*there))
    outcome = run(simulator, client=make_client(simulator, kind=Refining), friendly_name="Shop", usecase="poll")
    assert outcome.action == ("updated" if there else "created")
    assert (outcome.row or {})["usecase"] == "poll"
    assert simulator.requests() == ["GET", "POST", "GET"]


class Stubborn(Refining):
    def get(self, path: str) -> dict[str, Any]:
        return {**super().get(path), "usecase": "marketing"}


@pytest.mark.parametrize("there", [[], [SHOP]])
def test_fails_if_twilio_does_not_take_a_value(simulator: Simulator, there: list[dict[str, Any]]) -> None:
    simulator.reset(services_seed(*there))
    outcome = run(simulator, client=make_client(simulator, kind=Stubborn), friendly_name="Shop", usecase="poll")
    assert (outcome.action, outcome.changed, outcome.unknown) == ("failed", True, False)
    assert (outcome.row or {})["usecase"] == "marketing"
    assert "is not as desired" in service_message(outcome)
    assert "does not confirm usecase" in service_message(outcome)
    assert simulator.requests() == ["GET", "POST", "GET"]


def test_says_so_if_an_answer_that_is_not_as_desired_cannot_be_checked(simulator: Simulator) -> None:
    simulator.reset(services_seed(), [{**UNCHANGED, "method": "GET", "skip": 1}])
    outcome = run(simulator, client=make_client(simulator, kind=Refining), friendly_name="Shop", usecase="poll")
    assert (outcome.action, outcome.unknown, outcome.wrote) == ("failed", True, True)


def test_an_answer_without_a_sid_is_settled_by_listing(simulator: Simulator) -> None:
    simulator.reset(services_seed())

    class Nameless(Client):
        def create(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
            return {**super().create(path, form), "sid": None}

    outcome = run(simulator, client=make_client(simulator, kind=Nameless), **SHOP)
    assert (outcome.action, [*services(simulator)]) == ("created", [(outcome.row or {})["sid"]])


@pytest.mark.parametrize("asked", [SHOP, ABSENT, {"service_sid": mg(1)}])
def test_nothing_is_written_if_something_cannot_be_read(simulator: Simulator, asked: dict[str, Any]) -> None:
    for skip in range(8):
        simulator.reset(services_seed(FULL), [{**UNCHANGED, "method": "GET", "skip": skip, "count": 9}])
        before = services(simulator)
        if skip < (7 if asked is ABSENT else 1):
            with pytest.raises(ApiError):
                run(simulator, **asked)
            assert services(simulator) == before


@pytest.mark.parametrize(
    ("there", "asked"), [([], SHOP), ([SHOP], {"service_sid": mg(1), "usecase": "poll"}), ([SHOP], ABSENT)]
)
def test_a_foreign_account_is_not_written_to(
    simulator: Simulator, there: list[dict[str, Any]], asked: dict[str, Any]
) -> None:
    simulator.reset(services_seed(OTHER, *there) if asked is not SHOP else services_seed(OTHER))
    foreign = "AC" + "0" * 31 + "2"
    client = make_client(simulator, account_sid=foreign, auth_token=None, api_key=API_KEY, api_secret=API_SECRET)
    with pytest.raises(ApiError, match="account_sid is"):
        run(simulator, client=client, **asked)
    assert set(simulator.requests()) == {"GET"}


def test_asks_for_the_account_once_if_the_account_has_no_service(simulator: Simulator) -> None:
    simulator.reset(services_seed())
    client = make_client(simulator, auth_token=None, api_key=API_KEY, api_secret=API_SECRET)
    assert run(simulator, client=client, **SHOP).action == "created"
    assert simulator.requests() == ["GET", "GET", "POST"]


def test_a_cancelled_run_writes_nothing(simulator: Simulator) -> None:
    simulator.reset(services_seed())
    cancellation = Cancellation()
    cancellation.cancel()
    outcome = run(simulator, client=make_client(simulator, cancellation=cancellation), **SHOP)
    assert (outcome.action, outcome.changed) == ("skipped", False)
    assert set(simulator.requests()) == {"GET"}
    result = service_result(outcome, check_mode=False)
    assert (result["failed"], result["msg"]) == (True, "'Shop' was not changed, because the run was stopped")


def test_says_what_a_service_has_that_is_not_deleted(simulator: Simulator) -> None:
    simulator.reset(services_seed(FULL))
    assert service_message(run(simulator, **ABSENT)) == (
        f"{mg(1)} ('Shop') was not deleted, because it has 2 phone numbers, 1 short code, 2 alpha senders, "
        "1 channel sender. Set force to true to delete it anyway"
    )
    for switch in ("alpha_senders_lists_countries", "alpha_senders_hides_countries"):
        setattr(simulator, switch, True)
        assert "2 alpha senders" in service_message(run(simulator, **ABSENT))


def test_ignores_a_service_without_a_valid_sid(simulator: Simulator) -> None:
    known = services_seed({"friendly_name": "Shop", "sid": "../x"})
    simulator.reset(known)
    assert run(simulator, check_mode=True, friendly_name="Shop").action == "created"


@pytest.mark.parametrize(
    ("there", "asked", "message"),
    [
        ([], SHOP, f"{'MGc' + '1'.zfill(31)} ('Shop'): created"),
        (
            [SHOP],
            {**SHOP, "usecase": "poll", "sticky_sender": False},
            f"{mg(1)} ('Shop'): updated sticky_sender, usecase",
        ),
        ([SHOP], SHOP, f"{mg(1)} ('Shop'): unchanged"),
        ([SHOP], ABSENT, f"{mg(1)} ('Shop'): deleted"),
        ([], ABSENT, "'Shop': unchanged, does not exist"),
        ([], {"service_sid": mg(1), "state": "absent"}, f"{mg(1)}: unchanged, does not exist"),
    ],
)
def test_message_says_what_was_done(
    simulator: Simulator, there: list[dict[str, Any]], asked: dict[str, Any], message: str
) -> None:
    simulator.reset(services_seed(*there))
    result = service_result(run(simulator, **asked), check_mode=False)
    assert result["msg"] == message
    assert "error" not in result


def test_result_and_diff_have_no_password(simulator: Simulator) -> None:
    secret, masked = "https://me:hunter2@a.example/x", "https://********@a.example/x"
    simulator.reset(services_seed(SHOP))
    result = service_result(run(simulator, friendly_name="Shop", status_callback=secret), check_mode=False)
    assert result["service"]["status_callback"] == masked
    assert (result["diff"]["before"], result["diff"]["after"]) == (
        {"status_callback": URL},
        {"status_callback": masked},
    )
    assert simulator.service(mg(1)).resource["status_callback"] == secret
    assert "hunter2" not in str(result)
    deleted = service_result(run(simulator, **ABSENT), check_mode=True)
    assert deleted["diff"]["before"]["status_callback"] == masked
    assert (deleted["diff"]["after"], deleted["service"]) == ({}, {})
    assert deleted["msg"] == f"{mg(1)} ('Shop'): deleted (check mode, nothing is changed)"


def test_form_is_encoded(simulator: Simulator) -> None:
    simulator.reset(services_seed())
    name = "Shop & Söhne + Co"
    outcome = run(simulator, friendly_name=name, fallback_url="https://a.example/?" + urlencode({"a": "b c&d"}))
    assert (outcome.row or {})["friendly_name"] == name
    assert run(simulator, friendly_name=name).action == "unchanged"
