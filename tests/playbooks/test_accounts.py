# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several accounts in one job: totals, report, CSV file, relaunch, the guard of the account, and secrets."""

from __future__ import annotations

import base64
import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN, environment, mg, seed
from support.ansible_run import MODULE_OPTIONS, listed, localhost, play, write_inventory

APPLY, AUDIT = "messaging.twilio.apply", "messaging.twilio.audit"
SUBS = [f"AC{number:032x}" for number in (2, 3, 4)]
TOKENS = {sid: f"{number:x}" * 32 for number, sid in enumerate(SUBS, 10)}
KEYS = {sid: (f"SK{number:032x}", f"Key{number}" * 8) for number, sid in enumerate(SUBS, 10)}
#: The Services of the parent, and of each subaccount.
PARENT, EACH = 5, 60
#: The Services of a subaccount with names that the other subaccounts have, too.
COMMON = 50


def family() -> dict[str, Any]:
    """A parent with three subaccounts, which have 50 names of Services in common. Each second Service has OLD."""
    known = seed(*[[]] * PARENT)
    for place, account_sid in enumerate(SUBS):
        services = [
            {
                "sid": mg(PARENT + place * EACH + number),
                "friendly_name": f"Shop {number}" if number <= COMMON else f"Shop {place} {number}",
                "alpha_senders": ["OLD"] if number % 2 else [],
            }
            for number in range(1, EACH + 1)
        ]
        account = {"account_sid": account_sid, "auth_token": TOKENS[account_sid], "owner": ACCOUNT_SID}
        key, secret = KEYS[account_sid]
        known["accounts"].append({**account, "api_keys": {key: secret}, "services": services})
    return known


def failures(*services: str) -> list[dict[str, Any]]:
    return [{"kind": "status", "status": 400, "method": "POST", "service": sid, "count": 99} for sid in services]


def failed_hosts(output: str) -> list[str]:
    return re.findall(r"^(\S+)\s+:.* failed=1 ", output.partition("PLAY RECAP")[2], re.MULTILINE)


def test_job_over_three_subaccounts_and_the_relaunch_of_what_failed(simulator: Simulator, tmp_path: Path) -> None:
    # Services without a sender, three of the first subaccount and two of the third. One has a name of its own.
    first, third = [mg(PARENT + number) for number in (2, 4, 60)], [mg(PARENT + 2 * EACH + number) for number in (6, 8)]
    simulator.reset(family(), failures(*first, *third))
    inventory = write_inventory(tmp_path, subaccounts=True)
    extra = {
        "alpha_sender_name": "ACME",
        "alpha_sender_subaccounts": True,
        "alpha_sender_report_path": str(tmp_path / "rollout.html"),
    }
    run = play(tmp_path, APPLY, "-i", inventory, extra=extra, variables=environment(simulator))
    assert run.status == 2
    line = "185 Services: 90 created, 90 replaced, 0 deleted, 0 unchanged, 5 failed"
    assert line in run.output
    report = json.loads((tmp_path / "rollout.json").read_text(encoding="utf-8"))
    assert report["summary_line"] == line
    expected = {ACCOUNT_SID: PARENT, **dict.fromkeys(SUBS, EACH)}
    assert Counter(entry["account_sid"] for entry in report["entries"]) == expected
    failed = [entry for entry in report["entries"] if entry["action"] == "failed"]
    assert sorted(entry["service_sid"] for entry in failed) == sorted([*first, *third])
    assert Counter(entry["account_sid"] for entry in failed) == {SUBS[0]: 3, SUBS[2]: 2}
    # The hosts of names in common have the SIDs as names.
    hosts = failed_hosts(run.output)
    assert sorted(hosts) == sorted([*first[:2], "twilio-Shop_0_60", *third])

    # The relaunch handles these hosts only, and fails again in the first account.
    simulator.journal, simulator.faults = [], []
    account = simulator.state.accounts[SUBS[0]]
    account.refused = frozenset(["ACME"])
    limited = ["-i", inventory, "--limit", ",".join(hosts)]
    run = play(tmp_path, APPLY, *limited, extra=extra, variables=environment(simulator))
    assert run.status == 2
    assert "5 Services: 2 created, 0 replaced, 0 deleted, 0 unchanged, 3 failed" in run.output
    assert sorted(failed_hosts(run.output)) == sorted([*first[:2], "twilio-Shop_0_60"])
    touched = {entry["path"].split("/")[3] for entry in simulator.journal if "/AlphaSenders" in entry["path"]}
    assert touched == {*first, *third}

    # One CSV file for all accounts.
    path = tmp_path / "audit.csv"
    extra = {**extra, "alpha_sender_audit_csv_path": str(path)}
    run = play(tmp_path, AUDIT, "-i", inventory, extra=extra, variables=environment(simulator))
    assert "185 Services: 182 with alpha sender, 3 without, 182 as desired, 3 drifted" in run.output
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["account_sid"] for row in rows) == expected
    assert {row["service_sid"]: row["account_sid"] for row in rows if row["matches"] == "False"} == dict.fromkeys(
        first, SUBS[0]
    )
    audited = json.loads((tmp_path / "rollout.json").read_text(encoding="utf-8"))
    assert Counter(entry["account_sid"] for entry in audited["entries"]) == expected


