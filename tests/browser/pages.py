# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report pages for the tests, and the browser that opens them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.messaging.twilio.plugins.module_utils._converge import Outcome
from ansible_collections.messaging.twilio.plugins.module_utils._fleet import bulk_result
from ansible_collections.messaging.twilio.plugins.plugin_utils._report import check_files, make_report, write_report
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
TIMES = {"started": "2026-01-31T12:00:00Z", "seconds": 75.25, "requests": 2400}
WISHES = [{"alpha_sender": "ACME", "state": "present", "replace": True, "services": 300}]


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's chromium, with a profile of its own."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield opened
        finally:
            opened.close()


def outcomes(count: int) -> list[Outcome]:
    """Some of each: the first has lost its sender, the second got it back, of the third it is not known."""
    refused = "{0}: 'ACME' could not be set: POST /v1/Services/{0}/AlphaSenders: Twilio error 21709 (HTTP 400)"
    first = [
        Outcome(mg(1), "failed", "OLD", msg=refused.format(mg(1)), error=REFUSED, lost="OLD"),
        Outcome(mg(2), "failed", "OLD", "OLD", msg=refused.format(mg(2)), error=REFUSED, restored=True),
        Outcome(mg(3), "failed", "OLD", msg="It now has 'ACME' or no alpha sender", unknown=True),
        Outcome(mg(4), "not_attempted"),
    ]
    kinds = [
        ("created", None, "ACME"),
        ("replaced", "OLD CO", "ACME"),
        ("none", "ACME", "ACME"),
        ("deleted", "Acme", None),
    ]
    more = [Outcome(mg(number), *kinds[number % 4]) for number in range(5, count + 1)]
    return [*first, *more][:count]


def rollout(folder: Path, made: list[Outcome], names: list[str], **more: Any) -> str:
    """The address of the page of a rollout with these outcomes and friendly names."""
    hosts = {
        outcome.service_sid.lower(): (f"host_{place}", name) for place, (outcome, name) in enumerate(zip(made, names))
    }
    result = {**bulk_result(made), **TIMES, "wishes": WISHES}
    return written(folder, make_report("rollout", result, **{"dry_run": False, "hosts": hosts, **more}))


def written(folder: Path, report: dict[str, Any]) -> str:
    files = check_files(str(folder / "rollout.html"))
    write_report(files, report)
    return Path(files.page).as_uri()
