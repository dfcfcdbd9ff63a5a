# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests of the collection and the answers of the simulator are those of Twilio's OpenAPI documents."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

from contract.calls import Recorded
from contract.check import Contract
from simulator.recorder import Exchange
from support.ansible_run import TARGETS, localhost, play

#: What the calls must have tried: the methods and the statuses of the answers on each path.
OPERATIONS = {
    "/2010-04-01/Accounts.json": "GET 200 401",
    "/2010-04-01/Accounts/{AC}.json": "GET 200 404",
    "/v1/Services": "GET 200 401 429 POST 201",
    "/v1/Services/{MG}": "DELETE 204 GET 200 404 POST 200",
    "/v1/Services/{MG}/AlphaSenders": "GET 200 POST 201 400 409 412",
    "/v1/Services/{MG}/AlphaSenders/{AI}": "DELETE 204 404 GET 200",
    "/v1/Services/{MG}/ChannelSenders": "GET 200",
    "/v1/Services/{MG}/ChannelSenders/{XE}": "GET 200",
    "/v1/Services/{MG}/Compliance/Usa2p": "GET 200",
    "/v1/Services/{MG}/Compliance/Usa2p/{QE}": "GET 200",
    "/v1/Services/{MG}/DestinationAlphaSenders": "GET 200 POST 201 412",
    "/v1/Services/{MG}/DestinationAlphaSenders/{AI}": "DELETE 204 GET 200 404",
    "/v1/Services/{MG}/PhoneNumbers": "GET 200",
    "/v1/Services/{MG}/PhoneNumbers/{PN}": "GET 200",
    "/v1/Services/{MG}/ShortCodes": "GET 200",
    "/v1/Services/{MG}/ShortCodes/{SC}": "GET 200",
}


def operations(exchanges: list[Exchange]) -> dict[str, str]:
    found: dict[str, dict[str, set[str]]] = {}
    for exchange in exchanges:
        path = re.sub(r"\b([A-Z]{2})[0-9a-f]{32}\b", r"{\1}", exchange.path)
        found.setdefault(path, {}).setdefault(exchange.method, set()).add(str(exchange.status))
    return {
        path: " ".join(word for method in sorted(methods) for word in (method, *sorted(methods[method])))
        for path, methods in sorted(found.items())
    }


def test_requests_and_answers_of_all_operations_match_the_documents(recorded: Recorded, contract: Contract) -> None:
    exchanges = [*itertools.chain.from_iterable(recorded.values())]
    assert operations(exchanges) == OPERATIONS
    problems = {problem for exchange in exchanges for problem in contract.problems(exchange)}
    assert not problems, "\n".join(sorted(problems))


# The target bad_input checks that it makes no request.
@pytest.mark.parametrize("target", [target for target in TARGETS if target != "bad_input"])
def test_requests_and_answers_of_an_integration_target_match_the_documents(
    tmp_path: Path, contract: Contract, target: str
) -> None:
    record = tmp_path / "record"
    played = play(tmp_path, localhost(roles=[target]), variables={"SIMULATOR_RECORD": str(record)})
    assert played.status == 0, played.output
    exchanges = [Exchange(**json.loads(line)) for line in record.read_text(encoding="utf-8").splitlines()]
    assert exchanges
    problems = {problem for exchange in exchanges for problem in contract.problems(exchange)}
    assert not problems, "\n".join(sorted(problems))
