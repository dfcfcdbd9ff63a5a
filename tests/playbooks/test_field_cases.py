# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases from public reports about other tools: strategies, conditions, module defaults, interpreters, blank answers."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN, environment, mg, named_seed
from support.ansible_run import PlaybookRun, play, write_inventory
from support.ansible_run import environment as ansible_environment

APPLY, AUDIT = "messaging.twilio.apply", "messaging.twilio.audit"
ROLE = {"role": "messaging.twilio.alpha_sender"}
INCLUDE = {"ansible.builtin.include_role": {"name": "messaging.twilio.alpha_sender"}}
NAMES = [f"Shop {number}" for number in range(1, 7)]
EXTRA = {"alpha_sender_name": "ACME"}
LAST = "twilio_friendly_name > 'Shop 3'"
FIRST = "twilio_friendly_name <= 'Shop 3'"


def over_hosts(**keys: Any) -> list[dict[str, Any]]:
    """A play over all Services of the inventory."""
    return [{"hosts": "twilio_services", "gather_facts": False, **keys}]


def run_over_hosts(
    simulator: Simulator,
    folder: Path,
    playbook: str | list[dict[str, Any]],
    *options: str,
    extra: dict[str, Any] | None = None,
    variables: dict[str, str] | None = None,
) -> PlaybookRun:
    """Run a playbook with six Services, each of which has the sender OLD. The journal has only its own requests."""
    simulator.reset(named_seed(*NAMES, senders={name: ["OLD"] for name in NAMES}))
    inventory = write_inventory(folder)
    variables = {**environment(simulator), **(variables or {})}
    return play(folder, playbook, "-i", inventory, *options, extra=extra or EXTRA, variables=variables)


def changed(simulator: Simulator) -> list[int]:
    """The numbers of the Services that have the sender ACME."""
    return [number for number in range(1, 7) if simulator.senders(mg(number)) == ["ACME"]]


# Strategies


@pytest.mark.parametrize(
    ("strategy", "source"), [("free", "play"), ("host_pinned", "ansible.cfg"), ("free", "environment")]
)
def test_role_refuses_a_strategy_that_runs_it_for_each_host(
    simulator: Simulator, tmp_path: Path, strategy: str, source: str
) -> None:
    if source == "ansible.cfg":
        (tmp_path / "ansible.cfg").write_text(f"[defaults]\nstrategy = {strategy}\n", encoding="utf-8")
    variables = {"ANSIBLE_STRATEGY": strategy} if source == "environment" else {}
    playbook = over_hosts(roles=[ROLE], **({"strategy": strategy} if source == "play" else {}))
    run = run_over_hosts(simulator, tmp_path, playbook, variables=variables)
    assert run.status == 2
    assert f"strategy must be linear, got '{strategy}': this task would run once for each of 6 hosts." in run.output
    assert "Set strategy: linear in the play" in run.output
    # The inventory alone.
    assert simulator.requests() == ["GET"]


def test_role_that_failed_for_other_hosts_does_not_run_for_the_last_one(simulator: Simulator, tmp_path: Path) -> None:
    playbook = over_hosts(tasks=[{**INCLUDE, "ignore_errors": True}], strategy="free")
    run = run_over_hosts(simulator, tmp_path, playbook, "--forks", "1")
    assert "strategy must be linear" in run.output
    assert simulator.requests() == ["GET"]


def test_strategy_does_not_matter_with_one_host(simulator: Simulator, tmp_path: Path) -> None:
    playbook = [{"hosts": "twilio-Shop_2", "gather_facts": False, "roles": [ROLE], "strategy": "free"}]
    run = run_over_hosts(simulator, tmp_path, playbook)
    assert run.status == 0, run.output
    assert changed(simulator) == [2]


@pytest.mark.parametrize("playbook", [APPLY, AUDIT])
def test_playbooks_have_their_own_strategy(simulator: Simulator, tmp_path: Path, playbook: str) -> None:
    run = run_over_hosts(simulator, tmp_path, playbook, variables={"ANSIBLE_STRATEGY": "free"})
    assert run.status == 0, run.output
    assert changed(simulator) == ([1, 2, 3, 4, 5, 6] if playbook == APPLY else [])
    assert sum("AlphaSenders" in entry["path"] for entry in simulator.journal) == 6 * (3 if playbook == APPLY else 1)


def test_list_of_services_is_refused_in_a_play_with_batches(simulator: Simulator, tmp_path: Path) -> None:
    extra = {**EXTRA, "alpha_sender_services": [mg(1)]}
    run = run_over_hosts(simulator, tmp_path, over_hosts(roles=[ROLE], serial=3), extra=extra)
    assert run.status == 2
    assert "serial must not be set with a list or file of Services" in run.output
    assert simulator.requests() == ["GET"]


