# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run jobs as AWX does: with ansible-runner's three steps, and with an inventory that is cut into slices.

``transmit`` packs the private data directory and the settings, ``worker`` runs the job on a node, ``process`` unpacks
the result. AWX passes the inventory as data and the credentials as environment variables, without files.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner  # type: ignore[import-untyped]  # it has no types
import yaml

from support.ansible_run import environment

Inventory = dict[str, Any]
RUNNER = [sys.executable, "-m", "ansible_runner"]


def cut(inventory: Inventory, number: int, count: int) -> Inventory:
    """Slice ``number`` (1, 2, ...) of ``count`` of an inventory: every ``count``-th host."""
    variables = inventory["_meta"]["hostvars"]
    kept = sorted(variables)[number - 1 :: count]
    groups = {name: group for name, group in inventory.items() if name != "_meta"}
    for name, group in groups.items():
        if "hosts" in group:
            groups[name] = {**group, "hosts": [host for host in group["hosts"] if host in kept]}
    return {**groups, "_meta": {"hostvars": {host: variables[host] for host in kept}}}


@dataclass
class Job:
    """One job. Its folder contains ``sent`` (the input), ``node`` (of the worker) and ``kept`` (the result in AWX).

    :ivar seconds: how long the worker ran.
    """

    folder: Path
    worker: subprocess.Popen[bytes]
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def wait(self) -> Job:
        """Wait for the worker, and unpack its answer."""
        self.worker.wait()
        self.ended()
        return self.wait_for_answer()

    def ended(self) -> None:
        """Record the end of the worker."""
        self.seconds = time.monotonic() - self.started

    def wait_for_answer(self) -> Job:
        """Unpack the answer of a worker that has ended."""
        with (self.folder / "answer").open("rb") as answer:
            subprocess.run(
                [*RUNNER, "process", str(self.folder / "kept"), "-i", "job"],
                stdin=answer,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        return self

    @property
    def artifacts(self) -> Path:
        return self.folder / "kept/artifacts/job"

    @property
    def status(self) -> str:
        """``successful``, ``failed``, ``canceled`` or ``error``."""
        return (self.artifacts / "status").read_text(encoding="utf-8")

    @property
    def output(self) -> str:
        """The output without colors."""
        return re.sub(r"\x1b\[[0-9;]*m", "", (self.artifacts / "stdout").read_text(encoding="utf-8"))

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events in order. AWX shows and stores them."""
        files = (self.artifacts / "job_events").glob("*-*.json")
        events: list[dict[str, Any]] = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        return sorted(events, key=lambda event: int(event["counter"]))

    def named(self, *kinds: str) -> list[dict[str, Any]]:
        """The ``event_data`` of the events of these kinds."""
        return [event["event_data"] for event in self.events if event["event"] in kinds]

    @property
    def failed_hosts(self) -> list[str]:
        """The hosts that AWX relaunches if you choose ``failed``."""
        [stats] = self.named("playbook_on_stats")
        return sorted({*stats["failures"], *stats["dark"]})

    @property
    def stats(self) -> dict[str, Any]:
        """The values of ``set_stats``, which AWX shows as artifacts of the job."""
        [stats] = self.named("playbook_on_stats")
        return dict(stats.get("artifact_data", {}))


def start_job(
    folder: Path,
    playbook: str | Sequence[Mapping[str, Any]],
    inventory: Inventory,
    *,
    credentials: Mapping[str, str],
    extra: Mapping[str, Any] | None = None,
    limit: str | None = None,
    options: str = "",
) -> Job:
    """Pack a job and start its worker.

    :arg playbook: the name of a playbook of this collection, or plays.
    :arg credentials: the environment variables that AWX sets for its credentials.
    """
    sent = folder / "sent"
    for name in ("project", "inventory"):
        (sent / name).mkdir(parents=True)
    plays = [{"import_playbook": playbook}] if isinstance(playbook, str) else list(playbook)
    (sent / "project/job.yml").write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    hosts = sent / "inventory/hosts"
    # AWX sends the inventory as a script that prints it.
    hosts.write_text(f"#!{sys.executable}\nprint({json.dumps(inventory)!r})\n", encoding="utf-8")
    hosts.chmod(0o700)
    with (folder / "stream").open("wb") as stream:
        ansible_runner.interface.run(
            streamer="transmit",
            _output=stream,
            private_data_dir=str(sent),
            playbook="job.yml",
            envvars=dict(credentials),
            extravars=dict(extra or {}),
            limit=limit,
            cmdline=options or None,
            ident="job",
            suppress_env_files=True,
            cancel_callback=lambda: False,
        )
    variables = environment(folder, {})
    with (folder / "stream").open("rb") as stream, (folder / "answer").open("wb") as answer:
        worker = subprocess.Popen(  # pylint: disable=consider-using-with  # `Job.wait` waits for it
            [*RUNNER, "worker", "--private-data-dir", str(folder / "node")],
            stdin=stream,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            env=variables,
            start_new_session=True,
        )
    return Job(folder, worker)
