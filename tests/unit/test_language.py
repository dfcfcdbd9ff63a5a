# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain language: banned words, plurals, short descriptions, short sentences, and guides that begin with an example."""

from __future__ import annotations

import ast
import re
import textwrap
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = {".css", ".j2", ".js", ".md", ".py", ".rst", ".yml"}
FOLDERS = ("docs", "playbooks", "plugins", "roles", "changelogs/fragments")
PAGES = ("CONTRIBUTING.md", "README.md", "galaxy.yml")
FILES = [
    *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.suffix in SUFFIXES),
    *(ROOT / page for page in PAGES if (ROOT / page).is_file()),
]
GUIDES = sorted((ROOT / "docs/docsite/rst").glob("guide_*.rst"))

#: Patterns of words that nobody needs, and what to write instead. They also match parts of names such as old_wish.
BANNED = {
    r"told|tell(s|ing)?": "report, return, show, explain",
    r"wish(es|ed)?": "desired (state)",
    r"begun|anew": "started, again",
    r"whichever": "any",
    r"misspel(t|led|ling)": "unknown, wrong",
    r"put(s|ting)? up with": "the maximum number of",
    r"dry[ _-]?runs?": "check mode",
    r"doomed": "to delete",
    r"fleets?": "bulk, Services",
    r"weather|dice|bad luck": "fault rates, random faults",
    r"house|rooms?|trails?|crowds?|the wall": "the term of the field, without a metaphor",
    r"converge[sd]?|converging": "reconcile",
    r"unsettled": "indeterminate",
    r"besides?": "in addition, next to, with",
    r"unsaid|by itself|all the same": "plain words",
    r"tak(e|es|en|ing) away|took away": "remove",
    r"log-ins?": "credentials",
    r"the ones?": "the name of the thing",
    r"who (was|is|has|asks)": "the name of the thing",
    r"what is there|of (its|their|your|one's) own": "current, its, your",
    r"(is|are|as|was|were) wanted": "desired",
    r"hand(s|ed)? over|hand-over": "pass, import",
    r"(of|among) them all": "all of them",
    r"behaviour|colour|favour|honour|neighbour|licences?": "American English",
    r"(organ|recogn|initial|normal|real)is(e[sd]?|ing)": "American English",
    r"1 (Services|entries|files|hosts|requests|rows|seconds|senders|slots)": "a singular",
}
#: Words that are allowed in one file: a public name or a quotation. Each has its reason.
ALLOWED: dict[tuple[str, str], str] = {}
#: Banned in documentation only. Code and its comments need "where" for a place.
BANNED_IN_DOCUMENTATION = {r"where": "if", r"at once": "at the same time, immediately"}
FIRST_WORDS = ("Manage", "List", "Read", "Audit", "Apply")
MAX_WORDS = 30

#: A name that people read: the file, and what is in the code there.
Text = tuple[str, str]


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern for whole words, which an underscore separates as well. Words may stand in two lines."""
    several = pattern.replace(" ", " +")
    return re.compile(rf"(?<![A-Za-z\d.,])(?:{several})(?![A-Za-z\d])", re.IGNORECASE)


def problems(name: str, text: str, banned: dict[str, str]) -> list[str]:
    """Each banned word of a text, with its place and what to write instead."""
    # The end of a line is as good as a blank: a paragraph is one text.
    flat = re.sub(r"\n[ #*>-]*", lambda end: " " * len(end[0]), text)
    found = []
    for pattern, better in banned.items():
        for match in compiled(pattern).finditer(flat):
            if (name, match[0].lower()) not in ALLOWED:
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{name}:{line}: {match[0]!r}, better: {better}")
    return found


def constants(path: Path) -> dict[str, str]:
    """The strings that a Python file assigns to names in capitals, also in classes."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            [target] = node.targets
            if isinstance(target, ast.Name) and target.id.isupper():
                found[target.id] = node.value.value
    return found


def documentation() -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    """The documentation of each module, plugin, fragment and entry point of a role, as data."""
    for folder in ("modules", "inventory", "doc_fragments"):
        for path in sorted((ROOT / "plugins" / folder).glob("*.py")):
            for name, text in constants(path).items():
                if name in ("DOCUMENTATION", "INFO"):
                    yield f"{folder}/{path.name}", yaml.safe_load(text)
                elif name == "RETURN":
                    yield f"{folder}/{path.name}, RETURN", {"contains": yaml.safe_load(text)}
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        for name, entry_point in specs.items():
            yield f"{path.parents[1].name}, {name}", entry_point


def sentences(data: t.Any, label: str) -> t.Iterator[Text]:
    """Each sentence of the descriptions and notes of documentation, with the place where it stands."""
    for key, value in data.items() if isinstance(data, dict) else ():
        if key in ("description", "notes", "details") and label:
            paragraphs = [value] if isinstance(value, str) else value
            for paragraph in paragraphs:
                for sentence in re.split(r"(?<=[.:?!])\s+", str(paragraph)):
                    yield label, sentence
        elif key not in ("sample", "seealso", "default"):
            yield from sentences(value, f"{label}, {key}")


def words(sentence: str) -> int:
    """The number of words. Markup such as O(name=value) is one word."""
    return len(re.sub(r"\b[A-Z]+\([^)]*\)", "X", sentence).split())


DOCUMENTATION = list(documentation())
SHORT_DESCRIPTIONS = [(name, data["short_description"]) for name, data in DOCUMENTATION if "short_description" in data]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_has_no_banned_word(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    assert problems(name, path.read_text(encoding="utf-8"), BANNED) == []


def test_has_no_word_in_documentation_that_is_banned_there() -> None:
    found = []
    for name, data in DOCUMENTATION:
        for label, sentence in sentences(data, name):
            found += problems(label, sentence, BANNED_IN_DOCUMENTATION)
    for path in (*GUIDES, ROOT / "README.md", *(ROOT / "roles").glob("*/README.md")):
        found += problems(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"), BANNED_IN_DOCUMENTATION)
    assert found == []


def test_uses_each_allowed_word() -> None:
    for (name, word), reason in ALLOWED.items():
        assert reason
        assert compiled(re.escape(word)).search((ROOT / name).read_text(encoding="utf-8")), f"{name}: {word}"


def test_finds_a_banned_word_in_each_form() -> None:
    text = textwrap.dedent(
        """\
        It tells what to do.
        old_wish = doomed
        # It puts
        # up with that. 1 Services, 21 Services.
        """
    )
    assert [problem.partition(", better")[0] for problem in problems("a.py", text, BANNED)] == [
        "a.py:1: 'tells'",
        "a.py:2: 'wish'",
        "a.py:3: 'puts   up with'",
        "a.py:2: 'doomed'",
        "a.py:4: '1 Services'",
    ]


@pytest.mark.parametrize(("name", "description"), SHORT_DESCRIPTIONS)
def test_begins_a_short_description_with_a_verb_of_the_field(name: str, description: str) -> None:
    assert description.split()[0] in FIRST_WORDS, f"{name}: {description}"


def test_has_no_long_sentence_in_documentation() -> None:
    checked = [text for name, data in DOCUMENTATION for text in sentences(data, name)]
    assert len(checked) > 200
    assert [f"{label}: {sentence}" for label, sentence in checked if words(sentence) > MAX_WORDS] == []


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test_begins_a_guide_with_an_example(path: Path) -> None:
    before_sections = re.split(r"^-+$", path.read_text(encoding="utf-8"), maxsplit=1, flags=re.MULTILINE)[0]
    assert ".. code-block::" in before_sections
