# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many Services against the simulator: order, failures, when to stop, summary and messages."""

from __future__ import annotations

import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._converge import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._fleet import (
    MOST_CONCURRENCY,
    bulk_result,
    check_limits,
    converge_all,
    progress_lines,
)
from ansible_collections.messaging.twilio.plugins.module_utils._sender import make_wishes
from ansible_collections.messaging.twilio.plugins.module_utils._time import Cancellation

from simulator import Simulator
from support.account import mg, options, seed


def run(simulator: Simulator, services: list[Any], *, concurrency: int = 8, **more: Any) -> list[Outcome]:
    connection = make_connection(options(simulator, **more.pop("options", {})))
    client = Client(connection, concurrency=concurrency, wait=lambda seconds: None)
    return converge_all(
        client, make_wishes(services, "ACME", find=str), concurrency=concurrency, **{"dry_run": False, **more}
    )


MIXED: list[list[str]] = [[], ["OLD"], ["ACME"], ["Acme"]]


def test_outcomes_come_in_the_order_given(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED * 25))
    sids = [mg(number) for number in reversed(range(1, 101))]
    outcomes = run(simulator, sids)
    assert [outcome.service_sid for outcome in outcomes] == sids
    assert all(simulator.senders(sid) == ["ACME"] for sid in sids)
    assert bulk_result(outcomes)["summary"] == {
        "created": 25, "replaced": 50, "deleted": 0, "none": 25, "unchanged": 25, "failed": 0, "not_attempted": 0,
    }  # fmt: skip
    assert len(simulator.requests()) == 100 + 25 + 2 * 50


def test_there_are_never_more_requests_or_connections_than_workers(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED * 25))
    simulator.latency = 0.005
    before = {entry["connection"] for entry in simulator.journal}
    run(simulator, [mg(number) for number in range(1, 101)], concurrency=5)
    assert max(entry["in_flight"] for entry in simulator.journal) == 5
    assert len({entry["connection"] for entry in simulator.journal} - before) == 5


def test_a_dry_run_only_reads(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED))
    planned = bulk_result(run(simulator, [mg(n) for n in range(1, 5)], dry_run=True))
    assert simulator.requests() == ["GET"] * 4
    done = bulk_result(run(simulator, [mg(n) for n in range(1, 5)]))
    assert planned == done
    line = bulk_result([], dry_run=True)["summary_line"]
    assert line == "0 Services: nothing to do (dry run, nothing is changed)"
    assert done["changed"] is True
    assert bulk_result(run(simulator, [mg(n) for n in range(1, 5)]))["changed"] is False


def test_artifacts_name_a_hundred_failed_services_and_count_the_rest() -> None:
    outcomes = [Outcome(mg(number), "failed" if number > 2 else "none", msg="why") for number in range(1, 106)]
    assert "ansible_stats" not in bulk_result(outcomes)
    published = bulk_result(outcomes, artifacts=True)["ansible_stats"]
    assert (published["per_host"], published["aggregate"]) == (False, False)
    assert published["data"]["alpha_sender_failed"] == [mg(number) for number in range(3, 103)]
    assert published["data"]["alpha_sender_failed_left_out"] == 3
    assert published["data"]["alpha_sender_summary"]["failed"] == 103
    few = bulk_result(outcomes[:4], artifacts=True)["ansible_stats"]["data"]
    assert (few["alpha_sender_failed"], few["alpha_sender_failed_left_out"]) == ([mg(3), mg(4)], 0)


def test_a_service_that_does_not_exist_fails_alone_after_all_others(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED))
    outcomes = run(simulator, [mg(99), *(mg(n) for n in range(1, 5))])
    assert [outcome.action for outcome in outcomes] == ["failed", "created", "replaced", "none", "replaced"]
    result = bulk_result(outcomes)
    assert result["failed"] is True
    assert result["msg"].startswith(f"1 of 5 Services failed: {mg(99)}: ")
    assert result["services"][0]["error"]["code"] == 20404


