# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""max_changes and canary: all Services are planned before the first write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import Guards, reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_all_desired
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message
from ansible_collections.messaging.twilio.plugins.module_utils._module import count_max_changes
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import (
    CANARY_FAILED,
    STOPPED,
    TOO_MANY_CHANGES,
    Outcome,
)
from ansible_collections.messaging.twilio.plugins.module_utils._results import bulk_result
from ansible_collections.messaging.twilio.plugins.module_utils._transport import Cancellation

from simulator import Simulator
from support.account import mg, seed
from support.client import make_client

MIXED: list[list[str]] = [["ACME"], [], ["OLD"], ["OLD"], ["OTHER"]]


def run(simulator: Simulator, services: list[Any], *, concurrency: int = 1, **more: Any) -> list[Outcome]:
    client = make_client(simulator, concurrency=concurrency, **more.pop("options", {}))
    states = make_all_desired(services, {"alpha_sender": "ACME"}, locate=lambda one: one)
    return reconcile_all(client, states, concurrency=concurrency, **{"check_mode": False, **more})


def sids(count: int) -> list[str]:
    return [mg(number) for number in range(1, count + 1)]


def writes(simulator: Simulator) -> list[str]:
    """The Services that were written to, in order."""
    return [entry["path"].split("/")[3] for entry in simulator.journal if entry["method"] != "GET"]


def actions(outcomes: list[Outcome]) -> list[str]:
    return [outcome.action for outcome in outcomes]


@pytest.mark.parametrize(
    ("value", "total", "count"),
    [
        (None, 10, None),
        (0, 10, 0),
        (7, 10, 7),
        ("7", 10, 7),
        ("0%", 10, 0),
        ("10%", 300, 30),
        ("10 %", 19, 1),
        ("2.5%", 1000, 25),
        ("100%", 7, 7),
        ("2.3%", 3000, 69),
    ],
)
def test_max_changes_is_a_number_or_a_percentage(value: object, total: int, count: int | None) -> None:
    assert count_max_changes(value, total) == count


@pytest.mark.parametrize("value", [-1, "-1", 1.5, "101%", "%", "", "ten", True, False, [1], {"a": 1}, "10%%", "1" * 10])
def test_max_changes_that_is_something_else_is_refused(value: object) -> None:
    with pytest.raises(InputError) as caught:
        count_max_changes(value, 10)
    assert str(caught.value) == f"max_changes must be a number or a percentage such as 10%, got {value!r}"


@pytest.mark.parametrize("percent", [7, 14, 28, 29, 55, 56, 57, 58])
def test_percentage_is_exact(percent: int) -> None:
    assert count_max_changes(f"{percent}%", 100) == percent
    assert count_max_changes(f"{percent / 10}%", 1000) == percent


