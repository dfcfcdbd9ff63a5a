# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of runs that are never lost, and the playbook that takes runs back."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from support.account import ACCOUNT_SID, environment, mg, seed
from support.ansible_run import localhost, modules, play, start, until
from support.client import make_client
from support.desired import desired, reconcile_one

APPLY, AUDIT, ROLLBACK = "messaging.twilio.apply", "messaging.twilio.audit", "messaging.twilio.rollback"
ACCOUNTS = [ACCOUNT_SID, "AC" + "0" * 31 + "2", "AC" + "0" * 31 + "3"]
TOKENS = ["0123456789abcdef0123456789abcdef", "2" * 32, "3" * 32]


def senders_of(simulator: Simulator) -> dict[str, tuple[list[str], dict[str, str]]]:
    """What each Service has now: its default sender and those of its countries."""
    accounts = simulator.state.accounts.values()
    return {sid: (simulator.senders(sid), simulator.country_senders(sid)) for one in accounts for sid in one.services}


def three_accounts(count: int) -> dict[str, Any]:
    """A parent and two subaccounts, which share ``count`` Services."""
    kinds: list[Any] = [[], ["OLD"], ["ACME"], ["Acme"], {"": "OLD", "FR": "OLD FR"}, {"DE": "OLD DE"}]
    services = seed(*(kinds[number % len(kinds)] for number in range(count)))["accounts"][0]["services"]
    accounts = [
        {"account_sid": sid, "auth_token": token, "owner": ACCOUNT_SID, "services": services[place::3]}
        for place, (sid, token) in enumerate(zip(ACCOUNTS, TOKENS))
    ]
    return {"accounts": accounts}


def set_by_others(simulator: Simulator, account: int, service_sid: str, sender: str | None) -> None:
    client = make_client(simulator, account_sid=ACCOUNTS[account], auth_token=TOKENS[account])
    reconcile_one(client, desired(service_sid, sender, "present" if sender else "absent"), check_mode=False)


def counts(output: str) -> str:
    """The summary line of a run."""
    found = re.search(r"\d+ (?:senders? of \d+ )?Services?: [^\"'\\]*", output)
    assert found is not None, output
    return found[0]


def names(folder: Path, suffix: str) -> list[str]:
    return sorted(path.name for path in folder.glob(f"*{suffix}") if not path.is_symlink())


def test_marketing_changes_its_mind(simulator: Simulator, tmp_path: Path) -> None:
    count = 800
    failing = [mg(number) for number in (10, 11, 12, 13, 15)]
    faults = [{"kind": "status", "status": 400, "method": "GET", "service": sid, "count": 9} for sid in failing]
    simulator.reset(three_accounts(count), faults)
    before = senders_of(simulator)
    records = tmp_path / "records"
    entries = [{"service_sid": mg(number), "account_sid": ACCOUNTS[(number - 1) % 3]} for number in range(1, count + 1)]
    extra = {
        "alpha_sender_name": "NEWBRAND",
        "alpha_sender_country_senders": {"FR": "NEW FR", "DE": None},
        "alpha_sender_services": entries,
        "alpha_sender_subaccounts": True,
        "alpha_sender_report_path": str(records),
        "alpha_sender_concurrency": 20,
    }
    variables = environment(simulator)
    rollout = play(tmp_path, APPLY, extra=extra, variables=variables)
    assert rollout.status == 2
    assert counts(rollout.output).endswith(" 15 failed")
    assert play(tmp_path, APPLY, "--check", extra=extra, variables=variables).status == 2
    audit = play(tmp_path, AUDIT, extra=extra, variables=variables)
    assert audit.status == 0, audit.output
    simulator.set_faults([])
    failed = [entry for entry in entries if entry["service_sid"] in failing]
    relaunch = play(tmp_path, APPLY, extra={**extra, "alpha_sender_services": failed}, variables=variables)
    assert relaunch.status == 0, relaunch.output
    again = play(tmp_path, APPLY, extra=extra, variables=variables)
    line = f"{3 * count} senders of {count} Services: 0 created, 0 replaced, 0 deleted, {3 * count} unchanged, 0 failed"
    assert line in again.output
    assert {after[0][0] for after in senders_of(simulator).values()} == {"NEWBRAND"}
    assert len(names(records, ".html")) == len(names(records, ".json")) == 5
    assert names(records, ".jsonl") == []

    by_others = {5: "OTHER", 6: "MINE", 700: None}
    for number, sender in by_others.items():
        set_by_others(simulator, (number - 1) % 3, mg(number), sender)
    now = senders_of(simulator)
    back = {"alpha_sender_rollback_from": str(records), "alpha_sender_subaccounts": True}
    checked = play(tmp_path, ROLLBACK, "--check", "--diff", extra=back, variables=variables)
    assert checked.status == 0, checked.output
    assert senders_of(simulator) == now
    assert re.search(r"^NEWBRAND → OLD: \d+$", checked.output, re.MULTILINE)
    rolled_back = play(tmp_path, ROLLBACK, extra=back, variables=variables)
    assert rolled_back.status == 0, rolled_back.output
    assert counts(checked.output).startswith(counts(rolled_back.output))
    assert f"accounts {', '.join(ACCOUNTS)}" in rolled_back.output
    assert counts(rolled_back.output).endswith(" 0 failed, 3 skipped")
    after = senders_of(simulator)
    for number, sender in by_others.items():
        assert f"{mg(number)} was not changed, because it has " in rolled_back.output
        assert after[mg(number)][0] == ([sender] if sender else [])
    assert after == {
        sid: (now[sid][0] if sid in map(mg, by_others) else default, countries)
        for sid, (default, countries) in before.items()
    }


