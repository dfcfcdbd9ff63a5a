# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role and the playbook apply with the hosts of the inventory plugin."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from support.account import ACCOUNT_SID, environment, mg, named_seed, seed
from support.ansible_run import ROOT, listed, localhost, play, write_inventory

NAMES = [f"Shop {number}" for number in range(1, 13)]
SENDERS = {name: [[], ["OLD"], ["ACME"], ["Acme"]][place % 4] for place, name in enumerate(NAMES)}
APPLY = "messaging.twilio.apply"
ROLE = {"role": "messaging.twilio.alpha_sender"}


def recap(output: str) -> dict[str, dict[str, int]]:
    """The counts of each host at the end of a run."""
    lines = output.partition("PLAY RECAP")[2].splitlines()
    found = (re.match(r"(\S+)\s+: (.*)", line) for line in lines)
    return {m[1]: {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", m[2])} for m in found if m}


def test_apply_sets_the_senders_of_all_hosts_in_one_run(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES, senders=SENDERS))
    inventory = write_inventory(tmp_path)
    extra = {"alpha_sender_name": "ACME"}
    planned = play(tmp_path, APPLY, "-i", inventory, "--check", extra=extra, variables=environment(simulator))
    assert planned.status == 0, planned.output
    assert set(simulator.requests()) == {"GET"}
    simulator.journal.clear()
    run = play(tmp_path, APPLY, "-i", inventory, extra=extra, variables=environment(simulator))
    assert run.status == 0, run.output
    line = "12 Services: 3 created, 6 replaced, 0 deleted, 3 unchanged, 0 failed"
    assert f'"{line} (check mode, nothing is changed)"' in planned.output
    assert f'"{line}"' in run.output
    assert all(simulator.senders(mg(number)) == ["ACME"] for number in range(1, 13))
    # One page of Services for the inventory, and the requests of the rollout.
    assert len(simulator.requests()) == 1 + 12 + 3 + 2 * 6
    assert list(recap(run.output)) == ["twilio-Shop_1"]
    assert recap(run.output)["twilio-Shop_1"]["changed"] == 1
    assert "WARNING" not in run.output


def test_apply_respects_the_limit(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES, senders=SENDERS))
    inventory = write_inventory(tmp_path)
    limited = ["-i", inventory, "--limit", "twilio-Shop_2,twilio-Shop_5"]
    run = play(tmp_path, APPLY, *limited, extra={"alpha_sender_name": "ACME"}, variables=environment(simulator))
    assert run.status == 0, run.output
    assert "2 Services: 1 created, 1 replaced," in run.output
    assert simulator.senders(mg(4)) == ["Acme"]


def test_each_host_can_have_its_own_desired_state(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES, senders=SENDERS))
    compose = {
        "alpha_sender_name": "'S ' ~ twilio_friendly_name[5:] if twilio_friendly_name != 'Shop 2' else 'OLD'",
        "alpha_sender_state": "'absent' if twilio_friendly_name == 'Shop 2' else 'present'",
    }
    inventory = write_inventory(tmp_path, compose=compose)
    run = play(tmp_path, APPLY, "-i", inventory, variables=environment(simulator))
    assert run.status == 0, run.output
    desired = [[] if number == 2 else [f"S {number}"] for number in range(1, 13)]
    assert [simulator.senders(mg(number)) for number in range(1, 13)] == desired
    again = play(tmp_path, APPLY, "-i", inventory, variables=environment(simulator))
    assert "12 Services: 0 created, 0 replaced, 0 deleted, 12 unchanged, 0 failed" in again.output


def test_desired_state_of_a_host_can_be_a_template_of_its_variables(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES[:3], senders={"Shop 2": ["OLD"]}))
    hosts = {
        "first": {"twilio_service_sid": mg(1), "prefix": "One"},
        "second": {"twilio_service_sid": "{{ sid_of[inventory_hostname] }}", "prefix": "Two"},
        "third": {"twilio_service_sid": mg(3), "alpha_sender_state": "{{ 'absent' if prefix is undefined }}"},
    }
    common = {
        "alpha_sender_name": "{{ prefix | default('None') }} UK",
        "sid_of": {"second": mg(2)},
        "ansible_python_interpreter": sys.executable,
    }
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"twilio_services": {"hosts": hosts, "vars": common}}), encoding="utf-8")
    run = play(tmp_path, APPLY, "-i", str(inventory), variables=environment(simulator))
    assert run.status == 0, run.output
    assert "3 Services: 1 created, 1 replaced, 0 deleted, 1 unchanged, 0 failed" in run.output
    assert [simulator.senders(mg(number)) for number in (1, 2, 3)] == [["One UK"], ["Two UK"], []]


