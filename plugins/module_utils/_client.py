# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Messaging API over HTTP: credentials, host, timeouts, repeating what is safe, paging, errors.

Private to this collection: it may change with any release.

Requests go through requests' transport adapter, the layer beneath a ``Session``. A Session would
follow redirects, read ``.netrc`` and keep cookies; the adapter does none of these, so credentials
cannot leave the API's origin by them. One adapter, whose pool of connections is safe to share,
serves all threads: a thread that waits holds no connection.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import random
import re
import ssl
import time
import traceback
import typing as t
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import unquote, urlencode, urlsplit

from ansible_collections.messaging.twilio.plugins.module_utils._errors import MOST_SHOWN, ApiError, InputError, shown
from ansible_collections.messaging.twilio.plugins.module_utils._sender import LONGEST_SENDER, Resource, is_sid
from ansible_collections.messaging.twilio.plugins.module_utils._throttle import Throttle
from ansible_collections.messaging.twilio.plugins.module_utils._time import (
    BrokenExchange,
    Cancellation,
    DeadlineAdapter,
)

REQUESTS_IMPORT_ERROR: str | None
try:
    import requests
    from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies
    from urllib3 import exceptions as urllib3_errors
    from urllib3.util.retry import Retry
    from urllib3.util.ssl_ import create_urllib3_context
except ImportError:
    REQUESTS_IMPORT_ERROR = traceback.format_exc()
else:
    REQUESTS_IMPORT_ERROR = None

VERSION = "0.1.0"
USER_AGENT = f"messaging.twilio/{VERSION} (Ansible collection)"

DEFAULT_API_URL = "https://messaging.twilio.com"

PAGE_SIZE = 1000  # the API's maximum
MOST_PAGES = 1000  # a million resources: no listing is as long, so this one does not end

#: All waiting of one request together, in seconds.
WAIT_BUDGET = 300.0
#: How many timeouts an answer may take as a whole.
TIMEOUTS_AN_ANSWER = 4
BACKOFF_BASE = 0.5
BACKOFF_CAP = 30.0

TOO_MANY_REQUESTS = 429
_NEXT_STEPS = {
    400: "try another sender; where none is taken, have Twilio enable alphanumeric sender IDs",
    401: "check the credentials, and that they are of this region",
    403: "the key needs the permission for it",
    404: "these credentials, in this region, have no such Service or sender",
    429: "lower the concurrency, or see what else uses the account",
}
_LATER = "run it again later"
#: Of TLS, what is no refusal: the other side, or something between, closed the connection.
_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
MAINTENANCE = 21730  # documented as safe to repeat, whatever the method


@dataclass(frozen=True)
class Connection:
    """Where the API is and who asks: the connection options, checked.

    :ivar timeout: seconds, for connecting and for each read.
    :ivar max_retries: how often a request is repeated at most.
    :ivar verify: whether TLS certificates are verified, or the path of the CA bundle for it.
    """

    username: str
    password: str = field(repr=False)
    base_url: str
    timeout: float = 30.0
    max_retries: int = 5
    verify: bool | str = True


def make_connection(options: t.Mapping[str, t.Any]) -> Connection:
    """The `Connection` for the documented connection options, given by their names.

    :raises InputError: for the first option that is wrong, before any request.
    """
    username, password = _credentials(options)
    timeout, max_retries = options["timeout"], options["max_retries"]
    if not 0 < timeout <= 3600:
        raise InputError(f"timeout: {timeout} is not allowed; more than 0 and up to 3600 seconds are")
    if not 0 <= max_retries <= 100:
        raise InputError(f"max_retries: {max_retries} is not allowed; 0 to 100 are")
    return Connection(username, password, _base_url(options), timeout, max_retries, _verify(options))


def _credentials(options: t.Mapping[str, t.Any]) -> tuple[str, str]:
    """An API key where one is given, else the account SID and token."""
    given = {}
    for name in ("account_sid", "auth_token", "api_key", "api_secret"):
        value = options.get(name)
        if value is None:
            continue
        if value == "":
            raise InputError(
                f"{name} is an empty string; give it a value, or leave it out for TWILIO_{name.upper()} to be used"
            )
        if not (value.isascii() and value.isprintable()) or " " in value:
            # Not repeated in the message: it may be a secret.
            raise InputError(
                f"{name} has a character that no credential has; printable ASCII without spaces is allowed"
            )
        given[name] = value
    for user, password in (("api_key", "api_secret"), ("account_sid", "auth_token")):
        if user not in given and password not in given:
            continue
        for name, other in ((user, password), (password, user)):
            if name not in given:
                raise InputError(f"{name} (or TWILIO_{name.upper()}) is missing: {other} was given without it")
        for name, kind in (("api_key", "SK"), ("account_sid", "AC")):
            if name in given and not is_sid(kind, given[name]):
                # Not repeated in the message: it may be the secret, given in the wrong place.
                raise InputError(f"{name} is not '{kind}' and 32 hexadecimal digits")
        return given[user], given[password]
    raise InputError(
        "no credentials: give api_key and api_secret (TWILIO_API_KEY, TWILIO_API_SECRET), "
        "or account_sid and auth_token (TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN)"
    )


