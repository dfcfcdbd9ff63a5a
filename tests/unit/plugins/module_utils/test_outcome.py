# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about a slot and the outcome that follows, as a table that was written independently of the code."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils import _outcome as cause
from ansible_collections.messaging.twilio.plugins.module_utils import _plan as problem
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError
from ansible_collections.messaging.twilio.plugins.module_utils._journal import JournalError
from ansible_collections.messaging.twilio.plugins.module_utils._messages import message, warning
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Facts, Outcome, derive, errors_of
from ansible_collections.messaging.twilio.plugins.module_utils._plan import make_plan
from ansible_collections.messaging.twilio.plugins.module_utils._resources import Row
from ansible_collections.messaging.twilio.plugins.module_utils._results import outcome_fields

from support.account import mg
from support.desired import desired


def row(name: str | None) -> dict[str, object]:
    return {"sid": f"AI{sum(map(ord, str(name))):032x}", "alpha_sender": name}


REFUSED = ApiError("refused", status=400, code=21709)
DENIED = ApiError("denied", status=401)
FORBIDDEN = ApiError("forbidden", status=403)
TIMEOUT = ApiError("timeout", indeterminate=True)
CONFLICT = ApiError("conflict", status=409)
FULL = JournalError("full")
BUG = RuntimeError("unexpected KeyError")
OLD, ACME, OTHER = row("OLD"), row("ACME"), row("OTHER")


@dataclass
class Case:
    """One line of the table: the current names, what is desired, the facts, and the outcome."""

    name: str
    current: list[str] | None
    value: str | None
    facts: dict[str, Any]
    action: str
    cause: str | None = None
    before: str | None = None
    after: str | None = None
    state: str = "present"
    replace: bool = True
    rollback: dict[str, Any] | None = None
    restored: bool = False
    lost: str | None = None
    unknown: bool = False
    fatal: bool = False
    changed: bool = False
    row: Row | None = field(default=None)
    only_if: tuple[str | None, ...] | None = None


WRITTEN = {"applied": True, "wrote": True}
DELETED = {**WRITTEN, "deleted": ["OLD"], "gone": {OLD["sid"]}}
TRIED = {"applied": True}
OPEN = {**WRITTEN, "open_delete": OLD}

