# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is lost: random Services and countries, desired states, faults, races, cancellations, and what must hold.

``make soak`` tries more schedules than ``make test``, with a seed that can be given.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._connection import make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._current import read_slots
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER, COUNTRY_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._results import outcome_fields
from ansible_collections.messaging.twilio.plugins.module_utils._transport import Cancellation
from hypothesis import HealthCheck, given, note, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st

from simulator import Simulator
from support.account import mg, options, seed
from support.client import make_client
from support.desired import desired

SCHEDULES = int(os.environ.get("SCHEDULES", "200"))
SEED = int(os.environ.get("SEED", "0"))
NAMES = ("ACME", "Acme", "OLD", "OTHER")
KINDS = {"status", "reset", "cut", "garbage", "echo", "other_writer", "lag", "late", "not_found", "page_links"}
KINDS |= {"page_repeats", "page_shifts", "refuse_creates"}
Fault = dict[str, Any]

#: How often each kind of fault fired, over all schedules.
fired: Counter[str] = Counter()

methods = st.sampled_from(("GET", "DELETE", "DELETE", "POST", "POST"))
status = st.fixed_dictionaries(
    {
        "kind": st.just("status"),
        "method": methods,
        "status": st.sampled_from((400, 403, 404, 409, 412, 429, 500, 502, 503)),
        "after": st.booleans(),
        "body": st.sampled_from((None, {"code": 21710}, {"code": 21714}, {"code": 20500}, "<html>")),
    }
)
network = st.fixed_dictionaries(
    {"kind": st.sampled_from(("reset", "cut", "garbage", "echo")), "method": methods, "after": st.booleans()}
)
writer = st.fixed_dictionaries(
    {
        "kind": st.just("other_writer"),
        "sender": st.sampled_from((*NAMES, None)),
        "method": st.sampled_from(("POST", "DELETE")),
    }
)
lag = st.fixed_dictionaries(
    {"kind": st.just("lag"), "behind": st.integers(1, 3), "requests": st.sampled_from((0, 0, 1, 3))}
)
# A write that is carried out after this many more requests to its Service, 0: after the run.
late = st.fixed_dictionaries(
    {
        "kind": st.just("late"),
        "method": st.sampled_from(("DELETE", "POST")),
        "requests": st.sampled_from((0, 1, 1, 2, 3, 5)),
        "answer": st.sampled_from(("reset", "status")),
    }
)
late_success = st.fixed_dictionaries(
    {
        "kind": st.just("late"),
        "method": st.just("DELETE"),
        "requests": st.sampled_from((0, 1, 2, 3, 5)),
        "answer": st.just("success"),
    }
)
not_found = st.fixed_dictionaries({"kind": st.just("not_found"), "method": methods})
page = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.just("page_links"),
            "rewrite": st.sampled_from(("relative", "scheme", "host", "port", "parameters")),
        }
    ),
    st.fixed_dictionaries({"kind": st.sampled_from(("page_repeats", "page_shifts"))}),
)


#: The slots of a Service, ``None`` for its default sender.
COUNTRIES = (None, "FR", "GB")
#: How AlphaSenders may list the senders of countries.
SWITCHES = ("alpha_senders_lists_countries", "alpha_senders_hides_countries")


def slots_of(services: int, *, countries: bool) -> list[Slot]:
    """The slots of Services: one of each, or with ``countries`` those of COUNTRIES."""
    return [
        Slot(ALPHA_SENDER, mg(number)) if country is None else Slot(COUNTRY_SENDER, mg(number), country)
        for number in range(1, services + 1)
        for country in (COUNTRIES if countries else (None,))
    ]


@st.composite
def faults(draw: st.DrawFn, slots: list[Slot]) -> Fault:
    fault: Fault = draw(st.one_of(status, network, writer, lag, late, late_success, not_found, page))
    slot = draw(st.sampled_from(slots))
    where = {
        "service": slot.service_sid,
        "resource": slot.resource.path,
        "country": slot.country or "",
        "count": draw(st.sampled_from((1, 1, 1, 2, 9))),
        "skip": draw(st.sampled_from((0, 0, 0, 0, 1, 2))),
    }
    # No API refuses a write that it carries out.
    if fault["kind"] == "status" and fault["status"] < 500:
        where["after"] = False
    return {**fault, **where}


