# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring many Services to their wishes: some at once, in the order given, and when to stop.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t
from collections import Counter
from datetime import datetime, timezone

from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._converge import (
    Outcome,
    converge,
    make_diff,
)
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError, shown
from ansible_collections.messaging.twilio.plugins.module_utils._journal import Journal
from ansible_collections.messaging.twilio.plugins.module_utils._sender import Resource, Wish, recovery_command

#: Ends what is told of a dry run.
DRY_RUN = " (dry run, nothing is changed)"
#: How many reasons a message names before it only counts the rest.
MOST_REASONS = 3
#: How many Services a list in the job artifacts names: AWX keeps them with the job, and shows them.
MOST_ARTIFACTS = 100
#: How many warnings a result carries before it only counts the rest.
MOST_WARNINGS = 10
#: About the most requests at once that Twilio is known to answer for one account.
MOST_CONCURRENCY = 100
#: Seconds after which the waiting thread looks whether a signal has come.
WAKING = 0.2

Item = t.TypeVar("Item")
Result = t.TypeVar("Result")


def converge_all(
    client: Client,
    wishes: t.Sequence[Wish],
    *,
    concurrency: int,
    dry_run: bool,
    max_failures: int | None = None,
    progress: t.Callable[[int, t.Mapping[str, int]], None] = lambda done, counts: None,
    journal: Journal | None = None,
) -> list[Outcome]:
    """The outcome of each wish, in the order of ``wishes``.

    A Service that fails does not stop the others, unless every other one would fail the same way
    or more than ``max_failures`` have failed, or the run is cancelled. What was not begun then is
    ``not_attempted``.

    :arg concurrency: how many Services are brought to their wish at once, each by one thread.
    :arg progress: called after each Service, by one thread at a time, with how many are done and
        the count of each action among them.
    :arg journal: as for `converge`.
    """
    counts: Counter[str] = Counter()

    def one(wish: Wish, stopped: t.Callable[[], bool]) -> Outcome:
        return converge(client, wish, dry_run=dry_run, stopped=stopped, journal=journal)

    def done(outcome: Outcome) -> bool:
        counts[outcome.action] += 1
        if outcome.action != "not_attempted":
            progress(sum(counts.values()) - counts["not_attempted"], counts)
        return outcome.account_wide or (max_failures is not None and counts["failed"] > max_failures)

    outcomes = _at_once(client, wishes, one, done, concurrency)
    return [
        outcome if outcome is not None else Outcome(wish.service_sid, "not_attempted")
        for outcome, wish in zip(outcomes, wishes)
    ]


def read_senders(
    client: Client, service_sids: t.Sequence[str], *, concurrency: int
) -> list[list[Resource] | ApiError | None]:
    """The alpha senders of each Service, in order, or why they could not be read.

    What every other Service would get too ends it, and so does a cancelled run: ``None`` is what was
    not read then.
    """

    def one(service_sid: str, _stopped: t.Callable[[], bool]) -> list[Resource] | ApiError:
        try:
            return client.alpha_senders(service_sid)
        except ApiError as error:
            return error

    def done(found: list[Resource] | ApiError) -> bool:
        return isinstance(found, ApiError) and found.account_wide

    return _at_once(client, service_sids, one, done, concurrency)


def left_behind(
    client: Client, journal: Journal, outcomes: t.Iterable[Outcome], *, concurrency: int
) -> dict[str, t.Any]:
    """What runs that were killed left open and this one did not bring to its end.

    :returns: ``left_behind``, one entry for each Service that has no sender, or of which it is not
        known, and ``warnings``, which say so. Empty where there is no such Service.
    """
    told = {outcome.service_sid.lower() for outcome in outcomes if outcome.lost is not None}
    entries = {sid: name for sid, name in journal.open_entries().items() if sid.lower() not in told}
    found = read_senders(client, list(entries), concurrency=concurrency)
    left, warnings = [], []
    for (sid, name), senders in zip(entries.items(), found):
        if isinstance(senders, list) and senders:
            journal.found_settled(sid)
            continue
        unread = not isinstance(senders, list)
        left.append({"service_sid": sid, "lost": name, "unknown": unread})
        state = "may have no alpha sender" if unread else "has no alpha sender"
        warnings.append(
            f"{sid} {state}: a run was ended after it had deleted {name!r}. This brings it back: "
            f"{recovery_command(sid, name)}"
        )
    return {"left_behind": left, "warnings": warnings} if left else {}


