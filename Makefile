# Each command sets up what it needs: python3 (3.10 or newer), make and terraform (1.11 or newer) are all it expects.
PYTHON ?= python3
BENCH_PYTHON ?= $(or $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python3.13)),python3.13)
BIN := .venv/bin

.PHONY: help demo up prove plan check python terraform folder test unit matrix lint docs permissions screenshot package release-notes bench lock clean
.NOTPARALLEL:

help:
	@echo 'make demo     apply envs/dev on a local AWS and watch the table follow real WebSocket clients (3 minutes, more on a busy machine)'
	@echo 'make up       the same stack, left running for you to play with until Ctrl-C'
	@echo 'make prove    test in your AWS account (AWS_PROFILE, AWS_REGION, …) what an emulator cannot show, for less than 0.10 USD;'
	@echo '              LOCAL=1 on a local AWS, CLIENTS=5 of each ending, LONG=1 for two and a half hours, YES=1 asks nothing'
	@echo 'make test     all tests: unit, module, local, tools, lifecycle, faults, browser; T=tests/module for a part'
	@echo 'make unit     the unit tests alone: what to run while you work'
	@echo 'make matrix   validate, run the module tests, apply and destroy with every available Terraform and OpenTofu (docs/versions.md)'
	@echo 'make lint     ruff, mypy, terraform fmt and validate, tflint, checkov, and whether the docs are current'
	@echo 'make docs     write what README.md and docs/ quote and generate'
	@echo 'make permissions  write the policies that plan and apply need: docs/permissions (5 minutes); CHECK=1 only compares'
	@echo 'make screenshot  take the pictures of the live page and of the dashboard: docs/images'
	@echo 'make package  rebuild dist/ from function/ (commit the result)'
	@echo 'make plan     the plan of each env against the local AWS, as Markdown, without credentials;'
	@echo '              FOLDER=… another root, BASE=commit: only what has changed since, PLATFORM=a root to apply first, which the plan looks up'
	@echo 'make check    FOLDER=…: terraform fmt, validate and tflint of a root folder, yours for example'
	@echo 'make bench    speed and cost, measured'
	@echo 'make lock     renew requirements/*.txt from requirements/*.in'
	@echo 'make clean    remove what these commands installed and cached'

demo: terraform .venv/local
	@$(BIN)/python -m tools.demo

up: terraform .venv/local
	@$(BIN)/python -m tools.up

prove: terraform .venv/local
	@$(BIN)/python -m tools.prove $(if $(CLIENTS),--clients '$(CLIENTS)') $(if $(LONG),--long='$(LONG)') $(if $(YES),--yes='$(YES)') $(if $(LOCAL),--local='$(LOCAL)')

plan: terraform .venv/local
	@$(BIN)/python -m tools.plan $(if $(FOLDER),'$(FOLDER)') $(if $(BASE),--base '$(BASE)') $(if $(PLATFORM),--platform '$(PLATFORM)') $(if $(JSON),--json '$(JSON)')

check: folder terraform .venv/local
	@$(BIN)/python -m tools.lint '$(FOLDER)'

# More processes than cores: the lifecycle tests mostly wait for Terraform.
test: terraform .venv/test .venv/browser
	$(BIN)/python -m pytest -n 5 --dist loadgroup --no-loadscope-reorder $(T)

unit: python .venv/test
	$(BIN)/python -m pytest -q -n auto tests/unit

matrix: terraform .venv/test
	@$(BIN)/python -m tools.matrix

lint: terraform .venv/lint
	@$(BIN)/python -m tools.lint

docs: .venv/lint
	$(BIN)/python -m tools.docs

permissions: terraform .venv/local
	@$(BIN)/python -m tools.permissions $(if $(CHECK),--check)

screenshot: terraform .venv/test .venv/browser .venv/pictures
	$(BIN)/python -m tests.browser.screenshot

package:
	$(PYTHON) -m tools.package

release-notes:
	@$(PYTHON) -m tools.release '$(VERSION)'

bench: .venv-bench/bench
	.venv-bench/bin/python -m bench

# A stamp per lock file: installed when the lock file is newer than the stamp.
define install
	@echo "Installing $< into $(@D) …" >&2
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $<
	@$(@D)/bin/python -m compileall -qq -j 0 $(@D)/lib || true  # on all cores; pip compiles on one
	@touch $@
endef

# What must be there is looked for before anything is installed.
python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("Python 3.10 or newer is needed: set PYTHON=/path/to/python3.x")'

terraform: python
	@$(PYTHON) -m tools.terraform version >/dev/null

folder:
	@test -n '$(FOLDER)' || { echo 'make check FOLDER=…: name a root folder of Terraform, for example envs/dev' >&2; exit 2; }

.venv/%: requirements/%.txt
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(install)

# checkov pins an older boto3 than the tests use, hence a venv of its own.
.venv-checkov/%: requirements/%.txt
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(install)

# What Lambda does is measured with Lambda's default Python, from PATH or pyenv.
.venv-bench/%: requirements/%.txt
	@test -x $(@D)/bin/python || $(BENCH_PYTHON) -m venv $(@D)
	$(install)

lock:
	@test -x .cache/uv/bin/uv || $(PYTHON) -m venv .cache/uv && .cache/uv/bin/pip install --quiet uv
	@for name in local test browser pictures lint bench checkov $(patsubst requirements/%.in,%,$(wildcard requirements/terraform-*.in)); do \
		.cache/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes \
			--no-emit-index-url --custom-compile-command 'make lock' -o requirements/$$name.txt requirements/$$name.in || exit 1; \
	done

clean:
	rm -rf .venv .venv-checkov .venv-bench .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
