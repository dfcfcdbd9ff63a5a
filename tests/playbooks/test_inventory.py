# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin: names of hosts, accounts, variables, cache, and what it keeps away from other inventories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator import Simulator
from support.account import (
    ACCOUNT_SID,
    API_KEY,
    API_SECRET,
    AUTH_TOKEN,
    environment,
    mg,
    named_seed,
)
from support.ansible_run import listed, localhost, play, write_inventory

SECOND, THIRD = "AC" + "0" * 31 + "2", "AC" + "0" * 31 + "3"
TOKENS = {SECOND: "22222222222222223333333333333333", THIRD: "44444444444444445555555555555555"}


def family(*accounts: list[str], status: str = "active") -> dict[str, Any]:
    """A parent account and its subaccounts, whose Services have the given names and the SIDs 1, 2, 3 …

    :arg status: of the last subaccount.
    """
    known: dict[str, Any] = named_seed(*accounts[0])
    number = len(accounts[0])
    for account_sid, names in zip((SECOND, THIRD), accounts[1:]):
        services = [{"sid": mg(number + place), "friendly_name": name} for place, name in enumerate(names, 1)]
        number += len(names)
        account = {"account_sid": account_sid, "auth_token": TOKENS[account_sid], "owner": ACCOUNT_SID}
        known["accounts"].append({**account, "services": services})
    known["accounts"][-1]["status"] = status
    return known


def hosts_of(found: dict[str, Any], group: str = "twilio_services") -> list[str]:
    """The hosts of a group of ``ansible-inventory --list``."""
    return list(found[group]["hosts"])


@pytest.mark.parametrize("first", ["servers", "services"])
def test_service_named_like_a_server_leaves_it_alone(simulator: Simulator, tmp_path: Path, first: str) -> None:
    simulator.reset(named_seed("web1", "localhost", "127.0.0.1"))
    (tmp_path / "servers.yml").write_text(
        json.dumps({"twilio_services": {"hosts": {"web1": {"ansible_host": "192.0.2.1"}}}}), encoding="utf-8"
    )
    write_inventory(tmp_path)
    sources = {"servers": tmp_path / "servers.yml", "services": tmp_path / "services.twilio.yml"}
    folder = tmp_path / "inventory"
    folder.mkdir()
    for name, source in sources.items():
        source.rename(folder / f"{1 if name == first else 2}.{source.name}")
    found, _output = listed(tmp_path, str(folder), environment(simulator))
    variables = found["_meta"]["hostvars"]
    assert sorted(variables) == ["twilio-127.0.0.1", "twilio-localhost", "twilio-web1", "web1"]
    # Not even the group of the Services gives a server anything.
    assert variables["web1"] == {"ansible_host": "192.0.2.1"}
    assert "ansible_host" not in variables["twilio-web1"]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "all", "shops", "services", mg(9)])
def test_name_with_another_meaning_is_no_host_name_without_prefix(
    simulator: Simulator, tmp_path: Path, name: str
) -> None:
    simulator.reset(named_seed(name, "Shop"))
    inventory = write_inventory(tmp_path, hostname_prefix="", groups={"shops": "true", "services": "false"})
    found, _output = listed(tmp_path, inventory, environment(simulator))
    assert sorted(hosts_of(found)) == [mg(1), "Shop"]


def test_host_names_can_be_sids(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed("Shop", "Alerts"))
    for names in ("sid", ["sid", "friendly_name"]):
        found, _output = listed(tmp_path, write_inventory(tmp_path, hostnames=names), environment(simulator))
        assert hosts_of(found) == [mg(1), mg(2)]


def test_host_name_does_not_depend_on_the_filter_of_use_cases(simulator: Simulator, tmp_path: Path) -> None:
    known = named_seed("Shop", "Shop", "Alerts")
    known["accounts"][0]["services"][0]["usecase"] = "marketing"
    simulator.reset(known)
    inventory = write_inventory(tmp_path, filters={"usecase": "marketing"})
    assert hosts_of(listed(tmp_path, inventory, environment(simulator))[0]) == [mg(1)]


