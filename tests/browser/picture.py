# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a report: ``python picture.py PAGE PICTURE``."""

from __future__ import annotations

import sys
from pathlib import Path

from browser.pages import browser


def main() -> None:
    page, picture = map(Path, sys.argv[1:])
    picture.parent.mkdir(parents=True, exist_ok=True)
    with browser() as opened:
        window = opened.new_page(viewport={"width": 1100, "height": 900}, color_scheme="light")
        window.goto(page.resolve().as_uri())
        window.screenshot(path=picture)


if __name__ == "__main__":
    main()
