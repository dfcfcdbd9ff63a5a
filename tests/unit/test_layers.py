# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The architecture: which file may import which, and what a file must not know."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
#: From top to bottom. A file imports only from lines below its own.
LAYERS: list[list[str]] = [
    ["modules/*", "inventory/services"],
    ["action/alpha_sender_audit"],
    ["action/alpha_senders"],
    ["plugin_utils/_hosts", "plugin_utils/_entries_file", "plugin_utils/_report_files"],
    ["plugin_utils/_report_page", "plugin_utils/_records"],
    [
        "plugin_utils/_play",
        "plugin_utils/_variables",
        "plugin_utils/_progress",
        "plugin_utils/_report",
        "plugin_utils/_report_texts",
    ],
    ["_module", "_progress", "_record", "_audit_files"],
    ["_service_result"],
    ["_desired", "_results", "_audit", "_service_apply"],
    ["_entries"],
    ["_services", "_messages"],
    ["_bulk"],
    ["_reconcile"],
    ["_journal", "_gate", "_current"],
    ["_outcome", "_journal_file", "_accounts", "_pool"],
    ["_plan", "_service_plan"],
    ["_resources", "_countries", "_cells"],
    ["_client"],
    ["_transport"],
    ["_connection", "_answer", "_limiter"],
    ["_errors"],
]
#: Files that work for any resource, so they must not name one.
ENGINE = (
    "_plan",
    "_outcome",
    "_reconcile",
    "_bulk",
    "_gate",
    "_pool",
    "_current",
    "_journal",
    "_journal_file",
    "_messages",
    "_results",
    "_progress",
    "_record",
    "_audit",
)
NAMES_OF_RESOURCES = re.compile(r"(?:alpha|country)[ _-]?sender", re.IGNORECASE)
KNOWS_ANSIBLE = (
    "modules/",
    "inventory/",
    "action/",
    "plugin_utils/_hosts",
    "plugin_utils/_entries_file",
    "plugin_utils/_play",
    "plugin_utils/_progress",
    "plugin_utils/_variables",
    "_module",
)
#: Lines of a file of module_utils.
MAX_LINES = 300
PREFIX = "ansible_collections.messaging.twilio.plugins."
FILES = [path for path in sorted(PLUGINS.rglob("*.py")) if path.parent.name != "doc_fragments"]


def name_of(path: Path) -> str:
    """The path of a file of ``plugins`` as LAYERS has it."""
    return path.relative_to(PLUGINS).with_suffix("").as_posix().removeprefix("module_utils/")


def layers() -> list[set[str]]:
    """LAYERS with the names of files in place of patterns."""
    found: list[set[str]] = []
    for names in LAYERS:
        files = {name_of(path) for pattern in names if "*" in pattern for path in PLUGINS.glob(f"{pattern}.py")}
        found.append(files | {name for name in names if "*" not in name})
    return found


def level(name: str) -> int:
    levels = [number for number, names in enumerate(layers()) if name in names]
    assert levels, f"{name} is not in LAYERS"
    return levels[0]


def imports(path: Path) -> set[str]:
    """All modules that a file imports, at any place in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            module = str(node.module)
            is_folder = f"{module}.".startswith(PREFIX) and (ROOT / "plugins" / module.rpartition(".")[2]).is_dir()
            found.update(f"{module}.{alias.name}" if is_folder else module for alias in node.names)
    return found


def picture() -> list[list[str]]:
    """The picture in CONTRIBUTING.md: the first word of each line is a file, and an empty line ends a layer."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("\n## Architecture\n")[2].partition("\n## ")[0]
    block = section.partition("```text\n")[2].partition("```")[0]
    return [[line.split()[0] for line in layer.splitlines()] for layer in block.strip().split("\n\n")]


def test_lists_every_file_once() -> None:
    listed = [name for names in layers() for name in names]
    assert sorted(listed) == sorted(map(name_of, FILES))


def test_picture_in_contributing_shows_the_same_layers() -> None:
    assert picture() == LAYERS


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_only_from_layers_below(path: Path) -> None:
    own = level(name_of(path))
    for module in imports(path):
        if module.startswith(PREFIX):
            name = module.removeprefix(PREFIX).removeprefix("module_utils.").replace(".", "/")
            assert level(name) > own, f"{name_of(path)} imports {name}"
        else:
            assert module.partition(".")[0] != "ansible" or name_of(path).startswith(KNOWS_ANSIBLE), (
                f"{name_of(path)} imports {module}"
            )


@pytest.mark.parametrize("name", ENGINE)
def test_engine_names_no_resource(name: str) -> None:
    source = (PLUGINS / f"module_utils/{name}.py").read_text(encoding="utf-8")
    assert NAMES_OF_RESOURCES.findall(source) == []


@pytest.mark.parametrize("path", sorted((PLUGINS / "module_utils").glob("*.py")), ids=name_of)
def test_file_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES
