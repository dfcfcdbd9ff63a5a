# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python tests/simulator``: serve until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import ssl
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from simulator.server import Simulator  # found only once its folder is on the path

ACCOUNT = {
    "account_sid": "AC" + "0" * 31 + "1",
    "auth_token": "0123456789abcdef0123456789abcdef",
    "services": [
        {"sid": f"MG{number:032x}", "alpha_senders": senders}
        for number, senders in ((1, []), (2, ["OLD CO"]), (3, ["ACME"]))
    ],
}


async def serve(options: argparse.Namespace, simulator: Simulator) -> None:
    await simulator.start()
    account = simulator.account
    print(f"export TWILIO_ACCOUNT_SID={account.sid} TWILIO_AUTH_TOKEN={account.auth_token} NO_PROXY=127.0.0.1")
    print(f"export TWILIO_API_URL={simulator.url}", flush=True)
    if options.ready_file:
        # Renamed into place, so that who waits for the file never reads half of it.
        part = options.ready_file.with_suffix(".part")
        part.write_text(json.dumps({"url": simulator.url, "pid": os.getpid()}), encoding="utf-8")
        part.rename(options.ready_file)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await simulator.stop()


def read(path: Path | None, default: Any) -> Any:
    """The content of a JSON file, or ``default`` where there is none."""
    if path is None:
        return default
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.exit(f"simulator: {path}: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulator", description="Twilio's Messaging API on 127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--seed", type=Path, help="JSON file of what is there at the start")
    parser.add_argument("--faults", type=Path, help="JSON file of what goes wrong")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds each request takes")
    parser.add_argument("--limit", type=int, help="requests of one account at once, more get 429")
    parser.add_argument("--fault-rates", type=json.loads, default={}, help="shares of requests that go wrong, as JSON")
    parser.add_argument("--journal", type=Path, help="file for one JSON object a request")
    parser.add_argument("--tls", type=Path, help="PEM file of a private key and its certificate: serve https with them")
    parser.add_argument("--ready-file", type=Path, help="file for its url and pid, once it serves")
    options = parser.parse_args()
    seed = read(options.seed, {"accounts": [ACCOUNT]})
    faults = read(options.faults, [])
    tls = None
    if options.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            tls.load_cert_chain(options.tls)
        except OSError as error:
            sys.exit(f"simulator: {options.tls}: {error}")
    with ExitStack() as stack:
        journal = stack.enter_context(options.journal.open("w", encoding="utf-8")) if options.journal else None
        try:
            simulator = Simulator(
                seed,
                port=options.port,
                latency=options.latency,
                limit=options.limit,
                faults=faults,
                journal_file=journal,
                tls=tls,
            )
            simulator.fault_rates = options.fault_rates
        except (KeyError, TypeError, ValueError) as error:
            sys.exit(f"simulator: the seed or the faults are not as its README says: {error!r}")
        asyncio.run(serve(options, simulator))


if __name__ == "__main__":
    main()
