# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random faults while a Service is created, updated or deleted, and what must hold.

``make soak`` tries more schedules than ``make test``, with a seed that can be given.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError
from ansible_collections.messaging.twilio.plugins.module_utils._messages import service_message
from ansible_collections.messaging.twilio.plugins.module_utils._service_apply import reconcile_service
from ansible_collections.messaging.twilio.plugins.module_utils._service_plan import DesiredService, differences
from hypothesis import HealthCheck, given, note, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st

from simulator import Simulator
from support.account import mg
from support.client import make_client
from support.service import desired_service, services_seed

SCHEDULES = int(os.environ.get("SCHEDULES", "200"))
SEED = int(os.environ.get("SEED", "0"))
KINDS = {"status", "reset", "cut", "garbage", "echo", "lag", "late", "not_found", "page_links"}
#: How often each kind of fault fired, over all schedules.
fired: Counter[str] = Counter()

methods = st.sampled_from(("GET", "POST", "POST", "DELETE", "DELETE"))
faults = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.just("status"),
            "method": methods,
            "status": st.sampled_from((400, 403, 404, 409, 429, 500, 502)),
            "after": st.booleans(),
            "body": st.sampled_from((None, {"code": 20001}, {"code": 20500}, "<html>")),
            "count": st.sampled_from((1, 1, 2, 9)),
            "skip": st.sampled_from((0, 0, 1)),
        }
    ),
    # Maintenance: the request is not processed.
    st.fixed_dictionaries(
        {
            "kind": st.just("status"),
            "method": methods,
            "status": st.just(503),
            "body": st.just({"code": 21730}),
            "count": st.sampled_from((1, 9)),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(("reset", "cut", "garbage", "echo")),
            "method": methods,
            "after": st.booleans(),
            "count": st.sampled_from((1, 1, 2, 9)),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("lag"),
            "behind": st.integers(1, 3),
            "requests": st.sampled_from((0, 1, 3)),
            "count": st.sampled_from((1, 2, 9)),
        }
    ),
    # A write that is carried out after this many more requests to its Service, 0: after the run.
    st.fixed_dictionaries(
        {
            "kind": st.just("late"),
            "method": st.sampled_from(("POST", "DELETE")),
            "requests": st.sampled_from((0, 1, 2, 3, 5)),
            "answer": st.sampled_from(("reset", "status")),
            "count": st.sampled_from((1, 2)),
        }
    ),
    # The client asks once more after a 404. If that is wrong twice, nobody can know.
    st.fixed_dictionaries({"kind": st.just("not_found"), "method": st.sampled_from(("GET", "POST", "DELETE"))}),
    st.fixed_dictionaries({"kind": st.just("page_links"), "rewrite": st.sampled_from(("relative", "host"))}),
)
properties = st.fixed_dictionaries(
    {},
    optional={
        "usecase": st.sampled_from(("poll", "marketing")),
        "sticky_sender": st.booleans(),
        "fallback_url": st.sampled_from(("", "https://a.example", "https://a.example/x")),
    },
)


@dataclass(frozen=True)
class Schedule:
    """One run: whether the Service exists, what is desired, and what goes wrong."""

    exists: bool
    desired: DesiredService
    faults: list[dict[str, Any]]


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    exists, state = draw(st.booleans()), draw(st.sampled_from(("present", "present", "absent")))
    identity = {"service_sid": mg(1)} if exists and draw(st.booleans()) else {"friendly_name": "Shop"}
    wanted = {} if state == "absent" else draw(properties)
    found = draw(st.lists(faults, min_size=1, max_size=5))
    for fault in found:
        # No API refuses a write that it carries out, and an answer of Twilio with 404 is true if it comes twice.
        if fault["kind"] == "status" and fault["status"] < 500:
            fault["after"] = False
        if fault.get("status") == 404:
            fault.update(method="POST")
    wrong = [fault for fault in found if fault["kind"] == "not_found" and fault["method"] == "GET"]
    found = [fault for fault in found if fault not in wrong] + wrong[:1]
    return Schedule(exists, desired_service(**identity, state=state, **wanted), found)


def shops(simulator: Simulator) -> list[dict[str, Any]]:
    """The Services with the name now."""
    services = [service.resource for service in simulator.account.services.values()]
    return [service for service in services if service["friendly_name"] == "Shop"]


def check_creations(simulator: Simulator) -> None:
    """No second POST creates a Service, unless the first was not processed."""
    posts = [entry for entry in simulator.journal if (entry["method"], entry["path"]) == ("POST", "/v1/Services")]
    assert sum(bool(entry.get("took")) for entry in posts) <= 1
    for entry in posts[:-1]:
        assert entry["status"] in (429, 503), posts


@hypothesis_seed(SEED)
@settings(max_examples=SCHEDULES, suppress_health_check=list(HealthCheck), derandomize=False)
@given(schedules())
def try_schedules(simulator: Simulator, schedule: Schedule) -> None:
    desired = schedule.desired
    start = services_seed(*([{"friendly_name": "Shop"}] if schedule.exists else []))
    start["accounts"][0]["services"].append({"sid": mg(9), "friendly_name": "Other"})
    client = make_client(simulator, max_retries=2)
    simulator.reset(start)
    planned = reconcile_service(client, desired, check_mode=True)

    simulator.reset(start, schedule.faults)
    before = shops(simulator)
    error, outcome = None, None
    try:
        outcome = reconcile_service(client, desired, check_mode=False)
    except ApiError as failure:
        error = failure
    now = shops(simulator)
    note(f"{before} → {now}, desired {desired}, outcome {outcome}, requests {simulator.requests()}")
    pending = bool(simulator.backend.waiting)
    simulator.commit_late()
    fired.update(simulator.fired)

    check_creations(simulator)
    assert mg(9) in simulator.account.services
    if outcome is None:
        # Nothing could be read, so nothing was written.
        assert error is not None
        assert not any(entry["method"] != "GET" for entry in simulator.journal)
    elif outcome.action == "failed":
        assert outcome.error is not None
        assert str(outcome.error) in service_message(outcome)
        if not outcome.unknown:
            assert not pending
            assert now == before
            assert not outcome.changed
    else:
        assert (outcome.action, outcome.changed) == (planned.action, planned.changed)
        assert len(now) == (desired.state == "present")
        for service in now:
            assert differences(desired, service) == {}
            assert outcome.row is not None
            assert outcome.row["sid"] == service["sid"]
            assert differences(desired, outcome.row) == {}

    # The second run, without faults, converges. The third changes nothing.
    simulator.set_faults([])
    second = reconcile_service(client, desired, check_mode=False) if desired.sid is None or shops(simulator) else None
    assert second is None or second.action != "failed"
    assert len(shops(simulator)) == (desired.state == "present")
    if second is not None:
        assert reconcile_service(client, desired, check_mode=False).action == "unchanged"


def test_every_outcome_of_a_service_is_true(simulator: Simulator) -> None:
    try_schedules(simulator)
    print(f"\nseed {SEED}, {SCHEDULES} schedules, faults that fired: {dict(fired.most_common())}")
    if SCHEDULES >= 2000:
        assert set(+fired) >= KINDS
