# `make demo` shows the main job; `make test` passes every test. Both work from nothing on a fresh
# Debian 12 or 13: what is missing is installed when root calls them, else named.

PYTHON := /usr/bin/python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := sasl_bridge policyd bridge_common bridge_admin
QUICK_TESTS := tests/unit tests/listener
FUZZ_MINUTES := 10

DEMO_NEEDS := python3 python3-idna python3-ldap postfix dovecot-imapd dovecot-pop3d openssl
DEMO_LDAP_NEEDS := python3 python3-idna python3-ldap postfix slapd openssl
# python-ldap has no wheel: it is compiled.
TEST_NEEDS := $(DEMO_NEEDS) python3-venv libsasl2-modules gcc libc6-dev python3-dev libldap-dev \
	libsasl2-dev slapd ldap-utils samba-ad-dc samba-ad-provision python3-markdown
# In conflict with Dovecot's packages, so only unpacked.
CYRUS := cyrus-imapd cyrus-pop3d sasl2-bin
DISTRIBUTION_NEEDS := python3-pytest python3-pytest-timeout python3-hypothesis python3-trustme \
	python3-idna python3-ldap python3-uvloop

.PHONY: help demo demo-ldap test check system-test distribution-test fuzz docs format clean

help:
	@echo 'make demo               a Postfix, a Dovecot and both daemons between them, on loopback'
	@echo 'make demo-ldap          the same with an OpenLDAP directory'
	@echo 'make test               every test'
	@echo 'make check              format, lint, types, import contracts, unit tests, coverage'
	@echo 'make system-test        the tests with real Postfix, Dovecot, Cyrus imapd, OpenLDAP and Samba'
	@echo "make distribution-test  unit tests with the distribution's own Python and libraries"
	@echo 'make fuzz               what strangers may send, made up, for FUZZ_MINUTES=10'
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
	$(BIN)/coverage run -m pytest $(QUICK_TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

system-test: $(VENV)/ready $(VENV)/cyrus/ready
	$(BIN)/pytest tests/system

distribution-test:
	@tests/lab/need $(DISTRIBUTION_NEEDS)
	$(PYTHON) -m pytest -p no:cacheprovider $(QUICK_TESTS)

fuzz:
	@tests/lab/need python3 python3-idna python3-ldap
	@PYTHONPATH=.:tests $(PYTHON) -m fuzz --minutes $(FUZZ_MINUTES)

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
