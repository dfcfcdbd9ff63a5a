# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the speed of rollouts with that of other programs for the same work, in one run on one machine.

Results are ratios of times that were measured one after the other. "Ours" is the time of ``ansible-playbook`` with
the role, less that of an empty playbook. All but processor time is measured over HTTPS, as with Twilio, and with as
many certificate authorities as a system trusts by default.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import certifi
import requests
import trustme
from requests.adapters import HTTPAdapter

from support.account import ACCOUNT_SID, AUTH_TOKEN, mg, seed
from support.ansible_run import environment, localhost, served, write_inventory, write_playbook

ROOT = Path(__file__).resolve().parents[1]
LATENCY = 0.05
#: The senders of the Services, in turn. Of four mixed Services one has no sender, one has another, and two are as
#: desired.
STATES: dict[str, list[Any]] = {
    "mixed": [[], ["OLD"], ["ACME"], ["ACME"]],
    "as desired": [["ACME"]],
    "three countries": [
        {},
        {"DE": "OLD DE", "FR": "ACME FR", "SE": "ACME SE"},
        {"DE": "ACME DE", "FR": "ACME FR", "SE": "ACME SE"},
        {"DE": "ACME DE", "FR": "ACME FR", "SE": "ACME SE"},
    ],
}
COUNTRY_SENDERS = {"DE": "ACME DE", "FR": "ACME FR", "SE": "ACME SE"}
#: Runs a module and prints its processor time and its maximum memory. A process has at least the size of the one
#: that it was forked from, so this one is small.
LAUNCHER = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", sys.argv[1]])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
"""
FAULT_RATES = {"reset": 0.05, "status": 0.05, "refused": 0.05}


@dataclass
class Row:
    """One line of the table: the goal, the measurement, and whether the goal is reached."""

    case: str
    goal: str
    measured: str
    reached: bool | None = None
    details: str = ""

    def __str__(self) -> str:
        mark = {True: "yes", False: "NO", None: ""}[self.reached]
        return f"{self.case:<63} {self.goal:<18} {self.measured:<18} {mark:<4} {self.details}"


class Bench:
    """Runs the cases, each against simulators of its own, in one folder."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self.most = most
        self.rows: list[Row] = []
        self.empty = 0.0
        self.certificate, self.authorities = folder / "certificate.pem", folder / "authorities.pem"
        authority = trustme.CA()
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(self.certificate))
        self.authorities.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())

    def variables(self, url: str) -> dict[str, str]:
        """The environment variables for a simulator."""
        return {
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "TWILIO_API_URL": url,
            "NO_PROXY": "127.0.0.1",
            "REQUESTS_CA_BUNDLE": str(self.authorities),
        }

    def add_row(self, *row: Any) -> None:
        self.rows.append(Row(*row))
        print(self.rows[-1], flush=True)

    def served(self, count: int, state: str, *options: str, secure: bool = True) -> AbstractContextManager[str]:
        """The address of a new simulator with ``count`` Services."""
        if secure:
            options = ("--tls", str(self.certificate), *options)
        states = STATES[state]
        known = seed(*(states[place % len(states)] for place in range(count)))
        return served(self.folder, known, "--latency", str(LATENCY), *options)

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "journal").read_text(encoding="utf-8").splitlines()]

    def on_the_network(self) -> float:
        """Seconds between the first request and the last answer."""
        entries = self.journal()
        return float(max(entry["end"] for entry in entries) - min(entry["begin"] for entry in entries))

    # Measurements.

    def playbook(self, playbook: str, variables: dict[str, str], *options: str) -> float:
        """Seconds of a whole run of a playbook."""
        begin = time.perf_counter()
        done = subprocess.run(
            ["ansible-playbook", playbook, *options],
            env=environment(self.folder, variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        took = time.perf_counter() - begin
        if done.returncode:
            sys.exit(done.stdout)
        return took

    def role(self, url: str, count: int, concurrency: int, **more: Any) -> float:
        """Seconds of the role through ``ansible-playbook``, less an empty playbook."""
        extra = {
            "alpha_sender_services": [mg(number) for number in range(1, count + 1)],
            "alpha_sender_concurrency": concurrency,
            **(more or {"alpha_sender_name": "ACME"}),
        }
        path = self.folder / "extra.json"
        path.write_text(json.dumps(extra), encoding="utf-8")
        return self.playbook("messaging.twilio.apply", self.variables(url), "-e", f"@{path}") - self.empty

    def module(self, url: str, count: int, concurrency: int) -> dict[str, float]:
        """The module without Ansible: seconds, processor seconds, and its maximum memory in MB."""
        services = [mg(number) for number in range(1, count + 1)]
        arguments = {"services": services, "alpha_sender": "ACME", "concurrency": concurrency}
        name = "ansible_collections.messaging.twilio.plugins.modules.alpha_senders"
        given, result = self.folder / "arguments.json", self.folder / "result.json"
        given.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), encoding="utf-8")
        env = {**environment(self.folder, self.variables(url)), "PYTHONPATH": str(ROOT / ".build/dev")}
        begin = time.perf_counter()
        with given.open() as stdin, result.open("w") as stdout:
            usage = subprocess.run(
                [sys.executable, "-c", LAUNCHER, name],
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                env=env,
                check=True,
            ).stderr
        took = time.perf_counter() - begin
        summary = json.loads(result.read_text(encoding="utf-8")).get("summary")
        if summary is None or summary["failed"]:
            sys.exit(f"the module failed: {summary or result.read_text(encoding='utf-8')[:1000]}")
        cpu, memory = map(float, usage.split())
        return {"seconds": took, "cpu": cpu, "memory": memory / 1024}

    # The cases.

    def rollout(self, count: int, state: str, concurrency: int, most: float, tries: int) -> float:
        """Ours and a bare asyncio client. The best of ``tries``: other processes use the machine, too."""
        count = min(count, self.most)
        theirs, ours = [], []
        countries = COUNTRY_SENDERS if state == "three countries" else {}
        more = {"alpha_sender_country_senders": countries} if countries else {}
        for _try in range(tries):
            with self.served(count, state) as url:
                begin = time.perf_counter()
                asyncio.run(bare(url, count, concurrency, str(self.authorities), countries))
                theirs.append(time.perf_counter() - begin)
            fewest = len(self.journal())
            with self.served(count, state) as url:
                ours.append(self.role(url, count, concurrency, **more))
        entries = self.journal()
        requests_made, connections = len(entries), len({entry["connection"] for entry in entries})
        ratio = min(ours) / min(theirs)
        estimated = estimate(count, requests_made, concurrency)
        details = f"{min(ours):.2f} s, {min(theirs):.2f} s; the formula says {estimated:.2f} s"
        self.add_row(
            f"{count} Services, {state}, {concurrency} in flight",
            f"<= {most:.2f} x",
            f"{ratio:.2f} x",
            ratio <= most,
            details,
        )
        self.add_row("  requests", f"<= {fewest}", str(requests_made), requests_made <= fewest)
        self.add_row("  connections", f"<= {concurrency}", str(connections), connections <= concurrency)
        return min(ours) / count

    def uri_loop(self, ours: float) -> None:
        """The usual loop of tasks, compared with ours for each Service."""
        count = min(50, self.most)
        with self.served(count, "mixed") as url:
            playbook = write_playbook(self.folder, localhost(*uri_tasks(url, count, str(self.authorities))))
            theirs = (self.playbook(playbook, self.variables(url)) - self.empty) / count
        ratio = theirs / ours
        details = f"{1000 * theirs:.0f} ms a Service, ours {1000 * ours:.1f} ms"
        self.add_row(
            "a loop over ansible.builtin.uri", ">= 100 x slower", f"{ratio:.0f} x slower", ratio >= 100, details
        )

    def helper_library(self, count: int, tries: int) -> None:
        """Threads with Twilio's own library: a program from its start to its end."""
        count = min(count, self.most)
        services = "".join(f"{mg(number)}\n" for number in range(1, count + 1))
        ours = []
        theirs: dict[str, list[tuple[float, float]]] = {"one": [], "each": []}
        for _try in range(tries):
            for clients, times in theirs.items():
                with self.served(count, "mixed") as url:
                    command = [sys.executable, str(ROOT / "tests/sdk_rollout.py"), url, ACCOUNT_SID, AUTH_TOKEN, "ACME"]
                    env = {**os.environ, **self.variables(url)}
                    begin = time.perf_counter()
                    subprocess.run([*command, "20", clients], input=services, text=True, check=True, env=env)
                    times.append((time.perf_counter() - begin, self.on_the_network()))
            with self.served(count, "mixed") as url:
                ours.append((self.role(url, count, 20), self.on_the_network()))
        our_time, our_network = min(ours)
        for clients, times in theirs.items():
            their_time, their_network = min(times)
            ratio = our_time / their_time
            details = f"{our_time:.2f} s, {their_time:.2f} s; between the first request and the last answer "
            details += f"{our_network:.2f} s, {their_network:.2f} s"
            case = f"{count} Services, 20 threads with Twilio's library, "
            case += "one client" if clients == "one" else "a client each"
            self.add_row(case, "<= 1.00 x", f"{ratio:.2f} x", ratio <= 1, details)

    def limited(self, tries: int) -> None:
        """More requests in flight than the account allows, compared with as many as it allows."""
        count = min(2000, self.most)
        times: dict[int, list[float]] = {20: [], 100: []}
        refused = []
        for _try in range(tries):
            for concurrency, taken in times.items():
                with self.served(count, "mixed", "--limit", "20") as url:
                    taken.append(self.role(url, count, concurrency))
            entries = self.journal()
            refused.append(sum(entry["status"] == 429 for entry in entries) / len(entries))
        ratio = min(times[20]) / min(times[100])
        details = f"{min(times[100]):.2f} s, {min(times[20]):.2f} s"
        self.add_row(
            "a limit of 20 at once, 100 in flight: throughput", ">= 90 %", f"{ratio:.0%}", ratio >= 0.9, details
        )
        self.add_row("  refused requests, maximum of all runs", "< 2 %", f"{max(refused):.1%}", max(refused) < 0.02)

    def growth(self) -> None:
        """The module without Ansible. All Services are as desired, so each costs one request."""
        for count, concurrency in ((100, 20), (1000, 20), (10000, 50), (100000, 100)):
            if count > self.most and count > 1000:
                continue
            with self.served(count, "as desired") as url:
                used = self.module(url, count, concurrency)
            allowed = 60 + 12 * count / 1024
            details = f"{used['seconds']:.1f} s, {used['cpu']:.1f} s of processor time, {concurrency} in flight"
            self.add_row(
                f"{count} Services, the module alone: memory",
                f"<= {allowed:.0f} MB",
                f"{used['memory']:.0f} MB",
                used["memory"] <= allowed,
                details,
            )

    def processor(self) -> None:
        """Processor time for each Service, less that of the same requests by the bare adapter of requests.

        Over HTTP: the adapter would read the authorities for each connection, and ours would look too good.
        """
        count = min(4000, self.most)
        with self.served(1, "mixed", secure=False) as url:
            start = self.module(url, 1, 1)["cpu"]
        with self.served(count, "mixed", secure=False) as url:
            whole = self.module(url, count, 20)["cpu"] - start
        with self.served(count, "mixed", secure=False) as url:
            network = adapted(url, count, 20)
        ours = 1000 * (whole - network) / count
        details = f"{1000 * whole / count:.2f} ms in all; the same requests by the adapter of requests take "
        details += f"{1000 * network / count:.2f} ms; the start of the module takes {start:.2f} s"
        self.add_row("processor time for each Service, mixed", "< 1 ms", f"{ours:.2f} ms", ours < 1, details)

    def with_faults(self) -> None:
        """Resets, 503 and 429, each for 5 % of the requests: all get their sender, and no POST takes effect twice."""
        count = min(1000, self.most)
        with self.served(count, "mixed", "--fault-rates", json.dumps(FAULT_RATES)) as url:
            took = self.role(url, count, 20, alpha_sender_name="ACME", alpha_sender_max_retries=10)
            time.sleep(0.1)
        done = Counter(e["path"] for e in self.journal() if e["method"] == "POST" and e.get("took"))
        needed = sum(senders != ["ACME"] for senders in STATES["mixed"]) * count // 4
        twice = sum(times > 1 for times in done.values())
        measured = f"{len(done)} created once, {twice} twice"
        details = f"{took:.1f} s, {len(self.journal())} requests"
        self.add_row(
            f"{count} Services with random faults",
            f"{needed} created",
            measured,
            len(done) == needed and not twice,
            details,
        )

    def hosts(self) -> None:
        """The playbook with the hosts of an inventory of Services, compared with a list of as many."""
        count = min(4000, self.most)
        with self.served(count, "mixed") as url:
            listed = self.role(url, count, 50)
        inventory = write_inventory(self.folder)
        extra = ["-e", "alpha_sender_name=ACME", "-e", "alpha_sender_concurrency=50"]
        with self.served(count, "mixed") as url:
            took = self.playbook("messaging.twilio.apply", self.variables(url), "-i", inventory, *extra) - self.empty
        more = took - listed
        details = f"{took:.1f} s, {listed:.1f} s"
        self.add_row(
            f"apply with {count} hosts, longer than a list of as many", "<= 5 s", f"{more:.1f} s", more <= 5, details
        )
        count = min(500, self.most)
        role = {"role": "messaging.twilio.alpha_sender", "alpha_sender_name": "ACME"}
        playbook = write_playbook(self.folder, [{"hosts": "twilio_services", "gather_facts": False, "roles": [role]}])
        with self.served(count, "mixed") as url:
            took = self.playbook(playbook, self.variables(url), "-i", inventory) - self.empty
        runs = len({entry["connection"] for entry in self.journal()}) - 1
        details = f"{1000 * took / count:.0f} ms a host; {runs} connections for 10 in flight, so one run"
        self.add_row(f"the role in a play with {count} hosts", "one run", f"{took:.1f} s", runs <= 10, details)

    def inventory_and_audit(self) -> None:
        """All Services of an account: their names, and their senders."""
        count = min(10000, self.most)
        pages = count // 1000 + 1
        inventory = write_inventory(self.folder)
        env = environment(self.folder, {})
        with self.served(count, "mixed") as url:
            begin = time.perf_counter()
            subprocess.run(
                ["ansible-inventory", "-i", inventory, "--list"],
                env={**env, **self.variables(url)},
                stdout=subprocess.DEVNULL,
                check=True,
            )
            took = time.perf_counter() - begin
        asked = len(self.journal())
        self.add_row(
            f"ansible-inventory of {count} Services",
            f"<= {pages} requests",
            f"{asked} requests",
            asked <= pages,
            f"{took:.1f} s",
        )
        extra = ["-e", "alpha_sender_name=ACME", "-e", "alpha_sender_concurrency=50"]
        with self.served(count, "mixed") as url:
            took = self.playbook("messaging.twilio.audit", self.variables(url), *extra) - self.empty
        asked = len(self.journal())
        details = f"{took:.1f} s; the formula says {estimate(count, asked, 50):.1f} s"
        most = pages + count
        self.add_row(
            f"the audit of {count} Services, 50 in flight",
            f"<= {most} requests",
            f"{asked} requests",
            asked <= most,
            details,
        )

    def run(self) -> None:
        self.empty = min(self.playbook(write_playbook(self.folder, localhost()), {}) for _try in range(5))
        ours = self.rollout(1000, "mixed", 20, 1.20, 5)
        self.rollout(1000, "as desired", 20, 1.35, 5)
        self.rollout(1000, "three countries", 20, 1.20, 3)
        if self.most >= 10000:
            self.rollout(10000, "mixed", 50, 1.10, 2)
            self.rollout(10000, "as desired", 50, 1.20, 2)
        self.uri_loop(ours)
        self.helper_library(1000, 3)
        if self.most >= 10000:
            self.helper_library(10000, 1)
        self.limited(3)
        self.processor()
        self.with_faults()
        self.hosts()
        self.inventory_and_audit()
        self.growth()


