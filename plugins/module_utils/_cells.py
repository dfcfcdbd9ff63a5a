# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells of CSV files that a spreadsheet does not take for a formula, and that can be read back.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

import re

#: https://owasp.org/www-community/attacks/CSV_Injection: a cell that begins with one of these is a formula.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def neutralize(value: object) -> object:
    """The content of a cell: a string that begins like a formula gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def restore(cell: str) -> str:
    """The string that `neutralize` made ``cell`` of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
