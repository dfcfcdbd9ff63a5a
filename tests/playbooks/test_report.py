# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: when it is written, where, with which mode, and what it contains."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from support.account import ACCOUNT_SID, AUTH_TOKEN, environment, mg, named_seed, seed
from support.ansible_run import localhost, modules, play, start, until, write_inventory
from support.hostile import NAMES

APPLY, AUDIT = "messaging.twilio.apply", "messaging.twilio.audit"
MIXED: list[list[str]] = [[], ["OLD"], ["ACME"], ["Acme"]]
SIDS = [mg(number) for number in range(1, 5)]


def variables(folder: Path, **more: Any) -> dict[str, Any]:
    report = str(folder / "rollout.html")
    return {"alpha_sender_name": "ACME", "alpha_sender_services": SIDS, "alpha_sender_report_path": report, **more}


def read(folder: Path) -> tuple[dict[str, Any], str]:
    """The JSON and the page. Checks that the page has the same JSON, and that no temporary file is left."""
    data = json.loads((folder / "rollout.json").read_text(encoding="utf-8"))
    page = (folder / "rollout.html").read_text(encoding="utf-8")
    inside = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert inside is not None
    assert json.loads(inside[1]) == data
    assert not list(folder.glob(".*rollout*"))
    return data, page


def test_rollout_writes_a_page_and_its_data(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED))
    run = play(tmp_path, APPLY, extra=variables(tmp_path), variables=environment(simulator))
    assert run.status == 0, run.output
    data, page = read(tmp_path)
    assert (data["schema"], data["version"], data["kind"]) == ("messaging.twilio.report", 2, "rollout")
    assert data["check_mode"] is False
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", data["started_at"])
    assert data["seconds"] > 0
    assert data["requests"] == len(simulator.requests()) == 4 + 1 + 2 * 2
    assert data["requests_per_second"] == round(data["requests"] / data["seconds"], 1)
    assert data["desired"] == [
        {"alpha_sender": "ACME", "iso_country_code": None, "state": "present", "replace": True, "services": 4}
    ]
    assert [entry["action"] for entry in data["entries"]] == ["created", "replaced", "unchanged", "replaced"]
    assert [entry["before"] for entry in data["entries"]] == [None, "OLD", "ACME", "Acme"]
    assert (data["senders"], data["without_sender"], data["unknown"]) == ({"ACME": 4}, 0, 0)
    assert data["summary"] == {
        "created": 1, "replaced": 2, "deleted": 0, "unchanged": 1, "failed": 0, "skipped": 0, "total": 4,
    }  # fmt: skip
    assert data["summary_line"] == "4 Services: 1 created, 2 replaced, 0 deleted, 1 unchanged, 0 failed"
    assert "Check mode" not in page
    assert f'"Report: {tmp_path}/rollout.html"' in run.output
    assert '"4 Services: 1 created, 2 replaced, 0 deleted, 1 unchanged, 0 failed",' in run.output


def test_rollout_without_a_report_ends_with_the_changes(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED))
    extra = {"alpha_sender_name": "ACME", "alpha_sender_services": SIDS}
    run = play(tmp_path, APPLY, extra=extra, variables=environment(simulator))
    assert '"4 Services: 1 created, 2 replaced, 0 deleted, 1 unchanged, 0 failed"' in run.output
    assert re.search(r'"Changed: [^"]*"\n +\]', run.output)
    assert not list(tmp_path.glob("*.html"))


def test_report_of_check_mode_says_so_first(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED))
    checked = play(tmp_path, APPLY, "--check", extra=variables(tmp_path), variables=environment(simulator))
    assert checked.status == 0, checked.output
    assert set(simulator.requests()) == {"GET"}
    planned, page = read(tmp_path)
    assert "<strong>Check mode: nothing was changed.</strong>" in page
    assert "<title>Check mode: " in page
    play(tmp_path, APPLY, extra=variables(tmp_path), variables=environment(simulator))
    done, _page = read(tmp_path)
    assert (planned["check_mode"], done["check_mode"]) == (True, False)
    assert planned["entries"] == done["entries"]


