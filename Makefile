# From a fresh clone: `make demo`, `make test`. Needs Python 3.11 or newer and nothing else; everything goes to .venv.

PY ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
V := .venv
BIN := $(V)/bin
export UV_SYSTEM_CERTS ?= true
DEMO := $(V)/.installed-demo
DEV := $(V)/.installed-dev
SOURCES := pyproject.toml constraints.txt

# $(call install,extras): uv, checking hashes; or pip, without them, where uv cannot reach the registry.
define install
	@test -n "$(PY)" || { echo "Python 3.11 or newer with venv is needed (Debian: apt-get install python3-venv), or say PY=/path/to/python"; exit 1; }
	@test -x $(BIN)/python || { echo "making $(V) with $(PY)"; $(PY) -m venv $(V); }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install -q --disable-pip-version-check uv || true
	@echo "installing $(1)"
	@$(BIN)/uv pip install -q -p $(BIN)/python -c constraints.txt -e '.[$(1)]' || { \
		echo "uv cannot: pip then, which takes longer"; \
		sed -n 's/^\([A-Za-z0-9._-]*==[^ ;\\]*\( *;[^\\]*\)\{0,1\}\).*/\1/p' constraints.txt > $(V)/constraints-plain.txt; \
		$(BIN)/python -m pip install -q --disable-pip-version-check -c $(V)/constraints-plain.txt -e '.[$(1)]'; }
endef

.DEFAULT_GOAL := help
.PHONY: help demo up test check fix crash-drill deploy-drill money-drill

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

demo: $(DEMO) ## Call the demo agent, show the conversation, keep serving where a person sits; KEYED=fakes: through stand-ins
	@$(if $(filter fakes,$(KEYED)),$(BIN)/python -m tests.fakes.demo,$(BIN)/switchboard demo $(if $(KEYED),--keyed))

up: $(DEMO) ## Run everything on this machine: database, web, stream workers, worker, beat
	@$(BIN)/switchboard up

test: $(DEV) ## Run the whole suite; no server needed
	@$(BIN)/python -m pytest -q -n 2 -m "not flow" $(ARGS)
	@$(BIN)/python -m pytest -q -m flow $(ARGS)

crash-drill: $(DEV) ## kill -9 stream workers under CALLS callers (100), and count what they noticed
	@$(BIN)/python -m tests.drills.crash $(if $(CALLS),--calls $(CALLS)) $(ARGS)

deploy-drill: $(DEV) ## SIGTERM to each stream worker in turn under CALLS callers (40): no call may be cut
	@$(BIN)/python -m tests.drills.deploy $(if $(CALLS),--calls $(CALLS)) $(ARGS)

money-drill: $(DEV) ## Charge CALLS random calls (1000) while workers die and news is lost, repeated and late; SEED
	@$(BIN)/python -m tests.drills.money $(if $(CALLS),--calls $(CALLS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

check: $(DEV) ## Run what CI runs beside the tests: style, types, imports, templates, migrations, deployment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	git ls-files -z 'templates/*.html' | xargs -0 $(BIN)/djade --check --target-version 5.2
	$(BIN)/python manage.py makemigrations --check --dry-run
	.ci/check_deploy

fix: $(DEV) ## Put style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	git ls-files -z 'templates/*.html' | xargs -0 $(BIN)/djade --target-version 5.2

$(DEMO): $(SOURCES)
	$(call install,embedded$(,)offline)
	@touch $@

$(DEV): $(SOURCES)
	$(call install,embedded$(,)offline$(,)s3$(,)dev$(,)e2e)
	@touch $@ $(DEMO)

, := ,
