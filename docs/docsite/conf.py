# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes the documentation site: see ``make docs``."""

# pylint: disable=invalid-name,redefined-builtin  # the names of settings are Sphinx's

from __future__ import annotations

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

project = "messaging.twilio"
copyright = "messaging.twilio contributors"  # Sphinx's own name for it

extensions = ["sphinx_antsibull_ext"]
highlight_language = "yaml+jinja"
pygments_style = "ansible"
nitpicky = True

html_theme = "furo"
html_title = "messaging.twilio"
html_copy_source = False
html_show_sphinx = False
html_use_index = False

#: What the reference pages refer to in Ansible's own documentation. Sphinx would fetch a list of all
#: there is there; the site is made without a network.
ANSIBLE = "https://docs.ansible.com/ansible/latest/"
ANSIBLE_PAGES = {
    "ansible_collections.ansible.builtin.set_stats_module": "collections/ansible/builtin/set_stats_module.html",
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}


def ansible_page(_app: Sphinx, _env: BuildEnvironment, node: pending_xref, content: nodes.Element) -> nodes.Node | None:
    """A link to Ansible's documentation for what this one does not have. ``None`` is an error of the build."""
    target = node["reftarget"]
    page = ANSIBLE_PAGES.get(target)
    if node["reftype"] == "envvar" and target.startswith("ANSIBLE_"):
        page = f"reference_appendices/config.html#envvar-{target}"
    return None if page is None else nodes.reference("", "", content, refuri=ANSIBLE + page, internal=False)


def setup(app: Sphinx) -> None:
    app.connect("missing-reference", ansible_page)
