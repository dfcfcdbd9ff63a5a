# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX: the execution environment, and the objects that ``docs/awx`` creates in AWX.

The tests run without AWX. They apply its rules for credentials and surveys, run jobs with ansible-runner, and replace
the modules of awx.awx by modules that have the same options.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from simulator import Simulator
from support.account import ACCOUNT_SID, API_KEY, API_SECRET, AUTH_TOKEN, environment, mg, named_seed
from support.ansible_run import ROOT, listed, play, write_inventory
from support.jobs import start_job

AWX = ROOT / "docs/awx"
GIVEN = {
    "awx_project_url": "https://git.example.org/twilio.git",
    "awx_image": "twilio-ee",
    "awx_nightly_alpha_sender": "ACME",
    "awx_job_slices": 4,
}
#: The options of the modules of awx.awx that are used here, and options with similar names.
MODULES = {
    "credential_type": "name description kind inputs injectors state",
    "credential": "name description organization credential_type inputs update_secrets user team state",
    "execution_environment": "name description image organization credential pull state",
    "project": "name description organization scm_type scm_url scm_branch scm_update_on_launch credential state",
    "inventory": "name description organization kind host_filter variables state",
    "inventory_source": (
        "name description inventory source source_path source_vars source_project credential execution_environment"
        " overwrite overwrite_vars update_on_launch update_cache_timeout timeout verbosity limit state"
    ),
    "job_template": (
        "name description organization job_type inventory project playbook credentials execution_environment forks"
        " limit verbosity extra_vars job_slice_count survey_enabled survey_spec ask_limit_on_launch"
        " ask_diff_mode_on_launch ask_verbosity_on_launch ask_variables_on_launch state"
    ),
    "workflow_job_template": (
        "name description organization inventory extra_vars survey_enabled survey_spec workflow_nodes"
        " destroy_current_nodes state"
    ),
    "schedule": "name description unified_job_template rrule extra_data inventory enabled organization state",
}
DICTS = {"inputs", "injectors", "extra_vars", "survey_spec", "extra_data", "source_vars"}
LISTS = {"credentials": "str", "workflow_nodes": "dict"}
STAND_IN = """
import json
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec=json.loads({spec!r}))
given = {{name: value for name, value in module.params.items() if value is not None}}
with open({record!r}, "a") as file:
    file.write(json.dumps([{name!r}, given]) + "\\n")
module.exit_json(changed=True)
"""

Made = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The objects that ``configure.yml`` creates: the options that each module got, by module."""
    folder = tmp_path_factory.mktemp("awx")
    modules, record = folder / "ansible_collections/awx/awx/plugins/modules", folder / "record"
    modules.mkdir(parents=True)
    for name, options in MODULES.items():
        spec = {
            option: {"type": "dict"}
            if option in DICTS
            else {"type": "list", "elements": LISTS[option]}
            if option in LISTS
            else {"type": "raw"}
            for option in options.split()
        }
        code = STAND_IN.format(spec=json.dumps(spec), record=str(record), name=name)
        (modules / f"{name}.py").write_text(code, encoding="utf-8")
    path = {"ANSIBLE_COLLECTIONS_PATH": str(folder)}
    played = play(folder, str(AWX / "configure.yml"), extra=GIVEN, variables=path)
    assert played.status == 0, played.output
    assert "WARNING" not in played.output
    found: Made = {name: [] for name in MODULES}
    for line in record.read_text(encoding="utf-8").splitlines():
        name, options = json.loads(line)
        found[name].append(options)
    return found


def questions(survey: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The questions by their variable. Checks that each has the keys that AWX requires."""
    for question in survey["spec"]:
        assert {"question_name", "question_description", "variable", "type", "required"} <= set(question)
        assert question["type"] in ("text", "integer", "multiplechoice")
        if question["type"] == "multiplechoice":
            assert question["default"] in question["choices"]
            assert all(isinstance(choice, str) for choice in question["choices"])
    return {question["variable"]: question for question in survey["spec"]}


def options_of_role(*entry_points: str) -> dict[str, dict[str, Any]]:
    specs = yaml.safe_load((ROOT / "roles/alpha_sender/meta/argument_specs.yml").read_text(encoding="utf-8"))
    return {name: spec for point in entry_points for name, spec in specs["argument_specs"][point]["options"].items()}


