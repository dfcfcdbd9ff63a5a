# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the guide to failures is what happens. ``make fault-table`` writes it anew."""

from __future__ import annotations

import os
import re
from typing import Any

from ansible_collections.messaging.twilio.plugins.module_utils._client import Client, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._converge import Outcome, converge
from ansible_collections.messaging.twilio.plugins.module_utils._sender import Wish

from simulator import Simulator
from support.account import mg, options, seed
from support.ansible_run import ROOT

PAGE = ROOT / "docs/docsite/rst/guide_failures.rst"
SID = mg(1)
HEAD = "   at | what goes wrong | how often | the Service ends with | what is told | requests\n"

#: Where the fault is: the requests it hits, and what has to go wrong before for that request to be made.
STAGES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[str]]] = {
    "reading": ({"method": "GET"}, [], []),
    "DELETE": ({"method": "DELETE"}, [], []),
    "POST": ({"method": "POST"}, [], []),
    "reading back": ({"method": "GET", "skip": 1}, [{"kind": "reset", "method": "POST", "after": True}], []),
    "restoring": ({"method": "POST", "skip": 1}, [], ["ACME"]),
}
FAULTS: dict[str, dict[str, Any]] = {
    "429": {"kind": "status", "status": 429, "body": {"code": 20429}},
    "maintenance, 503 with 21730": {"kind": "status", "status": 503, "body": {"code": 21730}},
    "500, not carried out": {"kind": "status", "status": 500},
    "500, carried out": {"kind": "status", "status": 500, "after": True},
    "connection reset, not carried out": {"kind": "reset"},
    "connection reset, carried out": {"kind": "reset", "after": True},
    "no answer in time": {"kind": "hang", "after": True},
    "answer cut": {"kind": "cut"},
    "answer is no JSON": {"kind": "garbage"},
    "redirect": {"kind": "redirect"},
    "400": {"kind": "status", "status": 400, "body": {"code": 21709}},
    "401": {"kind": "status", "status": 401, "body": {"code": 20003}},
    "403": {"kind": "status", "status": 403, "body": {"code": 70051}},
    "404": {"kind": "status", "status": 404, "body": {"code": 20404}},
    "409": {"kind": "status", "status": 409, "body": {"code": 21710}},
    "somebody else sets OTHER first": {"kind": "other_writer", "sender": "OTHER"},
    "somebody else takes the sender away first": {"kind": "other_writer", "sender": None},
}
READ_ALIKE = ("500, carried out", "connection reset, carried out")


def told(outcome: Outcome) -> str:
    words = [outcome.action]
    words += [f"``restored: {str(outcome.restored).lower()}``"] if outcome.restored else []
    words += [f"``lost: {outcome.lost}``"] if outcome.lost else []
    words += ["``unknown: true``"] if outcome.unknown else []
    words += ["stops the fleet"] if outcome.account_wide else []
    return ", ".join(words)


def rows(simulator: Simulator) -> list[str]:
    made = []
    for stage, (where, before, refused) in STAGES.items():
        for name, fault in FAULTS.items():
            if where["method"] == "GET" and name in READ_ALIKE:
                continue
            for often, count in (("once", 1), ("always", 99)):
                simulator.reset(seed(["OLD"], refused=refused), [*before, {**fault, **where, "count": count}])
                connection = make_connection(
                    options(simulator, max_retries=2, timeout=1 if fault["kind"] == "hang" else 30)
                )
                client = Client(connection, wait=lambda seconds: None)
                outcome = converge(client, Wish(SID, "ACME"), dry_run=False)
                now = ", ".join(simulator.senders(SID)) or "none"
                requests = " ".join(simulator.requests())
                made.append(f"   {stage} | {name} | {often} | {now} | {told(outcome)} | {shortened(requests)}\n")
    return made


def shortened(requests: str) -> str:
    """Repetitions as a count."""
    return re.sub(r"\b(\w+)((?: \1\b)+)", lambda m: f"{m[1]} x{m[2].count(' ') + 1}", requests)


def test_the_table_is_what_happens(simulator: Simulator) -> None:
    table = HEAD + "".join(rows(simulator))
    page = PAGE.read_text(encoding="utf-8")
    start = page.index(HEAD)
    end = page.index("\n\n", start) + 1
    if os.environ.get("WRITE_TABLE"):
        PAGE.write_text(page[:start] + table + page[end:], encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8")[start:].startswith(table + "\n")


def test_no_row_loses_a_sender_unsaid() -> None:
    table = PAGE.read_text(encoding="utf-8").partition(HEAD)[2].partition("\n\n")[0]
    assert table
    for row in table.splitlines():
        _at, name, _often, now, what, _requests = row.split("|")
        if now.strip() == "none":
            assert "``lost: " in what, row
        if "``lost: OLD``" not in what and "somebody else" not in name:
            assert now.strip() in ("OLD", "ACME"), row
