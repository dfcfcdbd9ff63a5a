# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of form, types, documentation and licences. What is checked stands in antsibull-nox.toml."""

import antsibull_nox

antsibull_nox.load_antsibull_nox_toml()
