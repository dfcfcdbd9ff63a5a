# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit: rows, counts and table. It cannot write."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._audit import (
    audit,
    audit_result,
    columns,
)
from ansible_collections.messaging.twilio.plugins.module_utils._audit_files import write_files
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Slot
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._services import list_services

from simulator import Simulator
from support.account import ACCOUNT_SID, mg, named_seed, seed
from support.client import make_client
from support.desired import desired

pytestmark = pytest.mark.usefixtures("country_rows")

SENDERS = {"A": ["ACME"], "B": ["OLD"], "D": ["OLD", "NEW"]}


def slot(number: int) -> Slot:
    return Slot(ALPHA_SENDER, mg(number))


def test_compares_each_service_with_its_desired_state(simulator: Simulator) -> None:
    fault = {"kind": "status", "status": 500, "service": mg(5), "count": 9}
    simulator.reset(named_seed(*"ABCDEF", senders=SENDERS), [fault])
    client = make_client(simulator, max_retries=0)
    wanted = [desired(mg(number), "ACME") for number in (1, 2, 3, 4, 5)]
    services = list_services(client)
    rows = audit(client, wanted, [slot(6)], services, concurrency=3)
    assert [(row["service_name"], row["alpha_sender"], row["desired"], row["matches"]) for row in rows] == [
        ("A", "ACME", "ACME", True),
        ("B", "OLD", "ACME", False),
        ("C", None, "ACME", False),
        ("D", "OLD, NEW", "ACME", False),
        ("E", None, "ACME", None),
        ("F", None, None, None),
    ]
    assert {row["account_sid"] for row in rows} == {ACCOUNT_SID}
    assert {tuple(row) for row in rows} == {columns(ALPHA_SENDER)}
    assert [bool(row["msg"]) for row in rows] == [False, False, False, True, True, False]
    assert "has several alpha senders (OLD, NEW), none of them 'ACME'" in rows[3]["msg"]
    assert "HTTP 500" in rows[4]["msg"]
    result = audit_result(ALPHA_SENDER, rows, table_rows=4)
    assert result["msg"] == "6 Services: 3 with alpha sender, 2 without, 1 as desired, 3 drifted, 1 unread"
    assert result["summary"] == {
        "total": 6, "with_sender": 3, "without_sender": 2, "matching": 1, "drifted": 3, "unread": 1,
    }  # fmt: skip
    assert (result["drifted"], result["senders"]) == ([mg(2), mg(3), mg(4)], {"ACME": 1, "OLD": 1, "OLD, NEW": 1})
    assert result["changed"] is False
    assert result["rows"] == rows
    assert [line.split() for line in result["table"]] == [
        ["service_sid", "service_name", "alpha_sender", "desired", "matches"],
        [mg(4), "D", "OLD,", "NEW", "ACME", "NO"],
        [mg(2), "B", "OLD", "ACME", "NO"],
        [mg(3), "C", "-", "ACME", "NO"],
        [mg(5), "E", "-", "ACME", "-"],
        ["and", "2", "more"],
    ]
    assert set(simulator.requests()) == {"GET"}


def test_does_not_count_matches_without_a_desired_state(simulator: Simulator) -> None:
    simulator.reset(named_seed(*"A", senders=SENDERS))
    client = make_client(simulator, max_retries=0)
    result = audit_result(ALPHA_SENDER, audit(client, [], [slot(1)], [], concurrency=1), table_rows=5)
    assert result["msg"] == "1 Service: 1 with alpha sender, 0 without, 0 unread"
    assert result["table"] == ["service_sid".ljust(34) + "  service_name  alpha_sender", f"{mg(1)}  -             ACME"]


def test_audit_and_plan_agree_on_what_is_unchanged(simulator: Simulator) -> None:
    simulator.reset(seed(["ACME"], ["OLD", "ACME"], ["Acme"]))
    client = make_client(simulator, max_retries=0)
    rows = audit(client, [desired(mg(number), "ACME") for number in (1, 2, 3)], [], [], concurrency=1)
    assert [row["matches"] for row in rows] == [True, True, False]
    # Drift that must not be replaced is drift too, and says why.
    [row] = audit(client, [desired(mg(3), "ACME", replace=False)], [], [], concurrency=1)
    assert (row["matches"], row["msg"]) == (
        False,
        f"{mg(3)} has the alpha sender 'Acme' and replace is false. Set replace to true to set 'ACME'",
    )


def test_wrong_credentials_end_an_audit(simulator: Simulator) -> None:
    fault = {"kind": "status", "status": 401, "body": {"code": 20003, "message": "Authenticate"}, "count": 99}
    simulator.reset(named_seed(*"ABC"), [fault])
    client = make_client(simulator, max_retries=0)
    wanted = [desired(mg(number), "ACME") for number in (1, 2, 3)]
    with pytest.raises(ApiError, match=r"Twilio error 20003 \(HTTP 401\): Authenticate") as caught:
        audit(client, wanted, [], [], concurrency=1)
    assert (caught.value.status, caught.value.code) == (401, 20003)
    assert simulator.requests() == ["GET"]


def test_counts_what_a_cancelled_audit_did_not_read_as_unread(simulator: Simulator) -> None:
    simulator.reset(named_seed(*"ABC", senders={"A": ["ACME"]}))
    client = make_client(simulator, concurrency=2, max_retries=0)
    client.cancellation.cancel()
    rows = audit(client, [desired(mg(number), "ACME") for number in (1, 2, 3)], [], [], concurrency=2)
    result = audit_result(ALPHA_SENDER, rows, table_rows=5)
    assert result["msg"] == "3 Services: 0 with alpha sender, 0 without, 3 unread"
    assert {row["msg"] for row in rows} == {"It was not read, because the run was stopped"}


@pytest.mark.parametrize(
    ("listed", "value", "matches"),
    [
        (["OLD"], "ACME", True),
        (["ACME"], "ACME", False),
        (["OLD", "NEW"], None, False),
        (["OLD"], None, False),
        ([], None, True),
    ],
)
def test_desired_sender_is_none_for_what_should_be_absent(
    simulator: Simulator, listed: list[str], value: str | None, matches: bool
) -> None:
    simulator.reset(seed(listed))
    [row] = audit(make_client(simulator, max_retries=0), [desired(mg(1), value, "absent")], [], [], concurrency=1)
    assert (row["desired"], row["matches"]) == (None, matches)


def test_files_have_all_rows(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*"AB", 'C "quoted", Grüße', senders=SENDERS))
    client = make_client(simulator, max_retries=0)
    wanted = [desired(mg(number), "ACME") for number in (1, 2, 3)]
    result = audit_result(ALPHA_SENDER, audit(client, wanted, [], list_services(client), concurrency=1), table_rows=1)
    paths = {option: str(tmp_path / f"rows.{option}") for option in ("csv_path", "json_path")}
    assert write_files(paths, result) == [f"CSV: {paths['csv_path']}", f"JSON: {paths['json_path']}"]
    with open(paths["csv_path"], encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["service_name"] for row in read] == ["A", "B", 'C "quoted", Grüße']
    assert [row["matches"] for row in read] == ["True", "False", "False"]
    found = json.loads(Path(paths["json_path"]).read_text(encoding="utf-8"))
    assert found == {key: result[key] for key in ("summary", "senders", "rows")}


@pytest.mark.parametrize("option", ["csv_path", "json_path", "export_path"])
def test_full_disk_is_an_error_of_the_system(option: str) -> None:
    with pytest.raises(OSError, match="No space left on device"):
        write_files({option: "/dev/full"}, {"summary": {}, "senders": {}, "rows": []})
