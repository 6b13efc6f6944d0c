# make quickstart   pretrain, probe and fine-tune on embedded data, then open runs/quickstart/report.html
# make test         the tests
# make lint         ruff
# make lock         renew requirements.lock from pyproject.toml (after a change of dependencies)

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: quickstart test lint lock clean

quickstart: $(READY)
	$(BIN)/lit-pretrain quickstart

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadscope

lint: $(READY)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

# The lock gives every machine the same versions.
$(READY): pyproject.toml setup.py requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --progress-bar on -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $(READY)

lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --upgrade pip
	.venv-lock/bin/python -m pip install --quiet setuptools wheel '.[dev,zstd,sentencepiece]'
	.venv-lock/bin/python -m pip freeze --all --exclude lit_pretrain --exclude pip \
	  | sed -E '/^(nvidia-|cuda-|triton==)/s/$$/; sys_platform == "linux"/' > requirements.lock
	rm -rf .venv-lock

clean:
	rm -rf .venv runs
