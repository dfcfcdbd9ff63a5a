# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List, get, create, update and delete the resources of the API, with retries, paging and errors.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import copy
import itertools
import random
import threading
import time
import typing as t
from urllib.parse import parse_qsl, urlencode, urlsplit

from ansible_collections.messaging.twilio.plugins.module_utils._answer import (
    MAINTENANCE,
    TOO_MANY_REQUESTS,
    Answer,
    api_error,
)
from ansible_collections.messaging.twilio.plugins.module_utils._connection import Connection
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, quoted
from ansible_collections.messaging.twilio.plugins.module_utils._limiter import ConcurrencyLimiter
from ansible_collections.messaging.twilio.plugins.module_utils._transport import Cancellation, ExchangeError, Transport

VERSION = "0.1.0"
USER_AGENT = f"messaging.twilio/{VERSION} (Ansible collection)"

PAGE_SIZE = 1000  # the API's maximum
#: No listing is this long: more pages mean that it does not end.
MAX_PAGES = 1000
#: Maximum seconds that one request waits in all its retries together.
MAX_TOTAL_WAIT = 300.0
#: Maximum seconds before the first retry. It doubles with each retry, up to the maximum.
BACKOFF_START = 0.5
MAX_BACKOFF = 30.0


SERVICES_PATH = "/v1/Services"
SERVICES_KEY = "services"


