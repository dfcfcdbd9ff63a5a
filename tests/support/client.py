# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the collection on a simulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._connection import make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._transport import Cancellation

from simulator import Simulator
from support.account import options


def no_wait(_seconds: float) -> None:
    """Retry at once."""


def make_client(
    simulator: Simulator,
    *,
    kind: type[Client] = Client,
    concurrency: int = 1,
    cancellation: Cancellation | None = None,
    wait: Callable[[float], object] | None = no_wait,
    **changed: Any,
) -> Client:
    """A client on a simulator.

    :arg kind: the class of the client.
    :arg wait: called with the seconds to wait before a retry. With None, the client waits as in a real run.
    :arg changed: connection options other than those of `support.account.options`.
    """
    connection = make_connection(options(simulator, **changed))
    return kind(connection, concurrency=concurrency, cancellation=cancellation, wait=wait)
