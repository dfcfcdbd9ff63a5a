# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the documentation run, and its names are those of the code."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.messaging.twilio.plugins.module_utils._module import (
    accounts_spec,
    connection_spec,
    controller_spec,
    desired_spec,
    service_spec,
)

from simulator import Simulator
from simulator.faults import KINDS
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, mg, named_seed, seed
from support.account import environment as credentials
from support.ansible_run import MODULE_OPTIONS, MODULES, ROOT, environment, listed, localhost, play, write_inventory

GUIDES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs/docsite/rst").glob("*.rst"))
PAGES = ["README.md", "roles/alpha_sender/README.md", *GUIDES]

OWN = "has the credentials of the reader"
SERVER = "needs Galaxy, which the tests do not reach"
CLONE = "runs the tests, or is a check of its own"
WORDS = "is neither a command nor the output of one"
QUICKSTART = "docs/docsite/rst/guide_quickstart.rst"
#: The examples that do not run, by page and first line, with the reason. All others run.
NOT_RUN = {
    ("README.md", "make demo"): CLONE,
    ("README.md", "make test"): CLONE,
    ("README.md", "ansible-galaxy collection install messaging.twilio"): SERVER,
    ("README.md", "export TWILIO_API_KEY=SKxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"): OWN,
    (QUICKSTART, "ansible-galaxy collection install messaging.twilio"): SERVER,
    (QUICKSTART, "export TWILIO_API_KEY=SKxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"): OWN,
    ("docs/docsite/rst/guide_credentials.rst", "export TWILIO_API_KEY=SKxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"): OWN,
    ("docs/docsite/rst/guide_scale.rst", "requests = Services + created + 2 x replaced + deleted"): WORDS,
}
MARKDOWN = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RST = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:   .*\n|\n)+)", re.MULTILINE)
NAMED = re.compile(r"# (\S+\.ya?ml)\n")


def account() -> dict[str, Any]:
    """The account of all examples, and a subaccount. Twilio refuses the sender BANK."""
    known = named_seed("Shop", "Shop FR", "Alerts", "Shop UK", senders={"Shop FR": ["OLD"], "Alerts": ["ACME"]})
    known["accounts"][0]["refused"] = ["BANK"]
    known["accounts"].append(
        {
            "account_sid": "AC" + "0" * 31 + "2",
            "auth_token": "fedcba9876543210" * 2,
            "owner": ACCOUNT_SID,
            "services": [{"sid": mg(5), "friendly_name": "Shop DE"}],
        }
    )
    return known


def constant(path: Path, name: str) -> str:
    """The string that a Python file gives to ``name``, without running it."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [getattr(target, "id", None) for target in node.targets] == [name]:
            return str(ast.literal_eval(node.value))
    raise AssertionError(f"{path} has no {name}")


def examples(page: str) -> list[tuple[str, str]]:
    """Language and text of each example of a page, in order. An example in another form is an error."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if page.endswith(".md"):
        found = MARKDOWN.findall(text)
        assert 2 * len(found) == len(re.findall(r"^ *```", text, re.MULTILINE)), "an example without a language"
        return found
    found = RST.findall(text)
    assert len(found) == text.count("code-block::"), "an example that is indented or has options"
    assert not re.search("::$", re.sub("(csv|list)-table::", "", text), re.MULTILINE), (
        "an example that is not a code-block"
    )
    return [(language, textwrap.dedent(body).rstrip("\n") + "\n") for language, body in found]


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
def test_runs_the_examples_of_a_module(simulator: Simulator, tmp_path: Path, module: str) -> None:
    simulator.reset(account())
    tasks = yaml.safe_load(constant(ROOT / f"plugins/modules/{module}.py", "EXAMPLES"))
    if module == "alpha_sender":
        # The third example does not replace a sender. It succeeds because the first example set the same one.
        assert [task["messaging.twilio.alpha_sender"].get("replace") for task in tasks] == [
            None,
            None,
            False,
            None,
            None,
            None,
        ]
    played = play(tmp_path, localhost(*tasks), variables=credentials(simulator))
    assert played.status == 0, played.output
    assert simulator.requests() != []


