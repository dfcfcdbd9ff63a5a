# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything that is made here stays in .venv and .build, which git ignores.
SHELL := /bin/bash
PYTHON ?= python3
# The release of ansible-core that the tests run with.
CORE ?= 2.19
VENV := .venv$(if $(filter-out 2.19,$(CORE)),-$(CORE))
BIN := $(VENV)/bin
LINT := .build/lint
LINTBIN := $(LINT)/bin
DEV := .build/dev/ansible_collections/messaging/twilio
INSTALLED := .build/installed
# The npm package that has Twilio's OpenAPI documents.
TWILIO_CLI := 9.0.0
CONTRACT := .build/contract
# The oldest Python of hosts.
PYTHON39 ?= python3.9
OLDEST := .build/python39
MUTATION := .build/mutation
DOCS := .build/docs
SITE := .build/site
SOURCES = $(shell git ls-files galaxy.yml README.md COPYING meta plugins roles playbooks docs changelogs)

export PYTHONDONTWRITEBYTECODE := 1
# Ansible's own files, away from those of whoever runs this.
export ANSIBLE_HOME := $(CURDIR)/.build/ansible
export ANSIBLE_NOCOWS := 1

# Python with what the tests need: the collection at the path that Ansible wants, and the simulator.
RUN = PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/dev PYTHONPATH=$(CURDIR)/.build/dev:$(CURDIR)/tests \
	PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(CURDIR)/.build/pycache $(BIN)/python
# If the coverage is asked for, the tests run once and are measured.
MEASURE := $(if $(filter coverage,$(MAKECMDGOALS)),-m coverage run)
NOX = PATH="$(CURDIR)/$(LINTBIN):$$PATH" $(LINTBIN)/nox --envdir $(LINT)/nox --default-venv-backend venv
# The sessions of antsibull-nox.toml, less that of the artifact.
CHECKS := antsibull-nox-config formatters codeqa yamllint typing docs-check license-check extra-checks ansible-lint

.PHONY: help demo unit test contract coverage browser picture soak mistakes mutation fault-table bench slices lint format sanity units units39 integration simulator docs release clean

help: ## Say what can be made
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(INSTALLED)/.done ## Show a rollout and a rollback of 300 Services of a simulated Twilio
	@PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/$(INSTALLED) $(BIN)/python tests/demo.py

unit: $(VENV)/.done $(DEV) ## Run the tests without Ansible, in some seconds (ARGS="-k restor" for some)
	@# Three at a time for two cores, because a third of the time is waiting.
	@$(RUN) -m pytest --numprocesses=3 tests/unit $(ARGS)

test: $(VENV)/.done $(DEV) ## Run all tests without a browser (ARGS="-k restor" for some; CORE=2.16 PYTHON=python3.10)
	@rm -rf .build/coverage && mkdir -p .build/coverage
	@$(RUN) $(MEASURE) -m pytest $(ARGS)

contract: $(VENV)/.contract $(CONTRACT)/.done-$(TWILIO_CLI) $(DEV) ## Compare requests and answers with Twilio's OpenAPI documents
	@$(RUN) -m pytest tests/contract $(ARGS)

test coverage: export COVERAGE_FILE := $(CURDIR)/.build/coverage/data
coverage: test ## Run all tests, and see that they reach each line and branch of the plugins
	@$(BIN)/coverage combine --quiet 2> .build/coverage/combine.log # it complains of processes that were killed
	@# All is reached. But a worker of Ansible that failed early may be ended before it has written down what it ran.
	@$(BIN)/coverage report --fail-under=99

browser: $(VENV)/.browser $(DEV) ## Look at the report in Debian's chromium, which is installed where it is missing
	@$(RUN) -m pytest -n0 tests/browser $(ARGS)

