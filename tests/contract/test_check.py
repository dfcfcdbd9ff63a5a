# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check finds wrong requests and wrong answers, and needs each of its deviations."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from contract.calls import Recorded
from contract.check import Contract
from contract.deviations import DEVIATIONS, FORM, Deviation
from simulator.recorder import Exchange
from support.account import ACCOUNT_SID, mg

AI = f"AI{1:032x}"
SERVICES = "/v1/Services"
SENDERS = f"{SERVICES}/{mg(1)}/AlphaSenders"
ACCOUNTS = "/2010-04-01/Accounts.json"
ROW: dict[str, Any] = {
    "sid": AI,
    "account_sid": ACCOUNT_SID,
    "service_sid": mg(1),
    "date_created": "2015-07-30T20:12:31Z",
    "date_updated": "2015-07-30T20:12:33Z",
    "alpha_sender": "ACME",
    "capabilities": ["SMS"],
    "url": f"https://messaging.twilio.com{SENDERS}/{AI}",
}
LISTING = {
    "alpha_senders": [ROW],
    "meta": {
        "page": 0,
        "page_size": 50,
        "first_page_url": "https://messaging.twilio.com/1",
        "previous_page_url": None,
        "next_page_url": None,
        "key": "alpha_senders",
        "url": "https://messaging.twilio.com/1",
    },
}
ERROR = {"code": 20404, "message": "Not found", "more_info": "https://www.twilio.com/docs/errors/20404", "status": 404}


def get(path: str = SERVICES, query: str = "") -> Exchange:
    return Exchange("GET", path, query, "Basic", "application/octet-stream", "")


def post(body: str, path: str = SENDERS) -> Exchange:
    return Exchange("POST", path, "", "Basic", FORM, body)


def answered(exchange: Exchange, status: int, body: object) -> Exchange:
    text = body if isinstance(body, str) else json.dumps(body)
    return replace(exchange, status=status, answer=text, answer_type="application/json")


@pytest.mark.parametrize(
    "exchange",
    [
        get(query="PageSize=1000&Page=2&PageToken=x"),
        get(SENDERS),
        post("AlphaSender=A%2BB+%26+C"),
        get(ACCOUNTS, "Status=active"),
        answered(get(f"{SENDERS}/{AI}"), 200, ROW),
        answered(get(SENDERS), 200, LISTING),
        answered(post("AlphaSender=ACME"), 201, ROW),
        answered(get(f"{SENDERS}/{AI}"), 404, ERROR),
        replace(get(f"{SENDERS}/{AI}"), method="DELETE", status=204),
    ],
)
def test_finds_nothing_in_what_is_right(contract: Contract, exchange: Exchange) -> None:
    assert contract.problems(exchange) == []


@pytest.mark.parametrize(
    ("exchange", "problem"),
    [
        (get(query="PageSize=1001"), "PageSize: 1001 is greater than the maximum of 1000"),
        (get(query="PageSize=0"), "PageSize: 0 is less than the minimum of 1"),
        (get(query="PageSize=many"), "PageSize: Failed to cast value to integer"),
        (get(query="PageSiz=1000"), "unknown query parameter PageSiz"),
        (get(SENDERS, "IsoCountryCode=FR"), "unknown query parameter IsoCountryCode"),
        (get(ACCOUNTS, "Status=activ"), "Status: 'activ' is not one of ['active', 'suspended', 'closed']"),
        (get("/v1/Service"), "Path not found"),
        (get("/v2/Services"), "Path not found"),
        (get("/2010-04-01/Accounts"), "Path not found"),
        (get(f"{SERVICES}/MG1"), "Sid: 'MG1' is too short"),
        (get(f"{SERVICES}/{AI}/AlphaSenders"), f"ServiceSid: '{AI}' does not match"),
        (replace(get(SENDERS), method="PUT"), "Operation put not found"),
        (post("AlphaSender=ACME", f"{SENDERS}/{AI}"), "Operation post not found"),
        (post(""), "Missing required request body"),
        (post("Sender=ACME"), "'AlphaSender' is a required property"),
        (post("AlphaSender=ACME&IsoCountryCode=FR"), "unknown form field IsoCountryCode"),
        (replace(post('{"AlphaSender": "ACME"}'), content_type="application/json"), "mimetype not found"),
        (post("FriendlyName=Shop&ValidityPeriod=long", SERVICES), "Failed to cast value to integer type: long"),
        (post("FriendlyName=Shop&InboundMethod=PUT", SERVICES), "InboundMethod: 'PUT' is not one of ['GET', 'POST']"),
        (post("StickySender=true", SERVICES), "'FriendlyName' is a required property"),
        (replace(get(), scheme=""), "Security not found"),
        (replace(get(), scheme="Bearer"), "Security not found"),
    ],
)
def test_finds_a_wrong_request(contract: Contract, exchange: Exchange, problem: str) -> None:
    assert problem in "\n".join(contract.request_problems(exchange))


