# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a report: one HTML file that loads nothing else.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import base64
import hashlib
import typing as t
from pathlib import Path

from ansible_collections.messaging.twilio.plugins.plugin_utils._report import Report, as_json
from ansible_collections.messaging.twilio.plugins.plugin_utils._report_texts import LABELS, TEXTS, counted, number
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

#: Width of the bar, and of its narrowest part: 1 failed Service of 10,000 has to be visible.
WIDTH = 1000
MIN_PART = 8


def make_page(report: Report, data: str, data_name: str) -> str:
    """The report as a page.

    Texts from outside are in the JSON only, and the script of the page writes them as text, never as markup. The
    template gets numbers and words of this collection.

    :arg data: the report as `as_json` gives it.
    :arg data_name: the name of the file with the JSON, shown to readers without JavaScript.
    """
    folder = Path(__file__).parent
    template, style, script = (
        (folder / f"_report.{kind}").read_text(encoding="utf-8") for kind in ("html.j2", "css", "js")
    )
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(number=number, counted=counted)
    counts = [(key, LABELS[key], count) for key, count in report["summary"].items() if key != "total"]
    return environment.from_string(template).render(
        report=report,
        title="Rollout of alpha senders" if report["kind"] == "rollout" else "Audit of alpha senders",
        verdict=_verdict(report),
        words=TEXTS,
        counts=counts,
        bars=_bars(counts),
        total=report["summary"]["total"],
        lost=sum(entry.get("lost_sender") is not None for entry in report["entries"]),
        restored=sum(entry.get("restored", False) for entry in report["entries"]),
        style=Markup(style),
        script=Markup(script),
        # Only this style and this script apply, and nothing is loaded, whatever the texts contain.
        policy=f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'",
        data=Markup(data),
        texts=Markup(as_json({**TEXTS, "labels": LABELS})),
        data_name=data_name,
    )


def _verdict(report: Report) -> tuple[str, str] | None:
    """The result in one sentence, and whether it is ``good`` or ``bad``."""
    summary, total = report["summary"], report["summary"]["total"]
    if not total:
        return None
    if summary.get("failed"):
        verb = "would fail" if report["check_mode"] else "failed"
        return "bad", f"{number(summary['failed'])} of {counted(total, 'Service')} {verb}."
    if summary.get("drifted") or summary.get("unread"):
        verb = "differs" if summary["drifted"] == 1 else "differ"
        unread = f", {number(summary['unread'])} could not be read" if summary["unread"] else ""
        return "bad", f"{number(summary['drifted'])} of {counted(total, 'Service')} {verb}{unread}."
    if report["check_mode"] or summary.get("skipped") or summary.get("only_read"):
        return None
    return "good", "The Service is as desired." if total == 1 else f"All {counted(total, 'Service')} are as desired."


def _bars(counts: t.Iterable[tuple[str, str, int]]) -> list[tuple[str, int, int]]:
    """Position and width in a bar of ``WIDTH`` for each count above 0."""
    shown = [(key, count) for key, _label, count in counts if count]
    total = sum(count for _key, count in shown)
    widths = [max(MIN_PART, count * WIDTH // total) for _key, count in shown]
    if widths:
        widths[widths.index(max(widths))] += WIDTH - sum(widths)
    return [(key, sum(widths[:place]), widths[place]) for place, (key, _count) in enumerate(shown)]


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
