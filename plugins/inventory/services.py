# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: services
short_description: Twilio Messaging Services as hosts
version_added: 0.1.0
description:
  - Makes every Messaging Service of an account a host of the group C(twilio_services), for the role
    P(messaging.twilio.alpha_sender#role) and the playbook C(messaging.twilio.apply).
  - The name of a host is the friendly name of its Service, where every run of characters other than letters, digits,
    C(_), C(-) and C(.) becomes C(_). Where others have the same name, or it is that of a group, the SID follows. A
    Service without a name has its SID.
  - Each host has C(twilio_service_sid), and all else that Twilio tells of the Service, prefixed with C(twilio_), such
    as C(twilio_friendly_name) and C(twilio_usecase). With O(alpha_senders=true) it has C(twilio_alpha_sender), too,
    which is null where there is none.
  - The hosts are no machines. In the group C(ansible_connection) is C(local), and tasks run with
    Ansible's own Python.
  - Where the API cannot be read, or an option is wrong, the command ends with an error and the exit status 4. It does
    not go on with an inventory that lacks the Services.
author:
  - messaging.twilio contributors (@messaging-twilio)
options:
  plugin:
    description: Says that the file is for this plugin.
    type: str
    required: true
    choices: [messaging.twilio.services]
  alpha_senders:
    description: Whether the alpha sender of each Service is read, too, which takes one request a Service.
    type: bool
    default: false
  concurrency:
    description: Of how many Services the alpha senders are read at once, 1 to 100.
    type: int
    default: 10
  filters:
    description:
      - Which Services become hosts. All, unless it says otherwise.
      - C(name) is a pattern that the friendly name matches. C(*) stands for any characters, C(?) for one, C([...]) for
        one of those in it. Upper and lower case differ.
      - C(usecase) is a use case, or a list of use cases, of which the Service has one, such as C(marketing).
    type: dict
    default: {}
extends_documentation_fragment:
  - messaging.twilio._connection.plugin
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
notes:
  - The file's name ends in C(.twilio.yml) or C(.twilio.yaml).
  - What Twilio returns is never taken for a template.
  - The cache holds what Twilio returns, and no credentials.
"""

EXAMPLES = r"""
---
# shop.twilio.yml: all Services whose name begins with Shop, in groups by use case and by whether they have a sender,
# and a wish for each by its name.
plugin: messaging.twilio.services
filters:
  name: Shop*
keyed_groups:
  - key: twilio_usecase
    prefix: usecase
# Without these two, the credentials come from the environment.
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
from ansible_collections.messaging.twilio.plugins.module_utils._client import (
    REQUESTS_IMPORT_ERROR,
    Client,
    Connection,
    make_connection,
)
from ansible_collections.messaging.twilio.plugins.module_utils._errors import ApiError, InputError, shown
from ansible_collections.messaging.twilio.plugins.module_utils._fleet import check_limits, services_with_senders
from ansible_collections.messaging.twilio.plugins.module_utils._options import connection_spec
from ansible_collections.messaging.twilio.plugins.module_utils._sender import names
from ansible_collections.messaging.twilio.plugins.module_utils._services import check_filter, read_services

# Since ansible-core 2.19 a string is a template only where it was marked as one.
if hasattr(template, "trust_as_template"):
    untrusted: t.Callable[[t.Any], t.Any] = dict  # pylint: disable=invalid-name  # it is used as a function
else:  # pragma: no cover  # coverage is measured with 2.19
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
            # An exception would be made a warning, and the run would go on without these hosts.
            self.display.error(f"{path}: {error}")
            raise SystemExit(PARSER_ERROR) from None

    def _services(self, path: str, cache: bool) -> list[Service]:
        """The Services that are to be hosts, from the cache where it has them."""
        name_glob, usecases = self._filters()
        connection = make_connection({name: self._connection_option(name) for name in connection_spec()})
        concurrency, with_senders = self.get_option("concurrency"), self.get_option("alpha_senders")
        check_limits(concurrency)
        if REQUESTS_IMPORT_ERROR is not None:
            raise InputError(f"the Python package requests is missing for {sys.executable}")

        def read() -> list[Service]:
            return _read(connection, name_glob, concurrency if with_senders else None)

        if self.get_option("cache"):
            self.load_cache_plugin()
            # Another account, or another address, has other Services.
            asked = f"{connection.username} {connection.base_url} {with_senders} {name_glob}"
            key = f"{self.get_cache_key(path)}_{hashlib.sha256(asked.encode()).hexdigest()[:12]}"
            services = self._cache.get(key) if cache else None
            if services is None:
                self._cache[key] = services = read()
        else:
            services = read()
        return [service for service in services if usecases is None or service.get("usecase") in usecases]

    def _filters(self) -> tuple[str | None, list[str] | None]:
        filters = self.get_option("filters")
        unknown = [key for key in filters if key not in ("name", "usecase")]
        if unknown:
            raise InputError(f"filters: unknown key {', '.join(map(shown, unknown))}; allowed are name, usecase")
        name, usecases = filters.get("name"), filters.get("usecase")
        if name is not None and not isinstance(name, str):
            raise InputError(f"filters, name: {shown(name)} is not a string, put it in quotes")
        check_filter(None, None, name)
        usecases = [usecases] if isinstance(usecases, str) else usecases
        if usecases is not None and not (isinstance(usecases, list) and all(isinstance(one, str) for one in usecases)):
            raise InputError(f"filters, usecase: {shown(usecases)} is neither a string nor a list of strings")
        return name, usecases

    def _connection_option(self, name: str) -> t.Any:
        value = self.get_option(name)
        if isinstance(value, str) and self.templar.is_template(value):
            try:
                value = self.templar.template(value)
            except AnsibleError as error:
                raise InputError(f"{name}: its template cannot be rendered: {error}") from None
        # Job systems set an environment variable that has no value to an empty string.
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
        """Whether no host of another source, or of another Service, has the name."""
        host = self.inventory.get_host(name)
        return host is None or host.vars.get("twilio_service_sid") == sid


def _read(connection: Connection, name_glob: str | None, concurrency: int | None) -> list[Service]:
    """The Services from the API, with their ``alpha_sender`` where ``concurrency`` is given.

    :raises InputError: if the alpha senders of one could not be read: half an inventory looks like a whole one.
    """
    client = Client(connection, concurrency=concurrency or 1)
    services = read_services(client, name_glob=name_glob)
    if concurrency is None:
        return [dict(service) for service in services]
    result = services_with_senders(client, services, concurrency=concurrency)
    for problem in result["warnings"]:
        raise InputError(problem)
    return [{"alpha_sender": names(service.pop("alpha_senders")), **service} for service in result["services"]]


def _variables(service: Service) -> dict[str, t.Any]:
    """The variables of a Service's host. A friendly name may look like a template, and is none."""
    told = {f"twilio_{key}": value for key, value in service.items() if key != "sid"}
    variables: dict[str, t.Any] = untrusted({"twilio_service_sid": service.get("sid"), **told})
    return variables


def host_name(service: t.Mapping[str, t.Any]) -> str:
    """The friendly name of a Service, less what has a meaning in patterns, templates and paths. May be empty."""
    return re.sub(r"[^\w.-]+", "_", str(service.get("friendly_name") or "")).strip("_.-")