def estimate(count: int, requests_made: int, concurrency: int) -> float:
    """The formula of the guide to scale: seconds of a rollout, less an empty playbook."""
    return 0.9 + 0.0001 * count + requests_made * LATENCY / concurrency


async def bare(url: str, count: int, concurrency: int, authorities: str, countries: dict[str, str]) -> None:
    """The fewest requests with the same concurrency: for ``countries``, or for the default sender if there are none."""
    todo = iter(range(1, count + 1))
    context = ssl.create_default_context(cafile=authorities)
    connector = aiohttp.TCPConnector(limit=concurrency, ssl=context)
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT_SID, AUTH_TOKEN)}
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:

        async def work() -> None:
            for number in todo:
                path = f"{url}/v1/Services/{mg(number)}/{'Destination' if countries else ''}AlphaSenders"
                async with session.get(path, params={"PageSize": "1000"}) as answer:
                    senders = (await answer.json())["alpha_senders"]
                for country, name in (countries or {"": "ACME"}).items():
                    there = [sender for sender in senders if (sender.get("iso_country_code") or "") == country]
                    if [sender["alpha_sender"] for sender in there] == [name]:
                        continue
                    for sender in there:
                        async with session.delete(f"{path}/{sender['sid']}"):
                            pass
                    form = {"AlphaSender": name, **({"IsoCountryCode": country} if country else {})}
                    async with session.post(path, data=form) as answer:
                        await answer.json()

        await asyncio.gather(*(work() for _worker in range(concurrency)))


