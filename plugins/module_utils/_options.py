# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options as Ansible's argument spec, and what all modules do around their work.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import typing as t
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleFallbackNotFound, AnsibleModule, missing_required_lib
from ansible_collections.messaging.twilio.plugins.module_utils._client import (
    DEFAULT_API_URL,
    REQUESTS_IMPORT_ERROR,
    Client,
    make_connection,
)
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.messaging.twilio.plugins.module_utils._time import Cancellation

#: Makes a client for as many threads as it is given.
Connect = t.Callable[[int], Client]


def from_environment(name: str) -> str:
    """The environment variable ``name``, unless it is empty: job systems set what has no value to that."""
    value = os.environ.get(name)
    if not value:
        raise AnsibleFallbackNotFound
    return value


def connection_spec() -> dict[str, dict[str, t.Any]]:
    """The connection options of every module, as the ``_connection`` fragment documents them."""

    def option(name: str, **spec: t.Any) -> dict[str, t.Any]:
        return {"type": "str", "fallback": (from_environment, [f"TWILIO_{name.upper()}"]), **spec}

    return {
        "account_sid": option("account_sid"),
        "auth_token": option("auth_token", no_log=True),
        "api_key": option("api_key", no_log=False),
        "api_secret": option("api_secret", no_log=True),
        "region": option("region"),
        "edge": option("edge"),
        "api_url": option("api_url", default=DEFAULT_API_URL),
        "timeout": {"type": "float", "default": 30.0},
        "max_retries": {"type": "int", "default": 5},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
    }


def service_spec() -> dict[str, dict[str, t.Any]]:
    """The options that say which Service is meant, as the ``_service`` fragment documents them."""
    return {"service_sid": {"type": "str"}, "service_name": {"type": "str"}}


def fleet_spec() -> dict[str, dict[str, t.Any]]:
    """The options of modules that work on many Services."""
    return {
        "services": {"type": "list", "elements": "raw"},
        "hosts": {"type": "list", "elements": "str"},
        "concurrency": {"type": "int", "default": 10},
    }


def report_spec() -> dict[str, dict[str, t.Any]]:
    """The options of a report, as the ``_report`` fragment documents them. The action plugin writes it."""
    return {"report_path": {"type": "str"}, "report_mode": {"type": "raw"}}


def wish_spec() -> dict[str, dict[str, t.Any]]:
    """The options that say what is wanted, as the ``_wish`` fragment documents them."""
    return {
        # Raw, so that YAML's NO, which is a truth value, is refused rather than taken for 'False'.
        "alpha_sender": {"type": "raw"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "replace": {"type": "bool", "default": True},
    }


def run_module(module: AnsibleModule, job: t.Callable[[dict[str, t.Any], Connect], dict[str, t.Any]]) -> None:
    """Do ``job`` with the module's options, and end the module with what it returns.

    :arg job: is given the options and a `Connect`. It returns the result, with a true ``failed``
        and a ``msg`` where it failed, and may raise `InputError` and `ApiError`.

    SIGINT, SIGTERM and SIGHUP do not end the module at once: what was begun is brought to its end
    first. Ansible itself may be gone by then, so the system's log is told, too.
    """
    cancellation = Cancellation()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_args: cancellation.cancel())

    def connect(concurrency: int) -> Client:
        connection = make_connection(module.params)
        if REQUESTS_IMPORT_ERROR is not None:
            module.fail_json(msg=missing_required_lib("requests"), exception=REQUESTS_IMPORT_ERROR)
        if not connection.verify:
            module.warn(f"validate_certs is false: whoever answers for {connection.base_url} gets the credentials")
        return Client(connection, concurrency=concurrency, cancellation=cancellation)

    try:
        result = job(module.params, connect)
    except InputError as error:
        with contextlib.suppress(ValueError):
            # A password that does not belong there is not to be shown at -vvv, either.
            module.no_log_values.update(filter(None, [urlsplit(module.params["api_url"]).password]))
        module.fail_json(msg=str(error))
    except ApiError as error:
        module.fail_json(msg=str(error), error=error.as_fields())
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    failed = result.pop("failed", False)
    if cancellation.is_set():
        failed = True
        cancelled = "The run was cancelled, what was begun was brought to its end"
        told = (result.get("summary_line"), result.get("msg"))
        result["msg"] = ". ".join([cancelled, *filter(None, told)])
        if "summary_block" in result:
            result["summary_block"].insert(1, cancelled)
        module.log(result["msg"])
    # This process ends here. Its last collections of garbage would go through all there is for nothing.
    gc.freeze()
    try:
        if failed:
            module.fail_json(**result)
        module.exit_json(**result)
    except BrokenPipeError:
        # Nobody listens any more, and Python would complain of that once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
