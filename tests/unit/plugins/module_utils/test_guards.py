# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""max_changes and canary: all slots are planned before the first write."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._accounts import make_accounts
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import Guards, reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._connection import make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._module import count_max_changes
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import STOPPED, Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER, COUNTRY_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._results import bulk_result
from ansible_collections.messaging.twilio.plugins.module_utils._transport import Cancellation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator import Simulator
from support.account import ACCOUNT_SID, AUTH_TOKEN, mg, options, seed
from support.client import make_client, no_wait
from support.desired import desired, desired_in

SCHEDULES = int(os.environ.get("SCHEDULES", "200"))
#: Of four Services one has no sender, two have another one, and one is as desired.
MIXED = [[], ["OLD"], ["ACME"], ["Acme"]] * 5
ACME = [desired(mg(number), "ACME") for number in range(1, 21)]


def run(
    simulator: Simulator,
    guards: Guards | None,
    *,
    wanted: list[Desired] | None = None,
    client: Client | None = None,
    concurrency: int = 4,
    **more: Any,
) -> list[Outcome]:
    client = client or make_client(simulator, concurrency=concurrency)
    wanted = ACME if wanted is None else wanted
    return reconcile_all(client, wanted, concurrency=concurrency, guards=guards, **{"check_mode": False, **more})


def touched(simulator: Simulator) -> set[str]:
    """The Services to which something was written."""
    return {entry["path"].split("/")[3] for entry in simulator.journal if entry["method"] != "GET"}


@pytest.mark.parametrize(
    ("value", "total", "count"),
    [
        (None, 10, None),
        (0, 10, 0),
        (7, 10, 7),
        ("7", 10, 7),
        ("10%", 805, 80),
        ("0.5 %", 1000, 5),
        ("100%", 3, 3),
        ("2.3%", 3000, 69),
    ],
)
def test_max_changes_is_a_number_or_a_percentage(value: object, total: int, count: int | None) -> None:
    assert count_max_changes(value, total) == count


@pytest.mark.parametrize("value", [-1, "-1", "101%", "ten", "", "1.5", True, [], "5%%", "\u0661"])
def test_refuses_other_max_changes(value: object) -> None:
    with pytest.raises(InputError, match="max_changes must be a number or a percentage such as 10%, got"):
        count_max_changes(value, 10)


@pytest.mark.parametrize("check_mode", [False, True])
def test_refuses_a_larger_plan_before_any_write(simulator: Simulator, check_mode: bool) -> None:
    simulator.reset(seed(*MIXED))
    result = bulk_result(run(simulator, Guards(14), check_mode=check_mode), check_mode=check_mode)
    assert simulator.requests() == ["GET"] * 20
    assert (result["failed"], result["changed"]) == (True, False)
    assert (result["summary"]["unchanged"], result["summary"]["skipped"]) == (5, 15)
    assert result["msg"].splitlines()[1:] == [
        "The plan has 15 changes, more than max_changes allows, so nothing was changed. "
        "To allow it, set max_changes to 15 or more",
        "none \u2192 ACME: 5",
        "OLD \u2192 ACME: 5",
        "Acme \u2192 ACME: 5",
    ]
    assert result["diff"]["prepared"].count("MG") == 15
    skipped = [outcome for outcome in result["outcomes"] if outcome["action"] == "skipped"]
    assert {outcome["after"] for outcome in skipped} == {None, "OLD", "Acme"}
    assert all("more changes than max_changes" in outcome["msg"] for outcome in skipped)


@pytest.mark.parametrize("guards", [Guards(), Guards(15), Guards(20)])
def test_allowed_plan_takes_the_same_requests(simulator: Simulator, guards: Guards) -> None:
    simulator.reset(seed(*MIXED))
    plain = bulk_result(run(simulator, None))
    requests = sorted(simulator.requests())
    simulator.reset(seed(*MIXED))
    assert bulk_result(run(simulator, guards)) == plain
    assert sorted(simulator.requests()) == requests
    reads = simulator.requests()[:20]
    assert reads == ["GET"] * 20


def test_many_kinds_of_changes_are_counted() -> None:
    with Simulator(seed(*[[f"OLD {number}"] for number in range(20)])) as simulator:
        lines = bulk_result(run(simulator, Guards(0)))["msg"].splitlines()
    assert lines[-1] == "and 10 more kinds of changes"
    assert len(lines) == 13


