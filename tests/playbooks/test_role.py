# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role and the playbook apply, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from support.account import environment, mg, seed
from support.ansible_run import localhost, play

APPLY = "messaging.twilio.apply"
AUDIT = "messaging.twilio.audit"
MIXED: list[list[str]] = [[], ["OLD"], ["ACME"], ["Acme"]]
SIDS = [mg(number) for number in range(1, 9)]
VARIABLES = {"alpha_sender_name": "ACME", "alpha_sender_services": SIDS}


def test_apply_sets_all_senders_and_then_changes_nothing(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED * 2))
    extra = {**VARIABLES, "alpha_sender_progress_interval": 0}
    planned = play(tmp_path, APPLY, "--check", "--diff", extra=extra, variables=environment(simulator))
    assert planned.status == 0, planned.output
    assert simulator.requests() == ["GET"] * 8
    first = play(tmp_path, APPLY, "--diff", extra=extra, variables=environment(simulator))
    second = play(tmp_path, APPLY, extra=extra, variables=environment(simulator))
    assert all(simulator.senders(sid) == ["ACME"] for sid in SIDS)
    line = "8 Services: 2 created, 4 replaced, 0 deleted, 2 unchanged, 0 failed"
    check_mode = " (check mode, nothing is changed)"
    for run, suffix in ((planned, check_mode), (first, "")):
        assert f'"{line}{suffix}"' in run.output
        assert f"OLD → ACME: 2\n  {SIDS[1]}\n  {SIDS[5]}\n" in run.output
        change = "Would change" if suffix else "Changed"
        assert f'"{change}: none → ACME (2), OLD → ACME (2), Acme → ACME (2)"' in run.output
        assert run.output.count(" of 8 Services done: ") == 8
        assert (
            f"  8 of 8 Services done: 2 created, 4 replaced, 0 deleted, 2 unchanged, 0 failed. 0 left{suffix}\n"
            in run.output
        )
        assert '"alpha_sender_summary_line": "' + line in run.output
        assert "changed=1 " in run.output
    assert '"msg": "8 Services: 0 created, 0 replaced, 0 deleted, 8 unchanged, 0 failed"' in second.output
    assert "changed=0 " in second.output


def test_headlines_do_not_mention_failure_when_apply_succeeds(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED * 2))
    role = {"hosts": "localhost", "gather_facts": False, "roles": ["messaging.twilio.alpha_sender"]}
    for playbook in (APPLY, AUDIT, [role]):
        run = play(tmp_path, playbook, extra=VARIABLES, variables=environment(simulator))
        assert run.status == 0, run.output
        headlines = [line for line in run.output.splitlines() if line.startswith(("PLAY [", "TASK ["))]
        assert len(headlines) > 3
        assert not [line for line in headlines if "fail" in line.lower() or "error" in line.lower()]


def test_run_fails_with_a_short_message_when_a_service_fails(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED * 2))
    extra = {**VARIABLES, "alpha_sender_services": [mg(99), *SIDS]}
    run = play(tmp_path, APPLY, extra=extra, variables=environment(simulator))
    assert run.status == 2
    line = "9 Services: 2 created, 4 replaced, 0 deleted, 2 unchanged, 1 failed"
    assert f'"{line}"' in run.output
    assert '"1 of 9 Services failed"' in run.output
    assert f'"{mg(99)}: the alpha sender cannot be read' in run.output
    assert all(simulator.senders(sid) == ["ACME"] for sid in SIDS)
    assert "service_sid" not in run.output
    stats = run.output.partition("CUSTOM STATS")[2]
    assert mg(99) in stats
    assert '"alpha_sender_failed_left_out": 0' in stats


BAD: list[tuple[dict[str, object], str]] = [
    (
        {"alpha_sender_services": [*SIDS, "MG12"]},
        "services, entry 9 of 9 must be a Messaging Service SID ('MG' and 32 hexadecimal digits), got 'MG12'",
    ),
    ({"alpha_sender_name": "A.B"}, "got 'A.B': it has the character '.'"),
    ({"alpha_sender_name": False}, "alpha_sender must be a string, got False. Put it in quotes"),
    ({"alpha_sender_concurrency": 0}, "concurrency must be between 1 and 100, got 0"),
    ({"alpha_sender_state": "gone"}, "value of state must be one of: present, absent, got: gone"),
    ({"alpha_sender_progress_interval": -1}, "progress_interval must be 0 or more, got -1"),
    ({"alpha_sender_region": "ie1"}, "edge must be set if region is set, got region 'ie1' alone"),
]


def test_bad_input_is_refused_before_any_request(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED * 2))
    role = {"ansible.builtin.include_role": {"name": "messaging.twilio.alpha_sender", "tasks_from": "apply"}}
    rescue = [{"ansible.builtin.meta": "noop"}]
    tasks = [{"block": [{**role, "vars": {**VARIABLES, **changed}}], "rescue": rescue} for changed, _message in BAD]
    run = play(tmp_path, localhost(*tasks), variables=environment(simulator))
    assert f" rescued={len(BAD)} " in run.output
    for _changed, message in BAD:
        assert message in run.output
    assert simulator.requests() == []


def test_message_names_the_role_variable_when_the_sender_is_missing(simulator: Simulator, tmp_path: Path) -> None:
    run = play(tmp_path, APPLY, extra={"alpha_sender_services": SIDS}, variables=environment(simulator))
    assert run.status == 2
    assert "alpha_sender is missing. Set it (alpha_sender_name in the role)" in run.output
    assert simulator.requests() == []


