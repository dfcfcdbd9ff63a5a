# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts in which the same goes wrong for every Service: at most one of them loses its sender."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._accounts import make_accounts
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._connection import make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER

from simulator import Simulator
from support.account import ACCOUNT_SID, AUTH_TOKEN, mg, options, seed
from support.client import make_client
from support.desired import desired

pytestmark = pytest.mark.usefixtures("country_rows")

#: More than the requests with which a client starts (25), so that some wait for others at any concurrency.
SERVICES = 28
SIDS = [mg(number) for number in range(1, SERVICES + 1)]
Fault = dict[str, Any]
#: Every fault of the table of faults, but those of another writer, and but an answer that never comes, which is the
#: same as a reset connection and takes the timeout each time.
FAULTS: dict[str, Fault] = {
    "429": {"kind": "status", "status": 429, "body": {"code": 20429}},
    "503-21730": {"kind": "status", "status": 503, "body": {"code": 21730}},
    "500": {"kind": "status", "status": 500},
    "500-after": {"kind": "status", "status": 500, "after": True},
    "reset": {"kind": "reset"},
    "reset-after": {"kind": "reset", "after": True},
    "late": {"kind": "late"},
    "cut": {"kind": "cut"},
    "garbage": {"kind": "garbage"},
    "redirect": {"kind": "redirect"},
    "400": {"kind": "status", "status": 400, "body": {"code": 21709}},
    "401": {"kind": "status", "status": 401, "body": {"code": 20003}},
    "403": {"kind": "status", "status": 403, "body": {"code": 70051}},
    "404": {"kind": "status", "status": 404, "body": {"code": 20404}},
    "404-html": {"kind": "status", "status": 404, "body": "<html>"},
    "409": {"kind": "status", "status": 409, "body": {"code": 21710}},
    "412": {"kind": "status", "status": 412, "body": {"code": 21714}},
}


def run(simulator: Simulator, wanted: list[Desired], concurrency: int, **changed: Any) -> list[Outcome]:
    client = make_client(simulator, concurrency=concurrency, **{"max_retries": 1, **changed})
    return reconcile_all(client, wanted, concurrency=concurrency, check_mode=False)


def check_losses(simulator: Simulator, outcomes: list[Outcome], max_lost: int = 1) -> None:
    """At most ``max_lost`` Services have no sender, and each outcome is true or says that it is not known."""
    simulator.commit_late()
    lost = [sid for sid in SIDS if not simulator.senders(sid)]
    assert len(lost) <= max_lost
    for sid, outcome in zip(SIDS, outcomes):
        now = simulator.senders(sid)
        assert now in ([], ["OLD"], ["ACME"])
        if not now:
            assert outcome.lost == "OLD"
        if outcome.action == "skipped":
            # It may not have been read.
            assert now == ["OLD"]
            assert outcome.after in ("OLD", None)
            assert "because the run was stopped" in message(outcome)
        elif not outcome.unknown:
            assert (outcome.after or "") == "".join(now)
    if lost:
        # The run ended.
        assert sum(outcome.action == "skipped" for outcome in outcomes) >= SERVICES - max_lost


@pytest.mark.parametrize("concurrency", [1, 10, 100])
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_loses_one_sender_at_most(simulator: Simulator, method: str, name: str, concurrency: int) -> None:
    simulator.reset(seed(*[["OLD"]] * SERVICES), [{**FAULTS[name], "method": method, "count": 10**6}])
    check_losses(simulator, run(simulator, [desired(sid, "ACME") for sid in SIDS], concurrency))


@pytest.mark.parametrize("name", FAULTS)
def test_loses_one_sender_at_most_when_nothing_can_be_read_back(simulator: Simulator, name: str) -> None:
    """Each Service is read once, then no GET is answered."""
    read_once = [{**FAULTS[name], "method": "GET", "service": sid, "skip": 1, "count": 10**6} for sid in SIDS]
    lost_answer = {"kind": "reset", "method": "POST", "after": True, "count": 10**6}
    simulator.reset(seed(*[["OLD"]] * SERVICES), [lost_answer, *read_once])
    check_losses(simulator, run(simulator, [desired(sid, "ACME") for sid in SIDS], 100))