def test_canary_is_changed_first_and_read_again(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED))
    outcomes = run(simulator, Guards(canary=2))
    assert bulk_result(outcomes)["summary"]["skipped"] == 0
    assert all(simulator.senders(mg(number)) == ["ACME"] for number in range(1, 21))
    written = [entry["path"].split("/")[3] for entry in simulator.journal if entry["method"] != "GET"]
    assert set(written[:3]) == {mg(1), mg(2)}
    assert simulator.requests()[23:25] == ["GET", "GET"]
    assert len(simulator.requests()) == 20 + 5 + 2 * 10 + 2


def test_failed_canary_holds_back_the_other_services(simulator: Simulator) -> None:
    simulator.reset(seed(*[["OLD"]] * 20, refused=["ACME"]))
    result = bulk_result(run(simulator, Guards(canary=2)))
    assert all(simulator.senders(mg(number)) == ["OLD"] for number in range(1, 21))
    assert (result["summary"]["failed"], result["summary"]["skipped"]) == (2, 18)
    assert "The canary is not as desired, so 18 changes of other Services did not start" in result["msg"]
    assert touched(simulator) == {mg(1), mg(2)}


def test_canary_that_is_not_read_as_desired_holds_back_the_others(simulator: Simulator) -> None:
    unread = {"kind": "status", "status": 400, "method": "GET", "service": mg(1), "skip": 1, "count": 9}
    simulator.reset(seed(*MIXED), [unread])
    result = bulk_result(run(simulator, Guards(canary=1)))
    assert (result["summary"]["created"], result["summary"]["skipped"]) == (1, 14)


def test_canary_is_planned_in_check_mode(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED))
    outcomes = run(simulator, Guards(canary=2), check_mode=True)
    assert simulator.requests() == ["GET"] * 20
    assert bulk_result(outcomes)["summary"]["replaced"] == 10


def test_plan_that_became_stale_is_made_again(simulator: Simulator) -> None:
    other = {"kind": "other_writer", "method": "DELETE", "service": mg(2), "sender": "OTHER"}
    simulator.reset(seed(*MIXED), [other])
    outcomes = run(simulator, Guards(20))
    assert simulator.senders(mg(2)) == ["ACME"]
    assert outcomes[1].action == "replaced"


def test_nothing_is_written_if_reading_ended_the_run(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED), [{"kind": "status", "status": 500, "method": "GET", "service": mg(1), "count": 99}])
    outcomes = run(simulator, Guards(20), max_failures=0)
    assert set(simulator.requests()) == {"GET"}
    assert {outcome.action for outcome in outcomes} <= {"failed", "skipped", "unchanged"}


def test_nothing_is_written_if_the_run_is_cancelled_between_the_phases(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED))
    cancellation = Cancellation()
    client = make_client(simulator, concurrency=1, cancellation=cancellation)
    done = []

    def progress(count: int, _counts: object) -> None:
        done.append(count)
        if count == 5:  # the Services that are as desired: the first phase is over
            cancellation.cancel()

    outcomes = reconcile_all(client, ACME, concurrency=1, check_mode=False, guards=Guards(20), progress=progress)
    assert set(simulator.requests()) == {"GET"}
    assert {outcome.action for outcome in outcomes} == {"unchanged", "skipped"}


def test_countries_count_one_by_one(simulator: Simulator) -> None:
    simulator.reset(seed({"": "ACME"}))
    service = [desired(mg(1), "ACME"), *(Desired(Slot(COUNTRY_SENDER, mg(1), code), "ACME") for code in ("FR", "DE"))]
    for allowed, action in ((1, "skipped"), (2, "created")):
        client = make_client(simulator)
        outcomes = reconcile_all(client, service, concurrency=1, check_mode=False, guards=Guards(allowed))
        assert [outcome.action for outcome in outcomes] == ["unchanged", action, action]


