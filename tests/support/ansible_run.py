# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-playbook and ansible-inventory without the settings of the user who runs the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from support.account import mg

ROOT = Path(__file__).resolve().parents[2]
#: The folder of the integration targets, and the names of those that have cases.
TARGETS_FOLDER = ROOT / "tests/integration/targets"
TARGETS = sorted(path.parents[1].name for path in TARGETS_FOLDER.glob("*/tasks/cases.yml"))
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
#: The options of one call of each module, for an account with three Services. The modules that read come first.
MODULE_OPTIONS: dict[str, dict[str, Any]] = {
    "service_info": {},
    "alpha_sender_info": {"service_sid": mg(1)},
    "alpha_sender_audit": {"alpha_sender": "ACME"},
    "service": {"service_sid": mg(2), "inbound_request_url": "https://shop.example/messages"},
    "alpha_sender": {"service_sid": mg(3), "alpha_sender": "ACME"},
    "alpha_senders": {"services": [mg(1), mg(2)], "alpha_sender": "ACME"},
}


@dataclass(frozen=True)
class PlaybookRun:
    """The exit status and the output of a playbook."""

    status: int
    output: str


def environment(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process without the variables for Ansible, Twilio and proxies."""
    removed = (
        "ANSIBLE_",
        "TWILIO_",
        "HTTP",
        "http",
        "NO_PROXY",
        "no_proxy",
        "REQUESTS_",
        "CURL_",
        "PYTHONPYCACHEPREFIX",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(removed)}
    settings = folder / "ansible.cfg"
    settings.touch()
    return {
        **kept,
        # Python would keep the bytecode of each test's own files.
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
        "ANSIBLE_CONFIG": str(settings),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
        "ANSIBLE_ASYNC_DIR": str(folder / "async"),
        "ANSIBLE_ROLES_PATH": str(TARGETS_FOLDER),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_SHOW_CUSTOM_STATS": "true",
        **variables,
    }


def start(
    folder: Path,
    playbook: str | list[dict[str, Any]],
    *options: str,
    extra: Mapping[str, Any] | None = None,
    variables: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start a playbook.

    :arg playbook: its name, or its plays.
    :arg extra: extra variables.
    :arg variables: environment variables.
    """
    if not isinstance(playbook, str):
        playbook = write_playbook(folder, playbook)
    command = ["ansible-playbook", playbook, *options]
    if extra is not None:
        values = folder / "extra.json"
        values.write_text(json.dumps(extra), encoding="utf-8")
        command += ["-e", f"@{values}"]
    return subprocess.Popen(  # pylint: disable=consider-using-with  # the caller closes it
        command,
        env=environment(folder, variables or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def play(folder: Path, playbook: str | list[dict[str, Any]], *options: str, **more: Any) -> PlaybookRun:
    """Run a playbook like `start`, and wait until it ends."""
    with start(folder, playbook, *options, **more) as process:
        output, _nothing = process.communicate()
    return PlaybookRun(process.returncode, output)


def write_playbook(folder: Path, plays: list[dict[str, Any]]) -> str:
    """Write a playbook with these plays, and return its path."""
    path = folder / "playbook.yml"
    path.write_text(yaml.safe_dump(plays, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return str(path)


def localhost(*tasks: dict[str, Any], **keys: Any) -> list[dict[str, Any]]:
    """A play with these tasks for localhost."""
    return [{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks), **keys}]


def write_inventory(folder: Path, **options: Any) -> str:
    """Write an inventory file for the plugin with these options, and return its path."""
    path = folder / "services.twilio.yml"
    path.write_text(yaml.safe_dump({"plugin": "messaging.twilio.services", **options}), encoding="utf-8")
    return str(path)


def listed(
    folder: Path, inventory: str, variables: Mapping[str, str], *, status: int = 0
) -> tuple[dict[str, Any], str]:
    """The inventory that ``ansible-inventory --list`` prints, and its standard error. It must end with ``status``."""
    done = subprocess.run(
        ["ansible-inventory", "-i", inventory, "--list"],
        env=environment(folder, variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout or "{}"), done.stderr


@contextmanager
def served(folder: Path, seed: Mapping[str, Any], *options: str) -> Iterator[str]:
    """Run a simulator as a separate process, and give its address. Its journal is in the folder."""
    seed_file, ready = folder / "seed.json", folder / "ready"
    seed_file.write_text(json.dumps(seed), encoding="utf-8")
    ready.unlink(missing_ok=True)
    command = [sys.executable, str(ROOT / "tests/simulator"), "--seed", str(seed_file), "--ready-file", str(ready)]
    command += ["--journal", str(folder / "journal"), *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        until(ready.exists)
        try:
            yield json.loads(ready.read_text(encoding="utf-8"))["url"]
        finally:
            process.terminate()


def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition is true, for a minute at most so that a test fails instead of hanging."""
    for _attempt in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("the condition did not become true within a minute")


def modules(folder: Path, name: str = "alpha_senders") -> list[int]:
    """The process ids of the running modules with this name, of a playbook that was started with this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        script = words[1] if len(words) > 1 else b""
        if script.startswith(bytes(folder)) and script.endswith(f"/AnsiballZ_{name}.py".encode()):
            found.append(int(process.name))
    return found
