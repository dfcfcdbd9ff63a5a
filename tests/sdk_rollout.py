# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout by threads over Twilio's helper library, as a program of its own: what the bench stands beside.

``python sdk_rollout.py URL ACCOUNT_SID AUTH_TOKEN SENDER THREADS CLIENTS``, with one Service SID a line on standard
input. CLIENTS is ``one``, for all threads, as the library's own examples have it, or ``each``, a thread its own.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client


class Loopback(TwilioHttpClient):  # type: ignore[misc]  # it has no types
    """Twilio's HTTP client, with the simulator in the place of the real host."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        #: Of the last answer, which the library itself does not hand on.
        self.headers: dict[str, str] = {}

    # pylint: disable-next=arguments-differ  # the rest is handed on as it comes
    def request(self, method: str, uri: str, *args: Any, **kwargs: Any) -> Any:
        response = super().request(method, uri.replace("https://messaging.twilio.com", self.url), *args, **kwargs)
        self.headers = response.headers
        return response


def main() -> None:
    url, account_sid, auth_token, sender, threads, clients = sys.argv[1:]

    def client() -> Client:
        return Client(account_sid, auth_token, http_client=Loopback(url))

    shared = client() if clients == "one" else None

    def work(todo: Iterator[str]) -> None:
        services = (shared or client()).messaging.v1.services
        for line in todo:
            senders = services(line.strip()).alpha_senders
            listed = senders.list()
            if [resource.alpha_sender for resource in listed] == [sender]:
                continue
            for resource in listed:
                resource.delete()
            senders.create(alpha_sender=sender)

    todo = iter(sys.stdin.readlines())
    workers = [threading.Thread(target=work, args=(todo,)) for _thread in range(int(threads))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