# Conditions


@pytest.mark.parametrize(
    ("form", "condition", "numbers"),
    [
        ("when", FIRST, [1, 2, 3]),
        ("when", LAST, [4, 5, 6]),
        ("loop", LAST, [4, 5, 6]),
        ("block", FIRST, [1, 2, 3]),
        ("fact", LAST, [4, 5, 6]),
    ],
)
def test_condition_of_include_role_counts_for_each_host(
    simulator: Simulator, tmp_path: Path, condition: str, numbers: list[int], form: str
) -> None:
    tasks: dict[str, list[dict[str, Any]]] = {
        "when": [{**INCLUDE, "when": condition}],
        "loop": [{**INCLUDE, "when": [condition, "item == 1"], "loop": [1, 2]}],
        "block": [{"block": [{**INCLUDE, "when": condition}], "when": "alpha_sender_name is defined"}],
        "fact": [
            {"ansible.builtin.set_fact": {"wanted": "{{ " + condition + " }}"}},
            {**INCLUDE, "when": "wanted | bool"},
        ],
    }
    run = run_over_hosts(simulator, tmp_path, over_hosts(tasks=tasks[form]))
    assert run.status == 0, run.output
    assert changed(simulator) == numbers
    assert "3 Services: 0 created, 3 replaced, 0 deleted, 0 unchanged, 0 failed" in run.output


@pytest.mark.parametrize(
    ("form", "condition"),
    [("roles", FIRST), ("roles", LAST), ("import_role", FIRST), ("block", LAST), ("apply", FIRST)],
)
def test_other_condition_that_differs_between_hosts_is_refused(
    simulator: Simulator, tmp_path: Path, condition: str, form: str
) -> None:
    options = INCLUDE["ansible.builtin.include_role"]
    plays: dict[str, dict[str, Any]] = {
        "roles": {"roles": [{**ROLE, "when": condition}]},
        "import_role": {"tasks": [{"ansible.builtin.import_role": options, "when": condition}]},
        "block": {"tasks": [{"block": [{"ansible.builtin.import_role": options}], "when": condition}]},
        "apply": {"tasks": [{"ansible.builtin.include_role": {**options, "apply": {"when": condition}}}]},
    }
    run = run_over_hosts(simulator, tmp_path, over_hosts(**plays[form]))
    assert run.status == 2, run.output
    message = " ".join(run.output.split())
    count = "3 of 6 hosts" if condition == FIRST else "the first host, so nothing was changed"
    assert f"when on the role must be the same for all hosts, got false for {count}. Use" in message
    assert "include_role, on which it counts for each host, or select hosts with group_by or --limit" in message
    assert simulator.requests() == ["GET"]


@pytest.mark.parametrize(("value", "numbers"), [(True, [1, 2, 3, 4, 5, 6]), (False, [])])
def test_condition_that_is_the_same_for_all_hosts_decides_for_the_role(
    simulator: Simulator, tmp_path: Path, value: bool, numbers: list[int]
) -> None:
    playbook = over_hosts(roles=[{**ROLE, "when": "go"}], vars={"go": value})
    run = run_over_hosts(simulator, tmp_path, playbook)
    assert run.status == 0, run.output
    assert changed(simulator) == numbers


def test_condition_that_cannot_be_evaluated_for_a_host_is_refused(simulator: Simulator, tmp_path: Path) -> None:
    role = {"name": "messaging.twilio.alpha_sender", "rolespec_validate": False}
    task = {"ansible.builtin.import_role": role, "when": "known[inventory_hostname]"}
    playbook = over_hosts(tasks=[task], vars={"known": {"twilio-Shop_1": True}})
    run = run_over_hosts(simulator, tmp_path, playbook)
    assert run.status == 2
    assert "when on the role failed for the host twilio-Shop_2: " in run.output
    assert simulator.requests() == ["GET"]


def test_condition_does_not_select_among_hosts_that_are_named(simulator: Simulator, tmp_path: Path) -> None:
    """``alpha_sender_hosts`` says for which hosts. Then a condition only says whether."""
    role = {**ROLE, "when": "inventory_hostname == 'twilio-Shop_1'"}
    extra = {**EXTRA, "alpha_sender_hosts": ["twilio-Shop_1", "twilio-Shop_2"]}
    run = run_over_hosts(simulator, tmp_path, over_hosts(roles=[role]), extra=extra)
    assert run.status == 0, run.output
    assert changed(simulator) == [1, 2]


# Module defaults


