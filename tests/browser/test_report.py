# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.messaging.twilio.plugins.plugin_utils._report import make_report
from axe_playwright_python.sync_playwright import Axe
from browser.pages import browser as open_browser
from browser.pages import outcomes, rollout, written
from playwright.sync_api import Browser, Page, expect

from support.account import mg
from support.hostile import NAMES

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
ROWS = "table.services tbody tr"
SHOPS = [f"Shop {number}" for number in range(1, 401)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A window. Checks that there is no error, and that the page requests nothing."""
    context = browser.new_context(viewport=WIDE, color_scheme=request.param)
    window = context.new_page()
    problems: list[str] = []
    requested: list[str] = []
    window.on("console", lambda message: problems.append(f"{message.type}: {message.text}"))
    window.on("pageerror", lambda error: problems.append(str(error)))
    window.on("dialog", lambda dialog: problems.append(dialog.message))
    context.on("request", lambda sent: requested.append(sent.url))
    yield window
    assert problems == []
    assert all(url.startswith("file://") and url.endswith("/rollout.html") for url in requested), requested
    context.close()


def names(window: Page) -> list[str]:
    return [str(name) for name in window.locator(f"{ROWS} .name").all_text_contents()]


def check_access(window: Page) -> None:
    found = Axe().run(window)
    assert found.violations_count == 0, found.generate_report()


def check_width(window: Page) -> None:
    assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_services_that_need_attention_come_first(page: Page, tmp_path: Path) -> None:
    page.goto(rollout(tmp_path, outcomes(300), SHOPS))
    expect(page.locator("#lost h3")).to_have_text("1 Service lost its sender")
    expect(page.locator("#restored h3")).to_have_text("1 Service has its old sender again")
    expect(page.locator("#unknown h3")).to_have_text("The state of 1 Service is unknown")
    assert (
        page.locator("#lost code").inner_text()
        == json.loads((tmp_path / "rollout.json").read_text())["entries"][0]["recovery_command"]
    )
    assert names(page)[:4] == ["Shop 1", "Shop 3", "Shop 2", "Shop 4"]
    expect(page.locator(ROWS)).to_have_count(300)
    expect(page.locator("#shown")).to_have_text("300 Services")
    first = page.locator(ROWS).first
    assert (
        first.locator("a").first.get_attribute("href")
        == f"https://console.twilio.com/us1/service/sms/{mg(1)}/sms-senders"
    )
    assert (
        first.get_by_role("link", name="Twilio error 21709").get_attribute("href")
        == "https://www.twilio.com/docs/errors/21709"
    )
    assert (
        page.locator("svg.bar").get_attribute("aria-label")
        == "74 created, 74 replaced, 74 deleted, 74 unchanged, 3 failed, 1 skipped"
    )
    assert page.locator("#senders tr").all_text_contents()[0] == "ACME222"
    check_access(page)
    check_width(page)


def test_links_lead_to_the_console_of_the_region(page: Page, tmp_path: Path) -> None:
    page.goto(rollout(tmp_path, outcomes(5), SHOPS, region="ie1"))
    assert "console.twilio.com/ie1/" in (page.locator(f"{ROWS} a").first.get_attribute("href") or "")


def test_rows_show_the_country_and_of_several_accounts_the_account(page: Page, tmp_path: Path) -> None:
    made = outcomes(6)
    sids = [f"AC{number:032x}" for number in (1, 2)]
    for place, row in enumerate(made):
        row.update(account_sid=sids[place % 2], iso_country_code="FR" if place == 4 else None)
    page.goto(rollout(tmp_path, made, SHOPS))
    row = page.locator(f"{ROWS}:has-text('{mg(5)}')")
    expect(row.locator(".place")).to_have_text(["Country FR", sids[0]])
    for words, count in ((sids[1][-4:], 3), ("fr", 1)):
        page.get_by_label("Search").fill(words)
        expect(page.locator("#shown")).to_have_text(f"{count} of 6 Services")
    check_access(page)
    (tmp_path / "one account").mkdir()
    page.goto(rollout(tmp_path / "one account", [{**row, "account_sid": sids[0]} for row in made], SHOPS))
    # One account is the same in each row.
    expect(page.locator(".place")).to_have_text(["Country FR"])


def test_search_and_outcome_filter_the_list(page: Page, tmp_path: Path) -> None:
    page.goto(rollout(tmp_path, outcomes(300), SHOPS))
    search, outcome, shown = (
        page.get_by_label("Search"),
        page.get_by_label("Outcome", exact=True),
        page.locator("#shown"),
    )
    for words, count in (
        ("shop 17", 11),
        ("SHOP 170", 1),
        (mg(0x2A)[-6:], 1),
        ("21709", 2),
        ("old co", 74),
        ("nothing like it", 0),
    ):
        search.fill(words)
        expect(shown).to_have_text(f"{count} of 300 Services")
        expect(page.locator(f"{ROWS}:has(th)")).to_have_count(count)
    expect(page.locator(ROWS)).to_have_text("No Service matches.")
    search.fill("")
    for choice, count in (("failed", 3), ("lost", 1), ("restored", 1), ("skipped", 1), ("created", 74)):
        outcome.select_option(choice)
        expect(shown).to_have_text(f"{count} of 300 Services")
    search.fill("shop 1")
    assert set(page.locator(f"{ROWS} .mark").all_text_contents()) == {"created"}


def test_every_column_sorts_in_both_directions(page: Page, tmp_path: Path) -> None:
    page.goto(rollout(tmp_path, outcomes(30), SHOPS))
    head = page.locator("#columns th").first
    head.get_by_role("button").click()
    assert names(page) == SHOPS[:30]
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").click()
    assert names(page) == SHOPS[29::-1]
    page.get_by_role("button", name="Before").click()
    assert head.get_attribute("aria-sort") is None
    texts = page.locator(f'{ROWS} td[data-label="Before"]').all_text_contents()
    known = [text for text in texts if text not in ("none", "unknown")]
    assert known == sorted(known, key=str.lower)
    assert texts[: len(known)] == known
    page.get_by_role("button", name="Reason").click()
    assert "21709" in (page.locator(ROWS).first.text_content() or "")


def test_harmful_names_are_shown_as_text(page: Page, tmp_path: Path) -> None:
    made = outcomes(len(NAMES))
    page.goto(rollout(tmp_path, made, NAMES))
    shown = names(page)
    assert NAMES[0] in shown
    assert NAMES[1] in shown
    assert "left [U+202E]thgir ot[U+202C] left [U+2067]rtl[U+2069]" in shown
    assert "line[U+2028]break[U+000A]bell[U+0007] null[U+0000] escape[U+001B][31m" in shown
    assert page.locator("table.services img, table.services style, table.services script").count() == 0
    assert "owned" not in page.title()
    # A text from right to left does not change the direction of others.
    assert page.locator(f"{ROWS} .name bdi").count() == len(NAMES)
    assert f"host_{NAMES.index('')}" in shown
    check_access(page)
    page.set_viewport_size(NARROW)
    check_width(page)


def test_error_is_shown_as_text_without_its_links(page: Page, tmp_path: Path) -> None:
    entry: dict[str, Any] = {
        "service_sid": mg(1),
        "action": "failed",
        "before": "<b>OLD",
        "after": None,
        "msg": NAMES[1],
    }
    entry["error"] = {
        "code": 20404,
        "message": NAMES[0],
        "more_info": "javascript:alert(1)",
        "status": 404,
        "request_id": None,
    }
    result: dict[str, Any] = {"outcomes": [entry], "summary": {}, "msg": NAMES[0], "desired": []}
    page.goto(written(tmp_path, make_report("rollout", result, check_mode=True)))
    assert page.locator(f"{ROWS} td").last.inner_text().splitlines()[-1] == NAMES[1]
    assert all((link.get_attribute("href") or "").startswith(("https://", "#")) for link in page.locator("a").all())
    expect(page.get_by_text("Check mode: nothing was changed.")).to_be_visible()


def test_run_without_services_shows_the_error(page: Page, tmp_path: Path) -> None:
    report = make_report("rollout", {"msg": f"HTTP 401 {NAMES[0]}"}, check_mode=False)
    page.goto(written(tmp_path, report))
    expect(page.locator("#message")).to_have_text(f"HTTP 401 {NAMES[0]}")
    check_access(page)


def test_audit_shows_the_current_and_the_desired_sender(page: Page, tmp_path: Path) -> None:
    row = {
        "service_sid": mg(1),
        "service_name": "Shop",
        "alpha_sender": "OLD",
        "desired": "ACME",
        "matches": False,
        "msg": None,
    }
    rows = [
        {**row, "alpha_sender": "ACME", "matches": True},
        row,
        {**row, "alpha_sender": None, "matches": None, "msg": "HTTP 500"},
    ]
    page.goto(
        written(tmp_path, make_report("audit", {"rows": rows, "summary": {}, "msg": "3 Services"}, check_mode=False))
    )
    assert page.locator(f"{ROWS} .mark").all_text_contents() == ["differs", "could not be read", "as desired"]
    assert page.locator("#columns button").all_text_contents() == ["Service", "Sender", "Desired", "Outcome", "Reason"]
    check_access(page)


def test_phone_needs_no_horizontal_scrolling(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size(NARROW)
    page.goto(rollout(tmp_path, outcomes(120), SHOPS))
    expect(page.locator(ROWS)).to_have_count(120)
    check_width(page)
    check_access(page)


def test_page_is_dark_in_dark_mode(page: Page, tmp_path: Path) -> None:
    page.goto(rollout(tmp_path, outcomes(5), SHOPS))
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert (max(ground) < 64) is is_dark
    assert (min(ground) > 192) is not is_dark


def test_keyboard_reaches_everything(page: Page, tmp_path: Path) -> None:
    page.goto(rollout(tmp_path, outcomes(30), SHOPS))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("shop 2")
    expect(page.locator("#shown")).to_have_text("11 of 30 Services")
    page.keyboard.press("Tab")
    page.keyboard.type("failed")
    expect(page.locator("#shown")).to_have_text("1 of 30 Services")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#columns th").first).to_have_attribute("aria-sort", "ascending")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_button_copies_the_command(page: Page, tmp_path: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(rollout(tmp_path, outcomes(5), SHOPS))
    command = page.locator("#lost code").inner_text()
    page.get_by_role("button", name="Copy the command").click()
    expect(page.locator("#announcement")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == command


def test_page_has_ten_thousand_services(page: Page, tmp_path: Path) -> None:
    page.goto(rollout(tmp_path, outcomes(10_000), [f"Shop {number}" for number in range(10_000)]))
    expect(page.locator("#shown")).to_have_text("10,000 Services")
    # The first rows are there at once, all others soon, for the search of the browser and for print.
    expect(page.locator(ROWS)).to_have_count(10_000, timeout=60_000)
    page.get_by_label("Search").fill("shop 9999")
    expect(page.locator(ROWS)).to_have_count(1)
    page.get_by_label("Search").fill("")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(ROWS).count() == 10_000


def test_print_has_every_service(page: Page, tmp_path: Path) -> None:
    page.goto(rollout(tmp_path, outcomes(300), SHOPS))
    page.emulate_media(media="print")
    expect(page.get_by_label("Search")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    pages = page.pdf(format="A4").count(b"/Type /Page\n")
    assert pages > 5