def test_end_of_the_account_keeps_the_outcomes_of_finished_slots(simulator: Simulator) -> None:
    forbidden = {"kind": "status", "method": "POST", "status": 403, "count": 99}
    simulator.reset(seed([], {"": "ACME"}), [forbidden])
    slots = [desired(mg(1), "ACME"), desired(mg(2), "ACME"), Desired(Slot(COUNTRY_SENDER, mg(2), "FR"), "ACME")]
    client = make_client(simulator)
    outcomes = reconcile_all(client, slots, concurrency=1, check_mode=False, guards=Guards(100))
    assert [outcome.action for outcome in outcomes] == ["failed", "unchanged", "skipped"]


@pytest.mark.parametrize("number", [3, 1])
def test_run_that_is_cancelled_is_no_failed_canary(simulator: Simulator, number: int) -> None:
    """Service 3 is as desired, so its outcome comes before the canary's. That of Service 1 is the canary's."""
    simulator.reset(seed(*MIXED[:4]))
    cancellation = Cancellation()
    client = make_client(simulator, cancellation=cancellation)
    order = [ACME[0], ACME[1], *([ACME[2]] if number == 3 else [])]
    outcomes = reconcile_all(
        client,
        order,
        concurrency=1,
        check_mode=False,
        guards=Guards(canary=1),
        progress=lambda _done, _counts: cancellation.cancel(),
    )
    assert outcomes[1].action == "skipped"
    assert outcomes[0].action == ("skipped" if number == 3 else "created")
    assert {outcome.cause for outcome in outcomes if outcome.action == "skipped"} == {STOPPED}


def test_run_that_ended_while_reading_is_no_failed_canary(simulator: Simulator) -> None:
    simulator.reset(seed([]))
    client = make_client(simulator)
    slots = [ACME[0], desired(mg(98), "ACME"), desired(mg(99), "ACME")]
    outcomes = reconcile_all(client, slots, concurrency=1, check_mode=False, max_failures=1, guards=Guards(canary=1))
    assert (outcomes[0].action, outcomes[0].cause) == ("skipped", STOPPED)


@pytest.mark.parametrize("total", [1, 7, 300, 1000, 10_000])
def test_percentage_is_rounded_down_exactly(total: int) -> None:
    for tenths in range(1001):
        text = f"{tenths // 10}.{tenths % 10}%" if tenths < 1000 else "100%"
        assert count_max_changes(text, total) == int(Fraction(tenths, 1000) * total)


class TestMaxChanges:
    @pytest.mark.parametrize("limit", [0, 1, 9])
    def test_counts_slots_and_names_their_changes(self, simulator: Simulator, limit: int) -> None:
        simulator.reset(seed(*[{"": "OLD", "FR": "OLD FR", "GB": "ACME GB"}] * 5))
        wanted = [
            one
            for number in range(1, 6)
            for one in (
                desired(mg(number), "ACME"),
                desired_in(mg(number), "FR", None, "absent"),
                desired_in(mg(number), "GB", "ACME GB"),
            )
        ]
        result = bulk_result(run(simulator, Guards(limit), wanted=wanted))
        assert set(simulator.requests()) == {"GET"}
        assert result["msg"].splitlines() == [
            "15 senders of 5 Services: 0 created, 0 replaced, 0 deleted, 5 unchanged, 0 failed, 10 skipped",
            "The plan has 10 changes, more than max_changes allows, so nothing was changed. To allow it, set "
            "max_changes to 10 or more",
            "OLD \u2192 ACME: 5",
            "OLD FR \u2192 none: 5",
        ]
        simulator.journal.clear()
        assert bulk_result(run(simulator, Guards(10), wanted=wanted))["changed"] is True
        assert len(simulator.requests()) == 5 * (2 + 2 + 1)

    def test_failures_of_reading_are_reported_with_it(self, simulator: Simulator) -> None:
        unread = {"kind": "status", "status": 500, "service": mg(3), "count": 99}
        simulator.reset(seed(*MIXED), [unread])
        result = bulk_result(run(simulator, Guards(0)))
        assert Counter(one["action"] for one in result["outcomes"]) == {"skipped": 15, "unchanged": 4, "failed": 1}
        assert result["msg"].splitlines()[1].startswith("1 of 20 Services failed, 15 skipped")
        assert "The plan has 15 changes" in result["msg"]
        assert touched(simulator) == set()

    def test_plan_without_changes_is_never_refused(self, simulator: Simulator) -> None:
        simulator.reset(seed(*[["ACME"]] * 20))
        result = bulk_result(run(simulator, Guards(0)))
        assert (result["summary"]["unchanged"], "failed" in result) == (20, False)


