# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: services
short_description: List Twilio Messaging Services as hosts of an inventory
version_added: 0.1.0
description:
  - Adds each Messaging Service of an account as a host to the group C(twilio_services). Use these hosts with the role
    P(messaging.twilio.alpha_sender#role) or the playbook C(messaging.twilio.apply).
  - The name of a host is the friendly name of its Service. Each run of characters other than letters, digits, C(_),
    C(-) and C(.) is replaced by C(_). If several Services have the same name, or if it is the name of a group, the SID
    is appended. A Service without a name has its SID as name.
  - Each host has the variable C(twilio_service_sid), and a variable with the prefix C(twilio_) for each other field
    that Twilio returns, such as C(twilio_friendly_name) and C(twilio_usecase). With O(alpha_senders=true), it also has
    C(twilio_alpha_sender), which is null if the Service has no alpha sender. With O(country_senders=true), it has
    C(twilio_country_senders), a dictionary of country codes and alpha senders.
  - The hosts do not stand for machines. Their group sets C(ansible_connection) to C(local), and their tasks run with
    the Python that runs Ansible.
  - If the API cannot be read or an option is wrong, the command prints an error and exits with status 4. It does not
    continue with an incomplete inventory.
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
      - Whether to read the alpha senders for single countries as well. This takes two requests for each Service, and
        includes O(alpha_senders=true).
    type: bool
    default: false
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
  - Values that Twilio returns are never evaluated as templates.
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

from ansible import template
from ansible.errors import AnsibleError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.messaging.twilio.plugins.module_utils._client import Client
from ansible_collections.messaging.twilio.plugins.module_utils._connection import Connection, make_connection
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError, quoted
from ansible_collections.messaging.twilio.plugins.module_utils._module import check_concurrency, connection_spec
from ansible_collections.messaging.twilio.plugins.module_utils._plan import country_of, join_values
from ansible_collections.messaging.twilio.plugins.module_utils._resources import ALPHA_SENDER, COUNTRY_SENDER, Row
from ansible_collections.messaging.twilio.plugins.module_utils._services import (
    check_filter,
    read_services,
    services_with_senders,
    split_valid,
)
from ansible_collections.messaging.twilio.plugins.module_utils._transport import REQUESTS_IMPORT_ERROR

# Since ansible-core 2.19, a string is a template only if it is marked as one.
if hasattr(template, "trust_as_template"):
    untrusted: t.Callable[[t.Any], t.Any] = dict  # pylint: disable=invalid-name  # It is used as a function.
else:  # pragma: no cover  # Coverage is measured with 2.19.
    from ansible.utils.unsafe_proxy import wrap_var

    untrusted = wrap_var

GROUP = "twilio_services"
#: The exit status of a command that could not parse its inventory.
PARSER_ERROR = 4

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
        except (InputError, ApiError, AnsibleError) as error:
            # Ansible would turn an exception into a warning, and continue without these hosts.
            self.display.error(f"{path}: {error}")
            raise SystemExit(PARSER_ERROR) from None

    def _services(self, path: str, cache: bool) -> list[Service]:
        """The Services that become hosts, from the cache if it has them."""
        name_glob, usecases = self._filters()
        connection = make_connection({name: self._connection_option(name) for name in connection_spec()})
        concurrency, countries = self.get_option("concurrency"), self.get_option("country_senders")
        with_senders = countries or self.get_option("alpha_senders")
        check_concurrency(concurrency)
        if REQUESTS_IMPORT_ERROR is not None:
            raise InputError(f"The Python package requests is missing for {sys.executable}")

        def read() -> list[Service]:
            return self._read(connection, name_glob, concurrency if with_senders else None, countries)

        if self.get_option("cache"):
            self.load_cache_plugin()
            # Another account or another address has other Services.
            origin = f"{connection.username} {connection.base_url} {with_senders} {countries} {name_glob}"
            key = f"{self.get_cache_key(path)}_{hashlib.sha256(origin.encode()).hexdigest()[:12]}"
            services = self._cache.get(key) if cache else None
            if services is None:
                self._cache[key] = services = read()
        else:
            services = read()
        return [service for service in services if usecases is None or service.get("usecase") in usecases]

    def _read(
        self, connection: Connection, name_glob: str | None, concurrency: int | None, countries: bool
    ) -> list[Service]:
        """The Services from the API, with their ``alpha_sender`` if ``concurrency`` is given.

        :arg countries: whether to read their ``country_senders`` too.
        :raises InputError: if an alpha sender could not be read, because the inventory would be incomplete.
        """
        client = Client(connection, concurrency=concurrency or 1)
        services, warnings = split_valid(read_services(client, name_glob=name_glob))
        for warning in warnings:
            self.display.warning(warning)
        if concurrency is None:
            return [dict(service) for service in services]
        result = services_with_senders(client, services, country_senders=countries, concurrency=concurrency)
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

    def _add(self, services: list[Service]) -> None:
        self.inventory.add_group(GROUP)
        self.inventory.set_variable(GROUP, "ansible_connection", "local")
        self.inventory.set_variable(GROUP, "ansible_python_interpreter", sys.executable)
        taken = {"all", "ungrouped", "localhost", *self.inventory.groups, *self.get_option("groups")}
        plain = [host_name(service) for service in services]
        count = Counter(plain)
        compose, groups, keyed_groups, strict = map(self.get_option, ("compose", "groups", "keyed_groups", "strict"))
        for name, service in zip(plain, services):
            sid = str(service.get("sid"))
            unique = name and count[name] == 1 and name not in taken and self._is_free(name, sid)
            host = name if unique else f"{name}_{sid}".lstrip("_")
            self.inventory.add_host(host, group=GROUP)
            variables = _variables(service)
            for key, value in variables.items():
                self.inventory.set_variable(host, key, value)
            if compose:
                self._set_composite_vars(compose, variables, host, strict)
                variables = self.inventory.get_host(host).get_vars()
            self._add_host_to_composed_groups(groups, variables, host, strict, fetch_hostvars=False)
            self._add_host_to_keyed_groups(keyed_groups, variables, host, strict, fetch_hostvars=False)

    def _is_free(self, name: str, sid: str) -> bool:
        """Whether no host of another inventory source or of another Service has the name."""
        host = self.inventory.get_host(name)
        return host is None or host.vars.get("twilio_service_sid") == sid


def _with_senders(service: Service) -> Service:
    """A Service with the values of its senders instead of their rows."""
    fields = {key: value for key, value in service.items() if key not in (ALPHA_SENDER.list_key, "country_senders")}
    senders: Service = {"alpha_sender": join_values(ALPHA_SENDER, service[ALPHA_SENDER.list_key])}
    if "country_senders" in service:
        by_country: dict[str, list[Row]] = {}
        for row in service["country_senders"]:
            country = country_of(row)
            if country is not None:
                by_country.setdefault(country, []).append(row)
        senders["country_senders"] = {
            country: join_values(COUNTRY_SENDER, rows) for country, rows in sorted(by_country.items())
        }
    return {**senders, **fields}


def _variables(service: Service) -> dict[str, t.Any]:
    """The variables of a Service's host. A friendly name that looks like a template stays a text."""
    fields = {f"twilio_{key}": value for key, value in service.items() if key != "sid"}
    variables: dict[str, t.Any] = untrusted({"twilio_service_sid": service.get("sid"), **fields})
    return variables


def host_name(service: t.Mapping[str, t.Any]) -> str:
    """The friendly name of a Service without characters that have a meaning in patterns, templates and paths.

    It may be empty.
    """
    return re.sub(r"[^\w.-]+", "_", str(service.get("friendly_name") or "")).strip("_.-")