def test_rollback_can_be_rolled_back_and_names_the_account_first(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(["OLD"], [], ["ACME"]))
    extra = {
        "alpha_sender_name": "ACME",
        "alpha_sender_services": [mg(1), mg(2), mg(3)],
        "alpha_sender_report_path": str(tmp_path / "records/rollout.html"),
    }
    assert play(tmp_path, APPLY, extra=extra, variables=environment(simulator)).status == 0
    record = tmp_path / "records/rollout.json"
    back = {"alpha_sender_rollback_from": str(record)}
    run = play(tmp_path, ROLLBACK, extra=back, variables=environment(simulator))
    assert run.status == 0, run.output
    assert f"  Rolling back {record}: 2 changes of apply at " in run.output
    assert f", account {ACCOUNT_SID}\n" in run.output
    assert "2 Services: 0 created, 1 replaced, 1 deleted, 0 unchanged, 0 failed" in run.output
    assert [simulator.senders(mg(number)) for number in (1, 2, 3)] == [["OLD"], [], ["ACME"]]
    # The record of the rollback is in the same directory.
    [second] = (tmp_path / "records").glob("*-rollback-*.json")
    assert f'"Record: {second}"' in run.output
    assert (tmp_path / "records/latest.html").resolve() == second.with_suffix(".html")
    again = play(tmp_path, ROLLBACK, extra=back, variables=environment(simulator))
    assert "2 Services: 0 created, 0 replaced, 0 deleted, 2 unchanged, 0 failed" in again.output
    forward = {"alpha_sender_rollback_from": str(second.with_suffix(".html"))}
    assert play(tmp_path, ROLLBACK, extra=forward, variables=environment(simulator)).status == 0
    assert [simulator.senders(mg(number)) for number in (1, 2, 3)] == [["ACME"]] * 3


def test_record_of_changes_is_never_replaced(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(["OLD"], []))
    extra = {
        "alpha_sender_name": "ACME",
        "alpha_sender_services": [mg(1)],
        "alpha_sender_report_path": str(tmp_path / "rollout.html"),
    }
    variables = environment(simulator)
    first = play(tmp_path, APPLY, extra=extra, variables=variables)
    assert f'"Record: {tmp_path}/rollout.json"' in first.output
    kept = {name: (tmp_path / name).read_bytes() for name in ("rollout.html", "rollout.json")}
    for playbook, *options in ((APPLY,), (APPLY, "--check"), (AUDIT,)):
        run = play(tmp_path, playbook, *options, extra=extra, variables=variables)
        assert run.status == 0, run.output
        assert f"{tmp_path}/rollout has the record of an earlier run, so this run has other names" in run.output
    changing = {**extra, "alpha_sender_services": [mg(2)]}
    assert play(tmp_path, APPLY, extra=changing, variables=variables).status == 0
    assert {name: (tmp_path / name).read_bytes() for name in kept} == kept
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(tmp_path.glob("rollout-*.json"))]
    assert [(one["kind"], one["check_mode"], one["summary"]["total"]) for one in reports] == [
        ("rollout", False, 1),
        ("rollout", True, 1),
        ("audit", False, 1),
        ("rollout", False, 1),
    ]