TABLE = [
    # Nothing was begun
    Case("not begun", None, "ACME", {}, "skipped", cause.STOPPED),
    Case("ended while reading", None, "ACME", {"abandoned": True}, "skipped", cause.STOPPED),
    Case("not read", None, "ACME", {"read_error": TIMEOUT}, "failed", cause.NOT_READ),
    Case("not read, denied", None, "ACME", {"read_error": DENIED}, "failed", cause.NOT_READ, fatal=True),
    Case("not read, forbidden", None, "ACME", {"read_error": FORBIDDEN}, "failed", cause.NOT_READ, fatal=True),
    Case("bug while reading", None, "ACME", {"read_error": BUG, "error": BUG}, "failed", cause.NOT_READ),
    Case("several", ["OLD", "OTHER"], "ACME", {}, "failed", problem.SEVERAL, "OLD, OTHER", "OLD, OTHER"),
    Case(
        "several, absent", ["OLD", "OTHER"], None, {},
        "failed", problem.SEVERAL, "OLD, OTHER", "OLD, OTHER", "absent",
    ),
    Case("no replace", ["OLD"], "ACME", {}, "failed", problem.REPLACE_IS_FALSE, "OLD", "OLD", replace=False),
    Case(
        "condition does not hold", ["OTHER"], "ACME", {},
        "skipped", problem.ONLY_IF, "OTHER", "OTHER", only_if=("OLD",), row=OTHER,
    ),
    Case("condition does not hold, empty", [], "ACME", {}, "skipped", problem.ONLY_IF, only_if=("OLD",)),
    Case("stopped before writing", ["OLD"], "ACME", {"stopped": True}, "skipped", cause.STOPPED, "OLD", "OLD"),
    Case("ended before writing", ["OLD"], "ACME", {"abandoned": True}, "skipped", cause.STOPPED, "OLD", "OLD"),
    # As planned
    Case("unchanged", ["ACME"], "ACME", {}, "unchanged", None, "ACME", "ACME", row=ACME),
    Case("unchanged, ended", ["ACME"], "ACME", {"abandoned": True}, "unchanged", None, "ACME", "ACME", row=ACME),
    Case("unchanged, several", ["OLD", "ACME"], "ACME", {}, "unchanged", None, "OLD, ACME", "OLD, ACME", row=ACME),
    Case("absent already", [], "ACME", {}, "unchanged", state="absent"),
    Case("check mode, create", [], "ACME", {}, "created", None, None, "ACME", changed=True),
    Case("check mode, replace", ["OLD"], "ACME", {}, "replaced", None, "OLD", "ACME", changed=True),
    Case("check mode, delete", ["OLD"], "OLD", {}, "deleted", None, "OLD", None, "absent", changed=True),
    Case("created", [], "ACME", {**WRITTEN, "row": ACME}, "created", None, None, "ACME", changed=True, row=ACME),
    Case(
        "replaced", ["OLD"], "ACME", {**DELETED, "row": ACME},
        "replaced", None, "OLD", "ACME", changed=True, row=ACME,
    ),
    Case("deleted", ["OLD"], None, DELETED, "deleted", None, "OLD", None, "absent", changed=True),
    Case("somebody else created it", [], "ACME", {**TRIED, "row": ACME}, "unchanged", None, "ACME", "ACME", row=ACME),
    Case("somebody else deleted it", ["OLD"], None, TRIED, "unchanged", None, None, None, "absent"),
    # A create without an old value
    Case("create refused", [], "ACME", {**TRIED, "error": REFUSED, "now": []}, "failed", cause.EMPTY),
    Case("create denied", [], "ACME", {**TRIED, "error": DENIED, "now": []}, "failed", cause.EMPTY, fatal=True),
    Case(
        "create open, nothing listed", [], "ACME", {**WRITTEN, "error": TIMEOUT, "open_create": True, "now": []},
        "failed", cause.EMPTY, unknown=True, changed=True,
    ),
    Case(
        "create open, not read", [], "ACME", {**WRITTEN, "error": TIMEOUT, "open_create": True, "read_error": TIMEOUT},
        "failed", cause.UNKNOWN, unknown=True, changed=True,
    ),
    Case(
        "create conflicts", [], "ACME", {**TRIED, "error": CONFLICT, "now": [OTHER]},
        "failed", cause.OCCUPIED, None, "OTHER",
    ),
    # Before the old value is deleted
    Case(
        "journal full", ["OLD"], "ACME", {**TRIED, "error": FULL, "now": [OLD]},
        "failed", cause.OCCUPIED, "OLD", "OLD",
    ),
    Case(
        "delete refused", ["OLD"], "ACME", {**TRIED, "error": REFUSED, "now": [OLD]},
        "failed", cause.OCCUPIED, "OLD", "OLD",
    ),
    Case(
        "delete denied", ["OLD"], "ACME", {**TRIED, "error": DENIED, "now": [OLD]},
        "failed", cause.OCCUPIED, "OLD", "OLD", fatal=True,
    ),
    Case(
        "somebody else deleted the old value", ["OLD"], "ACME", {**TRIED, "error": REFUSED, "now": []},
        "failed", cause.REMOVED_BY_OTHER, "OLD", lost="OLD", fatal=True, changed=True,
    ),
    # The fate of a delete is open
    Case(
        "delete open, still listed", ["OLD"], "ACME", {**OPEN, "error": TIMEOUT, "now": [OLD]},
        "failed", cause.UNKNOWN, "OLD", lost="OLD", unknown=True, fatal=True, changed=True,
    ),
    Case(
        "delete open, not read", ["OLD"], "ACME", {**OPEN, "error": TIMEOUT, "read_error": TIMEOUT},
        "failed", cause.UNKNOWN, "OLD", lost="OLD", unknown=True, fatal=True, changed=True,
    ),
    Case(
        "delete open, absent", ["OLD"], None, {**OPEN, "error": TIMEOUT, "now": [OLD]},
        "failed", cause.UNKNOWN, "OLD", state="absent", unknown=True, changed=True,
    ),
    Case(
        "delete answered with 404, and still listed", ["OLD"], "ACME",
        {**TRIED, "deleted": ["OLD"], "missing": {OLD["sid"]}, "error": TIMEOUT, "now": [OLD]},
        "failed", cause.UNKNOWN, "OLD", lost="OLD", unknown=True, fatal=True,
    ),
    Case(
        "delete answered with 404, and still listed beside the new one", ["OLD"], "ACME",
        {**WRITTEN, "deleted": ["OLD"], "missing": {OLD["sid"]}, "error": TIMEOUT, "now": [OLD, ACME], "row": ACME},
        "failed", cause.UNKNOWN, "OLD", unknown=True, changed=True,
    ),
    Case(
        "ended after the delete", ["OLD"], "ACME", {**DELETED, "abandoned": True, "now": [OLD]},
        "failed", cause.UNKNOWN, "OLD", lost="OLD", unknown=True, fatal=True, changed=True,
    ),
    Case(
        "ended before the first answer", ["OLD"], "ACME", {**TRIED, "abandoned": True, "now": [OLD]},
        "failed", cause.UNKNOWN, "OLD", unknown=True,
    ),
    # A bug before the first write
    Case(
        "bug before the first write", ["OLD"], "ACME", {**TRIED, "error": BUG, "read_error": BUG},
        "failed", cause.UNKNOWN, "OLD", unknown=True,
    ),
    Case(
        "bug before the first create", [], "ACME", {**TRIED, "error": BUG, "read_error": BUG},
        "failed", cause.UNKNOWN, unknown=True,
    ),
    # The old value is deleted
    Case(
        "create open, not read, old deleted", ["OLD"], "ACME", {**DELETED, "error": TIMEOUT, "read_error": TIMEOUT},
        "failed", cause.UNKNOWN, "OLD", lost="OLD", unknown=True, fatal=True, changed=True,
    ),
    Case(
        "bug after the delete", ["OLD"], "ACME", {**DELETED, "error": BUG, "read_error": BUG},
        "failed", cause.UNKNOWN, "OLD", lost="OLD", unknown=True, fatal=True, changed=True,
    ),
    Case(
        "create conflicts, nothing readable", ["OLD"], "ACME", {**DELETED, "error": CONFLICT, "read_error": TIMEOUT},
        "failed", cause.UNKNOWN, "OLD", lost="OLD", unknown=True, fatal=True, changed=True,
    ),
    Case(
        "somebody else set another value", ["OLD"], "ACME", {**DELETED, "error": CONFLICT, "now": [OTHER]},
        "failed", cause.OCCUPIED, "OLD", "OTHER", lost="OLD", changed=True,
    ),
    Case(
        "somebody else set the old value again", ["OLD"], "ACME", {**DELETED, "error": CONFLICT, "now": [OLD]},
        "failed", cause.OCCUPIED, "OLD", "OLD",
    ),
    Case(
        "restored", ["OLD"], "ACME", {**DELETED, "error": REFUSED, "now": []},
        "failed", cause.RESTORED, "OLD", "OLD", rollback={"row": OLD, "wrote": True}, restored=True, row=OLD,
    ),
    Case(
        "restored, but denied", ["OLD"], "ACME", {**DELETED, "error": FORBIDDEN, "now": []},
        "failed", cause.RESTORED, "OLD", "OLD",
        rollback={"row": OLD, "wrote": True}, restored=True, fatal=True, row=OLD,
    ),
    Case(
        "restored what a killed run deleted", [], "ACME",
        {**TRIED, "error": REFUSED, "now": [], "deleted": ["OLD"], "inherited": "OLD"},
        "failed", cause.RESTORED, None, "OLD",
        rollback={"row": OLD, "wrote": True}, restored=True, changed=True, row=OLD,
    ),
    Case(
        "restored the last of two", ["OLD"], "ACME",
        {**DELETED, "deleted": ["OLD", "OTHER"], "error": REFUSED, "now": []},
        "failed", cause.RESTORED, "OLD", "OTHER", rollback={"value": "OTHER", "row": OTHER, "wrote": True},
        restored=True, lost="OLD", changed=True, row=OTHER,
    ),
    Case(
        "lost", ["OLD"], "ACME", {**DELETED, "error": REFUSED, "now": []},
        "failed", cause.LOST, "OLD", rollback={"error": REFUSED, "now": []}, lost="OLD", fatal=True, changed=True,
    ),
    Case(
        "lost, not read", ["OLD"], "ACME", {**DELETED, "error": REFUSED, "now": []},
        "failed", cause.LOST, "OLD", rollback={"error": TIMEOUT, "read_error": TIMEOUT, "open_create": True},
        lost="OLD", unknown=True, fatal=True, changed=True,
    ),
    Case(
        "lost, restore open", ["OLD"], "ACME", {**DELETED, "error": REFUSED, "now": []},
        "failed", cause.LOST, "OLD", rollback={"error": TIMEOUT, "open_create": True, "now": []},
        lost="OLD", unknown=True, fatal=True, changed=True,
    ),
    Case(
        "overtaken", ["OLD"], "ACME", {**DELETED, "error": REFUSED, "now": []},
        "failed", cause.OVERTAKEN, "OLD", "OTHER",
        rollback={"error": CONFLICT, "now": [OTHER]}, lost="OLD", changed=True,
    ),
    Case(
        "carried out late", ["OLD"], "ACME", {**DELETED, "error": TIMEOUT, "now": []},
        "replaced", None, "OLD", "ACME", rollback={"error": CONFLICT, "now": [OTHER, ACME]}, changed=True, row=ACME,
    ),
]  # fmt: skip