@pytest.mark.parametrize(("entry", "blank"), [("apply", False), ("audit", True)])
def test_module_defaults_reach_the_modules_of_the_role(
    simulator: Simulator, tmp_path: Path, entry: str, blank: bool
) -> None:
    simulator.reset(named_seed(*NAMES))
    names = ("account_sid", "auth_token", "api_url", "max_retries", "subaccounts")
    defaults = dict(zip(names, (ACCOUNT_SID, AUTH_TOKEN, simulator.url, 1, False)))
    role = {**INCLUDE["ansible.builtin.include_role"], "tasks_from": entry, "rolespec_validate": False}
    playbook = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": {"group/messaging.twilio.twilio": defaults},
            "tasks": [{"ansible.builtin.include_role": role}],
        }
    ]
    extra = {
        **EXTRA,
        "alpha_sender_services": [mg(1)],
        **({f"alpha_sender_{name}": "" for name in names} if blank else {}),
    }
    run = play(
        tmp_path, playbook, extra=extra, variables={"NO_PROXY": "127.0.0.1", "TWILIO_API_URL": "http://127.0.0.1:1"}
    )
    assert run.status == 0, run.output
    assert changed(simulator) == ([1] if entry == "apply" else [])
    assert AUTH_TOKEN not in run.output


def test_variable_of_the_role_overrides_module_defaults(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES))
    defaults = {"account_sid": ACCOUNT_SID, "auth_token": "0" * 32, "api_url": simulator.url}
    playbook = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": {"group/messaging.twilio.twilio": defaults},
            "roles": [{**ROLE, "alpha_sender_auth_token": AUTH_TOKEN, "alpha_sender_services": [mg(1)]}],
        }
    ]
    run = play(tmp_path, playbook, extra=EXTRA, variables={"NO_PROXY": "127.0.0.1"})
    assert run.status == 0, run.output
    assert changed(simulator) == [1]


# Vaulted secrets


