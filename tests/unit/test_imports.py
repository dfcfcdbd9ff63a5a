# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each room imports only what stands below it, and only the upper ones know Ansible."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
#: From top to bottom. What stands in one line knows nothing of each other.
ROOMS: list[set[str]] = [
    {f"modules/{path.stem}" for path in (PLUGINS / "modules").glob("*.py")}
    | {"inventory/services", "action/alpha_sender_audit"},
    {"action/alpha_senders"},
    {"module_utils/_options", "plugin_utils/_report"},
    {"module_utils/_audit"},
    {"module_utils/_fleet"},
    {"module_utils/_converge", "module_utils/_services"},
    {"module_utils/_client"},
    {"module_utils/_time", "module_utils/_throttle", "module_utils/_journal"},
    {"module_utils/_sender"},
    {"module_utils/_errors"},
]
KNOWS_ANSIBLE = ("modules/", "inventory/", "action/", "module_utils/_options")
PREFIX = "ansible_collections.messaging.twilio.plugins."
FILES = [path for path in sorted(PLUGINS.rglob("*.py")) if path.parent.name != "doc_fragments"]


def name_of(path: Path) -> str:
    return path.relative_to(PLUGINS).with_suffix("").as_posix()


def imports(path: Path) -> set[str]:
    """All modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: an import that is relative"
            found.add(str(node.module))
    return found


def level(room: str) -> int:
    places = [place for place, rooms in enumerate(ROOMS) if room in rooms]
    assert places, f"{room} is not in ROOMS"
    return places[0]


def test_each_file_is_a_room_and_each_room_is_a_file() -> None:
    assert {name_of(path) for path in FILES} == set().union(*ROOMS), "ROOMS says where a file stands"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_room_imports_only_what_stands_below_it(path: Path) -> None:
    own = level(name_of(path))
    for module in imports(path):
        if module.startswith(PREFIX):
            room = module.removeprefix(PREFIX).replace(".", "/")
            assert level(room) > own, f"{name_of(path)} imports {room}"
        else:
            assert module.partition(".")[0] != "ansible" or name_of(path).startswith(KNOWS_ANSIBLE), (
                f"{name_of(path)} imports {module}"
            )