FIELDS = [
    *((name, None) for name in ROW),
    ("alpha_sender", 1),
    ("capabilities", "SMS"),
    ("capabilities", [1]),
    ("sid", "AI1"),
    ("service_sid", ACCOUNT_SID),
    ("date_created", "Thu, 30 Jul 2015 20:00:00 +0000"),
    ("url", "no address"),
    ("unknown", "x"),
]


@pytest.mark.parametrize(("field", "value"), FIELDS)
@pytest.mark.parametrize("listed", [False, True])
def test_finds_a_field_that_is_missing_wrong_or_unknown(
    contract: Contract, field: str, value: object, listed: bool
) -> None:
    row = {name: known for name, known in ROW.items() if name != field}
    if value is not None:
        row[field] = value
    exchange = get(SENDERS if listed else f"{SENDERS}/{AI}")
    body = {**LISTING, "alpha_senders": [ROW, row]} if listed else row
    [problem, *_others] = contract.answer_problems(answered(exchange, 200, body))
    assert field in problem


@pytest.mark.parametrize(
    ("exchange", "status", "body", "problem"),
    [
        (get(SENDERS), 200, {**LISTING, "meta": {}}, "meta: 'next_page_url' is a required property"),
        (get(SENDERS), 200, {"meta": LISTING["meta"]}, "'alpha_senders' is a required property"),
        (get(SENDERS), 200, {**LISTING, "alpha_senders": ROW}, "alpha_senders: {"),
        (get(SENDERS), 200, [LISTING], "is not of type 'object'"),
        (get(SENDERS), 200, "<html>", "Failed to deserialize"),
        (get(SENDERS), 201, LISTING, "Unknown response http status: 201"),
        (post("AlphaSender=ACME"), 200, ROW, "Unknown response http status: 200"),
        (get(SENDERS), 307, {}, "Unknown response http status: 307"),
        (get(SENDERS), 404, {**ERROR, "code": "20404"}, "code: '20404' is not of type 'integer'"),
        (get(SENDERS), 500, {"status": 500}, "'code' is a required property"),
        (get(f"{SENDERS}/{AI}"), 404, "", "Missing response data"),
    ],
)
def test_finds_a_wrong_answer(contract: Contract, exchange: Exchange, status: int, body: object, problem: str) -> None:
    assert problem in "\n".join(contract.answer_problems(answered(exchange, status, body)))


def test_finds_a_wrong_field_of_an_account(recorded: Recorded, contract: Contract) -> None:
    fetched = next(sent for sent in recorded["read_accounts"] if sent.path.endswith(f"{ACCOUNT_SID}.json"))
    account: dict[str, Any] = json.loads(fetched.answer)
    assert contract.problems(fetched) == []
    for name, value in (("date_created", "2015-07-30T20:12:31Z"), ("status", "open"), ("type", None), ("sid", mg(1))):
        [problem, *_others] = contract.answer_problems(answered(fetched, 200, {**account, name: value}))
        assert name in problem


def test_damaged_answers_are_not_compared(contract: Contract) -> None:
    damaged = replace(answered(get(), 200, "<html>"), fault="garbage")
    assert contract.problems(damaged) == []
    assert contract.problems(replace(damaged, query="PageSize=0")) != []


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=str)
def test_each_deviation_is_needed(recorded: Recorded, contract: Contract, deviation: Deviation) -> None:
    without = Contract([other for other in DEVIATIONS if other is not deviation])
    exchanges = [post(""), *itertools.chain.from_iterable(recorded.values())]
    assert any(without.problems(exchange) != contract.problems(exchange) for exchange in exchanges)
