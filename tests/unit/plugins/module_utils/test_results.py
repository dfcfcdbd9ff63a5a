# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outcomes as results: fields, summary, diff, messages, warnings, the recovery command and progress."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message, recovery_command, warning
from ansible_collections.messaging.twilio.plugins.module_utils._module import (
    MAX_CONCURRENCY,
    check_concurrency,
    check_minimum,
    check_path,
)
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import NOT_READ, STOPPED, Facts, Outcome, derive
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Slot, make_plan
from ansible_collections.messaging.twilio.plugins.module_utils._progress import (
    Stopwatch,
    describe_desired,
    write_progress,
)
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._results import (
    account_of,
    bulk_result,
    count_desired,
    grouped_diff,
    outcome_fields,
    single_diff,
    single_result,
)
from hypothesis import given
from hypothesis import strategies as st

from simulator import Simulator
from support.account import ACCOUNT_SID, mg, seed
from support.desired import desired, reconcile_one

SID = mg(1)
FIELDS = ["service_sid", "account_sid", "iso_country_code", "action", "before", "after"]
FAILURE_FIELDS = ["msg", "error", "desired", "restored", "lost_sender", "state_unknown", "recovery_command"]


def outcome(action: str, before: str | None = None, after: str | None = None, number: int = 1, **more: Any) -> Outcome:
    if action == "skipped":
        more.setdefault("cause", STOPPED)
    return Outcome(desired(mg(number), "ACME"), action, before, after, **more)


def unread(number: int = 1, why: str = "why") -> Outcome:
    """A failed outcome: the Service could not be read."""
    return derive(Facts(desired(mg(number), "ACME"), read_error=ApiError(why)))


def with_extra(number: int) -> Outcome:
    """An outcome with a warning: the Service has another sender in addition."""
    want = desired(mg(number), "ACME")
    current = [{"sid": f"AI{place:032x}", "alpha_sender": name} for place, name in enumerate(("ACME", "OLD"))]
    return derive(Facts(want, make_plan(want, current), current=current))


@given(st.text("ABo0189 -+_&", min_size=1, max_size=11) | st.sampled_from(("NO", "on", "null", "1e3", "0x1F", "Y")))
def test_recovery_command_survives_shell_and_yaml(name: str) -> None:
    words = shlex.split(recovery_command(Slot(ALPHA_SENDER, SID), name))
    assert words[:3] == ["ansible-playbook", "messaging.twilio.apply", "-e"]
    assert yaml.safe_load(words[3]) == {"alpha_sender_name": name, "alpha_sender_services": [SID]}


def test_recovery_command_is_the_same_in_json() -> None:
    for name in ("OLD CO", "NO", "3M", "A+B & C_-"):
        command = recovery_command(Slot(ALPHA_SENDER, SID), name)
        assert json.dumps(command).strip('"') == command


@pytest.mark.parametrize(
    ("one", "changed"),
    [
        (outcome("created"), True),
        (outcome("replaced"), True),
        (outcome("deleted"), True),
        (outcome("unchanged"), False),
        (outcome("skipped", "OLD"), False),
        (outcome("failed", "OLD", "OLD"), False),
        (outcome("failed", "OLD", None), False),
        (outcome("failed", "OLD", "OLD", wrote=True), False),
        (outcome("failed", "OLD", "OTHER", wrote=True), True),
        (outcome("failed", None, None, wrote=True, unknown=True), True),
        (outcome("failed", None, None, wrote=True, lost="OLD"), True),
    ],
)
def test_changed_is_what_is_known_to_have_changed(one: Outcome, changed: bool) -> None:
    assert one.changed is changed


@pytest.mark.parametrize(("after", "changed"), [("AAA", True), ("ZZZ", True), (None, True), ("OLD", False)])
def test_failure_is_a_change_if_something_else_remains(after: str | None, changed: bool) -> None:
    assert outcome("failed", "OLD", after, wrote=True).changed is changed
    assert outcome("failed", "OLD", after).changed is False


