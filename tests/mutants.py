# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests catch mistakes: each of these is made in a copy of the collection, each alone, and must be found."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
UTILS = "plugins/module_utils"
#: How many mistakes are tried at once, each in its own copy.
JOBS = 2


@dataclass(frozen=True)
class Mutant:
    """One mistake: what a file of module_utils contains, and what replaces it.

    :ivar tests: the quick tests that have to find it.
    """

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


CLIENT = ("client",)
TRANSPORT = ("transport",)
ENGINE = ("reconcile", "bulk")
JOURNAL = ("journal",)
ROLLOUTS = ("rollouts",)
SERVICE = ("service_plan", "service_apply")
GUARDS = ("guards",)

MUTANTS = (
    # What is written, and in which order
    Mutant(
        "the old sender is not restored",
        "_reconcile",
        "            _roll_back(client, facts, old, journal)\n",
        "            pass\n",
        ENGINE,
    ),
    Mutant(
        "the listing is not read again after a write of unknown fate",
        "_reconcile",
        "        listing = _read_again(client, facts)\n",
        "        listing: list[Row] = []\n",
        ENGINE,
    ),
    Mutant(
        "another sender is deleted although replace is false",
        "_plan",
        "    if not desired.replace:\n",
        "    if False:\n",
        ("plan",),
    ),
    Mutant(
        "one of several senders is deleted",
        "_plan",
        "    if len(current) > 1:\n",
        "    if False:\n",
        ("plan",),
    ),
    Mutant(
        "check mode writes",
        "_reconcile",
        "            if one.changes and not one.stopped and not check_mode:\n",
        "            if one.changes and not one.stopped:\n",
        ENGINE,
    ),
    Mutant(
        "a fatal outcome does not end the other slots of its Service",
        "_reconcile",
        "one.stopped = one.changes and any(outcome.fatal for outcome in outcomes)",
        "one.stopped = False",
        ("countries",),
    ),
    Mutant(
        "an entry with its state absent removes the common sender only",
        "_entries",
        '        inherited.pop("alpha_sender", None)\n',
        "        pass\n",
        ("desired",),
    ),
    Mutant(
        "a sender with a blank at its end is accepted",
        "_resources",
        "    elif value != value.strip():\n",
        "    elif False:\n",
        ("resources",),
    ),
    Mutant(
        "a cancelled run goes on",
        "_pool",
        "            while not stopped():\n",
        "            while True:\n",
        ENGINE,
    ),
    # One refusal that holds for every Service
    Mutant(
        "all replacements go through the gate at once",
        "_gate",
        "            while replaces and self._active and not self._proven:\n",
        "            while False:\n",
        ROLLOUTS,
    ),
    Mutant(
        "a restored sender proves the permission to create",
        "_reconcile",
        "gate.leave(created=facts.created,",
        "gate.leave(created=facts.created or facts.rollback is not None,",
        ROLLOUTS,
    ),
    Mutant(
        "a lost sender ends the run of its account only",
        "_outcome",
        "        return self.lost is not None and self.after is None\n",
        "        return False\n",
        ROLLOUTS,
    ),
    Mutant(
        "wrong credentials do not end the run of their account",
        "_errors",
        "        self.fatal = fatal or status in (401, 403)\n",
        "        self.fatal = fatal\n",
        ENGINE,
    ),
    # Writes that are carried out late
    Mutant(
        "a listing is believed while the fate of a DELETE is open",
        "_outcome",
        "    if facts.current is None or facts.open_delete is not None or facts.abandoned:\n",
        "    if facts.current is None or facts.abandoned:\n",
        ("outcome", "reconcile"),
    ),
    Mutant(
        "a listing that shows the deleted row closes its journal entry",
        "_journal_file",
        "        return bool(sids - {self.sid}) or",
        "        return bool(sids) or",
        JOURNAL,
    ),
    Mutant(
        "an open journal entry is closed although the state is unknown",
        "_reconcile",
        "    if entry is None or outcome.unknown:\n",
        "    if entry is None:\n",
        ("reconcile", "journal"),
    ),
    # The journal
    Mutant(
        "a sender is deleted before it is recorded",
        "_reconcile",
        '            journal.record(slot, value, row["sid"])\n',
        "            pass\n",
        JOURNAL,
    ),
    Mutant(
        "what a killed run deleted is not restored",
        "_reconcile",
        "            facts.deleted.append(entry.value)\n",
        "",
        JOURNAL,
    ),
    Mutant(
        "a line that is written in part is no error",
        "_journal_file",
        "    if os.write(file, line) != len(line):\n",
        "    if os.write(file, line) < 0:\n",
        JOURNAL,
    ),
    Mutant(
        "a line continues a line that was cut off",
        "_journal_file",
        '    line = f"\\n{json.dumps(data)}\\n".encode()\n',
        '    line = f"{json.dumps(data)}\\n".encode()\n',
        JOURNAL,
    ),
    Mutant(
        "the folder of a journal is not synced",
        "_journal_file",
        "            os.fsync(directory)\n",
        "            pass\n",
        JOURNAL,
    ),
    Mutant(
        "an entry of a journal is not checked",
        "_journal_file",
        "    if not valid or not math.isfinite(entry.at):\n",
        "    if False:\n",
        JOURNAL,
    ),
    Mutant(
        "a file that is not a journal is deleted",
        "_journal",
        "                if not entries and readable:\n",
        "                if not entries:\n",
        JOURNAL,
    ),
    Mutant(
        "a pipe in the folder of a journal is waited for",
        "_journal_file",
        "os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC",
        "os.O_RDWR | os.O_CLOEXEC",
        JOURNAL,
    ),
    Mutant(
        "a journal file that another run removes is an error",
        "_journal_file",
        "    except FileNotFoundError:\n        yield None\n        return\n",
        "    except FileExistsError:\n        yield None\n        return\n",
        JOURNAL,
    ),
    Mutant(
        "two countries of a Service share an entry",
        "_plan",
        'return sid_key(self.service_sid), self.resource.name, self.country or ""\n',
        'return sid_key(self.service_sid), self.resource.name, ""\n',
        ("journal", "plan"),
    ),
    Mutant(
        "the absence of one sender closes the entry of another",
        "_reconcile",
        "    named = facts.desired.value in (None, entry.value)\n",
        "    named = True\n",
        JOURNAL,
    ),
    # Threads and bugs
    Mutant(
        "a thread that cannot be started ends the run",
        "_pool",
        "        except RuntimeError:\n            break\n",
        "        except RuntimeError:\n            raise\n",
        ENGINE,
    ),
    Mutant(
        "without any thread nothing is done",
        "_pool",
        "    if not threads:\n        worker()\n",
        "",
        ENGINE,
    ),
    Mutant(
        "a bug hides what was written",
        "_reconcile",
        "            _note_bug(one, error)\n",
        "            raise\n",
        ENGINE,
    ),
    Mutant(
        "a bug before the first write keeps all others waiting",
        "_reconcile",
        "    finally:\n        gate.leave(",
        "    else:\n        gate.leave(",
        ENGINE,
    ),
    # Listings that lag, and passing 404s
    Mutant(
        "a listing that lags is not waited for",
        "_reconcile",
        "        lags = error.conflict and len(facts.contradictory()) == len(facts.current or ())\n",
        "        lags = False\n",
        ENGINE,
    ),
    Mutant(
        "the first 404 of a GET is believed",
        "_client",
        "            if not error.not_found:\n                raise\n        # Users",
        "            raise\n        # Users",
        CLIENT,
    ),
    Mutant(
        "a DELETE that is answered with 404 is not verified",
        "_reconcile",
        "        if facts.error is None and not facts.missing:\n",
        "        if facts.error is None:\n",
        ENGINE,
    ),
    Mutant(
        "the 404 of a POST is believed",
        "_answer",
        '        return code is None or method == "POST"\n',
        "        return code is None\n",
        ("client", "reconcile"),
    ),
    # Requests and answers
    Mutant(
        "a POST is sent again after a timeout",
        "_client",
        '        if error.sent and method != "GET":\n',
        '        if error.sent and method == "DELETE":\n',
        CLIENT,
    ),
    Mutant(
        "429 is not waited for",
        "_client",
        "            self._wait(pause)\n            waited",
        "            waited",
        CLIENT,
    ),
    Mutant(
        "a date of Retry-After is compared with the clock of this machine",
        "_answer",
        "then - (time.time() if now is None else now)",
        "then - time.time()",
        CLIENT,
    ),
    Mutant(
        "a redirect is followed",
        "_transport",
        "            content = self._read(response, deadline)\n",
        "            if 300 <= response.status < 400:\n"
        '                url = response.headers["Location"]\n'
        '                response = urllib3.PoolManager().request("GET", url, headers=headers, preload_content=False)\n'
        "            content = self._read(response, deadline)\n",
        ("transport", "client"),
    ),
    Mutant(
        "the whole query of a page link is used",
        "_client",
        'for name in ("PageSize", "Page", "PageToken") if name in wanted]',
        "for name in wanted]",
        CLIENT,
    ),
    Mutant(
        "a Service that moves to the next page is listed twice",
        "_client",
        "                rows.setdefault(sid if isinstance(sid, str) else len(rows), row)\n",
        "                rows[len(rows)] = row\n",
        CLIENT,
    ),
    Mutant(
        "a request to a loopback address goes through a proxy",
        "_transport",
        '    if is_loopback(urlsplit(base_url).hostname or ""):\n',
        "    if False:\n",
        TRANSPORT,
    ),
    Mutant(
        "each connection warns that certificates are not verified",
        "_transport",
        "            urllib3.disable_warnings(InsecureRequestWarning)\n",
        "            pass\n",
        TRANSPORT,
    ),
    Mutant(
        "the default authorities are trusted in addition to those of ca_path",
        "_transport",
        "    try:\n        context.load_verify_locations(",
        "    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)\n    try:\n        context.load_verify_locations(",
        TRANSPORT,
    ),
    # What comes from outside
    Mutant(
        "the token is in the message",
        "_answer",
        'sentence = f"{method} {path} failed: {cause}: {message}"',
        'sentence = f"{method} {path} failed: {cause}: {message} {redactor._secrets}"',
        ("client", "errors"),
    ),
    Mutant(
        "a control character reaches a message",
        "_errors",
        "    if text.isprintable():\n",
        "    if True:\n",
        ("errors",),
    ),
    Mutant(
        "a Service without a name is found by the name None",
        "_services",
        '    return name if isinstance(name, str) else ""\n',
        "    return str(name)\n",
        ("services",),
    ),
    Mutant(
        "a Service without a SID fails the others",
        "_services",
        '(valid if is_sid("MG", service.get("sid")) else bad).append(service)',
        "valid.append(service)",
        ("services",),
    ),
    Mutant(
        "a row without a SID is deleted",
        "_plan",
        '    return all(is_sid(resource.sid_kind, row.get("sid")) for row in rows)\n',
        "    return True\n",
        ("plan",),
    ),
    # What takes a run back
    Mutant(
        "a sender that is not that of only_if is changed",
        "_plan",
        'if plan.action == "unchanged" or desired.only_if is None or plan.before in desired.only_if:',
        "if True:",
        ("only_if",),
    ),
    Mutant(
        "a slot is not recorded before it changes",
        "_record",
        '                "event": STARTED,\n',
        '                "event": FINISHED,\n',
        ("record",),
    ),
    Mutant(
        "a record goes on after half a line",
        "_record",
        "            self._incomplete = True\n",
        "            pass\n",
        ("record",),
    ),
    # One Service
    Mutant(
        "a creation of unknown fate is sent again",
        "_service_apply",
        "        return _settle_create(client, plan, error) if error.indeterminate else _failed(plan, error)\n",
        "        return _create(client, plan) if error.indeterminate else _failed(plan, error)\n",
        SERVICE,
    ),
    Mutant(
        "check mode changes a Service",
        "_service_apply",
        "    if check_mode or plan.action not in CHANGES:\n",
        "    if plan.action not in CHANGES:\n",
        SERVICE,
    ),
    Mutant(
        "what a Service has is not read before it is deleted",
        "_service_apply",
        '    if desired.state == "absent" and len(current) == 1:\n',
        "    if False:\n",
        SERVICE,
    ),
    Mutant(
        "force skips the campaigns",
        "_service_apply",
        "        if label == CAMPAIGN or not only_campaign:\n",
        "        if not only_campaign:\n",
        SERVICE,
    ),
    Mutant(
        "a lost answer to an update hides behind a later refusal",
        "_service_apply",
        "        opened = True\n        try:\n            row = client.get(path)\n",
        "        try:\n            row = client.get(path)\n",
        SERVICE,
    ),
    Mutant(
        "a 404 on the deletion of a Service is taken for its end",
        "_service_apply",
        "            if _get(client, path) is None:\n",
        "            if True:\n",
        SERVICE,
    ),
    Mutant(
        "the answer to a POST is not compared with the desired Service",
        "_service_apply",
        "    if not wrong:\n        return ServiceOutcome(plan, plan.action, row)\n    error",
        "    if wrong or not wrong:\n        return ServiceOutcome(plan, plan.action, row)\n    error",
        SERVICE,
    ),
    Mutant(
        "a cancelled run changes a Service",
        "_service_apply",
        "    if client.cancellation.is_set():\n",
        "    if False:\n",
        SERVICE,
    ),
    Mutant(
        "an update does not send the name",
        "_service_plan",
        '        values = {**({"friendly_name": name} if name else {}), **self.changes}\n',
        "        values = self.changes\n",
        SERVICE,
    ),
    Mutant(
        "several Services with the name are not refused",
        "_service_plan",
        "    if len(current) > 1:\n",
        "    if False:\n",
        SERVICE,
    ),
    Mutant(
        "a Service with a campaign is deleted with force",
        "_service_plan",
        '    if contents.get(CAMPAIGN) or before.get("us_app_to_person_registered"):\n',
        "    if contents.get(CAMPAIGN) and not desired.force:\n",
        SERVICE,
    ),
    Mutant(
        "the slash after a host is a difference",
        "_service_plan",
        "    if key in URLS:\n        return",
        "    if False:\n        return",
        SERVICE,
    ),
    Mutant(
        "results show passwords in URLs",
        "_service_plan",
        "    return {**row, **hidden}\n",
        "    return dict(row)\n",
        SERVICE,
    ),
    Mutant(
        "a listing of Services shows passwords in URLs",
        "_services",
        "[shown(service) for service in list_services(client)]",
        "[*list_services(client)]",
        ("services",),
    ),
    # Guards against one's own mistakes
    Mutant(
        "a plan with more changes than max_changes is applied",
        "_bulk",
        "sum(map(len, self._changing.values())) > guards.max_changes:",
        "False:",
        GUARDS,
    ),
    Mutant(
        "the other Services start although the canary failed",
        "_bulk",
        "if canary and not self._check_mode and not self._are_as_desired(canary, services):",
        "if False:",
        GUARDS,
    ),
    Mutant(
        "an account that ended may be the canary",
        "_bulk",
        "not in self._ended_clients]\n",
        "is not None]\n",
        GUARDS,
    ),
    Mutant(
        "the canary is read once although a listing may lag",
        "_bulk",
        "range(client.max_retries + 1)",
        "range(1)",
        GUARDS,
    ),
    Mutant(
        "a cancelled run is a failed canary",
        "_bulk",
        "            if not self._client.cancellation.is_set():\n                self._hold_back",
        "            if True:\n                self._hold_back",
        GUARDS,
    ),
    # Countries and accounts
    Mutant(
        "letters whose capitals are a country code are taken for it",
        "_countries",
        "isinstance(value, str) and value.isascii() and",
        "isinstance(value, str) and",
        ("countries",),
    ),
    Mutant(
        "a default sender is read again without the countries",
        "_reconcile",
        "    slots = [facts.desired.slot, facts.read_with]\n",
        "    slots = [facts.desired.slot, None]\n",
        ("country_senders",),
    ),
    Mutant(
        "the listing with countries is read first",
        "_current",
        "key=lambda one: one.country_form_field is not None",
        "key=lambda one: one.country_form_field is None",
        ("country_senders",),
    ),
    Mutant(
        "countries that were seen are forgotten",
        "_current",
        "    countries = {} if countries is None else countries\n",
        "    countries = {}\n",
        ("country_senders",),
    ),
    Mutant(
        "each thread asks for the account",
        "_client",
        "            if self._confirmed:\n                return\n",
        "            pass\n",
        ("several_accounts",),
    ),
    Mutant(
        "an account that is given twice has two clients",
        "_accounts",
        "            if key not in self._clients:\n",
        "            if True:\n",
        ("several_accounts",),
    ),
    Mutant(
        "a refused account ends the audit of all",
        "_audit",
        " and rows.fatal and not several",
        " and rows.fatal",
        ("several_accounts",),
    ),
    Mutant(
        "messages show the secrets of other accounts",
        "_errors",
        "        return Redactor([*self._secrets, *secrets], self._known)\n",
        "        return Redactor([*self._secrets, *secrets])\n",
        ("several_accounts",),
    ),
)


