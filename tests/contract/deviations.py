# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Twilio's OpenAPI documents differ from what is known of Twilio.

Each entry corrects the documents. ``test_each_deviation_is_needed`` fails for an entry that changes no result, for
example after a new version of the documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

#: A part of a document.
Node = dict[str, Any]

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Deviation:
    """One difference.

    :ivar correct: changes a document. It gets each document, and leaves those alone that do not differ.
    """

    reason: str
    correct: Callable[[Node], None]

    def __str__(self) -> str:
        return self.reason


def operations(document: Node) -> Iterator[Node]:
    for path in document["paths"].values():
        yield from (path[method] for method in ("get", "post", "delete") if method in path)


def nodes(node: object) -> Iterator[Node]:
    """All objects of a document."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


def _require_bodies(document: Node) -> None:
    for operation in operations(document):
        body = operation.get("requestBody")
        if body and body["content"].get(FORM, {}).get("schema", {}).get("required"):
            body["required"] = True


def _add_errors(document: Node) -> None:
    error = {
        "type": "object",
        "properties": {
            "code": {"type": "integer"},
            "message": {"type": "string"},
            "more_info": {"type": "string", "format": "uri"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
        },
    }
    answer = {"description": "", "content": {"application/json": {"schema": error}}}
    for operation in operations(document):
        for statuses in ("4XX", "5XX"):
            operation["responses"].setdefault(statuses, answer)


def _open_maps(document: Node) -> None:
    for node in nodes(document):
        if node.get("format") == "uri-map":
            node.setdefault("additionalProperties", {"type": "string"})


def _allow_relative_links(document: Node) -> None:
    for node in nodes(document):
        for name in ("first_page_uri", "next_page_uri", "previous_page_uri", "uri"):
            if isinstance(node.get(name), dict):
                node[name].pop("format", None)


def _clear_urls(document: Node) -> None:
    for path, methods in document["paths"].items():
        if path == "/v1/Services/{Sid}":
            for field in methods["post"]["requestBody"]["content"][FORM]["schema"]["properties"].values():
                if field.get("format") == "uri":
                    field["format"] = "uri-or-empty"


DEVIATIONS = (
    Deviation(
        "The documents have fields that a form must have, but do not say that the form itself must be there.",
        _require_bodies,
    ),
    Deviation(
        "The documents have no errors. Their fields are on https://www.twilio.com/docs/usage/twilios-response.",
        _add_errors,
    ),
    Deviation(
        "The documents name no key of a map of links. Their examples have the names of the subresources.",
        _open_maps,
    ),
    Deviation(
        "Links between pages of accounts have the format of a URI. In the examples of the document they are relative.",
        _allow_relative_links,
    ),
    Deviation(
        "An update has no value for a URL that is cleared. Both Terraform providers send an empty string.",
        _clear_urls,
    ),
)
