# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the speed of a sliced job: in several accounts, and in one account with a limit.

Each slice is a job, run by the worker of ansible-runner. Each time is that of one run.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from support.account import mg
from support.ansible_run import served
from support.jobs import Inventory, Job, cut, start_job

LATENCY = 0.05
APPLY = "messaging.twilio.apply"
STATES: list[list[str]] = [[], ["OLD"], ["ACME"], ["ACME"]]


def accounts(count: int, services: int) -> tuple[dict[str, Any], Inventory, list[dict[str, Any]]]:
    """A seed of accounts, an inventory with a group for each account, and plays that set all senders."""
    seed: list[dict[str, Any]] = []
    inventory: Inventory = {"_meta": {"hostvars": {}}, "all": {"vars": {"ansible_connection": "local"}}}
    inventory["all"]["vars"]["ansible_python_interpreter"] = sys.executable
    plays = []
    for account in range(1, count + 1):
        login = {"account_sid": f"AC{account:032x}", "auth_token": f"{account}123456789abcdef0123456789abcdef"}
        # In turn, so that each slice has the same amount of work in each account.
        numbers = range(account, services + 1, count)
        states = {number: STATES[place // 4 % 4] for place, number in enumerate(numbers)}
        known = [{"sid": mg(number), "alpha_senders": state} for number, state in states.items()]
        seed.append({**login, "services": known})
        hosts = {f"{account}_{number:06}": {"twilio_service_sid": mg(number)} for number in numbers}
        inventory["_meta"]["hostvars"].update(hosts)
        inventory[f"account_{account}"] = {"hosts": list(hosts)}
        names = {f"alpha_sender_{name}": value for name, value in login.items()}
        plays.append({"import_playbook": APPLY, "vars": {"alpha_sender_group": f"account_{account}", **names}})
    return {"accounts": seed}, inventory, plays


def run(
    folder: Path, url: str, parts: list[Inventory], plays: list[dict[str, Any]], concurrency: int
) -> tuple[float, list[Job]]:
    """Run all slices at once. Returns the seconds until the last ended, and the jobs."""
    folder.mkdir()
    extra = {"alpha_sender_name": "ACME", "alpha_sender_concurrency": concurrency}
    credentials = {"TWILIO_API_URL": url, "NO_PROXY": "127.0.0.1"}
    begin = time.monotonic()
    jobs = [
        start_job(folder / str(number), plays, part, credentials=credentials, extra=extra)
        for number, part in enumerate(parts)
    ]
    running = list(jobs)
    while running:
        for job in [job for job in running if job.worker.poll() is not None]:
            job.ended()
            running.remove(job)
        time.sleep(0.02)
    seconds = time.monotonic() - begin
    for job in jobs:
        job.wait_for_answer()
        assert job.status == "successful", job.output[-2000:]
    return seconds, jobs


def several_accounts(folder: Path, count: int, services: int) -> None:
    print(f"{services} Services in {count} accounts, {LATENCY * 1000:.0f} ms a request, 10 at once in each slice")
    seed, inventory, plays = accounts(count, services)
    seconds: dict[str, float] = {}
    # One host for each account: all plays, and hardly any work.
    hosts = [f"{number}_{number:06}" for number in range(1, count + 1)]
    groups = {f"account_{number}": {"hosts": [host]} for number, host in enumerate(hosts, 1)}
    variables = {"hostvars": {host: inventory["_meta"]["hostvars"][host] for host in hosts}}
    empty = {**inventory, **groups, "_meta": variables}
    for name, parts in {
        "an empty slice": [empty],
        "4 empty slices": [empty] * 4,
        "a quarter alone": [cut(inventory, 1, 4)],
        "1 slice": [inventory],
        "2 slices": [cut(inventory, number, 2) for number in (1, 2)],
        "4 slices": [cut(inventory, number, 4) for number in (1, 2, 3, 4)],
    }.items():
        with served(folder, seed, "--latency", str(LATENCY)) as url:
            seconds[name], _jobs = run(folder / name, url, parts, plays, 10)
        gain = f"{seconds['1 slice'] / seconds[name]:.2f} x as fast as 1 slice" if "1 slice" in seconds else ""
        print(f"  {name:<18} {seconds[name]:6.1f} s  {gain}")
    print(f"  4 slices take {seconds['4 slices'] / seconds['a quarter alone']:.2f} x as long as a quarter alone")
    less_start = (seconds["4 slices"] - seconds["4 empty slices"]) / (
        seconds["a quarter alone"] - seconds["an empty slice"]
    )
    print(f"  without the start of Ansible (the time of empty slices): {less_start:.2f} x")


def one_account(folder: Path, services: int, limit: int) -> None:
    print(f"{services} Services in one account that allows {limit} requests at once, {limit} at once in each slice")
    seed, inventory, plays = accounts(1, services)
    for count in (1, 4):
        parts = [cut(inventory, number, count) for number in range(1, count + 1)]
        with served(folder, seed, "--latency", str(LATENCY), "--limit", str(limit)) as url:
            seconds, jobs = run(folder / f"limit {count}", url, parts, plays, limit)
        entries = [json.loads(line) for line in (folder / "journal").read_text(encoding="utf-8").splitlines()]
        statuses = Counter(entry["status"] for entry in entries)
        refused = statuses[429] / sum(statuses.values())
        times = sorted(job.seconds for job in jobs)
        spread = f", the slowest took {times[-1] / times[0]:.2f} x as long as the fastest" if count > 1 else ""
        print(f"  {count} slices: {seconds:6.1f} s, {refused:.1%} of {sum(statuses.values())} requests refused{spread}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        several_accounts(Path(name), 4, int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
        one_account(Path(name), int(sys.argv[1]) // 4 if len(sys.argv) > 1 else 1000, 20)
