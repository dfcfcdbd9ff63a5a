# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of errors has the messages that users get. ``make fault-table`` writes its table from this file."""

from __future__ import annotations

import ast
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from ansible_collections.messaging.twilio.plugins.module_utils import (
    _answer,
    _desired,
    _module,
    _outcome,
    _plan,
    _services,
)
from ansible_collections.messaging.twilio.plugins.module_utils._accounts import make_accounts
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._connection import make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._journal_file import Entry
from ansible_collections.messaging.twilio.plugins.module_utils._messages import (
    message,
    recovery_command,
    service_message,
    unrecovered_message,
    warning,
)
from ansible_collections.messaging.twilio.plugins.module_utils._outcome import Facts, Outcome, derive
from ansible_collections.messaging.twilio.plugins.module_utils._plan import Desired, Slot, make_plan
from ansible_collections.messaging.twilio.plugins.module_utils._reconcile import reconcile
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER, COUNTRY_SENDER
from ansible_collections.messaging.twilio.plugins.module_utils._service_apply import reconcile_service
from ansible_collections.messaging.twilio.plugins.module_utils._service_plan import (
    DesiredService,
    ServiceOutcome,
    make_service_plan,
)
from ansible_collections.messaging.twilio.plugins.module_utils._transport import ExchangeError, Transport
from hypothesis import given
from hypothesis import strategies as st

from simulator import Simulator
from support.account import API_KEY, mg, seed
from support.ansible_run import ROOT
from support.client import make_client
from support.desired import desired
from support.explanations import EXPLANATIONS
from support.service import desired_service, services_seed

PAGE = ROOT / "docs/docsite/rst/errors.rst"
HEAD = "   message | cause | what to do\n"
SID = mg(1)
SLOT = Slot(ALPHA_SENDER, SID)
SOURCES = (
    "_connection",
    "_transport",
    "_resources",
    "_countries",
    "_journal",
    "_accounts",
    "_services",
    "_entries",
    "_desired",
    "_service_plan",
    "_module",
)
OTHER_ACCOUNT = "AC" + "0" * 31 + "2"
LISTED: list[dict[str, Any]] = [{"sid": mg(number), "friendly_name": name} for number, name in enumerate("AAB", 1)]


def connect(**changed: Any) -> Callable[[], object]:
    names = ("account_sid", "auth_token", "api_key", "api_secret", "api_url", "region", "edge", "ca_path")
    given = {**dict.fromkeys(names), "timeout": 35.0, "max_retries": 5, "validate_certs": True}
    if not {"account_sid", "api_key", "auth_token", "none"} & set(changed):
        given |= {"account_sid": "AC" + "0" * 32, "auth_token": "secret"}
    changed.pop("none", None)
    return lambda: make_connection({**given, **changed})


def nowhere(**changed: Any) -> dict[str, Any]:
    given = {"account_sid": "AC" + "0" * 32, "auth_token": "secret", "timeout": 35.0, "validate_certs": True}
    return {**given, "max_retries": 0, "api_url": "https://messaging.example", **changed}


def with_ca(path: str) -> Callable[[], object]:
    return lambda: Client(make_connection(nowhere(ca_path=path)))


def with_proxy(url: str) -> Callable[[], object]:
    def make() -> object:
        with patch.dict(os.environ, {"HTTPS_PROXY": url, "NO_PROXY": "", "no_proxy": ""}):
            return Client(make_connection(nowhere()))

    return make


def full_journal() -> None:
    with tempfile.TemporaryDirectory() as folder:
        killed = Journal(folder)
        killed.record(SLOT, "OLD", "AI" + "0" * 32)
        os.close(killed._file or 0)
        with Journal(folder) as journal:
            os.dup2(os.open("/dev/full", os.O_WRONLY), journal._file or 0)
            journal.claim([SLOT])


def several(*entries: object, **common: Any) -> Callable[[], object]:
    directory = _services.Directory(lambda: LISTED)
    return lambda: _desired.make_all_desired(entries, common, locate=directory.locate)


def foreign() -> None:
    """A Service that belongs to none of the accounts of a run."""
    _services.Directory(lambda: LISTED, several=True).locate(desired(mg(99), "ACME"))


