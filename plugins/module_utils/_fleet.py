# Copyright: messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring many Services to their wishes: some at once, in the order given, and when to stop.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import contextlib
import threading
import typing as t
from collections import Counter

from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._converge import Outcome, converge, make_diff
from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, shown
from ansible_collections.messaging.twilio.plugins.module_utils._sender import Wish

#: Ends what is told of a dry run.
DRY_RUN = " (dry run, nothing is changed)"
#: How many reasons a message names before it only counts the rest.
MOST_REASONS = 3
#: How many warnings a result carries before it only counts the rest.
MOST_WARNINGS = 10
#: About the most requests at once that Twilio is known to answer for one account.
MOST_CONCURRENCY = 100


def converge_all(
    client: Client,
    wishes: t.Sequence[Wish],
    *,
    concurrency: int,
    dry_run: bool,
    max_failures: int | None = None,
    progress: t.Callable[[int, t.Mapping[str, int]], None] = lambda done, counts: None,
) -> list[Outcome]:
    """The outcome of each wish, in the order of ``wishes``.

    A Service that fails does not stop the others, unless every other one would fail the same way
    or more than ``max_failures`` have failed, or the run is cancelled. What was not begun then is
    ``not_attempted``.

    :arg concurrency: how many Services are brought to their wish at once, each by one thread.
    :arg progress: called after each Service, by one thread at a time, with how many are done and
        the count of each action among them.
    """
    outcomes: list[Outcome | None] = [None] * len(wishes)
    todo = iter(range(len(wishes)))
    counts: Counter[str] = Counter()
    stop = threading.Event()
    lock = threading.Lock()

    def stopped() -> bool:
        return stop.is_set() or client.cancellation.is_set()

    crashes: list[BaseException] = []

    def work() -> None:
        try:
            while not stopped():
                with lock:
                    place = next(todo, None)
                if place is None:
                    return
                outcome = converge(client, wishes[place], dry_run=dry_run, stopped=stopped)
                with lock:
                    outcomes[place] = outcome
                    counts[outcome.action] += 1
                    if outcome.account_wide or (max_failures is not None and counts["failed"] > max_failures):
                        stop.set()
                    progress(sum(counts.values()) - counts["not_attempted"], counts)
        except BaseException as error:
            stop.set()
            crashes.append(error)

    threads = [threading.Thread(target=work) for _worker in range(min(concurrency, len(wishes)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if crashes:
        raise crashes[0]
    return [
        outcome if outcome is not None else Outcome(wish.service_sid, "not_attempted")
        for outcome, wish in zip(outcomes, wishes)
    ]


def check_limits(concurrency: int, max_failures: int | None, progress_every: int) -> None:
    """Raise `InputError` for the first limit that is out of range."""
    if not 1 <= concurrency <= MOST_CONCURRENCY:
        raise InputError(f"concurrency: {concurrency} is not allowed; 1 to {MOST_CONCURRENCY} are")
    if max_failures is not None and max_failures < 0:
        raise InputError(f"max_failures: {max_failures} is not allowed; 0 and more are")
    if progress_every < 1:
        raise InputError(f"progress_every: {progress_every} is not allowed; 1 and more are")


def bulk_result(outcomes: t.Sequence[Outcome], *, dry_run: bool = False) -> dict[str, t.Any]:
    """The result of a module that brings many Services to their wishes."""
    summary = make_summary(Counter(outcome.action for outcome in outcomes))
    result = {
        "changed": any(outcome.changed for outcome in outcomes),
        "services": [outcome.as_fields() for outcome in outcomes],
        "summary": summary,
        "summary_line": summary_line(summary) + (DRY_RUN if dry_run else ""),
        "diff": make_diff(outcomes),
        "warnings": _bounded_warnings(outcomes),
    }
    message = failure_message(outcomes)
    if message is not None:
        result.update(failed=True, msg=message)
    return result


def _bounded_warnings(outcomes: t.Iterable[Outcome]) -> list[str]:
    warnings = [outcome.warning for outcome in outcomes if outcome.warning]
    rest = len(warnings) - MOST_WARNINGS
    return warnings[:MOST_WARNINGS] + ([f"and {rest} more Services like that"] if rest > 0 else [])


def make_summary(counts: t.Mapping[str, int]) -> dict[str, int]:
    """The contract's ``summary`` from a count of actions."""
    actions = ("created", "replaced", "deleted", "none", "failed", "not_attempted")
    return {**{action: counts.get(action, 0) for action in actions}, "unchanged": counts.get("none", 0)}


def summary_line(summary: t.Mapping[str, int]) -> str:
    """The line that ends a rollout."""
    total = sum(count for action, count in summary.items() if action != "unchanged")
    if not total:
        return "0 Services: nothing to do"
    line = f"{total} Services: {_counts(summary)}"
    return line + (f", {summary['not_attempted']} not attempted" if summary["not_attempted"] else "")


def _counts(summary: t.Mapping[str, int]) -> str:
    return ", ".join(
        f"{summary[action]} {action}" for action in ("created", "replaced", "deleted", "unchanged", "failed")
    )


def progress_lines(
    path: str | None, total: int, every: int, *, dry_run: bool = False
) -> t.Callable[[int, t.Mapping[str, int]], None]:
    """A ``progress`` for `converge_all` that appends a line to the file ``path``.

    One line for every ``every`` Services that are done and one for the last of ``total``.

    :raises InputError: if the file cannot be written.
    """
    if path is not None:
        try:
            with open(path, "a", encoding="utf-8"):
                pass
        except (OSError, ValueError) as error:
            raise InputError(f"progress_path: {shown(path)} cannot be written ({error})") from None

    def write(done: int, counts: t.Mapping[str, int]) -> None:
        if path is None or (done % every and done != total):
            return
        # A full disk is no reason to stop what goes on.
        with contextlib.suppress(OSError), open(path, "a", encoding="utf-8") as file:
            told = f"{done} of {total} Services done: {_counts(make_summary(counts))}; {total - done} to go"
            file.write(told + (DRY_RUN if dry_run else "") + "\n")

    return write


def failure_message(outcomes: t.Sequence[Outcome]) -> str | None:
    """One message for all that failed: how many, and the first few reasons. ``None`` if none did."""
    failed = [outcome for outcome in outcomes if outcome.action == "failed"]
    if not failed:
        return None
    # A sender that is gone needs a person, so it is never only counted.
    failed.sort(key=lambda outcome: outcome.lost is None)
    lost = [f"{outcome.service_sid} {outcome.lost!r}" for outcome in failed if outcome.lost is not None]
    idle = sum(outcome.action == "not_attempted" for outcome in outcomes)
    message = f"{len(failed)} of {len(outcomes)} Services failed"
    message += f", {idle} were not attempted, because it was to stop" if idle else ""
    message += f"; lost senders: {', '.join(lost)}" if lost else ""
    message += ": " + " | ".join(outcome.msg or "" for outcome in failed[:MOST_REASONS])
    rest = len(failed) - MOST_REASONS
    return message + (f" | and {rest} more, each with its msg in services" if rest > 0 else "")