@pytest.mark.parametrize("form", ["apply", "roles"])
def test_only_the_host_fails_whose_service_failed(simulator: Simulator, tmp_path: Path, form: str) -> None:
    fault = {"kind": "status", "status": 500, "service": mg(3), "count": 99}
    simulator.reset(named_seed(*NAMES, senders=SENDERS), [fault])
    inventory = write_inventory(tmp_path)
    extra = {"alpha_sender_name": "ACME", "alpha_sender_max_retries": 0}
    shown = {"debug": {"msg": "{{ inventory_hostname }} {{ alpha_sender_outcome.action }}"}}
    roles = [{"hosts": "twilio_services", "gather_facts": False, "roles": [ROLE], "post_tasks": [shown]}]
    playbook: Any = APPLY if form == "apply" else roles
    run = play(tmp_path, playbook, "-i", inventory, extra=extra, variables=environment(simulator))
    assert run.status == 2
    counts = recap(run.output)
    assert [host for host, count in counts.items() if count["failed"]] == ["twilio-Shop_3"]
    assert f"Shop 3 ({mg(3)}): the alpha sender cannot be read, nothing was changed" in run.output
    assert "12 Services: 3 created, 6 replaced, 0 deleted, 2 unchanged, 1 failed" in run.output
    if form == "roles":
        assert len(counts) == 12
        assert '"msg": "twilio-Shop_1 created"' in run.output
        assert '"msg": "twilio-Shop_2 replaced"' in run.output
    # A relaunch on the failed host handles only that one.
    simulator.faults, simulator.journal = [], []
    failed = ["-i", inventory, "--limit", "twilio-Shop_3"]
    again = play(tmp_path, playbook, *failed, extra=extra, variables=environment(simulator))
    assert again.status == 0, again.output
    assert [entry["path"] for entry in simulator.journal] == ["/v1/Services", f"/v1/Services/{mg(3)}/AlphaSenders"]


def test_host_fails_when_one_of_its_senders_fails(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed({"": "OLD", "FR": "ACME FR"}, refused=["ACME"]))
    compose = {"alpha_sender_name": "'ACME'", "alpha_sender_country_senders": "{'FR': 'ACME FR'}"}
    inventory = write_inventory(tmp_path, compose=compose)
    playbook = [{"hosts": "twilio_services", "gather_facts": False, "roles": [ROLE]}]
    run = play(tmp_path, playbook, "-i", inventory, variables=environment(simulator))
    assert run.status == 2
    assert "failed=1" in run.output
    assert simulator.senders(mg(1)) == ["OLD"]


def test_skipped_hosts_fail_so_that_a_relaunch_handles_them(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES), [{"kind": "status", "status": 401, "skip": 4, "count": 99}])
    extra = {"alpha_sender_name": "ACME", "alpha_sender_concurrency": 1}
    run = play(tmp_path, APPLY, "-i", write_inventory(tmp_path), extra=extra, variables=environment(simulator))
    assert run.status == 2
    failed = [host for host, count in recap(run.output).items() if count["failed"]]
    done = [f"twilio-Shop_{number}" for number in range(1, 13) if simulator.senders(mg(number))]
    assert done
    assert sorted(failed + done) == sorted(f"twilio-Shop_{number}" for number in range(1, 13))


def test_play_variables_override_host_variables_and_these_override_defaults(
    simulator: Simulator, tmp_path: Path
) -> None:
    simulator.reset(named_seed(*NAMES, senders=SENDERS))
    inventory = write_inventory(tmp_path, compose={"alpha_sender_name": "'OWN ' ~ twilio_friendly_name[5:]"})
    for variables, desired in (({}, "OWN 7"), ({"alpha_sender_name": "PLAY"}, "PLAY")):
        playbook = [{"hosts": "twilio_services", "gather_facts": False, "vars": variables, "roles": [ROLE]}]
        run = play(tmp_path, playbook, "-i", inventory, variables=environment(simulator))
        assert run.status == 0, run.output
        assert simulator.senders(mg(7)) == [desired]