def with_accounts(accounts: object, **changed: Any) -> Callable[[], object]:
    def make() -> object:
        connection = make_connection(nowhere(**changed))
        options_given = {"accounts": accounts, "subaccounts": accounts is None}
        return make_accounts(Client(connection), connection, options_given)

    return make


def without_credentials() -> None:
    connection = make_connection(nowhere())
    make_accounts(Client(connection), connection, {}).check([None, OTHER_ACCOUNT])


def one(*args: Any, **more: Any) -> Callable[[], object]:
    return lambda: _desired.make_desired(*args, **more)


#: Bad input, in the order of the options. Each `raise InputError` of SOURCES is reached by one of these.
BAD: list[Callable[[], object]] = [
    connect(none=True),
    connect(account_sid="", auth_token="x"),
    connect(auth_token="sec ret"),
    connect(api_key=API_KEY),
    connect(api_key="wrong", api_secret="x"),
    connect(timeout=0.0),
    connect(max_retries=101),
    connect(region="ie1"),
    connect(edge="http://dublin"),
    connect(region="i e", edge="dublin"),
    connect(api_url="http://[::1"),
    connect(api_url="https://user:secret@messaging.example"),
    connect(api_url="no url"),
    connect(api_url="https://messaging.example/v1"),
    connect(api_url="http://messaging.example"),
    connect(ca_path="/no/such.pem"),
    with_ca(os.devnull),
    with_proxy("http://[::1"),
    with_proxy("http://proxy.example:port"),
    several("MG12", alpha_sender="ACME"),
    several(mg(10).lower(), alpha_sender="ACME"),
    several(SID),
    several(5, alpha_sender="ACME"),
    several({"service_sid": SID, "sendr": "X"}, alpha_sender="ACME"),
    several({"alpha_sender": "ACME"}),
    several(SID, {"service_sid": SID, "alpha_sender": "OTHER"}, alpha_sender="ACME"),
    several({"service_name": "A", "alpha_sender": "ACME"}),
    several({"service_name": "AB", "alpha_sender": "ACME"}),
    several({"service_name": "Else", "alpha_sender": "ACME"}),
    several("one", "two", "three", "four", "five", "six", "seven", alpha_sender="ACME"),
    several({"service_sid": SID, "country_senders": "GB"}),
    several({"service_sid": SID, "country_senders": {"UK": "ACME"}}),
    several({"service_sid": SID, "country_senders": {False: "ACME"}}),
    several({"service_sid": SID, "country_senders": {"GB": "A.B"}}),
    several({"service_sid": SID, "account_sid": "AC12", "alpha_sender": "ACME"}),
    several({"service_sid": SID, "country_senders": {"GB": "ACME"}, "only_if": "OLD"}),
    several({"service_sid": SID, "country_senders": {"GB": "ACME"}, "iso_country_code": "GB", "alpha_sender": "ACME"}),
    foreign,
    with_accounts(["x"]),
    with_accounts({"AC12": {}}),
    with_accounts({OTHER_ACCOUNT: {"token": "x"}}),
    with_accounts({OTHER_ACCOUNT: {"auth_token": "sec ret"}}),
    with_accounts(None, account_sid=None, auth_token=None, api_key=API_KEY, api_secret="x"),
    without_credentials,
    one(alpha_sender="ACME"),
    one(SID, "Shop", "ACME"),
    one(None, "", "ACME"),
    one(SID),
    one(SID, None, False),
    one(SID, None, ""),
    one(SID, None, "ACME "),
    one(SID, None, "twelve chars"),
    one(SID, None, "A.B"),
    one(SID, None, "12345"),
    one(SID, None, "ACME", "gone"),
    one(SID, None, "ACME", replace="perhaps"),
    *(
        partial(desired_service, **given)
        for given in (
            {},
            {"service_sid": SID, "friendly_name": "Shop", "state": "absent"},
            {"friendly_name": "x" * 65},
            {"friendly_name": "Shop", "fallback_url": "shop.example"},
            {"friendly_name": "Shop", "validity_period": 0},
        )
    ),
    partial(make_service_plan, DesiredService(None, "A"), LISTED[:2]),
    partial(make_service_plan, DesiredService(SID, None), []),
    lambda: _services.check_filter(SID, None, "Shop*"),
    lambda: _services.check_filter(None, None, ""),
    lambda: _module.check_concurrency(101),
    lambda: _module.check_minimum("max_failures", -1),
    lambda: _module.check_minimum("progress_interval", -0.5),
    lambda: _module.count_max_changes("ten", 300),
    lambda: _module.check_path("/no/such/folder/file", "csv_path"),
    lambda: _module.check_controller_options(
        {"hosts": None, "file": None, "report_path": "report.html", "report_mode": None}
    ),
    lambda: Journal("/no/such/folder"),
    full_journal,
]