class TestCanary:
    def test_takes_the_first_that_change_in_the_order_given(self, simulator: Simulator) -> None:
        simulator.reset(seed(*MIXED))
        wanted = [desired(mg(number), "ACME") for number in (19, 3, 8, 1, 6, 2)]
        run(simulator, Guards(canary=2), wanted=wanted, concurrency=1)
        written = [entry["path"].split("/")[3] for entry in simulator.journal if entry["method"] != "GET"]
        # 19 and 3 have the sender already.
        assert list(dict.fromkeys(written)) == [mg(8), mg(1), mg(6), mg(2)]
        reads = [entry["path"].split("/")[3] for entry in simulator.journal if entry["method"] == "GET"]
        assert reads == [mg(number) for number in (19, 3, 8, 1, 6, 2, 8, 1)]

    @pytest.mark.parametrize("canary", [1, 3, 15, 99])
    def test_takes_one_more_request_for_each_of_its_services(self, simulator: Simulator, canary: int) -> None:
        simulator.reset(seed(*MIXED))
        plain = bulk_result(run(simulator, None))
        requests = len(simulator.requests())
        simulator.reset(seed(*MIXED))
        assert bulk_result(run(simulator, Guards(canary=canary))) == plain
        assert len(simulator.requests()) == requests + min(canary, 15)

    def test_has_all_slots_of_its_services(self, simulator: Simulator) -> None:
        simulator.reset(seed(*[{"": "OLD", "FR": "OLD"}] * 3, refused=["BAD"]))
        wanted = [
            one
            for number in (1, 2, 3)
            for one in (desired(mg(number), "ACME"), desired_in(mg(number), "FR", "BAD" if number == 2 else "ACME"))
        ]
        outcomes = run(simulator, Guards(canary=2), wanted=wanted)
        assert [one.action for one in outcomes] == ["replaced", "replaced", "replaced", "failed", "skipped", "skipped"]
        assert touched(simulator) == {mg(1), mg(2)}

    @pytest.mark.parametrize("hides", [False, True])
    def test_reads_its_services_back_as_it_read_them_first(self, simulator: Simulator, hides: bool) -> None:
        """A row that only the other listing shows as that of a country is not taken for the default sender."""
        simulator.alpha_senders_lists_countries, simulator.alpha_senders_hides_countries = True, hides
        simulator.reset(seed(*[{"": "OLD", "FR": "KEEP"}] * 3))
        wanted = [
            one
            for number in (1, 2, 3)
            for one in (desired(mg(number), None, "absent"), desired_in(mg(number), "FR", "KEEP"))
        ]
        outcomes = run(simulator, Guards(canary=1), wanted=wanted)
        assert [one.action for one in outcomes] == ["deleted", "unchanged"] * 3

    def test_waits_for_a_listing_that_lags(self, simulator: Simulator) -> None:
        simulator.reset(seed(*[["OLD"]] * 5), [{"kind": "lag", "behind": 2, "service": mg(1), "count": 3}])
        waits: list[float] = []
        client = make_client(simulator, concurrency=4, wait=waits.append)
        outcomes = run(simulator, Guards(canary=2), wanted=ACME[:5], client=client)
        assert {one.action for one in outcomes} == {"replaced"}
        assert waits == [0.5, 1.0, 2.0]
        # Only what was not yet read as desired is read again.
        assert (simulator.requests(mg(1)).count("GET"), simulator.requests(mg(2)).count("GET")) == (1 + 4, 2)

    def test_holds_back_the_others_when_another_writer_undoes_it(self, simulator: Simulator) -> None:
        undone = {"kind": "other_writer", "method": "GET", "service": mg(1), "skip": 1, "sender": "OTHER"}
        simulator.reset(seed(*[["OLD"]] * 5), [undone])
        result = bulk_result(run(simulator, Guards(canary=1), wanted=ACME[:5]))
        assert touched(simulator) == {mg(1)}
        assert [one["action"] for one in result["outcomes"]] == ["replaced", *["skipped"] * 4]
        assert result["msg"].splitlines()[1:] == [
            "Changed: OLD \u2192 ACME (1)",
            "The canary is not as desired, so 4 changes of other Services did not start",
            "OLD \u2192 ACME: 4",
        ]
        assert (result["failed"], result["changed"]) == (True, True)

    def test_lost_sender_of_the_canary_holds_back_the_others(self, simulator: Simulator) -> None:
        simulator.reset(seed(*[["OLD"]] * 5, refuse_creates={"status": 400, "code": 21709}))
        result = bulk_result(run(simulator, Guards(canary=2), wanted=ACME[:5]))
        assert sum(simulator.senders(mg(number)) == [] for number in range(1, 6)) == 1
        assert Counter(one["action"] for one in result["outcomes"]) == {"failed": 1, "skipped": 4}
        assert "Lost senders: " in result["msg"]
        assert "The canary is not as desired" in result["msg"]

    def test_failures_of_reading_do_not_count_as_canary(self, simulator: Simulator) -> None:
        unread = {"kind": "status", "status": 500, "service": mg(1), "count": 99}
        simulator.reset(seed(*[["OLD"]] * 5), [unread])
        outcomes = run(simulator, Guards(canary=1), wanted=ACME[:5])
        assert [one.action for one in outcomes] == ["failed", *["replaced"] * 4]

    @pytest.mark.parametrize("max_failures", [0, 1])
    def test_max_failures_counts_both_phases(self, simulator: Simulator, max_failures: int) -> None:
        unread = {"kind": "status", "status": 500, "service": mg(1), "count": 99}
        refused = {"kind": "status", "status": 400, "method": "DELETE", "service": mg(3), "count": 9}
        simulator.reset(seed(*[["OLD"]] * 5), [unread, refused])
        outcomes = run(simulator, Guards(canary=1), wanted=ACME[:5], concurrency=1, max_failures=max_failures)
        actions = [one.action for one in outcomes]
        assert actions == (
            ["failed", *["skipped"] * 4]
            if max_failures == 0
            else ["failed", "replaced", "failed", "skipped", "skipped"]
        )
        assert {one.cause for one in outcomes if one.action == "skipped"} == {"stopped"}

    def test_check_mode_names_it(self, simulator: Simulator) -> None:
        simulator.reset(seed(*MIXED))
        result = bulk_result(run(simulator, Guards(canary=2), check_mode=True), check_mode=True, canary=2)
        assert result["msg"].splitlines()[1:] == [
            "Would change: none \u2192 ACME (5), OLD \u2192 ACME (5), Acme \u2192 ACME (5)",
            f"The canary is {mg(1)}, {mg(2)}. Only if it is as desired, 13 changes of other Services would follow",
        ]
        assert "failed" not in result
        assert bulk_result(run(simulator, None, check_mode=True), check_mode=True)["msg"].count("\n") == 1

    def test_check_mode_says_the_same_when_the_plan_is_too_large(self, simulator: Simulator) -> None:
        simulator.reset(seed(*MIXED))
        guards = Guards(3, canary=2)
        planned = bulk_result(run(simulator, guards, check_mode=True), check_mode=True, canary=2)
        done = bulk_result(run(simulator, guards))
        assert planned.pop("msg").splitlines()[1:] == done.pop("msg").splitlines()[1:]
        assert planned == done


