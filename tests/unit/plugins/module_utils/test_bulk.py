# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many Services against the simulator: order, failures, when to stop, threads and cancellation."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import find_unrecovered, reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._current import read_all
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_all_desired
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired
from ansible_collections.messaging.twilio.plugins.module_utils._progress import write_progress
from ansible_collections.messaging.twilio.plugins.module_utils._results import bulk_result
from ansible_collections.messaging.twilio.plugins.module_utils._transport import Cancellation

from simulator import Simulator
from support.account import mg, seed
from support.client import make_client
from support.desired import desired
from support.progress import without_times

pytestmark = pytest.mark.usefixtures("country_rows")


def wanted(count: int) -> list[Desired]:
    return [desired(sid, "ACME") for sid in sids(count)]


def run(simulator: Simulator, services: list[Any], *, concurrency: int = 8, **more: Any) -> list[Outcome]:
    client = make_client(simulator, concurrency=concurrency, **more.pop("options", {}))
    states = make_all_desired(services, {"alpha_sender": "ACME"}, locate=lambda one: one)
    return reconcile_all(client, states, concurrency=concurrency, **{"check_mode": False, **more})


def sids(count: int) -> list[str]:
    return [mg(number) for number in range(1, count + 1)]


MIXED: list[list[str]] = [[], ["OLD"], ["ACME"], ["Acme"]]


def test_returns_outcomes_in_the_order_given(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED * 25))
    services = [*reversed(sids(100))]
    outcomes = run(simulator, services)
    assert [outcome.desired.slot.service_sid for outcome in outcomes] == services
    assert all(simulator.senders(sid) == ["ACME"] for sid in services)
    assert bulk_result(outcomes)["summary"] == {
        "created": 25, "replaced": 50, "deleted": 0, "unchanged": 25, "failed": 0, "skipped": 0, "total": 100,
    }  # fmt: skip
    assert len(simulator.requests()) == 100 + 25 + 2 * 50


def test_uses_no_more_requests_or_connections_than_workers(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED * 25))
    simulator.latency = 0.005
    before = {entry["connection"] for entry in simulator.journal}
    run(simulator, sids(100), concurrency=5)
    assert max(entry["in_flight"] for entry in simulator.journal) == 5
    assert len({entry["connection"] for entry in simulator.journal} - before) == 5


def test_only_reads_in_check_mode(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED))
    planned = bulk_result(run(simulator, sids(4), check_mode=True))
    assert simulator.requests() == ["GET"] * 4
    done = bulk_result(run(simulator, sids(4)))
    assert planned == done
    assert done["changed"] is True
    assert bulk_result(run(simulator, sids(4)))["changed"] is False


def test_fails_alone_when_a_service_does_not_exist(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED))
    outcomes = run(simulator, [mg(99), *sids(4)])
    assert [outcome.action for outcome in outcomes] == ["failed", "created", "replaced", "unchanged", "replaced"]
    result = bulk_result(outcomes)
    assert result["failed"] is True
    assert result["msg"].splitlines()[1] == "1 of 5 Services failed"
    assert result["msg"].splitlines()[2].startswith(f"{mg(99)}: ")
    assert result["outcomes"][0]["error"]["code"] == 20404


@pytest.mark.parametrize("sid", [None, "AI1", 7, ["AI"]])
def test_fails_alone_when_the_sid_of_a_sender_is_malformed(simulator: Simulator, sid: object) -> None:
    simulator.reset(seed(*MIXED))
    row, *_countries = simulator.service(mg(2)).senders.values()
    row["sid"] = sid
    outcomes = run(simulator, sids(4))
    assert [outcome.action for outcome in outcomes] == ["created", "failed", "unchanged", "replaced"]


