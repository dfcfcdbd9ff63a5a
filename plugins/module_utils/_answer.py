# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an HTTP answer says: its data, its `ApiError`, and when to retry. Pure.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import json
import re
import time
import typing as t
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from urllib.parse import urlsplit

from ansible_collections.messaging.twilio.plugins.module_utils._errors import MAX_QUOTED, ApiError, Redactor

TOO_MANY_REQUESTS = 429
MAINTENANCE = 21730  # Twilio documents it as safe to retry, whatever the method
_NEXT_STEPS = {
    400: "Check the value, and whether Twilio has enabled the feature for your account",
    401: "Check the credentials, and whether they belong to this region",
    403: "Give the API key the permission for this request",
    404: "Check the SID, the credentials and the region",
    429: "Lower the concurrency, or check what else uses the account",
}
_CHECK_URL = "Check api_url"


@dataclass(frozen=True)
class Answer:
    """A whole answer. The names of ``headers`` are case-insensitive."""

    status: int
    reason: str
    headers: t.Mapping[str, str]
    body: bytes

    def json(self, redactor: Redactor) -> t.Any:
        """The body's JSON. ``None`` if it has none."""
        try:
            data = json.loads(self.body)
            # To look at each value takes five times as long as reading the JSON: 25 ms for 1,000 Services.
            return data if redactor.leaves(self.body) else redactor.data(data)
        except (ValueError, RecursionError):
            return None

    def retry_after(self) -> float | None:
        """The seconds of ``Retry-After``. ``None`` if it is not in the future."""
        value = self.headers.get("Retry-After", "").strip()
        if re.fullmatch("[0-9]+", value):
            seconds = float(value)
        else:
            then, now = _timestamp(value), _timestamp(self.headers.get("Date", ""))
            # Relative to the server's clock: this machine's may be wrong.
            seconds = 0.0 if then is None else then - (time.time() if now is None else now)
        return min(seconds, 1e9) if seconds > 0 else None


def api_error(answer: Answer, data: object, method: str, path: str, redactor: Redactor) -> ApiError:
    """The error of an answer that is not what ``method`` asked for.

    :arg data: the answer's JSON.
    """
    status = answer.status
    fields = data if isinstance(data, dict) else {}
    code = _code(fields.get("code"))
    more_info = _short(fields.get("more_info") or fields.get("type"), redactor)
    request_id = _short(answer.headers.get("Twilio-Request-Id"), redactor)
    message, next_step = _message(answer, fields, code, method, redactor)
    cause = f"Twilio error {code} (HTTP {status})" if code else f"HTTP {status}"
    sentence = f"{method} {path} failed: {cause}: {message}"
    sentence += f" (see {more_info})" if more_info else ""
    sentence += f". {next_step}" if next_step else ""
    sentence += f" [request {request_id}]" if request_id else ""
    return ApiError(
        sentence,
        message=message,
        code=code,
        more_info=more_info,
        status=status,
        request_id=request_id,
        indeterminate=_is_indeterminate(status, data, code, method),
    )


def _message(
    answer: Answer, fields: t.Mapping[str, t.Any], code: int | None, method: str, redactor: Redactor
) -> tuple[str, str | None]:
    """What went wrong, and what to do next."""
    status = answer.status
    if 200 <= status < 300:
        return f"the answer is not {'204' if method == 'DELETE' else 'a JSON object'}", _CHECK_URL
    if 300 <= status < 400:
        origin = redactor.text(_origin(answer.headers.get("Location")))
        return f"the answer is a redirect to {origin}, which is not followed", _CHECK_URL
    texts = (fields.get("message"), fields.get("detail"), fields.get("title"), answer.reason)
    message = redactor.text(str(next(filter(None, texts), "no reason given")))[:MAX_QUOTED]
    if status >= 500:
        return message, "Run the task again later"
    if status == 404 and code is None:
        return message, f"This is not an answer of Twilio. {_CHECK_URL}"
    return message, None if (status, method) == (400, "GET") else _NEXT_STEPS.get(status)


def _is_indeterminate(status: int, data: object, code: int | None, method: str) -> bool:
    if code == MAINTENANCE:
        return False
    if 200 <= status < 300:
        # JSON that was damaged on its way may be whole the next time. JSON of another shape stays the same.
        return data is None or method != "GET"
    if status == 404:
        # Without Twilio's code it says nothing about the resource, and on POST it may be a passing one.
        return code is None or method == "POST"
    return status >= 500 or status in (408, 425)


def _code(value: object) -> int | None:
    return int(str(value)) if not isinstance(value, bool) and re.fullmatch("[0-9]{1,9}", str(value)) else None


def _short(value: object, redactor: Redactor) -> str | None:
    return redactor.text(value) if isinstance(value, str) and value and len(value) <= MAX_QUOTED else None


def _origin(url: str | None) -> str:
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return "an invalid URL"
    return f"{parts.scheme}://{parts.hostname}" if parts.hostname else "another path"


def _timestamp(date: str) -> float | None:
    parsed = parsedate_tz(date)
    try:
        return None if parsed is None else float(mktime_tz(parsed))
    except (ValueError, OverflowError):
        return None
