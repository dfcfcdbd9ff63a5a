# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role and the playbook as users meet them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from support.account import environment, mg, seed
from support.ansible_run import localhost, play

APPLY = "messaging.twilio.apply"
MIXED: list[list[str]] = [[], ["OLD"], ["ACME"], ["Acme"]]
SIDS = [mg(number) for number in range(1, 9)]
WISH = {"alpha_sender_name": "ACME", "alpha_sender_services": SIDS}


def test_apply_brings_all_services_to_their_sender_and_then_changes_nothing(
    simulator: Simulator, tmp_path: Path
) -> None:
    simulator.reset(seed(*MIXED * 2))
    wish = {**WISH, "alpha_sender_batch_size": 3}
    planned = play(tmp_path, APPLY, "--check", "--diff", extra=wish, variables=environment(simulator))
    assert planned.status == 0, planned.output
    assert simulator.requests() == ["GET"] * 8
    first = play(tmp_path, APPLY, "--diff", extra=wish, variables=environment(simulator))
    second = play(tmp_path, APPLY, extra=wish, variables=environment(simulator))
    assert all(simulator.senders(sid) == ["ACME"] for sid in SIDS)
    line = "8 Services: 2 created, 4 replaced, 0 deleted, 2 unchanged, 0 failed"
    dry = " (dry run, nothing is changed)"
    for played, mark in ((planned, dry), (first, "")):
        assert f'"msg": "{line}{mark}"' in played.output
        assert f" {SIDS[1]}:\n-  OLD\n+  ACME\n" in played.output
        assert played.output.count(" of 8 Services done: ") == 3
        assert (
            "  8 of 8 Services done: 2 created, 4 replaced, 0 deleted, 2 unchanged, 0 failed; 0 to go" + mark + "\n"
            in played.output
        )
        assert '"alpha_sender_summary_line": "' + line in played.output
        assert "changed=1 " in played.output
    assert '"msg": "8 Services: 0 created, 0 replaced, 0 deleted, 8 unchanged, 0 failed"' in second.output
    assert "changed=0 " in second.output


