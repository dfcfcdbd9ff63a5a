# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconcile one Messaging Service: read, plan and apply. What a write of unknown fate did is settled by reading.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.messaging.twilio.plugins.module_utils._client import SERVICES_PATH, Client
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.messaging.twilio.plugins.module_utils._resources import Row, is_sid
from ansible_collections.messaging.twilio.plugins.module_utils._service_plan import (
    CAMPAIGN,
    CHANGES,
    CONTENTS,
    DesiredService,
    ServiceOutcome,
    ServicePlan,
    differences,
    make_service_plan,
)
from ansible_collections.messaging.twilio.plugins.module_utils._services import list_services, split_valid


def reconcile_service(client: Client, desired: DesiredService, *, check_mode: bool) -> ServiceOutcome:
    """Bring one Service to its desired state, or say what would be done.

    :raises InputError: if it is not clear which Service is meant.
    :raises ApiError: if the Service or what it has cannot be read. Nothing was written then.
    """
    current = _read(client, desired)
    contents = {}
    if desired.state == "absent" and len(current) == 1:
        contents = _read_contents(client, _path(desired, current[0]), only_campaign=desired.force)
    plan = make_service_plan(desired, current, contents)
    if check_mode or plan.action not in CHANGES:
        return ServiceOutcome(plan, plan.action, plan.after)
    if client.cancellation.is_set():
        return ServiceOutcome(plan, "skipped", plan.before)
    return _apply(client, plan)


def _path(desired: DesiredService, row: Row) -> str:
    return f"{SERVICES_PATH}/{desired.sid or row['sid']}"


def _read(client: Client, desired: DesiredService) -> list[Row]:
    """The Services that the desired state can mean."""
    if desired.sid is not None:
        found = _get(client, f"{SERVICES_PATH}/{desired.sid}")
        return [] if found is None else [found]
    services, _warnings = split_valid(list_services(client))
    return [service for service in services if service.get("friendly_name") == desired.name]


def _get(client: Client, path: str) -> Row | None:
    try:
        return client.get(path)
    except ApiError as error:
        if not error.not_found:
            raise
        return None


def _read_contents(client: Client, path: str, *, only_campaign: bool) -> dict[str, int]:
    """What a Service has, with counts."""
    sids: dict[str, set[str]] = {}
    for label, collection, key in CONTENTS:
        if label == CAMPAIGN or not only_campaign:
            rows = client.list(f"{path}/{collection}", key)
            sids.setdefault(label, set()).update(str(row.get("sid")) for row in rows)
    return {label: len(found) for label, found in sids.items() if found}


def _apply(client: Client, plan: ServicePlan) -> ServiceOutcome:
    if plan.action == "created":
        return _create(client, plan)
    path = _path(plan.desired, plan.before or {})
    return _update(client, plan, path) if plan.action == "updated" else _delete(client, plan, path)


def _create(client: Client, plan: ServicePlan) -> ServiceOutcome:
    """Create the Service with one POST, whatever its fate: a second POST could create a second Service."""
    try:
        row = client.create(SERVICES_PATH, plan.form)
    except ApiError as error:
        return _settle_create(client, plan, error) if error.indeterminate else _failed(plan, error)
    if not is_sid("MG", row.get("sid")):
        return _settle_create(client, plan, _not_confirmed(["sid"]))
    return _checked(client, plan, row, f"{SERVICES_PATH}/{row['sid']}")


def _settle_create(client: Client, plan: ServicePlan, error: ApiError) -> ServiceOutcome:
    """List the Services until the new one appears, or the retries are used up."""
    for attempt in range(client.max_retries + 1):
        try:
            found = _read(client, plan.desired)
            if found:
                # Another writer may have created it with other properties.
                now = make_service_plan(plan.desired, found)
                outcome = _apply(client, now) if now.action in CHANGES else ServiceOutcome(now, now.action, now.before)
                return replace(outcome, plan=plan, action="failed" if outcome.error else "created", wrote=True)
        except ApiError as read_error:
            return _failed(plan, error, read_error=read_error, unknown=True)
        except InputError as several:
            return _failed(plan, error, read_error=ApiError(str(several)), unknown=True)
        if attempt < client.max_retries:
            client.wait(attempt, jitter=False)
    return _failed(plan, error, unknown=True)


def _update(client: Client, plan: ServicePlan, path: str) -> ServiceOutcome:
    """Send the update. It may be sent again, because that has the same effect."""
    opened = False
    error: ApiError | None = None
    for attempt in range(client.max_retries + 1):
        if attempt:
            client.wait(attempt - 1)
        try:
            return _checked(client, plan, client.update(path, plan.form), path)
        except ApiError as failure:
            error = failure
        if not error.indeterminate:
            break
        opened = True
        try:
            row = client.get(path)
        except ApiError as read_error:
            return _failed(plan, error, read_error=read_error, unknown=True)
        if not differences(plan.desired, row):
            return ServiceOutcome(plan, plan.action, row)
    return _failed(plan, error, unknown=opened)


def _checked(client: Client, plan: ServicePlan, row: Row, path: str) -> ServiceOutcome:
    """The outcome of a POST that succeeded. The Service is read only if the answer is not as desired."""
    wrong = differences(plan.desired, row)
    if not wrong:
        return ServiceOutcome(plan, plan.action, row)
    error = _not_confirmed(wrong)
    try:
        row = client.get(path)
    except ApiError as read_error:
        return _failed(plan, error, row=row, read_error=read_error, unknown=True, wrote=True)
    wrong = differences(plan.desired, row)
    if not wrong:
        return ServiceOutcome(plan, plan.action, row)
    return _failed(plan, _not_confirmed(wrong), row=row, wrote=True)


def _delete(client: Client, plan: ServicePlan, path: str) -> ServiceOutcome:
    opened = False
    error: ApiError | None = None
    for attempt in range(client.max_retries + 1):
        if attempt:
            # A listing that lags may show the Service for some seconds.
            client.wait(attempt - 1, jitter=False)
        try:
            if client.delete(path):
                return ServiceOutcome(plan, plan.action)
            error = ApiError(f"Twilio answered HTTP 404 to DELETE {path}, and still returns it")
        except ApiError as failure:
            error = failure
            if not error.indeterminate:
                break
            opened = True
        try:
            if _get(client, path) is None:
                # Somebody else deleted it if no DELETE of this run can have been carried out.
                return ServiceOutcome(plan, plan.action if opened else "unchanged")
        except ApiError as read_error:
            return _failed(plan, error, read_error=read_error, unknown=True)
    return _failed(plan, error, unknown=opened)


def _not_confirmed(names: t.Iterable[str]) -> ApiError:
    return ApiError(f"Twilio's answer does not confirm {', '.join(names)}")


def _failed(plan: ServicePlan, error: ApiError | None, *, row: Row | None = None, **facts: t.Any) -> ServiceOutcome:
    if row is None and not facts.get("unknown"):
        row = plan.before
    return ServiceOutcome(plan, "failed", row, error=error, **facts)
