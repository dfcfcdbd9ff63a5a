# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the report's page, for its template and for its script.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

#: What the page calls an action of a rollout or a status of an audit.
LABELS = {
    "created": "created",
    "replaced": "replaced",
    "deleted": "deleted",
    "unchanged": "unchanged",
    "failed": "failed",
    "skipped": "skipped",
    "matching": "as desired",
    "drifted": "differs",
    "only_read": "only read",
    "unread": "could not be read",
}
#: What the script writes. A text with a count has two forms, for 1 and for any other count.
TEXTS: dict[str, str | tuple[str, str]] = {
    "service": ("{count} Service", "{count} Services"),
    "service_of": ("{shown} of {count} Service", "{shown} of {count} Services"),
    "for_service": (" for {count} Service", " for {count} Services"),
    "column_service": "Service",
    "column_before": "Before",
    "column_after": "After",
    "column_planned": "After (planned)",
    "column_sender": "Sender",
    "column_desired": "Desired",
    "column_outcome": "Outcome",
    "column_reason": "Reason",
    "none": "none",
    "unknown": "unknown",
    "mark_lost": "sender lost",
    "mark_restored": "old sender restored",
    "mark_unknown": "state unknown",
    "console": "Open in the Twilio Console",
    "error": "Twilio error {code}",
    "country": "Country {country}",
    "desired_country": " in {country}",
    "desired_none": "no alpha sender",
    "desired_not": "no ",
    "desired_no_replace": ", without replacing another sender",
    "desired_more": ("and {count} other desired state", "and {count} other desired states"),
    "desired_nothing": "No desired state, the Services are only read",
    "more_senders": ("Show {count} more sender", "Show {count} more senders"),
    "more": ("Show {count} more", "Show {count} more"),
    "lost": ("1 Service lost its sender", "{count} Services lost their senders"),
    "lost_hint": "The old sender was deleted, and the Service may have none now. The command creates it again. It "
    "takes the credentials and settings such as TWILIO_EDGE from the environment.",
    "lost_sender": "Lost sender: ",
    "restored": ("1 Service has its old sender again", "{count} Services have their old senders again"),
    "restored_hint": "Twilio refused the desired sender after the old one was deleted. The old sender was created "
    "again.",
    "unknown_state": ("The state of 1 Service is unknown", "The state of {count} Services is unknown"),
    "unknown_state_hint": "A change was not confirmed, and the Service could not be read afterwards. Run the same "
    "rollout again.",
    "command": "Command",
    "copy": "Copy the command",
    "copy_all": "Copy all commands",
    "copied": "Copied",
    "no_match": "No Service matches.",
}


def number(value: int) -> str:
    """A number with a comma after the thousands."""
    return f"{value:,}"


def counted(count: int, noun: str) -> str:
    """A count with its noun, such as ``1 Service`` or ``2,000 Services``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
