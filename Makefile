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
DOCS := .build/docs
SITE := .build/site
SOURCES = $(shell git ls-files galaxy.yml README.md COPYING meta plugins roles playbooks docs changelogs)

export PYTHONDONTWRITEBYTECODE := 1
# Ansible's own files, away from those of whoever runs this.
export ANSIBLE_HOME := $(CURDIR)/.build/ansible
export ANSIBLE_NOCOWS := 1

.PHONY: help demo test browser picture soak mistakes fault-table bench slices lint sanity integration simulator doc docs release clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(INSTALLED)/.done ## Bring 300 Services of a simulated Twilio to their alpha sender
	@PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/$(INSTALLED) $(BIN)/python tests/demo.py

test: $(VENV)/.done $(DEV) ## Run all tests (ARGS="-k restor" for some; CORE=2.16 PYTHON=python3.10)
	@PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/dev PYTHONPATH=$(CURDIR)/.build/dev:$(CURDIR)/tests \
		$(BIN)/python -m pytest $(ARGS)

browser: $(VENV)/.browser $(DEV) ## Look at the report in Debian's chromium, which is installed where it is missing
	@PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=$(CURDIR)/.build/dev:$(CURDIR)/tests $(BIN)/python -m pytest -n0 tests/browser $(ARGS)

picture: $(VENV)/.browser demo ## Make the picture of the report in the documentation anew, of what the demo shows
	@PYTHONPATH=$(CURDIR)/.build/dev:$(CURDIR)/tests $(BIN)/python tests/browser/picture.py .build/demo/rollout.html docs/docsite/rst/images/report.png

soak: $(VENV)/.done $(DEV) ## Try more schedules of faults (SCHEDULES=10000 SEED=1)
	@PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=$(CURDIR)/.build/dev:$(CURDIR)/tests \
		SCHEDULES=$(or $(SCHEDULES),10000) SEED=$(or $(SEED),$$RANDOM) \
		$(BIN)/python -m pytest -n0 -s -k test_nothing_is_lost tests/unit/plugins/module_utils/test_nothing_is_lost.py

mistakes: $(VENV)/.done ## Make known mistakes, one at a time, and see that the tests catch them
	@$(BIN)/python tests/mistakes.py

fault-table: $(VENV)/.done $(DEV) ## Write the tables of faults and of messages anew
	@PYTHONPATH=$(CURDIR)/.build/dev:$(CURDIR)/tests WRITE_TABLE=1 \
		$(BIN)/python -m pytest -n0 tests/unit/plugins/module_utils/test_fault_table.py \
		tests/unit/plugins/module_utils/test_messages.py

bench: $(VENV)/.done $(DEV) ## Measure rollouts beside a bare client (N=200 for a short run)
	@PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/dev PYTHONPATH=$(CURDIR)/tests \
		$(BIN)/python tests/bench.py $(if $(N),--services $(N))

slices: $(VENV)/.done $(DEV) ## Measure jobs that are cut in slices
	@PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/dev PYTHONPATH=$(CURDIR)/tests \
		$(BIN)/python tests/slices.py $(N)

lint: $(LINT)/.done $(DEV) ## Check form, types, documentation and changelog
	@$(LINTBIN)/ruff format --check .
	@$(LINTBIN)/ruff check .
	@cd $(dir $(DEV))../.. && MYPYPATH=$(CURDIR)/.build/dev:$(CURDIR)/tests $(CURDIR)/$(LINTBIN)/mypy \
		--config-file $(CURDIR)/pyproject.toml -p ansible_collections.messaging.twilio.plugins -p simulator
	@MYPYPATH=$(CURDIR)/.build/dev:$(CURDIR)/tests $(LINTBIN)/mypy tests/unit tests/playbooks tests/browser tests/demo.py tests/mistakes.py tests/bench.py tests/slices.py
	@PATH="$(CURDIR)/$(LINTBIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/dev ansible-lint --offline --profile production
	@$(LINTBIN)/antsibull-changelog lint
	@PATH="$(CURDIR)/$(LINTBIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/dev \
		antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self $(DEV)

sanity: $(LINT)/.done ## Run ansible-test sanity
	@PATH="$(CURDIR)/$(LINTBIN):$$PATH" tests/ansible-test.sh sanity

integration: $(VENV)/.done ## Run ansible-test integration
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/ansible-test.sh integration

simulator: $(VENV)/.done ## Serve a simulated Twilio until Ctrl-C (ARGS="--seed FILE --faults FILE")
	@$(BIN)/python tests/simulator $(ARGS)

doc: $(VENV)/.done $(DEV) ## Show the documentation of a module (NAME=alpha_sender)
	@ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/dev $(BIN)/ansible-doc -t module messaging.twilio.$(or $(NAME),alpha_sender)

docs: $(DOCS)/.done $(DEV) ## Make the documentation site, .build/site/html/index.html
	@rm -rf $(SITE) && mkdir -m 700 -p $(SITE)/rst
	@PATH="$(CURDIR)/$(DOCS)/bin:$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/dev antsibull-docs collection --use-current \
		--fail-on-error --squash-hierarchy --no-add-antsibull-docs-version --dest-dir $(SITE)/rst messaging.twilio
	@cp -r docs/docsite/rst/images $(SITE)/rst/docsite/
	@sed -i.bak -e '/^\.\. contents::/,/^$$/d' $(SITE)/rst/*.rst # the theme has them beside the page
	@$(DOCS)/bin/sphinx-build -W --keep-going -q -c docs/docsite -b html $(SITE)/rst $(SITE)/html
	@echo "$(SITE)/html/index.html"

release: $(LINT)/.done $(DEV) ## Set the version, make the changelog, commit, and build the artifact (VERSION=1.2.3)
	@[[ "$(VERSION)" =~ ^[0-9]+\.[0-9]+\.[0-9]+$$ ]] || { echo "VERSION: '$(VERSION)' is no version; 1.2.3 is one" >&2; exit 2; }
	@test -z "$$(git status --porcelain)" || { echo "There are changes that are not committed" >&2; exit 1; }
	@sed -i -E 's/^version: .*/version: $(VERSION)/' galaxy.yml
	@cd $(DEV) && PATH="$(CURDIR)/$(LINTBIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/dev antsibull-changelog release
	@git add --all && git commit --quiet --message "Release $(VERSION)"
	@$(LINTBIN)/ansible-galaxy collection build --force --output-path .build .

clean: ## Remove all that was made
	rm -rf .venv* .build .hypothesis tests/output

$(VENV)/.done: tests/requirements.txt
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --requirement tests/requirements.txt 'ansible-core~=$(CORE).0'
	@touch $@

$(VENV)/.browser: $(VENV)/.done tests/browser-requirements.txt
	@command -v chromium > /dev/null || { apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium fonts-dejavu-core; } || \
		{ echo "chromium is missing: install it, or run this as root on Debian" >&2; exit 1; }
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --requirement tests/browser-requirements.txt
	@touch $@

$(LINT)/.done: tests/lint-requirements.txt tests/requirements.txt
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
