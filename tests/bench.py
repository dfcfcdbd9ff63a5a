# Copyright: messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a rollout is: the role through ansible-playbook beside a bare asyncio client, in one run.

Ratios only: each is of two times that were taken one after the other on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from simulator.playing import environment, localhost, write_playbook
from simulator.testing import ACCOUNT_SID, AUTH_TOKEN, mg, seed

ROOT = Path(__file__).resolve().parents[1]
STATES: dict[str, list[list[str]]] = {"mixed": [[], ["OLD"], ["ACME"], ["ACME"]], "all right": [["ACME"]]}


@contextmanager
def served(folder: Path, count: int, state: str, *, latency: float = 0.05, limit: int | None = None) -> Iterator[str]:
    """The address of a simulator of its own with that many Services."""
    states = STATES[state]
    seed_file, ready, journal = (folder / name for name in ("seed.json", "ready", "journal"))
    seed_file.write_text(json.dumps(seed(*(states[place % len(states)] for place in range(count)))), encoding="utf-8")
    ready.unlink(missing_ok=True)
    command = [sys.executable, str(ROOT / "tests/simulator"), "--seed", str(seed_file), "--ready-file", str(ready)]
    command += ["--latency", str(latency), "--journal", str(journal)]
    command += ["--limit", str(limit)] if limit else []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not ready.exists():
            time.sleep(0.02)
        try:
            yield json.loads(ready.read_text(encoding="utf-8"))["url"]
        finally:
            process.terminate()


def journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal").read_text(encoding="utf-8").splitlines()]


async def bare(url: str, count: int, concurrency: int) -> None:
    """The fewest requests, the same concurrency, nothing else."""
    todo = iter(range(1, count + 1))
    connector = aiohttp.TCPConnector(limit=concurrency)
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT_SID, AUTH_TOKEN)}
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:

        async def work() -> None:
            for number in todo:
                path = f"{url}/v1/Services/{mg(number)}/AlphaSenders"
                async with session.get(path, params={"PageSize": "1000"}) as answer:
                    senders = (await answer.json())["alpha_senders"]
                if [sender["alpha_sender"] for sender in senders] == ["ACME"]:
                    continue
                for sender in senders:
                    async with session.delete(f"{path}/{sender['sid']}"):
                        pass
                async with session.post(path, data={"AlphaSender": "ACME"}) as answer:
                    await answer.json()

        await asyncio.gather(*(work() for _worker in range(concurrency)))


def played(folder: Path, playbook: str, variables: dict[str, str], *options: str) -> float:
    """Seconds that a playbook takes as a whole."""
    begin = time.perf_counter()
    done = subprocess.run(
        ["ansible-playbook", playbook, *options],
        env=environment(folder, variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    took = time.perf_counter() - begin
    if done.returncode:
        sys.exit(done.stdout)
    return took


def variables(url: str) -> dict[str, str]:
    return {
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_API_URL": url,
        "NO_PROXY": "127.0.0.1",
    }


def role(folder: Path, url: str, count: int, concurrency: int) -> float:
    """Seconds of the whole playbook run of the role."""
    wish = {
        "alpha_sender_name": "ACME",
        "alpha_sender_services": [mg(number) for number in range(1, count + 1)],
        "alpha_sender_concurrency": concurrency,
    }
    (folder / "wish.json").write_text(json.dumps(wish), encoding="utf-8")
    return played(folder, "messaging.twilio.apply", variables(url), "-e", f"@{folder / 'wish.json'}")


def rollout(folder: Path, count: int, state: str, concurrency: int) -> dict[str, Any]:
    with served(folder, count, state) as url:
        begin = time.perf_counter()
        asyncio.run(bare(url, count, concurrency))
        theirs = time.perf_counter() - begin
    empty = min(played(folder, write_playbook(folder, localhost()), {}) for _time in range(2))
    with served(folder, count, state) as url:
        ours = role(folder, url, count, concurrency) - empty
    entries = journal(folder)
    return {
        "case": f"{count} Services, {state}, {concurrency} in flight",
        "bare": theirs,
        "ours": ours,
        "empty playbook": empty,
        "ratio": ours / theirs,
        "requests": len(entries),
        "connections": len({entry["connection"] for entry in entries}),
    }


def limited(folder: Path, count: int) -> dict[str, Any]:
    """A limit of 20 at once with a concurrency of 100, beside exactly 20."""
    times, refused = [], 0.0
    for concurrency in (20, 100):
        with served(folder, count, "mixed", limit=20) as url:
            times.append(role(folder, url, count, concurrency))
        entries = journal(folder)
        refused = sum(entry["status"] == 429 for entry in entries) / len(entries)
    empty = played(folder, write_playbook(folder, localhost()), {})
    return {
        "case": f"{count} Services, a limit of 20 at once, 100 in flight beside 20",
        "ours": times[1] - empty,
        "ratio": (times[0] - empty) / (times[1] - empty),
        "refused": refused,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--services", type=int, help="at most so many Services a case")
    most = parser.parse_args().services
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count, state, concurrency in (
            (1000, "mixed", 20),
            (1000, "all right", 20),
            (10000, "mixed", 50),
            (10000, "all right", 50),
        ):
            if most is None or count == 1000:
                rows.append(rollout(folder, min(count, most or count), state, concurrency))
                print(show(rows[-1]), flush=True)
        rows.append(limited(folder, min(2000, most or 2000)))
        print(show(rows[-1]), flush=True)
    facts = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "largest process, MB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
    }
    target = ROOT / ".build/bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({"facts": facts, "rows": rows}, indent=2), encoding="utf-8")
    print(f"{facts}\nwritten to {target.relative_to(ROOT)}")


def show(row: dict[str, Any]) -> str:
    return "  ".join(
        f"{key}: {value:.3f}" if isinstance(value, float) else f"{key}: {value}" for key, value in row.items()
    )


if __name__ == "__main__":
    main()
