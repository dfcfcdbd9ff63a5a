# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollout by threads with Twilio's helper library, for comparison in the bench.

``python sdk_rollout.py URL ACCOUNT_SID AUTH_TOKEN SENDER THREADS CLIENTS`` reads Service SIDs from standard input, one
in a line. CLIENTS is ``one`` (all threads share a client, as in the library's examples) or ``each`` (one for a thread).
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from typing import Any

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client


class Loopback(TwilioHttpClient):  # type: ignore[misc]  # it has no types
    """Twilio's HTTP client, which sends the requests for Twilio's hosts to the simulator."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        #: The headers of the last answer, which the library does not return.
        self.headers: dict[str, str] = {}

    # pylint: disable-next=arguments-differ  # the other arguments are passed through
    def request(self, method: str, uri: str, *args: Any, **kwargs: Any) -> Any:
        uri = re.sub(r"^https://(messaging|api)\.twilio\.com", self.url, uri)
        response = super().request(method, uri, *args, **kwargs)
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
            current = senders.list()
            if [resource.alpha_sender for resource in current] == [sender]:
                continue
            for resource in current:
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
