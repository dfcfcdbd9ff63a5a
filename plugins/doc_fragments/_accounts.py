# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options for several accounts, in the order of ``accounts_spec``."""

    DOCUMENTATION = r"""
options:
  accounts:
    description:
      - Credentials of further accounts, as a dictionary. Each key is the SID of an account. Each value is a dictionary
        with C(auth_token), or with C(api_key) and C(api_secret).
      - The module finds the account of a Service in its C(account_sid), or by listing the Services of all accounts.
      - If the credentials of one account are wrong, the module starts no further Service of this account.
    type: dict
  subaccounts:
    description:
      - Whether to include the active subaccounts of the account. The module reads their auth tokens from Twilio and
        keeps them in memory only.
      - Requires O(account_sid) and O(auth_token) of the parent account. An API key cannot read the auth tokens of
        subaccounts.
      - The module warns about subaccounts that are suspended or closed, and ignores them.
      - If a subaccount is also in O(accounts), the credentials there are used.
    type: bool
    default: false
"""
