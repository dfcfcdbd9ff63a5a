# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: that it is written whatever happens, where and as what, and what is in it."""

from __future__ import annotations

import base64
import errno
import json
import os
import re
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.plugin_utils._report import (
    check_files,
    make_report,
    write_report,
)

from simulator import Simulator
from support.account import ACCOUNT_SID, AUTH_TOKEN, environment, mg, named_seed, seed
from support.ansible_run import ROOT, localhost, modules, play, start, until, write_inventory
from support.hostile import NAMES

APPLY, AUDIT = "messaging.twilio.apply", "messaging.twilio.audit"
MIXED: list[list[str]] = [[], ["OLD"], ["ACME"], ["Acme"]]
SIDS = [mg(number) for number in range(1, 5)]


def wish(folder: Path, **more: Any) -> dict[str, Any]:
    report = str(folder / "rollout.html")
    return {"alpha_sender_name": "ACME", "alpha_sender_services": SIDS, "alpha_sender_report": report, **more}


def read(folder: Path) -> tuple[dict[str, Any], str]:
    """The JSON and the page, which has the same JSON, and nothing half done beside them."""
    data = json.loads((folder / "rollout.json").read_text(encoding="utf-8"))
    page = (folder / "rollout.html").read_text(encoding="utf-8")
    inside = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert inside is not None
    assert json.loads(inside[1]) == data
    assert not list(folder.glob(".*rollout*"))
    return data, page


def test_a_rollout_leaves_a_page_and_its_data(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED))
    played = play(tmp_path, APPLY, extra=wish(tmp_path), variables=environment(simulator))
    assert played.status == 0, played.output
    data, page = read(tmp_path)
    assert (data["schema"], data["version"], data["kind"]) == ("messaging.twilio.report", 1, "rollout")
    assert data["dry_run"] is False
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", data["started"])
    assert data["seconds"] > 0
    assert data["requests"] == len(simulator.requests()) == 4 + 1 + 2 * 2
    assert data["requests_per_second"] == round(data["requests"] / data["seconds"], 1)
    assert data["wishes"] == [{"alpha_sender": "ACME", "state": "present", "replace": True, "services": 4}]
    assert [service["outcome"] for service in data["services"]] == ["created", "replaced", "none", "replaced"]
    assert [service["before"] for service in data["services"]] == [None, "OLD", "ACME", "Acme"]
    assert (data["senders"], data["without_sender"], data["not_known"]) == ({"ACME": 4}, 0, 0)
    assert data["summary"] == {"created": 1, "replaced": 2, "deleted": 0, "none": 1, "failed": 0, "not_attempted": 0}
    assert "Dry run" not in page
    assert f'"Report: {tmp_path}/rollout.html"' in played.output
    assert '"4 Services: 1 created, 2 replaced, 0 deleted, 1 unchanged, 0 failed",' in played.output


def test_a_rollout_without_one_leaves_nothing_and_ends_with_one_line(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED))
    extra = {"alpha_sender_name": "ACME", "alpha_sender_services": SIDS}
    played = play(tmp_path, APPLY, extra=extra, variables=environment(simulator))
    assert '"msg": "4 Services: 1 created, 2 replaced, 0 deleted, 1 unchanged, 0 failed"' in played.output
    assert not list(tmp_path.glob("*.html"))


def test_a_dry_run_says_so_first(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED))
    dry = play(tmp_path, APPLY, "--check", extra=wish(tmp_path), variables=environment(simulator))
    assert dry.status == 0, dry.output
    assert set(simulator.requests()) == {"GET"}
    planned, page = read(tmp_path)
    assert "<strong>Dry run: nothing was changed.</strong>" in page
    assert "<title>Dry run: " in page
    play(tmp_path, APPLY, extra=wish(tmp_path), variables=environment(simulator))
    done, _page = read(tmp_path)
    assert (planned["dry_run"], done["dry_run"]) == (True, False)
    assert planned["services"] == done["services"]


