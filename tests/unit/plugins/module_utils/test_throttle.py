# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests are in flight at once: halved, grown, held, and never more than asked for."""

from __future__ import annotations

import threading

from ansible_collections.messaging.twilio.plugins.module_utils._client import Client, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._fleet import converge_all
from ansible_collections.messaging.twilio.plugins.module_utils._sender import Wish
from ansible_collections.messaging.twilio.plugins.module_utils._throttle import GIVEN_UP, QUIET, START, Throttle
from hypothesis import given
from hypothesis import strategies as st

from simulator import Simulator
from support.account import mg, options, seed


def fill(throttle: Throttle) -> list[int]:
    """Take all slots that there are."""
    tickets = []
    while throttle._in_flight < throttle._limit:
        tickets.append(throttle.acquire())
    return tickets


def test_it_begins_with_a_few_and_grows_with_each_answer() -> None:
    throttle = Throttle(100)
    tickets = fill(throttle)
    assert len(tickets) == START
    for ticket in tickets:
        throttle.release(ticket, refused=False)
    assert len(fill(throttle)) == 2 * START


def test_a_small_concurrency_is_used_at_once_and_never_exceeded() -> None:
    throttle = Throttle(10)
    for _round in range(3):
        tickets = fill(throttle)
        assert len(tickets) == 10
        for ticket in tickets:
            throttle.release(ticket, refused=False)


def test_a_crowd_that_is_refused_halves_it_once_and_tells_what_is_allowed() -> None:
    throttle = Throttle(100)
    tickets = fill(throttle)
    for place, ticket in enumerate(tickets):
        throttle.release(ticket, refused=place < 5)
    # The answers to the rest of the crowd have let it grow back to what was not refused.
    assert len(fill(throttle)) == START - START // GIVEN_UP - 4


def test_beyond_what_was_refused_it_tries_one_more_only_once_in_a_while() -> None:
    throttle = Throttle(4)
    tickets = fill(throttle)
    throttle.release(tickets.pop(), refused=True)
    for ticket in tickets:
        throttle.release(ticket, refused=False)
    assert (throttle._limit, throttle._ceiling) == (3, 3)
    answers = 0
    while throttle._limit == 3:
        throttle.release(throttle.acquire(), refused=False)
        answers += 1
    assert answers >= QUIET * 3 - len(tickets)
    assert throttle._limit == 4


def test_one_more_is_tried_after_exactly_so_many_answers_and_never_beyond_the_concurrency() -> None:
    throttle = Throttle(4)
    tickets = fill(throttle)
    throttle.release(tickets.pop(), refused=True)
    for ticket in tickets:
        throttle.release(ticket, refused=False)

    def answer(times: int) -> tuple[int, int]:
        for _time in range(times):
            throttle.release(throttle.acquire(), refused=False)
        return throttle._limit, throttle._ceiling

    assert answer(QUIET * 3 - throttle._quiet - 1) == (3, 3)
    assert answer(1) == (3, 4)
    assert answer(1) == (4, 4)
    assert answer(QUIET * 10) == (4, 4)


def test_refusals_of_before_the_last_halving_say_nothing_new() -> None:
    throttle = Throttle(100)
    first = fill(throttle)
    throttle.release(first.pop(), refused=True)
    assert (throttle._limit, throttle._ceiling) == (START // 2, START - START // GIVEN_UP)
    throttle.release(first.pop(), refused=True)
    assert (throttle._limit, throttle._ceiling) == (START // 2, START - START // GIVEN_UP - 1)
    # Two of the first crowd are still in flight when the second one is refused, and again the third.
    while len(first) > 2:
        throttle.release(first.pop(), refused=False)
    for _crowd in range(2):
        second = fill(throttle)
        throttle.release(second.pop(), refused=True)
        for ticket in second:
            throttle.release(ticket, refused=False)
    known = throttle._limit, throttle._ceiling
    throttle.release(first.pop(), refused=True)
    assert (throttle._limit, throttle._ceiling) == known


def test_who_is_one_too_many_waits_for_a_slot() -> None:
    throttle = Throttle(2)
    tickets = [throttle.acquire(), throttle.acquire()]
    got: list[int] = []
    waiting = threading.Thread(target=lambda: got.append(throttle.acquire()))
    waiting.start()
    waiting.join(0.1)
    assert got == []
    throttle.release(tickets.pop(), refused=False)
    waiting.join()
    assert len(got) == 1


def test_who_has_more_gives_up_more_and_all_take_the_same_step_up() -> None:
    def refuse(throttle: Throttle) -> int:
        tickets = fill(throttle)
        throttle.release(tickets.pop(), refused=True)
        for ticket in tickets:
            throttle.release(ticket, refused=False)
        return throttle._ceiling

    assert (refuse(Throttle(20)), refuse(Throttle(10)), refuse(Throttle(5)), refuse(Throttle(2))) == (16, 8, 4, 1)
    for most in (20, 5):
        throttle = Throttle(most)
        ceiling = refuse(throttle)
        for _round in range(QUIET + 1):
            for ticket in fill(throttle):
                throttle.release(ticket, refused=False)
        assert throttle._ceiling == ceiling + 1


@given(st.integers(1, 100), st.lists(st.booleans(), max_size=300))
def test_there_is_always_a_slot_and_never_one_too_many(most: int, refusals: list[bool]) -> None:
    throttle = Throttle(most)
    tickets: list[int] = []
    for refused in refusals:
        tickets += fill(throttle)
        assert 1 <= len(tickets) <= most
        assert 1 <= throttle._limit <= most
        throttle.release(tickets.pop(0), refused=refused)


def test_a_fleet_finds_the_limit_of_its_account(simulator: Simulator) -> None:
    count = 1000
    simulator.reset(seed(*[["OLD"]] * count))
    simulator.latency, simulator.limit = 0.002, 20
    client = Client(make_connection(options(simulator, max_retries=20)), concurrency=100, wait=lambda seconds: None)
    outcomes = converge_all(
        client, [Wish(mg(number), "ACME") for number in range(1, count + 1)], concurrency=100, dry_run=False
    )
    assert {outcome.action for outcome in outcomes} == {"replaced"}
    refused = sum(entry["status"] == 429 for entry in simulator.journal)
    assert 0 < refused < len(simulator.journal) / 20
    assert max(entry.get("in_flight", 0) for entry in simulator.journal) <= START + 1


def test_a_retry_after_holds_every_worker(simulator: Simulator) -> None:
    simulator.reset(
        seed([], []), [{"kind": "status", "status": 429, "headers": {"Retry-After": "200"}, "service": mg(1)}]
    )
    waits: list[float] = []
    client = Client(make_connection(options(simulator)), concurrency=2, wait=waits.append)
    client.alpha_senders(mg(1))
    # Its own wait, and what is left of it, since this one took no time.
    assert [round(wait) for wait in waits] == [200, 200]
    client.alpha_senders(mg(2))
    assert [round(wait) for wait in waits] == [200, 200, 200]
