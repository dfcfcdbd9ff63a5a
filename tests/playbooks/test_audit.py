# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit: the alpha sender of each Service, compared with the desired one."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from support.account import ACCOUNT_SID, environment, mg, named_seed
from support.ansible_run import play, write_inventory

AUDIT = "messaging.twilio.audit"
NAMES = ["Shop UK", "Shop, FR", 'say "hi"', "{{ 1 + 1 }}", ""]
SENDERS = {"Shop UK": ["ACME"], "Shop, FR": ["OLD"], 'say "hi"': ["ACME"]}


@pytest.fixture(autouse=True)
def _five_services(simulator: Simulator) -> None:
    simulator.reset(named_seed(*NAMES, senders=SENDERS))


def test_audit_shows_all_services_of_the_account_and_their_senders(simulator: Simulator, tmp_path: Path) -> None:
    run = play(tmp_path, AUDIT, variables=environment(simulator))
    assert run.status == 0, run.output
    assert '"5 Services: 3 with alpha sender, 2 without, 0 unread"' in run.output
    assert f'"{mg(1)}  Shop UK       ACME"' in run.output
    assert f'"{mg(4)}  {{{{ 1 + 1 }}}}   -"' in run.output
    assert '"ACME": 2' in run.output
    assert "changed=0" in run.output
    assert simulator.requests() == ["GET"] * 6


@pytest.mark.parametrize(("fail_on_drift", "status"), [(False, 0), (True, 2)])
def test_services_that_differ_come_first_when_a_sender_is_desired(
    simulator: Simulator, tmp_path: Path, fail_on_drift: bool, status: int
) -> None:
    files = {
        "alpha_sender_audit_json_path": str(tmp_path / "a.json"),
        "alpha_sender_audit_csv_path": str(tmp_path / "a.csv"),
    }
    extra = {"alpha_sender_name": "ACME", "alpha_sender_audit_fail_on_drift": fail_on_drift, **files}
    run = play(tmp_path, AUDIT, extra=extra, variables=environment(simulator))
    assert run.status == status, run.output
    line = "5 Services: 3 with alpha sender, 2 without, 2 as desired, 3 drifted, 0 unread"
    assert f'"{line}"' in run.output
    assert f'"CSV: {tmp_path}/a.csv"' in run.output
    assert f'"JSON: {tmp_path}/a.json"' in run.output
    table = [text for text in run.output.splitlines() if "MG0" in text and "  " in text.strip()]
    assert [text.split()[-1].rstrip('",') for text in table[:5]] == ["NO", "NO", "NO", "yes", "yes"]
    assert set(simulator.requests()) == {"GET"}
    data = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    rows = {row["service_sid"]: row for row in data["rows"]}
    assert rows[mg(4)] == {
        "service_sid": mg(4), "service_name": "{{ 1 + 1 }}", "alpha_sender": None, "desired": "ACME",
        "matches": False, "state": "absent", "msg": None, "account_sid": ACCOUNT_SID, "iso_country_code": None,
    }  # fmt: skip
    assert (data["summary"]["drifted"], data["senders"]) == (3, {"ACME": 2, "OLD": 1})
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert [row["service_name"] for row in csv.DictReader(file)] == NAMES
    stats = run.output.partition("CUSTOM STATS")[2]
    assert '"alpha_sender_audit_drifted_left_out": 0' in stats
    assert all(sid in stats for sid in (mg(2), mg(4), mg(5)))


def test_audit_agrees_with_apply_in_check_mode(simulator: Simulator, tmp_path: Path) -> None:
    sids = [mg(number) for number in range(1, 6)]
    entries: list[Any] = [
        sids[0],
        {"service_sid": sids[1], "replace": False},
        {"service_name": 'say "hi"', "state": "absent"},
    ]
    extra = {"alpha_sender_name": "ACME", "alpha_sender_services": [*entries, *sids[3:], mg(99)]}
    planned = play(tmp_path, "messaging.twilio.apply", "--check", extra=extra, variables=environment(simulator))
    assert "6 Services: 2 created, 0 replaced, 1 deleted, 1 unchanged, 2 failed" in planned.output
    run = play(tmp_path, AUDIT, extra=extra, variables=environment(simulator))
    assert "6 Services: 3 with alpha sender, 2 without, 1 as desired, 4 drifted, 1 unread" in run.output


