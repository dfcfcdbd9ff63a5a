# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re


def _with_environment(documentation: str) -> str:
    """The same options for a plugin, which gets an environment variable only if ``env`` names it."""
    return re.sub(
        r"(If not set, the environment variable E\((TWILIO_\w+)\) is used\.\n    type: str\n)",
        r"\1    env:\n      - name: \2\n",
        documentation,
    )


class ModuleDocFragment:
    """The connection options, in the order of ``connection_spec``."""

    DOCUMENTATION = r"""
options:
  account_sid:
    description:
      - SID of the account, C(AC) and 32 hexadecimal digits. Use it together with O(auth_token).
      - Not required if you set O(api_key). If you set both, the module checks that the API key belongs to this account
        before it changes anything.
      - If not set, the environment variable E(TWILIO_ACCOUNT_SID) is used.
    type: str
  auth_token:
    description:
      - Auth token of the account. Twilio recommends an API key instead.
      - Not used if you set O(api_key).
      - If not set, the environment variable E(TWILIO_AUTH_TOKEN) is used.
    type: str
  api_key:
    description:
      - SID of an API key, C(SK) and 32 hexadecimal digits. Use it together with O(api_secret).
      - If not set, the environment variable E(TWILIO_API_KEY) is used.
    type: str
  api_secret:
    description:
      - Secret of the API key in O(api_key).
      - If not set, the environment variable E(TWILIO_API_SECRET) is used.
    type: str
  region:
    description:
      - Twilio region of your Services, for example V(ie1). Each region has its own Services and credentials.
      - Requires O(edge), because Twilio routes requests for a region without an edge to V(us1).
      - If not set, the environment variable E(TWILIO_REGION) is used.
    type: str
  edge:
    description:
      - Edge of Twilio's network to connect to, for example V(dublin). Without O(region), it leads to the region V(us1).
      - If not set, the environment variable E(TWILIO_EDGE) is used.
    type: str
  api_url:
    description:
      - URL of the Messaging API. Set it to use your own proxy or a simulator.
      - If you set it to another URL than the default, O(region) and O(edge) have no effect.
      - Must be an C(https) URL. C(http) is allowed for loopback addresses only.
      - If not set, the environment variable E(TWILIO_API_URL) is used.
    type: str
    default: https://messaging.twilio.com
  timeout:
    description:
      - Seconds after which connecting, or a single read of an answer, fails. More than 0, at most 3600.
      - Twilio itself gives up after about 30 seconds. With a shorter timeout, it can stay unknown whether Twilio made a
        change.
    type: float
    default: 35.0
  max_retries:
    description:
      - Maximum number of retries of a request, 0 to 100.
      - The module retries a request that Twilio did not process, for example after HTTP status 429 or a refused
        connection. It also retries requests that only read.
      - If it is unknown whether Twilio made a change, the module reads the current state before it tries again.
    type: int
    default: 5
  validate_certs:
    description:
      - Whether to verify the TLS certificate of the API. If V(false), any server that answers gets your credentials.
    type: bool
    default: true
  ca_path:
    description:
      - File or folder of CA certificates in PEM format, used to verify the API.
      - If not set, the environment variables E(REQUESTS_CA_BUNDLE) and E(CURL_CA_BUNDLE) are used. Without them, the
        certificates of the Python package C(certifi) are used.
    type: path
requirements:
  - requests
notes:
  - The environment variables E(HTTPS_PROXY) and E(NO_PROXY) set the proxy. A C(.netrc) file is not read, and redirects
    are not followed.
  - A proxy is never used if O(api_url) has a loopback address.
  - An empty environment variable counts as not set.
"""
    PLUGIN: str


ModuleDocFragment.PLUGIN = _with_environment(ModuleDocFragment.DOCUMENTATION)