def _base_url(options: t.Mapping[str, t.Any]) -> str:
    url, edge, region = options.get("api_url"), options.get("edge"), options.get("region")
    for name, value in (("edge", edge), ("region", region)):
        if value and not (value.replace("-", "").isalnum() and value.isascii()):
            raise InputError(f"{name}: {value!r} is not a name of one, such as 'dublin' (edge) or 'ie1' (region)")
    if region and not edge:
        raise InputError(
            f"region: {region!r} without an edge would be routed to us1; give the edge too (for ie1 it is 'dublin')"
        )
    if url is not None and url.rstrip("/") != DEFAULT_API_URL:
        return _checked_url(url)
    return f"https://messaging.{edge}.{region or 'us1'}.twilio.com" if edge else DEFAULT_API_URL


def _checked_url(url: str) -> str:
    allowed = "allowed is https://HOST[:PORT][/PATH], and http for loopback only"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"api_url: {shown(url)} is not a URL ({error}); {allowed}") from None
    if "@" in parts.netloc:
        # Not repeated in the message: it may hold a password.
        raise InputError(f"api_url: credentials do not belong into it; {allowed}")
    if (
        parts.scheme not in ("http", "https")
        or not host
        or parts.query
        or parts.fragment
        or not url.isprintable()
        or " " in url
    ):
        raise InputError(f"api_url: {shown(url)} is not the URL of an API; {allowed}")
    if parts.path.rstrip("/").endswith("/v1"):
        raise InputError(f"api_url: {shown(url)} ends in /v1, which is added by itself; give it without")
    if parts.scheme == "http" and not is_loopback(host):
        raise InputError(f"api_url: {shown(url)} would send the credentials unencrypted; {allowed}")
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine: ``localhost`` or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _verify(options: t.Mapping[str, t.Any]) -> bool | str:
    places = {
        "ca_path": options.get("ca_path"),
        # As everything else that uses requests does.
        "REQUESTS_CA_BUNDLE": os.environ.get("REQUESTS_CA_BUNDLE"),
        "CURL_CA_BUNDLE": os.environ.get("CURL_CA_BUNDLE"),
    }
    name, path = next(((name, path) for name, path in places.items() if path), ("", None))
    if path and not os.path.exists(path):
        raise InputError(
            f"{name}: {shown(path)} does not exist; give a file or a folder of CA certificates in PEM format"
        )
    return bool(options["validate_certs"]) and (path or True)


def _tls_context(verify: bool | str) -> ssl.SSLContext:
    """What all TLS connections are made with, for a `Connection.verify`.

    :raises InputError: if there are no CA certificates.
    """
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)
    context.set_alpn_protocols(["http/1.1"])
    # urllib3 does this for each connection. While others are being opened that reads memory which was
    # freed: they fail, or Python crashes. https://github.com/python/cpython/issues/141012
    context.set_alpn_protocols = lambda alpn_protocols: None  # type: ignore[method-assign]  # on purpose
    if not verify:
        return context
    path = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
    try:
        context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
    except OSError as error:
        # What TLS says of a file that is something else differs from release to release.
        why = "holds no CA certificate" if isinstance(error, ssl.SSLError) else f"cannot be read ({error.strerror})"
        raise InputError(
            f"ca_path (or REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE): {shown(path)} {why}; "
            "give a file or a folder of CA certificates in PEM format"
        ) from None
    return context