@pytest.mark.parametrize("state", [[], ["OLD"]])
def test_nothing_is_written_on_the_account_of_a_key_that_is_not_account_sid(
    simulator: Simulator, tmp_path: Path, state: list[str]
) -> None:
    simulator.reset(seed(state, state, state))
    wrong = {"account_sid": SUBS[0], "api_key": API_KEY, "api_secret": API_SECRET, "api_url": simulator.url}
    tasks: list[dict[str, Any]] = [
        {f"messaging.twilio.{name}": {**options, **wrong}, "register": name, "ignore_errors": True}
        for name, options in MODULE_OPTIONS.items()
    ]
    role: dict[str, Any] = {f"alpha_sender_{name}": value for name, value in wrong.items()}
    role.update(alpha_sender_services=[mg(1), mg(2)], alpha_sender_name="ACME")
    for tasks_from in ("main", "audit"):
        include = {"name": "messaging.twilio.alpha_sender", "tasks_from": tasks_from}
        tasks.append({"ansible.builtin.include_role": include, "vars": role, "ignore_errors": True})
    tasks.append({"debug": {"msg": "{{ item }} {{ vars[item] is failed }}"}, "loop": [*MODULE_OPTIONS]})
    environ = {"NO_PROXY": "127.0.0.1", **{f"TWILIO_{name.upper()}": value for name, value in wrong.items()}}
    for playbook in (localhost(*tasks), APPLY, AUDIT):
        run = play(tmp_path, playbook, extra=role, variables=environ)
        named = f"account_sid is {SUBS[0]}, but the credentials belong to account {ACCOUNT_SID}"
        assert named in run.output
        if playbook == APPLY:
            assert run.status == 2
    assert set(simulator.requests()) == {"GET"}
    output = " ".join(listed(tmp_path, write_inventory(tmp_path), environ, status=4)[1].split())
    assert named in output
    # A Service of an account without credentials is refused before the first request.
    simulator.journal = []
    services = [{"service_sid": mg(1), "account_sid": SUBS[1]}]
    options = {"alpha_sender": "ACME", "services": services, "api_url": simulator.url}
    own = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}
    playbook = localhost(
        {"messaging.twilio.alpha_senders": {**options, **own}, "ignore_errors": True},
        {"messaging.twilio.alpha_sender_audit": {**options, **own}, "ignore_errors": True},
    )
    run = play(tmp_path, playbook, variables={"NO_PROXY": "127.0.0.1"})
    assert run.output.count(f"1 of 1 Service belongs to account {SUBS[1]}, for which there are no credentials") >= 2
    assert simulator.journal == []


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("given", ["subaccounts", "accounts"])
def test_secrets_of_all_accounts_are_in_no_output_and_no_file(simulator: Simulator, tmp_path: Path, given: str) -> None:
    echo: dict[str, Any] = {"kind": "echo", "status": 400, "method": "POST", "count": 99}
    # A Service without a sender in each account.
    services = [mg(PARENT + place * EACH + 2) for place in range(3)]
    simulator.reset(family(), [{**echo, "service": sid} for sid in services])
    accounts = {sid: {"api_key": key, "api_secret": secret} for sid, (key, secret) in KEYS.items()}
    accounts[SUBS[0]] = {"auth_token": TOKENS[SUBS[0]]}
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    inventory = write_inventory(tmp_path, subaccounts=True, alpha_senders=True, **cache)
    (tmp_path / "journal").mkdir()
    extra = {
        "alpha_sender_name": "ACME",
        f"alpha_sender_{given}": True if given == "subaccounts" else accounts,
        "alpha_sender_report_path": str(tmp_path / "rollout.html"),
        "alpha_sender_journal_path": str(tmp_path / "journal"),
        "alpha_sender_audit_csv_path": str(tmp_path / "audit.csv"),
        "alpha_sender_audit_json_path": str(tmp_path / "audit.json"),
    }
    options = ["-i", inventory, "-vvvv", "--diff"]
    variables = {**environment(simulator), "ANSIBLE_LOG_PATH": str(tmp_path / "log")}
    outputs = [play(tmp_path, APPLY, *options, extra=extra, variables=variables).output]
    assert "********" in outputs[0]
    assert ", 3 failed" in outputs[0]
    # A module that fails at once, and one that only reads.
    outputs.append(
        play(tmp_path, APPLY, *options, extra={**extra, "alpha_sender_state": "gone"}, variables=variables).output
    )
    outputs.append(play(tmp_path, AUDIT, *options, extra=extra, variables=variables).output)
    secrets = [AUTH_TOKEN, basic(ACCOUNT_SID, AUTH_TOKEN), *TOKENS.values()]
    secrets += [basic(*pair) for pair in TOKENS.items()]
    secrets += [text for key, secret in KEYS.values() for text in (secret, basic(key, secret))]
    # What the test itself wrote.
    inputs = {tmp_path / "extra.json"}
    texts = [
        *outputs,
        *(path.read_text("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file() and path not in inputs),
    ]
    assert (tmp_path / "log").exists()
    assert (tmp_path / "audit.json").exists()
    assert [secret for secret in secrets for text in texts if secret in text] == []