class TestMaxChanges:
    @pytest.mark.parametrize("check_mode", [False, True])
    def test_larger_plan_is_refused_as_a_whole(self, simulator: Simulator, check_mode: bool) -> None:
        simulator.reset(seed(*MIXED))
        outcomes = run(simulator, sids(5), guards=Guards(3), check_mode=check_mode)
        assert writes(simulator) == []
        assert actions(outcomes) == ["unchanged", *["skipped"] * 4]
        assert {outcome.cause for outcome in outcomes[1:]} == {TOO_MANY_CHANGES}
        assert [(one.before, one.after) for one in outcomes[1:3]] == [(None, None), ("OLD", "OLD")]
        result = bulk_result(outcomes, check_mode=check_mode)
        assert (result["failed"], result["changed"]) == (True, False)
        first, *lines = result["msg"].splitlines()
        assert first.startswith("5 Services: 0 created, 0 replaced, 0 deleted, 1 unchanged, 0 failed, 4 skipped")
        assert lines == [
            "The plan has 4 changes, more than max_changes allows, so nothing was changed. To allow it, set "
            "max_changes to 4 or more",
            "OLD → ACME: 2",
            "none → ACME: 1",
            "OTHER → ACME: 1",
        ]
        assert result["diff"]["before"] == f"{mg(2)}:\n{mg(3)}:\n  OLD\n{mg(4)}:\n  OLD\n{mg(5)}:\n  OTHER\n"
        assert result["diff"]["after"] == "".join(f"{mg(number)}:\n  ACME\n" for number in (2, 3, 4, 5))
        assert result["outcomes"][1]["msg"] == (
            f"{mg(2)} was not changed, because the plan has more changes than max_changes"
        )

    def test_many_kinds_of_changes_are_counted(self, simulator: Simulator) -> None:
        simulator.reset(seed(*([f"OLD {number}"] for number in range(13))))
        lines = bulk_result(run(simulator, sids(13), guards=Guards(0)))["msg"].splitlines()
        assert len(lines) == 13
        assert lines[-1] == "and 3 more kinds of changes"

    @pytest.mark.parametrize("guards", [Guards(4), Guards(4, 1), Guards(None, 2)])
    def test_plan_that_is_allowed_needs_no_other_requests(self, simulator: Simulator, guards: Guards) -> None:
        simulator.reset(seed(*MIXED))
        assert actions(run(simulator, sids(5))) == ["unchanged", "created", *["replaced"] * 3]
        alone = Counter(simulator.requests())
        simulator.reset(seed(*MIXED))
        assert actions(run(simulator, sids(5), guards=guards)) == ["unchanged", "created", *["replaced"] * 3]
        # The canary is read back.
        assert Counter(simulator.requests()) == alone + Counter({"GET": guards.canary})

    def test_all_are_planned_before_the_first_write(self, simulator: Simulator) -> None:
        simulator.reset(seed(*MIXED))
        run(simulator, sids(5), guards=Guards(100))
        assert simulator.requests()[:5] == ["GET"] * 5
        assert "GET" not in simulator.requests()[5:]

    def test_countries_count_one_by_one(self, simulator: Simulator) -> None:
        simulator.reset(seed({"": "ACME"}))
        service = {"service_sid": mg(1), "country_senders": {"FR": "ACME FR", "DE": "ACME DE"}}
        assert actions(run(simulator, [service], guards=Guards(1))) == ["unchanged", "skipped", "skipped"]
        assert actions(run(simulator, [service], guards=Guards(2))) == ["unchanged", "created", "created"]

    def test_change_by_somebody_else_after_the_plan_is_seen(self, simulator: Simulator) -> None:
        simulator.reset(seed([]), [{"kind": "other_writer", "method": "POST", "sender": "OTHER"}])
        [outcome] = run(simulator, sids(1), guards=Guards(1))
        assert (outcome.action, simulator.senders(mg(1))) == ("created", ["ACME"])
        simulator.reset(seed(["OLD"]), [{"kind": "other_writer", "method": "DELETE", "sender": "OTHER"}])
        [outcome] = run(simulator, sids(1), guards=Guards(1))
        assert (outcome.action, simulator.senders(mg(1))) == ("replaced", ["ACME"])


class TestCanary:
    def test_is_changed_first_in_the_order_given_and_read_back(self, simulator: Simulator) -> None:
        simulator.reset(seed(*MIXED))
        services = [mg(number) for number in (1, 4, 2, 3, 5)]
        outcomes = run(simulator, services, guards=Guards(canary=2), concurrency=4)
        assert actions(outcomes) == ["unchanged", "replaced", "created", "replaced", "replaced"]
        assert set(writes(simulator)[:3]) == {mg(4), mg(2)}
        methods = simulator.requests()
        assert [place for place, method in enumerate(methods) if method == "GET"] == [0, 1, 2, 3, 4, 8, 9]

    @pytest.mark.parametrize(
        "faults",
        [
            [{"kind": "status", "method": "POST", "service": mg(2), "status": 400}],
            # The answer is right, but the sender is another one when it is read back.
            [{"kind": "other_writer", "method": "GET", "service": mg(2), "sender": "OTHER", "skip": 1}],
            [{"kind": "status", "method": "GET", "service": mg(2), "status": 400, "skip": 1}],
        ],
    )
    def test_that_fails_holds_back_the_others(self, simulator: Simulator, faults: list[Mapping[str, Any]]) -> None:
        simulator.reset(seed(*MIXED), faults)
        outcomes = run(simulator, sids(5), guards=Guards(canary=1))
        assert set(writes(simulator)) == {mg(2)}
        assert actions(outcomes)[2:] == ["skipped"] * 3
        assert {outcome.cause for outcome in outcomes[2:]} == {CANARY_FAILED}
        assert message(outcomes[2]) == f"{mg(3)} was not changed, because the canary failed"
        result = bulk_result(outcomes)
        assert result["failed"] is True
        assert "The canary is not as desired, so 3 changes of other Services did not start" in result["msg"]
        assert result["msg"].splitlines()[-2:] == ["OLD → ACME: 2", "OTHER → ACME: 1"]

    def test_in_check_mode_all_are_planned(self, simulator: Simulator) -> None:
        simulator.reset(seed(*MIXED))
        outcomes = run(simulator, sids(5), guards=Guards(canary=1), check_mode=True)
        assert actions(outcomes) == ["unchanged", "created", *["replaced"] * 3]
        assert simulator.requests() == ["GET"] * 5

    def test_of_more_services_than_change_is_all_of_them(self, simulator: Simulator) -> None:
        simulator.reset(seed(*MIXED))
        assert actions(run(simulator, sids(5), guards=Guards(4, 99)))[1:] == ["created", *["replaced"] * 3]

    def test_that_loses_its_sender_is_named_and_ends_the_run(self, simulator: Simulator) -> None:
        simulator.reset(seed(*MIXED, refused=["ACME", "OLD"]))
        outcomes = run(simulator, [mg(3), mg(4), mg(5)], guards=Guards(canary=1))
        assert (outcomes[0].lost, actions(outcomes)) == ("OLD", ["failed", "skipped", "skipped"])
        assert (simulator.senders(mg(4)), simulator.senders(mg(5))) == (["OLD"], ["OTHER"])


