# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare an exchange with Twilio's OpenAPI documents."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from contract.deviations import DEVIATIONS, Deviation
from simulator.recorder import Exchange

#: `make contract` puts the documents here.
FOLDER = Path(__file__).resolve().parents[2] / ".build/contract"
MESSAGING, ACCOUNTS = "twilio_messaging_v1.json", "twilio_api_v2010.json"
#: Faults whose answers are those of Twilio. Other faults damage the answer.
HONEST_FAULTS = (None, "refused", "refuse_creates")


def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


def _is_date(value: object) -> bool:
    try:
        return not isinstance(value, str) or bool(parsedate_to_datetime(value))
    except ValueError:
        return False


class Contract:
    """Twilio's documents, with the corrections of ``deviations``."""

    def __init__(self, deviations: Collection[Deviation] = DEVIATIONS) -> None:
        config = Config(
            # The check of a whole document takes a minute, and most of it is not used here.
            spec_validator_cls=None,
            # The documents require no field of an answer and forbid none, so that every answer would be right.
            response_properties_default_policy="required",
            additional_properties_default_policy="forbid",
            extra_format_validators={
                "uri": _is_uri,
                "uri-or-empty": lambda value: value == "" or _is_uri(value),
                "date-time-rfc-2822": _is_date,
            },
        )
        self._documents: dict[str, OpenAPI] = {}
        for name in (MESSAGING, ACCOUNTS):
            document = json.loads((FOLDER / name).read_text(encoding="utf-8"))
            for deviation in deviations:
                deviation.correct(document)
            self._documents[name] = OpenAPI.from_dict(document, config=config)

    def problems(self, exchange: Exchange) -> list[str]:
        """In what the request and the answer differ from the document."""
        return [*self.request_problems(exchange), *self.answer_problems(exchange)]

    def request_problems(self, exchange: Exchange) -> list[str]:
        document, request = self._read(exchange)
        read = document.unmarshal_request(request)
        found = [problem for error in read.errors for problem in _sentences(error)]
        known_query = set(read.parameters.query) if read.parameters else set()
        known_form = set(read.body or ())
        if not found:
            # The validator reads the parameters and fields of the document, and ignores others.
            found += [f"unknown query parameter {name}" for name in _names(exchange.query) if name not in known_query]
            found += [f"unknown form field {name}" for name in _names(exchange.body) if name not in known_form]
        return [f"{exchange.method} {exchange.path}: {problem}" for problem in found]

    def answer_problems(self, exchange: Exchange) -> list[str]:
        if exchange.status is None or exchange.fault not in HONEST_FAULTS:
            return []
        document, request = self._read(exchange)
        answer = MockResponse(exchange.answer.encode(), exchange.status, content_type=exchange.answer_type)
        label = f"{exchange.method} {exchange.path}: answer {exchange.status}: "
        errors = document.iter_response_errors(request, answer)
        return [label + problem for error in errors for problem in _sentences(error)]

    def _read(self, exchange: Exchange) -> tuple[OpenAPI, MockRequest]:
        is_accounts = exchange.path.startswith("/2010-04-01/")
        request = MockRequest(
            "https://api.twilio.com" if is_accounts else "https://messaging.twilio.com",
            exchange.method,
            exchange.path,
            args=dict(parse_qsl(exchange.query, keep_blank_values=True)),
            headers={"Authorization": f"{exchange.scheme} "} if exchange.scheme else {},
            data=exchange.body.encode(),
            content_type=exchange.content_type,
        )
        return self._documents[ACCOUNTS if is_accounts else MESSAGING], request


def _names(text: str) -> list[str]:
    return [name for name, _value in parse_qsl(text, keep_blank_values=True)]


def _sentences(error: BaseException) -> Iterator[str]:
    """What an error of the validator says, for each field."""
    cause = error.__cause__
    details: Iterable[Any] = getattr(cause, "schema_errors", None) or ()
    subject = getattr(error, "name", None)
    prefix = f"{subject}: " if subject else ""
    for detail in details:
        place = ".".join(str(part) for part in detail.absolute_path)
        yield f"{prefix}{place}{': ' if place else ''}{detail.message}"
    if not details:
        yield f"{prefix}{error if cause is None else cause}"
