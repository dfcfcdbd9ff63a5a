# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files as the source of the desired state: audit, edit, check mode, apply, audit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simulator import Simulator
from support.account import environment, mg, named_seed
from support.ansible_run import localhost, play

APPLY, AUDIT = "messaging.twilio.apply", "messaging.twilio.audit"
NAMES = ["Shop UK", '=cmd|"/C calc"!A0', "Shop, FR", "Shop\nDE"]
SENDERS = {"Shop UK": ["OLD CO"], NAMES[1]: ["+OLD"], "Shop, FR": ["OLD CO"]}


@pytest.fixture(autouse=True)
def _in_folder(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator.reset(named_seed(*NAMES, senders=SENDERS))
    monkeypatch.chdir(tmp_path)


def test_file_goes_from_audit_to_spreadsheet_to_rollout_to_audit(simulator: Simulator, tmp_path: Path) -> None:
    variables = environment(simulator)
    files = {f"alpha_sender_audit_{kind}_path": f"lists/senders.{kind}" for kind in ("csv", "json")}
    audit = play(tmp_path, AUDIT, extra={**files, "alpha_sender_audit_export_path": "adopted.yml"}, variables=variables)
    assert audit.status == 0, audit.output
    for label, name in (("CSV", "lists/senders.csv"), ("JSON", "lists/senders.json"), ("Export", "adopted.yml")):
        assert f'"{label}: {tmp_path}/{name}"' in audit.output
        unchanged = play(tmp_path, APPLY, extra={"alpha_sender_file": name}, variables=variables)
        assert unchanged.status == 0, unchanged.output
        assert "4 Services: 0 created, 0 replaced, 0 deleted, 4 unchanged, 0 failed" in unchanged.output
    adopted = play(tmp_path, APPLY, "-e", "@adopted.yml", variables=variables)
    assert "4 Services: 0 created, 0 replaced, 0 deleted, 4 unchanged, 0 failed" in adopted.output

    edited = (tmp_path / "lists/senders.csv").read_bytes().replace(b",OLD CO,", b",NEW CO,").replace(b"\n", b"\r\n")
    (tmp_path / "lists/senders.csv").write_bytes(b"\xef\xbb\xbf" + edited)
    extra = {"alpha_sender_file": "lists/senders.csv"}
    line = "4 Services: 0 created, 2 replaced, 0 deleted, 2 unchanged, 0 failed"
    checked = play(tmp_path, APPLY, "--check", extra=extra, variables=variables)
    assert f"{line} (check mode" in checked.output
    applied = play(tmp_path, APPLY, extra=extra, variables=variables)
    assert f'"{line}"' in applied.output
    again = play(tmp_path, AUDIT, extra=extra, variables=variables)
    assert "4 as desired, 0 drifted, 0 unread" in again.output
    assert [simulator.senders(mg(number)) for number in (1, 2, 3, 4)] == [["NEW CO"], ["+OLD"], ["NEW CO"], []]


def test_bad_lines_are_reported_before_the_first_request(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "senders.csv").write_text(f"service_sid;alpha_sender\n{mg(1)};\n{mg(2)};A.B\n", encoding="utf-8")
    run = play(tmp_path, APPLY, extra={"alpha_sender_file": "senders.csv"}, variables=environment(simulator))
    assert run.status == 2, run.output
    assert f"senders.csv, line 2 must have an alpha_sender for '{mg(1)}', got an empty cell." in run.output
    assert "; senders.csv, line 3, alpha_sender must have 1 to 11" in run.output
    assert simulator.requests() == []


def test_line_with_an_unknown_name_is_named(simulator: Simulator, tmp_path: Path) -> None:
    content = "service_name,alpha_sender,owner\nShop UK ,ACME,x\nShop IT,ACME,y\n"
    (tmp_path / "senders.csv").write_text(content, encoding="utf-8")
    run = play(tmp_path, APPLY, extra={"alpha_sender_file": "senders.csv"}, variables=environment(simulator))
    assert run.status == 2, run.output
    assert "senders.csv, line 3, service_name must be the friendly name of a Service, got 'Shop IT'" in run.output
    assert "  senders.csv: ignored the column 'owner'\n" in run.output
    assert "  senders.csv: removed blanks around cells in 1 line: 2\n" in run.output


def test_file_excludes_services_and_an_empty_answer_of_a_survey_is_no_file(
    simulator: Simulator, tmp_path: Path
) -> None:
    (tmp_path / "senders.json").write_text("[]", encoding="utf-8")
    extra = {"alpha_sender_services": [mg(1)], "alpha_sender_name": "ACME"}
    both = play(tmp_path, APPLY, extra={**extra, "alpha_sender_file": "senders.json"}, variables=environment(simulator))
    assert "file must not be set together with services or hosts" in both.output
    assert simulator.requests() == []
    empty = play(tmp_path, APPLY, extra={**extra, "alpha_sender_file": ""}, variables=environment(simulator))
    assert empty.status == 0, empty.output
    assert simulator.senders(mg(1)) == ["ACME"]


def test_module_takes_a_file_and_common_options(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "senders.yml").write_text(f"- {mg(1)}\n- service_sid: {mg(4)}\n", encoding="utf-8")
    task = {
        "name": "Rollout",
        "messaging.twilio.alpha_senders": {"file": "~/senders.yml", "alpha_sender": "ACME"},
    }
    variables = {**environment(simulator), "HOME": str(tmp_path)}
    run = play(tmp_path, localhost(task), variables=variables)
    assert run.status == 0, run.output
    assert (simulator.senders(mg(1)), simulator.senders(mg(4))) == (["ACME"], ["ACME"])
    assert os.path.exists(tmp_path / "senders.yml")