def test_play_with_serial_makes_one_run_for_each_batch(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES, senders=SENDERS))
    inventory = write_inventory(tmp_path)
    playbook = [{"hosts": "twilio_services", "gather_facts": False, "serial": 5, "roles": [ROLE]}]
    extra = {"alpha_sender_name": "ACME", "alpha_sender_concurrency": 1}
    before = {entry["connection"] for entry in simulator.journal}
    run = play(tmp_path, playbook, "-i", inventory, extra=extra, variables=environment(simulator))
    assert run.status == 0, run.output
    assert [int(number) for number in re.findall(r'^ +"(\d+) Services: ', run.output, re.MULTILINE)] == [5, 5, 2]
    rollout = {entry["connection"] for entry in simulator.journal if "AlphaSenders" in entry["path"]} - before
    assert len(rollout) == 3  # one connection for each worker, one worker for each run


def test_hosts_without_a_service_are_left_out_with_a_warning(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES[:2]))
    (tmp_path / "more.ini").write_text("[twilio_services]\nother ansible_connection=local\n", encoding="utf-8")
    both = ["-i", write_inventory(tmp_path), "-i", str(tmp_path / "more.ini")]
    run = play(tmp_path, APPLY, *both, extra={"alpha_sender_name": "ACME"}, variables=environment(simulator))
    assert run.status == 0, run.output
    assert "1 of 3 hosts have no twilio_service_sid and were left out: other" in " ".join(run.output.split())


def test_bad_sender_of_a_host_is_refused_before_any_request(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES, senders=SENDERS))
    inventory = write_inventory(tmp_path, compose={"alpha_sender_name": "twilio_friendly_name ~ '!'"})
    simulator.journal.clear()
    run = play(tmp_path, APPLY, "-i", inventory, variables=environment(simulator))
    assert run.status == 2
    assert "services, entry 1 of 12, alpha_sender must have 1 to 11 of the characters" in run.output
    assert "got 'Shop 1!': it has the character '!'" in run.output
    assert simulator.requests() == ["GET"]


def test_host_without_a_state_does_not_get_that_of_the_first_host(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES[:3], senders={name: ["ACME"] for name in NAMES[:3]}))
    state = "'absent' if twilio_friendly_name == 'Shop 1' else omitted | default(none)"
    inventory = write_inventory(tmp_path, compose={"alpha_sender_state": state})
    extra = {"alpha_sender_name": "ACME"}
    play(tmp_path, APPLY, "-i", inventory, extra=extra, variables=environment(simulator))
    assert [simulator.senders(mg(number)) for number in (2, 3)] == [["ACME"], ["ACME"]]


def test_play_fails_when_the_service_of_a_host_outside_of_it_fails(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES[:2], senders={"Shop 1": ["OLD"]}))
    inventory = write_inventory(tmp_path)
    playbook = [{"hosts": "localhost", "gather_facts": False, "roles": [ROLE]}]
    extra = {"alpha_sender_name": "ACME", "alpha_sender_hosts": ["twilio-Shop_1", "twilio-Shop_2"]}
    # On the command line it is a string.
    options = ["-i", inventory, "-e", "alpha_sender_replace=false"]
    run = play(tmp_path, playbook, *options, extra=extra, variables=environment(simulator))
    assert run.status == 2
    assert "and replace is false. Set replace to true" in run.output
    assert (simulator.senders(mg(1)), simulator.senders(mg(2))) == (["OLD"], ["ACME"])


def test_hosts_of_other_inventory_sources_keep_their_names(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed("web1", "Shop", "Shop", f"Shop_{mg(2)}"))
    machines = tmp_path / "a.ini"
    machines.write_text("web1 ansible_connection=ssh\n", encoding="utf-8")
    services = write_inventory(tmp_path)
    both = ["-i", str(machines), "-i", services]
    playbook = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"debug": {"msg": "{{ groups | to_json }}"}}]}]
    run = play(tmp_path, playbook, *both, variables=environment(simulator))
    names = ["twilio-web1", mg(2), mg(3), f"twilio-Shop_{mg(2)}"]
    assert all(name in run.output for name in names), run.output
    assert json.dumps(json.dumps(["web1"]))[1:-1] in run.output


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        ("twilio-Shop_1", "1 Service: 1 created"),
        (["twilio-Shop_1", "nobody"], "hosts must be hosts of the inventory, got 'nobody'"),
        ([5], "hosts must be a list of names of hosts, got [5]"),
    ],
)
def test_module_accepts_names_of_hosts(
    simulator: Simulator, tmp_path: Path, hosts: str | list[str], message: str
) -> None:
    simulator.reset(named_seed(*NAMES))
    inventory = write_inventory(tmp_path)
    tasks = [
        {"messaging.twilio.alpha_senders": {"hosts": hosts, "alpha_sender": "ACME"}, "register": "result"},
        {"debug": {"msg": "{{ result.msg }}"}},
    ]
    playbook = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    run = play(tmp_path, playbook, "-i", inventory, variables=environment(simulator))
    assert message in run.output
    assert simulator.senders(mg(2)) == []


