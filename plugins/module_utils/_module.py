# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a module: argument specs, signals, limits, and how it ends.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sys
import threading
import typing as t
from fractions import Fraction
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleFallbackNotFound, AnsibleModule, missing_required_lib
from ansible_collections.messaging.twilio.plugins.module_utils._accounts import Accounts, make_accounts
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._connection import DEFAULT_API_URL, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError, quoted
from ansible_collections.messaging.twilio.plugins.module_utils._resources import is_sid
from ansible_collections.messaging.twilio.plugins.module_utils._transport import (
    REQUESTS_IMPORT_ERROR,
    Cancellation,
)

#: Twilio is known to answer about this many requests of one account at once.
MAX_CONCURRENCY = 100
#: Milliseconds between two looks whether somebody still reads the module's output.
INTERVAL = 500
#: Options for SIDs that somebody may give a secret, and the prefixes of these SIDs.
PUBLIC_SIDS = {"account_sid": "AC", "api_key": "SK"}
CANCELLED = "The run was cancelled. Services whose change had started were completed"

#: Makes the clients of a run, for as many threads as it is given.
Connect = t.Callable[[int], Accounts]
Spec = dict[str, dict[str, t.Any]]


def from_environment(name: str) -> str:
    """The environment variable ``name``, unless it is empty: job systems set a variable without a value to that."""
    value = os.environ.get(name)
    if not value:
        raise AnsibleFallbackNotFound
    return value


def connection_spec() -> Spec:
    """The connection options of every module, as the fragment ``_connection`` documents them."""

    def option(name: str, **spec: t.Any) -> dict[str, t.Any]:
        return {"type": "str", "fallback": (from_environment, [f"TWILIO_{name.upper()}"]), **spec}

    return {
        # Ansible prints and logs these two before this collection can look at them. So they are secret until they prove
        # to be SIDs.
        "account_sid": option("account_sid", no_log=True),
        "auth_token": option("auth_token", no_log=True),
        "api_key": option("api_key", no_log=True),
        "api_secret": option("api_secret", no_log=True),
        "region": option("region"),
        "edge": option("edge"),
        "api_url": option("api_url", default=DEFAULT_API_URL),
        "timeout": {"type": "float", "default": 35.0},
        "max_retries": {"type": "int", "default": 5},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
    }


def service_spec() -> Spec:
    """The options that name one Service, as the fragment ``_service`` documents them."""
    return {"service_sid": {"type": "str"}, "service_name": {"type": "str"}}


def services_spec() -> Spec:
    """The options of modules that work on many Services."""
    return {"services": {"type": "list", "elements": "raw"}, "concurrency": {"type": "int", "default": 10}}


