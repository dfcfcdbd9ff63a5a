# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as a page to look at, and as JSON beside it: what is in them, how they look, and how they get there.

Runs on the controller, without Ansible. The guide of the report documents the JSON.
Private to this collection: it may change with any release.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import tempfile
import typing as t
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, shown
from ansible_collections.messaging.twilio.plugins.module_utils._sender import recovery_command
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

SCHEMA = "messaging.twilio.report"
#: Goes up where a key is taken away or changes its meaning. New keys leave it as it is.
VERSION = 1

#: Every outcome of a Service and what the page calls it, in the order in which the page counts them.
ROLLOUT = {
    "created": "created",
    "replaced": "replaced",
    "deleted": "deleted",
    "none": "unchanged",
    "failed": "failed",
    "not_attempted": "not attempted",
}
AUDIT = {
    "matching": "as wanted",
    "drifted": "not as wanted",
    "read": "nothing wanted",
    "unread": "could not be read",
}
#: Of a bar, in thousandths: one failed Service of ten thousand has to be seen.
NARROWEST = 8
WIDTH = 1000

Report = dict[str, t.Any]


@dataclass(frozen=True)
class Files:
    """Where a report goes: the page, and the JSON beside it. ``mode`` is ``None`` for what is usual there."""

    page: str
    data: str
    mode: int | None


def check_files(path: object, mode: object = None) -> Files:
    """Where a report for ``path`` goes.

    :raises InputError: if it is no name of a page, cannot be written, or ``mode`` is no mode.
    """
    if not isinstance(path, str) or not path.lower().endswith(".html"):
        raise InputError(f"report_path: {shown(path)} is not the name of a page; allowed is one that ends in .html")
    try:
        # What a link leads to is replaced, and not the link.
        page = os.path.realpath(os.path.expanduser(path))
    except ValueError as error:
        raise InputError(f"report_path: {shown(path)} is not a path ({error})") from None
    files = Files(page, page[: -len(".html")] + ".json", _checked_mode(mode))
    folders = [file for file in (files.page, files.data) if os.path.isdir(file)]
    try:
        if folders:
            raise IsADirectoryError(f"{folders[0]} is a folder")
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(page)):
            pass
    except OSError as error:
        raise InputError(f"report_path: {shown(page)} cannot be written ({error})") from None
    return files


def _checked_mode(mode: object) -> int | None:
    if mode is None:
        return None
    # A number is what YAML made of it: 0640 and 640 differ, and neither can be told from what it became.
    if not isinstance(mode, str) or not re.fullmatch("0[0-7]{3}", mode):
        raise InputError(
            f"report_mode: {shown(mode)} is not the mode of a file; allowed are a zero and three octal digits in "
            "quotes, such as '0640'"
        )
    return int(mode, 8)


def make_report(
    kind: str,
    result: t.Mapping[str, t.Any],
    *,
    dry_run: bool,
    region: str | None = None,
    hosts: t.Mapping[str, tuple[str, str | None]] | None = None,
) -> Report:
    """The report of a run, ready for JSON.

    :arg kind: ``rollout`` or ``audit``.
    :arg result: what ``alpha_senders`` or ``alpha_sender_audit`` returned. One that failed before the
        first Service has a ``msg`` alone.
    :arg region: of the Services, where it is not us1.
    :arg hosts: the host and the friendly name of Services, by SID in lower case, where they are known.
    """
    make = _rollout_entry if kind == "rollout" else _audit_entry
    services = [make(entry) for entry in result.get("services", ())]
    for entry in services:
        host, name = (hosts or {}).get(entry["service_sid"].lower(), (None, None))
        entry["host"] = host
        entry["friendly_name"] = entry["friendly_name"] if entry["friendly_name"] is not None else name
    now = "after" if kind == "rollout" else "alpha_sender"
    senders = Counter(entry[now] for entry in services if entry[now] is not None)
    not_known = sum(entry[now] is None and _is_not_known(entry) for entry in services)
    counts = Counter(entry["outcome"] for entry in services)
    seconds, requests = result.get("seconds"), result.get("requests")
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "kind": kind,
        "dry_run": dry_run,
        "started": result.get("started"),
        "seconds": seconds,
        "requests": requests,
        "requests_per_second": round(requests / seconds, 1) if seconds and requests is not None else None,
        "region": region,
        "message": result.get("msg"),
        "summary_line": result.get("summary_line"),
        "summary": {outcome: counts[outcome] for outcome in (ROLLOUT if kind == "rollout" else AUDIT)},
        "wishes": result.get("wishes", []) if kind == "rollout" else _wishes_of_rows(result.get("services", ())),
        "senders": dict(senders.most_common()),
        "without_sender": len(services) - sum(senders.values()) - not_known,
        "not_known": not_known,
        "services": services,
    }