def test_hosts_have_their_own_desired_sender_or_none(simulator: Simulator, tmp_path: Path) -> None:
    compose = {"alpha_sender_name": "{'Shop UK': 'ACME', 'Shop, FR': 'ACME'}.get(twilio_friendly_name)"}
    inventory = write_inventory(tmp_path, compose=compose)
    run = play(tmp_path, AUDIT, "-i", inventory, variables=environment(simulator))
    assert run.status == 0, run.output
    assert "5 Services: 3 with alpha sender, 2 without, 1 as desired, 1 drifted" in run.output
    limited = play(tmp_path, AUDIT, "-i", inventory, "--limit", "twilio-Shop_UK", variables=environment(simulator))
    assert "1 Service: 1 with alpha sender, 0 without, 1 as desired, 0 drifted" in limited.output


def test_audit_fails_on_drift_when_a_service_cannot_be_read(simulator: Simulator, tmp_path: Path) -> None:
    fault = {"kind": "status", "status": 500, "service": mg(3), "count": 99}
    simulator.reset(named_seed(*NAMES, senders=SENDERS), [fault])
    extra = {"alpha_sender_max_retries": 0, "alpha_sender_audit_fail_on_drift": True}
    run = play(tmp_path, AUDIT, extra=extra, variables=environment(simulator))
    assert run.status == 2
    assert "5 Services: 2 with alpha sender, 2 without, 1 unread" in run.output


def test_audit_fails_when_the_credentials_are_wrong(simulator: Simulator, tmp_path: Path) -> None:
    simulator.faults = []
    wrong = {**environment(simulator), "TWILIO_AUTH_TOKEN": "wrong"}
    run = play(tmp_path, AUDIT, variables=wrong)
    assert run.status == 2
    assert "Twilio error 20003 (HTTP 401)" in run.output


def test_file_that_cannot_be_written_is_refused_before_any_request(simulator: Simulator, tmp_path: Path) -> None:
    extra = {"alpha_sender_audit_csv_path": str(tmp_path / "no/such/folder.csv")}
    run = play(tmp_path, AUDIT, extra=extra, variables=environment(simulator))
    assert run.status == 2
    assert "csv_path must be a file that can be written, got '" in run.output
    assert simulator.requests() == []


def test_published_lists_are_bounded(simulator: Simulator, tmp_path: Path) -> None:
    names = [f"Shop {number}" for number in range(1, 126)]
    senders = {name: [f"S {number % 25}"] for number, name in enumerate(names)}
    # A sender that looks like a template stays a text.
    senders |= {name: ["{{ 60 * 700 }}"] for name in names[:6]}
    simulator.reset(named_seed(*names, senders=senders))
    run = play(tmp_path, AUDIT, extra={"alpha_sender_name": "ACME"}, variables=environment(simulator))
    assert run.status == 0, run.output
    stats = run.output.partition("CUSTOM STATS")[2]
    published = json.loads(stats[stats.index("{") :])
    assert len(published["alpha_sender_audit_drifted"]) == 100
    assert published["alpha_sender_audit_drifted_left_out"] == 25
    counts = published["alpha_sender_audit_senders"]
    assert len(counts) == 21
    assert counts["{{ 60 * 700 }}"] == 6
    assert counts["(others)"] == 125 - sum(count for sender, count in counts.items() if sender != "(others)")
    assert "42000" not in run.output
    assert published["alpha_sender_audit_summary"]["drifted"] == 125
