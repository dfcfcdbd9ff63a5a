# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Friendly names that Twilio accepts and that could do harm in a page or a terminal."""

from __future__ import annotations

NAMES = [
    "</script><script>document.title = 'owned'</script>",
    "<img src=http://127.0.0.2:9/x onerror=document.title='owned'>",
    "\" onmouseover=\"document.title='owned'\" x='",
    "<!-- ]]> <style>*{display:none}</style>",
    "&lt;b&gt; &amp; {{ 7 * 7 }} {% raw %}",
    "left \u202ethgir ot\u202c left \u2067rtl\u2069",
    "line\u2028break\nbell\x07 null\x00 escape\x1b[31m",
    "\u05e9\u05dc\u05d5\u05dd shop \u0645\u0631\u062d\u0628\u0627",
    "x" * 64,
    "javascript:alert(1)",
    "",
]
