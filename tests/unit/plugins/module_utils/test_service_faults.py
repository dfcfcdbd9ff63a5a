# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of faults of a Service in the guide is what happens. ``make fault-table`` writes it again."""

from __future__ import annotations

import os
import re
from typing import Any

from ansible_collections.messaging.twilio.plugins.module_utils._service_apply import reconcile_service
from ansible_collections.messaging.twilio.plugins.module_utils._service_plan import ServiceOutcome

from simulator import Simulator
from support.ansible_run import ROOT
from support.client import make_client
from support.faults import COUNTS, FAULTS
from support.service import desired_service, services_seed

PAGE = ROOT / "docs/docsite/rst/guide_onboard.rst"
HEAD = "   request | what goes wrong | how often | afterwards | outcome | requests\n"
#: What the account has, what is asked, and the method of the request that fails.
STAGES: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str]] = {
    "create": ([], {"friendly_name": "Shop"}, "POST"),
    "update": ([{"friendly_name": "Shop"}], {"friendly_name": "Shop", "usecase": "poll"}, "POST"),
    "delete": ([{"friendly_name": "Shop"}], {"friendly_name": "Shop", "state": "absent", "force": True}, "DELETE"),
}
#: The faults of the table of faults that a Service has, too. A Service that does not exist is another 404.
NAMES = (
    "429",
    "maintenance, 503 with 21730",
    "500, not carried out",
    "500, carried out",
    "connection reset, not carried out",
    "connection reset, carried out",
    "connection reset, carried out later",
    "answer is not JSON",
    "400",
    "403",
)
SERVICE_FAULTS = {**{name: FAULTS[name] for name in NAMES}, "404": {"kind": "not_found"}}


def afterwards(simulator: Simulator) -> str:
    """What the account has now."""
    services = [service.resource for service in simulator.account.services.values()]
    if not services:
        return "no Service"
    assert len(services) == 1
    return "updated" if services[0]["usecase"] == "poll" else "the Service"


def describe(outcome: ServiceOutcome) -> str:
    return outcome.action + (", ``state_unknown: true``" if outcome.unknown else "")


def make_row(simulator: Simulator, stage: str, name: str, how_often: str) -> str:
    there, asked, method = STAGES[stage]
    simulator.reset(services_seed(*there), [{**SERVICE_FAULTS[name], "method": method, "count": COUNTS[how_often]}])
    client = make_client(simulator, max_retries=2)
    outcome = reconcile_service(client, desired_service(**asked), check_mode=False)
    requests = re.sub(
        r"\b(\w+)((?: \1\b)+)", lambda m: f"{m[1]} x{m[2].count(' ') + 1}", " ".join(simulator.requests())
    )
    simulator.commit_late()
    return f"   {stage} | {name} | {how_often} | {afterwards(simulator)} | {describe(outcome)} | {requests}\n"


def test_table_is_what_happens(simulator: Simulator) -> None:
    rows = [make_row(simulator, stage, name, often) for stage in STAGES for name in SERVICE_FAULTS for often in COUNTS]
    page = PAGE.read_text(encoding="utf-8")
    start = page.index(HEAD) + len(HEAD)
    if os.environ.get("WRITE_TABLE"):
        PAGE.write_text(page[:start] + "".join(rows), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8")[start:] == "".join(rows)


def test_every_row_is_true() -> None:
    table = PAGE.read_text(encoding="utf-8").partition(HEAD)[2]
    assert table
    for line in table.splitlines():
        stage, _name, _often, now, outcome, requests = (cell.strip() for cell in line.split("|"))
        done = {"create": "the Service", "update": "updated", "delete": "no Service"}[stage]
        if "state_unknown" not in outcome:
            assert (now == done) == (outcome == f"{stage}d"), line
        if stage == "create" and "429" not in line and "21730" not in line:
            assert requests.count("POST") == 1, line
            assert "POST x" not in requests, line