def test_names_losses_first_and_counts_the_other_failures(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"], refused=["ACME", "OLD"]))
    text = bulk_result(run(simulator, [*(mg(n) for n in range(90, 96)), mg(1)], concurrency=1))["msg"]
    lines = text.splitlines()
    assert lines[1] == f"7 of 7 Services failed. Lost senders: {mg(1)} 'OLD'"
    assert lines[2].startswith(f"{mg(1)}: ")
    assert lines[-2:] == ["and 4 more, see outcomes", "Changed: OLD → none (1)"]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_sends_wrong_credentials_once_for_each_worker_at_most(simulator: Simulator, concurrency: int) -> None:
    simulator.reset(seed(*MIXED * 25))
    outcomes = run(simulator, sids(100), concurrency=concurrency, options={"auth_token": "f" * 32})
    assert 1 <= len(simulator.requests()) <= concurrency
    counts = bulk_result(outcomes)["summary"]
    assert counts["failed"] == len(simulator.requests())
    assert counts["failed"] + counts["skipped"] == 100


@pytest.mark.parametrize(("max_failures", "started"), [(0, 1), (2, 3), (None, 10)])
def test_stops_when_more_than_max_failures_failed(simulator: Simulator, max_failures: int | None, started: int) -> None:
    simulator.reset(seed())
    outcomes = run(simulator, sids(10), concurrency=1, max_failures=max_failures)
    assert [outcome.action for outcome in outcomes] == ["failed"] * started + ["skipped"] * (10 - started)


def test_does_nothing_without_services(simulator: Simulator) -> None:
    result = bulk_result(run(simulator, []))
    assert simulator.requests() == []
    assert (result["changed"], result["outcomes"], result["msg"]) == (False, [], "0 Services: nothing to do")
    assert "failed" not in result


class TestBugs:
    """A mistake of this collection discards no outcome."""

    def test_names_the_loss_and_keeps_the_other_outcomes(
        self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Client.create

        def create(self: Client, path: str, form: Mapping[str, str]) -> dict[str, Any]:
            return {} if mg(2) in path and 1 / 0 else real(self, path, form)

        monkeypatch.setattr(Client, "create", create)
        simulator.reset(seed([], ["OLD"], ["ACME"]))
        outcomes = run(simulator, sids(3), concurrency=1)
        # A lost sender stops the run.
        assert [outcome.action for outcome in outcomes] == ["created", "failed", "skipped"]
        assert (outcomes[1].lost, outcomes[1].unknown) == ("OLD", True)
        assert "unexpected ZeroDivisionError" in message(outcomes[1])

    def test_fails_each_service_when_nothing_was_written(
        self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Client, "list", lambda *_: 1 / 0)
        simulator.reset(seed(["OLD"], ["OLD"]))
        outcomes = run(simulator, sids(2))
        assert [outcome.action for outcome in outcomes] == ["failed", "failed"]
        assert all("unexpected ZeroDivisionError" in message(outcome) for outcome in outcomes)
        assert [outcome.unknown for outcome in outcomes] == [False, False]

    @pytest.mark.parametrize("threads", [0, 2])
    def test_keeps_all_outcomes_when_progress_raises(
        self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, threads: int
    ) -> None:
        allow_threads(monkeypatch, threads)
        simulator.reset(seed(*[["OLD"]] * 10))
        outcomes = run(simulator, sids(10), progress=lambda _done, _counts: 1 / 0)
        actions = [outcome.action for outcome in outcomes]
        assert set(actions) == {"replaced", "skipped"}
        assert [simulator.senders(sid) for sid in sids(10)] == [
            ["ACME"] if action == "replaced" else ["OLD"] for action in actions
        ]
        assert bulk_result(outcomes)["failed"] is True


def allow_threads(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Only ``count`` more threads can be started, as in a container with a limit of processes."""
    real, left = threading.Thread.start, [count]

    def start(thread: threading.Thread) -> None:
        if left[0] == 0:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_goes_on_with_the_threads_that_can_be_started(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    simulator.reset(seed(*MIXED * 10))
    allow_threads(monkeypatch, threads)
    outcomes = run(simulator, sids(40), concurrency=8)
    assert bulk_result(outcomes)["summary"] == {
        "created": 10, "replaced": 20, "deleted": 0, "unchanged": 10, "failed": 0, "skipped": 0, "total": 40,
    }  # fmt: skip
    assert all(simulator.senders(sid) == ["ACME"] for sid in sids(40))


@pytest.mark.parametrize("threads", [0, 2])
def test_reads_all_with_the_threads_that_can_be_started(
    simulator: Simulator, api: Client, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    simulator.reset(seed(*MIXED))
    allow_threads(monkeypatch, threads)
    found = read_all(api, [desired(sid, None).slot for sid in [*sids(4), mg(99)]], concurrency=4)
    assert [[row["alpha_sender"] for row in rows] for rows in found[:4] if isinstance(rows, list)] == MIXED
    assert isinstance(found[4], ApiError)


def test_names_the_lost_sender_and_skips_the_other_services(simulator: Simulator) -> None:
    simulator.reset(
        seed(*[[f"OLD{n}"] for n in range(9)]), [{"kind": "status", "status": 400, "method": "POST", "count": 99}]
    )
    outcomes = run(simulator, sids(9))
    text = bulk_result(outcomes)["msg"]
    (lost,) = [outcome for outcome in outcomes if outcome.lost is not None]
    sid = lost.desired.slot.service_sid
    assert simulator.senders(sid) == []
    assert f"Lost senders: {sid} {lost.lost!r}" in text
    assert "1 of 9 Services failed, 8 skipped. " in text
    skipped = [message(outcome) for outcome in outcomes if outcome.action == "skipped"]
    assert len(skipped) == 8
    assert all("because the run was stopped" in text for text in skipped)


def test_goes_on_when_the_disk_of_the_progress_is_full(simulator: Simulator) -> None:
    simulator.reset(seed(*MIXED))
    outcomes = run(simulator, sids(4), progress=write_progress("/dev/full", wanted(4), 0))
    assert all(outcome.action != "failed" for outcome in outcomes)


def test_writes_progress_after_each_interval_and_at_the_end(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED))
    path = tmp_path / "progress"
    run(simulator, sids(4), concurrency=1, progress=write_progress(str(path), wanted(4), 0))
    assert without_times(path) == [
        "Desired: ACME for 4 Services",
        "1 of 4 Services done: 1 created, 0 replaced, 0 deleted, 0 unchanged, 0 failed. 3 left",
        "2 of 4 Services done: 1 created, 1 replaced, 0 deleted, 0 unchanged, 0 failed. 2 left",
        "3 of 4 Services done: 1 created, 1 replaced, 0 deleted, 1 unchanged, 0 failed. 1 left",
        "4 of 4 Services done: 1 created, 2 replaced, 0 deleted, 1 unchanged, 0 failed. 0 left",
    ]


def test_does_not_count_skipped_services_as_progress(simulator: Simulator) -> None:
    simulator.reset(seed(*[[]] * 6), [{"kind": "status", "status": 401, "skip": 3, "count": 99}])
    seen: list[int] = []
    outcomes = run(simulator, sids(6), concurrency=1, progress=lambda done, _counts: seen.append(done))
    assert seen == list(range(1, 1 + sum(outcome.action != "skipped" for outcome in outcomes)))


class TestCancellation:
    def test_stops_when_another_thread_receives_the_signal(self, simulator: Simulator) -> None:
        """The system may give a signal to any thread, and Python's handler waits for the main thread to wake."""
        simulator.reset(seed(*[["OLD"]] * 20))
        cancellation = Cancellation()
        cancelled = []

        def progress(done: int, _counts: object) -> None:
            if done == 1:
                signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
                cancelled.append(is_cancelled_within(cancellation, 60))

        before = signal.signal(signal.SIGTERM, lambda *_args: cancellation.cancel())
        try:
            client = make_client(simulator, concurrency=2, cancellation=cancellation)
            wanted = [desired(sid, "ACME") for sid in sids(20)]
            outcomes = reconcile_all(client, wanted, concurrency=2, check_mode=False, progress=progress)
        finally:
            signal.signal(signal.SIGTERM, before)
        assert cancelled == [True]
        assert {outcome.action for outcome in outcomes} == {"replaced", "skipped"}

    @pytest.mark.parametrize(
        ("method", "skip", "refused", "now"),
        [("GET", 0, [], ["OLD"]), ("DELETE", 0, [], []), ("POST", 0, [], ["ACME"]), ("POST", 1, ["ACME"], ["OLD"])],
    )
    def test_reports_what_a_thread_did_that_is_not_done_after_the_grace_period(
        self, simulator: Simulator, method: str, skip: int, refused: list[str], now: list[str], tmp_path: Path
    ) -> None:
        hang = {"kind": "hang", "method": method, "skip": skip, "after": True, "count": 9}
        simulator.reset(seed(["OLD"], ["OLD"], refused=refused), [hang])
        cancellation = Cancellation(grace=0)
        client = make_client(simulator, cancellation=cancellation)
        threads = set(threading.enumerate())
        canceller = threading.Thread(target=cancel_at, args=(simulator, method, skip + 1, cancellation))
        canceller.start()
        begin = time.monotonic()
        with Journal(str(tmp_path)) as journal:
            outcomes = reconcile_all(
                client, [desired(sid, "ACME") for sid in sids(2)], concurrency=1, check_mode=False, journal=journal
            )
        # The timeout of the request is 35 seconds.
        assert time.monotonic() - begin < 30
        assert outcomes[1].action == "skipped"
        entries = Journal(str(tmp_path), check_mode=True).open_entries()
        if method == "GET":
            assert (outcomes[0].action, entries) == ("skipped", [])
        else:
            first = outcomes[0]
            assert (first.action, first.unknown, first.lost, first.after) == ("failed", True, "OLD", None)
            assert "The run was cancelled and ended before this was done" in message(first)
            assert first.changed
            assert [entry.value for entry in entries] == ["OLD"]
        simulator.abort_connections()
        for thread in set(threading.enumerate()) - threads:
            thread.join(30)
        assert simulator.senders(mg(1)) == now
        assert simulator.senders(mg(2)) == ["OLD"]


def cancel_at(simulator: Simulator, method: str, count: int, cancellation: Cancellation) -> None:
    """Cancel the run once the simulator has ``count`` requests of this method."""
    for _time in range(1200):
        if simulator.requests().count(method) >= count:
            time.sleep(0.1)
            break
        time.sleep(0.01)
    cancellation.cancel()


def is_cancelled_within(cancellation: Cancellation, seconds: int) -> bool:
    """Whether it is cancelled in time. A minute is only there to fail instead of hanging."""
    for _time in range(seconds * 20):
        if cancellation.is_set():
            return True
        time.sleep(0.05)
    return False


class TestUnrecovered:
    def test_reports_entries_of_other_services_until_they_have_a_sender(
        self, simulator: Simulator, api: Client, tmp_path: Path
    ) -> None:
        simulator.reset(seed([], ["NEW"]))
        killed = Journal(str(tmp_path))
        for number in (1, 2):
            killed.record(desired(mg(number), None).slot, "OLD", f"AI{number + 100:032x}")
        end_without_cleaning_up(killed)
        with Journal(str(tmp_path)) as journal:
            found = find_unrecovered(api, journal, [], concurrency=2)
        assert [(entry.slot.service_sid, unknown) for entry, unknown in found] == [(mg(1), False)]
        with Journal(str(tmp_path)) as journal:
            assert [entry.slot.service_sid for entry in journal.open_entries()] == [mg(1)]

    def test_does_not_believe_a_listing_that_shows_the_deleted_row(
        self, simulator: Simulator, api: Client, tmp_path: Path
    ) -> None:
        simulator.reset(seed(["OLD"]))
        sid, *_countries = simulator.service(mg(1)).senders
        killed = Journal(str(tmp_path))
        killed.record(desired(mg(1), None).slot, "OLD", sid)
        end_without_cleaning_up(killed)
        with Journal(str(tmp_path)) as journal:
            found = find_unrecovered(api, journal, [], concurrency=2)
        assert [(entry.value, unknown) for entry, unknown in found] == [("OLD", True)]


def end_without_cleaning_up(journal: Journal) -> None:
    """Give up the lock as a killed process does."""
    assert journal._file is not None
    os.close(journal._file)