#: What Twilio or the network does to a Service with these senders, and what is desired.
STATUS = {"kind": "status", "count": 99}
ACME = desired(SID, "ACME")
ONLY_IF_OLD = replace(ACME, only_if=("OLD",))
TROUBLE: list[tuple[list[str], list[dict[str, Any]], Desired]] = [
    (["OLD", "NEW"], [], ACME),
    (["OLD", "NEW"], [], desired(SID, None, "absent")),
    (["OLD"], [], desired(SID, "ACME", replace=False)),
    (["OLD"], [{**STATUS, "status": 400, "body": {"code": 20001, "message": "Bad request"}}], ACME),
    (["OLD"], [{**STATUS, "status": 401, "body": {"code": 20003, "message": "Authenticate"}}], ACME),
    (["OLD"], [{**STATUS, "status": 403, "body": {"code": 70051, "message": "Forbidden"}}], ACME),
    (["OLD"], [{**STATUS, "status": 404, "body": {"code": 20404, "message": "Not found"}}], ACME),
    (["OLD"], [{**STATUS, "status": 404, "body": "<html>"}], ACME),
    (["OLD"], [{**STATUS, "status": 429, "body": {"code": 20429, "message": "Too many"}}], ACME),
    (["OLD"], [{**STATUS, "status": 429, "headers": {"Retry-After": "3600"}}], ACME),
    (["OLD"], [{**STATUS, "status": 503, "body": {"code": 21730, "message": "Maintenance"}}], ACME),
    (["OLD"], [{"kind": "redirect"}], ACME),
    (["OLD"], [{"kind": "no_key"}], ACME),
    (["OLD"], [{"kind": "page_elsewhere", "location": "https://elsewhere.example/"}], ACME),
    (["OLD"], [{"kind": "garbage", "count": 9}], ACME),
    (["OLD"], [{"kind": "reset", "count": 9}], ACME),
    ([], [], desired(SID, "BANK")),
    (["OLD"], [], desired(SID, "BANK")),
    (
        [],
        [{"kind": "other_writer", "method": "POST", "sender": "OTHER", "count": 9}],
        desired(SID, "ACME", replace=False),
    ),
    ([], [{"kind": "reset", "method": "POST", "count": 9}], ACME),
    (["OLD"], [{**STATUS, "method": "DELETE", "status": 400}], ACME),
    (["OLD"], [{**STATUS, "method": "POST", "status": 500}], ACME),
    (["OLD"], [{"kind": "reset", "method": "DELETE"}, {**STATUS, "method": "GET", "skip": 1}], ACME),
    (["OLD"], [{"kind": "reset", "method": "DELETE", "count": 9}], ACME),
    (["OLD"], [{**STATUS, "method": "DELETE", "status": 404, "body": {"code": 20404, "message": "Not found"}}], ACME),
    (["OLD"], [{"kind": "reset", "method": "DELETE", "count": 9}], desired(SID, None, "absent")),
]


#: What Twilio or the network does while one Service is managed, what it has, and what is asked.
LOST: dict[str, Any] = {"kind": "reset", "method": "POST"}
SHOP: dict[str, Any] = {"friendly_name": "Shop"}
SERVICE_TROUBLE: list[tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]] = [
    ([{**SHOP, "phone_numbers": ["+15005550006"]}], [], {**SHOP, "state": "absent"}),
    ([{**SHOP, "campaigns": ["VERIFIED"]}], [], {**SHOP, "state": "absent", "force": True}),
    ([SHOP], [{**STATUS, "status": 400, "method": "POST"}], {**SHOP, "usecase": "poll"}),
    ([SHOP], [{"kind": "reset", "method": "DELETE", "count": 9}], {**SHOP, "state": "absent"}),
    ([SHOP], [{**STATUS, "kind": "not_found", "method": "DELETE"}], {**SHOP, "state": "absent"}),
    ([SHOP], [{**LOST, "count": 9}], {**SHOP, "usecase": "poll"}),
    ([], [{**LOST, "count": 9}], SHOP),
    ([], [LOST, {**STATUS, "method": "GET", "skip": 1}], SHOP),
]


