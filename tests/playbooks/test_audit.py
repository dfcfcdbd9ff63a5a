# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit: which Service sends as what, and whether it should."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from support.account import environment, mg, named_seed
from support.ansible_run import play, write_inventory

AUDIT = "messaging.twilio.audit"
NAMES = ["Shop UK", "Shop, FR", 'say "hi"', "{{ 1 + 1 }}", ""]
SENDERS = {"Shop UK": ["ACME"], "Shop, FR": ["OLD"], 'say "hi"': ["ACME"]}


@pytest.fixture(autouse=True)
def _five_services(simulator: Simulator) -> None:
    simulator.reset(named_seed(*NAMES, senders=SENDERS))


def test_all_services_of_the_account_and_their_senders(simulator: Simulator, tmp_path: Path) -> None:
    played = play(tmp_path, AUDIT, variables=environment(simulator))
    assert played.status == 0, played.output
    assert '"5 Services: 3 have an alpha sender, 2 have none, 0 could not be read"' in played.output
    assert f'"{mg(1)}  Shop UK        ACME"' in played.output
    assert f'"{mg(4)}  {{{{ 1 + 1 }}}}    -"' in played.output
    assert '"ACME": 2' in played.output
    assert "changed=0" in played.output
    assert simulator.requests() == ["GET"] * 6


@pytest.mark.parametrize(("strict", "status"), [(False, 0), (True, 2)])
def test_a_wish_tells_what_differs_first(simulator: Simulator, tmp_path: Path, strict: bool, status: int) -> None:
    files = {"alpha_sender_audit_json": str(tmp_path / "a.json"), "alpha_sender_audit_csv": str(tmp_path / "a.csv")}
    extra = {"alpha_sender_name": "ACME", "alpha_sender_audit_strict": strict, **files}
    played = play(tmp_path, AUDIT, extra=extra, variables=environment(simulator))
    assert played.status == status, played.output
    line = "5 Services: 3 have an alpha sender, 2 have none, 2 are as wanted, 3 are not, 0 could not be read"
    assert f'"msg": "{line}"' in played.output
    table = [text for text in played.output.splitlines() if "MG0" in text and "  " in text.strip()]
    assert [text.split()[-1].rstrip('",') for text in table[:5]] == ["NO", "NO", "NO", "yes", "yes"]
    assert set(simulator.requests()) == {"GET"}
    told = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    rows = {row["service_sid"]: row for row in told["services"]}
    assert rows[mg(4)] == {
        "service_sid": mg(4), "friendly_name": "{{ 1 + 1 }}", "alpha_sender": None, "wanted": "ACME",
        "matches": False, "msg": None,
    }  # fmt: skip
    assert (told["summary"]["drifted"], told["senders"]) == (3, {"ACME": 2, "OLD": 1})
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert [row["friendly_name"] for row in csv.DictReader(file)] == NAMES
    stats = played.output.partition("CUSTOM STATS")[2]
    assert '"alpha_sender_audit_drifted_left_out": 0' in stats
    assert all(sid in stats for sid in (mg(2), mg(4), mg(5)))


def test_it_agrees_with_a_dry_run_of_apply(simulator: Simulator, tmp_path: Path) -> None:
    sids = [mg(number) for number in range(1, 6)]
    entries: list[Any] = [
        sids[0],
        {"service_sid": sids[1], "replace": False},
        {"service_name": 'say "hi"', "state": "absent"},
    ]
    extra = {"alpha_sender_name": "ACME", "alpha_sender_services": [*entries, *sids[3:], mg(99)]}
    dry = play(tmp_path, "messaging.twilio.apply", "--check", extra=extra, variables=environment(simulator))
    assert "6 Services: 2 created, 0 replaced, 1 deleted, 1 unchanged, 2 failed" in dry.output
    played = play(tmp_path, AUDIT, extra=extra, variables=environment(simulator))
    assert (
        "6 Services: 3 have an alpha sender, 2 have none, 1 are as wanted, 4 are not, 1 could not be read"
        in played.output
    )


def test_hosts_have_wishes_of_their_own_or_none(simulator: Simulator, tmp_path: Path) -> None:
    compose = {"alpha_sender_name": "{'Shop UK': 'ACME', 'Shop, FR': 'ACME'}[twilio_friendly_name]"}
    inventory = write_inventory(tmp_path, compose=compose)
    played = play(tmp_path, AUDIT, "-i", inventory, variables=environment(simulator))
    assert played.status == 0, played.output
    assert "5 Services: 3 have an alpha sender, 2 have none, 1 are as wanted, 1 are not" in played.output
    limited = play(tmp_path, AUDIT, "-i", inventory, "--limit", "Shop_UK", variables=environment(simulator))
    assert "1 Services: 1 have an alpha sender, 0 have none, 1 are as wanted, 0 are not" in limited.output


def test_what_cannot_be_read_is_told_and_is_drift_where_strict(simulator: Simulator, tmp_path: Path) -> None:
    fault = {"kind": "status", "status": 500, "service": mg(3), "count": 99}
    simulator.reset(named_seed(*NAMES, senders=SENDERS), [fault])
    extra = {"alpha_sender_max_retries": 0, "alpha_sender_audit_strict": True}
    played = play(tmp_path, AUDIT, extra=extra, variables=environment(simulator))
    assert played.status == 2
    assert "5 Services: 2 have an alpha sender, 2 have none, 1 could not be read" in played.output


def test_wrong_credentials_are_an_error(simulator: Simulator, tmp_path: Path) -> None:
    simulator.faults = []
    wrong = {**environment(simulator), "TWILIO_AUTH_TOKEN": "wrong"}
    played = play(tmp_path, AUDIT, variables=wrong)
    assert played.status == 2
    assert "Twilio error 20003 (HTTP 401)" in played.output


def test_a_file_that_cannot_be_written_is_told_before_any_request(simulator: Simulator, tmp_path: Path) -> None:
    extra = {"alpha_sender_audit_csv": str(tmp_path / "no/such/folder.csv")}
    played = play(tmp_path, AUDIT, extra=extra, variables=environment(simulator))
    assert played.status == 2
    assert "csv_path: '" in played.output
    assert simulator.requests() == []