@dataclass(frozen=True)
class Schedule:
    """One run: what the slots have, what is desired, what goes wrong, and the switches that are on."""

    current: list[list[str]]
    desired: list[Desired]
    faults: list[Fault]
    refuse_creates: int | None
    cancel_at: int | None
    concurrency: int
    max_page_size: int
    switches: tuple[str, ...]


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    countries = draw(st.booleans())
    slots = slots_of(draw(st.integers(1, 3 if countries else 5)), countries=countries)
    slots = draw(st.permutations(slots)) if countries else slots
    one: st.SearchStrategy[list[str]] = st.one_of(
        st.just([]), st.just(["OLD"]), st.lists(st.sampled_from(NAMES), min_size=1, max_size=1)
    )
    two = st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True)
    # A country has one sender at most.
    current = [draw(one if slot.country else st.one_of(one, two)) for slot in slots]
    wanted = []
    for slot in slots:
        state = draw(st.sampled_from(("present", "present", "present", "absent")))
        value = draw(st.sampled_from(("NEW", "NEW", *NAMES) if state == "present" else (*NAMES, None)))
        wanted.append(Desired(slot, value, state, draw(st.sampled_from((True, True, True, False)))))
    return Schedule(
        current,
        wanted,
        draw(st.lists(faults(slots), min_size=2, max_size=8)),
        draw(st.one_of(*[st.none()] * 9, st.sampled_from((400, 403, 409, 500)))),
        draw(st.one_of(st.none(), st.none(), st.none(), st.integers(1, 8))),
        draw(st.integers(1, 3)),
        draw(st.sampled_from((1, 1000))),
        SWITCHES[: draw(st.integers(0, 2 if countries else 0))],
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
    simulator: Simulator,
    schedule: Schedule,
    *,
    check_mode: bool = False,
    cancel_at: int | None = None,
    journal: Journal | None = None,
) -> list[Outcome]:
    client = Canceller(simulator, cancel_at)
    return reconcile_all(
        client, schedule.desired, concurrency=schedule.concurrency, check_mode=check_mode, journal=journal
    )


def start_of(schedule: Schedule, **account: Any) -> dict[str, Any]:
    """The account at the start of a run."""
    services: dict[str, dict[str, Any]] = {}
    for names, want in zip(schedule.current, schedule.desired):
        sid, country = want.slot.service_sid, want.slot.country
        service = services.setdefault(sid, {"sid": sid, "alpha_senders": [], "country_senders": {}})
        if country is None:
            service["alpha_senders"] = names
        elif names:
            service["country_senders"][country] = names[0]
    start = seed(**account)
    start["accounts"][0]["services"] = [*services.values()]
    return start


def senders_of(simulator: Simulator, slot: Slot) -> list[str]:
    """What a slot has now."""
    if slot.country is None:
        return simulator.senders(slot.service_sid)
    return [name for country, name in simulator.country_senders(slot.service_sid).items() if country == slot.country]


def requests_of(simulator: Simulator, slot: Slot) -> list[dict[str, Any]]:
    """The requests about a slot. A listing is about the slots of all countries."""
    countries = simulator.service(slot.service_sid).countries
    return [
        entry
        for entry in simulator.journal
        if f"/{slot.service_sid}/{slot.resource.path}" in entry["path"]
        and (
            entry["method"] == "GET"
            or entry.get("form", {}).get("IsoCountryCode") == slot.country
            or (entry["method"] == "DELETE" and countries.get(entry["path"].split("/")[-1]) == slot.country)
        )
    ]


def other_writes(simulator: Simulator, slot: Slot) -> set[str]:
    """The senders that another writer gave the slot, or None for a removal."""
    return {
        str(fault.sender)
        for fault in simulator.faults
        if fault.kind == "other_writer"
        and fault.fired
        and (fault.service, fault.country)
        == (
            slot.service_sid,
            slot.country or "",
        )
    }


