# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error answers with Twilio's codes."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """An error answer: HTTP status, Twilio's code, and a message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {
            "code": code,
            "message": message,
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }


def not_found(path: str) -> Refused:
    """Twilio's 404. Its message names the path without the version of the API."""
    return Refused(404, 20404, f"The requested resource {path.removeprefix('/v1')} was not found")


def invalid(message: str) -> Refused:
    return Refused(400, 20001, message)
