# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two exceptions of the collection, and the helpers for texts of users and servers.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t
import unicodedata

#: Maximum number of characters of a value or of a server's text in a message.
MAX_QUOTED = 300
#: Data as short as this may equal a secret by chance, so only longer secrets are removed from data.
MAX_CHANCE = 11
#: Maximum number of bad entries, Services or hosts in a message.
MAX_JOINED = 5


class InputError(Exception):
    """The input is wrong. The message names the value, the reason and what is allowed. No request was sent."""


class ApiError(Exception):
    """What the network or Twilio did, as one sentence (``str(error)``) and as fields.

    :ivar message: Twilio's message, or the reason of the network error.
    :ivar code: Twilio's error code, for example 20404. ``None`` if the answer has none.
    :ivar more_info: Twilio's page for the code.
    :ivar status: the HTTP status. ``None`` if no answer came.
    :ivar request_id: the answer's ``Twilio-Request-Id``.
    :ivar indeterminate: the write may or may not have been carried out. Only reading shows which.
    :ivar fatal: every other request of the account would fail as well.
    :ivar conflict: the resource is not in the state that was read before. Reading it again shows the present one.
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
        indeterminate: bool = False,
        conflict: bool = False,
        fatal: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.message = sentence if message is None else message
        self.code = code
        self.more_info = more_info
        self.status = status
        self.request_id = request_id
        self.indeterminate = indeterminate
        self.conflict = conflict or status in (409, 412)
        # Wrong credentials, and no permission.
        self.fatal = fatal or status in (401, 403)

    def with_sentence(self, sentence: str) -> ApiError:
        """The same error, said in another sentence."""
        other = ApiError(sentence, indeterminate=self.indeterminate, fatal=self.fatal, **self.as_fields())
        other.conflict = self.conflict
        return other

    @property
    def not_found(self) -> bool:
        """Whether Twilio itself says that the resource does not exist."""
        return self.status == 404 and not self.indeterminate

    def as_fields(self) -> dict[str, t.Any]:
        """The ``error`` of a result."""
        return error_fields(self.message, self.code, self.more_info, self.status, self.request_id)


def error_fields(
    message: str,
    code: int | None = None,
    more_info: str | None = None,
    status: int | None = None,
    request_id: str | None = None,
) -> dict[str, t.Any]:
    """The keys of every ``error`` that is returned, ``None`` if nothing is known."""
    return {
        "code": code,
        "message": message,
        "more_info": more_info,
        "status": status,
        "request_id": request_id,
    }


def quoted(value: object) -> str:
    """``value`` for a message: in quotes if it is a string, control characters escaped, cut if it is long."""
    text = repr(value)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."


def quoted_apart(values: t.Sequence[str]) -> list[str]:
    """The values in quotes. Those that look alike, because Unicode has several forms of them, are escaped."""
    forms = [unicodedata.normalize("NFKC", value) for value in values]
    return [ascii(value) if forms.count(form) > 1 else quoted(value) for value, form in zip(values, forms)]


def printable(text: str) -> str:
    """A server's ``text`` for a message: whatever could change the display of a terminal is escaped."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


class Redactor:
    """Removes the credentials from everything that comes from outside."""

    def __init__(self, secrets: t.Iterable[str | None], known: set[str] | None = None) -> None:
        # The longest first: one secret may be a part of another.
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        #: The secrets of all redactors that were made from the first one.
        self._known = set() if known is None else known
        self._known.update(self._secrets)

    def extended(self, secrets: t.Iterable[str | None]) -> Redactor:
        """A redactor that removes ``secrets`` as well. From messages, both redactors remove all secrets."""
        return Redactor([*self._secrets, *secrets], self._known)

    def text(self, text: str) -> str:
        """``text`` for a message: without any secret and without control characters."""
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, "********")
        return printable(text)

    def data(self, value: t.Any) -> t.Any:
        """A value of JSON without secrets, and without what Ansible cannot pass on."""
        if isinstance(value, str):
            for secret in self._secrets:
                if len(secret) > MAX_CHANCE:
                    value = value.replace(secret, "********")
            # Half of a surrogate pair is valid JSON, but not valid text.
            return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
        if isinstance(value, dict):
            # Keys with this prefix have a meaning for Ansible.
            return {self.data(key): self.data(item) for key, item in value.items() if not key.startswith("__ansible")}
        if isinstance(value, list):
            return [self.data(item) for item in value]
        return value

    def leaves(self, body: bytes) -> bool:
        """Whether `data` would change nothing in the JSON ``body``, as its bytes show."""
        suspicious = (b"\\", b"__ansible", *(secret.encode() for secret in self._secrets))
        return body.isascii() and not any(part in body for part in suspicious)


def join_first(names: t.Sequence[str]) -> str:
    """The first `MAX_JOINED` of ``names``, and ``...`` if there are more."""
    return ", ".join(names[:MAX_JOINED]) + (", ..." if len(names) > MAX_JOINED else "")


def plural(count: int, noun: str) -> str:
    """``1 Service``, ``2 Services``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def raise_problems(problems: t.Sequence[str]) -> None:
    """Raise one `InputError` for all of ``problems``, if there are any."""
    if not problems:
        return
    more = len(problems) - MAX_JOINED
    raise InputError("; ".join(problems[:MAX_JOINED]) + (f"; and {more} more" if more > 0 else ""))
