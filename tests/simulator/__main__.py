# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python tests/simulator``: serve until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import ssl
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from simulator.routes import SWITCHES  # Python finds the package only with its folder on the path
from simulator.server import Simulator

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
        # A rename, because a reader that waits for the file must not find half of it.
        part = options.ready_file.with_suffix(".part")
        part.write_text(json.dumps({"url": simulator.url, "pid": os.getpid()}), encoding="utf-8")
        part.rename(options.ready_file)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await simulator.stop()


def read(path: Path | None, default: Any) -> Any:
    """The content of a JSON file, or ``default`` without a file."""
    if path is None:
        return default
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.exit(f"simulator: {path}: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulator", description="Twilio's Messaging API on 127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="default: a free port")
    parser.add_argument("--seed", type=Path, help="JSON file with the data at the start")
    parser.add_argument("--faults", type=Path, help="JSON file with faults")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each request takes")
    parser.add_argument("--limit", type=int, help="requests of one account at the same time; more get 429")
    parser.add_argument("--fault-rates", type=json.loads, default={}, help="share of requests for each fault, as JSON")
    parser.add_argument("--switch", action="append", choices=SWITCHES, default=[], help="turn on a behavior of Twilio")
    parser.add_argument("--max-page-size", type=int, default=1000, help="rows that a page has at most")
    parser.add_argument("--journal", type=Path, help="file that gets a JSON object for each request")
    parser.add_argument("--record", type=Path, help="file that gets each request and its answer as a JSON object")
    parser.add_argument("--tls", type=Path, help="PEM file with a private key and its certificate, to serve https")
    parser.add_argument("--ready-file", type=Path, help="file that gets the url and the pid")
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
            if options.record:
                record = stack.enter_context(options.record.open("w", encoding="utf-8"))
                simulator.recorder = lambda sent: print(json.dumps(asdict(sent)), file=record, flush=True)
            simulator.fault_rates, simulator.max_page_size = options.fault_rates, options.max_page_size
            for name in options.switch:
                setattr(simulator, name, True)
        except (KeyError, TypeError, ValueError) as error:
            sys.exit(f"simulator: the seed or the faults do not have the form of its README: {error!r}")
        asyncio.run(serve(options, simulator))


if __name__ == "__main__":
    main()