def carried_out(simulator: Simulator, method: str, slot: Slot) -> list[dict[str, Any]]:
    return [entry for entry in requests_of(simulator, slot) if entry.get("took") and entry["method"] == method]


def check(simulator: Simulator, before: list[str], want: Desired, outcome: Outcome, journal: Journal) -> None:
    """What must hold of one slot after a run, whatever went wrong."""
    slot = want.slot
    now, raced = senders_of(simulator, slot), other_writes(simulator, slot)
    created, deleted = carried_out(simulator, "POST", slot), carried_out(simulator, "DELETE", slot)
    requests = [entry["method"] for entry in requests_of(simulator, slot)]
    note(f"{slot.key}: {before} → {now}, desired {want}, outcome {outcome}, requests {requests}")
    names = {want.value, *before, *raced}
    assert set(now) <= names

    # No POST is carried out twice: whatever was created twice was deleted between.
    assert len(created) <= len(deleted) + bool(not before) + len(raced)
    check_no_guesses(simulator, slot)
    # Every outcome is true, or says that it is not known.
    if outcome.action != "skipped" and not outcome.unknown and not raced:
        if outcome.action == "failed" and outcome.before is None and not deleted and not created:
            assert now == before  # it could not even be read
        else:
            assert outcome.after == (", ".join(now) or None)
    # A Service has the old or the desired sender, or its loss is named.
    if not now and want.state == "present" and before and not raced:
        assert outcome.lost is not None
        assert outcome.lost in before
        assert outcome.lost in message(outcome)
        assert "ansible-playbook messaging.twilio.apply" in message(outcome)
        assert outcome.fatal
    # No sender is deleted that is not named, if there were several or replace is false.
    if (len(before) > 1 or (want.state == "present" and not want.replace)) and not raced:
        named = {want.value} if want.state == "absent" else set()
        assert set(before) - named <= set(now)
    if outcome.action == "skipped":
        assert now == before or raced
        assert not deleted
        assert not created
    # What changed is what is reported as changed.
    if not raced and not outcome.unknown and outcome.action != "skipped":
        assert outcome.changed == (before != now)
    if outcome.action == "failed":
        assert outcome_fields(outcome)["msg"]
        assert outcome_fields(outcome)["error"]["message"]
    # The journal has what may be lost, and nothing else.
    entry = journal.entry(want.slot)
    if outcome.lost is not None and deleted and not raced:
        assert entry is not None
        assert entry.value == outcome.lost
    if outcome.lost is None and not outcome.unknown:
        assert entry is None


def check_no_guesses(simulator: Simulator, slot: Slot) -> None:
    """Between two POSTs to a slot it was read, unless the first was answered with 429 and so never processed."""
    unread: dict[str, Any] = {"status": 429}
    for entry in requests_of(simulator, slot):
        if entry["method"] == "GET":
            unread = {"status": 429}
        elif entry["method"] == "POST":
            assert unread["status"] == 429, f"{unread}, then {entry}"
            unread = entry


def check_losses(simulator: Simulator, schedule: Schedule) -> None:
    """How many slots a run can cost their sender.

    One, as long as no POST of a desired value was answered with success: replacements go one at a time until then,
    and a lost sender ends the run. After that, as many as are under way at once. Another writer is not counted.
    """
    wanted = [want for want in schedule.desired if want.state == "present"]
    lost = [
        want
        for before, want in zip(schedule.current, schedule.desired)
        if before and want in wanted and not senders_of(simulator, want.slot) and not other_writes(simulator, want.slot)
    ]
    proven = any(
        entry["method"] == "POST" and entry["status"] == 201 and entry["form"].get("AlphaSender") == want.value
        for want in wanted
        for entry in requests_of(simulator, want.slot)
    )
    assert len(lost) <= (schedule.concurrency if proven else 1)