def test_empty_list_does_nothing(simulator: Simulator, tmp_path: Path) -> None:
    run = play(tmp_path, APPLY, extra={**VARIABLES, "alpha_sender_services": []}, variables=environment(simulator))
    assert run.status == 0
    assert '"msg": "0 Services: nothing to do"' in run.output
    assert simulator.requests() == []


@pytest.mark.parametrize("playbook", [APPLY, AUDIT])
@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("alpha_sender_audit_fail_on_drft", "alpha_sender_audit_fail_on_drift"),
    ],
)
def test_unknown_variable_is_refused_with_the_closest_name(
    simulator: Simulator, tmp_path: Path, playbook: str, name: str, known: str
) -> None:
    run = play(tmp_path, playbook, extra={**VARIABLES, name: "x"}, variables=environment(simulator))
    assert run.status == 2
    assert f"{name} is not a variable of the role. Did you mean {known}?" in run.output
    assert simulator.requests() == []


def test_unknown_variable_of_a_host_is_refused_with_the_name_of_the_host(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed([], [], []))
    hosts: dict[str, dict[str, Any]] = {f"shop_{number}": {"twilio_service_sid": mg(number)} for number in (1, 2, 3)}
    hosts["shop_2"]["alpha_sender_nmae"] = "ACME"
    hosts["shop_3"]["alpha_sender_stat"] = "absent"
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"twilio_services": {"hosts": hosts}}), encoding="utf-8")
    extra = {"alpha_sender_name": "ACME"}
    run = play(tmp_path, APPLY, "-i", str(inventory), extra=extra, variables=environment(simulator))
    assert run.status == 2
    for host, name, known in (
        ("shop_2", "alpha_sender_nmae", "alpha_sender_name"),
        ("shop_3", "alpha_sender_stat", "alpha_sender_state"),
    ):
        assert f"{name} of the host {host} is not a variable of the role. Did you mean {known}?" in run.output
    assert simulator.requests() == []


def test_variables_of_other_roles_and_tasks_are_not_checked(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed([]))
    task = {"messaging.twilio.alpha_senders": {"services": [mg(1)], "alpha_sender": "ACME"}}
    run = play(tmp_path, localhost(task), extra={"alpha_sender_mine": 1}, variables=environment(simulator))
    assert run.status == 0, run.output
    assert simulator.senders(mg(1)) == ["ACME"]


def test_published_variables_are_known_to_the_next_job(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED * 2))
    published: dict[str, Any] = {}
    for playbook in (AUDIT, APPLY, AUDIT, APPLY):
        run = play(tmp_path, playbook, extra={**VARIABLES, **published}, variables=environment(simulator))
        assert run.status == 0, run.output
        stats = run.output.partition("CUSTOM STATS")[2]
        published |= json.loads(stats[stats.index("{") :])
    assert len(published) == 9


def test_role_uses_the_services_of_the_hosts_by_default(simulator: Simulator, tmp_path: Path) -> None:
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
    run = play(tmp_path, playbook, "-i", str(inventory), "--limit", "!s0", variables=environment(simulator))
    assert run.status == 0, run.output
    assert simulator.senders(SIDS[0]) == []
    assert all(simulator.senders(sid) == ["ACME"] for sid in SIDS[1:])
    assert "7 Services: 1 created, 4 replaced, 0 deleted, 2 unchanged, 0 failed" in run.output
    assert simulator.requests().count("GET") == 7


def test_role_fails_without_services_and_hosts(simulator: Simulator, tmp_path: Path) -> None:
    run = play(tmp_path, APPLY, extra={"alpha_sender_name": "ACME"}, variables=environment(simulator))
    assert run.status == 2
    assert "No Services: set alpha_sender_services, or run the play on hosts that have a twilio_service_sid" in (
        run.output
    )
    assert simulator.requests() == []


def test_message_names_the_interpreter_when_requests_is_missing(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests/__init__.py").write_text("raise ImportError('no requests here')\n", encoding="utf-8")
    task = {"messaging.twilio.alpha_sender_info": {"service_sid": mg(1)}, "environment": {"PYTHONPATH": str(tmp_path)}}
    run = play(tmp_path, localhost(task), variables=environment(simulator))
    assert run.status == 2
    assert "Failed to import the required Python library (requests)" in run.output
    assert ".venv/bin/python" in run.output or "bin/python" in run.output


@pytest.mark.parametrize("verified", [True, False])
def test_module_warns_when_certificates_are_not_verified(simulator: Simulator, tmp_path: Path, verified: bool) -> None:
    simulator.reset(seed(["ACME"]))
    task = {"messaging.twilio.alpha_sender_info": {"service_sid": mg(1), "validate_certs": verified}}
    run = play(tmp_path, localhost(task), variables=environment(simulator))
    assert run.status == 0, run.output
    warning = f"validate_certs is false: any server that answers for {simulator.url} gets the credentials"
    assert (warning in " ".join(run.output.split())) is not verified


def test_module_returns_the_error_of_twilio_as_fields(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed([]))
    tasks: list[dict[str, Any]] = [
        {
            "messaging.twilio.alpha_sender_info": {"service_sid": mg(9)},
            "register": "result",
            "ignore_errors": True,
        },
        {"assert": {"that": ["result is failed", "result.error.code == 20404", "result.error.status == 404"]}},
    ]
    run = play(tmp_path, localhost(*tasks), variables=environment(simulator))
    assert run.status == 0, run.output