class Client:
    """The Messaging API. May be used by many threads at once.

    Every method raises `ApiError` for what the network or Twilio did.

    :arg concurrency: how many threads will use it: as many connections are kept open at most.
    :arg cancellation: tells that the run was cancelled, and bounds what it may still take.
    :arg wait: called with the seconds to wait before a request is repeated.
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
        self._connection = connection
        self._wait = wait or self.cancellation.wait
        self._throttle = Throttle(concurrency)
        #: Until when, on the monotonic clock, Twilio asked for no request.
        self._hold = 0.0
        self._proxies = get_environ_proxies(connection.base_url)
        pair = f"{connection.username}:{connection.password}".encode("ascii")
        basic = base64.b64encode(pair).decode("ascii")
        self._headers = requests.structures.CaseInsensitiveDict(
            {
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "Authorization": f"Basic {basic}",
                "User-Agent": USER_AGENT,
            }
        )
        self._secrets = [connection.password, basic]
        for scheme, proxy in self._proxies.items():
            try:
                password = urlsplit(proxy).password
                if "://" in proxy and not urlsplit(proxy).hostname:
                    raise ValueError
            except ValueError:
                raise InputError(
                    f"the proxy of the environment for {scheme} is not a URL; give http://HOST:PORT, or unset it"
                ) from None
            if password:
                self._secrets += [password, unquote(password)]
        secure = any(url.lower().startswith("https:") for url in (connection.base_url, *self._proxies.values()))
        tls = _tls_context(connection.verify) if secure else None
        self._adapter = DeadlineAdapter(connections=concurrency, tls=tls)

    @property
    def sent(self) -> int:
        """How many requests were made so far, with those that were repeated."""
        return self._throttle.requests

    def services(self) -> list[Resource]:
        """All Messaging Services of the account: GET /v1/Services."""
        return self._listing("/v1/Services", "services")

    def service(self, service_sid: str) -> Resource:
        """One Messaging Service: GET /v1/Services/{MG}."""
        return self._call("GET", f"/v1/Services/{service_sid}")

    def alpha_senders(self, service_sid: str) -> list[Resource]:
        """All alpha senders of a Service: GET /v1/Services/{MG}/AlphaSenders."""
        return self._listing(_senders_path(service_sid), "alpha_senders")

    def create_alpha_sender(self, service_sid: str, alpha_sender: str) -> Resource:
        """The resource of a new alpha sender: POST /v1/Services/{MG}/AlphaSenders."""
        path = _senders_path(service_sid)
        answer = self._call("POST", path, form={"AlphaSender": alpha_sender})
        if answer.get("alpha_sender") != alpha_sender:
            raise ApiError(
                f"POST {path}: the answer does not say that {alpha_sender!r} was created", unsettled=True, conflict=True
            )
        return answer

    def delete_alpha_sender(self, service_sid: str, sid: str) -> bool:
        """Delete an alpha sender by its AI SID. One that is gone already is no error.

        :returns: whether it was this call that deleted it.
        """
        try:
            self._call("DELETE", f"{_senders_path(service_sid)}/{sid}")
        except ApiError as error:
            if not error.not_there:
                raise
            return False
        return True

    def _listing(self, path: str, key: str) -> list[Resource]:
        """All resources of a listing, page after page, 1,000 a page."""
        resources: list[Resource] = []
        query = f"PageSize={PAGE_SIZE}"
        seen: set[str] = set()
        while query not in seen and len(seen) < MOST_PAGES:
            seen.add(query)
            page = self._call("GET", path, query=query)
            found = page.get(key)
            if not isinstance(found, list) or not all(isinstance(resource, dict) for resource in found):
                raise ApiError(f"GET {path}: the answer has no list of objects as {key!r}; check api_url")
            resources += found
            meta = page.get("meta")
            following = meta.get("next_page_url") if isinstance(meta, dict) else None
            if not following:
                return resources
            query = self._query_of_page(path, following)
        raise ApiError(f"GET {path}: the listing does not end, {len(seen)} pages were read; check api_url")

    def _query_of_page(self, path: str, url: object) -> str:
        """The query of a page's address. The rest of it has to be this very listing of this API."""
        base = self._connection.base_url
        if isinstance(url, str):
            try:
                if _place(url) == _place(base + path):
                    return urlsplit(url).query
            except ValueError:
                pass
        raise ApiError(
            f"GET {path}: the answer names {self._scrubbed(url)!r} as its next page, which is not a page of "
            f"{base}{path}; the credentials were not sent there, check api_url"
        )

    def _call(
        self, method: str, path: str, *, query: str = "", form: t.Mapping[str, str] | None = None
    ) -> dict[str, t.Any]:
        """One call, repeated as long as that is safe, may help and is within the budget.

        :returns: the JSON object of the answer, empty for a 204.
        """
        waited = 0.0
        for attempt in itertools.count():
            if self.cancellation.over():
                raise ApiError(f"{method} {path}: not sent, the run was cancelled and its time to finish is over")
            try:
                return self._attempt(method, path, query, form)
            except _Repeatable as failure:
                error, retry_after = failure.error, failure.retry_after
            pause = retry_after if retry_after is not None else self.backoff(attempt)
            if attempt == self.max_retries:
                raise _extended(error, f"given up after {attempt + 1} attempts") if attempt else error
            if waited + pause > WAIT_BUDGET:
                raise _extended(
                    error, f"to wait {pause:.0f} s more would exceed the {WAIT_BUDGET:.0f} s that a request may wait"
                )
            if retry_after is not None:
                self._hold = max(self._hold, time.monotonic() + retry_after)
            self._wait(pause)
            waited += pause
        raise AssertionError("counting does not end")  # pragma: no cover  # for who checks types

    @staticmethod
    def backoff(attempt: int) -> float:
        """Seconds to wait before the repetition after ``attempt`` (from 0): exponential, full jitter."""
        return random.uniform(0, min(BACKOFF_CAP, BACKOFF_BASE * 2**attempt))

    def wait(self, attempt: int) -> None:
        """Wait the backoff after ``attempt``."""
        self._wait(self.backoff(attempt))

    def _attempt(self, method: str, path: str, query: str, form: t.Mapping[str, str] | None) -> dict[str, t.Any]:
        connection = self._connection
        url = connection.base_url + path + (f"?{query}" if query else "")
        request = self._prepared(method, url, form)
        held = self._hold - time.monotonic()
        if held > 0:
            self._wait(held)
        status = None
        ticket = self._throttle.acquire()
        try:
            response, body = self._adapter.exchange(
                request,
                seconds=connection.timeout * TIMEOUTS_AN_ANSWER,
                cancellation=self.cancellation,
                timeout=(connection.timeout, connection.timeout),
                verify=bool(connection.verify),
                proxies=self._proxies,
            )
            status = response.status_code
        except BrokenExchange as broken:
            raise self._network_error(broken, method, path) from None
        finally:
            self._throttle.release(ticket, refused=status == TOO_MANY_REQUESTS)
        return self._answer(response, body, method, path)

    def _prepared(self, method: str, url: str, form: t.Mapping[str, str] | None) -> requests.PreparedRequest:
        # Not by ``prepare``, which takes a fifth of a request's time to find that all is right: the
        # URL is made of checked parts, and the headers are ours.
        request = requests.PreparedRequest()
        request.method = method
        request.url = url
        request.headers = self._headers.copy()
        if form is not None:
            request.body = urlencode(form)
            request.headers["Content-Length"] = str(len(request.body))
            request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        return request

    def _network_error(self, broken: BrokenExchange, method: str, path: str) -> Exception:
        error = broken.cause
        reason = self._scrubbed(_reason(error))
        api, base = f"{method} {path}", self._connection.base_url
        if not broken.sent:
            if isinstance(error, requests.exceptions.SSLError) and not isinstance(_innermost(error), _CLOSED):
                return ApiError(f"{api}: TLS with {base} failed: {reason}", message=reason)
            if isinstance(error, ValueError):  # an address or a proxy that requests cannot use at all
                return ApiError(f"{api}: no request could be made: {reason}", message=reason)
            return _Repeatable(
                ApiError(f"{api}: {base} was not reached: {reason}; check api_url, network and proxy", message=reason)
            )
        if method == "GET":
            return _Repeatable(ApiError(f"{api}: no whole answer came: {reason}", message=reason))
        return ApiError(
            f"{api}: no whole answer came, so it may have been carried out or not: {reason}",
            message=reason,
            unsettled=True,
        )

    def _answer(self, response: requests.Response, body: bytes, method: str, path: str) -> dict[str, t.Any]:
        status = response.status_code
        if status == 204 and method == "DELETE":
            return {}
        try:
            data = json.loads(body)
            if not self._is_clean(body):
                data = self._clean(data)
        except (ValueError, RecursionError):
            data = None
        if 200 <= status < 300 and isinstance(data, dict) and method != "DELETE":
            return data
        error = self._error(response, data, method, path)
        if status == TOO_MANY_REQUESTS or error.code == MAINTENANCE or (error.unsettled and method == "GET"):
            raise _Repeatable(error, _retry_after(response))
        raise error

    def _error(self, response: requests.Response, data: object, method: str, path: str) -> ApiError:
        status = response.status_code
        fields = data if isinstance(data, dict) else {}
        code = fields.get("code")
        code = int(str(code)) if not isinstance(code, bool) and re.fullmatch("[0-9]{1,9}", str(code)) else None
        request_id = self._scrubbed(response.headers.get("Twilio-Request-Id"))
        more_info = fields.get("more_info") or fields.get("type")
        unsettled = False
        if 200 <= status < 300:
            message = (
                "the answer is no JSON object, check api_url"
                if method != "DELETE"
                else "the answer is not that of a deletion"
            )
            # Cut or garbled on its way: the same question may be answered whole the next time. A
            # whole answer of another shape will not change.
            unsettled = data is None or method != "GET"
        elif 300 <= status < 400:
            place = self._scrubbed(_origin(response.headers.get("Location")))
            message = f"a redirect to {place}, which is not followed; check api_url"
        else:
            message = (
                fields.get("message")
                or fields.get("detail")
                or fields.get("title")
                or response.reason
                or "no reason given"
            )
            message = self._scrubbed(str(message))[:MOST_SHOWN]
            # A 404 that is not Twilio's own tells nothing of what is there.
            unsettled = status >= 500 or status in (408, 425) or (status == 404 and code is None)
        unsettled = unsettled and code != MAINTENANCE
        sentence = f"{method} {path}: " + (f"Twilio error {code} (HTTP {status})" if code else f"HTTP {status}")
        sentence += f": {message}"
        if isinstance(more_info, str) and len(more_info) <= MOST_SHOWN:
            more_info = self._scrubbed(more_info)
            sentence += f" (see {more_info})"
        else:
            more_info = None
        if status >= 500:
            sentence += f"; {_LATER}"
        elif status == 404 and code is None:
            sentence += "; it is no answer of Twilio's, check api_url"
        elif status in _NEXT_STEPS and (status, method) != (400, "GET"):
            sentence += f"; {_NEXT_STEPS[status]}"
        if request_id:
            sentence += f" [request {request_id}]"
        return ApiError(
            sentence,
            message=message,
            code=code,
            more_info=more_info,
            status=status,
            request_id=request_id,
            unsettled=unsettled,
        )

    def _scrubbed(self, text: t.Any) -> t.Any:
        """Words for a message, from outside, without our secrets, should they echo them."""
        if isinstance(text, str):
            for secret in self._secrets:
                if secret in text:
                    text = text.replace(secret, "********")
        return text

    def _is_clean(self, body: bytes) -> bool:
        """Whether `_clean` would change nothing, told from the text alone: nearly always, and quickly."""
        return (
            body.isascii()
            and b"\\" not in body
            and b"__ansible" not in body
            and not any(secret.encode() in body for secret in self._secrets)
        )

    def _clean(self, value: t.Any) -> t.Any:
        """Data from outside without our secrets, and without what Ansible could not pass on.

        Secrets that are no longer than a sender may be are left: a sender is compared and restored
        by what it is, and must not be changed by what a proxy's password happens to be.
        """
        if isinstance(value, str):
            for secret in self._secrets:
                if secret in value and len(secret) > LONGEST_SENDER:
                    value = value.replace(secret, "********")
            # Half of a surrogate pair is valid JSON, but no text.
            return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
        if isinstance(value, dict):
            # Ansible has a meaning of its own for such keys.
            return {
                self._clean(key): self._clean(item) for key, item in value.items() if not key.startswith("__ansible")
            }
        if isinstance(value, list):
            return [self._clean(item) for item in value]
        return value