@hypothesis_seed(SEED)
@settings(max_examples=SCHEDULES, suppress_health_check=list(HealthCheck), derandomize=False)
@given(schedules())
def try_schedules(simulator: Simulator, folder: Path, schedule: Schedule) -> None:
    start = start_of(schedule)
    simulator.restore_defaults()
    simulator.max_page_size = schedule.max_page_size
    for switch in schedule.switches:
        setattr(simulator, switch, True)
    # A run in check mode without faults predicts what a real run without faults does.
    simulator.reset(start)
    planned = run(simulator, schedule, check_mode=True)
    assert [senders_of(simulator, want.slot) for want in schedule.desired] == schedule.current

    refuse = schedule.refuse_creates and {"status": schedule.refuse_creates, "code": 21709}
    simulator.reset(start_of(schedule, refuse_creates=refuse), schedule.faults)
    for path in folder.iterdir():
        path.unlink()
    with Journal(str(folder)) as journal:
        outcomes = run(simulator, schedule, cancel_at=schedule.cancel_at, journal=journal)
        simulator.commit_late()
        fired.update(fault.kind for fault in simulator.faults for _time in range(fault.fired))
        fired["refuse_creates"] += simulator.fired["refuse_creates"]
        check_losses(simulator, schedule)
        for plan, before, want, outcome in zip(planned, schedule.current, schedule.desired, outcomes):
            check(simulator, before, want, outcome, journal)
            raced = other_writes(simulator, want.slot)
            if outcome.action in ("created", "replaced", "deleted") and not raced:
                assert (outcome.action, outcome.before, outcome.after) == (plan.action, plan.before, plan.after)

    # The second run, without faults, converges. The third changes nothing.
    simulator.set_faults([])
    simulator.account.refuse_creates = None
    with Journal(str(folder)) as journal:
        journal.claim(want.slot for want in schedule.desired)
        second = run(simulator, schedule, journal=journal)
        assert journal.open_entries() == []
    third = run(simulator, schedule)
    for one, two in zip(second, third):
        assert not two.changed
        assert two.action == ("failed" if one.action == "failed" else "unchanged")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for journals, in memory if possible: each record is synced, which takes 5 ms on a disk."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as path:
        yield Path(path)


def test_nothing_is_lost(simulator: Simulator, folder: Path) -> None:
    try_schedules(simulator, folder)
    print(f"\nseed {SEED}, {SCHEDULES} schedules, faults that fired: {dict(fired.most_common())}")
    # Faults that never fire prove nothing. The rare kinds need more schedules than `make unit` tries.
    if SCHEDULES >= 2000:
        assert set(+fired) >= KINDS


def test_many_services_converge_with_random_faults(simulator: Simulator) -> None:
    states: list[list[str]] = [[], ["OLD"], ["ACME"], ["Acme"]]
    simulator.reset(seed(*states * 100))
    simulator.fault_rates = {"reset": 0.05, "status": 0.05, "refused": 0.05}
    wanted = [desired(mg(number), "ACME") for number in range(1, 401)]
    client = make_client(simulator, concurrency=20, max_retries=10)
    outcomes = reconcile_all(client, wanted, concurrency=20, check_mode=False)
    simulator.fault_rates = {}
    assert Counter(outcome.action for outcome in outcomes) == {"created": 100, "replaced": 200, "unchanged": 100}
    assert all(simulator.senders(want.slot.service_sid) == ["ACME"] for want in wanted)
    posts = Counter(entry["path"] for entry in simulator.journal if entry["method"] == "POST" and entry.get("took"))
    assert len(posts) == 300
    assert set(posts.values()) == {1}
    assert min(simulator.fired[kind] for kind in ("reset", "status", "refused")) > 20


def test_does_not_write_when_reading_fails(simulator: Simulator) -> None:
    simulator.reset(seed(["OLD"]), [{"kind": "no_key"}])
    with pytest.raises(ApiError):
        read_slots(make_client(simulator), [desired(mg(1), None).slot])
    assert re.fullmatch("(GET)+", "".join(simulator.requests()))