def test_second_inventory_with_the_same_name_warns_and_uses_sids(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(family(["Shop", "Alerts"], ["Shop"]))
    folder = tmp_path / "inventory"
    folder.mkdir()
    for number, (account_sid, token) in enumerate([(ACCOUNT_SID, AUTH_TOKEN), (SECOND, TOKENS[SECOND])]):
        path = Path(write_inventory(folder, account_sid=account_sid, auth_token=token))
        path.rename(folder / f"{number}.twilio.yml")
    found, output = listed(tmp_path, str(folder), environment(simulator))
    assert hosts_of(found) == ["twilio-Shop", "twilio-Alerts", mg(3)]
    assert found["_meta"]["hostvars"]["twilio-Shop"]["twilio_account_sid"] == ACCOUNT_SID
    assert "1 Service named by SID, because another inventory has the host names: twilio-Shop" in " ".join(
        output.split()
    )


def test_subaccounts_have_groups_and_their_tokens_are_nowhere(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(family(["Shop", "Alerts"], ["Shop", "Bank"], ["Closed"], status="suspended"))
    folder = tmp_path / "cache"
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(folder)}
    inventory = write_inventory(tmp_path, subaccounts=True, alpha_senders=True, **cache)
    found, output = listed(tmp_path, inventory, environment(simulator))
    # A name that is not unique in all accounts is replaced by the SID.
    assert hosts_of(found, f"twilio_account_{ACCOUNT_SID}") == [mg(1), "twilio-Alerts"]
    assert hosts_of(found, f"twilio_account_{SECOND}") == [mg(3), "twilio-Bank"]
    assert f"twilio_account_{THIRD}" not in found
    assert "1 subaccount left out: suspended or closed" in output
    sent = len(simulator.requests())
    again, _output = listed(tmp_path, inventory, environment(simulator))
    assert again == found
    assert len(simulator.requests()) == sent
    texts = [output, json.dumps(found), *(path.read_text(encoding="utf-8") for path in folder.iterdir())]
    assert not any(token in text for token in (AUTH_TOKEN, *TOKENS.values()) for text in texts)


def test_subaccounts_need_the_token_of_the_parent(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(family(["Shop"], ["Bank"]))
    inventory = write_inventory(tmp_path, subaccounts=True, api_key=API_KEY, api_secret=API_SECRET)
    output = listed(tmp_path, inventory, environment(simulator), status=4)[1]
    assert "subaccounts must be false with an API key" in " ".join(output.split())


def test_account_of_the_key_must_be_that_of_account_sid(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(family(["Shop"], ["Bank"]))
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    key = {"api_key": API_KEY, "api_secret": API_SECRET}
    listed(tmp_path, write_inventory(tmp_path, **key, **cache), environment(simulator))
    # The cache of the right account must not hide the wrong one.
    inventory = write_inventory(tmp_path, account_sid=SECOND, **key, **cache)
    output = " ".join(listed(tmp_path, inventory, environment(simulator), status=4)[1].split())
    assert f"account_sid is {SECOND}, but the credentials belong to account {ACCOUNT_SID}" in output


def test_variables_of_any_other_group_override_those_of_twilio_services(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(family(["Shop"], ["Bank"]))
    keyed = [{"key": "twilio_usecase", "prefix": "a"}]
    inventory = write_inventory(tmp_path, subaccounts=True, keyed_groups=keyed)
    folder = tmp_path / "group_vars"
    folder.mkdir()
    groups = {"twilio_services": "Services", f"twilio_account_{SECOND}": "account", "a_undeclared": "usecase"}
    for name, value in groups.items():
        variables = {"one": value, "two": value} if name != "a_undeclared" else {"two": value}
        (folder / f"{name}.yml").write_text(json.dumps(variables), encoding="utf-8")
    found, _output = listed(tmp_path, inventory, environment(simulator))
    values = {host: (variables["one"], variables["two"]) for host, variables in found["_meta"]["hostvars"].items()}
    assert values == {"twilio-Shop": ("Services", "usecase"), "twilio-Bank": ("account", "account")}


def test_exported_strings_are_plain(simulator: Simulator, tmp_path: Path) -> None:
    known = named_seed("Shop", "a {brace} # 50% of [x]", senders={"Shop": ["ACME"]})
    known["accounts"][0]["services"][0]["country_senders"] = {"FR": "ACME FR"}
    simulator.reset(known)
    inventory = write_inventory(tmp_path, country_senders=True, compose={"label": "twilio_friendly_name ~ '!'"})
    found, output = listed(tmp_path, inventory, environment(simulator))
    assert "__ansible_unsafe" not in json.dumps(found)
    assert "WARNING" not in output
    assert [host["label"] for host in found["_meta"]["hostvars"].values()] == ["Shop!", "a {brace} # 50% of [x]!"]


@pytest.mark.parametrize(
    "name",
    [
        "{{ lookup('pipe', 'touch FILE') }}",
        "{% if lookup('pipe', 'touch FILE') %}{% endif %}",
        # A header can change what begins a template.
        "#jinja2: variable_start_string: '[['\n[[ lookup('pipe', 'touch FILE') }}",
        "#jinja2: variable_start_string: '[[', variable_end_string: ']]'\n[[ lookup('pipe', 'touch FILE') ]]",
    ],
)
def test_name_that_is_a_template_is_never_evaluated(simulator: Simulator, tmp_path: Path, name: str) -> None:
    made = tmp_path / "made"
    name = name.replace("FILE", str(made))
    simulator.reset(named_seed("Shop"))
    simulator.service(mg(1)).resource["friendly_name"] = name
    compose = {"copy": "twilio_friendly_name", "longer": "'{{' ~ twilio_friendly_name"}
    groups, keyed = {"named": "twilio_friendly_name != ''"}, [{"key": "twilio_friendly_name", "prefix": "name"}]
    inventory = write_inventory(
        tmp_path, hostnames="sid", compose=compose, groups=groups, keyed_groups=keyed, strict=True
    )
    tasks = [{"debug": {"msg": "{{ hostvars[item].values() | list }}"}, "loop": [mg(1)]}]
    run = play(tmp_path, localhost(*tasks), "-i", inventory, variables=environment(simulator))
    assert run.status == 0, run.output
    tasks = [{"debug": {"msg": "<{{ twilio_friendly_name }}> <{{ copy }}> <{{ longer }}>"}}]
    run = play(
        tmp_path,
        [{"hosts": mg(1), "gather_facts": False, "tasks": tasks}],
        "-i",
        inventory,
        variables=environment(simulator),
    )
    assert run.status == 0, run.output
    assert json.dumps(f"<{name}> <{name}> <{{{{{name}>") in run.output
    assert not made.exists()


@pytest.mark.parametrize("variable", ["alpha_sender_name", "alpha_sender_state", "twilio_account_sid"])
def test_variable_of_the_collection_that_compose_cannot_make_ends_the_command(
    simulator: Simulator, tmp_path: Path, variable: str
) -> None:
    simulator.reset(named_seed("Shop", "Alerts"))
    inventory = write_inventory(tmp_path, compose={variable: "{'Shop': 'SHOP'}[twilio_friendly_name]"})
    output = " ".join(listed(tmp_path, inventory, environment(simulator), status=4)[1].split())
    assert f"compose could not set {variable} for the host twilio-Alerts: " in output


def test_other_variable_that_compose_cannot_make_is_left_out(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed("Shop", "Alerts"))
    inventory = write_inventory(tmp_path, compose={"label": "{'Shop': 'SHOP'}[twilio_friendly_name]"})
    found, _output = listed(tmp_path, inventory, environment(simulator))
    assert {host: variables.get("label") for host, variables in found["_meta"]["hostvars"].items()} == {
        "twilio-Shop": "SHOP",
        "twilio-Alerts": None,
    }


@pytest.mark.parametrize(
    "content",
    ["[]", "5", '{"__payload__": "[]"}', '{"__payload__": "{}"}', '[{"friendly_name": "Shop"}]', "no JSON", ""],
)
def test_cache_file_without_services_ends_the_command(simulator: Simulator, tmp_path: Path, content: str) -> None:
    simulator.reset(named_seed("Shop"))
    folder = tmp_path / "cache"
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(folder)}
    inventory = write_inventory(tmp_path, **cache)
    found, _output = listed(tmp_path, inventory, environment(simulator))
    [file] = folder.iterdir()
    file.write_text(content, encoding="utf-8")
    output = " ".join(listed(tmp_path, inventory, environment(simulator), status=4)[1].split())
    assert "ache" in output
    assert "Traceback" not in output
    flushed = play(tmp_path, localhost(), "-i", inventory, "--flush-cache", variables=environment(simulator))
    assert flushed.status == 0, flushed.output
    assert listed(tmp_path, inventory, environment(simulator))[0] == found
    assert len(simulator.requests()) == 2


def test_one_odd_service_does_not_fail_the_others(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(named_seed("Shop", "no SID", "no name", "number", "list", "account", "Alerts"))
    odd: dict[int, dict[str, Any]] = {
        2: {"sid": None},
        3: {"friendly_name": None},
        4: {"friendly_name": 5},
        5: {"friendly_name": ["x"]},
        6: {"account_sid": None},
    }
    for number, fields in odd.items():
        simulator.service(mg(number)).resource.update(fields)
    groups = {"shops": "'Shop' in twilio_friendly_name"}
    found, output = listed(tmp_path, write_inventory(tmp_path, groups=groups), environment(simulator))
    assert hosts_of(found) == ["twilio-Shop", mg(3), mg(4), mg(5), "twilio-account", "twilio-Alerts"]
    assert "1 Service without a valid SID, ignored: None" in output
    assert hosts_of(found, "shops") == ["twilio-Shop"]


@pytest.mark.parametrize("content", ["null", '{"twilio_services": {"hosts": []}}'])
def test_cache_file_with_other_data_is_never_an_empty_inventory(
    simulator: Simulator, tmp_path: Path, content: str
) -> None:
    """The cache plugin decides whether this is an error or no cache. It depends on the release of ansible-core."""
    simulator.reset(named_seed("Shop"))
    folder = tmp_path / "cache"
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(folder)}
    inventory = write_inventory(tmp_path, **cache)
    listed(tmp_path, inventory, environment(simulator))
    [file] = folder.iterdir()
    file.write_text(content, encoding="utf-8")
    task = {"debug": {"msg": "{{ groups['twilio_services'] }}"}}
    run = play(tmp_path, localhost(task), "-i", inventory, variables=environment(simulator))
    assert run.status == 4 or '"twilio-Shop"' in run.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hostname_prefix": "a b"}, "hostname_prefix must begin with a letter or digit"),
        ({"hostname_prefix": "@"}, "hostname_prefix must begin with a letter or digit"),
        ({"hostnames": ["name"]}, "hostnames"),
    ],
)
def test_option_of_host_names_is_checked(
    simulator: Simulator, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    simulator.reset(named_seed("Shop"))
    output = listed(tmp_path, write_inventory(tmp_path, **options), environment(simulator), status=4)[1]
    assert message in " ".join(output.split())
    assert simulator.requests() == []