def test_report_has_failed_lost_and_restored_senders(simulator: Simulator, tmp_path: Path) -> None:
    known = seed(["OLD"], ["O & M"], [], refused=["ACME"])
    # Restoring the old sender of the second Service is refused too.
    simulator.reset(known, [{"kind": "status", "status": 400, "method": "POST", "service": mg(2), "count": 99}])
    # The lost sender ends the rollout, so its Service comes last.
    extra = variables(tmp_path, alpha_sender_services=[mg(1), mg(3), mg(99), mg(2)], alpha_sender_concurrency=1)
    run = play(tmp_path, APPLY, extra=extra, variables=environment(simulator))
    assert run.status == 2
    assert f'"Report: {tmp_path}/rollout.html"' in run.output
    assert "\"4 of 4 Services failed. Lost senders: MG00000000000000000000000000000002 'O & M'\"" in run.output
    data, page = read(tmp_path)
    first, third, fourth, second = data["entries"]
    assert (first["restored"], first["lost_sender"], first["after"], first["error"]["code"]) == (
        True,
        None,
        "OLD",
        21709,
    )
    assert (second["restored"], second["lost_sender"], second["after"]) == (False, "O & M", None)
    assert (third["restored"], third["lost_sender"]) == (False, None)
    assert (fourth["error"]["code"], fourth["error"]["status"]) == (20404, 404)
    assert data["message"].splitlines()[1].startswith("4 of 4 Services failed")
    assert (data["senders"], data["without_sender"], data["unknown"]) == ({"OLD": 1}, 1, 2)
    assert '<option value="lost">sender lost (1)</option>' in page
    # The command restores the sender.
    words = shlex.split(second["recovery_command"])
    assert words[:2] == ["ansible-playbook", APPLY]
    simulator.faults = []
    assert play(tmp_path, APPLY, *words[2:], variables=environment(simulator)).status == 0
    assert simulator.senders(mg(2)) == ["O & M"]


@pytest.mark.parametrize("why", ["max_failures", "401"])
def test_stopped_run_has_a_report(simulator: Simulator, tmp_path: Path, why: str) -> None:
    simulator.reset(seed(*MIXED))
    settings = environment(simulator)
    extra = variables(tmp_path, alpha_sender_concurrency=1)
    if why == "401":
        settings["TWILIO_AUTH_TOKEN"] = "wrong"
    else:
        extra |= {"alpha_sender_max_failures": 0, "alpha_sender_services": [mg(99), *SIDS]}
    assert play(tmp_path, APPLY, extra=extra, variables=settings).status == 2
    data, page = read(tmp_path)
    skipped = data["summary"]["skipped"]
    assert data["summary"]["failed"] == 1
    assert data["summary"]["skipped"] == len(extra["alpha_sender_services"]) - 1
    assert f"<strong>{skipped} of {skipped + 1} Services were skipped.</strong>" in page
    assert data["entries"][0]["error"]["status"] == (401 if why == "401" else 404)


@pytest.mark.parametrize("playbook", [APPLY, AUDIT])
def test_run_that_failed_before_the_first_service_has_a_report(
    simulator: Simulator, tmp_path: Path, playbook: str
) -> None:
    simulator.reset(named_seed("Shop"))
    extra = variables(tmp_path, alpha_sender_services=[{"service_name": "Shop"}])
    settings = {**environment(simulator), "TWILIO_AUTH_TOKEN": "wrong"}
    (tmp_path / "rollout.html").write_text("of yesterday", encoding="utf-8")
    assert play(tmp_path, playbook, extra=extra, variables=settings).status == 2
    data, page = read(tmp_path)
    assert data["entries"] == []
    assert "Twilio error 20003 (HTTP 401)" in data["message"]
    assert "The run failed before the first Service" in page


