# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role with senders by country, a maximum of changes, and several accounts."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from simulator import Simulator
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, environment, mg, seed
from support.ansible_run import localhost, play, write_inventory

APPLY = "messaging.twilio.apply"
ROLE = {"role": "messaging.twilio.alpha_sender"}
COUNTRIES = {"FR": "ACME FR", "DE": None}


def account(number: int) -> str:
    """The SID of the account with this number."""
    return f"AC{number:032x}"


def test_second_run_with_countries_changes_nothing(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed({"FR": "OLD FR", "DE": "OLD DE", "SE": "OLD SE"}, {}))
    extra = {
        "alpha_sender_name": "ACME",
        "alpha_sender_services": [mg(1), mg(2)],
        "alpha_sender_country_senders": COUNTRIES,
    }
    first = play(tmp_path, APPLY, extra=extra, variables=environment(simulator))
    assert first.status == 0, first.output
    assert "6 senders of 2 Services: 3 created, 1 replaced, 1 deleted, 1 unchanged, 0 failed" in first.output
    assert simulator.country_senders(mg(1)) == {"FR": "ACME FR", "SE": "OLD SE"}
    assert simulator.country_senders(mg(2)) == {"FR": "ACME FR"}
    simulator.journal.clear()
    second = play(tmp_path, APPLY, extra=extra, variables=environment(simulator))
    assert second.status == 0, second.output
    assert "0 created, 0 replaced, 0 deleted, 6 unchanged, 0 failed" in second.output
    assert "changed=0" in second.output
    assert set(simulator.requests()) == {"GET"}


def test_recovery_command_of_a_country_restores_the_sender(simulator: Simulator, tmp_path: Path) -> None:
    # Neither the desired sender nor the old one can be created.
    simulator.reset(seed({"": "ACME", "FR": "OLD FR"}, refused=["OLD FR", "ACME FR"]))
    out = tmp_path / "result.json"
    tasks: list[dict[str, Any]] = [
        {
            "messaging.twilio.alpha_senders": {"services": [mg(1)], "country_senders": {"FR": "ACME FR"}},
            "register": "done",
            "ignore_errors": True,
        },
        {"copy": {"content": "{{ done.outcomes | to_json }}", "dest": str(out)}},
    ]
    run = play(tmp_path, localhost(*tasks), variables=environment(simulator))
    assert run.status == 0, run.output
    outcomes = json.loads(out.read_text(encoding="utf-8"))
    failed = next(outcome for outcome in outcomes if outcome["iso_country_code"] == "FR")
    assert failed["lost_sender"] == "OLD FR"
    assert simulator.country_senders(mg(1)) == {}
    words = shlex.split(failed["recovery_command"])
    assert words[:2] == ["ansible-playbook", APPLY]
    simulator.reset(seed({"": "ACME"}))
    again = play(tmp_path, APPLY, *words[2:], variables=environment(simulator))
    assert again.status == 0, again.output
    assert simulator.country_senders(mg(1)) == {"FR": "OLD FR"}
    assert simulator.senders(mg(1)) == ["ACME"]


def test_too_many_changes_are_refused_without_a_write(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(["OLD"], [], ["ACME"]))
    extra = {
        "alpha_sender_name": "ACME",
        "alpha_sender_services": [mg(1), mg(2), mg(3)],
        "alpha_sender_max_changes": 1,
    }
    run = play(tmp_path, APPLY, extra=extra, variables=environment(simulator))
    assert run.status == 2
    assert "The plan has 2 changes, more than max_changes allows, so nothing was changed" in run.output
    assert set(simulator.requests()) == {"GET"}


def three_accounts() -> dict[str, Any]:
    """A parent account and two subaccounts, with one Service each."""
    known = seed([])
    for number in (2, 3):
        known["accounts"].append(
            {
                "account_sid": account(number),
                "auth_token": str(number) * 16 + "abcdef0123456789",
                "owner": ACCOUNT_SID,
                "services": [{"sid": mg(number)}],
            }
        )
    return known


def test_one_run_handles_three_accounts(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(three_accounts())
    extra = {
        "alpha_sender_name": "ACME",
        "alpha_sender_services": [mg(1), mg(2), mg(3)],
        "alpha_sender_subaccounts": True,
    }
    run = play(tmp_path, APPLY, extra=extra, variables=environment(simulator))
    assert run.status == 0, run.output
    assert "3 Services: 3 created, 0 replaced, 0 deleted, 0 unchanged, 0 failed" in run.output
    assert [simulator.senders(mg(number)) for number in (1, 2, 3)] == [["ACME"]] * 3


def test_host_of_an_account_without_credentials_is_refused(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(three_accounts())
    variables = {
        "twilio_service_sid": mg(2),
        "twilio_account_sid": account(2),
        "ansible_python_interpreter": sys.executable,
    }
    (tmp_path / "hosts.yml").write_text(
        json.dumps({"twilio_services": {"hosts": {"shop": variables}}}), encoding="utf-8"
    )
    run = play(
        tmp_path,
        APPLY,
        "-i",
        str(tmp_path / "hosts.yml"),
        extra={"alpha_sender_name": "ACME"},
        variables=environment(simulator),
    )
    assert run.status == 2
    assert f"belongs to account {account(2)}, for which there are no credentials" in run.output
    assert simulator.senders(mg(2)) == []


def test_host_fails_when_one_of_its_senders_fails(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed({"": "OLD", "FR": "ACME FR"}, refused=["ACME"]))
    compose = {"alpha_sender_name": "'ACME'", "alpha_sender_country_senders": "{'FR': 'ACME FR'}"}
    playbook = [{"hosts": "twilio_services", "gather_facts": False, "roles": [ROLE]}]
    inventory = write_inventory(tmp_path, compose=compose)
    run = play(tmp_path, playbook, "-i", inventory, variables=environment(simulator))
    assert run.status == 2
    assert "failed=1" in run.output
    assert simulator.senders(mg(1)) == ["OLD"]


def test_api_key_without_account_costs_one_more_request(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed([], ["ACME"]))
    variables = environment(simulator) | {"TWILIO_API_KEY": API_KEY, "TWILIO_API_SECRET": API_SECRET}
    del variables["TWILIO_ACCOUNT_SID"], variables["TWILIO_AUTH_TOKEN"]
    inventory = write_inventory(tmp_path)
    run = play(tmp_path, APPLY, "-i", inventory, extra={"alpha_sender_name": "ACME"}, variables=variables)
    assert run.status == 0, run.output
    assert "2 Services: 1 created, 0 replaced, 0 deleted, 1 unchanged, 0 failed" in run.output
    paths = [entry["path"] for entry in simulator.journal]
    # The inventory, and the account of the key.
    assert paths.count("/v1/Services") == 2