def test_module_fails_without_services_and_hosts(simulator: Simulator, tmp_path: Path) -> None:
    task = {"messaging.twilio.alpha_senders": {"alpha_sender": "ACME"}}
    run = play(tmp_path, localhost(task), variables=environment(simulator))
    assert run.status == 2
    assert "services is missing. Set it, or set file or hosts in a task of a play" in " ".join(run.output.split())
    assert simulator.requests() == []


ODD = [
    "Shop",
    "Shop",
    'say "hi"',
    "{{ lookup('pipe', 'id') }}",
    "a/b\\c",
    "Grüße 🎉",
    "x" * 64,
    "",
    "all",
    "shops",
    "localhost",
]


def test_odd_names_become_unique_hosts_and_are_never_templates(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*ODD))
    compose = {"loud": "twilio_friendly_name ~ '!'"}
    inventory = write_inventory(tmp_path, compose=compose, groups={"shops": "true"})
    found, output = listed(tmp_path, inventory, environment(simulator))
    hosts = found["_meta"]["hostvars"]
    assert list(found["twilio_services"]["hosts"]) == [
        mg(1), mg(2), "twilio-say_hi", "twilio-lookup_pipe_id", "twilio-a_b_c", "twilio-Grüße", f"twilio-{'x' * 64}",
        mg(8), "twilio-all", "twilio-shops", "twilio-localhost",
    ]  # fmt: skip
    assert set(found["shops"]["hosts"]) == set(hosts)
    odd = hosts["twilio-lookup_pipe_id"]
    assert odd["twilio_friendly_name"] == {"__ansible_unsafe": ODD[3]}
    assert odd["loud"] == {"__ansible_unsafe": ODD[3] + "!"}
    assert hosts["twilio-say_hi"]["twilio_friendly_name"] == ODD[2]
    assert hosts["twilio-say_hi"]["loud"] == ODD[2] + "!"
    assert "WARNING" not in output
    shown = {"debug": {"msg": "<{{ twilio_friendly_name }}>"}}
    playbook = [{"hosts": "twilio-lookup_pipe_id", "gather_facts": False, "tasks": [shown]}]
    run = play(tmp_path, playbook, "-i", inventory, variables=environment(simulator))
    assert json.dumps(f"<{ODD[3]}>") in run.output
    assert "uid=" not in run.output


def test_inventory_has_the_filtered_services_with_groups_and_senders(simulator: Simulator, tmp_path: Path) -> None:
    known = named_seed("Shop UK", "Shop FR", "Alerts", senders={"Shop UK": ["ACME"]})
    known["accounts"][0]["services"][1]["usecase"] = "marketing"
    simulator.reset(known)
    options = {"alpha_senders": True, "filters": {"name": "Shop*"}}
    keyed = [{"key": "twilio_usecase", "prefix": "usecase"}]
    found, _output = listed(tmp_path, write_inventory(tmp_path, **options, keyed_groups=keyed), environment(simulator))
    assert sorted(found["_meta"]["hostvars"]) == ["twilio-Shop_FR", "twilio-Shop_UK"]
    assert found["usecase_marketing"]["hosts"] == ["twilio-Shop_FR"]
    variables = found["_meta"]["hostvars"]["twilio-Shop_UK"]
    assert variables["twilio_alpha_sender"] == "ACME"
    assert found["_meta"]["hostvars"]["twilio-Shop_FR"]["twilio_alpha_sender"] is None
    assert (variables["twilio_service_sid"], variables["twilio_account_sid"]) == (mg(1), ACCOUNT_SID)
    assert variables["ansible_connection"] == "local"
    assert variables["ansible_python_interpreter"] == "{{ ansible_playbook_python }}"
    assert not {"twilio_url", "twilio_links"} & set(variables)
    assert len(simulator.requests()) == 3
    marketing = write_inventory(tmp_path, filters={"usecase": "marketing"})
    assert list(listed(tmp_path, marketing, environment(simulator))[0]["_meta"]["hostvars"]) == ["twilio-Shop_FR"]