def test_cancelled_module_has_a_report(simulator: Simulator, tmp_path: Path) -> None:
    sids = [mg(number) for number in range(1, 101)]
    simulator.reset(seed(*[["OLD"]] * len(sids)))
    simulator.latency = 0.2
    task = {"services": sids, "alpha_sender": "ACME", "report_path": str(tmp_path / "rollout.html")}
    with start(
        tmp_path, localhost({"messaging.twilio.alpha_senders": task}), variables=environment(simulator)
    ) as playbook:
        until(lambda: "DELETE" in simulator.requests())
        for process in modules(tmp_path):
            os.kill(process, signal.SIGTERM)
        playbook.communicate()
    data, page = read(tmp_path)
    assert data["summary"]["replaced"] > 0
    assert data["summary"]["skipped"] > 0
    assert "The run was cancelled." in data["message"]
    assert " Services were skipped.</strong>" in page


@pytest.mark.parametrize("form", ["apply", "roles"])
def test_inventory_has_one_report_for_all_hosts(simulator: Simulator, tmp_path: Path, form: str) -> None:
    simulator.reset(named_seed(*NAMES), [{"kind": "status", "status": 400, "service": mg(2), "count": 9}])
    role = {"role": "messaging.twilio.alpha_sender"}
    playbook: Any = APPLY if form == "apply" else [{"hosts": "all", "gather_facts": False, "roles": [role]}]
    extra = {"alpha_sender_name": "ACME", "alpha_sender_report_path": str(tmp_path / "rollout.html")}
    run = play(tmp_path, playbook, "-i", write_inventory(tmp_path), extra=extra, variables=environment(simulator))
    assert run.status == 2
    assert "1 of" in run.output
    data, page = read(tmp_path)
    assert [entry["service_name"] for entry in data["entries"]] == NAMES
    assert all(entry["host"] for entry in data["entries"])
    assert data["summary"]["failed"] == 1
    assert not any(name in page for name in NAMES if "<" in name)
    assert page.count("</script>") == 3


def test_report_has_names_that_were_looked_up(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed("Shop", "Shop UK"))
    extra = variables(tmp_path, alpha_sender_services=[{"service_name": "Shop UK"}, mg(1)])
    assert play(tmp_path, APPLY, extra=extra, variables=environment(simulator)).status == 0
    data, _page = read(tmp_path)
    assert [entry["service_name"] for entry in data["entries"]] == ["Shop UK", "Shop"]
    assert len(simulator.requests()) == data["requests"] == 5


def test_audit_has_a_report(simulator: Simulator, tmp_path: Path) -> None:
    fault = {"kind": "status", "status": 400, "service": mg(4), "count": 9}
    simulator.reset(named_seed("A", "B", "C", "D", senders={"A": ["ACME"], "B": ["OLD"]}), [fault])
    extra = {"alpha_sender_name": "ACME", "alpha_sender_report_path": str(tmp_path / "rollout.html")}
    run = play(tmp_path, AUDIT, extra=extra, variables=environment(simulator))
    assert run.status == 0, run.output
    assert f'"Report: {tmp_path}/rollout.html"' in run.output
    data, _page = read(tmp_path)
    assert data["kind"] == "audit"
    assert data["requests"] == len(simulator.requests())
    assert data["summary"] == {"matching": 1, "drifted": 2, "only_read": 0, "unread": 1, "total": 4}
    assert data["desired"] == [{"alpha_sender": "ACME", "iso_country_code": None, "state": "present", "services": 3}]
    assert (data["senders"], data["without_sender"], data["unknown"]) == ({"ACME": 1, "OLD": 1}, 1, 1)