class TestPhases:
    """What happens between the plan and the writes."""

    def test_outcomes_of_the_first_phase_stay_when_the_account_ends_then(self, simulator: Simulator) -> None:
        """The account is refused from a certain request on. What was found before that is still reported."""
        simulator.reset(seed(*[{"": "OLD", "FR": "ACME FR", "GB": "OLD GB"}] * 2))
        wanted = [
            one
            for number in (1, 2)
            for one in (
                desired(mg(number), "ACME"),
                desired_in(mg(number), "FR", "ACME FR"),
                desired_in(mg(number), "GB", "ACME GB", replace=False),
            )
        ]
        simulator.set_faults([{"kind": "status", "status": 401, "service": mg(2), "count": 99}])
        outcomes = run(simulator, Guards(9), wanted=wanted, concurrency=1)
        assert [(one.action, one.before) for one in outcomes] == [
            ("skipped", "OLD"),
            ("unchanged", "ACME FR"),
            ("failed", "OLD GB"),
            *[("failed", None)] * 3,
        ]
        assert touched(simulator) == set()
        assert bulk_result(outcomes)["summary"]["total"] == 6

    @pytest.mark.parametrize("canary", [0, 1, 2])
    def test_account_that_ended_does_not_stop_the_others(self, simulator: Simulator, canary: int) -> None:
        other = "AC" + "b" * 32
        start = seed(["OLD"], ["OLD"])
        services = [{"sid": mg(number), "alpha_senders": ["OLD"]} for number in (11, 12, 13, 14)]
        start["accounts"].append({"account_sid": other, "auth_token": "c" * 32, "services": services})
        refused = {"kind": "status", "status": 401, "service": mg(2), "count": 99}
        simulator.reset(start, [refused])
        connection = make_connection(options(simulator, max_retries=0))
        client = Client(connection, wait=no_wait)
        accounts = make_accounts(client, connection, {"accounts": {other: {"auth_token": "c" * 32}}})
        wanted = [
            Desired(Slot(ALPHA_SENDER, mg(number), account_sid=sid), "ACME")
            for sid, numbers in ((ACCOUNT_SID, (1, 2)), (other, (11, 12, 13, 14)))
            for number in numbers
        ]
        outcomes = reconcile_all(accounts, wanted, concurrency=1, check_mode=False, guards=Guards(9, canary=canary))
        # The canary is taken from the account that goes on.
        assert [one.action for one in outcomes] == ["skipped", "failed", *["replaced"] * 4]
        assert touched(simulator) == {mg(number) for number in (11, 12, 13, 14)}
        assert AUTH_TOKEN not in str(bulk_result(outcomes))

    @pytest.mark.parametrize("sender", ["OTHER", "ACME", None])
    def test_plan_is_checked_when_its_turn_comes(self, simulator: Simulator, sender: str | None) -> None:
        """Another writer comes after the last read of the first phase."""
        simulator.reset(seed(*[["OLD"]] * 3))
        changed = threading.Event()

        def progress(_done: int, _counts: object) -> None:
            if not changed.is_set():
                changed.set()
                service = simulator.service(mg(2))
                for sid in list(service.senders):
                    service.remove_sender(sid)
                if sender is not None:
                    simulator.state.put_sender(service, sender)

        outcomes = run(simulator, Guards(9, canary=1), wanted=ACME[:3], concurrency=1, progress=progress)
        assert changed.is_set()
        assert [simulator.senders(mg(number)) for number in (1, 2, 3)] == [["ACME"]] * 3
        assert [one.action for one in outcomes][::2] == ["replaced", "replaced"]
        assert outcomes[1].action in ("replaced", "unchanged")
        posts = [
            one for one in simulator.journal if one["method"] == "POST" and one.get("took") and mg(2) in one["path"]
        ]
        assert len(posts) == (0 if sender == "ACME" else 1)

    def test_planned_sender_of_another_writer_is_kept_without_replace(self, simulator: Simulator) -> None:
        simulator.reset(seed([], []))
        wanted = [desired(mg(number), "ACME", replace=False) for number in (1, 2)]

        def progress(_done: int, _counts: object) -> None:
            if not simulator.senders(mg(2)):
                simulator.state.put_sender(simulator.service(mg(2)), "OTHER")

        outcomes = run(simulator, Guards(9, canary=1), wanted=wanted, concurrency=1, progress=progress)
        assert [one.action for one in outcomes] == ["created", "failed"]
        assert simulator.senders(mg(2)) == ["OTHER"]

    @pytest.mark.parametrize("after", range(1, 14))
    @pytest.mark.parametrize("canary", [0, 2])
    def test_cancelled_run_says_that_it_was_stopped(self, simulator: Simulator, after: int, canary: int) -> None:
        """Cancelled at each of the 14 requests of a run: nothing is held back by a guard, and nothing is lost."""
        simulator.reset(seed(*[["OLD"]] * 4))
        cancellation = Cancellation()
        client = make_client(simulator, cancellation=cancellation)
        call = client._call

        def cancelling(*args: Any, **more: Any) -> dict[str, Any]:
            if len(simulator.journal) == after:
                cancellation.cancel()
            return call(*args, **more)

        client._call = cancelling  # type: ignore[method-assign]  # cancels at a certain request
        outcomes = run(simulator, Guards(9, canary=canary), wanted=ACME[:4], client=client, concurrency=1)
        assert {one.action for one in outcomes} <= {"replaced", "skipped"}
        assert {one.cause for one in outcomes} <= {None, "stopped"}
        for number, outcome in enumerate(outcomes, 1):
            assert simulator.senders(mg(number)) == (["ACME"] if outcome.action == "replaced" else ["OLD"])

    def test_thread_that_is_given_up_leaves_an_unknown_state(self, simulator: Simulator) -> None:
        hang = {"kind": "hang", "method": "POST", "after": True}
        simulator.reset(seed(*[["OLD"]] * 4), [hang])
        cancellation = Cancellation(grace=0)
        client = make_client(simulator, cancellation=cancellation, timeout=3)

        def cancel() -> None:
            while "POST" not in simulator.requests():
                time.sleep(0.01)
            time.sleep(0.1)
            cancellation.cancel()

        threading.Thread(target=cancel).start()
        outcomes = run(simulator, Guards(9, canary=2), wanted=ACME[:4], client=client, concurrency=1)
        assert [(one.action, one.unknown, one.lost) for one in outcomes] == [
            ("failed", True, "OLD"),
            *[("skipped", False, None)] * 3,
        ]
        assert {one.cause for one in outcomes[1:]} == {"stopped"}


