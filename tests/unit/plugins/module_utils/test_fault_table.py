# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of faults in the guide is what happens. ``make fault-table`` writes it again."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Outcome

from simulator import Simulator
from support.account import mg, seed
from support.ansible_run import ROOT
from support.client import make_client
from support.desired import desired, reconcile_one
from support.faults import COUNTS, FAULTS, STAGES

PAGE = ROOT / "docs/docsite/rst/guide_failures.rst"
SID = mg(1)
HEAD = "   request | what goes wrong | how often | the Service ends with | outcome | requests\n"

#: A GET has no effect, so these are the same as other rows.
ONLY_FOR_WRITES = ("500, carried out", "connection reset, carried out", "connection reset, carried out later")


def describe(outcome: Outcome) -> str:
    words = [outcome.action]
    words += [f"``restored: {str(outcome.restored).lower()}``"] if outcome.restored else []
    words += [f"``lost_sender: {outcome.lost}``"] if outcome.lost else []
    words += ["``state_unknown: true``"] if outcome.unknown else []
    words += ["stops the run"] if outcome.fatal else []
    return ", ".join(words)


def make_row(simulator: Simulator, stage: str, name: str, how_often: str) -> str:
    where, before, refused = STAGES[stage]
    fault = FAULTS[name]
    faults = [*before, {**fault, **where, "count": COUNTS[how_often]}]
    simulator.reset(seed(["OLD"], refused=refused), faults)
    client = make_client(simulator, max_retries=2, timeout=1 if fault["kind"] == "hang" else 30)
    outcome = reconcile_one(client, desired(SID, "ACME"), check_mode=False)
    requests = shorten(" ".join(simulator.requests()))
    simulator.commit_late()
    now = ", ".join(simulator.senders(SID)) or "none"
    return f"   {stage} | {name} | {how_often} | {now} | {describe(outcome)} | {requests}\n"


def make_slow_row(*row: str) -> str:
    """A row that waits for timeouts, with a simulator for it alone."""
    with Simulator(seed()) as simulator:
        return make_row(simulator, *row)


def make_rows(simulator: Simulator) -> list[str]:
    rows = [
        (stage, name, how_often)
        for stage, (where, _before, _refused) in STAGES.items()
        for name in FAULTS
        if where["method"] != "GET" or name not in ONLY_FOR_WRITES
        for how_often in COUNTS
    ]
    slow = [row for row in rows if FAULTS[row[1]]["kind"] == "hang"]
    with ThreadPoolExecutor(len(slow)) as pool:
        made = {row: pool.submit(make_slow_row, *row) for row in slow}
        return [made[row].result() if row in made else make_row(simulator, *row) for row in rows]


def shorten(requests: str) -> str:
    """Repetitions as a count."""
    return re.sub(r"\b(\w+)((?: \1\b)+)", lambda m: f"{m[1]} x{m[2].count(' ') + 1}", requests)


def test_table_is_what_happens(simulator: Simulator) -> None:
    table = HEAD + "".join(make_rows(simulator))
    page = PAGE.read_text(encoding="utf-8")
    if os.environ.get("WRITE_TABLE"):
        start = page.index("\n   ", page.index(":delim: |", page.index("Fault by fault"))) + 1
        end = page.index("\n\n", start) + 1
        PAGE.write_text(page[:start] + table + page[end:], encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    assert page[page.index(HEAD) :].startswith(table + "\n")


def test_every_row_reports_a_lost_sender() -> None:
    table = PAGE.read_text(encoding="utf-8").partition(HEAD)[2].partition("\n\n")[0]
    assert table
    for row in table.splitlines():
        _request, name, _how_often, now, outcome, _requests = row.split("|")
        if now.strip() == "none":
            assert "``lost_sender: " in outcome, row
        if "``lost_sender: OLD``" not in outcome and "another writer" not in name:
            assert now.strip() in ("OLD", "ACME"), row
        if "``state_unknown: true``" not in outcome and "``lost_sender: OLD``" not in outcome:
            done = outcome.strip() in ("replaced", "created")
            assert (now.strip() == "ACME") == done or "another writer" in name, row
