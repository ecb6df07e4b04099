# Halcytone Live. `make demo` shows it, `make test` tests it, `make help` lists the rest.

VENV ?= .venv
PYTHON ?= $(shell bash .ci/find-python.sh)
RUN_ARGS ?=
DEMO_ARGS ?=
TEST_ARGS ?=
ROOM ?=
BENCH_ARGS ?=
STRESS_ARGS ?=
CLUSTER_ARGS ?=
SOAK_ARGS ?=
SOUND_ARGS ?=
SCREENSHOTS_ARGS ?=
FUZZ_ARGS ?=
RELEASE_ARGS ?=
SUITE ?= trixie

python := $(VENV)/bin/python
halcytone := $(VENV)/bin/halcytone
runtime := requirements/runtime.lock requirements/build.lock
development := requirements/dev.lock

.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-quick test-of browsers check static lint types contracts bench bench-publish bench-cluster pictures check-site spam-check check-asyncapi docs release types-js vendor voice cluster proxies installation stress stress-cluster stress-registrations soak soak-wall soak-sound fuzz fuzz-api fuzz-ws screenshots lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

demo: $(VENV)/runtime.stamp ## play a whole live session of 25 people, publish it, and keep serving it
	@$(halcytone) demo --data ./var/demo $(DEMO_ARGS)

# Debian packages, installed where they are missing; what is asked for is a program.
needs_curl = @bash .ci/install-package.sh curl $@
needs_postgresql = @bash .ci/install-package.sh initdb $@ postgresql
needs_haproxy = @bash .ci/install-package.sh haproxy $@
needs_chromium = @bash .ci/install-chromium.sh

# What pytest and dozens of servers compile is kept for the next of them, even where bytecode is turned off.
test test-quick test-of browsers: export PYTHONDONTWRITEBYTECODE =
# Five workers on two cores, since many tests wait for a breath or a deadline; what measures time has the machine to itself
# (tests/alone_first.py), and tests/conftest.py says which of the others begin first.
in_parallel = -n 5 --dist loadfile --no-loadscope-reorder --durations=10
test: $(VENV)/development.stamp ## run every test, and install what they need
	$(needs_curl)
	$(needs_postgresql)
	$(needs_chromium)
	$(python) -m pytest -m "not engines" $(in_parallel) $(TEST_ARGS)

test-quick: $(VENV)/development.stamp ## run every test that needs no browser: half the time
	$(needs_curl)
	$(needs_postgresql)
	$(python) -m pytest -m "not browser and not engines" $(in_parallel) $(TEST_ARGS)