def _rollout_entry(entry: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    sid, lost = entry["service_sid"], entry.get("lost")
    return {
        "service_sid": sid,
        "friendly_name": entry.get("friendly_name"),
        "before": entry["before"],
        "after": entry["after"],
        "outcome": entry["action"],
        "msg": entry.get("msg"),
        "error": entry.get("error"),
        "restored": bool(entry.get("restored")),
        "lost": lost,
        "unknown": bool(entry.get("unknown")),
        "recovery_command": recovery_command(sid, lost) if lost is not None else None,
    }


def _audit_entry(row: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    outcome = {True: "matching", False: "drifted", None: "unread" if row["msg"] is not None else "read"}
    return {
        **{key: row[key] for key in ("service_sid", "friendly_name", "alpha_sender", "wanted")},
        "outcome": outcome[row["matches"]],
        "msg": row["msg"],
    }


def _is_not_known(entry: t.Mapping[str, t.Any]) -> bool:
    """Whether a Service that has no sender, as far as told, may have one."""
    certain = entry.get("lost") is not None and not entry["unknown"]
    return entry["outcome"] in ("failed", "not_attempted", "unread") and not certain


def _wishes_of_rows(rows: t.Iterable[t.Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    """What an audit compares with, as the wishes of a rollout are told."""
    counts = Counter(row["wanted"] for row in rows if row["matches"] is not None)
    return [
        {"alpha_sender": wanted, "state": "absent" if wanted is None else "present", "services": count}
        for wanted, count in counts.most_common()
    ]


def as_json(report: Report) -> str:
    """The report as ASCII that is JSON anywhere, also between the tags of a page."""
    text = json.dumps(report, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def make_page(report: Report, data: str, data_name: str) -> str:
    """The report as a page that needs nothing beside it.

    What came from outside is in the JSON alone, and the page's script makes text of it. The template
    gets numbers and words of this collection.

    :arg data: the report as `as_json` gives it.
    :arg data_name: the name of the file that holds it, which the page tells those who have no script.
    """
    folder = Path(__file__).parent
    template, style, script = (
        (folder / f"_report.{kind}").read_text(encoding="utf-8") for kind in ("html.j2", "css", "js")
    )
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    labels = ROLLOUT if report["kind"] == "rollout" else AUDIT
    counts = [(outcome, label, report["summary"][outcome]) for outcome, label in labels.items()]
    return environment.from_string(template).render(
        report=report,
        counts=counts,
        bars=_bars(counts),
        total=len(report["services"]),
        lost=sum(entry.get("lost") is not None for entry in report["services"]),
        restored=sum(entry.get("restored", False) for entry in report["services"]),
        style=Markup(style),
        script=Markup(script),
        # Nothing else runs, and nothing is loaded, whatever a name may be made of.
        policy=f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'",
        data=Markup(data),
        data_name=data_name,
    )


def _bars(counts: t.Sequence[tuple[str, str, int]]) -> list[tuple[str, int, int]]:
    """For each outcome that there is its place and its width in a bar of ``WIDTH``."""
    told = [(outcome, count) for outcome, _label, count in counts if count]
    total = sum(count for _outcome, count in told)
    widths = [max(NARROWEST, count * WIDTH // total) for _outcome, count in told]
    if widths:
        widths[widths.index(max(widths))] += WIDTH - sum(widths)
    return [(outcome, sum(widths[:place]), widths[place]) for place, (outcome, _count) in enumerate(told)]


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def write_report(files: Files, report: Report) -> None:
    """Write both files. Each replaces the one of before at once, or leaves it as it was.

    :raises OSError: if one cannot be written.
    """
    data = as_json(report)
    page = make_page(report, data, os.path.basename(files.data))
    _replace(files.data, data + "\n", files.mode)
    _replace(files.page, page, files.mode)


def _replace(path: str, text: str, mode: int | None) -> None:
    if mode is None:
        try:
            mode = os.stat(path).st_mode & 0o777
        except OSError:
            umask = os.umask(0)
            os.umask(umask)
            mode = 0o666 & ~umask
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}.")
    try:
        with open(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
