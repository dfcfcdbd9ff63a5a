# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each file that an audit writes is a no-op for a rollout, whatever the names of Services are."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.messaging.twilio.plugins.module_utils._audit import audit, audit_result
from ansible_collections.messaging.twilio.plugins.module_utils._audit_files import write_files
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_all_desired, make_compared
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._services import list_services
from ansible_collections.messaging.twilio.plugins.plugin_utils._entries_file import read_entries

from simulator import Simulator
from support.account import mg, seed
from support.client import make_client
from support.hostile import NAMES

HOSTILE = [
    *NAMES,
    'say "hi"',
    "a,b;c\td",
    "line\nbreak\r\nand more",
    "\U0001f600 emoji",
    '=HYPERLINK("http://127.0.0.2","x")',
    "+1",
    "-1",
    "@SUM(1)",
    "'=1",
    "\tTab",
    "\rReturn",
    " blanks ",
    "'quote",
    "#comment: [yaml] {x}",
    "sep=;",
]
#: In turn: senders that look like formulas, no sender, and senders of countries.
SENDERS: list[Any] = [["+ACME"], [], {"": "-ACME", "FR": "+FR", "NO": "NO"}, ["1E5"], ["Yes"], ["null"], ["0x1F"]]
OPTIONS = {"csv_path": "audit.csv", "json_path": "audit.json", "export_path": "audit.yml"}


def estate() -> dict[str, Any]:
    known = seed(*(SENDERS[number % len(SENDERS)] for number in range(len(HOSTILE))))
    for service, name in zip(known["accounts"][0]["services"], HOSTILE):
        service["friendly_name"] = name
    return known


def audited(simulator: Simulator, folder: Path) -> dict[str, str]:
    """Audit all Services with all countries, and write all files."""
    client = make_client(simulator)
    services = list_services(client)
    sids = [service["sid"] for service in services]
    desired, others = make_compared(sids, {}, locate=lambda one: one, all_countries=True)
    rows = audit(client, desired, others, services, concurrency=1)
    paths = {option: str(folder / name) for option, name in OPTIONS.items()}
    write_files(paths, audit_result(ALPHA_SENDER, rows, table_rows=0))
    return paths


@pytest.mark.parametrize("option", OPTIONS)
def test_file_of_an_audit_changes_nothing(simulator: Simulator, tmp_path: Path, option: str) -> None:
    simulator.reset(estate())
    path = audited(simulator, tmp_path)[option]
    before = len(simulator.requests())
    found = read_entries(path)
    assert found.notes == []
    desired = make_all_desired(found.entries, {}, locate=lambda one: one)
    assert len(desired) == len(HOSTILE) + 2 * sum(number % len(SENDERS) == 2 for number in range(len(HOSTILE)))
    outcomes = reconcile_all(make_client(simulator), desired, concurrency=1, check_mode=False)
    assert {outcome.action for outcome in outcomes} == {"unchanged"}
    assert set(simulator.requests()[before:]) == {"GET"}


def test_edited_column_is_what_is_applied(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(estate())
    path = Path(audited(simulator, tmp_path)["csv_path"])
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text.replace(",1E5,", ",ACME,"))
    desired = make_all_desired(read_entries(str(path)).entries, {}, locate=lambda one: one)
    outcomes = reconcile_all(make_client(simulator), desired, concurrency=1, check_mode=False)
    changed = [outcome for outcome in outcomes if outcome.changed]
    assert {(one.before, one.after) for one in changed} == {("1E5", "ACME")}
    assert len(changed) == text.count(",1E5,")


def test_no_cell_of_the_csv_is_a_formula(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(estate())
    with open(audited(simulator, tmp_path)["csv_path"], encoding="utf-8", newline="") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert len(cells) > 9 * len(HOSTILE)
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


def test_export_is_a_variable_of_the_role_with_names_as_comments(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(estate())
    text = Path(audited(simulator, tmp_path)["export_path"]).read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    assert list(data) == ["alpha_sender_services"]
    assert data["alpha_sender_services"][:2] == [
        {"service_sid": mg(1), "account_sid": "AC" + "0" * 31 + "1", "alpha_sender": "+ACME"},
        {"service_sid": mg(2), "account_sid": "AC" + "0" * 31 + "1", "state": "absent"},
    ]
    assert {"NO"} == {
        row["alpha_sender"] for row in data["alpha_sender_services"] if row.get("iso_country_code") == "NO"
    }
    assert 'say "hi"' in text
    assert "\u202e" not in text
    assert "line\\nbreak\\r\\nand more" in text


def test_slots_that_cannot_be_desired_are_named_and_refused(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(["A", "B"], ["ACME"], ["OLD"]))
    client = make_client(simulator, max_retries=0)
    services = list_services(client)
    sids = [service["sid"] for service in services]
    rows = audit(client, *make_compared(sids, {}, locate=lambda one: one), services, concurrency=1)
    rows[2].update(alpha_sender=None, state=None, msg="It was not read, because the run was stopped")
    paths = {option: str(tmp_path / name) for option, name in OPTIONS.items()}
    write_files(paths, audit_result(ALPHA_SENDER, rows, table_rows=0))
    export = Path(paths["export_path"]).read_text(encoding="utf-8")
    assert [entry["service_sid"] for entry in yaml.safe_load(export)["alpha_sender_services"]] == [mg(2)]
    comments = [line.strip() for line in export.splitlines() if line.startswith("  # ")]
    assert [line[:37] for line in comments] == [f"# {mg(1)} ", f"# {mg(3)} "]
    assert comments[0].endswith(": has A, B")
    assert comments[1].endswith(": It was not read, because the run was stopped")
    with pytest.raises(InputError, match=r"line 2, alpha_sender must have 1 to 11 .*line 4 must have an alpha_sender"):
        read_entries(paths["csv_path"])
    with pytest.raises(
        InputError, match=r"entry 1 of 3, alpha_sender must have .*entry 3 of 3, alpha_sender is missing"
    ):
        make_all_desired(read_entries(paths["json_path"]).entries, {}, locate=lambda one: one)