# Folders of tests are named after the packages of engine and publisher; a name without a slash is searched for.
tests_of = $(or $(wildcard tests/$(1) tests/test_$(1).py),$(wildcard tests/*/$(1)),$(error There are no tests of $(1): tests/ has no such folder))
test-of: $(VENV)/development.stamp ## run the tests of one package, or of several: ROOM=sessions, ROOM="delivery publisher/site"
	$(if $(ROOM),,$(error Say of which package: make test-of ROOM=sessions))
	$(python) -m pytest --durations=10 $(foreach package,$(patsubst engine/%,%,$(patsubst tests/%,%,$(ROOM:/=))),$(call tests_of,$(package))) $(TEST_ARGS)

# The walks with real servers, pages that find back by themselves, what tests hear of pages: it depends most on the engine.
in_firefox = tests/web/test_whole_session.py tests/web/test_finding_back.py tests/web/test_before_the_start.py \
	tests/web/test_series.py tests/web/test_weekly_class.py tests/web/test_opening.py \
	tests/publisher/site/test_in_browser.py
browsers: $(VENV)/development.stamp ## run the walks in Firefox and WebKit, and install both where they are missing
	@bash .ci/install-package.sh firefox-esr $@
	@bash .ci/install-package.sh WebKitWebDriver $@ webkit2gtk-driver
	@bash .ci/install-package.sh Xvfb $@ xvfb
	$(python) -m pytest --engine firefox -m "browser and not chromium" -n 2 --dist loadfile $(in_firefox)
	$(python) -m pytest -m engines tests/engines

setup: $(VENV)/development.stamp ## install the development environment into .venv, and nothing else

run: $(VENV)/runtime.stamp ## serve, with the data in ./var; RUN_ARGS="--port 8001", or HALCYTONE_*
	$(halcytone) serve $(RUN_ARGS)

check: static test fuzz browsers ## run lint, types, import contracts, the tests, a minute of fuzzing, and the walks in other browsers: what every change must pass

static: lint types contracts ## run lint, types and import contracts

lint: $(VENV)/development.stamp ## ruff: style and formatting
	$(python) -m ruff check .
	$(python) -m ruff format --check .

types: $(VENV)/development.stamp ## mypy --strict
	$(python) -m mypy

contracts: $(VENV)/development.stamp ## import-linter: what may import what
	$(VENV)/bin/lint-imports

bench: $(VENV)-bench/stamp ## run the benchmarks, ours and other servers': a table, and bench/results.json
	$(VENV)-bench/bin/python -m bench.run $(BENCH_ARGS)

bench-publish: $(VENV)/development.stamp ## measure publishing one session among 10,000; or BENCH_ARGS="--sessions 500"
	$(python) -m bench.publish $(BENCH_ARGS)

bench-cluster: $(VENV)/development.stamp ## measure several servers on one PostgreSQL behind HAProxy, and faults: a quarter of an hour
	$(needs_postgresql)
	$(needs_haproxy)
	$(python) -m bench.cluster $(BENCH_ARGS)

check-site: $(VENV)/development.stamp ## check a sample site with the Nu HTML validator; needs Java and npm
	$(python) -m bench.check_site

spam-check: $(VENV)/development.stamp ## check what SpamAssassin says of every mail the studio makes
	@bash .ci/install-package.sh spamassassin spam-check
	$(python) -m tests.spam

cluster: $(VENV)/development.stamp ## three servers, PostgreSQL and HAProxy: kill the one that has a live session; CLUSTER_ARGS=--exit
	$(needs_postgresql)
	$(needs_haproxy)
	@$(python) -m tests.cluster $(CLUSTER_ARGS)

proxies: $(VENV)/development.stamp ## check that Caddy, nginx and HAProxy log no secret with the files of deploy/; or PROXIES_ARGS=--show
	@bash .ci/install-package.sh caddy proxies
	@bash .ci/install-package.sh nginx proxies nginx-light
	$(needs_haproxy)
	$(python) -m tests.proxies $(PROXIES_ARGS)

installation: $(VENV)/development.stamp ## install in an empty Debian as deploy/ says, and run the compose file's services there; SUITE=bookworm; needs root
	@bash .ci/install-package.sh mmdebstrap installation
	$(python) -m tests.installation $(SUITE)

stress: $(VENV)/development.stamp ## stress test: a minute of load and faults on a real server, then a check of journal and clients
	$(python) -m tests.stress $(STRESS_ARGS)

stress-cluster: $(VENV)/development.stamp ## stress test: twenty faults of servers and databases under three servers, for each of ten seeds; or STRESS_ARGS="--seed 7"
	$(needs_postgresql)
	$(python) -m tests.stress.cluster $(if $(STRESS_ARGS),$(STRESS_ARGS),--seeds 10)

stress-registrations: $(VENV)/development.stamp ## stress test: a thousand addresses from fifty network addresses register; the mails are counted
	$(python) -m tests.stress.registrations

soak: $(VENV)/development.stamp ## soak test: an hour at 24 times life, 40 sessions, what is held and written; or SOAK_ARGS="--minutes 20"
	$(python) -m tests.soak.studio $(SOAK_ARGS)

soak-wall: $(VENV)/development.stamp ## soak test: a wall, a phone and a console through hours of a studio's day, in six minutes
	$(needs_chromium)
	$(python) -m tests.soak $(SOAK_ARGS)

soak-sound: $(VENV)/development.stamp ## the phase of the sound in a hidden page, for ten minutes; or SOUND_ARGS="--minutes 1"
	$(needs_chromium)
	$(python) -m tests.soak.sound $(SOUND_ARGS)

fuzz: $(VENV)/development.stamp ## fuzz test: a minute of generated requests, and of raw frames beside it
	@$(MAKE) -j2 fuzz-api fuzz-ws FUZZ_ARGS="--seconds 60"

fuzz-api: $(VENV)/development.stamp ## fuzz test: ten minutes of generated requests to every documented endpoint; or FUZZ_ARGS="--seconds 60"
	$(python) -m tests.fuzz.api $(FUZZ_ARGS)

fuzz-ws: $(VENV)/development.stamp ## fuzz test: ten minutes of raw frames and messages of every shape on live sockets
	$(python) -m tests.fuzz.websocket $(FUZZ_ARGS)

release: $(VENV)/development.stamp ## build wheel and sdist into dist/, twice to the same bytes, checked and tried; tags nothing
	@$(python) .ci/release.py $(RELEASE_ARGS)

pictures: $(VENV)/development.stamp ## take the pictures of the documents anew, into docs/images, and draw docs/architecture.svg
	$(needs_chromium)
	$(python) -m tests.docs.pictures
	$(python) -m tests.docs.architecture

docs: $(VENV)/development.stamp ## build the documents into var/docs, strictly
	$(python) -m mkdocs build --strict --quiet
	@echo "The documents are in var/docs: open var/docs/index.html"

# What needs npm stands apart: neither running nor building nor testing does.
.ci/npm/node_modules: .ci/npm/package-lock.json
	cd .ci/npm && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

check-asyncapi: $(VENV)/development.stamp .ci/npm/node_modules ## check the AsyncAPI document with AsyncAPI's own parser; needs npm
	$(python) -c "import json; from engine.protocol.asyncapi import document; print(json.dumps(document(version='1', server='http://127.0.0.1:8000')))" \
		| node .ci/npm/asyncapi.mjs

types-js: .ci/npm/node_modules ## make the types (.d.ts) of halcytone-client.js from its comments; needs npm
	rm -f engine/web/static/*.d.ts
	.ci/npm/node_modules/.bin/tsc --allowJs --declaration --emitDeclarationOnly --skipLibCheck --target es2022 --module es2022 \
		--lib es2022,dom,dom.iterable --outDir engine/web/static engine/web/static/halcytone-client.js

voice: $(VENV)/development.stamp ## make the spoken words of the pacer anew; needs Debian's espeak-ng
	$(python) .ci/speak-words.py

SWAGGER_UI = 5.35.0
vendor: ## fetch the renderer of the API's reference from npm again, at the version that stands here; needs npm
	bash .ci/vendor-swagger-ui.sh $(SWAGGER_UI)

screenshots: $(VENV)/development.stamp ## take pictures of every state of live pages and site, in var/screenshots; or SCREENSHOTS_ARGS="--of console"
	$(needs_chromium)
	$(python) -m tests.web.screenshots $(SCREENSHOTS_ARGS)

# One after the other: each lock is constrained to the versions of the one before.
compile = UV_SYSTEM_CERTS=1 $(python) -m uv pip compile --quiet --python-version 3.11 --universal \
	--generate-hashes --no-emit-index-url --no-header
lock: $(VENV)/development.stamp ## update requirements/*.lock: versions and hashes, no addresses
	$(compile) pyproject.toml -o requirements/runtime.lock
	$(compile) pyproject.toml --extra dev --extra cluster -c requirements/runtime.lock -o requirements/dev.lock
	$(compile) pyproject.toml --extra cluster -c requirements/runtime.lock -c requirements/dev.lock -o requirements/cluster.lock
	$(compile) pyproject.toml --extra bench -c requirements/dev.lock -o requirements/bench.lock
	$(compile) requirements/build.in -c requirements/runtime.lock -o requirements/build.lock
	$(compile) requirements/bootstrap.in -o requirements/bootstrap.lock

clean: ## remove the virtual environments, caches and builds; data in ./var stays
	rm -rf $(VENV) $(VENV)-bench bench/peers/node_modules dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

$(python):
	$(if $(PYTHON),,$(error Python 3.11 or newer is needed))
	$(PYTHON) -m venv $(VENV)

# A development environment is a runtime environment too, so it refreshes both stamps.
$(VENV)/runtime.stamp: $(runtime) requirements/bootstrap.lock pyproject.toml | $(python)
	rm -f $(VENV)/development.stamp
	@echo "Installing what Halcytone Live runs on…"
	@bash .ci/install.sh $(VENV) $(runtime)
	@touch $@

$(VENV)/development.stamp: $(development) requirements/bootstrap.lock pyproject.toml | $(python)
	@echo "Installing what Halcytone Live is developed with…"
	@bash .ci/install.sh $(VENV) $(development)
	@touch $(VENV)/runtime.stamp $@

# The other servers of the benchmark get an environment of their own, apart from the development environment.
$(VENV)-bench/stamp: requirements/bench.lock requirements/build.lock bench/peers/package-lock.json pyproject.toml
	$(if $(PYTHON),,$(error Python 3.11 or newer is needed))
	@test -x $(VENV)-bench/bin/python || $(PYTHON) -m venv $(VENV)-bench
	@echo "Installing the other servers of the benchmark…"
	@bash .ci/install.sh $(VENV)-bench requirements/bench.lock requirements/build.lock
	@if command -v npm > /dev/null; then cd bench/peers && npm ci --ignore-scripts --no-audit --no-fund --silent; \
	else echo "npm is not installed: the benchmark goes without its Node peers." >&2; fi
	@touch $@
