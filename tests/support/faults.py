# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of the table of faults, and the requests that fail."""

from __future__ import annotations

from typing import Any

#: The requests that fail, what has to go wrong before for that request to be made, and the senders that are refused.
STAGES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[str]]] = {
    "first GET": ({"method": "GET"}, [], []),
    "DELETE": ({"method": "DELETE"}, [], []),
    "POST": ({"method": "POST"}, [], []),
    "GET after a lost answer": (
        {"method": "GET", "skip": 1},
        [{"kind": "reset", "method": "POST", "after": True}],
        [],
    ),
    "POST that restores": ({"method": "POST", "skip": 1}, [], ["ACME"]),
}
FAULTS: dict[str, dict[str, Any]] = {
    "429": {"kind": "status", "status": 429, "body": {"code": 20429}},
    "maintenance, 503 with 21730": {"kind": "status", "status": 503, "body": {"code": 21730}},
    "500, not carried out": {"kind": "status", "status": 500},
    "500, carried out": {"kind": "status", "status": 500, "after": True},
    "connection reset, not carried out": {"kind": "reset"},
    "connection reset, carried out": {"kind": "reset", "after": True},
    "connection reset, carried out later": {"kind": "late"},
    "no answer before the timeout": {"kind": "hang", "after": True},
    "incomplete answer": {"kind": "cut"},
    "answer is not JSON": {"kind": "garbage"},
    "redirect": {"kind": "redirect"},
    "400": {"kind": "status", "status": 400, "body": {"code": 21709}},
    "401": {"kind": "status", "status": 401, "body": {"code": 20003}},
    "403": {"kind": "status", "status": 403, "body": {"code": 70051}},
    "404": {"kind": "status", "status": 404, "body": {"code": 20404}},
    "409": {"kind": "status", "status": 409, "body": {"code": 21710}},
    "another writer sets OTHER first": {"kind": "other_writer", "sender": "OTHER"},
    "another writer removes the sender first": {"kind": "other_writer", "sender": None},
}
COUNTS = {"once": 1, "always": 99}