def test_failed_lost_and_restored_services_are_in_it(simulator: Simulator, tmp_path: Path) -> None:
    known = seed(["OLD"], ["O & M"], [], refused=["ACME"])
    # The second one's old sender is refused too.
    simulator.reset(known, [{"kind": "status", "status": 400, "method": "POST", "service": mg(2), "count": 99}])
    extra = wish(tmp_path, alpha_sender_services=[*SIDS[:3], mg(99)], alpha_sender_concurrency=1)
    played = play(tmp_path, APPLY, extra=extra, variables=environment(simulator))
    assert played.status == 2
    assert f'"Report: {tmp_path}/rollout.html"' in played.output
    assert "\"4 of 4 Services failed; lost senders: MG00000000000000000000000000000002 'O & M'\"" in played.output
    data, page = read(tmp_path)
    first, second, third, fourth = data["services"]
    assert (first["restored"], first["lost"], first["after"], first["error"]["code"]) == (True, None, "OLD", 21709)
    assert (second["restored"], second["lost"], second["after"]) == (False, "O & M", None)
    assert (third["restored"], third["lost"]) == (False, None)
    assert (fourth["error"]["code"], fourth["error"]["status"]) == (20404, 404)
    assert data["message"].startswith("4 of 4 Services failed")
    assert (data["senders"], data["without_sender"], data["not_known"]) == ({"OLD": 1}, 1, 2)
    assert '<option value="lost">lost (1)</option>' in page
    # The command of the report does what it says.
    words = shlex.split(second["recovery_command"])
    assert words[:2] == ["ansible-playbook", APPLY]
    simulator.faults = []
    assert play(tmp_path, APPLY, *words[2:], variables=environment(simulator)).status == 0
    assert simulator.senders(mg(2)) == ["O & M"]


@pytest.mark.parametrize("why", ["max_failures", "401"])
def test_a_run_that_was_stopped_has_one(simulator: Simulator, tmp_path: Path, why: str) -> None:
    simulator.reset(seed(*MIXED))
    variables = environment(simulator)
    extra = wish(tmp_path, alpha_sender_concurrency=1)
    if why == "401":
        variables["TWILIO_AUTH_TOKEN"] = "wrong"
    else:
        extra |= {"alpha_sender_max_failures": 0, "alpha_sender_services": [mg(99), *SIDS]}
    assert play(tmp_path, APPLY, extra=extra, variables=variables).status == 2
    data, page = read(tmp_path)
    assert data["summary"]["failed"] == 1
    assert data["summary"]["not_attempted"] == len(extra["alpha_sender_services"]) - 1
    assert "<strong>Stopped early.</strong>" in page
    assert data["services"][0]["error"]["status"] == (401 if why == "401" else 404)


@pytest.mark.parametrize("playbook", [APPLY, AUDIT])
def test_a_run_that_failed_before_the_first_service_has_one(
    simulator: Simulator, tmp_path: Path, playbook: str
) -> None:
    simulator.reset(named_seed("Shop"))
    extra = wish(tmp_path, alpha_sender_services=[{"service_name": "Shop"}])
    variables = {**environment(simulator), "TWILIO_AUTH_TOKEN": "wrong"}
    (tmp_path / "rollout.html").write_text("of yesterday", encoding="utf-8")
    assert play(tmp_path, playbook, extra=extra, variables=variables).status == 2
    data, page = read(tmp_path)
    assert data["services"] == []
    assert "Twilio error 20003 (HTTP 401)" in data["message"]
    assert "It failed before the first Service" in page


def test_a_cancelled_module_has_one(simulator: Simulator, tmp_path: Path) -> None:
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
    assert data["summary"]["not_attempted"] > 0
    assert "The run was cancelled." in page


@pytest.mark.parametrize("form", ["apply", "roles"])
def test_an_inventory_has_one_report_for_all_hosts(simulator: Simulator, tmp_path: Path, form: str) -> None:
    simulator.reset(named_seed(*NAMES), [{"kind": "status", "status": 400, "service": mg(2), "count": 9}])
    role = {"role": "messaging.twilio.alpha_sender"}
    playbook: Any = APPLY if form == "apply" else [{"hosts": "all", "gather_facts": False, "roles": [role]}]
    extra = {"alpha_sender_name": "ACME", "alpha_sender_report": str(tmp_path / "rollout.html")}
    played = play(tmp_path, playbook, "-i", write_inventory(tmp_path), extra=extra, variables=environment(simulator))
    assert played.status == 2
    assert "1 of" in played.output
    data, page = read(tmp_path)
    assert [service["friendly_name"] for service in data["services"]] == NAMES
    assert all(service["host"] for service in data["services"])
    assert data["summary"]["failed"] == 1
    assert not any(name in page for name in NAMES if "<" in name)
    assert page.count("</script>") == 2


