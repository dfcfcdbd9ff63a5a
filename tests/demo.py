# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set the alpha sender of 300 Services of a simulated Twilio: check mode, apply, apply again, and an audit.

The first apply writes a report.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SIMULATOR = Path(__file__).with_name("simulator")
REPORT = Path(__file__).resolve().parents[1] / ".build/demo/rollout.html"
ACCOUNT_SID = "AC" + "0" * 31 + "1"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
INVENTORY = "plugin: messaging.twilio.services\n"
STATES: list[list[str]] = [[], ["OLD CO"], ["ACME"], ["Acme"]]


def main() -> None:
    sids = [f"MG{number:032x}" for number in range(1, 301)]
    services = [
        {"sid": sid, "friendly_name": f"Shop {place + 1}", "alpha_senders": STATES[place % len(STATES)]}
        for place, sid in enumerate(sids)
    ]
    seed = {"accounts": [{"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "services": services}]}
    REPORT.parent.mkdir(parents=True, exist_ok=True)
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
                print(f"Its address is {address}. The playbooks run with these environment variables:")
                for name, value in (("API_URL", address), ("ACCOUNT_SID", ACCOUNT_SID), ("AUTH_TOKEN", AUTH_TOKEN)):
                    print(f"export TWILIO_{name}={value}")
                inventory = Path(folder, "shops.twilio.yml")
                inventory.write_text(INVENTORY, encoding="utf-8")
                print(f"\nThe inventory {inventory}:\n{INVENTORY}")
                print(
                    "Each Service is a host. The first host runs the tasks for all hosts, so the recaps show one host."
                )
                environment = {
                    **os.environ,
                    "TWILIO_API_URL": address,
                    "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
                    "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
                    # The demo uses neither the proxy nor the Ansible settings of the user.
                    "NO_PROXY": "127.0.0.1",
                    "ANSIBLE_CONFIG": str(settings_file),
                }
                say("Check mode: what would change?")
                play("apply", inventory, environment, "--check", "--diff")
                say("Apply")
                first = play("apply", inventory, environment, "-e", f"alpha_sender_report_path={REPORT}")
                say("Apply again: nothing is left to do")
                second = play("apply", inventory, environment)
                say("Audit: compare each Service with the desired sender")
                third = play("audit", inventory, environment, "-e", "alpha_sender_audit_table_rows=5")
            finally:
                simulator.terminate()
        say("The simulated Twilio has stopped")
        print(f"First:  {first}\nSecond: {second}\nAudit:  {third}\nReport: {REPORT}")
        print(
            "Open the report in a browser. `make simulator` starts a simulated Twilio for your own experiments.",
            flush=True,
        )


def say(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def play(name: str, inventory: Path, environment: dict[str, str], *options: str) -> str:
    """Run a playbook of the collection, show its output, and return its line of counts."""
    command = ["ansible-playbook", f"messaging.twilio.{name}", "-i", str(inventory)]
    command += ["-e", "alpha_sender_name=ACME", *options]
    print("$", " ".join(command), flush=True)
    line = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as playbook:
        assert playbook.stdout is not None
        for text in playbook.stdout:
            print(text, end="", flush=True)
            # The message is one line, or the first of a list.
            found = re.search(r'^ +(?:"msg": )?"(\d+ Services: .*)"', text)
            line = found[1] if found else line
    if playbook.returncode:
        sys.exit(playbook.returncode)
    return line


if __name__ == "__main__":
    main()