def rendered(credential_type: dict[str, Any], **inputs: str) -> dict[str, str]:
    """The environment variables of a credential, by AWX's rules for injectors."""
    assert set(inputs) <= {field["id"] for field in credential_type["inputs"]["fields"]}
    # AWX leaves out empty inputs.
    given = {name: value for name, value in inputs.items() if value}
    sandbox = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    return {
        name: sandbox.from_string(text).render(**given) for name, text in credential_type["injectors"]["env"].items()
    }


def test_execution_environment_has_the_requirements_of_the_collection(tmp_path: Path) -> None:
    builder = [sys.executable, "-m", "ansible_builder"]
    (tmp_path / "ansible_collections/messaging").mkdir(parents=True)
    (tmp_path / "ansible_collections/messaging/twilio").symlink_to(ROOT)
    output = subprocess.run([*builder, "introspect", str(tmp_path)], capture_output=True, text=True, check=True).stdout
    found = yaml.safe_load(output)
    assert found["system"] == []
    assert [need.split()[0] for need in found["python"]] == ["requests>=2.28"]
    context = tmp_path / "context"
    example = AWX / "execution-environment.yml"
    subprocess.run([*builder, "create", "-f", str(example), "-c", str(context)], capture_output=True, check=True)
    assert "ansible-core>=2.16" in next(context.glob("*file")).read_text(encoding="utf-8")
    requirements = yaml.safe_load((context / "_build/requirements.yml").read_text(encoding="utf-8"))
    assert requirements == {"collections": [{"name": "messaging.twilio"}]}


def test_survey_questions_are_variables_of_the_role(made: Made) -> None:
    for template in made["job_template"]:
        points = ("main",) if template["playbook"] == "apply.yml" else ("main", "audit")
        known = options_of_role(*points)
        for name, question in questions(template["survey_spec"]).items():
            assert name in known, f"{template['name']} asks for {name}"
            if question["type"] == "multiplechoice":
                words = ["present", "absent"] if name == "alpha_sender_state" else ["true", "false"]
                assert question["choices"] == words
            if "default" in known[name]:
                assert str(question["default"]).lower() == str(known[name]["default"]).lower()
        assert set(template["extra_vars"]) <= set(known)


def test_workflow_and_schedule_answer_the_questions_of_their_jobs(made: Made) -> None:
    surveys = {template["name"]: questions(template["survey_spec"]) for template in made["job_template"]}
    [workflow], [schedule] = made["workflow_job_template"], made["schedule"]
    nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
    follow = {
        name: [node["identifier"] for node in node.get("related", {}).get("success_nodes", [])]
        for name, node in nodes.items()
    }
    assert follow == {"audit": ["approve"], "approve": ["apply"], "apply": []}
    assert nodes["approve"]["unified_job_template"]["type"] == "workflow_approval"
    asked = set(questions(workflow["survey_spec"]))
    for name in ("audit", "apply"):
        survey = surveys[nodes[name]["unified_job_template"]["name"]]
        # Questions with a default need no answer.
        assert asked <= set(survey)
        assert {variable for variable, question in survey.items() if question["default"] == ""} <= asked
    survey = surveys[schedule["unified_job_template"]]
    assert set(schedule["extra_data"]) == set(survey)
    assert (
        schedule["extra_data"]["alpha_sender_audit_fail_on_drift"],
        schedule["extra_data"]["alpha_sender_name"],
    ) == (
        "true",
        "ACME",
    )
    assert schedule["rrule"].startswith("DTSTART;TZID=UTC:")


def test_objects_refer_to_each_other(made: Made) -> None:
    names = {module: {entry["name"] for entry in entries} for module, entries in made.items()}
    [source] = made["inventory_source"]
    assert {source["inventory"]} == names["inventory"]
    assert {source["source_project"]} == names["project"]
    for entry in [source, *made["job_template"]]:
        assert {entry["execution_environment"]} == names["execution_environment"]
    assert (AWX / "project" / source["source_path"]).exists()
    for template in made["job_template"]:
        assert {template["project"]} == names["project"]
        assert {template["inventory"]} == names["inventory"]
        assert set(template["credentials"]) == names["credential"]
        assert (AWX / "project" / template["playbook"]).exists()
    assert {entry["credential_type"] for entry in made["credential"]} == names["credential_type"]
    assert [template["job_type"] for template in made["job_template"]] == ["run", "check", "run"]
    assert int(made["job_template"][0]["job_slice_count"]) == 4