def test_a_name_that_was_looked_up_is_told(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed("Shop", "Shop UK"))
    extra = wish(tmp_path, alpha_sender_services=[{"service_name": "Shop UK"}, mg(1)])
    assert play(tmp_path, APPLY, extra=extra, variables=environment(simulator)).status == 0
    data, _page = read(tmp_path)
    assert [service["friendly_name"] for service in data["services"]] == ["Shop UK", "Shop"]
    assert len(simulator.requests()) == data["requests"] == 5


def test_the_audit_has_one(simulator: Simulator, tmp_path: Path) -> None:
    fault = {"kind": "status", "status": 400, "service": mg(4), "count": 9}
    simulator.reset(named_seed("A", "B", "C", "D", senders={"A": ["ACME"], "B": ["OLD"]}), [fault])
    extra = {"alpha_sender_name": "ACME", "alpha_sender_report": str(tmp_path / "rollout.html")}
    played = play(tmp_path, AUDIT, extra=extra, variables=environment(simulator))
    assert played.status == 0, played.output
    assert f'"Report: {tmp_path}/rollout.html"' in played.output
    data, _page = read(tmp_path)
    assert data["kind"] == "audit"
    assert data["requests"] == len(simulator.requests())
    assert data["summary"] == {"matching": 1, "drifted": 2, "read": 0, "unread": 1}
    assert data["wishes"] == [{"alpha_sender": "ACME", "state": "present", "services": 3}]
    assert (data["senders"], data["without_sender"], data["not_known"]) == ({"ACME": 1, "OLD": 1}, 1, 1)


@pytest.mark.parametrize("playbook", [APPLY, AUDIT])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"alpha_sender_report": "no/such/folder/rollout.html"}, "cannot be written"),
        ({"alpha_sender_report": "/proc/rollout.html"}, "cannot be written"),
        ({"alpha_sender_report": "rollout.json"}, "is not the name of a page; allowed is one that ends in .html"),
        ({"alpha_sender_report_mode": "rw"}, "report_mode: 'rw' is not the mode of a file"),
        ({"alpha_sender_report_mode": 644}, "is not the mode of a file"),
    ],
)
def test_what_cannot_be_written_is_told_before_any_request(
    simulator: Simulator, tmp_path: Path, playbook: str, changed: dict[str, Any], message: str
) -> None:
    extra = wish(tmp_path, **changed)
    played = play(tmp_path, playbook, extra=extra, variables=environment(simulator))
    assert played.status == 2
    assert message in " ".join(played.output.split())
    assert simulator.requests() == []


@pytest.mark.parametrize("playbook", [APPLY, AUDIT])
def test_bad_input_leaves_none(simulator: Simulator, tmp_path: Path, playbook: str) -> None:
    played = play(tmp_path, playbook, extra=wish(tmp_path, alpha_sender_name="A.B"), variables=environment(simulator))
    assert played.status == 2
    assert "alpha_sender: 'A.B' has the character '.'" in played.output
    assert not list(tmp_path.glob("rollout.*"))
    assert "Report: " not in played.output
    assert simulator.requests() == []


def test_a_task_that_ends_before_its_end_cannot_have_one(simulator: Simulator, tmp_path: Path) -> None:
    task = {"services": SIDS, "alpha_sender": "ACME", "report_path": str(tmp_path / "rollout.html")}
    playbook = localhost({"messaging.twilio.alpha_senders": task, "async": 60, "poll": 1})
    played = play(tmp_path, playbook, variables=environment(simulator))
    assert played.status == 2
    assert "a task with async ends before there is something to report" in played.output
    assert simulator.requests() == []


def test_no_secret_is_in_it(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(*MIXED), [{"kind": "echo", "status": 400, "count": 2}])
    assert play(tmp_path, APPLY, extra=wish(tmp_path), variables=environment(simulator)).status == 2
    data, page = read(tmp_path)
    assert data["summary"]["failed"] == 2
    assert "********" in page
    for secret in (AUTH_TOKEN, base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()):
        assert secret not in page
        assert secret not in json.dumps(data)


REPORT = make_report("rollout", {"summary": {}, "summary_line": "0 Services: nothing to do"}, dry_run=False)


@pytest.mark.parametrize(("given", "mode"), [("0640", 0o640), ("0604", 0o604), ("0600", 0o600)])
def test_the_mode_is_the_users(tmp_path: Path, given: object, mode: int) -> None:
    write_report(check_files(str(tmp_path / "rollout.html"), given), REPORT)
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("rollout.html", "rollout.json")} == {mode}


