# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of all tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from hypothesis import settings

from simulator import Simulator
from support.account import seed
from support.client import make_client

# Without a deadline no test depends on the speed of the machine.
settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[Simulator]:
    with Simulator(seed()) as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A simulator without Services. A test calls `reset` with its own seed."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    shared_simulator.reset(seed())
    shared_simulator.restore_defaults()
    return shared_simulator


@pytest.fixture
def api(simulator: Simulator) -> Client:
    """A client on the simulator, with all defaults, which retries at once."""
    return make_client(simulator)


@pytest.fixture(params=["", "alpha_senders_lists_countries"])
def country_rows(
    request: pytest.FixtureRequest, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A test runs twice: as it is, and with a sender for a country in each Service, which AlphaSenders lists, too.

    Nothing in the test is about that sender, so it has to stay.
    """
    if not request.param:
        yield
        return
    reset = simulator.reset

    def reset_with_countries(start: Mapping[str, Any], faults: Iterable[Mapping[str, Any]] = ()) -> None:
        accounts = [
            {**one, "services": [{**service, "country_senders": {"FR": "KEEP FR"}} for service in one["services"]]}
            for one in start["accounts"]
        ]
        reset({"accounts": accounts}, faults)

    monkeypatch.setattr(simulator, "reset", reset_with_countries)
    setattr(simulator, request.param, True)
    yield
    for sid in simulator.account.services:
        assert simulator.country_senders(sid) == {"FR": "KEEP FR"}
    assert not any("DestinationAlphaSenders" in entry["path"] for entry in simulator.journal)