def test_the_message_names_losses_first_and_counts_the_rest(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"], refused=["ACME", "OLD"]))
    message = bulk_result(run(simulator, [*(mg(n) for n in range(90, 96)), mg(1)]))["msg"]
    assert message.startswith(f"7 of 7 Services failed; lost senders: {mg(1)} 'OLD': {mg(1)}: ")
    assert message.endswith("| and 4 more, each with its msg in services")


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_wrong_login_is_made_once_a_worker_at_most(simulator: Simulator, concurrency: int) -> None:
    simulator.reset(seed(*MIXED * 25))
    sids = [mg(number) for number in range(1, 101)]
    outcomes = run(simulator, sids, concurrency=concurrency, options={"auth_token": "f" * 32})
    assert 1 <= len(simulator.requests()) <= concurrency
    counts = bulk_result(outcomes)["summary"]
    assert counts["failed"] == len(simulator.requests())
    assert counts["failed"] + counts["not_attempted"] == 100


def test_a_key_that_may_not_create_costs_few_services_their_sender(simulator: Simulator) -> None:
    simulator.reset(seed(*[["OLD"]] * 100), [{"kind": "status", "status": 403, "method": "POST", "count": 999}])
    outcomes = run(simulator, [mg(number) for number in range(1, 101)], concurrency=4)
    lost = [outcome for outcome in outcomes if outcome.lost]
    assert 1 <= len(lost) <= 4
    assert [simulator.senders(outcome.service_sid) for outcome in lost] == [[]] * len(lost)
    kept = [outcome for outcome in outcomes if not outcome.lost]
    assert all(simulator.senders(outcome.service_sid) == ["OLD"] for outcome in kept)


@pytest.mark.parametrize(("most", "begun"), [(0, 1), (2, 3), (None, 10)])
def test_max_failures_stops_a_rollout_that_goes_wrong(simulator: Simulator, most: int | None, begun: int) -> None:
    simulator.reset(seed())
    outcomes = run(simulator, [mg(number) for number in range(1, 11)], concurrency=1, max_failures=most)
    assert [outcome.action for outcome in outcomes] == ["failed"] * begun + ["not_attempted"] * (10 - begun)


def test_no_services_are_nothing_to_do(simulator: Simulator) -> None:
    result = bulk_result(run(simulator, []))
    assert simulator.requests() == []
    assert (result["changed"], result["services"], result["summary_line"]) == (False, [], "0 Services: nothing to do")
    assert "failed" not in result


def test_a_mistake_of_ours_hides_neither_its_loss_nor_the_others(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Client.create_alpha_sender

    def create(self: Client, service_sid: str, alpha_sender: str) -> object:
        return 1 / 0 if service_sid == mg(2) else real(self, service_sid, alpha_sender)

    monkeypatch.setattr(Client, "create_alpha_sender", create)
    simulator.reset(seed([], ["OLD"], ["ACME"]))
    outcomes = run(simulator, [mg(1), mg(2), mg(3)])
    assert [outcome.action for outcome in outcomes] == ["created", "failed", "none"]
    assert (outcomes[1].lost, outcomes[1].unknown) == ("OLD", True)
    assert "unexpected ZeroDivisionError" in str(outcomes[1].msg)


def test_a_mistake_before_anything_is_done_is_a_crash(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "alpha_senders", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(simulator, [mg(1), mg(2)])


def test_every_lost_sender_is_named(simulator: Simulator) -> None:
    simulator.reset(
        seed(*[[f"OLD{n}"] for n in range(9)]), [{"kind": "status", "status": 400, "method": "POST", "count": 99}]
    )
    message = bulk_result(run(simulator, [mg(number) for number in range(1, 10)]))["msg"]
    for number in range(1, 10):
        assert f"{mg(number)} 'OLD{number - 1}'" in message


def test_a_full_disk_stops_no_rollout(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED))
    outcomes = run(simulator, [mg(n) for n in range(1, 5)], progress=progress_lines("/dev/full", 4, 1))
    assert all(outcome.action != "failed" for outcome in outcomes)


def test_large_diffs_and_warnings_are_bounded(simulator: Simulator) -> None:
    simulator.reset(seed(*[[]] * 60, *[["ACME", "OLD"]] * 12))
    result = bulk_result(run(simulator, [mg(number) for number in range(1, 73)]))
    assert result["diff"]["after"].count("ACME") == 50
    assert result["diff"]["after"].endswith("... and 10 more Services\n")
    assert len(result["warnings"]) == 11
    assert result["warnings"][-1] == "and 2 more Services like that"


def test_progress_is_written_every_so_often_and_at_the_end(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED))
    path = tmp_path / "progress"
    run(simulator, [mg(n) for n in range(1, 5)], concurrency=1, progress=progress_lines(str(path), 4, 3))
    assert path.read_text(encoding="utf-8").splitlines() == [
        "3 of 4 Services done: 1 created, 1 replaced, 0 deleted, 1 unchanged, 0 failed; 1 to go",
        "4 of 4 Services done: 1 created, 2 replaced, 0 deleted, 1 unchanged, 0 failed; 0 to go",
    ]
    with pytest.raises(InputError, match="progress_path: '/no/such/file' cannot be written"):
        progress_lines("/no/such/file", 4, 3)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ((0, None, 1), "concurrency: 0 is not allowed; 1 to 100 are"),
        ((101, None, 1), "concurrency: 101 is not allowed"),
        ((1, -1, 1), "max_failures: -1 is not allowed"),
        ((1, None, 0), "progress_every: 0 is not allowed"),
    ],
)
def test_limits_out_of_range_are_refused(limits: tuple[int, int | None, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_limits(*limits)


@pytest.mark.parametrize("limits", [(1,), (MOST_CONCURRENCY,), (5, 0), (5, 7), (5, None, 1), (5, None, 2)])
def test_the_ends_of_the_limits_are_within_them(limits: tuple[Any, ...]) -> None:
    check_limits(*limits)


@pytest.mark.parametrize("limits", [(0,), (MOST_CONCURRENCY + 1,), (5, -1), (5, None, 0)])
def test_what_is_beyond_a_limit_is_refused(limits: tuple[Any, ...]) -> None:
    with pytest.raises(InputError):
        check_limits(*limits)


def test_the_line_counts_every_service_once_and_tells_what_was_not_attempted_only_if_there_is_any() -> None:
    actions = ["created", "none", "none", "failed"]
    outcomes = [Outcome(mg(number), action, msg="why") for number, action in enumerate(actions)]
    line = "4 Services: 1 created, 0 replaced, 0 deleted, 2 unchanged, 1 failed"
    assert bulk_result(outcomes)["summary_line"] == line
    more = [*outcomes, Outcome(mg(9), "not_attempted")]
    assert bulk_result(more)["summary_line"] == line.replace("4 Services", "5 Services") + ", 1 not attempted"
    assert bulk_result(outcomes, artifacts=True)["ansible_stats"]["data"]["alpha_sender_failed"] == [mg(3)]


def test_reasons_are_counted_beyond_the_first_few() -> None:
    outcomes = [Outcome(mg(number), "failed", msg=f"why {number}") for number in range(5)]
    assert bulk_result(outcomes[:1])["msg"] == "1 of 1 Services failed: why 0"
    assert bulk_result(outcomes[:3])["msg"] == "3 of 3 Services failed: why 0 | why 1 | why 2"
    assert bulk_result(outcomes)["msg"].endswith("why 2 | and 2 more, each with its msg in services")


@pytest.mark.parametrize(("count", "rest"), [(0, None), (1, None), (10, None), (12, "and 2 more Services like that")])
def test_warnings_are_counted_beyond_the_first_few(count: int, rest: str | None) -> None:
    outcomes = [Outcome(mg(number), "none", warning=f"look {number}") for number in range(count)]
    expected = [f"look {number}" for number in range(min(count, 10))] + ([rest] if rest else [])
    assert bulk_result(outcomes)["warnings"] == expected


def test_progress_comes_after_every_so_many_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    progress = progress_lines(str(path), 8, 3)
    for done in range(1, 9):
        progress(done, {"none": done})
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [re.sub(r" Services.*; ", ", ", line) for line in lines] == [
        "3 of 8, 5 to go", "6 of 8, 2 to go", "8 of 8, 0 to go",
    ]  # fmt: skip


def test_progress_does_not_count_what_was_not_attempted(simulator: Simulator) -> None:
    simulator.reset(seed(*[[]] * 6), [{"kind": "status", "status": 401, "skip": 3, "count": 99}])
    seen: list[int] = []
    outcomes = run(
        simulator, [mg(n) for n in range(1, 7)], concurrency=1, progress=lambda done, _counts: seen.append(done)
    )
    assert seen == list(range(1, 1 + sum(outcome.action != "not_attempted" for outcome in outcomes)))


def test_a_signal_that_another_thread_receives_stops_the_run(simulator: Simulator) -> None:
    """The system may give it to any, and Python's handler waits for the main thread to wake."""
    simulator.reset(seed(*[["OLD"]] * 20))
    cancellation = Cancellation()
    cancelled = []

    def progress(done: int, _counts: object) -> None:
        if done == 1:
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            cancelled.append(cancelled_within(cancellation, 60))

    before = signal.signal(signal.SIGTERM, lambda *_args: cancellation.cancel())
    try:
        client = Client(make_connection(options(simulator)), concurrency=2, cancellation=cancellation)
        wishes = make_wishes([mg(number) for number in range(1, 21)], "ACME", find=str)
        outcomes = converge_all(client, wishes, concurrency=2, dry_run=False, progress=progress)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert cancelled == [True]
    assert {outcome.action for outcome in outcomes} == {"replaced", "not_attempted"}


def cancelled_within(cancellation: Cancellation, seconds: int) -> bool:
    """Whether it comes. A minute is only there to fail rather than hang."""
    for _time in range(seconds * 20):
        if cancellation.is_set():
            return True
        time.sleep(0.05)
    return False