class TestOneService:
    def test_skipped_service_is_a_failure(self) -> None:
        result = single_result(outcome("skipped", "OLD", "OLD"))
        expected = f"{SID} was not changed, because the run was stopped"
        assert (result["failed"], result["changed"], result["msg"]) == (True, False, expected)
        assert (result["action"], result["before"], result["after"]) == ("skipped", "OLD", "OLD")
        assert not {"restored", "lost_sender", "state_unknown", "error"} & set(result)

    def test_failure_has_its_fields(self, simulator: Simulator, api: Client) -> None:
        simulator.reset(seed(["OLD"], refused=["ACME"]))
        result = single_result(reconcile_one(api, desired(SID, "ACME"), check_mode=False))
        assert (result["failed"], result["changed"], result["restored"]) == (True, False, True)
        assert (result["lost_sender"], result["state_unknown"], result["recovery_command"]) == (None, False, None)
        assert result["error"]["code"] == 21709

    def test_result_has_the_warning(self) -> None:
        one = with_extra(1)
        text = f"{SID} has 'ACME' as desired, and in addition: OLD"
        assert warning(one) == text
        assert single_result(one)["warnings"] == [text]
        assert single_result(outcome("unchanged"))["warnings"] == []

    def test_message_marks_check_mode(self) -> None:
        planned = single_result(outcome("created", None, "ACME"), check_mode=True)
        assert planned["msg"] == f"{SID}: created 'ACME' (check mode, nothing is changed)"
        assert single_result(outcome("created", None, "ACME"))["msg"] == f"{SID}: created 'ACME'"

    @pytest.mark.parametrize(
        ("one", "text"),
        [
            (outcome("replaced", "OLD", "ACME"), f"{SID}: replaced 'OLD' by 'ACME'"),
            (outcome("deleted", "OLD"), f"{SID}: deleted 'OLD'"),
            (outcome("unchanged", "ACME", "ACME"), f"{SID}: unchanged, has 'ACME'"),
            (outcome("unchanged"), f"{SID}: unchanged, has no alpha sender"),
        ],
    )
    def test_message_says_what_happened(self, one: Outcome, text: str) -> None:
        assert message(one) == text


@pytest.mark.parametrize("action", ["created", "replaced", "deleted", "unchanged", "skipped"])
def test_outcome_has_the_fields_of_a_failure_only_if_it_is_one(action: str) -> None:
    fields = {"service_sid": SID, "account_sid": None, "iso_country_code": None, "before": "OLD", "after": "ACME"}
    more = {"msg": f"{SID} was not changed, because the run was stopped"} if action == "skipped" else {}
    assert outcome_fields(outcome(action, "OLD", "ACME")) == {**fields, "action": action, **more}
    assert outcome(action).fatal is False


def test_failed_outcome_has_every_field() -> None:
    failed = outcome_fields(outcome("failed", "OLD", lost="OLD", cause=NOT_READ), "AC" + "1" * 32)
    assert list(failed) == FIELDS + FAILURE_FIELDS
    assert (failed["lost_sender"], failed["account_sid"]) == ("OLD", "AC" + "1" * 32)
    assert failed["recovery_command"] == recovery_command(Slot(ALPHA_SENDER, SID), "OLD")
    assert (failed["restored"], failed["state_unknown"]) == (False, False)


def test_large_diff_counts_what_it_does_not_show() -> None:
    outcomes = [outcome("created", None, "ACME", number) for number in range(1, 161)]
    diff = grouped_diff(outcomes)["prepared"]
    assert diff.startswith("none → ACME: 160\n")
    assert diff.count("MG") == 10
    assert diff.endswith("... and 150 more\n")
    assert "more" not in grouped_diff(outcomes[:10])["prepared"]
    assert grouped_diff(outcomes[:11])["prepared"].endswith("... and 1 more\n")
    kinds = [outcome("replaced", f"OLD {number}", "ACME", number) for number in range(1, 13)]
    assert grouped_diff(kinds)["prepared"].endswith("... and 2 more kinds of changes\n")
    assert grouped_diff(kinds)["prepared"].count("MG") == 10


def test_diff_shows_both_sides_of_each_change() -> None:
    outcomes = [outcome("created", None, "ACME"), outcome("replaced", "OLD", "ACME", 2), outcome("unchanged")]
    assert grouped_diff([*outcomes, outcome("replaced", "OLD", "ACME", 4)]) == {
        "prepared": f"OLD → ACME: 2\n  {mg(2)}\n  {mg(4)}\nnone → ACME: 1\n  {mg(1)}\n"
    }
    assert grouped_diff(outcomes[2:]) == {"prepared": ""}
    assert single_diff(outcomes[0]) == {"before": f"{mg(1)}:\n", "after": f"{mg(1)}:\n  ACME\n"}
    assert single_diff(outcomes[1]) == {"before": f"{mg(2)}:\n  OLD\n", "after": f"{mg(2)}:\n  ACME\n"}
    assert single_diff(outcomes[2]) == {"before": "", "after": ""}


