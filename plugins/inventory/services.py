# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: services
short_description: List Twilio Messaging Services as hosts of an inventory
version_added: 0.1.0
description:
  - Adds each Messaging Service of an account as a host to the group C(twilio_services), and to a group for its account,
    C(twilio_account_) and the SID of the account. Use these hosts with the role
    P(messaging.twilio.alpha_sender#role) or the playbook C(messaging.twilio.apply).
  - Each host has the variable C(twilio_service_sid), and a variable with the prefix C(twilio_) for each other field
    that Twilio returns, such as C(twilio_account_sid), C(twilio_friendly_name) and C(twilio_usecase). It does not have
    the addresses in C(url) and C(links). User names and passwords in URLs are replaced by asterisks.
  - With O(alpha_senders=true), each host also has C(twilio_alpha_sender), which is null if the Service has no alpha
    sender. With O(country_senders=true), it has C(twilio_country_senders), a dictionary of country codes and alpha
    senders, as the role takes it in C(alpha_sender_country_senders).
  - The hosts do not stand for machines. Each of them has C(ansible_connection=local), and its tasks run with the Python
    that runs Ansible.
  - Variables of C(twilio_services) have a lower precedence than those of other groups.
  - If the API cannot be read or an option is wrong, the command prints an error and exits with status 4. It does not
    continue with an incomplete inventory. The same applies if C(compose) cannot set a variable of the role for a host,
    such as C(alpha_sender_name), even if O(strict=false).
author:
  - messaging.twilio contributors (@messaging-twilio)
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [messaging.twilio.services]
  alpha_senders:
    description: Whether to read the alpha sender of each Service as well. This takes one request for each Service.
    type: bool
    default: false
  country_senders:
    description:
      - Whether to read the alpha senders for single countries too. This takes two requests for each Service, and
        includes O(alpha_senders=true).
    type: bool
    default: false
  subaccounts:
    description:
      - Whether to include the Services of the active subaccounts of the account.
      - Requires O(account_sid) and O(auth_token) of the parent account. An API key cannot read the auth tokens of
        subaccounts.
      - The plugin warns about subaccounts that are suspended or closed, and ignores them.
    type: bool
    default: false
  hostnames:
    description:
      - What the name of a host is, as a list of V(friendly_name) and V(sid) in the order of preference. The plugin uses
        the SID if another Service of the accounts, another host or a group has the name, or if the Service has no name.
      - A friendly name gets the prefix of O(hostname_prefix). Each run of characters other than letters, digits, C(_),
        C(-) and C(.) is replaced by C(_).
      - The name of a host changes if another Service gets the same friendly name. If you have C(host_vars) for single
        Services, set this option to V(sid) and name the files by SID.
    type: list
    elements: str
    choices: [friendly_name, sid]
    default: [friendly_name]
  hostname_prefix:
    description:
      - Prefix of host names that are made from friendly names. It separates a Service that is named like one of your
        servers from the host of that server. So choose a prefix that no host of another inventory has.
      - It may be empty if this is your only inventory. Host names that are SIDs have no prefix.
    type: str
    default: twilio-
  concurrency:
    description: Number of Services whose alpha senders are read at the same time, from 1 to 100.
    type: int
    default: 10
  filters:
    description:
      - Limits the Services that become hosts. By default, all do.
      - C(name) is a pattern for the friendly name. C(*) matches any characters, C(?) one character, and C([...]) one of
        the characters in brackets. Case matters.
      - C(usecase) is a use case such as C(marketing), or a list of use cases. A Service matches if it has one of them.
    type: dict
    default: {}
extends_documentation_fragment:
  - messaging.twilio._connection.plugin
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
notes:
  - The name of the file must end in C(.twilio.yml) or C(.twilio.yaml).
  - Values that Twilio returns are never evaluated as templates. If a value looks like a template,
    C(ansible-inventory --list) marks it as unsafe.
  - The cache contains the fields that Twilio returns, and no credentials.
"""

EXAMPLES = r"""
---
# shop.twilio.yml: the Services whose name begins with Shop, each with a desired sender that contains the end of its
# name. Groups by use case, and a group of the Services without a sender.
plugin: messaging.twilio.services
filters:
  name: Shop*
keyed_groups:
  - key: twilio_usecase
    prefix: usecase
# Without these two options, the credentials come from the environment.
api_key: "{{ lookup('ansible.builtin.env', 'SHOP_API_KEY') }}"
api_secret: "{{ lookup('ansible.builtin.env', 'SHOP_API_SECRET') }}"
alpha_senders: true
compose:
  alpha_sender_name: "'SHOP ' ~ twilio_friendly_name[-2:]"
groups:
  without_sender: twilio_alpha_sender is none
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: /var/tmp/twilio_inventory
cache_timeout: 3600
"""

import hashlib
import os
import re
import sys
import typing as t
from collections import Counter
from functools import lru_cache

from ansible import template
from ansible.constants import LOCALHOST
from ansible.errors import AnsibleError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.messaging.twilio.plugins.module_utils._accounts import make_accounts
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._connection import Connection, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._errors import (
    InputError,
    join_first,
    plural,
    quoted,
)
from ansible_collections.messaging.twilio.plugins.module_utils._module import check_concurrency, connection_spec
from ansible_collections.messaging.twilio.plugins.module_utils._plan import country_of, join_values
from ansible_collections.messaging.twilio.plugins.module_utils._resources import (
    ALPHA_SENDER,
    COUNTRY_SENDER,
    Row,
    is_sid,
)
from ansible_collections.messaging.twilio.plugins.module_utils._services import (
    check_filter,
    read_services,
    services_with_senders,
    split_valid,
)
from ansible_collections.messaging.twilio.plugins.module_utils._transport import REQUESTS_IMPORT_ERROR

# Since ansible-core 2.19, a string is a template only if it is trusted. ansible-inventory --list wraps all others in
# __ansible_unsafe, and AWX disables all hosts if the value of its enabled_var is wrapped.
if hasattr(template, "trust_as_template"):
    # Most values are the same for all Services.
    plain: t.Callable[[str], str] = lru_cache(maxsize=1000)(template.trust_as_template)  # pylint: disable=invalid-name
    untrusted: t.Callable[[str], str] = str  # pylint: disable=invalid-name  # It is used as a function.
else:  # pragma: no cover  # Coverage is measured with 2.19.
    from ansible.utils.unsafe_proxy import wrap_var

    plain, untrusted = str, wrap_var

GROUP = "twilio_services"
ACCOUNT_GROUP = "twilio_account_"
#: Ansible merges the variables of groups with a low priority first. The default is 1.
GROUP_PRIORITY = 0
#: The exit status of a command that could not parse its inventory.
PARSER_ERROR = 4
#: Fields that no host needs. Without them, ansible-inventory --list takes a third less time.
ADDRESSES = ("url", "links")
#: Variables of this collection. A host without its own would get those of all hosts.
DESIRED_PREFIXES = ("alpha_sender_", "twilio_")
#: How a template, a block or a comment begins. The header at the start of a string can change this.
TEMPLATE = re.compile(r"\{[{%#]|\A#jinja2:")
#: The key of the Services in a cache. Changes if their form does.
CACHE_KEY = "messaging.twilio.services, version 1"

Service = dict[str, t.Any]


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]  # ansible has no types
    NAME = "messaging.twilio.services"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith((".twilio.yml", ".twilio.yaml"))

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        try:
            self._read_config_data(path)
            self._add(self._services(path, cache))
        except Exception as error:  # pylint: disable=broad-exception-caught
            # Ansible would turn an exception into a warning, and continue without these hosts.
            self.display.error(f"{path}: {error}")
            raise SystemExit(PARSER_ERROR) from None

    def _services(self, path: str, cache: bool) -> dict[str, Service]:
        """The Services that become hosts, by the names of the hosts."""
        name_glob, usecases = self._filters()
        prefix, concurrency = self.get_option("hostname_prefix"), self.get_option("concurrency")
        if not re.fullmatch(r"([\w][\w.-]*)?", prefix):
            raise InputError(
                f"hostname_prefix must begin with a letter or digit and have only letters, digits, _, - and ., "
                f"got {quoted(prefix)}"
            )
        connection = make_connection({name: self._connection_option(name) for name in connection_spec()})
        check_concurrency(concurrency)
        if REQUESTS_IMPORT_ERROR is not None:
            raise InputError(f"The Python package requests is missing for {sys.executable}")
        if self.get_option("cache"):
            services = self._cached(connection, name_glob, path, cache)
        else:
            services = self._read(connection, name_glob)
        # The name of a host does not depend on the use case.
        named = zip(self._host_names(services), services)
        return {name: service for name, service in named if usecases is None or service.get("usecase") in usecases}

    def _cached(self, connection: Connection, name_glob: str | None, path: str, cache: bool) -> list[Service]:
        """The Services from the cache. If it does not have them, they are read and put into it."""
        self.load_cache_plugin()
        # Another account or another address has other Services.
        options = [self.get_option(name) for name in ("alpha_senders", "country_senders", "subaccounts")]
        origin = f"{connection.username} {connection.account_sid} {connection.base_url} {options} {name_glob}"
        key = f"{self.get_cache_key(path)}_{hashlib.sha256(origin.encode()).hexdigest()[:12]}"
        services = self._from_cache(key) if cache else None
        if services is None:
            services = self._read(connection, name_glob)
            self._cache[key] = {CACHE_KEY: services}
        return services

    def _from_cache(self, key: str) -> list[Service] | None:
        """The Services of the cache, ``None`` if there are none.

        :raises InputError: if the cache has something else.
        """
        try:
            cached = self._cache.get(key)
        except (AttributeError, KeyError, TypeError, ValueError):  # Cache plugins expect the data that they wrote.
            cached = ""
        if cached is None:
            return None
        services = cached.get(CACHE_KEY) if isinstance(cached, dict) else None
        if isinstance(services, list) and all(
            isinstance(one, dict) and is_sid("MG", one.get("sid")) for one in services
        ):
            return services
        raise InputError(
            "The cache of this inventory must have Services, but has other data. Run the command with --flush-cache"
        )

    def _read(self, connection: Connection, name_glob: str | None) -> list[Service]:
        """The Services from the API, with their senders if the options say so.

        :raises InputError: if an alpha sender could not be read, because the inventory would be incomplete.
        """
        concurrency, countries = self.get_option("concurrency"), self.get_option("country_senders")
        client = Client(connection, concurrency=concurrency)
        accounts = make_accounts(client, connection, {"subaccounts": self.get_option("subaccounts")})
        services, warnings = split_valid(read_services(accounts, name_glob=name_glob))
        for warning in accounts.warnings + warnings:
            self.display.warning(warning)
        if not countries and not self.get_option("alpha_senders"):
            return [dict(service) for service in services]
        result = services_with_senders(accounts, services, country_senders=countries, concurrency=concurrency)
        for problem in result["warnings"]:
            raise InputError(problem)
        return [_with_senders(service) for service in result["services"]]

    def _filters(self) -> tuple[str | None, list[str] | None]:
        filters = self.get_option("filters")
        unknown = [key for key in filters if key not in ("name", "usecase")]
        if unknown:
            raise InputError(f"filters must have the keys name and usecase only, got {', '.join(map(quoted, unknown))}")
        name, usecases = filters.get("name"), filters.get("usecase")
        if name is not None and not isinstance(name, str):
            raise InputError(f"filters, name must be a string, got {quoted(name)}. Put it in quotes")
        check_filter(None, None, name)
        usecases = [usecases] if isinstance(usecases, str) else usecases
        if usecases is not None and not (
            isinstance(usecases, list) and all(isinstance(usecase, str) for usecase in usecases)
        ):
            raise InputError(f"filters, usecase must be a string or a list of strings, got {quoted(usecases)}")
        return name, usecases

    def _connection_option(self, name: str) -> t.Any:
        value = self.get_option(name)
        if isinstance(value, str) and self.templar.is_template(value):
            try:
                value = self.templar.template(value)
            except AnsibleError as error:
                raise InputError(f"The template of {name} failed: {error}") from None
        # Job systems set an environment variable without a value to an empty string.
        return None if value == "" and os.environ.get(f"TWILIO_{name.upper()}") == "" else value

    def _add(self, services: t.Mapping[str, Service]) -> None:
        """Add a host for each Service, with these names."""
        self.inventory.add_group(GROUP)
        self.inventory.set_variable(GROUP, "ansible_group_priority", GROUP_PRIORITY)
        # On each host, because a group would set them for hosts of other sources, too. They would run their commands
        # on this machine.
        interpreter = plain("{{ ansible_playbook_python }}")
        local = {"ansible_connection": plain("local"), "ansible_python_interpreter": interpreter}
        account_group = lru_cache(maxsize=None)(lambda sid: self.inventory.add_group(ACCOUNT_GROUP + sid))
        groups, keyed_groups, strict = map(self.get_option, ("groups", "keyed_groups", "strict"))
        for host, service in services.items():
            self.inventory.add_host(host, group=GROUP)
            if is_sid("AC", service.get("account_sid")):
                self.inventory.add_child(account_group(service["account_sid"]), host)
            variables = _exported(_variables(service))
            # The method of the inventory looks at each value once more. With 10,000 hosts, this takes 1 s.
            added = self.inventory.get_host(host)
            added.vars.update(local)
            added.vars.update(variables)
            if self.get_option("compose"):
                added.vars.update(_exported(self._composed(host, variables)))
                variables = added.get_vars()
            self._add_host_to_composed_groups(groups, variables, host, strict, fetch_hostvars=False)
            self._add_host_to_keyed_groups(keyed_groups, variables, host, strict, fetch_hostvars=False)

    def _composed(self, host: str, variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """The variables of ``compose``. If one of another collection cannot be set, it is left out.

        :raises AnsibleError: for a variable of this collection, and with ``strict`` for any.
        """
        found: dict[str, t.Any] = {}

        def compose(name: str, expression: str) -> None:
            try:
                found[name] = self._compose(expression, variables)
            except Exception as error:  # pylint: disable=broad-exception-caught  # Templates raise anything.
                if self.get_option("strict") or name.startswith(DESIRED_PREFIXES):
                    raise AnsibleError(f"compose could not set {name} for the host {host}: {error}") from None

        for name, expression in self.get_option("compose").items():
            compose(name, expression)
        return found

    def _host_names(self, services: t.Sequence[Service]) -> list[str]:
        """The name of the host of each Service."""
        sids = [str(service["sid"]) for service in services]
        if self.get_option("hostnames")[:1] != ["friendly_name"]:
            return sids
        taken = {"all", "ungrouped", *LOCALHOST, *self.inventory.groups, *self.get_option("groups")}
        names = [host_name(service, self.get_option("hostname_prefix")) for service in services]
        count = Counter(names)
        met = []
        for place, (name, sid) in enumerate(zip(names, sids)):
            if not name or count[name] > 1 or name in taken or is_sid("MG", name):
                names[place] = sid
            elif not self._is_free(name, sid):
                met.append(name)
                names[place] = sid
        if met:
            self.display.warning(
                f"{plural(len(met), 'Service')} named by SID, because another inventory has the host names: "
                f"{join_first(met)}. Set hostname_prefix, or set hostnames to sid"
            )
        return names

    def _is_free(self, name: str, sid: str) -> bool:
        """Whether no host of another inventory source has the name."""
        host = self.inventory.hosts.get(name)
        return host is None or host.vars.get("twilio_service_sid") == sid


def _with_senders(service: Service) -> Service:
    """A Service with the values of its senders instead of their rows."""
    senders: Service = {"alpha_sender": join_values(ALPHA_SENDER, service.pop(ALPHA_SENDER.list_key))}
    if "country_senders" in service:
        rows: dict[str, list[Row]] = {}
        for row in service.pop("country_senders"):
            rows.setdefault(str(country_of(row)), []).append(row)
        senders["country_senders"] = {country: join_values(COUNTRY_SENDER, rows[country]) for country in sorted(rows)}
    return {**senders, **service}


def _variables(service: Service) -> dict[str, t.Any]:
    """The variables of a Service's host."""
    fields = {f"twilio_{key}": value for key, value in service.items() if key != "sid" and key not in ADDRESSES}
    return {"twilio_service_sid": service["sid"], **fields}


def _exported(value: t.Any) -> t.Any:
    """A value in which no string is a template, also if a friendly name looks like one."""
    if isinstance(value, str):
        return untrusted(value) if TEMPLATE.search(value) else plain(value)
    if isinstance(value, dict):
        return {key: _exported(item) for key, item in value.items()}
    return [_exported(item) for item in value] if isinstance(value, list) else value


def host_name(service: t.Mapping[str, t.Any], prefix: str) -> str:
    """The friendly name of a Service without characters that have a meaning in patterns, templates and paths.

    It is empty if the Service has no such name.
    """
    name = service.get("friendly_name")
    readable = re.sub(r"[^\w.-]+", "_", name).strip("_.-") if isinstance(name, str) else ""
    return prefix + readable if readable else ""
