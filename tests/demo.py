# Copyright: messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""300 Services of a simulated Twilio get their alpha sender: dry run, apply, and apply again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SIMULATOR = Path(__file__).with_name("simulator")
ACCOUNT_SID = "AC" + "0" * 31 + "1"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
STATES: list[list[str]] = [[], ["OLD CO"], ["ACME"], ["Acme"]]


def main() -> None:
    sids = [f"MG{number:032x}" for number in range(1, 301)]
    services = [{"sid": sid, "alpha_senders": STATES[place % len(STATES)]} for place, sid in enumerate(sids)]
    seed = {"accounts": [{"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "services": services}]}
    with tempfile.TemporaryDirectory() as folder:
        seed_file = Path(folder, "seed.json")
        seed_file.write_text(json.dumps(seed), encoding="utf-8")
        settings_file = Path(folder, "ansible.cfg")
        settings_file.touch()
        say("Start a simulated Twilio with 300 Services: a quarter each has no sender, 'OLD CO', 'ACME' and 'Acme'")
        command = [sys.executable, "-u", str(SIMULATOR), "--seed", str(seed_file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
            try:
                assert simulator.stdout is not None
                simulator.stdout.readline()
                address = simulator.stdout.readline().strip().rpartition("=")[2]
                print(f"It is at {address}")
                wish = {"alpha_sender_name": "ACME", "alpha_sender_services": sids}
                wish_file = Path(folder, "wish.json")
                wish_file.write_text(json.dumps(wish), encoding="utf-8")
                environment = {
                    **os.environ,
                    "TWILIO_API_URL": address,
                    "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
                    "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
                    # Neither the user's proxy nor their Ansible settings belong to the demo.
                    "NO_PROXY": "127.0.0.1",
                    "ANSIBLE_CONFIG": str(settings_file),
                    "ANSIBLE_LOCALHOST_WARNING": "false",
                    "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
                }
                say("Dry run: what would change?")
                apply(wish_file, environment, "--check", "--diff")
                say("Apply")
                first = apply(wish_file, environment)
                say("Apply again: there is nothing left to do")
                second = apply(wish_file, environment)
            finally:
                simulator.terminate()
        say("The simulated Twilio is stopped. The first and the second time:")
        print(first)
        print(second, flush=True)


def say(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def apply(wish_file: Path, environment: dict[str, str], *options: str) -> str:
    """Run the playbook, show what it prints, and return its line of counts."""
    command = ["ansible-playbook", "messaging.twilio.apply", "-e", f"@{wish_file}", *options]
    print("$", " ".join(command), flush=True)
    line = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as playbook:
        assert playbook.stdout is not None
        for text in playbook.stdout:
            print(text, end="", flush=True)
            found = re.search(r"\d+ Services: \d+ created.*\bfailed", text)
            line = found.group() if found else line
    if playbook.returncode:
        sys.exit(playbook.returncode)
    return line


if __name__ == "__main__":
    main()