class _Repeatable(Exception):
    """The same request may be sent again: it was not processed, or only reads."""

    def __init__(self, error: ApiError, retry_after: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after


def _senders_path(service_sid: str) -> str:
    return f"/v1/Services/{service_sid}/AlphaSenders"


def _place(url: str) -> tuple[object, ...]:
    """What has to be equal in two pages of one listing."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.username, parts.password, parts.hostname, port, parts.path


def _origin(url: str | None) -> str:
    try:
        parts = urlsplit(url or "")
        return f"{parts.scheme}://{parts.hostname}" if parts.hostname else "another path"
    except ValueError:
        return "an address that is none"


def _extended(error: ApiError, why: str) -> ApiError:
    return ApiError(f"{error}; {why}", unsettled=error.unsettled, **error.as_fields())


def _innermost(error: BaseException) -> BaseException:
    """The cause that says something, since the outer ones repeat addresses and objects."""
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        if inner is None:
            return error
        error = inner


def _reason(error: BaseException) -> str:
    error = _innermost(error)
    text = re.sub(r"^\w+\(host=[^)]*\): ", "", str(error).rsplit(">: ", 1)[-1])
    return text or type(error).__name__


def _retry_after(response: requests.Response) -> float | None:
    """The answer's ``Retry-After`` in seconds. One that is nonsense or past counts as absent."""
    try:
        seconds = float(min(Retry().parse_retry_after(response.headers["Retry-After"].strip()), 10**9))
    except (KeyError, ValueError, OverflowError, urllib3_errors.HTTPError):
        return None
    return seconds if seconds > 0 else None
