# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests catch mistakes: each of these is made in a copy of the tree, one at a time, and must be found."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UTILS = "plugins/module_utils"
#: Quick tests, which have to be enough.
TESTS = [f"tests/unit/{UTILS}/test_{name}.py" for name in ("client", "converge", "travel", "fleet", "journal")]


@dataclass(frozen=True)
class Mistake:
    """One mistake: what stands in a file, and what is put in its place."""

    name: str
    file: str
    right: str
    wrong: str


MISTAKES = (
    Mistake(
        "the old sender is not restored",
        "_converge.py",
        "    _carry_out(client, back, make_plan(back, ()), again)\n",
        "    again.error, again.listed = refused, []\n",
    ),
    Mistake(
        "the list is not read back after a write of unknown fate",
        "_converge.py",
        "            listed = client.alpha_senders(wish.service_sid)\n",
        "            listed = []\n",
    ),
    Mistake(
        "a POST is repeated on a timeout",
        "_client.py",
        '        if method == "GET":\n            return _Repeatable(ApiError(f"{api}: no whole',
        '        if method != "DELETE":\n            return _Repeatable(ApiError(f"{api}: no whole',
    ),
    Mistake(
        "429 is not waited for",
        "_client.py",
        "            self._wait(pause)\n",
        "",
    ),
    Mistake(
        "a redirect is followed",
        "_client.py",
        "        return self._answer(response, body, method, path)\n",
        "        if 300 <= response.status_code < 400:\n"
        '            response = requests.get(response.headers["Location"], headers=self._headers, timeout=1)\n'
        "            body = response.content\n"
        "        return self._answer(response, body, method, path)\n",
    ),
    Mistake(
        "the token is in the message",
        "_client.py",
        'sentence = f"{method} {path}: " +',
        'sentence = f"{method} {path} as {self._secrets[0]}: " +',
    ),
    Mistake(
        "another sender is deleted although replace is false",
        "_sender.py",
        "    if not wish.replace:\n",
        "    if False:\n",
    ),
    Mistake(
        "a dry run writes",
        "_converge.py",
        '    if plan.action == "none" or dry_run:\n',
        '    if plan.action == "none":\n',
    ),
    Mistake(
        "a cancelled fleet goes on",
        "_fleet.py",
        "            while not stopped():\n",
        "            while True:\n",
    ),
    Mistake(
        "a sender is deleted before it is written down",
        "_converge.py",
        "                trail.deleting(t.cast(str, plan.before))\n",
        "                pass\n",
    ),
    Mistake(
        "what a killed run deleted is not brought back",
        "_converge.py",
        "        trail.inherited = journal.lost(sid)\n",
        "        trail.inherited = None\n",
    ),
    Mistake(
        "the default authorities are trusted beside those of ca_path",
        "_time.py",
        '        conn.cert_reqs = "CERT_REQUIRED" if verify else "CERT_NONE"\n',
        "        super().cert_verify(conn, url, verify, cert)\n",
    ),
)


def caught(mistake: Mistake, folder: Path) -> bool:
    tree = folder / "ansible_collections/messaging/twilio"
    files = subprocess.run(
        [
            "git",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "plugins",
            "tests",
            "galaxy.yml",
            "pyproject.toml",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in files:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes((ROOT / name).read_bytes())
    path = tree / UTILS / mistake.file
    source = path.read_text(encoding="utf-8")
    if source.count(mistake.right) != 1:
        sys.exit(f"{mistake.name}: {mistake.file} does not have once: {mistake.right!r}")
    path.write_text(source.replace(mistake.right, mistake.wrong), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", *TESTS],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": f"{folder}:{tree / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1, 2):
        sys.exit(f"{mistake.name}: the tests did not run\n{done.stdout}{done.stderr}")
    return done.returncode != 0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        if caught(Mistake("none", "_errors.py", "MOST_PROBLEMS = 5", "MOST_PROBLEMS = 5"), Path(folder)):
            sys.exit("the tests fail without any mistake")
    missed = 0
    for mistake in MISTAKES:
        with tempfile.TemporaryDirectory() as folder:
            found = caught(mistake, Path(folder))
        print(f"{'caught' if found else 'MISSED'}: {mistake.name}", flush=True)
        missed += not found
    print(f"{len(MISTAKES) - missed} passed, {missed} failed")
    sys.exit(missed)


if __name__ == "__main__":
    main()