class TestEndOfARunWithGuards:
    """What ends a run ends it with guards, too."""

    @pytest.mark.parametrize("guards", [Guards(100), Guards(100, 1)])
    def test_max_failures_of_the_plan_leave_no_write(self, simulator: Simulator, guards: Guards) -> None:
        simulator.reset(seed(*MIXED))
        outcomes = run(simulator, [mg(2), mg(98), mg(99), mg(3)], guards=guards, max_failures=1)
        assert actions(outcomes) == ["skipped", "failed", "failed", "skipped"]
        assert (outcomes[0].cause, outcomes[3].cause) == (STOPPED, STOPPED)
        assert writes(simulator) == []

    def test_max_failures_of_the_writes_stop_the_others(self, simulator: Simulator) -> None:
        simulator.reset(seed(*MIXED, refused=["ACME"]))
        outcomes = run(simulator, sids(5), guards=Guards(100), max_failures=1)
        assert actions(outcomes) == ["unchanged", "failed", "failed", "skipped", "skipped"]

    def test_wrong_credentials_keep_what_is_known_of_other_slots(self, simulator: Simulator) -> None:
        forbidden = {"kind": "status", "method": "POST", "status": 403, "count": 99}
        simulator.reset(seed([], {"": "ACME"}), [forbidden])
        services = [mg(1), {"service_sid": mg(2), "alpha_sender": "ACME", "country_senders": {"FR": "ACME"}}]
        progress: list[int] = []
        outcomes = run(
            simulator,
            services,
            guards=Guards(100),
            progress=lambda _done, counts: progress.append(sum(counts.values())),
        )
        assert actions(outcomes) == ["failed", "unchanged", "skipped"]
        assert max(progress) <= 3
        assert len(writes(simulator)) == 1

    @pytest.mark.parametrize("guards", [Guards(100), Guards(100, 1)])
    def test_cancelled_after_the_plan_writes_nothing(self, simulator: Simulator, guards: Guards) -> None:
        simulator.reset(seed(*MIXED))
        cancellation = Cancellation()

        def cancel(_done: int, _counts: Mapping[str, int]) -> None:
            cancellation.cancel()

        services = [mg(2), mg(3), mg(1)]
        outcomes = run(simulator, services, guards=guards, progress=cancel, options={"cancellation": cancellation})
        assert actions(outcomes) == ["skipped", "skipped", "unchanged"]
        assert [outcome.cause for outcome in outcomes[:2]] == [STOPPED, STOPPED]
        assert [(outcome.before, outcome.after) for outcome in outcomes[:2]] == [(None, None), ("OLD", "OLD")]
        assert writes(simulator) == []

    def test_cancelled_after_the_canary_writes_nothing_more(self, simulator: Simulator) -> None:
        simulator.reset(seed([], [], []))
        cancellation = Cancellation()

        def cancel(_done: int, _counts: Mapping[str, int]) -> None:
            cancellation.cancel()

        outcomes = run(
            simulator, sids(3), guards=Guards(None, 1), progress=cancel, options={"cancellation": cancellation}
        )
        assert actions(outcomes) == ["created", "skipped", "skipped"]
        assert {outcome.cause for outcome in outcomes[1:]} == {STOPPED}