def row(name: str | None, **more: object) -> dict[str, object]:
    return {"sid": "AI" + "0" * 32, "alpha_sender": name, **more}


def facts(current: Sequence[Mapping[str, object]], wanted: Desired = ACME, **known: Any) -> Facts:
    return Facts(wanted, make_plan(wanted, current), current=known.pop("now", current), **known)


REFUSED = ApiError("POST failed: HTTP 400: Refused", status=400)
BUG = RuntimeError("unexpected KeyError: 'sid'")
CONFLICT = ApiError("POST failed: HTTP 409: Conflict", status=409)
WRITTEN: dict[str, Any] = {"applied": True, "wrote": True, "deleted": ["OLD"], "error": REFUSED, "now": []}
#: Outcomes that depend on the moment, so that no fault of the simulator leads to them alone.
RARE: list[Facts] = [
    Facts(ACME),
    facts([row("OLD")], held_back=_outcome.TOO_MANY_CHANGES),
    facts([row("OLD")], held_back=_outcome.CANARY_FAILED),
    facts([row("OTHER")], ONLY_IF_OLD),
    facts([], ONLY_IF_OLD),
    facts([row("A.B")]),
    facts([row("OLD", sid=None)]),
    facts([row("OLD")], applied=True, error=REFUSED, now=[]),
    facts([row("OLD")], **{**WRITTEN, "error": CONFLICT, "now": [row("OTHER"), row("MORE")]}, problem=_plan.SEVERAL),
    facts([row("OLD")], ONLY_IF_OLD, **{**WRITTEN, "error": CONFLICT, "now": [row("OTHER")]}, problem=_plan.ONLY_IF),
    facts(
        [row("OLD")],
        **WRITTEN,
        rollback=Facts(desired(SID, "OLD"), applied=True, error=CONFLICT, current=[row("OTHER")]),
    ),
    facts([row("OLD")], **{**WRITTEN, "error": None, "now": [row("OLD")]}, abandoned=True),
    facts(
        [row("OLD")],
        applied=True,
        error=BUG,
        read_error=BUG,
        now=None,
    ),
    Facts(ACME, error=BUG, read_error=BUG),
]
#: What users are warned of.
WARNED: list[Facts] = [
    facts([row("OLD"), row("ACME", sid="AI" + "1" * 32)]),
    facts([], applied=True, wrote=True, row=row("ACME"), inherited="OLD", deleted=["OLD"]),
    facts([row("OLD")], applied=True, wrote=True, row=row("ACME"), deleted=["OLD", "OTHER"]),
]
#: What the client says if no whole answer comes.
LOST_ANSWERS = [
    ("GET", ExchangeError("Connection refused", sent=False)),
    ("GET", ExchangeError("certificate verify failed", sent=False, tls=True)),
    ("GET", ExchangeError("timed out", sent=True)),
    ("POST", ExchangeError("timed out", sent=True)),
]


def bad_inputs() -> list[str]:
    found = []
    for make in BAD:
        with pytest.raises(InputError) as raised:
            make()
        found.append(re.sub(r"'/\S*/tmp\w+'|'/tmp/\w+'", "'/path/to/journal'", str(raised.value)))
    return found


def run_into_trouble(simulator: Simulator) -> tuple[list[Outcome], list[str]]:
    """The outcomes of TROUBLE, and the messages of those that failed."""
    outcomes = []
    for senders, faults, wanted in TROUBLE:
        simulator.reset(seed(senders, refused=["BANK"]), faults)
        client = make_client(simulator, max_retries=1)
        outcomes += reconcile(client, [wanted], check_mode=False)
    return outcomes, [message(outcome).replace(simulator.url, "https://messaging.twilio.com") for outcome in outcomes]


