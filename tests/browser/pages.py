# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report pages for the tests, and the browser that opens them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.messaging.twilio.plugins.plugin_utils._report import make_report
from ansible_collections.messaging.twilio.plugins.plugin_utils._report_files import check_files, write_report
from playwright.sync_api import Browser, sync_playwright

from support.account import mg

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
REFUSED = {
    "code": 21709, "message": "Alpha Sender is invalid", "more_info": "https://www.twilio.com/docs/errors/21709",
    "status": 400, "request_id": "RQ1",
}  # fmt: skip
NOT_FAILED = {"error": None, "restored": False, "lost_sender": None, "state_unknown": False, "recovery_command": None}
TIMES = {"started_at": "2026-01-31T12:00:00Z", "seconds": 75.25, "requests": 2400}
DESIRED = [{"alpha_sender": "ACME", "iso_country_code": None, "state": "present", "replace": True, "services": 300}]
COMMAND = "ansible-playbook messaging.twilio.apply -e '{alpha_sender_name: !!str OLD, alpha_sender_services: [MG1]}'"

Outcome = dict[str, Any]


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's chromium, with a new profile."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield opened
        finally:
            opened.close()


def outcome(number: int, action: str, before: str | None = None, after: str | None = None, **more: Any) -> Outcome:
    """The outcome of one Service, as the module returns it."""
    known = {"service_sid": mg(number), "account_sid": None, "iso_country_code": None}
    failed = {**NOT_FAILED, "error": REFUSED} if action == "failed" else {}
    return {**known, "action": action, "before": before, "after": after, **failed, **more}


def outcomes(count: int) -> list[Outcome]:
    """Outcomes of each kind. First a lost sender, then a restored one, then an unknown one."""
    refused = "{0}: 'ACME' could not be created: POST /v1/Services/{0}/AlphaSenders failed: Twilio error 21709"
    first = [
        outcome(1, "failed", "OLD", msg=refused.format(mg(1)), lost_sender="OLD", recovery_command=COMMAND),
        outcome(2, "failed", "OLD", "OLD", msg=refused.format(mg(2)), restored=True),
        outcome(3, "failed", "OLD", msg="It now has 'ACME' or no alpha sender", error=None, state_unknown=True),
        outcome(4, "skipped", msg=f"{mg(4)} was not changed, because the run was stopped"),
    ]
    kinds = [
        ("created", None, "ACME"),
        ("replaced", "OLD CO", "ACME"),
        ("unchanged", "ACME", "ACME"),
        ("deleted", "Acme", None),
    ]
    more = [outcome(number, *kinds[number % 4]) for number in range(5, count + 1)]
    return [*first, *more][:count]


def rollout(folder: Path, made: list[Outcome], names: list[str], **more: Any) -> str:
    """The address of the page of a rollout with these outcomes and friendly names."""
    hosts = {
        outcome["service_sid"].lower(): (f"host_{place}", name)
        for place, (outcome, name) in enumerate(zip(made, names))
    }
    lines = [f"{len(made)} Services: …", "3 Services failed, 1 skipped because the run was stopped"]
    result = {"summary": {}, "msg": "\n".join(lines), "outcomes": made, "desired": DESIRED, **TIMES}
    return written(folder, make_report("rollout", result, **{"check_mode": False, "hosts": hosts, **more}))


def written(folder: Path, report: dict[str, Any]) -> str:
    files = check_files(str(folder / "rollout.html"))
    write_report(files, report)
    return Path(files.page).as_uri()