def facts_of(case: Case) -> Facts:
    wanted = replace(desired(mg(1), case.value, case.state, case.replace), only_if=case.only_if)
    listed = None if case.current is None else [row(name) for name in case.current]
    plan = None if listed is None else make_plan(wanted, listed)
    known = dict(case.facts)
    if "wrote" in known:
        known.setdefault("doubtful", "ACME")
    now = known.pop("now", None if "read_error" in known else listed)
    facts = Facts(wanted, plan, current=now, **known)
    if case.rollback is not None:
        back = dict(case.rollback)
        restored = desired(mg(1), back.pop("value", "OLD"), replace=False)
        now = back.pop("now", None)
        facts.rollback = Facts(restored, make_plan(restored, ()), applied=True, current=now, **back)
    return facts


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_outcome_is_what_the_table_says(case: Case) -> None:
    outcome = derive(facts_of(case))
    assert (outcome.action, outcome.cause) == (case.action, case.cause)
    assert (outcome.before, outcome.after) == (case.before, case.after)
    assert (outcome.restored, outcome.lost, outcome.unknown) == (case.restored, case.lost, case.unknown)
    assert (outcome.fatal, outcome.changed, outcome.row) == (case.fatal, case.changed, case.row)


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_every_outcome_has_its_sentences_and_fields(case: Case) -> None:
    outcome = derive(facts_of(case))
    text = message(outcome)
    assert text.startswith(mg(1))
    assert "None" not in text.replace("unexpected", "")
    assert "{" not in text.replace("{alpha_sender_name: ", "")
    fields = outcome_fields(outcome)
    assert list(fields)[:6] == ["service_sid", "account_sid", "iso_country_code", "action", "before", "after"]
    assert ("msg" in fields) == (case.action in ("failed", "skipped"))
    if case.action == "failed":
        assert (fields["restored"], fields["lost_sender"], fields["state_unknown"]) == (
            case.restored,
            case.lost,
            case.unknown,
        )
        assert set(fields["error"]) == {"code", "message", "more_info", "status", "request_id"}
        # A value that may be lost has the command that restores it.
        assert (fields["recovery_command"] is not None) == (case.lost is not None)
        needs_command = case.lost is not None and case.after is None
        assert (str(fields["recovery_command"]) in text) == needs_command
    assert warning(outcome) is None or case.action != "failed"