def test_inventory_has_the_senders_of_countries(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed({"": "ACME", "SE": "ACME SE", "FR": "ACME FR"}, {}))
    found, _output = listed(tmp_path, write_inventory(tmp_path, country_senders=True), environment(simulator))
    first, second = (found["_meta"]["hostvars"][name] for name in found["twilio_services"]["hosts"])
    assert first["twilio_country_senders"] == {"FR": "ACME FR", "SE": "ACME SE"}
    assert second["twilio_country_senders"] == {}
    assert second["twilio_alpha_sender"] is None
    # One page of Services, and two listings for each Service.
    assert simulator.requests() == ["GET"] * 5


def test_second_run_uses_the_cache_which_has_no_secret(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES, senders=SENDERS))
    folder = tmp_path / "cache"
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(folder)}
    inventory = write_inventory(tmp_path, alpha_senders=True, **cache)
    first, _output = listed(tmp_path, inventory, environment(simulator))
    sent = len(simulator.requests())
    second, _output = listed(tmp_path, inventory, environment(simulator))
    assert first == second
    assert (sent, len(simulator.requests())) == (13, 13)
    texts = [path.read_text(encoding="utf-8") for path in folder.iterdir()]
    assert texts
    assert "Shop 12" in texts[0]
    assert not any(environment(simulator)["TWILIO_AUTH_TOKEN"] in text for text in texts)
    # Another account has other Services.
    other = {**environment(simulator), "TWILIO_ACCOUNT_SID": "AC" + "9" * 32}
    assert "Authenticate" in listed(tmp_path, inventory, other, status=4)[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"auth_token": "wrong"}, "GET /v1/Services failed: Twilio error 20003 (HTTP 401): Authenticate"),
        ({"api_url": "http://127.0.0.1:9", "max_retries": 0}, "http://127.0.0.1:9 was not reached"),
        ({"api_url": "http://example.com"}, "which would send the credentials unencrypted"),
        ({"api_key": "SK1"}, "api_secret (or TWILIO_API_SECRET) must be set if api_key is set"),
        ({"concurrency": 0, "alpha_senders": True}, "concurrency must be between 1 and 100, got 0"),
        ({"filters": {"nam": "x"}}, "filters must have the keys name and usecase only, got 'nam'"),
        ({"filters": {"name": 5}}, "filters, name must be a string, got 5"),
        ({"filters": {"usecase": {"a": 1}}}, "filters, usecase must be a string or a list of strings, got {'a': 1}"),
        ({"concurrency": "many"}, "concurrency"),
        ({"filters": "Shop*"}, "filters"),
        ({"strict": True, "compose": {"x": "{'Shop 1': 1}[twilio_friendly_name] + 1"}}, "services.twilio.yml: "),
        ({"auth_token": "{{ nothing }}"}, "The template of auth_token failed: "),
    ],
)
def test_inventory_error_ends_the_command(
    simulator: Simulator, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    simulator.reset(named_seed(*NAMES))
    inventory = write_inventory(tmp_path, **options)
    output = listed(tmp_path, inventory, environment(simulator), status=4)[1]
    assert message in " ".join(output.split())
    assert "Traceback" not in output


def test_inventory_error_ends_a_playbook(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES))
    inventory = write_inventory(tmp_path, filters={"name": 5})
    run = play(tmp_path, APPLY, "-i", inventory, extra={"alpha_sender_name": "A"}, variables=environment(simulator))
    assert run.status == 4
    assert simulator.senders(mg(1)) == []


def test_inventory_error_names_the_interpreter_when_requests_is_missing(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "requests.py").write_text("raise ImportError('no requests here')\n", encoding="utf-8")
    variables = {**environment(simulator), "PYTHONPATH": str(tmp_path)}
    output = listed(tmp_path, write_inventory(tmp_path), variables, status=4)[1]
    assert f"The Python package requests is missing for {sys.executable}" in " ".join(output.split())
    assert simulator.requests() == []


def test_inventory_fails_when_a_sender_cannot_be_read(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed(*NAMES), [{"kind": "status", "status": 500, "service": mg(3), "count": 99}])
    inventory = write_inventory(tmp_path, alpha_senders=True, max_retries=0)
    output = listed(tmp_path, inventory, environment(simulator), status=4)[1]
    assert "The alpha senders of 1 of 12 Services could not be read" in " ".join(output.split())


