# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that a run writes while it goes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._bulk import reconcile_all
from ansible_collections.messaging.twilio.plugins.module_utils._record import Record

from simulator import Simulator
from support.account import mg, seed
from support.client import make_client
from support.desired import desired

CHANGES = [desired(mg(number), "ACME") for number in (1, 2, 3)]


def lines_of(path: Path) -> list[list[object]]:
    """The event, the Service and the new value of each complete line."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    return [[event[key] for key in ("event", "service_sid", "after")] for event in map(json.loads, lines)]


def run(simulator: Simulator, record: Record) -> None:
    reconcile_all(make_client(simulator), CHANGES, concurrency=1, check_mode=False, record=record)
    record.close()


def test_has_a_line_before_and_after_each_change(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(["OLD"], ["ACME"], []))
    path = tmp_path / "run.jsonl"
    run(simulator, Record(str(path)))
    assert lines_of(path) == [
        [event, mg(number), "ACME"] for number in (1, 3) for event in ("started", "finished")
    ]  # fmt: skip


def test_ends_after_a_line_that_was_written_in_part(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator.reset(seed(["OLD"], ["OLD"], ["OLD"]))
    path = tmp_path / "run.jsonl"
    record = Record(str(path))
    write = os.write

    def write_until_full(file: int, data: bytes) -> int:
        size = os.fstat(file).st_size
        return write(file, data[: max(1, 500 - size)])

    # No disk of the tests becomes full in the middle of a line.
    monkeypatch.setattr("os.write", write_until_full)
    run(simulator, record)
    monkeypatch.undo()
    assert record.warnings == [f"The record {path} is incomplete: a line was written in part"]
    assert all(simulator.senders(mg(number)) == ["ACME"] for number in (1, 2, 3))
    text = path.read_text(encoding="utf-8")
    assert len(text) > 200
    assert not text.endswith("\n")
    assert lines_of(path)[0] == ["started", mg(1), "ACME"]
