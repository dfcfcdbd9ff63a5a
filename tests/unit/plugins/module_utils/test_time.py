# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cancelled run's time, and the thread that watches over answers."""

from __future__ import annotations

import threading
import time

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils import _time
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._time import Cancellation

from simulator import Simulator
from support.account import mg, options, seed


def test_a_cancelled_run_has_its_grace_from_the_first_signal_on() -> None:
    cancellation = Cancellation(grace=100)
    assert not cancellation.is_set()
    assert not cancellation.over()
    before = time.monotonic()
    cancellation.cancel()
    end = cancellation.end
    assert before + 100 <= end <= time.monotonic() + 100
    assert cancellation.is_set()
    assert not cancellation.over()
    cancellation.cancel()
    assert cancellation.end == end
    ended = Cancellation(grace=0)
    ended.cancel()
    assert ended.over()


def test_a_wait_ends_with_the_cancellation() -> None:
    cancellation = Cancellation()
    waiting = threading.Thread(target=cancellation.wait, args=(3600,))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    cancellation.cancel()
    waiting.join()


def test_after_a_cancellation_a_wait_is_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    cancellation = Cancellation()
    cancellation.wait(0.001)
    assert slept == []
    cancellation.cancel()
    for seconds in (0.25, 300):
        cancellation.wait(seconds)
    assert slept == [0.25, 1.0]


def test_the_time_of_a_request_may_be_over_before_it_is_connected() -> None:
    exchange = _time._Exchange(end=1.0, cancellation=Cancellation())
    exchange.close_if_over(0.5)
    assert not exchange.closed
    exchange.close_if_over(1.5)
    assert exchange.closed


def test_the_watchdog_ends_when_there_is_nothing_to_watch_and_begins_anew(simulator: Simulator) -> None:
    simulator.reset(seed(["ACME"]))
    client = Client(make_connection(options(simulator)))
    for _round in range(2):
        client.alpha_senders(mg(1))
        thread = _time._watchdog._thread
        assert thread is not None
        assert thread.daemon
        thread.join()
        assert _time._watchdog._thread is None
        assert not _time._watchdog._exchanges