class TestBulkResult:
    def test_line_counts_every_service_once_and_names_skipped_ones_only_if_any(self) -> None:
        outcomes = [outcome("created"), outcome("unchanged"), outcome("unchanged"), unread()]
        line = "4 Services: 1 created, 0 replaced, 0 deleted, 2 unchanged, 1 failed"
        assert bulk_result(outcomes)["msg"].splitlines()[0] == line
        more = [*outcomes, outcome("skipped", number=9)]
        line = line.replace("4 Services", "5 Services") + ", 1 skipped"
        assert bulk_result(more)["msg"].splitlines()[0] == line
        one = bulk_result([outcome("created", None, "ACME")])["msg"]
        assert one == ("1 Service: 1 created, 0 replaced, 0 deleted, 0 unchanged, 0 failed\nChanged: none → ACME (1)")

    def test_line_marks_check_mode(self) -> None:
        line = "0 Services: nothing to do (check mode, nothing is changed)"
        assert bulk_result([], check_mode=True)["msg"] == line

    def test_publishes_no_statistics(self) -> None:
        # The role has a set_stats task for that.
        assert "ansible_stats" not in bulk_result([unread(number) for number in range(1, 106)])

    def test_counts_reasons_beyond_the_first_few(self) -> None:
        outcomes = [unread(number, f"why {number}") for number in range(5)]
        reasons = [
            f"{mg(number)}: the alpha sender cannot be read, nothing was changed: why {number}" for number in range(5)
        ]
        assert bulk_result(outcomes[:1])["msg"].splitlines()[1:] == ["1 of 1 Service failed", *reasons[:1]]
        assert bulk_result(outcomes[:3])["msg"].splitlines()[1:] == ["3 of 3 Services failed", *reasons[:3]]
        assert bulk_result(outcomes)["msg"].splitlines()[1:] == [
            "5 of 5 Services failed",
            *reasons[:3],
            "and 2 more, see outcomes",
        ]

    @pytest.mark.parametrize("count", [1, 4, 9])
    def test_names_every_lost_sender(self, count: int) -> None:
        facts = Facts(desired(SID, "ACME"), read_error=ApiError("why"))
        lost = [
            outcome("failed", f"OLD{number}", number=number, lost=f"OLD{number}", cause=NOT_READ, facts=facts)
            for number in range(1, 1 + count)
        ]
        line = bulk_result([unread(90), *lost])["msg"].splitlines()[1]
        names = ", ".join(f"{mg(number)} 'OLD{number}'" for number in range(1, 1 + count))
        assert line == f"{count + 1} of {count + 1} Services failed. Lost senders: {names}"

    @pytest.mark.parametrize(
        ("count", "rest"),
        [(0, None), (1, None), (10, None), (11, "and 1 similar warning"), (12, "and 2 similar warnings")],
    )
    def test_counts_warnings_beyond_the_first_few(self, count: int, rest: str | None) -> None:
        outcomes = [with_extra(number) for number in range(count)]
        expected = [str(warning(one)) for one in outcomes[:10]] + ([rest] if rest else [])
        assert bulk_result(outcomes)["warnings"] == expected

    def test_fails_if_something_failed_or_was_not_started(self) -> None:
        assert "failed" not in bulk_result([outcome("created")])
        assert bulk_result([outcome("created"), unread()])["failed"] is True
        assert bulk_result([outcome("created"), outcome("skipped")])["failed"] is True

    def test_counts_the_desired_states(self) -> None:
        wanted = [desired(mg(1), "ACME"), desired(mg(2), None, "absent"), desired(mg(3), "ACME")]
        assert count_desired(wanted) == [
            {"alpha_sender": "ACME", "iso_country_code": None, "state": "present", "replace": True, "services": 2},
            {"alpha_sender": None, "iso_country_code": None, "state": "absent", "replace": True, "services": 1},
        ]

    def test_large_results_are_bounded(self, simulator: Simulator, api: Client) -> None:
        simulator.reset(seed(*[[]] * 60, *[["ACME", "OLD"]] * 12))
        outcomes = [reconcile_one(api, desired(mg(number), "ACME"), check_mode=False) for number in range(1, 73)]
        result = bulk_result(outcomes)
        assert result["diff"]["prepared"].count("MG") == 10
        assert result["diff"]["prepared"].endswith("... and 50 more\n")
        assert len(result["warnings"]) == 11
        assert result["warnings"][-1] == "and 2 similar warnings"