def test_table_has_every_cause() -> None:
    causes = {cause.NOT_READ, cause.UNKNOWN, cause.OCCUPIED, cause.EMPTY, cause.REMOVED_BY_OTHER, cause.RESTORED}
    causes |= {cause.OVERTAKEN, cause.LOST, cause.STOPPED, problem.SEVERAL, problem.REPLACE_IS_FALSE}
    causes |= {problem.ONLY_IF}
    assert {case.cause for case in TABLE} - {None} == causes


@pytest.mark.parametrize(
    ("action", "changed"),
    [("created", True), ("replaced", True), ("deleted", True), ("unchanged", False), ("skipped", False)],
)
def test_success_is_changed_by_its_action(action: str, changed: bool) -> None:
    assert Outcome(desired(mg(1), "ACME"), action, "OLD", "ACME").changed is changed


@pytest.mark.parametrize(
    ("before", "after", "lost", "unknown", "wrote", "changed"),
    [
        ("OLD", "OLD", None, False, True, False),
        ("OLD", "OTHER", None, False, True, True),
        ("OLD", None, "OLD", False, True, True),
        ("OLD", "OTHER", "OLD", False, True, True),
        ("OLD", "OLD", None, True, True, True),
        (None, None, None, False, True, False),
        (None, None, None, True, True, True),
        # What others did is not a change of this run.
        ("OLD", "OTHER", None, False, False, False),
        ("OLD", None, "OLD", True, False, False),
    ],
)
def test_failure_is_changed_if_it_wrote_and_the_slot_differs(
    before: str | None, after: str | None, lost: str | None, unknown: bool, wrote: bool, changed: bool
) -> None:
    outcome = Outcome(
        desired(mg(1), "ACME"), "failed", before, after, cause.LOST, lost=lost, unknown=unknown, wrote=wrote
    )
    assert outcome.changed is changed


