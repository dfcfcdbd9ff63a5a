# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A story with 300 Services of a simulated Twilio: an audit, check mode, a rollout, its end, and a rollback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SIMULATOR = Path(__file__).with_name("simulator")
REPORTS = Path(__file__).resolve().parents[1] / ".build/demo"
ACCOUNT_SID = "AC" + "0" * 31 + "1"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
#: Twilio refuses BANK, which somebody asked for in one shop.
INVENTORY = """plugin: messaging.twilio.services
compose:
  alpha_sender_name: "'BANK' if twilio_friendly_name == 'Shop 2' else 'ACME'"
"""
STATES: list[list[str]] = [[], ["OLD CO"], ["ACME"], ["Acme"]]


#: Parts of Ansible's output that the story does not need.
HIDDEN = (
    "PLAY RECAP",
    "TASK [messaging.twilio.alpha_sender : Publish the summary]",
    "TASK [messaging.twilio.alpha_sender : Show the Services]",
    "TASK [Check the variable]",
    "TASK [Collect the outcome of each host]",
)


def main() -> None:
    sids = [f"MG{number:032x}" for number in range(1, 301)]
    services = [
        {"sid": sid, "friendly_name": f"Shop {place + 1}", "alpha_senders": STATES[place % len(STATES)]}
        for place, sid in enumerate(sids)
    ]
    account = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "services": services, "refused": ["BANK"]}
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        seed_file, inventory = Path(folder, "seed.json"), Path(folder, "shops.twilio.yml")
        seed_file.write_text(json.dumps({"accounts": [account]}), encoding="utf-8")
        inventory.write_text(INVENTORY, encoding="utf-8")
        Path(folder, "ansible.cfg").touch()
        command = [sys.executable, "-u", str(SIMULATOR), "--seed", str(seed_file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
            try:
                assert simulator.stdout is not None
                simulator.stdout.readline()
                address = simulator.stdout.readline().strip().rpartition("=")[2]
                say(f"A simulated Twilio with 300 Services runs at {address}. The inventory makes a host of each:")
                print(INVENTORY, end="")
                print("The output below has no empty lines, no recaps, and no helper tasks.")
                tell_story(Path(folder), address)
            finally:
                simulator.terminate()


def tell_story(folder: Path, address: str) -> None:
    """Run the playbooks, with one sentence before each."""
    environment = {
        **os.environ,
        "TWILIO_API_URL": address,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        # The demo uses neither the proxy nor the Ansible settings of the user.
        "NO_PROXY": "127.0.0.1",
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_INVENTORY": str(folder / "shops.twilio.yml"),
        # Nothing of tasks that were skipped.
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
    }
    report = ["-e", f"alpha_sender_report_path={REPORTS}/"]
    say("The audit reads the alpha sender of each Service, and changes nothing.")
    play("audit", environment, "-e", "alpha_sender_audit_table_rows=0")
    say("Check mode shows what a rollout would change.")
    play("apply", environment, "--check")
    say("The rollout. Twilio refuses the sender of one shop, which gets its old sender back.")
    first = play("apply", environment, *report, status=2)
    say("All shops get ACME. The second run changes the one that is left.")
    second = play("apply", environment, *report, "-e", "alpha_sender_name=ACME")
    say("The rollback takes the records of both runs, and sets the senders from before.")
    back = play("rollback", environment, *report, "-e", f"alpha_sender_rollback_from={REPORTS}/")
    say("The simulated Twilio has stopped. The three runs that changed something:")
    print(f"First:    {first}\nSecond:   {second}\nRollback: {back}\nReport:   {REPORTS / 'latest.html'}")
    print("Open the report in a browser. `make simulator` starts a simulated Twilio to try more.", flush=True)


def say(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def play(name: str, environment: dict[str, str], *options: str, status: int = 0) -> str:
    """Run a playbook of the collection, show its output, and return its line of counts.

    :arg status: the exit status that it must have. Another one ends the demo.
    """
    command = ["ansible-playbook", f"messaging.twilio.{name}", *options]
    print("$", " ".join(command), flush=True)
    line = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as playbook:
        assert playbook.stdout is not None
        hidden = False
        for text in playbook.stdout:
            if text.startswith(("PLAY", "TASK")):
                hidden = text.startswith(HIDDEN)
            if text.strip() and not hidden and "no hosts matched" not in text:
                print(text, end="", flush=True)
            found = re.search(r'(\d+ Services: [^"]*)', text)
            line = line or (found[1] if found else "")
    if playbook.returncode != status:
        sys.exit(playbook.returncode or 1)
    return line


if __name__ == "__main__":
    main()