class TestProgress:
    def write(self, path: Path, monkeypatch: pytest.MonkeyPatch, interval: float, seconds: float) -> list[str]:
        """The lines of a run over 8 Services, each of which takes ``seconds``."""
        now = [0.0]
        eight = [desired(mg(number), "ACME") for number in range(1, 9)]
        monkeypatch.setattr("time.monotonic", lambda: now[0])
        progress = write_progress(str(path), eight, interval)
        for done in range(1, 9):
            now[0] += seconds
            progress(done, {"unchanged": done})
        first, *lines = path.read_text(encoding="utf-8").splitlines()
        assert first == "Desired: ACME for 8 Services"
        return [re.sub(r" Services done: .*\. ", ", ", line) for line in lines]

    @pytest.mark.parametrize(
        ("interval", "written"),
        [
            (3, [3, 6, 8]),
            (4, [4, 8]),
            (100, [8]),
            (0, range(1, 9)),
        ],
    )
    def test_writes_after_each_interval_and_at_the_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval: float, written: Iterable[int]
    ) -> None:
        pace = {done: f"{8 - done} left, 0.5 a second, about {2 * (8 - done)} s to go" for done in range(1, 8)}
        lines = [f"{done} of 8, {pace.get(done, '0 left')}" for done in written]
        assert self.write(tmp_path / "progress", monkeypatch, 2 * interval, 2.0) == lines

    def test_names_the_most_frequent_desired_senders(self, tmp_path: Path) -> None:
        values = ["A", "B", "B", "C", "D", "E", "F", None]
        wanted = [
            desired(mg(number), value, state="present" if value else "absent") for number, value in enumerate(values, 1)
        ]
        write_progress(str(tmp_path / "progress"), wanted, 0)
        line = "B for 2 Services, A for 1 Service, C for 1 Service, D for 1 Service, E for 1 Service, and 2 more"
        assert (tmp_path / "progress").read_text(encoding="utf-8") == f"Desired: {line}\n"
        assert describe_desired(wanted[-1:]) == "no alpha sender for 1 Service"

    def test_writes_nothing_without_a_path(self) -> None:
        write_progress(None, [desired(mg(1), "ACME")], 0)(1, {"created": 1})

    def test_marks_check_mode(self, tmp_path: Path) -> None:
        path = tmp_path / "progress"
        write_progress(str(path), [desired(mg(1), "ACME")], 0, check_mode=True)(1, {"created": 1})
        line = "1 of 1 Service done: 1 created, 0 replaced, 0 deleted, 0 unchanged, 0 failed. 0 left"
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines == ["Desired: ACME for 1 Service", f"{line} (check mode, nothing is changed)"]

    def test_refuses_a_path_that_cannot_be_written(self) -> None:
        with pytest.raises(InputError, match="progress_path must be a file that can be written, got '/no/such/file'"):
            check_path("/no/such/file", "progress_path")


class TestLimits:
    @pytest.mark.parametrize("concurrency", [0, -1, MAX_CONCURRENCY + 1])
    def test_refuses_a_concurrency_out_of_range(self, concurrency: int) -> None:
        with pytest.raises(InputError, match=f"concurrency must be between 1 and 100, got {concurrency}"):
            check_concurrency(concurrency)

    @pytest.mark.parametrize("concurrency", [1, 5, MAX_CONCURRENCY])
    def test_accepts_the_ends_of_the_range(self, concurrency: int) -> None:
        check_concurrency(concurrency)

    def test_refuses_values_below_the_minimum(self) -> None:
        with pytest.raises(InputError, match="max_failures must be 0 or more, got -1"):
            check_minimum("max_failures", -1)
        with pytest.raises(InputError, match=r"progress_interval must be 0 or more, got -0\.5"):
            check_minimum("progress_interval", -0.5)
        with pytest.raises(InputError, match="table_rows must be 1 or more, got 0"):
            check_minimum("table_rows", 0, 1)

    @pytest.mark.parametrize("value", [None, 0, 1, 7, 0.5])
    def test_accepts_values_from_the_minimum(self, value: float | None) -> None:
        check_minimum("max_failures", value)


def test_account_is_that_of_the_first_row_that_has_one(api: Client) -> None:
    rows: list[dict[str, object] | None] = [None, {"account_sid": 5}, {"account_sid": "AC2"}, {"account_sid": "AC3"}]
    outcomes = [outcome("unchanged", row=row) for row in rows]
    assert account_of(api, outcomes) == "AC2"
    assert account_of(api, outcomes[:2]) == api.account_sid == ACCOUNT_SID


def test_stopwatch_says_when_how_long_and_how_many_requests(simulator: Simulator, api: Client) -> None:
    simulator.reset(seed(["ACME"]))
    stopwatch = Stopwatch()
    reconcile_one(api, desired(SID, "ACME"), check_mode=False)
    fields = stopwatch.fields(api)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", fields["started_at"])
    assert (fields["seconds"] >= 0, fields["requests"]) == (True, 1)