def services_in_trouble(simulator: Simulator) -> list[str]:
    """The messages of SERVICE_TROUBLE, of a run that was stopped, and of a value that Twilio does not take."""
    outcomes = []
    for there, faults, asked in SERVICE_TROUBLE:
        simulator.reset(services_seed(*there), faults)
        outcomes.append(
            reconcile_service(make_client(simulator, max_retries=1), desired_service(**asked), check_mode=False)
        )
    plan = make_service_plan(desired_service(friendly_name="Shop"), [])
    error = ApiError("Twilio's answer does not confirm usecase")
    outcomes += [
        ServiceOutcome(plan, "skipped"),
        ServiceOutcome(plan, "failed", {"sid": SID, "friendly_name": "Shop"}, error, wrote=True),
    ]
    return [service_message(outcome).replace(simulator.url, "https://messaging.twilio.com") for outcome in outcomes]


def api_errors() -> list[str]:
    """What the client says if no whole answer comes."""
    found = []
    client = Client(make_connection(nowhere()), wait=lambda seconds: None)
    path = f"/v1/Services/{SID}/AlphaSenders"
    for method, error in LOST_ANSWERS:
        with patch.object(Transport, "exchange", side_effect=error), pytest.raises(ApiError) as caught:
            _answer_to = client.get(path) if method == "GET" else client.create(path, {})
        found.append(str(caught.value))
    endless = b'{"meta": {"next_page_url": "/v1/Services?Page=1"}, "alpha_senders": []}'
    answer = _answer.Answer(200, "OK", {}, endless)
    with patch.object(Transport, "exchange", return_value=answer), pytest.raises(ApiError) as caught:
        client.list(path, "alpha_senders")
    found.append(str(caught.value))
    client.cancellation.cancel()
    client.cancellation.deadline = 0.0
    with pytest.raises(ApiError) as caught:
        client.get(path)
    return [*found, str(caught.value)]


def all_messages(simulator: Simulator) -> list[str]:
    texts = [*bad_inputs(), *run_into_trouble(simulator)[1], *(message(derive(one)) for one in RARE)]
    texts += [str(warning(derive(one))) for one in WARNED]
    entry = Entry(SLOT, "OLD", "AI" + "0" * 32, 0.0)
    texts += [unrecovered_message(entry, unknown=unknown) for unknown in (False, True)]
    return masked([*texts, *services_in_trouble(simulator), *api_errors()])


def masked(messages: list[str]) -> list[str]:
    """Each message once, in one line, without what differs from run to run, and with no border of a cell in it."""
    plain = [re.sub(r"RQ[0-9a-f]{32}", "RQ...", " ".join(text.split())).replace("|", "/") for text in messages]
    return list(dict.fromkeys(plain))


def explain(text: str) -> tuple[str, str]:
    return next((cause, todo) for part, cause, todo in EXPLANATIONS if part in text)


def test_page_has_the_messages_with_cause_and_next_step(simulator: Simulator) -> None:
    lines = [f"   ``{text}`` | {' | '.join(explain(text))}\n" for text in all_messages(simulator)]
    page = PAGE.read_text(encoding="utf-8")
    start = page.index(HEAD) + len(HEAD)
    if os.environ.get("WRITE_TABLE"):
        PAGE.write_text(page[:start] + "".join(lines), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8")[start:] == "".join(lines)


def test_every_explanation_explains_a_message(simulator: Simulator) -> None:
    texts = all_messages(simulator)
    used = {next(part for part, _cause, _todo in EXPLANATIONS if part in text) for text in texts}
    assert [part for part, _cause, _todo in EXPLANATIONS if part not in used] == []


def test_every_bad_input_that_is_refused_is_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    there = set()
    for name in SOURCES:
        source = (ROOT / f"plugins/module_utils/{name}.py").read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Raise):
                continue
            call = node.exc
            if isinstance(call, ast.Call) and getattr(call.func, "id", None) == "InputError":
                there.add((name, node.lineno))
    assert len(there) > 35
    assert sorted(there - raised_at(monkeypatch)) == []