def test_credentials_can_come_from_lookups(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed("Shop"))
    variables = environment(simulator)
    variables["OTHER_TOKEN"] = variables.pop("TWILIO_AUTH_TOKEN")
    inventory = write_inventory(tmp_path, auth_token="{{ lookup('ansible.builtin.env', 'OTHER_TOKEN') }}")
    found, output = listed(tmp_path, inventory, variables)
    assert list(found["_meta"]["hostvars"]) == ["twilio-Shop"]
    assert variables["OTHER_TOKEN"] not in json.dumps(found) + output


def test_plugin_has_the_environment_variables_of_the_modules() -> None:
    fragment = (ROOT / "plugins/doc_fragments/_connection.py").read_text(encoding="utf-8")
    assert set(re.findall(r"E\((TWILIO_\w+)\)", fragment)) == {
        f"TWILIO_{name}" for name in ("ACCOUNT_SID", "AUTH_TOKEN", "API_KEY", "API_SECRET", "REGION", "EDGE", "API_URL")
    }


def test_plays_can_have_the_credentials_of_different_accounts(simulator: Simulator, tmp_path: Path) -> None:
    other = {"account_sid": "AC" + "0" * 31 + "2", "auth_token": "f" * 32, "services": [{"sid": mg(9)}]}
    known = named_seed("Shop 1")
    known["accounts"].append(other)
    simulator.reset(known)
    hosts = {"first": {"twilio_service_sid": mg(1)}, "second": {"twilio_service_sid": mg(9)}}
    groups: dict[str, Any] = {f"account_{name}": {"hosts": {name: variables}} for name, variables in hosts.items()}
    (tmp_path / "hosts.json").write_text(
        json.dumps({"all": {"children": groups, "vars": {"ansible_python_interpreter": sys.executable}}}),
        encoding="utf-8",
    )
    playbook: list[dict[str, Any]] = [
        {"import_playbook": APPLY, "vars": {"alpha_sender_group": "account_first"}},
        {
            "import_playbook": APPLY,
            "vars": {
                "alpha_sender_group": "account_second",
                "alpha_sender_account_sid": other["account_sid"],
                "alpha_sender_auth_token": other["auth_token"],
            },
        },
    ]
    options = ["-i", str(tmp_path / "hosts.json")]
    run = play(tmp_path, playbook, *options, extra={"alpha_sender_name": "ACME"}, variables=environment(simulator))
    assert run.status == 0, run.output
    assert [simulator.senders(mg(number)) for number in (1, 9)] == [["ACME"], ["ACME"]]
    # A slice can be without hosts of a group.
    limited = play(
        tmp_path,
        playbook,
        *options,
        "--limit",
        "second",
        extra={"alpha_sender_name": "B"},
        variables=environment(simulator),
    )
    assert limited.status == 0, limited.output
    assert [simulator.senders(mg(number)) for number in (1, 9)] == [["ACME"], ["B"]]


def test_failure_in_one_account_does_not_stop_the_play_of_the_next(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(["OLD"], ["OLD"]), [{"kind": "status", "status": 403, "service": mg(1)}])
    hosts = {
        f"account_{number}": {"hosts": {f"shop_{number}": {"twilio_service_sid": mg(number)}}} for number in (1, 2)
    }
    interpreter = {"ansible_python_interpreter": sys.executable}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"children": hosts, "vars": interpreter}}), encoding="utf-8")
    plays: list[dict[str, Any]] = [
        {"import_playbook": APPLY, "vars": {"alpha_sender_group": group, "alpha_sender_name": "ACME"}}
        for group in hosts
    ]
    run = play(tmp_path, plays, "-i", str(inventory), variables=environment(simulator))
    assert run.status == 2
    assert [simulator.senders(mg(number)) for number in (1, 2)] == [["OLD"], ["ACME"]]
    recap = run.output.partition("PLAY RECAP")[2]
    assert re.search(r"shop_1 .* failed=1 ", recap)
    assert re.search(r"shop_2 .* failed=0 ", recap)


def test_message_names_the_template_of_a_host_that_fails(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed([], []))
    hosts = {"first": {"twilio_service_sid": mg(1)}, "second": {"twilio_service_sid": "{{ nothing }}"}}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"twilio_services": {"hosts": hosts}}), encoding="utf-8")
    extra = {"alpha_sender_name": "ACME"}
    run = play(tmp_path, APPLY, "-i", str(inventory), extra=extra, variables=environment(simulator))
    assert run.status == 2
    assert "The template of twilio_service_sid of the host second failed: " in run.output
    assert "'nothing' is undefined" in run.output
    assert simulator.requests() == []
