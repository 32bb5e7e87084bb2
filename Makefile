# `make demo` shows the main job; `make test` passes every test. Both work from nothing on a fresh
# Debian 12 or 13: what is missing is installed when root calls them, else named.

PYTHON := /usr/bin/python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := sasl_bridge policyd bridge_common bridge_admin
QUICK_TESTS := tests/unit tests/listener
FUZZ_MINUTES := 10
SOAK_MINUTES := 15
# Half of the time a test waits: so more processes than a small machine has processors. Those with
# little time for much work, or that compare times, are marked `alone`: nothing runs beside them.
TOGETHER := -m 'not alone' --numprocesses 3
ALONE := -m alone

DEMO_NEEDS := python3 python3-idna python3-ldap postfix dovecot-imapd dovecot-pop3d openssl
DEMO_LDAP_NEEDS := python3 python3-idna python3-ldap postfix slapd openssl
# python-ldap has no wheel: it is compiled.
TEST_NEEDS := $(DEMO_NEEDS) python3-venv libsasl2-modules gcc libc6-dev python3-dev libldap-dev \
	libsasl2-dev slapd ldap-utils samba-ad-dc samba-ad-provision python3-markdown
# In conflict with Dovecot's packages, so only unpacked.
CYRUS := cyrus-imapd cyrus-pop3d sasl2-bin
DISTRIBUTION_NEEDS := python3-pytest python3-pytest-timeout python3-pytest-xdist \
	python3-hypothesis python3-trustme python3-idna python3-ldap python3-uvloop \
	python3-prometheus-client

BENCH_NEEDS := $(TEST_NEEDS) dovecot-ldap postfwd

.PHONY: help demo demo-ldap test check system-test distribution-test fuzz soak bench profile docs \
	format clean

help:
	@echo 'make demo               a Postfix, a Dovecot and both daemons between them, on loopback'
	@echo 'make demo-ldap          the same with an OpenLDAP directory'
	@echo 'make test               every test'
	@echo 'make check              format, lint, types, import contracts, unit tests, coverage'
	@echo 'make system-test        the tests with real Postfix, Dovecot, Cyrus imapd, OpenLDAP and Samba'
	@echo "make distribution-test  unit tests with the distribution's own Python and libraries"
	@echo 'make fuzz               what strangers may send, made up, for FUZZ_MINUTES=10'
	@echo 'make soak               both daemons under load, their servers ill: for SOAK_MINUTES=15'
	@echo 'make bench              our speed beside that of others, for docs/performance.md: 15 minutes'
	@echo 'make profile            where the time goes in our own daemons, for ROW=imap'
	@echo 'make docs               write the generated documentation anew'
	@echo 'make format             format the source'

demo:
	@tests/lab/need $(DEMO_NEEDS)
	@PYTHONPATH=.:tests $(PYTHON) -m lab.demo

demo-ldap:
	@tests/lab/need $(DEMO_LDAP_NEEDS)
	@PYTHONPATH=.:tests $(PYTHON) -m lab.demo ldap

test: check system-test

check: $(VENV)/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(TOGETHER) $(QUICK_TESTS)
	$(BIN)/coverage run -m pytest $(ALONE) $(QUICK_TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

system-test: $(VENV)/ready $(VENV)/cyrus/ready
	$(BIN)/pytest $(TOGETHER) --dist loadfile tests/system
	$(BIN)/pytest $(ALONE) tests/system

distribution-test:
	@tests/lab/need $(DISTRIBUTION_NEEDS)
	$(PYTHON) -m pytest -p no:cacheprovider $(TOGETHER) $(QUICK_TESTS)
	$(PYTHON) -m pytest -p no:cacheprovider $(ALONE) $(QUICK_TESTS)

fuzz:
	@tests/lab/need python3 python3-idna python3-ldap
	@PYTHONPATH=.:tests $(PYTHON) -m fuzz --minutes $(FUZZ_MINUTES)

soak: $(VENV)/ready
	@PYTHONPATH=.:tests $(BIN)/python -m soak --minutes $(SOAK_MINUTES)

bench: $(VENV)/ready $(VENV)/cyrus/ready
	@tests/lab/need $(BENCH_NEEDS)
	@PYTHONPATH=.:tests $(BIN)/python -m bench --write

profile: $(VENV)/ready
	@PYTHONPATH=.:tests $(BIN)/python -m bench profile $(or $(ROW),imap)

docs: $(VENV)/ready
	$(BIN)/python -m bridge_admin.settings_reference > docs/settings.md

format: $(VENV)/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/ready: requirements-dev.txt
	@tests/lab/need $(TEST_NEEDS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@

$(VENV)/cyrus/ready: tests/lab/unpack | $(VENV)/ready
	@tests/lab/unpack $(VENV)/cyrus $(CYRUS)
	touch $@

clean:
	rm -rf $(VENV) .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