faults = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(("status", "reset", "cut", "garbage", "other_writer", "late", "not_found", "lag")),
        "method": st.sampled_from(("GET", "DELETE", "POST", "POST")),
        "service": st.integers(1, 6).map(mg),
        "status": st.sampled_from((400, 401, 403, 409, 412, 429, 500)),
        "count": st.sampled_from((1, 1, 2, 99)),
        "skip": st.sampled_from((0, 0, 1)),
        "after": st.just(False),
        "sender": st.sampled_from(("OTHER", "ACME", None)),
    }
)


@settings(max_examples=SCHEDULES, suppress_health_check=list(HealthCheck))
@given(
    current=st.lists(st.sampled_from(([], ["OLD"], ["ACME"], ["OLD", "OTHER"])), min_size=2, max_size=6),
    canary=st.integers(0, 3),
    max_changes=st.one_of(st.none(), st.integers(0, 6)),
    max_failures=st.one_of(st.none(), st.integers(0, 2)),
    concurrency=st.integers(1, 3),
    wrong=st.lists(faults, max_size=4),
)
def test_guards_hold_whatever_goes_wrong(
    simulator: Simulator,
    current: list[list[str]],
    canary: int,
    max_changes: int | None,
    max_failures: int | None,
    concurrency: int,
    wrong: list[dict[str, Any]],
) -> None:
    """At most the Services of the canary were changed when it failed, and none when max_changes refused."""
    simulator.reset(seed(*current), wrong)
    client = make_client(simulator, concurrency=concurrency, max_retries=1)
    outcomes = run(
        simulator,
        Guards(max_changes, canary),
        wanted=ACME[: len(current)],
        client=client,
        concurrency=concurrency,
        max_failures=max_failures,
    )
    simulator.commit_late()
    causes = {one.cause for one in outcomes}
    if "too_many_changes" in causes:
        assert touched(simulator) == set()
        assert max_changes is not None
        assert sum(one.cause == "too_many_changes" for one in outcomes) > max_changes
    if "canary_failed" in causes:
        held_back = {one.desired.slot.service_sid for one in outcomes if one.cause == "canary_failed"}
        assert len(touched(simulator)) <= canary
        assert not touched(simulator) & held_back
    for sid in touched(simulator):
        written = [entry for entry in simulator.journal if sid in entry["path"]]
        # Everything was planned before the first write.
        first = next(place for place, entry in enumerate(simulator.journal) if entry["method"] != "GET")
        assert simulator.journal.index(written[0]) < first
    for outcome in outcomes:
        sid = outcome.desired.slot.service_sid
        raced = any(fault.kind == "other_writer" and fault.fired and fault.service == sid for fault in simulator.faults)
        if outcome.action == "skipped":
            assert sid not in touched(simulator)
        if not simulator.senders(sid) and outcome.before is not None and not raced:
            assert outcome.lost is not None
