# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Services are meant: by SID, by friendly name, or by a pattern of names.

Twilio has no filter for names, and they are not unique.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import difflib
import fnmatch
import typing as t

from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._errors import (
    MOST_PROBLEMS,
    ApiError,
    InputError,
    first_few,
    shown,
)
from ansible_collections.messaging.twilio.plugins.module_utils._sender import Resource, check_service


class ServiceNames:
    """Finds Services by name.

    :arg read: reads all Services. Called once, and only when a name is looked up.
    """

    def __init__(self, read: t.Callable[[], t.Iterable[Resource]]) -> None:
        self._read = read
        self._sids: dict[str, list[str]] | None = None
        #: The friendly name of each SID in lower case. Empty as long as no name was looked up.
        self.known: dict[str, str] = {}
        self._unknown = 0

    def sid(self, name: str) -> str:
        """The SID of the one Service whose friendly name is ``name``, exactly.

        :raises InputError: if there is none, with the closest names, or more than one, with their SIDs.
        """
        if self._sids is None:
            self._sids = {}
            for service in self._read():
                friendly_name, service_sid = str(service.get("friendly_name")), str(service.get("sid"))
                self._sids.setdefault(friendly_name, []).append(service_sid)
                self.known[service_sid.lower()] = friendly_name
        found = self._sids.get(name, [])
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(
                f"service_name: {shown(name)} is the friendly name of {len(found)} Services ({first_few(found)}); "
                "give the service_sid of the one that is meant"
            )
        raise InputError(
            f"service_name: {shown(name)} is the friendly name of no Service{self._closest(name, self._sids)}"
        )

    def _closest(self, name: str, known: t.Iterable[str]) -> str:
        self._unknown += 1
        # To compare one name with ten thousand takes a while, and a message names a few problems only.
        if self._unknown > MOST_PROBLEMS:
            return ""
        close = difflib.get_close_matches(name, known, n=3)
        if not close:
            return "; messaging.twilio.service_info lists them"
        return f"; close to it are {', '.join(map(shown, close))}"


def check_filter(service_sid: str | None, service_name: str | None, name_glob: str | None) -> None:
    """Raise `InputError` where more than one of them is given, or one that is none."""
    given = [name for name, value in locals().items() if value is not None]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} were given; one of service_sid, service_name and name_glob is allowed")
    if name_glob == "":
        raise InputError("name_glob: '' matches no Service; leave it out to get all")
    if name_glob is None and given:
        check_service(service_sid, service_name)


def read_services(
    client: Client, service_sid: str | None = None, service_name: str | None = None, name_glob: str | None = None
) -> list[Resource]:
    """The Services that match what `check_filter` has checked, all where nothing is given.

    A name matches exactly, a pattern with ``*``, ``?`` and ``[...]``; upper and lower case differ.
    """
    if service_sid is not None:
        try:
            return [client.service(service_sid)]
        except ApiError as error:
            if not error.not_there:
                raise
            return []
    services = client.services()
    if service_name is not None:
        return [service for service in services if service.get("friendly_name") == service_name]
    if name_glob is not None:
        return [service for service in services if fnmatch.fnmatchcase(str(service.get("friendly_name")), name_glob)]
    return services
