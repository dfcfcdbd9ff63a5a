# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No output and no file contains a secret, at any verbosity."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN, mg, seed
from support.ansible_run import environment, listed, localhost, play, write_inventory

SECRETS = (
    AUTH_TOKEN,
    API_SECRET,
    base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode(),
    base64.b64encode(f"{API_KEY}:{API_SECRET}".encode()).decode(),
)
LOGINS: tuple[dict[str, str], ...] = (
    {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN},
    {"api_key": API_KEY, "api_secret": API_SECRET},
)
FAULTS: list[dict[str, Any]] = [
    {"kind": "echo", "status": 400},
    {"kind": "echo", "status": 500, "count": 99, "method": "POST"},
]


def check_no_secret(folder: Path, output: str, *inputs: Path) -> None:
    """Check that no secret is in the output, or in a file of the folder that is not one of ``inputs``."""
    for secret in SECRETS:
        assert secret not in output
        for path in folder.rglob("*"):
            if path.is_file() and path not in inputs:
                assert secret.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("source", ["options", "environment", "role"])
def test_no_output_or_file_has_a_secret(
    simulator: Simulator, tmp_path: Path, login: dict[str, str], source: str
) -> None:
    simulator.reset(seed(["OLD"], ["OLD"], ["OLD"]), FAULTS)
    common = {**(login if source == "options" else {}), "api_url": simulator.url, "max_retries": 1}
    services = {"services": [mg(1), mg(2), mg(99)], "alpha_sender": "ACME"}
    tasks: list[dict[str, Any]] = [
        {"messaging.twilio.alpha_sender_info": {"service_sid": mg(1), **common}, "register": "info"},
        {"messaging.twilio.alpha_sender": {"service_sid": mg(1), "alpha_sender": "ACME", **common}, "register": "one"},
        {"messaging.twilio.alpha_senders": {**services, **common}, "register": "many"},
        {"messaging.twilio.alpha_senders": {**services, **common, "concurrency": 0}, "register": "bad"},
        {"ansible.builtin.debug": {"var": "[info, one, many, bad]"}},
    ]
    if source == "role":
        names = {f"alpha_sender_{name}": value for name, value in {**login, **common}.items()}
        desired = {"alpha_sender_services": services["services"], "alpha_sender_name": "ACME"}
        role = {"ansible.builtin.include_role": {"name": "messaging.twilio.alpha_sender"}}
        tasks = [{**role, "vars": {**names, **desired}}, {**role, "vars": {**names, "alpha_sender_state": "gone"}}]
    variables = {f"TWILIO_{name.upper()}": value for name, value in login.items()} if source == "environment" else {}
    playbook = localhost(*({**task, "ignore_errors": True} for task in tasks))
    run = play(tmp_path, playbook, "-vvvv", "--diff", variables={**variables, "NO_PROXY": "127.0.0.1"})
    assert len(simulator.requests()) > 3
    assert "********" in run.output
    check_no_secret(tmp_path, run.output, tmp_path / "playbook.yml")


@pytest.mark.parametrize(
    ("login", "option"),
    [
        ({"account_sid": AUTH_TOKEN, "auth_token": ACCOUNT_SID}, "account_sid must be AC and 32"),
        ({"api_key": API_SECRET, "api_secret": API_KEY}, "api_key must be SK and 32"),
    ],
)
@pytest.mark.parametrize("source", ["options", "environment", "role"])
def test_secret_in_the_place_of_a_sid_is_not_shown(
    simulator: Simulator, tmp_path: Path, login: dict[str, str], option: str, source: str
) -> None:
    services = {"services": [mg(1)], "alpha_sender": "ACME", "api_url": simulator.url}
    given = login if source == "options" else {}
    tasks: list[dict[str, Any]] = [
        {"messaging.twilio.alpha_senders": {**services, **given}},
        {"messaging.twilio.alpha_sender_audit": {**services, **given}},
        {"messaging.twilio.service_info": {"api_url": simulator.url, **given}},
    ]
    if source == "role":
        names = {f"alpha_sender_{name}": value for name, value in {**login, **services}.items()}
        role = {"ansible.builtin.include_role": {"name": "messaging.twilio.alpha_sender"}}
        tasks = [{**role, "vars": {**names, "alpha_sender_name": "ACME"}}]
        tasks[0]["vars"].pop("alpha_sender_alpha_sender")
    variables = {f"TWILIO_{name.upper()}": value for name, value in login.items()} if source == "environment" else {}
    playbook = localhost(*({**task, "ignore_errors": True} for task in tasks))
    run = play(tmp_path, playbook, "-vvvv", variables={**variables, "NO_PROXY": "127.0.0.1"})
    assert run.output.count(option) >= len(tasks)
    assert simulator.requests() == []
    check_no_secret(tmp_path, run.output, tmp_path / "playbook.yml")