@pytest.mark.parametrize("concurrency", [1, 10, 100])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500])
def test_loses_one_sender_at_most_when_the_account_refuses_all_creates(
    simulator: Simulator, status: int, concurrency: int
) -> None:
    simulator.reset(seed(*[["OLD"]] * SERVICES, refuse_creates={"status": status, "code": 21709}))
    outcomes = run(simulator, [desired(sid, "ACME") for sid in SIDS], concurrency)
    check_losses(simulator, outcomes)
    assert Counter(outcome.action for outcome in outcomes) == {"failed": 1, "skipped": SERVICES - 1}
    assert sum(simulator.senders(sid) == ["OLD"] for sid in SIDS) == SERVICES - 1


@pytest.mark.parametrize("concurrency", [1, 10, 100])
def test_loses_one_sender_at_most_in_all_accounts(simulator: Simulator, concurrency: int) -> None:
    accounts = [ACCOUNT_SID, *(f"AC{number:032x}" for number in range(2, 5))]
    each = SERVICES // len(accounts)
    seeds = []
    for number, account_sid in enumerate(accounts):
        services = [{"sid": sid, "alpha_senders": ["OLD"]} for sid in SIDS[number * each : (number + 1) * each]]
        credentials = {"account_sid": account_sid, "auth_token": AUTH_TOKEN}
        seeds.append({**credentials, "services": services, "refuse_creates": {"status": 400, "code": 21709}})
    simulator.reset({"accounts": seeds})
    connection = make_connection(options(simulator, max_retries=0))
    client = make_client(simulator, concurrency=concurrency, max_retries=0)
    tokens = {sid: {"auth_token": AUTH_TOKEN} for sid in accounts[1:]}
    wanted = [
        Desired(Slot(ALPHA_SENDER, sid, account_sid=accounts[number // each]), "ACME")
        for number, sid in enumerate(SIDS)
    ]
    everywhere = make_accounts(client, connection, {"accounts": tokens})
    check_losses(simulator, reconcile_all(everywhere, wanted, concurrency=concurrency, check_mode=False))


@pytest.mark.parametrize("concurrency", [1, 10, 100])
def test_restores_every_sender_when_the_desired_one_is_refused(simulator: Simulator, concurrency: int) -> None:
    simulator.reset(seed(*[["OLD"]] * SERVICES, refused=["ACME"]))
    outcomes = run(simulator, [desired(sid, "ACME") for sid in SIDS], concurrency)
    check_losses(simulator, outcomes, max_lost=0)
    assert all(outcome.restored for outcome in outcomes)


@pytest.mark.parametrize("concurrency", [1, 10, 100])
def test_loses_nothing_when_creates_come_first_and_are_refused(simulator: Simulator, concurrency: int) -> None:
    """A Service without a sender risks nothing. The first replacement is the only one that can be lost."""
    half = SERVICES // 2
    simulator.reset(seed(*[[]] * half, *[["OLD"]] * half, refuse_creates={"status": 400, "code": 21709}))
    run(simulator, [desired(sid, "ACME") for sid in SIDS], concurrency)
    assert sum(not simulator.senders(sid) for sid in SIDS[half:]) <= 1


MIXED = [[], ["OLD"], ["ACME"], ["Acme"]]


@pytest.mark.parametrize("concurrency", [1, 10, 100])
def test_sends_the_same_requests_as_one_service_after_the_other(simulator: Simulator, concurrency: int) -> None:
    simulator.reset(seed(*MIXED * (SERVICES // 4)))
    run(simulator, [desired(sid, "ACME") for sid in SIDS], concurrency)
    expected = {0: ["GET", "POST"], 1: ["GET", "DELETE", "POST"], 2: ["GET"], 3: ["GET", "DELETE", "POST"]}
    for place, sid in enumerate(SIDS):
        assert simulator.requests(sid) == expected[place % 4]
    assert len(simulator.requests()) == SERVICES * 9 // 4


def writes(simulator: Simulator, sid: str) -> tuple[float, float]:
    """When the first write to a Service began, and when the last one ended."""
    entries = [entry for entry in simulator.journal if sid in entry["path"] and entry["method"] != "GET"]
    return entries[0]["begin"], entries[-1]["end"]


class TestGate:
    def test_sends_one_replacement_before_the_others(self, simulator: Simulator) -> None:
        simulator.reset(seed(*[["OLD"]] * 40))
        simulator.latency = 0.01
        run(simulator, [desired(sid, "ACME") for sid in SIDS[:40]], 10)
        first, *others = sorted(writes(simulator, sid) for sid in SIDS[:40])
        assert all(begin >= first[1] for begin, _end in others)
        # After it, they overlap.
        assert max(entry["in_flight"] for entry in simulator.journal if entry["method"] != "GET") > 1

    def test_never_overlaps_replacements_before_a_create_succeeded(self, simulator: Simulator) -> None:
        simulator.reset(seed(*[["OLD"]] * 40, refused=["ACME"]))
        run(simulator, [desired(sid, "ACME") for sid in SIDS[:40]], 10)
        spans = sorted(writes(simulator, sid) for sid in SIDS[:40])
        assert all(end <= begin for (_begin, end), (begin, _end) in zip(spans, spans[1:]))

    def test_does_not_hold_up_a_create(self, simulator: Simulator) -> None:
        slow = {"kind": "slow", "method": "POST", "service": mg(1), "seconds": 1.0}
        simulator.reset(seed(["OLD"], *[["OLD"]] * 3, *[[]] * 4), [slow])
        run(simulator, [desired(sid, "ACME") for sid in SIDS[:8]], 8)
        _begin, end = writes(simulator, mg(1))
        assert all(writes(simulator, sid)[1] < end for sid in SIDS[4:8])

    def test_lets_replacements_follow_the_first_create(self, simulator: Simulator) -> None:
        slow = {"kind": "slow", "method": "POST", "service": mg(1), "seconds": 1.0}
        simulator.reset(seed(["OLD"], [], *[["OLD"]] * 6), [slow])
        run(simulator, [desired(sid, "ACME") for sid in SIDS[:8]], 8)
        _begin, end = writes(simulator, mg(1))
        assert all(writes(simulator, sid)[1] < end for sid in SIDS[1:8])


@pytest.mark.parametrize("concurrency", [10, 100])
@pytest.mark.parametrize("value", ["ACME", "THIRD"])
def test_second_rollout_succeeds_although_the_listings_lag(simulator: Simulator, value: str, concurrency: int) -> None:
    simulator.reset(seed(*[["OLD"]] * SERVICES))
    run(simulator, [desired(sid, "ACME") for sid in SIDS], concurrency)
    # A lag of 8 seconds, and the waits of a real run. The clock runs ten times as fast.
    simulator.set_faults([{"kind": "lag", "seconds": 8.0 / 10, "count": 10**6}])
    waited: defaultdict[int, float] = defaultdict(float)

    def wait(seconds: float) -> None:
        waited[threading.get_ident()] += seconds
        time.sleep(seconds / 10)

    client = make_client(simulator, concurrency=concurrency, wait=wait)
    outcomes = reconcile_all(client, [desired(sid, value) for sid in SIDS], concurrency=concurrency, check_mode=False)
    assert max(waited.values(), default=0) < 30
    actions = Counter(outcome.action for outcome in outcomes)
    if value == "ACME":
        assert actions == {"unchanged": SERVICES}
    else:
        # A lagging listing can show the moment between the DELETE and the POST of the first rollout.
        assert actions["replaced"] + actions["created"] == SERVICES
    assert simulator.fired["lag"] >= 1
    assert all(simulator.senders(sid) == [value] for sid in SIDS)