@pytest.mark.parametrize("playbook", [APPLY, AUDIT])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"alpha_sender_report_path": "no/such/folder/rollout.html"}, "report_path must be a path that can be written"),
        ({"alpha_sender_report_mode": 644}, "report_mode must be a zero and three octal digits in quotes"),
    ],
)
def test_path_or_mode_is_refused_before_any_request(
    simulator: Simulator, tmp_path: Path, playbook: str, changed: dict[str, Any], message: str
) -> None:
    extra = variables(tmp_path, **changed)
    run = play(tmp_path, playbook, extra=extra, variables=environment(simulator))
    assert run.status == 2
    assert message in " ".join(run.output.split())
    assert simulator.requests() == []


@pytest.mark.parametrize("playbook", [APPLY, AUDIT])
def test_bad_input_writes_no_report(simulator: Simulator, tmp_path: Path, playbook: str) -> None:
    run = play(tmp_path, playbook, extra=variables(tmp_path, alpha_sender_name="A.B"), variables=environment(simulator))
    assert run.status == 2
    assert "got 'A.B': it has the character '.'" in run.output
    assert not list(tmp_path.glob("rollout.*"))
    assert "Report: " not in run.output
    assert simulator.requests() == []


def test_report_is_refused_with_async(simulator: Simulator, tmp_path: Path) -> None:
    task = {"services": SIDS, "alpha_sender": "ACME", "report_path": str(tmp_path / "rollout.html")}
    playbook = localhost({"messaging.twilio.alpha_senders": task, "async": 60, "poll": 1})
    run = play(tmp_path, playbook, variables=environment(simulator))
    assert run.status == 2
    assert "report_path cannot be used with async" in run.output
    assert simulator.requests() == []


def test_report_has_no_secret(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED), [{"kind": "echo", "status": 400, "count": 2}])
    assert play(tmp_path, APPLY, extra=variables(tmp_path), variables=environment(simulator)).status == 2
    data, page = read(tmp_path)
    assert data["summary"]["failed"] == 2
    assert "********" in page
    for secret in (AUTH_TOKEN, base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()):
        assert secret not in page
        assert secret not in json.dumps(data)


def test_task_fails_with_the_outcome_when_the_report_cannot_be_written_at_the_end(
    simulator: Simulator, tmp_path: Path
) -> None:
    simulator.reset(seed(*MIXED), [{"kind": "slow", "seconds": 1}])
    (tmp_path / "gone").mkdir()
    extra = variables(tmp_path, alpha_sender_report_path=str(tmp_path / "gone/rollout.html"))
    with start(tmp_path, APPLY, extra=extra, variables=environment(simulator)) as playbook:
        until(lambda: simulator.requests() != [])
        (tmp_path / "gone").rename(tmp_path / "moved")
        output, _nothing = playbook.communicate()
    assert playbook.returncode == 2
    assert '"4 Services: 1 created, 2 replaced, 0 deleted, 1 unchanged, 0 failed"' in output
    assert f"The report {tmp_path}/gone/rollout.html could not be written: " in output


def test_rollout_over_hosts_fails_when_the_report_cannot_be_written(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed([]), [{"kind": "slow", "seconds": 1}])
    (tmp_path / "gone").mkdir()
    inventory = tmp_path / "hosts.json"
    host = {"twilio_service_sid": SIDS[0], "ansible_python_interpreter": sys.executable}
    inventory.write_text(json.dumps({"twilio_services": {"hosts": {"shop": host}}}), encoding="utf-8")
    options = ["-e", "alpha_sender_name=ACME", "-e", f"alpha_sender_report_path={tmp_path}/gone/rollout.html"]
    with start(tmp_path, APPLY, "-i", str(inventory), *options, variables=environment(simulator)) as playbook:
        until(lambda: simulator.requests() != [])
        (tmp_path / "gone").rename(tmp_path / "moved")
        output, _nothing = playbook.communicate()
    assert playbook.returncode == 2
    assert f"The report {tmp_path}/gone/rollout.html could not be written: " in output
    assert simulator.senders(SIDS[0]) == ["ACME"]