def test_a_failed_service_fails_the_run_with_a_short_message(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED * 2))
    played = play(
        tmp_path, APPLY, extra={**WISH, "alpha_sender_services": [mg(99), *SIDS]}, variables=environment(simulator)
    )
    assert played.status == 2
    line = "9 Services: 2 created, 4 replaced, 0 deleted, 2 unchanged, 1 failed"
    assert f'"{line}"' in played.output
    assert '"1 of 9 Services failed"' in played.output
    assert f'"{mg(99)}: its alpha sender could not be read' in played.output
    assert all(simulator.senders(sid) == ["ACME"] for sid in SIDS)
    assert "service_sid" not in played.output
    stats = played.output.partition("CUSTOM STATS")[2]
    assert mg(99) in stats
    assert '"alpha_sender_failed_left_out": 0' in stats


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"alpha_sender_services": [*SIDS, "MG12"]}, "services, entry 9 of 9: 'MG12' is not a Messaging Service's SID"),
        ({"alpha_sender_name": "A.B"}, "alpha_sender: 'A.B' has the character '.'"),
        ({"alpha_sender_name": False}, "alpha_sender: False is not a string, put it in quotes"),
        ({"alpha_sender_concurrency": 0}, "concurrency: 0 is not allowed"),
        ({"alpha_sender_state": "gone"}, "value of state must be one of: present, absent, got: gone"),
        ({"alpha_sender_batch_size": 0}, "progress_every: 0 is not allowed"),
        ({"alpha_sender_region": "ie1"}, "region: 'ie1' without an edge"),
    ],
)
def test_bad_input_is_told_before_any_request(
    simulator: Simulator, tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    simulator.reset(seed(*MIXED * 2))
    played = play(tmp_path, APPLY, extra={**WISH, **changed}, variables=environment(simulator))
    assert played.status == 2
    assert message in played.output
    assert simulator.requests() == []


def test_a_forgotten_sender_is_named_as_the_role_has_it(simulator: Simulator, tmp_path: Path) -> None:
    played = play(tmp_path, APPLY, extra={"alpha_sender_services": SIDS}, variables=environment(simulator))
    assert played.status == 2
    assert "alpha_sender is missing: state 'present' needs to know which (the role has it as" in played.output
    assert simulator.requests() == []


def test_no_services_are_nothing_to_do(simulator: Simulator, tmp_path: Path) -> None:
    played = play(tmp_path, APPLY, extra={**WISH, "alpha_sender_services": []}, variables=environment(simulator))
    assert played.status == 0
    assert '"msg": "0 Services: nothing to do"' in played.output
    assert simulator.requests() == []


def test_a_forgotten_or_misspelt_list_is_an_error(simulator: Simulator, tmp_path: Path) -> None:
    wish = {"alpha_sender_name": "ACME", "alpha_sender_service": SIDS}
    played = play(tmp_path, APPLY, extra=wish, variables=environment(simulator))
    assert played.status == 2
    assert "No Services: give alpha_sender_services, or let the hosts of the play have" in played.output


def test_by_default_the_services_are_those_of_the_plays_hosts(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED * 2))
    inventory = tmp_path / "hosts.ini"
    hosts = [f"s{place} twilio_service_sid={sid}" for place, sid in enumerate(SIDS)]
    local = ["ansible_connection=local", "ansible_python_interpreter={{ ansible_playbook_python }}"]
    inventory.write_text("\n".join(["[all:vars]", *local, "[all]", "none", *hosts]), encoding="utf-8")
    playbook = [
        {
            "hosts": "all",
            "gather_facts": False,
            "roles": [{"role": "messaging.twilio.alpha_sender", "alpha_sender_name": "ACME"}],
        }
    ]
    played = play(tmp_path, playbook, "-i", str(inventory), "--limit", "!s0", variables=environment(simulator))
    assert played.status == 0, played.output
    assert simulator.senders(SIDS[0]) == []
    assert all(simulator.senders(sid) == ["ACME"] for sid in SIDS[1:])
    assert "7 Services: 1 created, 4 replaced, 0 deleted, 2 unchanged, 0 failed" in played.output
    assert simulator.requests().count("GET") == 7


def test_a_missing_requests_is_reported_with_the_interpreter(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests/__init__.py").write_text("raise ImportError('no requests here')\n", encoding="utf-8")
    task = {"messaging.twilio.alpha_sender_info": {"service_sid": mg(1)}, "environment": {"PYTHONPATH": str(tmp_path)}}
    played = play(tmp_path, localhost(task), variables=environment(simulator))
    assert played.status == 2
    assert "Failed to import the required Python library (requests)" in played.output
    assert ".venv/bin/python" in played.output or "bin/python" in played.output


@pytest.mark.parametrize("verified", [True, False])
def test_unverified_certificates_are_warned_of(simulator: Simulator, tmp_path: Path, verified: bool) -> None:
    simulator.reset(seed(["ACME"]))
    task = {"messaging.twilio.alpha_sender_info": {"service_sid": mg(1), "validate_certs": verified}}
    played = play(tmp_path, localhost(task), variables=environment(simulator))
    assert played.status == 0, played.output
    warned = f"validate_certs is false: whoever answers for {simulator.url} gets the credentials"
    assert (warned in " ".join(played.output.split())) is not verified


def test_what_twilio_refused_is_told_in_fields(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed([]))
    tasks: list[dict[str, Any]] = [
        {
            "messaging.twilio.alpha_sender_info": {"service_sid": mg(9)},
            "register": "result",
            "ignore_errors": True,
        },
        {"assert": {"that": ["result is failed", "result.error.code == 20404", "result.error.status == 404"]}},
    ]
    played = play(tmp_path, localhost(*tasks), variables=environment(simulator))
    assert played.status == 0, played.output