def services_with_senders(client: Client, services: t.Sequence[Resource], *, concurrency: int) -> dict[str, t.Any]:
    """The Services with their ``alpha_senders``, ``errors`` for those that could not be read, and ``warnings``.

    :raises ApiError: what every other Service would get, too.
    """
    found = read_senders(client, [str(service.get("sid")) for service in services], concurrency=concurrency)
    failed = [(service, error) for service, error in zip(services, found) if isinstance(error, ApiError)]
    for _service, error in failed:
        if error.account_wide:
            raise error
    result: dict[str, t.Any] = {
        "services": [
            {**service, "alpha_senders": senders if isinstance(senders, list) else None}
            for service, senders in zip(services, found)
        ],
        "errors": [
            {"service_sid": service.get("sid"), "msg": str(error), "error": error.as_fields()}
            for service, error in failed
        ],
        "warnings": [],
    }
    if failed:
        told = f"the alpha senders of {len(failed)} of {len(services)} Services could not be read, see errors"
        result["warnings"] = [f"{told}; the first: {failed[0][1]}"]
    return result


def _at_once(
    client: Client,
    items: t.Sequence[Item],
    one: t.Callable[[Item, t.Callable[[], bool]], Result],
    done: t.Callable[[Result], bool],
    concurrency: int,
) -> list[Result | None]:
    """The result of ``one`` for each item, in order, ``None`` for what was not begun.

    :arg one: is given an item, and what tells whether it is to stop.
    :arg done: is given each result, by one thread at a time, and says whether to begin no other.
    """
    results: list[Result | None] = [None] * len(items)
    todo = iter(range(len(items)))
    stop = threading.Event()
    lock = threading.Lock()
    crashes: list[BaseException] = []

    def stopped() -> bool:
        return stop.is_set() or client.cancellation.is_set()

    def work() -> None:
        try:
            while not stopped():
                with lock:
                    place = next(todo, None)
                if place is None:
                    return
                result = one(items[place], stopped)
                with lock:
                    results[place] = result
                    if done(result):
                        stop.set()
        except BaseException as error:  # pylint: disable=broad-exception-caught  # it is raised in the thread that waits
            stop.set()
            crashes.append(error)

    threads = [threading.Thread(target=work) for _worker in range(min(concurrency, len(items)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        # A signal may reach any thread, and its handler runs in this one, which must not sleep through it.
        while thread.is_alive():
            thread.join(WAKING)
    if crashes:
        raise crashes[0]
    return results


def check_limits(concurrency: int, max_failures: int | None = None, progress_every: int = 1) -> None:
    """Raise `InputError` for the first limit that is out of range."""
    if not 1 <= concurrency <= MOST_CONCURRENCY:
        raise InputError(f"concurrency: {concurrency} is not allowed; 1 to {MOST_CONCURRENCY} are")
    if max_failures is not None and max_failures < 0:
        raise InputError(f"max_failures: {max_failures} is not allowed; 0 and more are")
    if progress_every < 1:
        raise InputError(f"progress_every: {progress_every} is not allowed; 1 and more are")


def check_path(path: str | None, name: str) -> None:
    """Raise `InputError` if a file cannot be written there. It is not made empty."""
    if path is not None:
        try:
            with open(path, "a", encoding="utf-8"):
                pass
        except (OSError, ValueError) as error:
            raise InputError(f"{name}: {shown(path)} cannot be written ({error})") from None


class Stopwatch:
    """When a run began, and what it took."""

    def __init__(self) -> None:
        self._started = datetime.now(timezone.utc)
        self._begun = time.monotonic()

    def read(self, client: Client) -> dict[str, t.Any]:
        """``started`` in UTC as ISO 8601 has it, ``seconds`` since then, and the ``requests`` of ``client``."""
        return {
            "started": self._started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "seconds": round(time.monotonic() - self._begun, 3),
            "requests": client.sent,
        }


def count_wishes(wishes: t.Iterable[Wish]) -> list[dict[str, t.Any]]:
    """The wishes that differ, with how many ``services`` each is for, those of the most Services first."""
    counts = Counter((wish.alpha_sender, wish.state, wish.replace) for wish in wishes)
    return [
        {"alpha_sender": alpha_sender, "state": state, "replace": replace, "services": count}
        for (alpha_sender, state, replace), count in counts.most_common()
    ]


def job_artifacts(data: t.Mapping[str, t.Any], **listed: t.Sequence[str]) -> dict[str, t.Any]:
    """What ``set_stats`` would return for ``data``, and for lists that are cut, with how many were left out."""
    told = dict(data)
    for name, values in listed.items():
        told[name] = list(values[:MOST_ARTIFACTS])
        told[f"{name}_left_out"] = max(0, len(values) - MOST_ARTIFACTS)
    return {"data": told, "per_host": False, "aggregate": False}


def bulk_result(outcomes: t.Sequence[Outcome], *, dry_run: bool = False, artifacts: bool = False) -> dict[str, t.Any]:
    """The result of a module that brings many Services to their wishes.

    :arg artifacts: publish it as job artifacts, too, the way ``set_stats`` does.
    """
    summary = make_summary(Counter(outcome.action for outcome in outcomes))
    line, failure = summary_line(summary) + (DRY_RUN if dry_run else ""), failure_lines(outcomes)
    result = {
        "changed": any(outcome.changed for outcome in outcomes),
        "services": [outcome.as_fields() for outcome in outcomes],
        "summary": summary,
        "summary_line": line,
        "summary_block": [line, *failure],
        "diff": make_diff(outcomes),
        "warnings": _bounded_warnings(outcomes),
    }
    if artifacts:
        failed = [outcome.service_sid for outcome in outcomes if outcome.action == "failed"]
        data = {"alpha_sender_summary": summary, "alpha_sender_summary_line": line}
        result["ansible_stats"] = job_artifacts(data, alpha_sender_failed=failed)
    if failure:
        result.update(failed=True, msg=f"{failure[0]}: {' | '.join(failure[1:])}")
    return result


def _bounded_warnings(outcomes: t.Iterable[Outcome]) -> list[str]:
    warnings = [outcome.warning for outcome in outcomes if outcome.warning]
    rest = len(warnings) - MOST_WARNINGS
    return warnings[:MOST_WARNINGS] + ([f"and {rest} more Services like that"] if rest > 0 else [])


def make_summary(counts: t.Mapping[str, int]) -> dict[str, int]:
    """The ``summary`` of a result, from a count of actions."""
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
    check_path(path, "progress_path")

    def write(done: int, counts: t.Mapping[str, int]) -> None:
        if path is None or (done % every and done != total):
            return
        # A full disk is no reason to stop what goes on.
        with contextlib.suppress(OSError), open(path, "a", encoding="utf-8") as file:
            told = f"{done} of {total} Services done: {_counts(make_summary(counts))}; {total - done} to go"
            file.write(told + (DRY_RUN if dry_run else "") + "\n")

    return write


def failure_lines(outcomes: t.Sequence[Outcome]) -> list[str]:
    """All that failed: a line that counts them, and one for each of the first few reasons. Empty if none did."""
    failed = [outcome for outcome in outcomes if outcome.action == "failed"]
    if not failed:
        return []
    # A sender that is gone needs a person, so it is never only counted.
    failed.sort(key=lambda outcome: outcome.lost is None)
    lost = [f"{outcome.service_sid} {outcome.lost!r}" for outcome in failed if outcome.lost is not None]
    idle = sum(outcome.action == "not_attempted" for outcome in outcomes)
    told = f"{len(failed)} of {len(outcomes)} Services failed"
    told += f", {idle} were not attempted, because the run was stopped" if idle else ""
    told += f"; lost senders: {', '.join(lost)}" if lost else ""
    rest = len(failed) - MOST_REASONS
    more = [f"and {rest} more, each with its msg in services"] if rest > 0 else []
    return [told, *(outcome.msg or "" for outcome in failed[:MOST_REASONS]), *more]