@pytest.mark.parametrize("page", PAGES)
def test_runs_the_examples_of_a_page(simulator: Simulator, tmp_path: Path, page: str) -> None:
    simulator.reset(account())
    unused: set[str] = set()
    output = ""
    for language, text in examples(page):
        first = text.splitlines()[0]
        if (page, first) in NOT_RUN:
            output = ""
            continue
        named = NAMED.match(text)
        if language == "text":
            assert output, f"{first}: no command before it printed anything"
            for line in text.splitlines():
                assert line.strip() in ("...", "") or line.strip() in output, f"{line}: not in\n{output}"
            continue
        before = len(simulator.requests())
        if language == "yaml" and named:
            (tmp_path / named[1]).write_text(text, encoding="utf-8")
            unused.add(named[1])
            continue
        if language == "yaml":
            output = played_example(simulator, tmp_path, yaml.safe_load(text))
        else:
            assert language == "shell", first
            output = typed(simulator, tmp_path, text)
            unused = {name for name in unused if name not in text}
        assert len(simulator.requests()) > before, f"{first}: no request to the API"
    assert not unused, "files that no example uses"


def played_example(simulator: Simulator, folder: Path, content: Any) -> str:
    """The output of Ansible for a list of plays or of tasks, which must succeed."""
    assert isinstance(content, list), "neither plays nor tasks. A file begins with a comment that has its name"
    plays = content if "hosts" in content[0] else localhost(*content)
    played = play(folder, plays, "-i", write_inventory(folder), variables=credentials(simulator))
    assert played.status == 0, played.output
    return played.output


