# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""max_changes and canary: all slots are planned before the first write."""

from __future__ import annotations

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import Guards, reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._module import count_max_changes
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import STOPPED, Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import COUNTRY_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._results import bulk_result
from ansible_collections.messaging.twilio.plugins.module_utils._transport import Cancellation

from simulator import Simulator
from support.account import mg, seed
from support.client import make_client
from support.desired import desired

#: Of four Services one has no sender, two have another one, and one is as desired.
MIXED = [[], ["OLD"], ["ACME"], ["Acme"]] * 5
ACME = [desired(mg(number), "ACME") for number in range(1, 21)]


def run(
    simulator: Simulator, guards: Guards | None, *, check_mode: bool = False, max_failures: int | None = None
) -> list[Outcome]:
    client = make_client(simulator, concurrency=4)
    return reconcile_all(client, ACME, concurrency=4, check_mode=check_mode, max_failures=max_failures, guards=guards)


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
    assert result["diff"]["after"].count("ACME") == 15
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
    touched = {entry["path"].split("/")[3] for entry in simulator.journal if entry["method"] != "GET"}
    assert touched == {mg(1), mg(2)}


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
