# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The country codes of ISO 3166-1 alpha-2. A test compares them with the package pycountry.

Private to this collection: it may change with any release.
"""

from __future__ import annotations

from ansible_collections.messaging.twilio.plugins.module_utils._errors import InputError, quoted

_CODES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY "
    "BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK "
    "FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR "
    "IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK "
    "ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF "
    "TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES = frozenset(_CODES.split())


def check_country(value: object, label: str) -> str:
    """``value`` in capitals, if it is a country code in any case.

    :raises InputError: if it is not.
    """
    # The capitals of some other letters are two ASCII letters.
    if isinstance(value, str) and value.isascii() and value.upper() in COUNTRIES:
        return value.upper()
    # Norway is NO, which YAML reads as false.
    hint = ". Put it in quotes" if not isinstance(value, str) else ""
    raise InputError(f"{label} must be an ISO 3166 alpha-2 country code such as FR, got {quoted(value)}{hint}")
