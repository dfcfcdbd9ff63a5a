# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a Service as the result of a module.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t

from ansible_collections.messaging.twilio.plugins.module_utils._errors import error_fields
from ansible_collections.messaging.twilio.plugins.module_utils._messages import name_service, service_message
from ansible_collections.messaging.twilio.plugins.module_utils._resources import Row
from ansible_collections.messaging.twilio.plugins.module_utils._results import CHECK_MODE
from ansible_collections.messaging.twilio.plugins.module_utils._service_plan import PROPERTIES, ServiceOutcome, shown


def service_result(outcome: ServiceOutcome, *, check_mode: bool) -> dict[str, t.Any]:
    """The result of the module ``service``. A skipped Service is a failure, because it is not as desired."""
    failed = outcome.action in ("failed", "skipped")
    message = service_message(outcome)
    result: dict[str, t.Any] = {
        "changed": outcome.changed,
        "action": outcome.action,
        "msg": message + (CHECK_MODE if check_mode and not failed else ""),
        "service": shown(outcome.row or {}),
        "diff": _diff(outcome),
    }
    if failed:
        result["error"] = error_fields(message) if outcome.error is None else outcome.error.as_fields()
        result.update(failed=True, state_unknown=outcome.unknown)
    return result


def _diff(outcome: ServiceOutcome) -> dict[str, t.Any]:
    """The properties that change. Those of a Service that is deleted are all of them."""
    plan = outcome.plan
    if not outcome.changed:
        return {"before": {}, "after": {}}
    after = outcome.row or plan.after
    names = plan.changes or PROPERTIES
    header = name_service(outcome)
    return {
        "before_header": header,
        "after_header": header,
        "before": _chosen(plan.before, names),
        "after": _chosen(after, names),
    }


def _chosen(row: Row | None, names: t.Iterable[str]) -> dict[str, t.Any]:
    return {key: value for key, value in shown(row or {}).items() if key in names}