def test_outcome_warns_of_what_others_did() -> None:
    def note(current: list[str], **known: Any) -> str | None:
        return warning(derive(facts_of(Case("", current, "ACME", known, ""))))

    assert note(["OLD"], **DELETED, row=ACME) is None
    assert note(["OLD"], **{**DELETED, "deleted": ["OLD", "OTHER"]}, row=ACME) == (
        f"{mg(1)}: somebody else set 'OTHER' meanwhile, it was replaced"
    )
    assert note([], **WRITTEN, row=ACME, inherited="OLD", deleted=["OLD"]) == (
        f"{mg(1)}: an earlier run deleted 'OLD' and was killed then. It now has 'ACME'"
    )
    assert note(["OLD", "ACME"]) == f"{mg(1)} has 'ACME' as desired, and in addition: OLD"


def test_errors_are_ordered_from_the_first_write_to_the_restore() -> None:
    back = Facts(desired(mg(1), "OLD"), error=CONFLICT, read_error=DENIED)
    facts = Facts(desired(mg(1), "ACME"), error=REFUSED, read_error=TIMEOUT, rollback=back)
    assert errors_of(facts) == [REFUSED, TIMEOUT, CONFLICT, DENIED]
    facts = Facts(desired(mg(1), "ACME"), make_plan(desired(mg(1), "ACME"), [OLD]), applied=True, current=[])
    facts.error, facts.rollback = REFUSED, back
    assert derive(facts).fatal
