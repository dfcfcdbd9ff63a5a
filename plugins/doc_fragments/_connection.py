# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re


def _with_environment(documentation: str) -> str:
    """The same options for a plugin, to which Ansible gives an environment variable only where ``env`` names it."""
    return re.sub(
        r"(Without it the environment variable E\((TWILIO_\w+)\) is used\.\n    type: str\n)",
        r"\1    env:\n      - name: \2\n",
        documentation,
    )


class ModuleDocFragment:
    """The connection options, in the order of ``connection_spec``."""

    DOCUMENTATION = r"""
options:
  account_sid:
    description:
      - SID of the account, C(AC) and 32 hexadecimal digits. The log-in together with O(auth_token).
      - Not needed where O(api_key) is given.
      - Without it the environment variable E(TWILIO_ACCOUNT_SID) is used.
    type: str
  auth_token:
    description:
      - The account's auth token. Twilio recommends an API key instead.
      - Without it the environment variable E(TWILIO_AUTH_TOKEN) is used.
    type: str
  api_key:
    description:
      - SID of an API key, C(SK) and 32 hexadecimal digits. The log-in together with O(api_secret).
      - Where an API key is given it is used, and O(auth_token) is not.
      - Without it the environment variable E(TWILIO_API_KEY) is used.
    type: str
  api_secret:
    description:
      - The secret of O(api_key).
      - Without it the environment variable E(TWILIO_API_SECRET) is used.
    type: str
  region:
    description:
      - Region of Twilio that holds the Services, for example V(ie1). Needs O(edge), because Twilio routes a region
        without an edge to V(us1).
      - Each region has Services and credentials of its own.
      - Without it the environment variable E(TWILIO_REGION) is used.
    type: str
  edge:
    description:
      - Edge of Twilio's network to connect to, for example V(dublin). Without O(region) it leads to the region V(us1).
      - Without it the environment variable E(TWILIO_EDGE) is used.
    type: str
  api_url:
    description:
      - Address of the Messaging API, for a proxy of your own or a simulator. It takes precedence over O(region) and
        O(edge) unless it is the default.
      - Plain C(http) is allowed for loopback addresses only.
      - Without it the environment variable E(TWILIO_API_URL) is used.
    type: str
    default: https://messaging.twilio.com
  timeout:
    description:
      - Seconds that connecting, and each single read of an answer, may take. More than 0, up to 3600.
    type: float
    default: 30.0
  max_retries:
    description:
      - How often a request is repeated at most, where that is safe and may help. 0 to 100.
      - What was certainly not processed is always safe to repeat, as after HTTP status 429 or a refused connection.
        So is what only reads.
      - A change whose fate is unknown is never repeated before reading what is there.
    type: int
    default: 5
  validate_certs:
    description:
      - Whether the certificate of the API is verified. Turning this off gives the credentials to whoever answers.
    type: bool
    default: true
  ca_path:
    description:
      - File or folder of the CA certificates, in PEM format, to verify the API with.
      - Without it the environment variables E(REQUESTS_CA_BUNDLE) and E(CURL_CA_BUNDLE) are used, and else the
        certificates of the Python package C(certifi).
    type: path
requirements:
  - requests
notes:
  - Proxies are taken from the environment variables E(HTTPS_PROXY) and E(NO_PROXY). A C(.netrc) file is not read, and
    redirects are not followed.
  - An environment variable that is empty counts as one that is not set.
"""
    PLUGIN: str


ModuleDocFragment.PLUGIN = _with_environment(ModuleDocFragment.DOCUMENTATION)
