# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: what goes wrong between a client and the API, by method, Service and count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Every kind of fault. `tests/simulator/README.md` says what each does.
KINDS = frozenset(
    {
        "status",
        "reset",
        "hang",
        "cut",
        "garbage",
        "slow",
        "trickle",
        "redirect",
        "page_elsewhere",
        "page_itself",
        "no_key",
        "no_object",
        "other_writer",
        "echo",
    }
)


@dataclass
class Fault:
    """One fault, which fires for the next ``count`` requests that match.

    :ivar after: the request is carried out first, and only the answer goes wrong.
    :ivar skip: how many matching requests pass before.
    """

    kind: str
    method: str | None = None
    service: str | None = None
    count: int = 1
    skip: int = 0
    after: bool = False
    status: int = 500
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.05
    sender: str | None = None
    location: str = "http://127.0.0.2:9/elsewhere"
    fired: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"fault: {self.kind!r} is none of {', '.join(sorted(KINDS))}")

    def matches(self, method: str, path: str) -> bool:
        """Whether it fires now. Counts the requests that it lets pass."""
        if self.count <= 0 or self.method not in (None, method):
            return False
        if self.service is not None and f"/{self.service}" not in path:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.count -= 1
        self.fired += 1
        return True
