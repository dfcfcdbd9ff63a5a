# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients of all accounts of a run, and the Services of all of them.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._connection import Connection, with_credentials
from ansible_collections.messaging.twilio.plugins.module_utils._errors import (
    ApiError,
    InputError,
    join_first,
    plural,
    quoted,
)
from ansible_collections.messaging.twilio.plugins.module_utils._resources import is_sid, sid_key

PATH = "/2010-04-01/Accounts.json"
LIST_KEY = "accounts"


class Accounts:
    """The clients of a run, each for one account. Works in the place of a `Client` for many.

    :arg client: of the connection options. Its account may be unknown if an API key is used.
    :arg connections: of further accounts.
    :ivar warnings: subaccounts that are left out.
    """

    def __init__(self, client: Client, connections: t.Iterable[Connection] = ()) -> None:
        self.warnings: list[str] = []
        #: Requests of a client that only listed the accounts.
        self.requests_before = 0
        self.cancellation = client.cancellation
        self._first = client
        self._clients: dict[str, Client] = {}
        if client.account_sid is not None:
            self._clients[sid_key(client.account_sid)] = client
        for connection in connections:
            # The account of the connection options keeps its client.
            key = sid_key(str(connection.account_sid))
            if key not in self._clients:
                self._clients[key] = client.for_connection(connection)

    @property
    def account_sid(self) -> str | None:
        """The account of the connection options."""
        return self._first.account_sid

    @property
    def concurrency(self) -> int:
        """The number of connections that all accounts share."""
        return self._first.concurrency

    @property
    def account_sids(self) -> list[str]:
        """All accounts that are known by their SIDs."""
        return [str(client.account_sid) for client in self._clients.values()]

    @property
    def several(self) -> bool:
        """Whether there is more than one account."""
        return len(self.clients) > 1

    @property
    def clients(self) -> list[Client]:
        """All clients, that of the connection options first."""
        others = [client for client in self._clients.values() if client is not self._first]
        return [self._first, *others]

    @property
    def requests_sent(self) -> int:
        """Number of requests so far, of all accounts."""
        return self.requests_before + sum(client.requests_sent for client in self.clients)

    def for_account(self, account_sid: str | None) -> Client:
        """The client of an account, that of the connection options by default."""
        return self._first if account_sid is None else self._clients.get(sid_key(account_sid), self._first)

    def check(self, account_sids: t.Iterable[str | None]) -> None:
        """Check that there are credentials for the account of each Service, before the first request.

        :arg account_sids: the account of each Service, ``None`` if it is not given.
        :raises InputError: if there are none for some.
        """
        given = list(account_sids)
        foreign = [sid for sid in given if sid is not None and sid_key(sid) not in self._clients]
        if not foreign:
            return
        if self._first.account_sid is None:
            self._learn()
            foreign = [sid for sid in foreign if sid_key(sid) not in self._clients]
        if foreign:
            accounts = sorted(set(foreign))
            verb = "belongs" if len(foreign) == 1 else "belong"
            noun = "account" if len(accounts) == 1 else "accounts"
            count = f"{len(foreign)} of {plural(len(given), 'Service')}"
            raise InputError(
                f"{count} {verb} to {noun} {join_first(accounts)}, for which there are no credentials. "
                "Set accounts, or subaccounts to true with the credentials of the parent"
            )

    def _learn(self) -> None:
        """Ask once which account an API key belongs to."""
        account_sid = self._first.find_account()
        if account_sid is not None:
            self._clients.setdefault(sid_key(account_sid), self._first)


def make_accounts(client: Client, connection: Connection, options: t.Mapping[str, t.Any]) -> Accounts:
    """The accounts of the options ``accounts`` and ``subaccounts``, and that of the connection options.

    :raises InputError: if an option is not valid.
    :raises ApiError: if the subaccounts cannot be listed.
    """
    given = options.get("accounts") or {}
    if not isinstance(given, t.Mapping):
        raise InputError(f"accounts must be a mapping of account SIDs, got {quoted(type(given).__name__)}")
    connections = {sid_key(str(sid)): with_credentials(connection, str(sid), one) for sid, one in given.items()}
    warnings: list[str] = []
    reader = client
    if options.get("subaccounts"):
        if connection.accounts_url != connection.base_url:
            reader = Client(replace(connection, base_url=connection.accounts_url), cancellation=client.cancellation)
        found, warnings = _subaccounts(reader, connection)
        connections = {**{sid_key(str(one.account_sid)): one for one in found}, **connections}
    accounts = Accounts(client, connections.values())
    accounts.warnings = warnings
    accounts.requests_before = 0 if reader is client else reader.requests_sent
    return accounts


def _subaccounts(reader: Client, connection: Connection) -> tuple[list[Connection], list[str]]:
    """The connections of the active subaccounts, and a warning that counts the others."""
    if connection.username != connection.account_sid:
        raise InputError(
            "subaccounts must be false with an API key: only account_sid and auth_token of the parent account can read "
            "the tokens of its subaccounts. Use them, or set accounts"
        )
    parent = sid_key(str(connection.account_sid))
    others = [row for row in reader.list(PATH, LIST_KEY) if sid_key(str(row.get("sid"))) != parent]
    usable = [row for row in others if row.get("status") == "active"]
    left_out = len(others) - len(usable)
    connections = []
    for row in usable:
        sid, token = row.get("sid"), row.get("auth_token")
        if is_sid("AC", sid) and isinstance(token, str) and token:
            connections.append(with_credentials(connection, str(sid), {"auth_token": token}))
        else:
            raise ApiError(f"Twilio returned no auth token for the subaccount {quoted(sid)}. Set accounts instead")
    return connections, [f"{plural(left_out, 'subaccount')} left out: suspended or closed"] if left_out else []


#: What works for one account and for many.
AnyClient = t.Union[Client, Accounts]
