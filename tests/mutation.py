# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The share of random mutants of the engine that the unit tests find. ``make mutation`` runs this.

Cosmic Ray makes the mutants. Its own Python runs this program, and the Python that is given runs the tests.
"""

from __future__ import annotations

import argparse
import difflib
import os
import queue
import random
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec
from mutants import UTILS, copy_collection

LAYERS = ("plan", "outcome", "reconcile", "bulk", "journal", "journal_file", "gate", "current", "messages")
#: The tests of the engine, the fast ones first.
TESTS = (
    *("plan", "outcome", "journal", "results", "bulk", "messages", "audit", "reconcile", "rollouts"),
    *("fault_table", "nothing_is_lost"),
)
#: Operators whose mutants are the same program: `|` is only used between types, which are not evaluated.
EQUIVALENT = ("core/ReplaceBinaryOperator_BitOr", "core/RemoveDecorator")
#: Maximum seconds of the tests. A mutant that takes longer does not end, and is found by that.
TIMEOUT = 300


def all_mutants(tree: Path) -> list[MutationSpec]:
    """All mutants of the layers."""
    paths = [tree / UTILS / f"_{layer}.py" for layer in LAYERS]
    with tempfile.TemporaryDirectory() as folder, use_db(str(Path(folder, "session.sqlite"))) as session:
        init(paths, session, {})
        mutants = [mutation for item in session.work_items for mutation in item.mutations]
    return [mutant for mutant in mutants if not mutant.operator_name.startswith(EQUIVALENT)]


def passes(python: str, tree: Path, arguments: list[str]) -> bool:
    """Whether the tests pass in a copy of the collection."""
    files = [f"tests/unit/{UTILS}/test_{name}.py" for name in TESTS]
    path = os.pathsep.join([str(tree.parents[2]), str(tree / "tests")])
    try:
        done = subprocess.run(
            [python, "-m", "pytest", "-q", "-x", "-n0", *files, *arguments],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": path, "SCHEDULES": "100"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def try_mutant(python: str, tree: Path, mutant: MutationSpec, arguments: list[str]) -> tuple[bool, str]:
    """Whether the tests find a mutant, and its difference."""
    path = tree / UTILS / mutant.module_path.name
    source = path.read_text(encoding="utf-8")
    operator = get_operator(mutant.operator_name)(**mutant.operator_args)
    changed = mutate_code(source, operator, mutant.occurrence)
    difference = difflib.unified_diff(source.splitlines(), changed.splitlines(), path.name, path.name, "", "", 0, "")
    path.write_text(changed, encoding="utf-8")
    try:
        return not passes(python, tree, arguments), "\n".join(difference)
    finally:
        path.write_text(source, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", help="the Python that has what the tests need")
    parser.add_argument("--count", type=int, default=150, help="number of mutants")
    parser.add_argument("--seed", type=int, default=0, help="another seed chooses other mutants")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    given, arguments = parser.parse_known_args()
    found: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        trees = [copy_collection(Path(folder, str(number))) for number in range(given.jobs)]
        free: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for tree in trees:
            free.put(tree)
        everything = all_mutants(trees[0])
        sample = random.Random(given.seed).sample(everything, min(given.count, len(everything)))
        print(f"{len(sample)} of {len(everything)} mutants", flush=True)
        if not passes(given.python, trees[0], arguments):
            sys.exit("The tests fail without any mutant")

        def job(mutant: MutationSpec) -> None:
            tree = free.get()
            killed, difference = try_mutant(given.python, tree, mutant, arguments)
            free.put(tree)
            tried[mutant.module_path.stem] += 1
            found[mutant.module_path.stem] += killed
            if not killed:
                print(f"survived: {mutant.operator_name}\n{difference}", flush=True)

        with ThreadPoolExecutor(given.jobs) as pool:
            list(pool.map(job, sample))
    for name, count in sorted(tried.items()):
        print(f"{name}: {found[name]} of {count} found")
    print(f"{found.total()} of {tried.total()} found, {found.total() / tried.total():.0%}")


if __name__ == "__main__":
    main()
