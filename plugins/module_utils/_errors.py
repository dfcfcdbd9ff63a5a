# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways in which a run can go wrong: what the user gave, and what the API did.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t

#: How many characters of a value, or of somebody else's words, one message repeats.
MOST_SHOWN = 300
#: How many bad entries, Services or hosts one message names.
MOST_PROBLEMS = 5


class InputError(Exception):
    """Bad input. The message says which value, why, and what is allowed. No request was made."""


class ApiError(Exception):
    """What the network or Twilio did, as one sentence (``str(error)``) and in fields.

    :ivar code: Twilio's error code, for example 20404. ``None`` where the answer carried none.
    :ivar message: Twilio's own words, or the reason the network gave.
    :ivar more_info: Twilio's page for the code.
    :ivar status: the HTTP status. ``None`` where no answer came.
    :ivar request_id: the answer's ``Twilio-Request-Id``.
    :ivar unsettled: a write may have been carried out or not; only reading tells.
    :ivar conflict: what is there is not what was read before; reading again tells what.
    """

    def __init__(
        self,
        sentence: str,
        *,
        message: str | None = None,
        code: int | None = None,
        more_info: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        unsettled: bool = False,
        conflict: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.message = message if message is not None else sentence
        self.code = code
        self.more_info = more_info
        self.status = status
        self.request_id = request_id
        self.unsettled = unsettled
        self.conflict = conflict or status in (409, 412)

    @property
    def account_wide(self) -> bool:
        """Every other Service of the account would get the same answer.

        401 is a wrong log-in. 403 is a key without the permission: a key that may delete but
        not create would cost one Service after the other its sender.
        """
        return self.status in (401, 403)

    @property
    def not_there(self) -> bool:
        """Twilio itself says that there is no such resource."""
        return self.status == 404 and not self.unsettled

    def as_fields(self) -> dict[str, t.Any]:
        """The ``error`` of a result: five keys, ``None`` where nothing is known."""
        return error_fields(self.message, self.code, self.more_info, self.status, self.request_id)


def shown(value: object) -> str:
    """``value`` as a message repeats it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def first_few(names: t.Sequence[str]) -> str:
    """The first of ``names``, and a sign that there are more."""
    return ", ".join(names[:MOST_PROBLEMS]) + (", ..." if len(names) > MOST_PROBLEMS else "")


def error_fields(
    message: str,
    code: int | None = None,
    more_info: str | None = None,
    status: int | None = None,
    request_id: str | None = None,
) -> dict[str, t.Any]:
    """The shape of every ``error`` that is returned."""
    return {
        "code": code,
        "message": message,
        "more_info": more_info,
        "status": status,
        "request_id": request_id,
    }


def raise_problems(problems: t.Sequence[str]) -> None:
    """Raise one `InputError` for all of ``problems``, if there are any."""
    if not problems:
        return
    named = "; ".join(problems[:MOST_PROBLEMS])
    rest = len(problems) - MOST_PROBLEMS
    raise InputError(named + (f"; and {rest} more" if rest > 0 else ""))
