# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: what goes wrong between a client and the API, by method, Service and count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.history import Lag
from simulator.routes import Call

#: Faults that change the links or the rows of a listing.
PAGE_KINDS = frozenset(
    {"page_elsewhere", "page_itself", "page_links", "page_repeats", "page_shifts", "no_key", "no_object"}
)
#: Faults for which the request is carried out in any case.
CARRIED_OUT = PAGE_KINDS | {"slow", "trickle", "cut", "garbage", "lag"}
#: Every kind of fault. `tests/simulator/README.md` says what each does.
KINDS = CARRIED_OUT | {"status", "reset", "hang", "redirect", "other_writer", "echo", "late", "not_found"}
#: How `page_links` rewrites the links of a listing.
REWRITES = ("relative", "scheme", "host", "port", "parameters")
#: How a request whose write comes late is answered.
LATE_ANSWERS = ("reset", "hang", "status", "success")


@dataclass
class Fault:
    """One fault, which fires for the next ``count`` requests that match.

    :ivar resource: the collection in the path, such as ``DestinationAlphaSenders``.
    :ivar account: the SID of the account of the credentials.
    :ivar after: the request is carried out first, and only the answer goes wrong.
    :ivar skip: how many matching requests pass before.
    :ivar country: whose sender ``other_writer`` writes. An empty string is the default sender.
    """

    kind: str
    method: str | None = None
    service: str | None = None
    resource: str | None = None
    account: str | None = None
    count: int = 1
    skip: int = 0
    after: bool = False
    status: int = 500
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    requests: int = 0
    behind: int = 0
    answer: str = "reset"
    rewrite: str = "relative"
    sender: str | None = None
    country: str = ""
    location: str = "http://127.0.0.2:9/elsewhere"
    fired: int = 0

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("kind", self.kind, sorted(KINDS)),
            ("rewrite", self.rewrite, REWRITES),
            ("answer", self.answer, LATE_ANSWERS),
        ):
            if value not in allowed:
                raise ValueError(f"fault: {name} must be one of {', '.join(allowed)}, got {value!r}")
        if self.kind == "late" and self.answer == "success" and self.method != "DELETE":
            raise ValueError("fault: answer 'success' needs method DELETE")
        if self.kind == "lag" and not (self.behind or self.requests or self.seconds):
            self.behind = 1

    @property
    def pause(self) -> float:
        """Seconds that ``slow`` and ``trickle`` wait."""
        return 0.05 if self.seconds is None else self.seconds

    @property
    def lag(self) -> Lag:
        return Lag(self.behind, self.requests, self.seconds or 0.0)

    def matches(self, call: Call) -> bool:
        """Whether it fires now. Counts the requests that it lets pass."""
        if self.count <= 0 or self.method not in (None, call.method):
            return False
        if self.service is not None and f"/{self.service}" not in call.path:
            return False
        if self.resource not in (None, call.collection) or self.account not in (None, call.account.sid):
            return False
        if not self.applies(call):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.count -= 1
        self.fired += 1
        return True

    def take_back(self, call: Call) -> None:
        """Do not count a request that it could not change."""
        self.count += 1
        self.fired -= 1
        del call.entry["fault"]

    def applies(self, call: Call) -> bool:
        """Whether it can change anything about this request."""
        if self.kind in PAGE_KINDS:
            return call.lists and call.parts[0] == "v1"
        if self.kind == "lag":
            return call.method == "GET" and call.parts[0] == "v1" and call.history.hidden(self.lag) > 0
        if self.kind == "late":
            return call.method != "GET"
        return self.kind != "other_writer" or call.service_sid is not None