def desired_spec() -> Spec:
    """The options of the desired state of a Service, as the fragment ``_desired`` documents them."""
    return {
        # Raw, so that YAML's NO, which is a truth value, is refused instead of taken for 'False'.
        "alpha_sender": {"type": "raw"},
        "country_senders": {"type": "dict"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "replace": {"type": "bool", "default": True},
    }


def accounts_spec() -> Spec:
    """The options for several accounts, as the fragment ``_accounts`` documents them."""
    return {"accounts": {"type": "dict", "no_log": True}, "subaccounts": {"type": "bool", "default": False}}


def controller_spec() -> Spec:
    """The options that the action plugin of the same name reads on the controller, and does not pass on."""
    return {
        "hosts": {"type": "list", "elements": "str"},
        "file": {"type": "str"},
        "report_path": {"type": "str"},
        "report_mode": {"type": "raw"},
    }


def check_controller_options(params: t.Mapping[str, t.Any]) -> None:
    """Raise `InputError` if an option of `controller_spec` is set here: then the action plugin did not run."""
    for name in (*controller_spec(), "rollback_from"):
        if params.get(name) is not None:
            raise InputError(
                f"{name} is read on the controller, by the action plugin of this module, which did not run. Use the "
                "full name of the module, messaging.twilio.…, in a task of a playbook"
            )


def check_concurrency(concurrency: int) -> None:
    """Raise `InputError` if the option is out of range."""
    if not 1 <= concurrency <= MAX_CONCURRENCY:
        raise InputError(f"concurrency must be between 1 and {MAX_CONCURRENCY}, got {concurrency}")


def check_minimum(name: str, value: float | None, minimum: int = 0) -> None:
    """Raise `InputError` if the option ``name`` is less than ``minimum``."""
    if value is not None and value < minimum:
        raise InputError(f"{name} must be {minimum} or more, got {value:g}")


def count_max_changes(value: object, total: int) -> int | None:
    """The number of changes that ``max_changes`` allows.

    :arg value: a number, or a percentage of ``total`` such as ``10%``, rounded down. ``None`` allows any.
    :raises InputError: if it is neither.
    """
    if value is None:
        return None
    match = re.fullmatch(
        r"([0-9]{1,9})|([0-9]{1,2}(?:\.[0-9]{1,3})?|100) ?%", "" if isinstance(value, bool) else str(value)
    )
    if match is None:
        raise InputError(f"max_changes must be a number or a percentage such as 10%, got {quoted(value)}")
    count, percentage = match.groups()
    return int(count) if count is not None else int(Fraction(percentage) * total / 100)


def check_path(path: str | None, name: str) -> None:
    """Raise `InputError` if the option ``name`` is not the path of a file that can be written.

    Keeps the file. Creates its folder if that is missing.
    """
    if path is not None:
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(os.path.dirname(os.path.abspath(path)))
            with open(path, "a", encoding="utf-8"):
                pass
        except (OSError, ValueError) as error:
            raise InputError(f"{name} must be a file that can be written, got {quoted(path)}: {error}") from None


def run_module(module: AnsibleModule, job: t.Callable[[dict[str, t.Any], Connect], dict[str, t.Any]]) -> None:
    """Call ``job`` with the module's options, and end the module with the result.

    :arg job: gets the options and a `Connect`. It returns the result, with a true ``failed`` if it failed, and may
        raise `InputError` and `ApiError`.

    SIGINT, SIGTERM, SIGHUP and a closed standard output cancel the run: Services whose change started are completed.
    Ansible may be gone by then, so the system's log gets the message too.
    """
    for name, prefix in PUBLIC_SIDS.items():
        if is_sid(prefix, module.params[name]):
            module.no_log_values.discard(module.params[name])
    cancellation = Cancellation()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_args: cancellation.cancel())
    # A container's limit of processes may leave no thread for it. The run works without it.
    with contextlib.suppress(RuntimeError):
        threading.Thread(target=_watch_output, args=(cancellation,), daemon=True).start()

    def connect(concurrency: int) -> Accounts:
        connection = make_connection(module.params)
        if REQUESTS_IMPORT_ERROR is not None:
            module.fail_json(msg=missing_required_lib("requests"), exception=REQUESTS_IMPORT_ERROR)
        if not connection.verify:
            module.warn(
                f"validate_certs is false: any server that answers for {connection.base_url} gets the credentials"
            )
        client = Client(connection, concurrency=concurrency, cancellation=cancellation)
        accounts = make_accounts(client, connection, module.params)
        for text in accounts.warnings:
            module.warn(text)
        return accounts

    try:
        result = job(module.params, connect)
    except InputError as error:
        with contextlib.suppress(ValueError):
            # A password in api_url is an error, and must not be shown at -vvv either.
            module.no_log_values.update(filter(None, [urlsplit(module.params["api_url"]).password]))
        module.fail_json(msg=str(error))
    except ApiError as error:
        module.fail_json(msg=str(error), error=error.as_fields())
    for text in result.pop("warnings", ()):
        module.warn(text)
    failed = result.pop("failed", False)
    if cancellation.is_set():
        failed = True
        result["msg"] = "\n".join(filter(None, [result.get("msg"), CANCELLED]))
        module.log(result["msg"])
    _end(module, result, failed=failed)


def _watch_output(cancellation: Cancellation) -> None:
    """Cancel the run once nobody reads the module's output any more: Ansible was killed."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors are always reported
    while not cancellation.is_set():
        if poll.poll(INTERVAL):
            cancellation.cancel()


def _end(module: AnsibleModule, result: dict[str, t.Any], *, failed: bool) -> None:
    try:
        if failed:
            module.fail_json(**result)
        module.exit_json(**result)
    except BrokenPipeError:
        # Python would complain about the closed output once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