def test_without_a_mode_it_is_that_of_the_file_before_or_of_the_umask(tmp_path: Path) -> None:
    (tmp_path / "rollout.html").touch()
    (tmp_path / "rollout.html").chmod(0o604)
    before = os.umask(0o027)
    try:
        write_report(check_files(str(tmp_path / "rollout.html")), REPORT)
    finally:
        os.umask(before)
    assert (tmp_path / "rollout.html").stat().st_mode & 0o777 == 0o604
    assert (tmp_path / "rollout.json").stat().st_mode & 0o777 == 0o640


def test_a_report_that_cannot_be_finished_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = check_files(str(tmp_path / "rollout.html"))
    write_report(files, REPORT)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    # The file is written and its mode set, and the disk is full then.
    monkeypatch.setattr("os.fchmod", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(files, {**REPORT, "message": "new"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_a_link_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "rollout.html").symlink_to(tmp_path / "there/page.html")
    write_report(check_files(str(tmp_path / "rollout.html")), REPORT)
    assert (tmp_path / "rollout.html").is_symlink()
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["page.html", "page.json"]


@pytest.mark.parametrize("path", ["", None, 7, "page", "page\0.html", "there.html"])
def test_what_is_no_path_of_a_page_is_refused(tmp_path: Path, path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.html").mkdir()
    with pytest.raises(InputError, match="report_path: "):
        check_files(path)


@pytest.mark.parametrize("mode", [True, -1, 644, "644", "0888", "1777", "u=rw", 6.4])
def test_what_is_no_mode_is_refused(tmp_path: Path, mode: object) -> None:
    with pytest.raises(InputError, match="report_mode: "):
        check_files(str(tmp_path / "rollout.html"), mode)


def test_a_report_that_could_not_be_written_at_the_end_fails_the_task_and_tells_the_outcome(
    simulator: Simulator, tmp_path: Path
) -> None:
    simulator.reset(seed(*MIXED), [{"kind": "slow", "seconds": 1}])
    (tmp_path / "gone").mkdir()
    extra = wish(tmp_path, alpha_sender_report=str(tmp_path / "gone/rollout.html"))
    with start(tmp_path, APPLY, extra=extra, variables=environment(simulator)) as playbook:
        until(lambda: simulator.requests() != [])
        (tmp_path / "gone").rmdir()
        output, _nothing = playbook.communicate()
    assert playbook.returncode == 2
    assert '"4 Services: 1 created, 2 replaced, 0 deleted, 1 unchanged, 0 failed"' in output
    assert f"The report {tmp_path}/gone/rollout.html was not written: " in output


def test_every_key_is_documented() -> None:
    page = (ROOT / "docs/docsite/rst/guide_report.rst").read_text(encoding="utf-8")
    row_of_table = re.compile(r"^   \* - ``(\w+)``\n     - (.*)$", re.MULTILINE)
    whole, entries = (row_of_table.findall(part) for part in page.split("An object of"))
    assert {name for name, _type in whole} == set(REPORT)
    row = {
        "service_sid": mg(1),
        "friendly_name": None,
        "alpha_sender": None,
        "wanted": None,
        "matches": None,
        "msg": None,
    }
    outcome = {"service_sid": mg(1), "action": "none", "before": None, "after": None}
    for kind, entry in (("audit", row), ("rollout", outcome)):
        told = make_report(kind, {"services": [entry]}, dry_run=False)["services"][0]
        assert {name for name, kinds in entries if kinds in ("both", kind)} == set(told)


def test_a_report_that_could_not_be_written_fails_a_rollout_over_hosts_too(
    simulator: Simulator, tmp_path: Path
) -> None:
    simulator.reset(seed([]), [{"kind": "slow", "seconds": 1}])
    (tmp_path / "gone").mkdir()
    inventory = tmp_path / "hosts.json"
    variables = {"twilio_service_sid": SIDS[0], "ansible_python_interpreter": sys.executable}
    inventory.write_text(json.dumps({"twilio_services": {"hosts": {"shop": variables}}}), encoding="utf-8")
    options = ["-e", "alpha_sender_name=ACME", "-e", f"alpha_sender_report={tmp_path}/gone/rollout.html"]
    with start(tmp_path, APPLY, "-i", str(inventory), *options, variables=environment(simulator)) as playbook:
        until(lambda: simulator.requests() != [])
        (tmp_path / "gone").rmdir()
        output, _nothing = playbook.communicate()
    assert playbook.returncode == 2
    assert f"The report {tmp_path}/gone/rollout.html was not written: " in output
    assert simulator.senders(SIDS[0]) == ["ACME"]
