# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is lost: random Services, wishes, faults, races and cancellations, and what must hold.

``make soak`` tries more schedules than ``make test``, with a seed that can be given.
"""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._converge import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError
from ansible_collections.messaging.twilio.plugins.module_utils._fleet import reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._sender import Wish
from ansible_collections.messaging.twilio.plugins.module_utils._time import Cancellation
from hypothesis import HealthCheck, given, note, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st

from simulator import Simulator
from support.account import mg, options, seed

SCHEDULES = int(os.environ.get("SCHEDULES", "2000"))
SEED = int(os.environ.get("SEED", "0"))
NAMES = ("ACME", "Acme", "OLD", "OTHER")

#: How often each kind of fault fired, over all schedules.
fired: Counter[str] = Counter()

status = st.fixed_dictionaries(
    {
        "kind": st.just("status"),
        "status": st.sampled_from((400, 403, 404, 409, 412, 429, 500, 502, 503)),
        "after": st.booleans(),
        "body": st.sampled_from((None, {"code": 21710}, {"code": 21714}, {"code": 20500}, "<html>")),
    }
)
network = st.fixed_dictionaries({"kind": st.sampled_from(("reset", "cut", "garbage", "echo")), "after": st.booleans()})
writer = st.fixed_dictionaries(
    {
        "kind": st.just("other_writer"),
        "sender": st.sampled_from((*NAMES, None)),
        "method": st.sampled_from(("POST", "DELETE")),
    }
)


@st.composite
def faults(draw: st.DrawFn, services: int) -> dict[str, Any]:
    fault: dict[str, Any] = draw(st.one_of(status, network, writer))
    where = {
        "service": mg(draw(st.integers(1, services))),
        "count": draw(st.sampled_from((1, 1, 1, 2, 9))),
        "skip": draw(st.sampled_from((0, 0, 0, 1, 2))),
    }
    if "method" not in fault:
        where["method"] = draw(st.sampled_from(("GET", "DELETE", "DELETE", "POST", "POST")))
    # A refusal that is made up after the write took is no API's answer.
    if fault["kind"] == "status" and fault["status"] < 500:
        where["after"] = False
    return {**fault, **where}


@dataclass(frozen=True)
class Schedule:
    """One run: what the Services have, what is wanted of them, and what goes wrong."""

    listed: list[list[str]]
    wishes: list[Wish]
    faults: list[dict[str, Any]]
    cancel_at: int | None
    concurrency: int


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    services = draw(st.integers(1, 5))
    listed = draw(
        st.lists(
            st.one_of(
                st.just([]),
                st.lists(st.sampled_from(NAMES), min_size=1, max_size=1),
                st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True),
            ),
            min_size=services,
            max_size=services,
        )
    )
    wishes = []
    for number in range(1, services + 1):
        state = draw(st.sampled_from(("present", "present", "present", "absent")))
        wanted = draw(st.sampled_from(("NEW", "NEW", *NAMES) if state == "present" else (*NAMES, None)))
        wishes.append(desired(mg(number), wanted, state, draw(st.sampled_from((True, True, True, False)))))
    return Schedule(
        listed,
        wishes,
        draw(st.lists(faults(services), min_size=1, max_size=5)),
        draw(st.one_of(st.none(), st.none(), st.integers(1, 8))),
        draw(st.integers(1, 3)),
    )


class Canceller(Client):
    """A client whose run is cancelled when it makes a certain request."""

    def __init__(self, simulator: Simulator, cancel_at: int | None = None) -> None:
        super().__init__(
            make_connection(options(simulator, max_retries=2)),
            concurrency=3,
            cancellation=Cancellation(),
            wait=lambda seconds: None,
        )
        self._left = cancel_at
        self._lock = threading.Lock()

    def _call(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        with self._lock:
            if self._left is not None:
                self._left -= 1
                if self._left == 0:
                    self.cancellation.cancel()
        return super()._call(*args, **kwargs)


def run(
    simulator: Simulator, schedule: Schedule, *, check_mode: bool = False, cancel_at: int | None = None
) -> list[Outcome]:
    client = Canceller(simulator, cancel_at)
    return reconcile_all(client, schedule.wishes, concurrency=schedule.concurrency, check_mode=check_mode)


def others(simulator: Simulator, sid: str) -> set[str]:
    """The senders that another writer gave the Service, or took from it."""
    return {
        str(fault.sender)
        for fault in simulator.faults
        if fault.kind == "other_writer" and fault.fired and fault.service == sid
    }


def check(simulator: Simulator, before: list[str], wish: Wish, outcome: Outcome) -> None:
    """What must hold of one Service after a run, whatever went wrong."""
    sid, now = wish.service_sid, simulator.senders(wish.service_sid)
    raced = others(simulator, sid)
    note(f"{sid}: {before} → {now}, wish {wish}, outcome {outcome}")
    posted = [
        entry["form"]["AlphaSender"]
        for entry in simulator.journal
        if entry.get("took") and entry["method"] == "POST" and sid in entry["path"]
    ]
    gone = [
        entry
        for entry in simulator.journal
        if entry.get("took") and entry["method"] == "DELETE" and sid in entry["path"]
    ]

    # No POST takes twice: whatever was created twice was deleted between.
    assert len(posted) <= len(gone) + bool(not before) + len(raced)
    # Every outcome tells the truth about what is there afterwards, or says that it does not know.
    told = ", ".join(now) or None
    if outcome.action != "skipped" and not outcome.unknown and not raced:
        if outcome.action == "failed" and outcome.before is None and not gone and not posted:
            assert now == before  # it could not even be read
        else:
            assert outcome.after == told
    # The old or the new sender, or the loss is named.
    if not now and wish.state == "present" and before and not raced:
        assert outcome.lost is not None
        assert outcome.lost in before
        assert outcome.lost in str(message(outcome))
        assert "ansible-playbook messaging.twilio.apply" in str(message(outcome))
    # Nothing that the wish does not name is deleted, where there were several or it forbids it.
    if (len(before) > 1 or (wish.state == "present" and not wish.replace)) and not raced:
        named = {wish.alpha_sender} if wish.state == "absent" else set()
        assert set(before) - named <= set(now)
    if outcome.action == "skipped":
        assert now == before or raced
        assert not gone
        assert not posted
    # What changed is what is told to have changed.
    if not raced and not outcome.unknown and outcome.action != "skipped":
        assert outcome.changed == (before != now)
    if outcome.action == "failed":
        assert message(outcome)
        assert outcome.error is not None


@hypothesis_seed(SEED)
@settings(max_examples=SCHEDULES, suppress_health_check=list(HealthCheck), derandomize=False)
@given(schedules())
def try_schedules(simulator: Simulator, schedule: Schedule) -> None:
    start = seed(*schedule.listed)
    # The dry run on the same start, without faults, tells what a real run without faults does.
    simulator.reset(start)
    planned = run(simulator, schedule, check_mode=True)
    assert [simulator.senders(wish.service_sid) for wish in schedule.wishes] == schedule.listed

    simulator.reset(start, schedule.faults)
    outcomes = run(simulator, schedule, cancel_at=schedule.cancel_at)
    fired.update(fault.kind for fault in simulator.faults for _time in range(fault.fired))
    for plan, before, wish, outcome in zip(planned, schedule.listed, schedule.wishes, outcomes):
        check(simulator, before, wish, outcome)
        if outcome.action in ("created", "replaced", "deleted") and not others(simulator, wish.service_sid):
            assert (outcome.action, outcome.before, outcome.after) == (plan.action, plan.before, plan.after)

    # The second run, without faults, converges; the third changes nothing.
    simulator.faults = []
    second = run(simulator, schedule)
    third = run(simulator, schedule)
    for one, two in zip(second, third):
        assert not two.changed
        assert two.action == ("failed" if one.action == "failed" else "unchanged")


def test_nothing_is_lost(simulator: Simulator) -> None:
    try_schedules(simulator)
    print(f"\nseed {SEED}, {SCHEDULES} schedules, faults that fired: {dict(fired)}")
    # Faults that never fire would prove nothing.
    assert {"status", "reset", "cut", "garbage", "echo", "other_writer"} <= set(fired)


def test_bulk_with_random_faults_reconciles_and_posts_once(simulator: Simulator) -> None:
    states: list[list[str]] = [[], ["OLD"], ["ACME"], ["Acme"]]
    simulator.reset(seed(*states * 250))
    simulator.fault_rates = {"reset": 0.05, "status": 0.05, "refused": 0.05}
    wishes = [desired(mg(number), "ACME") for number in range(1, 1001)]
    client = Client(make_connection(options(simulator, max_retries=10)), concurrency=20, wait=lambda seconds: None)
    outcomes = reconcile_all(client, wishes, concurrency=20, check_mode=False)
    simulator.fault_rates = {}
    assert Counter(outcome.action for outcome in outcomes) == {"created": 250, "replaced": 500, "unchanged": 250}
    assert all(simulator.senders(wish.service_sid) == ["ACME"] for wish in wishes)
    took = Counter(entry["path"] for entry in simulator.journal if entry["method"] == "POST" and entry.get("took"))
    assert len(took) == 750
    assert set(took.values()) == {1}
    spoilt = Counter(entry.get("fault") for entry in simulator.journal)
    assert min(spoilt["reset"], spoilt["status"], spoilt["refused"]) > 20


def test_a_failed_reading_is_no_reason_to_write(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "no_key"}])
    with pytest.raises(ApiError):
        Client(make_connection(options(simulator))).alpha_senders(mg(1))
    assert re.fullmatch("(GET)+", "".join(simulator.requests()))