class Client:
    """The API of one account. May be used by many threads at once.

    Every method raises `ApiError` for what the network or Twilio did.

    If ``account_sid`` is set, it is compared with the account of everything that is read, and confirmed before the
    first write: with an API key, Twilio ignores the SID and acts on the account of the key.

    :arg concurrency: maximum number of requests in flight, and of connections that are kept open.
    :arg cancellation: after its grace period no request is sent.
    :arg wait: called with the seconds to wait before a retry.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        concurrency: int = 1,
        cancellation: Cancellation | None = None,
        wait: t.Callable[[float], object] | None = None,
    ) -> None:
        self.cancellation = cancellation or Cancellation()
        self.max_retries = connection.max_retries
        self._base_url = connection.base_url
        self._wait = wait or self.cancellation.wait
        self._transport = Transport(
            connection, user_agent=USER_AGENT, concurrency=concurrency, cancellation=self.cancellation
        )
        self.concurrency = concurrency
        self._set_connection(connection)

    def _set_connection(self, connection: Connection) -> None:
        self.account_sid = connection.account_sid
        self._confirmed = self.account_sid in (None, connection.username)
        self._confirming = threading.Lock()
        self._redactor = self._transport.redactor
        self._limiter = ConcurrencyLimiter(self.concurrency)
        #: Twilio asked for no request before this time of the monotonic clock.
        self._retry_not_before = 0.0

    def for_connection(self, connection: Connection) -> Client:
        """A client for another account with the same API, over the same connections, with its own limit."""
        other = copy.copy(self)
        other._transport = self._transport.with_credentials(connection)
        other._set_connection(connection)
        return other

    def for_account(self, _account_sid: str | None) -> Client:
        """The client of an account: this one, because it has no other."""
        return self

    @property
    def requests_sent(self) -> int:
        """Number of requests so far, retries included."""
        return self._limiter.requests

    def list(self, path: str, key: str) -> list[dict[str, t.Any]]:
        """All resources of a listing, page after page. A resource that moves to the next page counts once.

        :arg key: the name of the list in each page.
        """
        rows: dict[object, dict[str, t.Any]] = {}
        query = urlencode({"PageSize": PAGE_SIZE})
        pages_read: set[str] = set()
        while query not in pages_read and len(pages_read) < MAX_PAGES:
            pages_read.add(query)
            page = self._read(path, query)
            page_rows = page.get(key)
            if not isinstance(page_rows, list) or not all(isinstance(row, dict) for row in page_rows):
                raise ApiError(f"GET {path} failed: the answer has no list of objects as {key!r}. Check api_url")
            for row in page_rows:
                self._check_account(row)
                sid = row.get("sid")
                rows.setdefault(sid if isinstance(sid, str) else len(rows), row)
            meta = page.get("meta")
            # The Accounts API has its own name for the link.
            link = meta.get("next_page_url") if isinstance(meta, dict) else page.get("next_page_uri")
            if not link:
                return [*rows.values()]
            query = self._page_query(path, link)
        raise ApiError(f"GET {path} failed: the listing does not end, {len(pages_read)} pages were read. Check api_url")

    def get(self, path: str) -> dict[str, t.Any]:
        """One resource."""
        row = self._read(path)
        self._check_account(row)
        return row

    def create(self, path: str, form: t.Mapping[str, str]) -> dict[str, t.Any]:
        """Create a resource of a listing. Returns what the answer says, which the caller has to check."""
        self._confirm_account()
        return self._call("POST", path, form=form)

    def update(self, path: str, form: t.Mapping[str, str]) -> dict[str, t.Any]:
        """Change a resource. Twilio's update is a POST to its path. The caller has to check the answer, too."""
        return self.create(path, form)

    def delete(self, path: str) -> bool:
        """Delete a resource. Returns whether this call deleted it: if it did not exist, this is no error."""
        self._confirm_account()
        try:
            self._call("DELETE", path)
        except ApiError as error:
            if not error.not_found:
                raise
            return False
        return True

    @staticmethod
    def backoff(attempt: int) -> float:
        """Seconds to wait after ``attempt`` (from 0): exponential with full jitter."""
        return random.uniform(0, min(MAX_BACKOFF, BACKOFF_START * 2**attempt))

    def wait(self, attempt: int, *, jitter: bool = True) -> None:
        """Wait the backoff after ``attempt``, without ``jitter`` the whole of it."""
        self._wait(self.backoff(attempt) if jitter else min(MAX_BACKOFF, BACKOFF_START * 2**attempt))

    def _check_account(self, row: t.Mapping[str, t.Any]) -> None:
        account_sid = row.get("account_sid")
        if self.account_sid is None or not isinstance(account_sid, str):
            return
        if account_sid.lower() != self.account_sid.lower():
            raise ApiError(
                f"account_sid is {self.account_sid}, but the credentials belong to account "
                f"{self._redactor.text(account_sid)}. Correct account_sid, or use other credentials",
                fatal=True,
            )
        self._confirmed = True

    def _confirm_account(self) -> None:
        """Read one Service if nothing that was read so far shows the account. One thread asks, the others wait."""
        with self._confirming:
            if self._confirmed:
                return
            try:
                self._check_account({"account_sid": self.find_account()})
            except ApiError as error:
                if error.status is None and error.fatal:
                    raise
                raise ApiError(f"account_sid cannot be compared with the credentials: {error}", fatal=True) from None

    def find_account(self) -> str | None:
        """The account of the credentials, as one of its Services says. ``None`` if it has no Service."""
        page = self._read(SERVICES_PATH, urlencode({"PageSize": 1}))
        rows = page.get(SERVICES_KEY)
        sids = [row.get("account_sid") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return next((sid for sid in sids if isinstance(sid, str)), None)

    def _read(self, path: str, query: str = "") -> dict[str, t.Any]:
        try:
            return self._call("GET", path, query)
        except ApiError as error:
            if not error.not_found:
                raise
        # Users report that Twilio answers 404 for a moment for resources that exist, so ask once more.
        self.wait(0)
        return self._call("GET", path, query)

    def _page_query(self, path: str, link: object) -> str:
        """The query of the next page. The rest of the link is not used, so it cannot lead to another origin."""
        try:
            given = dict(parse_qsl(urlsplit(link).query)) if isinstance(link, str) else {}
        except ValueError:
            given = {}
        if "Page" not in given and "PageToken" not in given:
            shown = self._redactor.text(quoted(link))
            raise ApiError(f"GET {path} failed: {shown} is not a link to the next page. Check api_url")
        wanted = {"PageSize": str(PAGE_SIZE), **given}
        return urlencode([(name, wanted[name]) for name in ("PageSize", "Page", "PageToken") if name in wanted])

    def _call(
        self, method: str, path: str, query: str = "", form: t.Mapping[str, str] | None = None
    ) -> dict[str, t.Any]:
        """The JSON object of the answer, empty for a 204. Retries as long as that is safe and may help."""
        waited = 0.0
        for attempt in itertools.count():
            if self.cancellation.expired():
                raise ApiError(f"{method} {path} was not sent: the run was cancelled and its grace period is over")
            try:
                return self._attempt(method, path, query, form)
            except _Retryable as retryable:
                error, retry_after = retryable.error, retryable.retry_after
            pause = self.backoff(attempt) if retry_after is None else retry_after
            if attempt == self.max_retries:
                raise error.with_sentence(f"{error}. Gave up after {attempt + 1} attempts") if attempt else error
            if waited + pause > MAX_TOTAL_WAIT:
                limit = f"the {MAX_TOTAL_WAIT:.0f} s that a request may wait"
                raise error.with_sentence(f"{error}. Waiting {pause:.0f} s more would exceed {limit}")
            if retry_after is not None:
                self._retry_not_before = max(self._retry_not_before, time.monotonic() + retry_after)
            self._wait(pause)
            waited += pause
        raise AssertionError("unreachable")  # pragma: no cover  # the loop has no end, which mypy does not see

    def _attempt(self, method: str, path: str, query: str, form: t.Mapping[str, str] | None) -> dict[str, t.Any]:
        pause = self._retry_not_before - time.monotonic()
        if pause > 0:
            self._wait(pause)
        status = None
        epoch = self._limiter.acquire()
        try:
            answer = self._transport.exchange(method, path, query, form)
            status = answer.status
        except ExchangeError as error:
            raise self._network_error(error, method, path) from None
        finally:
            self._limiter.release(epoch, throttled=status == TOO_MANY_REQUESTS)
        return self._content(answer, method, path)

    def _network_error(self, error: ExchangeError, method: str, path: str) -> Exception:
        failed, reason = f"{method} {path} failed:", str(error)
        if error.sent and method != "GET":
            return ApiError(
                f"{failed} no complete answer came, so the request may or may not have been carried out: {reason}",
                message=reason,
                indeterminate=True,
            )
        if error.tls:
            return ApiError(f"{failed} TLS with {self._base_url} failed: {reason}", message=reason)
        if error.sent:
            return _Retryable(ApiError(f"{failed} no complete answer came: {reason}", message=reason))
        sentence = f"{failed} {self._base_url} was not reached: {reason}. Check api_url, the network and the proxy"
        return _Retryable(ApiError(sentence, message=reason))

    def _content(self, answer: Answer, method: str, path: str) -> dict[str, t.Any]:
        if answer.status == 204 and method == "DELETE":
            return {}
        data = answer.json(self._redactor)
        if 200 <= answer.status < 300 and isinstance(data, dict) and method != "DELETE":
            return data
        error = api_error(answer, data, method, path, self._redactor)
        if answer.status == TOO_MANY_REQUESTS or error.code == MAINTENANCE or (error.indeterminate and method == "GET"):
            raise _Retryable(error, answer.retry_after())
        raise error


class _Retryable(Exception):
    """The request may be sent again: it was not processed, or only reads."""

    def __init__(self, error: ApiError, retry_after: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after