def test_report_of_a_run_that_changed_nothing_is_replaced(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(["OLD"]))
    extra = {
        "alpha_sender_name": "ACME",
        "alpha_sender_services": [mg(1)],
        "alpha_sender_report_path": str(tmp_path / "rollout.html"),
    }
    for playbook, *options in ((AUDIT,), (APPLY, "--check"), (APPLY,)):
        assert play(tmp_path, playbook, *options, extra=extra, variables=environment(simulator)).status == 0
    assert names(tmp_path, ".json") == ["extra.json", "rollout.json"]
    assert json.loads((tmp_path / "rollout.json").read_text(encoding="utf-8"))["summary"]["replaced"] == 1


@pytest.mark.parametrize("where", ["reports", "reports/", "reports/rollout.html"])
def test_directory_is_created_where_ansible_was_started(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    simulator.reset(seed(["OLD"]))
    monkeypatch.chdir(tmp_path)
    extra = {
        "alpha_sender_name": "ACME",
        "alpha_sender_services": [mg(1)],
        "alpha_sender_report_path": where,
        "alpha_sender_report_mode": "0640",
    }
    run = play(tmp_path, APPLY, extra=extra, variables=environment(simulator))
    assert run.status == 0, run.output
    files = [path for path in (tmp_path / "reports").iterdir() if not path.is_symlink()]
    assert {path.suffix for path in files} == {".html", ".json"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o640}
    for path in files:
        assert f': {path}"' in run.output
    if not where.endswith(".html"):
        assert all(re.fullmatch(rf"\d{{8}}T\d{{6}}Z-apply-{ACCOUNT_SID}\.\w+", path.name) for path in files)


def test_rollback_of_countries_and_of_failures(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(
        seed({"": "OLD", "FR": "OLD FR"}, {"DE": "OLD DE"}, ["OLD"]),
        [{"kind": "reset", "method": "POST", "service": mg(3), "count": 99}],
    )
    before = senders_of(simulator)
    extra = {
        "alpha_sender_services": [
            {"service_sid": mg(1), "alpha_sender": "ACME", "country_senders": {"FR": "ACME FR", "NO": "NO"}},
            {"service_sid": mg(2), "country_senders": {"DE": None}},
            {"service_sid": mg(3), "alpha_sender": "ACME"},
        ],
        "alpha_sender_report_path": str(tmp_path / "records"),
        "alpha_sender_max_retries": 0,
        "alpha_sender_concurrency": 1,
    }
    assert play(tmp_path, APPLY, extra=extra, variables=environment(simulator)).status == 2
    assert senders_of(simulator)[mg(3)] == ([], {})
    simulator.set_faults([])
    back = {"alpha_sender_rollback_from": str(tmp_path / "records")}
    run = play(tmp_path, ROLLBACK, extra=back, variables=environment(simulator))
    assert run.status == 0, run.output
    assert "5 senders of 3 Services: 2 created, 2 replaced, 1 deleted, 0 unchanged, 0 failed" in run.output
    assert senders_of(simulator) == before


def kill(folder: Path, process: Any) -> None:
    """Kill Ansible and the module, which get no chance to write anything."""
    for module in modules(folder):
        os.kill(module, signal.SIGKILL)
    process.kill()
    process.communicate()
    until(lambda: modules(folder) == [])


@pytest.mark.parametrize("deletes", [1, 60])
def test_killed_run_is_rolled_back_from_what_it_left(simulator: Simulator, tmp_path: Path, deletes: int) -> None:
    count = 120
    kinds = [["OLD"], ["Acme"], [], ["ACME"]]
    simulator.reset(seed(*(kinds[number % 4] for number in range(count))))
    simulator.latency = 0.02
    before = senders_of(simulator)
    extra = {
        "alpha_sender_name": "ACME",
        "alpha_sender_services": [mg(number) for number in range(1, count + 1)],
        "alpha_sender_report_path": str(tmp_path / "records"),
        "alpha_sender_concurrency": 5,
    }
    with start(tmp_path, APPLY, extra=extra, variables=environment(simulator)) as process:
        until(lambda: simulator.requests().count("DELETE") >= deletes)
        kill(tmp_path, process)
    simulator.latency = 0
    killed = senders_of(simulator)
    assert killed != before
    [record] = (tmp_path / "records").iterdir()
    assert record.suffix == ".jsonl"
    first = next(sid for sid, now in killed.items() if now == (["ACME"], {}) and before[sid] != now)
    set_by_others(simulator, 0, first, "OTHER")
    back = {"alpha_sender_rollback_from": str(tmp_path / "records")}
    run = play(tmp_path, ROLLBACK, extra=back, variables=environment(simulator))
    assert run.status == 0, run.output
    assert senders_of(simulator) == {**before, first: (["OTHER"], {})}
    assert f"{first} was not changed, because it has the alpha sender 'OTHER' and only_if is 'ACME'" in run.output


def test_module_that_dies_leaves_the_path_of_its_record(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*[["OLD"]] * 50))
    simulator.latency = 0.05
    task = {
        "services": [mg(number) for number in range(1, 51)],
        "alpha_sender": "ACME",
        "report_path": str(tmp_path / "rollout.html"),
    }
    playbook = localhost({"messaging.twilio.alpha_senders": task})
    with start(tmp_path, playbook, variables=environment(simulator)) as process:
        until(lambda: simulator.requests().count("DELETE") > 5)
        for module in modules(tmp_path):
            os.kill(module, signal.SIGKILL)
        output, _nothing = process.communicate()
    assert process.returncode == 2
    assert f"Record: {tmp_path}/rollout.jsonl" in output
    again = play(tmp_path, playbook, variables=environment(simulator))
    assert again.status == 0, again.output
    assert (tmp_path / "rollout.jsonl").exists()
    assert len(list(tmp_path.glob("rollout-*.json"))) == 1


def test_bad_input_leaves_no_record(simulator: Simulator, tmp_path: Path) -> None:
    extra = {
        "alpha_sender_name": "A.B",
        "alpha_sender_services": [mg(1)],
        "alpha_sender_report_path": str(tmp_path / "records"),
    }
    assert play(tmp_path, APPLY, extra=extra, variables=environment(simulator)).status == 2
    assert list((tmp_path / "records").iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, "alpha_sender_rollback_from is missing"),
        ({"alpha_sender_rollback_from": ""}, "alpha_sender_rollback_from is missing"),
        ({"alpha_sender_rollback_from": "/no/such.json"}, "rollback_from must be a file that can be read"),
        ({"alpha_sender_rollback_from": "{folder}"}, "rollback_from must have a record of changes"),
        (
            {"alpha_sender_rollback_from": "{folder}/check.json", "alpha_sender_services": []},
            "rollback_from must not be set together with services",
        ),
        ({"alpha_sender_rollback_from": "{folder}/check.json"}, "a report of an audit or of check mode"),
        ({"alpha_sender_rollback_from": "{folder}/other.json"}, "rollback_from must be a record of a run"),
    ],
)
def test_rollback_refuses_what_is_no_record_before_any_request(
    simulator: Simulator, tmp_path: Path, changed: Mapping[str, Any], message: str
) -> None:
    report = {"schema": "messaging.twilio.report", "version": 2, "kind": "rollout", "check_mode": True, "entries": []}
    (tmp_path / "check.json").write_text(json.dumps(report), encoding="utf-8")
    (tmp_path / "other.json").write_text("[]", encoding="utf-8")
    extra = json.loads(json.dumps(changed).replace("{folder}", str(tmp_path)))
    run = play(tmp_path, ROLLBACK, extra=extra, variables=environment(simulator))
    assert run.status == 2, run.output
    assert message in " ".join(run.output.split())
    assert simulator.requests() == []


def test_record_of_another_account_is_refused_before_any_write(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(three_accounts(6))
    entry = {
        "service_sid": mg(2), "account_sid": ACCOUNTS[1], "iso_country_code": None, "action": "replaced",
        "before": "OLD", "after": "ACME",
    }  # fmt: skip
    report = {
        "schema": "messaging.twilio.report", "version": 2, "kind": "rollout", "check_mode": False,
        "started_at": "2026-01-31T12:00:00Z", "playbook": "apply", "entries": [entry],
    }  # fmt: skip
    (tmp_path / "record.json").write_text(json.dumps(report), encoding="utf-8")
    extra = {"alpha_sender_rollback_from": str(tmp_path / "record.json")}
    run = play(tmp_path, ROLLBACK, extra=extra, variables=environment(simulator))
    assert run.status == 2, run.output
    assert f", account {ACCOUNTS[1]}\n" in run.output
    assert f"belongs to account {ACCOUNTS[1]}, for which there are no credentials" in run.output
    assert set(simulator.requests()) <= {"GET"}