@pytest.mark.parametrize("place", ["host_vars", "extra vars", "module_defaults", "accounts", "inventory"])
def test_vaulted_token_is_accepted_wherever_it_is(simulator: Simulator, tmp_path: Path, place: str) -> None:
    simulator.reset(named_seed("Shop 1"))
    password = tmp_path / "password"
    password.write_text("secret", encoding="utf-8")
    vault = ["--vault-password-file", str(password)]
    encrypted = subprocess.run(
        ["ansible-vault", "encrypt_string", *vault, AUTH_TOKEN],
        env=ansible_environment(tmp_path, {}),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    token = encrypted.replace("\n", "\n" + " " * 6)
    own = {"alpha_sender_account_sid": ACCOUNT_SID}
    key = {"alpha_sender_api_key": API_KEY, "alpha_sender_api_secret": API_SECRET}
    defaults = {"account_sid": ACCOUNT_SID, "auth_token": "{{ token }}"}
    accounts = f"alpha_sender_accounts:\n  {ACCOUNT_SID}:\n    auth_token: {token}\n"
    file, variables, text = {
        "host_vars": ("host_vars/twilio-Shop_1.yml", own, f"alpha_sender_auth_token: {token}\n"),
        "extra vars": ("extra.yml", own, f"alpha_sender_auth_token: {token}\n"),
        "module_defaults": ("extra.yml", {}, f"token: {token}\n"),
        "accounts": ("extra.yml", key, accounts),
        "inventory": ("extra.yml", {**own, "alpha_sender_auth_token": AUTH_TOKEN}, "other: 1\n"),
    }[place]
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    inventory = tmp_path / "services.twilio.yml"
    source = f"plugin: messaging.twilio.services\naccount_sid: {ACCOUNT_SID}\n"
    source += f"auth_token: {token if place == 'inventory' else AUTH_TOKEN}\n"
    inventory.write_text(source, encoding="utf-8")
    playbook = over_hosts(
        vars={**variables, "alpha_sender_name": "ACME"},
        module_defaults={"group/messaging.twilio.twilio": defaults} if place == "module_defaults" else {},
        roles=[ROLE],
    )
    options = ["-i", str(inventory), *vault, *([] if place == "host_vars" else ["-e", f"@{path}"])]
    addresses = {"TWILIO_API_URL": simulator.url, "NO_PROXY": "127.0.0.1"}
    run = play(tmp_path, playbook, *options, "-vvvv", variables=addresses)
    assert run.status == 0, run.output
    assert simulator.senders(mg(1)) == ["ACME"]
    assert AUTH_TOKEN not in run.output


# Interpreters


@pytest.mark.parametrize(("playbook", "listed"), [(APPLY, False), (AUDIT, True)])
def test_playbooks_use_the_interpreter_that_runs_ansible(
    simulator: Simulator, tmp_path: Path, playbook: str, listed: bool
) -> None:
    """The inventory comes from another machine, or has a localhost for which Ansible would look for a Python."""
    simulator.reset(named_seed(*NAMES))
    common = {"ansible_python_interpreter": "/nowhere/python", "ansible_connection": "local"}
    inventory = tmp_path / "hosts.json"
    groups = {
        "twilio_services": {"hosts": {"shop": {"twilio_service_sid": mg(1)}}},
        "all": {"hosts": {"localhost": {}}, "vars": common},
    }
    inventory.write_text(json.dumps(groups), encoding="utf-8")
    extra = {**EXTRA, **({"alpha_sender_services": [mg(1)]} if listed else {})}
    run = play(tmp_path, playbook, "-i", str(inventory), extra=extra, variables=environment(simulator))
    assert run.status == 0, run.output
    assert "1 Service: " in run.output
    assert "interpreter" not in run.output


# Blank answers of a survey

BLANK = {
    f"{name}": ""
    for name in re.findall(
        r"^      (alpha_sender_\w+):$",
        (Path(__file__).resolve().parents[2] / "roles/alpha_sender/meta/argument_specs.yml").read_text(
            encoding="utf-8"
        ),
        re.MULTILINE,
    )
}


@pytest.mark.parametrize(
    ("form", "listed"), [("apply", False), ("apply", True), ("role", False), ("audit", False), ("audit", True)]
)
def test_blank_answer_counts_as_not_given(simulator: Simulator, tmp_path: Path, form: str, listed: bool) -> None:
    playbook: Any = {"apply": APPLY, "role": over_hosts(roles=[ROLE]), "audit": AUDIT}[form]
    blank = {**BLANK, "alpha_sender_group": "", **EXTRA}
    extra = {**blank, **({"alpha_sender_services": [mg(1), mg(2)]} if listed else {})}
    run = run_over_hosts(simulator, tmp_path, playbook, extra=extra)
    assert run.status == 0, run.output
    assert "WARN" not in run.output
    count = 2 if listed else 6
    line = f"{count} with alpha sender" if form == "audit" else f"0 created, {count} replaced"
    assert f"{count} Services: {line}" in run.output


def test_null_counts_as_not_given(simulator: Simulator, tmp_path: Path) -> None:
    extra = {**dict.fromkeys(BLANK), **EXTRA, "alpha_sender_services": [mg(1), mg(2)]}
    run = run_over_hosts(simulator, tmp_path, APPLY, extra=extra)
    assert run.status == 0, run.output
    assert "2 Services: 0 created, 2 replaced" in run.output


def test_null_as_list_of_services_is_refused(simulator: Simulator, tmp_path: Path) -> None:
    """If all lines of a list are comments, the role must not take the hosts of the play instead."""
    extra = {**EXTRA, "alpha_sender_services": None}
    run = run_over_hosts(simulator, tmp_path, over_hosts(roles=[ROLE]), extra=extra)
    assert run.status == 2
    # ansible-core before 2.19 makes an empty string of a null in a template.
    refusals = ("services is missing. Set it", "services, entry 1 of 1 must be a Messaging Service SID")
    assert any(refusal in run.output for refusal in refusals)
    assert changed(simulator) == []


def test_blank_sender_of_a_list_is_missing(simulator: Simulator, tmp_path: Path) -> None:
    extra = {"alpha_sender_name": "", "alpha_sender_services": [mg(1)]}
    run = run_over_hosts(simulator, tmp_path, APPLY, extra=extra)
    assert run.status == 2
    assert "alpha_sender is missing. Set it (alpha_sender_name in the role)" in run.output


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("concurrency", 0, "concurrency must be between 1 and 100, got 0"),
        ("timeout", 0, "timeout must be more than 0 and at most 3600, got 0"),
        ("state", False, "value of state must be one of: present, absent, got: False"),
        ("name", False, "alpha_sender must be a string, got False"),
        ("max_failures", -1, "max_failures must be 0 or more, got -1"),
    ],
)
def test_zero_and_false_are_no_blank_answers(
    simulator: Simulator, tmp_path: Path, variable: str, value: object, message: str
) -> None:
    extra = {**EXTRA, "alpha_sender_services": [mg(1)], f"alpha_sender_{variable}": value}
    run = run_over_hosts(
        simulator, tmp_path, [{"hosts": "localhost", "gather_facts": False, "roles": [ROLE]}], extra=extra
    )
    assert run.status == 2
    assert message in run.output
    assert simulator.requests() == ["GET"]