VAULTED = """
- hosts: localhost
  gather_facts: false
  vars:
    alpha_sender_account_sid: {account_sid}
    alpha_sender_auth_token: {vaulted}
    alpha_sender_services: [{services}]
    alpha_sender_name: ACME
    alpha_sender_state: {state}
  roles:
    - messaging.twilio.alpha_sender
"""


@pytest.mark.parametrize("state", ["present", "gone"])
def test_role_accepts_a_vaulted_token_and_does_not_show_it(simulator: Simulator, tmp_path: Path, state: str) -> None:
    simulator.reset(seed([]))
    password = tmp_path / "password"
    password.write_text("secret", encoding="utf-8")
    vault = ["--vault-password-file", str(password)]
    vaulted = subprocess.run(
        ["ansible-vault", "encrypt_string", *vault, AUTH_TOKEN],
        env=environment(tmp_path, {}),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace("\n", "\n    ")
    playbook = tmp_path / "playbook.yml"
    text = VAULTED.format(account_sid=ACCOUNT_SID, vaulted=vaulted, services=mg(1), state=state)
    playbook.write_text(text, encoding="utf-8")
    variables = {"TWILIO_API_URL": simulator.url, "NO_PROXY": "127.0.0.1"}
    run = play(tmp_path, str(playbook), *vault, "-vvvv", "--diff", variables=variables)
    assert run.status == (0 if state == "present" else 2), run.output
    assert simulator.senders(mg(1)) == (["ACME"] if state == "present" else [])
    check_no_secret(tmp_path, run.output)


def test_user_names_and_passwords_in_urls_are_not_shown(simulator: Simulator, tmp_path: Path) -> None:
    secrets = ["me:hunter2", "hunter2", "you:swordfish", "swordfish"]
    known = seed([], [])
    known["accounts"][0]["services"][0]["fallback_url"] = f"https://{secrets[0]}@shop.example/old"
    simulator.reset(known, [{"kind": "status", "method": "POST", "status": 400, "skip": 1}])
    urls = {"NEW": f"https://{secrets[2]}@shop.example/new", "BAD": f"ftp://{secrets[2]}@shop.example"}
    # Ansible quotes the lines of a playbook, so the playbook itself has no secret.
    new, bad = (f"{{{{ lookup('env', '{name}') }}}}" for name in urls)
    tasks: list[dict[str, Any]] = [
        {"messaging.twilio.service_info": {}, "register": "info"},
        *(
            {"messaging.twilio.service": {"service_sid": mg(1), "fallback_url": url}, "register": "done"}
            for url in (new, f"{new}/2", bad)
        ),
        {"messaging.twilio.service": {"service_sid": mg(1), "state": "absent"}, "check_mode": True},
        {"ansible.builtin.debug": {"var": "[info, done]"}},
    ]
    playbook = localhost(*({**task, "ignore_errors": True} for task in tasks))
    variables = {"TWILIO_ACCOUNT_SID": ACCOUNT_SID, "TWILIO_AUTH_TOKEN": AUTH_TOKEN, "TWILIO_API_URL": simulator.url}
    variables["NO_PROXY"] = "127.0.0.1"
    run = play(tmp_path, playbook, "-vvv", "--diff", variables={**variables, **urls})
    assert "fallback_url must be a URL" in run.output
    assert simulator.service(mg(1)).resource["fallback_url"] == urls["NEW"]
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    _found, _errors = listed(tmp_path, write_inventory(tmp_path, **cache), variables)
    cached = [path.read_text(encoding="utf-8") for path in (tmp_path / "cache").iterdir()]
    assert ["https://********@shop.example/new" in text for text in cached] == [True]
    for text in (run.output, *cached):
        assert "https://********@shop.example/" in text
        for secret in secrets:
            assert secret not in text