picture: $(VENV)/.browser demo ## Make the picture of the report in the documentation anew, of what the demo shows
	@$(RUN) tests/browser/picture.py $$(ls .build/demo/*-apply-*.html | head -n 1) docs/docsite/rst/images/report.png

soak: $(VENV)/.done $(DEV) ## Try more schedules of faults (SCHEDULES=10000 SEED=1)
	@SCHEDULES=$(or $(SCHEDULES),10000) SEED=$(or $(SEED),$$RANDOM) \
		$(RUN) -m pytest -n0 -s -k "test_nothing_is_lost or test_every_outcome_of_a_service_is_true" \
		tests/unit/plugins/module_utils/test_nothing_is_lost.py tests/unit/plugins/module_utils/test_service_schedules.py

mistakes: $(VENV)/.done ## Make known mistakes, one at a time, and see that the tests catch them
	@$(BIN)/python tests/mutants.py

mutation: $(MUTATION)/.done $(VENV)/.done ## Make random mutants of the engine, and count those that the tests find (ARGS="--count 20 --seed 1")
	@PYTHONPATH=$(CURDIR)/tests nice $(MUTATION)/bin/python tests/mutation.py $(CURDIR)/$(BIN)/python $(ARGS)

fault-table: $(VENV)/.done $(DEV) ## Write the tables of faults and of messages anew
	@WRITE_TABLE=1 $(RUN) -m pytest -n0 tests/unit/plugins/module_utils/test_fault_table.py \
		tests/unit/plugins/module_utils/test_service_faults.py tests/unit/plugins/module_utils/test_messages.py

bench: $(VENV)/.done $(DEV) ## Compare the speed of rollouts with a bare client (N=200 for a short run)
	@$(RUN) tests/bench.py $(if $(N),--services $(N))

slices: $(VENV)/.done $(DEV) ## Measure jobs that are cut in slices
	@$(RUN) tests/slices.py $(N)

lint: $(LINT)/.done $(DEV) ## Check form, types, documentation, licences, changelog and artifact
	@CI=true $(NOX) --session $(CHECKS)
	@$(LINTBIN)/antsibull-changelog lint
	@$(NOX) --session build-import-check > .build/importer.log 2>&1 || { cat .build/importer.log; exit 1; }
	@# The importer gives its ansible-lint a path on which no playbook of a collection is found.
	@! grep -E '(WARNING|ERROR):' .build/importer.log | grep -vE 'Failed to find messaging.twilio.(apply|audit) playbook'

format: $(LINT)/.done ## Bring the code into its form
	@$(NOX) --session formatters

sanity: ## Run ansible-test sanity (CORE=2.16 PYTHON=python3.10 for another ansible-core)
units: ## Run the unit tests with ansible-test
integration: ## Run the integration targets with ansible-test (ARGS=module_service_info for one)
sanity units integration: $(VENV)/.done
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/ansible-test.sh $@ $(ARGS)

units39: $(OLDEST)/.done $(VENV)/.done $(DEV) ## Test what runs on hosts with Python 3.9 (PYTHON39=python3.9)
	@mkdir -p $(OLDEST)/path/ansible && touch $(OLDEST)/path/ansible/__init__.py
	@# The part of ansible-core that Ansible copies to hosts.
	@ln -sfn "$$($(BIN)/python -c 'import ansible.module_utils; print(*ansible.module_utils.__path__)')" \
		$(OLDEST)/path/ansible/module_utils
	@PYTHONPATH=$(CURDIR)/$(OLDEST)/path:$(CURDIR)/.build/dev:$(CURDIR)/tests \
		$(OLDEST)/bin/python -m pytest tests/unit/plugins/module_utils $(ARGS)
	@TARGET_PYTHON=$(CURDIR)/$(OLDEST)/bin/python $(RUN) -m pytest -n0 tests/playbooks/test_python39.py

simulator: $(VENV)/.done ## Serve a simulated Twilio until Ctrl-C (ARGS="--seed FILE --faults FILE")
	@$(BIN)/python tests/simulator $(ARGS)

docs: $(DOCS)/.done $(DEV) ## Make the documentation site, .build/site/html/index.html
	@rm -rf $(SITE) && mkdir -m 700 -p $(SITE)/rst
	@PATH="$(CURDIR)/$(DOCS)/bin:$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/dev antsibull-docs collection --use-current \
		--fail-on-error --squash-hierarchy --no-add-antsibull-docs-version --dest-dir $(SITE)/rst messaging.twilio
	@cp -r docs/docsite/rst/images $(SITE)/rst/docsite/
	@sed -i.bak -e '/^\.\. contents::/,/^$$/d' $(SITE)/rst/*.rst # the theme shows them at the side of the page
	@$(DOCS)/bin/sphinx-build -W --keep-going -q -c docs/docsite -b html $(SITE)/rst $(SITE)/html
	@echo "$(SITE)/html/index.html"

release: $(LINT)/.done $(DEV) ## Set the version, make the changelog, commit, and build the artifact (VERSION=1.2.3)
	@[[ "$(VERSION)" =~ ^[0-9]+\.[0-9]+\.[0-9]+$$ ]] || { echo "VERSION: '$(VERSION)' is no version; 1.2.3 is one" >&2; exit 2; }
	@test -z "$$(git status --porcelain)" || { echo "There are changes that are not committed" >&2; exit 1; }
	@sed -i -E 's/^version: .*/version: $(VERSION)/' galaxy.yml
	@sed -i -E 's/^VERSION = .*/VERSION = "$(VERSION)"/' plugins/module_utils/_client.py
	@cd $(DEV) && PATH="$(CURDIR)/$(LINTBIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/dev antsibull-changelog release
	@cp changelogs/changelog.yaml.license CHANGELOG.rst.license
	@git add --all && git commit --quiet --message "Release $(VERSION)"
	@$(LINTBIN)/ansible-galaxy collection build --force --output-path .build .

clean: ## Remove all that was made
	rm -rf .venv* .build .hypothesis tests/output

$(VENV)/.done: tests/requirements.txt tests/unit/requirements.txt
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --requirement tests/requirements.txt 'ansible-core~=$(CORE).0'
	@touch $@

$(VENV)/.browser: $(VENV)/.done tests/browser-requirements.txt
	@command -v chromium > /dev/null || { apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium fonts-dejavu-core; } || \
		{ echo "chromium is missing: install it, or run this as root on Debian" >&2; exit 1; }
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --requirement tests/browser-requirements.txt
	@touch $@

$(OLDEST)/.done: tests/python39-requirements.txt tests/unit/requirements.txt
	@$(PYTHON39) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 9))' || \
		{ echo "PYTHON39: '$(PYTHON39)' is not Python 3.9" >&2; exit 1; }
	@echo "Setting up $(OLDEST) ..."
	@$(PYTHON39) -m venv $(OLDEST)
	@$(OLDEST)/bin/pip install --quiet --quiet --disable-pip-version-check --requirement tests/python39-requirements.txt
	@touch $@

