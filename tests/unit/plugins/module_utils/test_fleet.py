# Copyright: messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many Services against the simulator: order, failures, when to stop, summary and messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._converge import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._fleet import (
    bulk_result,
    check_limits,
    converge_all,
    progress_lines,
)
from ansible_collections.messaging.twilio.plugins.module_utils._sender import make_wishes

from simulator import Simulator
from simulator.testing import mg, options, seed


def run(simulator: Simulator, services: list[Any], *, concurrency: int = 8, **more: Any) -> list[Outcome]:
    connection = make_connection(options(simulator, **more.pop("options", {})))
    client = Client(connection, concurrency=concurrency, wait=lambda seconds: None)
    return converge_all(client, make_wishes(services, "ACME"), concurrency=concurrency, **{"dry_run": False, **more})


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