def raised_at(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, int]]:
    """Where each `InputError` of BAD was made, by file and line, also those that were joined to one."""
    places = set()

    def made(_error: InputError, *_args: object) -> None:
        frame = sys._getframe(1)
        places.add((Path(frame.f_code.co_filename).stem, frame.f_lineno))

    monkeypatch.setattr(InputError, "__init__", made, raising=False)
    bad_inputs()
    return places


def test_sources_are_all_files_that_refuse_input() -> None:
    files = sorted((ROOT / "plugins/module_utils").glob("*.py"))
    refusing = {path.stem for path in files if "raise InputError(" in path.read_text(encoding="utf-8")}
    assert refusing - {"_errors"} == set(SOURCES)


def test_every_cause_of_an_outcome_is_among_them(simulator: Simulator) -> None:
    constants = {**vars(_outcome), **vars(_plan)}
    causes = {value for name, value in constants.items() if name.isupper() and isinstance(value, str)} - {
        _plan.ALL_COUNTRIES
    }
    outcomes = [*run_into_trouble(simulator)[0], *map(derive, RARE)]
    assert {outcome.cause for outcome in outcomes} == causes


def test_every_status_with_a_next_step_is_among_them(simulator: Simulator) -> None:
    texts = all_messages(simulator)
    for step in (*_answer._NEXT_STEPS.values(), "Run the task again later"):
        assert any(step in text for text in texts), step


def test_success_has_a_message_too() -> None:
    for outcome, text in (
        (Outcome(ACME, "created", None, "ACME"), f"{SID}: created 'ACME'"),
        (Outcome(ACME, "replaced", "OLD", "ACME"), f"{SID}: replaced 'OLD' by 'ACME'"),
        (Outcome(ACME, "deleted", "OLD", None), f"{SID}: deleted 'OLD'"),
        (Outcome(ACME, "unchanged", "ACME", "ACME"), f"{SID}: unchanged, has 'ACME'"),
        (Outcome(ACME, "unchanged"), f"{SID}: unchanged, has no alpha sender"),
    ):
        assert (message(outcome), warning(outcome)) == (text, None)


def test_slot_of_a_country_is_named_with_it() -> None:
    slot = Slot(COUNTRY_SENDER, SID, "GB")
    assert message(Outcome(Desired(slot, "ACME"), "created", None, "ACME")) == f"{SID} (GB): created 'ACME'"
    assert unrecovered_message(Entry(slot, "OLD", "", 0.0), unknown=False).startswith(f"{SID} (GB) has no alpha sender")


@given(st.text(alphabet="ABZabz0189 -+_&", min_size=1, max_size=11))
def test_recovery_command_is_one_line_with_the_value_as_a_string(value: str) -> None:
    command = recovery_command(SLOT, value)
    assert command.isprintable()
    program, playbook, flag, variables = shlex.split(command)
    assert [program, playbook, flag] == ["ansible-playbook", "messaging.twilio.apply", "-e"]
    assert yaml.safe_load(variables) == {"alpha_sender_name": value, "alpha_sender_services": [SID]}


@pytest.mark.parametrize(
    "value", ["NO", "no", "1e5", "0x1F", "null", "1_000", "+1", "-", "&a", "_", "on", "0o7", "A & B"]
)
def test_recovery_command_keeps_values_that_yaml_reads_otherwise(value: str) -> None:
    variables = shlex.split(recovery_command(SLOT, value))[3]
    assert yaml.safe_load(variables)["alpha_sender_name"] == value


def test_no_message_has_a_control_character(simulator: Simulator) -> None:
    hostile = {
        "code": 21709,
        "message": "\x1b[2J\x9b31m\u202e\u2066bad\r\n\x00",
        "more_info": "https://x/\x1b",
        "status": 400,
    }
    for method in ("GET", "POST"):
        fault = {**STATUS, "method": method, "status": 400, "body": hostile}
        simulator.reset(seed(["OLD"]), [fault])
        client = make_client(simulator, max_retries=0)
        [outcome] = reconcile(client, [ACME], check_mode=False)
        assert "bad" in message(outcome)
        assert message(outcome).isprintable()
    for text in all_messages(simulator):
        assert text.isprintable()