$(VENV)/.contract: $(VENV)/.done tests/contract-requirements.txt
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --requirement tests/contract-requirements.txt
	@touch $@

$(CONTRACT)/.done-$(TWILIO_CLI):
	@command -v npm > /dev/null || \
		{ echo "npm is missing. make contract gets Twilio's OpenAPI documents with it: install Node.js" >&2; exit 1; }
	@rm -rf $(CONTRACT) && mkdir -p $(CONTRACT)
	@cd $(CONTRACT) && npm pack --silent @twilio/cli-core@$(TWILIO_CLI) > /dev/null || \
		{ echo "npm did not get the package @twilio/cli-core $(TWILIO_CLI)" >&2; exit 1; }
	@tar --extract --gzip --file $(CONTRACT)/twilio-cli-core-$(TWILIO_CLI).tgz --directory $(CONTRACT) --strip-components=4 \
		package/src/services/twilio-api/twilio_messaging_v1.json package/src/services/twilio-api/twilio_api_v2010.json
	@touch $@

$(MUTATION)/.done: tests/mutation-requirements.txt
	@echo "Setting up $(MUTATION) ..."
	@$(PYTHON) -m venv $(MUTATION)
	@$(MUTATION)/bin/pip install --quiet --quiet --disable-pip-version-check --requirement tests/mutation-requirements.txt
	@touch $@

$(LINT)/.done: tests/lint-requirements.txt
	@echo "Setting up $(LINT) ..."
	@$(PYTHON) -m venv $(LINT)
	@$(LINTBIN)/pip install --quiet --quiet --disable-pip-version-check --requirement tests/lint-requirements.txt
	@touch $@

$(DOCS)/.done: tests/docs-requirements.txt
	@echo "Setting up $(DOCS) ..."
	@$(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/pip install --quiet --quiet --disable-pip-version-check --requirement tests/docs-requirements.txt
	@touch $@

$(DEV):
	@mkdir -p $(dir $@)
	@ln -sfn $(CURDIR) $@

$(INSTALLED)/.done: $(VENV)/.done $(SOURCES)
	@echo "Building and installing the collection ..."
	@rm -rf $(INSTALLED) && mkdir -p $(INSTALLED)
	@$(BIN)/ansible-galaxy collection build --force --output-path .build . > .build/build.log
	@ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/$(INSTALLED) $(BIN)/ansible-galaxy collection install --offline --force --collections-path $(INSTALLED) .build/messaging-twilio-*.tar.gz >> .build/build.log
	@touch $@
