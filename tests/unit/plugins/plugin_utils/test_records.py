# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollbacks in process: the state before comes back, and what others changed stays."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._desired import make_all_desired
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot
from ansible_collections.messaging.twilio.plugins.module_utils._record import Record
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER, COUNTRY_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._results import bulk_result
from ansible_collections.messaging.twilio.plugins.plugin_utils._records import LINES_SCHEMA, read_rollback
from ansible_collections.messaging.twilio.plugins.plugin_utils._report import make_report
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator import Simulator
from support.account import mg, seed
from support.client import make_client

COUNTRIES = ("", "FR")
SENDERS = st.sampled_from([None, "A", "B"])
#: For each of three Services the sender of each country. An empty string stands for all countries.
ESTATES = st.lists(st.fixed_dictionaries(dict.fromkeys(COUNTRIES, SENDERS)), min_size=3, max_size=3)
CHANGES = st.dictionaries(st.tuples(st.integers(1, 3), st.sampled_from(COUNTRIES)), SENDERS)
HEADER = json.dumps({"schema": LINES_SCHEMA, "version": 1, "started_at": "2026-01-31T12:00:00Z", "playbook": None})

State = list[dict[str, "str | None"]]


def desired_of(changes: Mapping[tuple[int, str], str | None]) -> list[Desired]:
    slots = {
        key: Slot(COUNTRY_SENDER, mg(key[0]), key[1]) if key[1] else Slot(ALPHA_SENDER, mg(key[0])) for key in changes
    }
    return [Desired(slots[key], value, "present" if value else "absent") for key, value in changes.items()]


def state_of(simulator: Simulator) -> State:
    found: State = []
    for number in (1, 2, 3):
        default, countries = simulator.senders(mg(number)), simulator.country_senders(mg(number))
        found.append({"": default[0] if default else None, "FR": countries.get("FR")})
    return found


def run(simulator: Simulator, desired: Sequence[Desired], path: Path, *, killed: bool = False) -> None:
    """Reconcile, and write the record ``path``: the lines of a killed run, or the report of another."""
    lines = path.with_suffix(".jsonl")
    lines.write_text(HEADER + "\n", encoding="utf-8")
    record = Record(str(lines))
    outcomes = reconcile_all(make_client(simulator), desired, concurrency=1, check_mode=False, record=record)
    record.close()
    if killed:
        # All that was said after the first write is missing, and the last line is incomplete.
        kept = [line for line in lines.read_text(encoding="utf-8").splitlines() if '"finished"' not in line]
        lines.write_text("\n".join([*kept, '{"event": "fin']), encoding="utf-8")
        return
    lines.unlink()
    report = make_report("rollout", {**bulk_result(outcomes), "started_at": "2026-01-31T12:00:00Z"}, check_mode=False)
    path.write_text(json.dumps(report), encoding="utf-8")


def rollback(simulator: Simulator, given_path: object, path: Path) -> None:
    entries = read_rollback(given_path).entries
    run(simulator, make_all_desired(entries, {}, locate=lambda one: one), path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ESTATES, CHANGES, CHANGES, st.booleans())
def test_rollback_restores_what_others_left_alone_and_can_be_rolled_back(
    simulator: Simulator, estate: State, rollout: Mapping[tuple[int, str], str | None],
    others: Mapping[tuple[int, str], str | None], killed: bool,
) -> None:  # fmt: skip
    simulator.reset(seed(*({country: name for country, name in one.items() if name} for one in estate)))
    with tempfile.TemporaryDirectory() as folder:
        first, second, third = (Path(folder, f"{name}.json") for name in ("first", "second", "third"))
        before = state_of(simulator)
        assert before == estate
        run(simulator, desired_of(rollout), first, killed=killed)
        after = state_of(simulator)
        reconcile_all(make_client(simulator), desired_of(others), concurrency=1, check_mode=False)
        changed = state_of(simulator)
        source = str(first.with_suffix(".jsonl") if killed else first)
        rollback(simulator, source, second)
        expected = [
            {
                # A killed run may have left no sender as well.
                country: before[place][country]
                if changed[place][country] == after[place][country]
                or (killed and changed[place][country] is None and before[place][country] != after[place][country])
                else changed[place][country]
                for country in COUNTRIES
            }
            for place in range(3)
        ]
        assert state_of(simulator) == expected
        rollback(simulator, str(second), third)
        assert state_of(simulator) == changed


def test_several_records_are_one_step_as_far_as_they_are_connected(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(["A"], ["A"], []))
    paths = [str(tmp_path / f"{number}.json") for number in (1, 2)]
    run(simulator, desired_of({(1, ""): "B", (2, ""): "B"}), Path(paths[0]))
    reconcile_all(make_client(simulator), desired_of({(2, ""): "OTHER"}), concurrency=1, check_mode=False)
    run(simulator, desired_of({(1, ""): "C", (2, ""): "C"}), Path(paths[1]))
    found = read_rollback(paths)
    assert [(one["service_sid"], one["alpha_sender"], one["only_if"]) for one in found.entries] == [
        (mg(1), "A", ["C"]),
        (mg(2), "OTHER", ["C"]),
    ]
    assert found.notes == [f"1 sender changed between the runs, so older records do not count for: {mg(2)}"]
    assert read_rollback(str(tmp_path)).entries == found.entries


def test_sender_that_cannot_be_set_again_is_left_out_and_named(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(["A", "B"], [], []))
    run(simulator, [Desired(Slot(ALPHA_SENDER, mg(1)), "B", "absent")], tmp_path / "1.json")
    found = read_rollback(str(tmp_path / "1.json"))
    assert (found.entries, found.notes) == ([], [f"{mg(1)} had 'A, B', which cannot be set again"])


@pytest.mark.parametrize("given_path", [None, 5, "", [], [""], [5]])
def test_refuses_what_is_no_path(given_path: object) -> None:
    with pytest.raises(InputError, match="rollback_from must be the path of a record"):
        read_rollback(given_path)


RECORD = {"schema": "messaging.twilio.report", "version": 2, "kind": "rollout", "check_mode": False, "entries": []}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("audit.json", {**RECORD, "kind": "audit"}, "must be a record of changes, got .*, a report of an audit"),
        (
            "check.json",
            {**RECORD, "check_mode": True},
            "must be a record of changes, got .*, a report of an audit or of",
        ),
        ("new.json", {**RECORD, "version": 3}, "must be a record of a run, got .*version '?3"),
        ("other.jsonl", {"schema": "other"}, "must be a record of a run, got .*schema 'other'"),
        ("list.json", [], "must be a record of a run, got .*TypeError"),
    ],
)
def test_refuses_what_is_no_record_of_changes(tmp_path: Path, name: str, content: object, problem: str) -> None:
    (tmp_path / name).write_text(json.dumps(content) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=problem):
        read_rollback(str(tmp_path / name))


def test_full_disk_does_not_stop_a_run(simulator: Simulator) -> None:
    simulator.reset(seed(["A"], [], []))
    record = Record("/dev/full")
    outcomes = reconcile_all(
        make_client(simulator), desired_of({(1, ""): "B"}), concurrency=1, check_mode=False, record=record
    )
    assert outcomes[0].action == "replaced"
    assert len(record.warnings) == 1
    assert "The record /dev/full is incomplete" in record.warnings[0]
