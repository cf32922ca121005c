# `make demo` and `make test` work on a fresh machine with Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto
CHECKS := check-format check-lint check-types check-imports
# `make check` runs what is not named here: a new test file belongs to it until it takes more than a second.
SLOW := $(patsubst %,tests/unit/test_%.py,address coerce dicomweb dicomweb_tls find folder_destination formats_fat \
	formats_images formats_mime formats_volumes header_pydicom implicit jobs judge_conversions layout limits \
	network_association network_message network_pdu profile_load report_imported report_json report_validation \
	rules_pdi safe_names samples secure structure text transcode transcode_pixels)
QUICK = tests/docs/test_rules_page.py $(filter-out $(SLOW),$(wildcard tests/unit/test_*.py))

.PHONY: setup demo test coverage check check-fast check-quick check-collect $(CHECKS) fmt docs site bench faults fuzz clean

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mediakit needs Python 3.11 or newer; try make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev --editable ".[codecs]"
	touch $@

setup: $(VENV)/.ready

# A worker without work takes some from another: the slowest tests do not end the run alone.
test: setup
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# By a part of the suite that is quick; `make coverage COVERED=tests` takes all of it.
COVERED ?= tests/unit tests/contracts
coverage: setup
	$(BIN)/python -m pytest -q -n $(WORKERS) --cov --cov-report=term $(COVERED)

check-format: setup
	$(BIN)/ruff format --check .

check-lint: setup
	$(BIN)/ruff check .

check-types: setup
	$(BIN)/mypy

check-imports: setup
	$(BIN)/lint-imports

check-fast: $(CHECKS)

# Every test can be imported; before `make test` on a fresh clone, or each of its workers compiles all of them.
check-collect: setup
	$(BIN)/python -m pytest --collect-only -q -n 0 --no-header --no-summary >/dev/null

check-quick: setup
	$(BIN)/python -m pytest -q -n 0 $(QUICK)

# Side by side, all of them also when one fails.
check: setup
	$(MAKE) --jobs=4 --keep-going check-quick check-fast

fmt: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) demo-out dist

demo: setup
	rm -rf demo-out
	mkdir demo-out
	$(BIN)/mediakit profiles show STD-GEN-CD
	$(BIN)/mediakit burn samples/studies --all-patients -p STD-GEN-CD -o demo-out/study.iso --report demo-out/study.json
	$(BIN)/mediakit validate demo-out/study.iso -p STD-GEN-CD --report demo-out/study.html
	$(BIN)/mediakit inspect demo-out/study.iso
	$(BIN)/python samples/demo_import.py demo-out/study.iso demo-out/pacs --verify commit --all-patients \
		--state demo-out/jobs --report demo-out/import.html
	$(BIN)/mediakit burn samples/studies --patient MKS-0001 --modality CT -o demo-out/patient.iso --viewer full --pdi
	$(BIN)/mediakit burn samples/studies --patient MKS-0001 --modality CT -o demo-out/ct.iso --viewer none
	$(BIN)/mediakit update demo-out/ct.iso --add samples/studies/mueller_joerg/20240314_XA -o demo-out/updated.iso
	$(BIN)/mediakit validate demo-out/updated.iso -p STD-GEN-CD
	printf 'four words of the demo\n' > demo-out/passphrase
	$(BIN)/mediakit burn samples/studies --patient MKS-0002 -o demo-out/stick.img --passphrase-file demo-out/passphrase
	$(BIN)/mediakit validate demo-out/stick.img --passphrase-file demo-out/passphrase
	@echo "the image is demo-out/study.iso, the manifest demo-out/study.json, the validation demo-out/study.html,"
	@echo "the import report demo-out/import.html, and what was imported is in demo-out/pacs;"
	@echo "demo-out/patient.iso has the images for any browser too (VIEWER/VIEWER.HTM), demo-out/stick.img is encrypted"

docs: setup
	$(BIN)/python docs/make_api.py
	$(BIN)/python docs/make_conformance.py
	$(BIN)/python docs/make_json.py
	$(BIN)/python docs/make_man.py
	$(BIN)/python docs/make_rules.py

# Into build/site; a dead link or a page that the navigation does not name is an error.
site: setup
	$(BIN)/python -m pip install --quiet --group docs
	$(BIN)/python -m mkdocs build --strict --quiet

bench: setup
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/network.py
	$(BIN)/python benchmarks/receiving.py
	$(BIN)/python benchmarks/memory.py build/memory

# Cut off, it goes on where it was; docs/reliability.md says what is tried.
IMPORTS ?= 1000
CHANGES ?= 200
SEED ?= 13
faults: setup
	$(BIN)/python -m tests.faults.trials --imports $(IMPORTS) --changes $(CHANGES) --seed $(SEED) --table

COUNT ?= 2000
fuzz: setup
	$(BIN)/python -m tests.fuzz.mutations --count $(COUNT) --seed $(SEED) --table