def typed(simulator: Simulator, folder: Path, commands: str) -> str:
    """The output of a shell for ``commands``. The status must be the one that a comment in them has, or else 0."""
    status = re.search(r"# exits with (\d+)$", commands.rstrip())
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", commands],
        cwd=folder,
        env=environment(folder, credentials(simulator)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == int(status[1] if status else 0), done.stdout
    return done.stdout


def test_finds_each_example_that_does_not_run() -> None:
    found = {(page, text.splitlines()[0]) for page in PAGES for _language, text in examples(page)}
    assert set(NOT_RUN) <= found
    assert set(NOT_RUN.values()) <= {OWN, SERVER, CLONE, WORDS}
    assert len(NOT_RUN) == 8


@pytest.mark.parametrize("module", MODULES)
def test_shows_a_module_without_warning(tmp_path: Path, module: str) -> None:
    shown, warnings = documented("module", module, tmp_path)
    assert warnings == ""
    assert shown["doc"]["short_description"]


def test_shows_the_inventory_plugin_without_warning_and_reads_its_example(simulator: Simulator, tmp_path: Path) -> None:
    shown, warnings = documented("inventory", "services", tmp_path)
    assert warnings == ""
    assert set(connection_spec()) <= set(shown["doc"]["options"])
    simulator.reset(named_seed("Shop UK", "Shop FR"))
    variables = credentials(simulator) | {"SHOP_API_KEY": API_KEY, "SHOP_API_SECRET": API_SECRET}
    example = {**yaml.safe_load(shown["examples"]), "cache_connection": str(tmp_path / "cache")}
    found, output = listed(tmp_path, write_inventory(tmp_path, **example), variables)
    assert found["twilio_services"]["hosts"] == ["twilio-Shop_UK", "twilio-Shop_FR"]
    assert output == ""
    assert found["_meta"]["hostvars"]["twilio-Shop_UK"]["alpha_sender_name"] == "SHOP UK"


def test_shows_the_role_without_warning(tmp_path: Path) -> None:
    shown, warnings = documented("role", "alpha_sender", tmp_path)
    # ansible-core 2.21 warns about one of its own collections.
    assert [line for line in warnings.splitlines() if "_protomatter" not in line] == []
    assert "main" in shown["entry_points"]


def test_documents_the_keys_of_a_result(simulator: Simulator, tmp_path: Path) -> None:
    simulator.reset(seed(["OLD"], ["ACME"], ["OLD"]))
    tasks: list[dict[str, Any]] = [
        {f"messaging.twilio.{module}": options, "register": module} for module, options in MODULE_OPTIONS.items()
    ]
    registered = ", ".join(f"'{module}': {module}" for module in MODULES)
    tasks += [
        {
            "ansible.builtin.copy": {
                "content": f"{{{{ {{{registered}}} | to_json }}}}",
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
        rare = ("failure", "O(hosts)", "O(report_path)", "O(country_senders=true)")
        always = {name: value for name, value in returned.items() if not value["returned"].startswith(rare)}
        assert set(results[module]) - {"changed", "failed", "diff", "warnings"} == set(always), module
        for name, value in always.items():
            result = results[module][name]
            if "sample" in value:
                assert covers(shape(result), shape(value["sample"])), name
            if result and "contains" in value:
                keys = {key for key, part in value["contains"].items() if part["returned"] == "always"}
                assert keys == set(result[0] if isinstance(result, list) else result), name


def covers(result: Any, sample: Any) -> bool:
    """Whether a result has all that a sample shows. The sample may leave out fields."""
    if isinstance(sample, dict) and isinstance(result, dict) and sample:
        return all(key in result and covers(result[key], sample[key]) for key in sample)
    if isinstance(sample, list) and isinstance(result, list) and sample and result:
        return covers(result[0], sample[0])
    return bool(result == sample)


def shape(value: Any) -> Any:
    """The keys and types of a value."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value)


def test_documents_the_options_of_the_specs_with_their_defaults() -> None:
    specs = {
        "_accounts": accounts_spec(),
        "_connection": connection_spec(),
        "_controller": controller_spec(),
        "_desired": desired_spec(),
        "_service": service_spec(),
    }
    for fragment, spec in specs.items():
        source = (ROOT / f"plugins/doc_fragments/{fragment}.py").read_text(encoding="utf-8")
        parts = [yaml.safe_load(text)["options"] for text in re.findall(r'r"""\n(options:.*?)"""', source, re.DOTALL)]
        options = {name: option for part in parts for name, option in part.items()}
        assert set(options) == set(spec)
        for name, option in spec.items():
            assert options[name].get("default") == option.get("default"), name
            assert options[name]["type"] == ("str" if callable(option["type"]) else option["type"]), name
            if "fallback" in option:
                assert f"E({option['fallback'][1][0]})" in " ".join(options[name]["description"])


def test_documents_the_variables_of_the_role() -> None:
    role = ROOT / "roles/alpha_sender"
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    options = {**specs["main"]["options"], **specs["audit"]["options"]}
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text(encoding="utf-8"))
    used = ("tasks/apply.yml", "tasks/audit.yml", "vars/main.yml")
    task = "".join((role / path).read_text(encoding="utf-8") for path in used)
    page = (role / "README.md").read_text(encoding="utf-8")
    # The plugin of the module reads these.
    connection = {f"alpha_sender_{name}" for name in (*connection_spec(), *accounts_spec())}
    for name, option in options.items():
        assert f"`{name}`" in page, name
        assert name in connection or re.search(rf"\b{name}\b", task), name
        if name != "alpha_sender_services":
            assert option.get("default") == defaults.get(name), name
    assert set(defaults) <= set(options)
    assert connection <= set(options)


def test_has_every_module_in_the_action_group() -> None:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    assert runtime["action_groups"]["twilio"] == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_lists_a_module_in_the_readme_and_has_an_integration_target(module: str) -> None:
    assert f"| module `messaging.twilio.{module}` |" in (ROOT / "README.md").read_text(encoding="utf-8")
    # The targets are found by this file.
    assert (ROOT / f"tests/integration/targets/module_{module}/tasks/cases.yml").is_file()


def test_documents_every_fault_of_the_simulator() -> None:
    page = (ROOT / "tests/simulator/README.md").read_text(encoding="utf-8")
    table = page.partition("| kind | what happens |")[2]
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))) == KINDS
