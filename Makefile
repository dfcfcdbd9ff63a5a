# Everything that is made here stays in .venv and .build, which git ignores.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEV := .build/dev/ansible_collections/messaging/twilio
INSTALLED := .build/installed
SOURCES = $(shell git ls-files galaxy.yml README.md COPYING meta plugins roles playbooks docs changelogs)

export PYTHONDONTWRITEBYTECODE := 1
# Ansible's own files, away from those of whoever runs this.
export ANSIBLE_HOME := $(CURDIR)/.build/ansible
export ANSIBLE_NOCOWS := 1

.PHONY: help demo test simulator doc clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(INSTALLED)/.done ## Bring 300 Services of a simulated Twilio to their alpha sender
	@PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/$(INSTALLED) $(BIN)/python tests/demo.py

test: $(VENV)/.done $(DEV) ## Run all tests
	@PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/dev PYTHONPATH=$(CURDIR)/.build/dev:$(CURDIR)/tests \
		$(BIN)/python -m pytest $(ARGS)

simulator: $(VENV)/.done ## Serve a simulated Twilio until Ctrl-C (ARGS="--seed FILE --faults FILE")
	@$(BIN)/python tests/simulator $(ARGS)

doc: $(VENV)/.done $(DEV) ## Show the documentation of a module (NAME=alpha_sender)
	@ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/dev $(BIN)/ansible-doc -t module messaging.twilio.$(or $(NAME),alpha_sender)

clean: ## Remove all that was made
	rm -rf $(VENV) .build tests/output

$(VENV)/.done: tests/requirements.txt
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --requirement tests/requirements.txt
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
