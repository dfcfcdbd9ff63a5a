# Copyright: messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation says is so: its examples run, its names are the code's."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.messaging.twilio.plugins.module_utils._options import connection_spec, wish_spec

from simulator import Simulator
from simulator.faults import KINDS
from simulator.playing import ROOT, environment, localhost, play
from simulator.testing import environment as credentials
from simulator.testing import seed

MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
PAGES = ("README.md", "roles/alpha_sender/README.md")


def constant(path: Path, name: str) -> str:
    """The string that a Python file gives to ``name``, without running it."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", None) for target in node.targets] == [name]:
            return str(ast.literal_eval(node.value))
    raise AssertionError(f"{path} has no {name}")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def documented(kind: str, name: str, tmp_path: Path) -> tuple[dict[str, Any], str]:
    done = subprocess.run(
        ["ansible-doc", "--type", kind, "--json", f"messaging.twilio.{name}"],
        env=environment(tmp_path, {}),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)[f"messaging.twilio.{name}"], done.stderr


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_run(simulator: Simulator, tmp_path: Path, module: str) -> None:
    simulator.reset(seed([], ["OLD"], ["ACME"]))
    examples = yaml.safe_load(constant(ROOT / f"plugins/modules/{module}.py", "EXAMPLES"))
    if module == "alpha_sender":
        # The second example refuses to replace what the first one may have set to the same.
        assert [task["messaging.twilio.alpha_sender"].get("replace") for task in examples] == [None, False, None]
    played = play(tmp_path, localhost(*examples), variables=credentials(simulator))
    assert played.status == 0, played.output
    assert simulator.requests() != []


@pytest.mark.parametrize("page", PAGES)
def test_the_playbooks_of_a_page_run(simulator: Simulator, tmp_path: Path, page: str) -> None:
    simulator.reset(seed([], ["OLD"], ["ACME"]))
    playbooks = [yaml.safe_load(block) for block in blocks(page, "yaml")]
    assert playbooks
    inventory = tmp_path / "services.ini"
    hosts = [f"service{number} twilio_service_sid=MG{number:032x}" for number in (1, 2, 3)]
    inventory.write_text("\n".join(hosts), encoding="utf-8")
    for playbook in playbooks:
        before = len(simulator.requests())
        extra = playbook if isinstance(playbook, dict) else {}
        name = "messaging.twilio.apply" if extra else playbook
        played = play(tmp_path, name, "-i", str(inventory), extra=extra, variables=credentials(simulator))
        assert played.status == 0, played.output
        assert len(simulator.requests()) > before


@pytest.mark.parametrize("module", MODULES)
def test_ansible_doc_shows_a_module_without_a_warning(tmp_path: Path, module: str) -> None:
    shown, warnings = documented("module", module, tmp_path)
    assert warnings == ""
    assert shown["doc"]["short_description"]


def test_ansible_doc_shows_the_role_without_a_warning(tmp_path: Path) -> None:
    shown, warnings = documented("role", "alpha_sender", tmp_path)
    assert warnings == ""
    assert "main" in shown["entry_points"]


def test_return_samples_have_the_keys_of_a_true_result(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed([]))
    service = {"service_sid": f"MG{1:032x}"}
    tasks: list[dict[str, Any]] = [
        {"messaging.twilio.alpha_sender": {**service, "alpha_sender": "ACME"}, "register": "alpha_sender"},
        {
            "messaging.twilio.alpha_senders": {"services": [f"MG{1:032x}"], "alpha_sender": "OTHER"},
            "register": "alpha_senders",
        },
        {"messaging.twilio.alpha_sender_info": service, "register": "alpha_sender_info"},
        {
            "ansible.builtin.copy": {
                "content": "{{ {'alpha_sender': alpha_sender, 'alpha_senders': alpha_senders,"
                " 'alpha_sender_info': alpha_sender_info} | to_json }}",
                "dest": str(tmp_path / "results.json"),
                "mode": "0600",
            }
        },
    ]
    played = play(tmp_path, localhost(*tasks), variables=credentials(simulator))
    assert played.status == 0, played.output
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    for module in MODULES:
        returned = yaml.safe_load(constant(ROOT / f"plugins/modules/{module}.py", "RETURN"))
        always = {name: value for name, value in returned.items() if not value["returned"].startswith("failure")}
        told = {name for name in results[module] if name not in ("changed", "failed", "diff", "warnings")}
        assert told == set(always)
        for name, value in always.items():
            assert shape(value["sample"]) == shape(results[module][name]), name


def shape(value: Any) -> Any:
    """What kind of value it is: keys and types, whatever the content."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value)


def test_fragments_have_the_options_of_the_specs_with_their_defaults() -> None:
    for fragment, spec in (("_connection", connection_spec()), ("_wish", wish_spec())):
        source = (ROOT / f"plugins/doc_fragments/{fragment}.py").read_text(encoding="utf-8")
        options = yaml.safe_load(source.split('r"""')[1].split('"""')[0])["options"]
        assert list(options) == list(spec)
        for name, option in spec.items():
            assert options[name].get("default") == option.get("default"), name
            assert options[name]["type"] == option["type"], name
            if "fallback" in option:
                assert f"E({option['fallback'][1][0]})" in " ".join(options[name]["description"])


def test_the_roles_variables_are_told_the_same_everywhere() -> None:
    role = ROOT / "roles/alpha_sender"
    options = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"][
        "options"
    ]
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text(encoding="utf-8"))
    task = (role / "tasks/main.yml").read_text(encoding="utf-8")
    page = (role / "README.md").read_text(encoding="utf-8")
    for name, option in options.items():
        assert f"`{name}`" in page, name
        assert re.search(rf"\b{name}\b", task), name
        if name != "alpha_sender_services":
            assert option.get("default") == defaults.get(name), name
    assert set(defaults) <= set(options)
    assert {f"alpha_sender_{name}" for name in connection_spec()} <= set(options)


def test_the_action_group_has_every_module() -> None:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    assert runtime["action_groups"]["twilio"] == MODULES


def test_the_simulators_page_names_every_fault() -> None:
    page = (ROOT / "tests/simulator/README.md").read_text(encoding="utf-8")
    table = page.partition("| kind | what happens |")[2]
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))) == KINDS