def test_secret_fields_are_secret_and_injectors_are_the_documented_variables(made: Made) -> None:
    [credential_type] = made["credential_type"]
    fields = {field["id"]: field for field in credential_type["inputs"]["fields"]}
    assert {name for name, field in fields.items() if field.get("secret")} == {"auth_token", "api_secret"}
    assert set(credential_type["injectors"]["env"]) == {f"TWILIO_{name.upper()}" for name in fields}
    # If all fields are empty, the variables are empty, and there is no error.
    assert set(rendered(credential_type).values()) == {""}


@pytest.mark.parametrize("key", [False, True])
def test_job_runs_with_the_credential_and_the_answers_of_the_survey(
    simulator: Simulator, tmp_path: Path, made: Made, *, key: bool
) -> None:
    [credential_type] = made["credential_type"]
    by_key = {"api_key": API_KEY, "api_secret": API_SECRET}
    inputs = by_key if key else {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}
    credentials = rendered(credential_type, **inputs, api_url=simulator.url)
    simulator.reset(named_seed("Shop 1", "Shop 2", senders={"Shop 1": ["OLD"]}))
    inventory, _errors = listed(tmp_path, write_inventory(tmp_path), environment(simulator))
    apply, check, audit = made["job_template"]
    for place, (template, line) in enumerate(
        (
            (
                check,
                "2 Services: 1 created, 1 replaced, 0 deleted, 0 unchanged, 0 failed (check mode, nothing is changed)",
            ),
            (apply, "2 Services: 1 created, 1 replaced, 0 deleted, 0 unchanged, 0 failed"),
            (audit, "2 Services: 2 with alpha sender, 0 without, 2 as desired, 0 drifted"),
        )
    ):
        answers = {name: question["default"] for name, question in questions(template["survey_spec"]).items()}
        playbook = yaml.safe_load((AWX / "project" / template["playbook"]).read_text(encoding="utf-8"))
        job = start_job(
            tmp_path / f"job{place}",
            playbook,
            inventory,
            credentials={**credentials, "NO_PROXY": "127.0.0.1"},
            extra={**answers, "alpha_sender_name": "ACME", **template["extra_vars"]},
            options="--check" if template["job_type"] == "check" else "",
        ).wait()
        assert job.status == "successful", job.output
        assert line in job.output
    assert simulator.senders(mg(1)) == simulator.senders(mg(2)) == ["ACME"]
    # A workflow passes the published values to its next job as variables. They must not set a variable of the role.
    assert not set(job.stats) & set(options_of_role("main", "audit"))


def test_job_does_not_evaluate_what_awx_stored_as_unsafe(simulator: Simulator, tmp_path: Path) -> None:
    """AWX stores the output of ansible-inventory, and a job gets it from a script."""
    simulator.reset(named_seed("{{ 40 + 2 }}", "Shop UK"))
    inventory, _errors = listed(tmp_path, write_inventory(tmp_path), environment(simulator))
    stored = [variables["twilio_friendly_name"] for variables in inventory["_meta"]["hostvars"].values()]
    assert sorted(map(str, stored)) == ["Shop UK", "{'__ansible_unsafe': '{{ 40 + 2 }}'}"]
    shown = {"ansible.builtin.debug": {"msg": "name is {{ twilio_friendly_name }}"}}
    plays: list[dict[str, Any]] = [
        {"hosts": "twilio_services", "gather_facts": False, "tasks": [shown]},
        {"import_playbook": "messaging.twilio.apply"},
    ]
    extra = {"alpha_sender_name": "ACME", "alpha_sender_replace": ""}
    job = start_job(tmp_path / "job", plays, inventory, credentials=environment(simulator), extra=extra).wait()
    assert job.status == "successful", job.output
    assert "name is {{ 40 + 2 }}" in job.output
    assert simulator.senders(mg(1)) == simulator.senders(mg(2)) == ["ACME"]