def adapted(url: str, count: int, concurrency: int) -> float:
    """Processor seconds of the same requests by threads with one transport adapter of requests."""
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=concurrency)

    def send(method: str, path: str, **more: Any) -> bytes:
        request = requests.Request(method, path, auth=(ACCOUNT_SID, AUTH_TOKEN), **more).prepare()
        return adapter.send(request).content

    def work(todo: Iterator[int]) -> None:
        for number in todo:
            path = f"{url}/v1/Services/{mg(number)}/AlphaSenders"
            senders = json.loads(send("GET", path, params={"PageSize": 1000}))["alpha_senders"]
            if [sender["alpha_sender"] for sender in senders] == ["ACME"]:
                continue
            for sender in senders:
                send("DELETE", f"{path}/{sender['sid']}")
            send("POST", path, data={"AlphaSender": "ACME"})

    begin = time.process_time()
    in_threads(work, count, concurrency)
    return time.process_time() - begin


def in_threads(work: Any, count: int, concurrency: int) -> None:
    todo = iter(range(1, count + 1))
    threads = [threading.Thread(target=work, args=(todo,)) for _worker in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def uri_tasks(url: str, count: int, authorities: str) -> list[dict[str, Any]]:
    """Read each Service, delete other senders, create missing ones: one request after the other."""
    path = f"{url}/v1/Services/{{{{ item }}}}/AlphaSenders"
    login = {"url_username": ACCOUNT_SID, "url_password": AUTH_TOKEN, "force_basic_auth": True}
    login["ca_path"] = authorities
    wrong = "item.json.alpha_senders | map(attribute='alpha_sender') | list != ['ACME']"
    first = "item.json.alpha_senders[0]"
    created = {"url": f"{url}/v1/Services/{{{{ item.item }}}}/AlphaSenders", "method": "POST", "status_code": 201}
    return [
        {
            "ansible.builtin.uri": {"url": path, **login},
            "loop": [mg(number) for number in range(1, count + 1)],
            "register": "listed",
        },
        {
            "ansible.builtin.uri": {"url": f"{{{{ {first}.url }}}}", "method": "DELETE", "status_code": 204, **login},
            "loop": "{{ listed.results }}",
            "when": [wrong, "item.json.alpha_senders | length > 0"],
        },
        {
            "ansible.builtin.uri": {
                **created,
                "body_format": "form-urlencoded",
                "body": {"AlphaSender": "ACME"},
                **login,
            },
            "loop": "{{ listed.results }}",
            "when": wrong,
        },
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--services", type=int, default=100000, help="maximum number of Services of a case")
    os.environ["NO_PROXY"] = "127.0.0.1"
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), parser.parse_args().services)
        facts = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}, "
        facts += f"{1000 * LATENCY:.0f} ms a request"
        print(facts, Row("case", "goal", "measured"), sep="\n", flush=True)
        bench.run()
    target = ROOT / ".build/bench.txt"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join([facts, *map(str, bench.rows)]) + "\n", encoding="utf-8")
    print(f"written to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