def copy_collection(folder: Path) -> Path:
    tree = folder / "ansible_collections/messaging/twilio"
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--"]
    parts = ["plugins", "tests", "docs", "galaxy.yml", "pyproject.toml"]
    listed = subprocess.run([*command, *parts], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes((ROOT / name).read_bytes())
    return tree


def passes(tree: Path, tests: tuple[str, ...]) -> bool:
    """Whether these tests pass in a copy of the collection. A test that cannot be collected ends this program."""
    files = [f"tests/unit/{UTILS}/test_{name}.py" for name in tests]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-n0", *files],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": f"{tree.parents[2]}:{tree / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return True
    if done.returncode == 1 and "\nFAILED " in done.stdout:
        return False
    raise RuntimeError(f"The tests did not run\n{done.stdout}{done.stderr}")


def is_caught(mutant: Mutant, tree: Path) -> bool:
    path = tree / UTILS / f"{mutant.file}.py"
    source = path.read_text(encoding="utf-8")
    if source.count(mutant.right) != 1:
        raise RuntimeError(f"{mutant.name}: {path.name} must have this once: {mutant.right!r}")
    changed = source.replace(mutant.right, mutant.wrong)
    compile(changed, path.name, "exec")
    path.write_text(changed, encoding="utf-8")
    try:
        return not passes(tree, mutant.tests)
    finally:
        path.write_text(source, encoding="utf-8")


def main() -> None:
    missed = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(JOBS) as pool:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(JOBS):
            trees.put(copy_collection(Path(folder, str(number))))

        def in_tree(work: Callable[[Path], bool]) -> bool:
            tree = trees.get()
            try:
                return work(tree)
            finally:
                trees.put(tree)

        names = sorted({test for mutant in MUTANTS for test in mutant.tests})
        right = [pool.submit(in_tree, partial(passes, tests=(name,))) for name in names]
        if not all(future.result() for future in right):
            sys.exit("The tests fail without any mistake")
        caught = [pool.submit(in_tree, partial(is_caught, mutant)) for mutant in MUTANTS]
        try:
            for mutant, future in zip(MUTANTS, caught):
                print(f"{'caught' if future.result() else 'MISSED'}: {mutant.name}", flush=True)
                missed += not future.result()
        finally:
            pool.shutdown(cancel_futures=True)
    print(f"{len(MUTANTS) - missed} caught, {missed} missed")
    sys.exit(missed)


if __name__ == "__main__":
    main()
