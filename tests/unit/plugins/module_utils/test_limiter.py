# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limit of the requests in flight: halved, grown, held, and never above the maximum."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.messaging.twilio.plugins.module_utils._limiter import (
    BACKOFF,
    PROBE_AFTER,
    START,
    ConcurrencyLimiter,
)
from hypothesis import given
from hypothesis import strategies as st

from simulator import Simulator
from support.account import mg, seed
from support.client import make_client


def fill(limiter: ConcurrencyLimiter) -> list[int]:
    """Take all free slots."""
    epochs = []
    while limiter._in_flight < limiter._limit:
        epochs.append(limiter.acquire())
    return epochs


def test_starts_low_and_grows_with_each_answer() -> None:
    limiter = ConcurrencyLimiter(100)
    epochs = fill(limiter)
    assert len(epochs) == START
    for epoch in epochs:
        limiter.release(epoch, throttled=False)
    assert len(fill(limiter)) == 2 * START


def test_uses_small_maximum_at_once_and_never_exceeds_it() -> None:
    limiter = ConcurrencyLimiter(10)
    for _round in range(3):
        epochs = fill(limiter)
        assert len(epochs) == 10
        for epoch in epochs:
            limiter.release(epoch, throttled=False)


def test_halves_limit_once_when_several_requests_of_an_epoch_are_throttled() -> None:
    limiter = ConcurrencyLimiter(100)
    epochs = fill(limiter)
    for index, epoch in enumerate(epochs):
        limiter.release(epoch, throttled=index < 5)
    # The other answers of the epoch let the limit grow back to the number that was not refused.
    assert len(fill(limiter)) == START - START // BACKOFF - 4


def test_probes_slowly_above_throttled_limit() -> None:
    limiter = ConcurrencyLimiter(4)
    epochs = fill(limiter)
    limiter.release(epochs.pop(), throttled=True)
    for epoch in epochs:
        limiter.release(epoch, throttled=False)
    assert (limiter._limit, limiter._ceiling) == (3, 3)
    answers = 0
    while limiter._limit == 3:
        limiter.release(limiter.acquire(), throttled=False)
        answers += 1
    assert answers >= PROBE_AFTER * 3 - len(epochs)
    assert limiter._limit == 4


def test_probes_after_exact_number_of_answers_and_never_exceeds_maximum() -> None:
    limiter = ConcurrencyLimiter(4)
    epochs = fill(limiter)
    limiter.release(epochs.pop(), throttled=True)
    for epoch in epochs:
        limiter.release(epoch, throttled=False)

    def answer(times: int) -> tuple[int, int]:
        for _time in range(times):
            limiter.release(limiter.acquire(), throttled=False)
        return limiter._limit, limiter._ceiling

    assert answer(PROBE_AFTER * 3 - limiter._answers - 1) == (3, 3)
    assert answer(1) == (3, 4)
    assert answer(1) == (4, 4)
    assert answer(PROBE_AFTER * 10) == (4, 4)


def test_ignores_throttled_requests_of_earlier_epochs() -> None:
    limiter = ConcurrencyLimiter(100)
    first = fill(limiter)
    limiter.release(first.pop(), throttled=True)
    assert (limiter._limit, limiter._ceiling) == (START // 2, START - START // BACKOFF)
    limiter.release(first.pop(), throttled=True)
    assert (limiter._limit, limiter._ceiling) == (START // 2, START - START // BACKOFF - 1)
    # Two requests of the first epoch are still in flight when the second and the third epoch are throttled.
    while len(first) > 2:
        limiter.release(first.pop(), throttled=False)
    for _epoch in range(2):
        second = fill(limiter)
        limiter.release(second.pop(), throttled=True)
        for epoch in second:
            limiter.release(epoch, throttled=False)
    known = limiter._limit, limiter._ceiling
    limiter.release(first.pop(), throttled=True)
    assert (limiter._limit, limiter._ceiling) == known


def test_waits_for_a_slot_when_all_are_taken() -> None:
    limiter = ConcurrencyLimiter(2)
    epochs = [limiter.acquire(), limiter.acquire()]
    got: list[int] = []
    waiting = threading.Thread(target=lambda: got.append(limiter.acquire()))
    waiting.start()
    waiting.join(0.1)
    assert got == []
    limiter.release(epochs.pop(), throttled=False)
    waiting.join()
    assert len(got) == 1


def test_gives_up_more_when_limit_is_higher_and_grows_by_the_same_step() -> None:
    def shrink(limiter: ConcurrencyLimiter) -> int:
        epochs = fill(limiter)
        limiter.release(epochs.pop(), throttled=True)
        for epoch in epochs:
            limiter.release(epoch, throttled=False)
        return limiter._ceiling

    assert (
        shrink(ConcurrencyLimiter(20)),
        shrink(ConcurrencyLimiter(10)),
        shrink(ConcurrencyLimiter(5)),
        shrink(ConcurrencyLimiter(2)),
    ) == (16, 8, 4, 1)
    for max_limit in (20, 5):
        limiter = ConcurrencyLimiter(max_limit)
        ceiling = shrink(limiter)
        for _round in range(PROBE_AFTER + 1):
            for epoch in fill(limiter):
                limiter.release(epoch, throttled=False)
        assert limiter._ceiling == ceiling + 1


@given(st.integers(1, 100), st.lists(st.booleans(), max_size=300))
def test_always_has_a_slot_and_never_exceeds_maximum(max_limit: int, throttled_requests: list[bool]) -> None:
    limiter = ConcurrencyLimiter(max_limit)
    epochs: list[int] = []
    for throttled in throttled_requests:
        epochs += fill(limiter)
        assert 1 <= len(epochs) <= max_limit
        assert 1 <= limiter._limit <= max_limit
        limiter.release(epochs.pop(0), throttled=throttled)


def test_rollout_finds_limit_of_account(simulator: Simulator) -> None:
    count = 300
    simulator.reset(seed(*[["OLD"]] * count))
    simulator.latency, simulator.limit = 0.002, 20
    client = make_client(simulator, concurrency=100, max_retries=20)

    def replace(number: int) -> None:
        path = f"/v1/Services/{mg(number)}/AlphaSenders"
        [row] = client.list(path, "alpha_senders")
        client.delete(f"{path}/{row['sid']}")
        client.create(path, {"AlphaSender": "ACME"})

    with ThreadPoolExecutor(100) as pool:
        list(pool.map(replace, range(1, count + 1)))
    assert all(simulator.senders(mg(number)) == ["ACME"] for number in range(1, count + 1))
    throttled = sum(entry["status"] == 429 for entry in simulator.journal)
    assert 0 < throttled < len(simulator.journal) / 20
    assert max(entry.get("in_flight", 0) for entry in simulator.journal) <= START + 1
    assert client.requests_sent == len(simulator.journal)


def test_retry_after_holds_every_worker(simulator: Simulator) -> None:
    simulator.reset(
        seed([], []), [{"kind": "status", "status": 429, "headers": {"Retry-After": "200"}, "service": mg(1)}]
    )
    waits: list[float] = []
    client = make_client(simulator, concurrency=2, wait=waits.append)
    client.list(f"/v1/Services/{mg(1)}/AlphaSenders", "alpha_senders")
    # Its own wait, and what is left of it, since this one took no time.
    assert [round(wait) for wait in waits] == [200, 200]
    client.list(f"/v1/Services/{mg(2)}/AlphaSenders", "alpha_senders")
    assert [round(wait) for wait in waits] == [200, 200, 200]
